//! Secrets: values that no log, page or error may show, and references to them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Maximum size of a secret file, in bytes.
pub const SECRET_MAX: u64 = 64 << 10;

/// Text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

/// Value or reference: `env:NAME`, `file:PATH`; any other text is the value.
///
/// `Debug` shows the reference, never the value.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretReference(SecretSource);

/// Reference to a secret whose value must not be in the configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalSecret(SecretReference);

#[derive(Clone, PartialEq, Eq)]
enum SecretSource {
    Inline(String),
    Environment(String),
    File(PathBuf),
}

/// Error of a secret that cannot be resolved; names the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretError {
    what: String,
}

impl SecretText {
    /// Wraps a text, so that it is not printed.
    pub fn new(text: impl Into<String>) -> SecretText {
        SecretText(text.into())
    }

    /// Returns the text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl SecretReference {
    fn new(text: &str) -> SecretReference {
        SecretReference(match text.split_once(':') {
            Some(("env", name)) => SecretSource::Environment(name.to_owned()),
            Some(("file", path)) => SecretSource::File(PathBuf::from(path)),
            _ => SecretSource::Inline(text.to_owned()),
        })
    }

    /// Resolves the current value; the last line break of a file is removed.
    ///
    /// # Errors
    /// An environment variable that is not set, a file that cannot be read or is larger
    /// than [`SECRET_MAX`], and text that is not UTF-8.
    pub fn reveal(&self) -> Result<String, SecretError> {
        match &self.0 {
            SecretSource::Inline(value) => Ok(value.clone()),
            SecretSource::Environment(name) => std::env::var(name).map_err(|cause| SecretError {
                what: format!("environment variable {name}: {cause}; set it for the service"),
            }),
            SecretSource::File(path) => read_secret(path).map_err(|cause| SecretError {
                what: format!("secret file {}: {cause}", path.display()),
            }),
        }
    }

    /// Returns the value if the configuration contains it.
    pub fn inline(&self) -> Option<&str> {
        match &self.0 {
            SecretSource::Inline(value) => Some(value),
            SecretSource::Environment(_) | SecretSource::File(_) => None,
        }
    }

    /// Resolves a relative path against a directory.
    pub fn under(self, folder: &Path) -> SecretReference {
        match self.0 {
            SecretSource::File(path) => SecretReference(SecretSource::File(folder.join(path))),
            source => SecretReference(source),
        }
    }
}

impl ExternalSecret {
    /// Returns the reference.
    pub fn reference(&self) -> &SecretReference {
        &self.0
    }
}

fn read_secret(path: &Path) -> io::Result<String> {
    let text = read_bounded(path)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Reads a file of at most [`SECRET_MAX`] bytes.
pub(crate) fn read_bounded(path: &Path) -> io::Result<String> {
    let length = std::fs::metadata(path)?.len();
    if length > SECRET_MAX {
        return Err(io::Error::other(format!("{length} bytes, the limit is {SECRET_MAX}")));
    }
    std::fs::read_to_string(path)
}

/// Returns true when a header or property of this name contains a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = [
        "authorization",
        "cookie",
        "password",
        "secret",
        "token",
        "api-key",
        "apikey",
        "routing_key",
    ];
    words.iter().any(|word| name.contains(word)) || name == "ssl.key.pem"
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl fmt::Debug for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            SecretSource::Inline(_) => f.write_str("Secret(…)"),
            SecretSource::Environment(name) => write!(f, "Secret(env:{name})"),
            SecretSource::File(path) => write!(f, "Secret(file:{})", path.display()),
        }
    }
}

impl fmt::Debug for ExternalSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for SecretError {}

impl<'de> Deserialize<'de> for SecretReference {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<SecretReference, D::Error> {
        from.deserialize_any(SecretVisitor)
    }
}

impl<'de> Deserialize<'de> for ExternalSecret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ExternalSecret, D::Error> {
        let reference = SecretReference::deserialize(from)?;
        match reference.inline() {
            None => Ok(ExternalSecret(reference)),
            Some(_) => Err(Error::custom(
                "is a secret in clear; write \"env:NAME\" or \"file:PATH\" and keep it there",
            )),
        }
    }
}

/// Visitor that also accepts numbers and booleans: `"socket.timeout.ms" = 60000`.
struct SecretVisitor;

impl Visitor<'_> for SecretVisitor {
    type Value = SecretReference;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, number or truth value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretReference, E> {
        Ok(SecretReference::new(text))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<SecretReference, E> {
        Ok(SecretReference(SecretSource::Inline(number.to_string())))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<SecretReference, E> {
        Ok(SecretReference(SecretSource::Inline(truth.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_revealed_where_it_is_kept_and_printed_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hunter2\r\n").unwrap();
        let kept = SecretReference::new("file:token").under(folder.path());
        assert_eq!(kept.reveal().unwrap(), "hunter2");
        assert_eq!((kept.inline(), SecretReference::new("a:b").inline()), (None, Some("a:b")));
        let unset = SecretReference::new("env:HANSHO_TEST_UNSET").reveal().unwrap_err().to_string();
        assert!(unset.starts_with("environment variable HANSHO_TEST_UNSET"), "{unset}");
        let long = vec![b'x'; usize::try_from(SECRET_MAX).unwrap() + 1];
        std::fs::write(folder.path().join("long"), long).unwrap();
        for name in ["nowhere", "long"] {
            let kept = SecretReference::new(&format!("file:{name}")).under(folder.path());
            assert!(kept.reveal().unwrap_err().to_string().contains(name), "{kept:?}");
        }
        let inline = SecretReference::new("hunter2");
        let shown = format!("{inline:?} {:?} {kept:?}", SecretText::new("hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
