//! A configuration file under check, and what is said of it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use connectors::secret::{SecretReference, is_secret_name};
use toml::Spanned;

/// Why a configuration cannot be used: place, key, what is wrong and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The configuration file.
    pub path: PathBuf,
    /// The line, from 1, where one is to blame.
    pub line: Option<usize>,
    /// The key, with its table, where one is to blame.
    pub key: Option<String>,
    /// Problem, and what to write instead.
    pub what: String,
    /// The file was not read at all, so nothing is known of what it asks for.
    pub is_unread: bool,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for ConfigError {}

/// A file under check.
pub(super) struct ConfigFile<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl ConfigFile<'_> {
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.folder().join(path)
    }

    pub(super) fn refuse<T, V>(&self, at: &Spanned<V>, what: &str) -> Result<T, ConfigError> {
        Err(self.error(Some(at.span()), what.to_owned()))
    }

    /// The error of a file that is no TOML or has values of other types.
    pub(super) fn unreadable(&self, error: &toml::de::Error) -> ConfigError {
        self.error(error.span(), without_value(error.message()))
    }

    pub(super) fn error(&self, span: Option<Range<usize>>, what: String) -> ConfigError {
        let before = span.and_then(|span| self.text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        let key = line.and_then(|line| key_at(self.text, line));
        let (path, what) = (self.path.to_owned(), what.trim_end().to_owned());
        ConfigError { path, line, key, what, is_unread: false }
    }

    pub(super) fn topic_name(&self, raw: Spanned<String>) -> Result<String, ConfigError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let topic = raw.get_ref();
        if topic.is_empty() || topic.len() > 249 || !topic.bytes().all(plain) {
            let rule = "is no topic name; Kafka takes 1 to 249 of A-Z a-z 0-9 . _ -";
            return self.refuse(&raw, rule);
        }
        Ok(raw.into_inner())
    }

    /// A topic that is written must not be one that is read: its records would come back.
    pub(super) fn output_topic(
        &self,
        raw: Spanned<String>,
        inputs: &BTreeMap<String, String>,
    ) -> Result<String, ConfigError> {
        if inputs.values().any(|topic| topic == raw.get_ref()) {
            return self.refuse(&raw, "is a topic that is read; write to another one");
        }
        self.topic_name(raw)
    }

    /// Refuses a value in clear under a name that says it is secret.
    pub(super) fn kept_out_of_the_file(
        &self,
        name: &str,
        raw: Spanned<SecretReference>,
    ) -> Result<SecretReference, ConfigError> {
        if is_secret_name(name) && raw.get_ref().inline().is_some() {
            let what = format!(
                "{name} is a secret in clear; write \"env:NAME\" or \"file:PATH\" and keep it there"
            );
            return Err(self.error(Some(raw.span()), what));
        }
        Ok(raw.into_inner().under(self.folder()))
    }
}

/// What a reader of TOML says of a value of the wrong type, without the value: a secret that
/// stands where a list or a table belongs is one all the same.
pub(super) fn without_value(message: &str) -> String {
    let rest = message.strip_prefix("invalid type: string \"");
    match rest.and_then(|rest| rest.rsplit_once("\", expected ")) {
        Some((_, expected)) => format!("invalid type: a text, expected {expected}"),
        None => message.to_owned(),
    }
}

/// The key written on a line (from 1), with the table above it.
fn key_at(text: &str, line: usize) -> Option<String> {
    let written = text.lines().nth(line - 1)?;
    let (key, _) = written.split_once('=')?;
    let headers = text.lines().take(line).filter(|line| line.trim_start().starts_with('['));
    let table = headers.last().map(|header| {
        let name = header.split('#').next().unwrap_or(header);
        name.trim().trim_matches(['[', ']']).trim()
    });
    let key = key.trim();
    Some(table.map_or(key.to_owned(), |table| format!("{table}.{key}")))
}
