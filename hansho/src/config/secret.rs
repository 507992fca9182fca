//! Values that no log, page or error may show.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The largest secret read from a file, in bytes.
pub const SECRET_MAX: u64 = 64 << 10;

/// A value, or where it is kept: `env:NAME`, `file:PATH`, anything else is itself.
///
/// Printing it shows the reference, never the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Here(String),
    Env(String),
    File(PathBuf),
}

/// A secret that is not where the configuration says; it names the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretError {
    what: String,
}

impl Secret {
    fn new(text: &str) -> Secret {
        Secret(match text.split_once(':') {
            Some(("env", name)) => Kept::Env(name.to_owned()),
            Some(("file", path)) => Kept::File(PathBuf::from(path)),
            _ => Kept::Here(text.to_owned()),
        })
    }

    /// The value now; a file's last line break is not part of it.
    ///
    /// # Errors
    /// An environment variable that is not set, a file that cannot be read or is larger
    /// than 64 KiB, and text that is not UTF-8.
    pub(crate) fn reveal(&self) -> Result<String, SecretError> {
        match &self.0 {
            Kept::Here(value) => Ok(value.clone()),
            Kept::Env(name) => std::env::var(name).map_err(|cause| SecretError {
                what: format!("environment variable {name}: {cause}; set it for the service"),
            }),
            Kept::File(path) => read_file(path).map_err(|cause| SecretError {
                what: format!("secret file {}: {cause}", path.display()),
            }),
        }
    }

    /// The value when it stands in the configuration itself.
    pub(super) fn plain(&self) -> Option<&str> {
        match &self.0 {
            Kept::Here(value) => Some(value),
            Kept::Env(_) | Kept::File(_) => None,
        }
    }

    /// With a relative path resolved against a folder.
    pub(super) fn under(self, folder: &Path) -> Secret {
        match self.0 {
            Kept::File(path) => Secret(Kept::File(folder.join(path))),
            kept => Secret(kept),
        }
    }
}

fn read_file(path: &Path) -> std::io::Result<String> {
    let length = std::fs::metadata(path)?.len();
    if length > SECRET_MAX {
        return Err(std::io::Error::other(format!("{length} bytes, the limit is {SECRET_MAX}")));
    }
    let text = std::fs::read_to_string(path)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Whether a header or property of this name holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
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

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::Here(_) => f.write_str("Secret(…)"),
            Kept::Env(name) => write!(f, "Secret(env:{name})"),
            Kept::File(path) => write!(f, "Secret(file:{})", path.display()),
        }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for SecretError {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        from.deserialize_any(SecretVisitor)
    }
}

/// Takes numbers and truths as well: `"socket.timeout.ms" = 60000`.
struct SecretVisitor;

impl Visitor<'_> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, number or truth value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Secret, E> {
        Ok(Secret(Kept::Here(number.to_string())))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Secret, E> {
        Ok(Secret(Kept::Here(truth.to_string())))
    }
}
