//! Configuration that all kinds of sinks share.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::text::MessageFormatter;
use super::{ResolvedSink, SinkError};
use crate::secret::{ExternalSecret, SecretReference, SecretText, read_bounded};

/// Keys that a kind of sink adds to a `[[sinks]]` table: a structure with a field for each, read by
/// `Deserialize`, with values that validate themselves. `Debug` must show no secret.
pub trait SinkConfig: fmt::Debug + Send + Sync {
    /// Validates combinations of values.
    ///
    /// # Errors
    /// Text for people: the problem, and what to write instead.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }

    /// Returns the Kafka topic that the sink writes to.
    fn written_topic(&self) -> Option<&Spanned<String>> {
        None
    }

    /// Resolves every reference and returns the settings.
    ///
    /// # Errors
    /// [`SinkError::Unresolved`] for a secret or file that cannot be read.
    fn resolve(&self, context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError>;
}

/// Context that the sinks of a service share, and against which their references are resolved.
#[derive(Clone, Copy)]
pub struct SinkContext<'a> {
    /// Folder of the configuration file.
    pub folder: &'a Path,
    /// Kafka properties, secrets revealed.
    pub properties: &'a [(String, String)],
    /// Formatter of the texts that people read.
    pub formatter: &'a MessageFormatter,
}

/// Error of a `[[sinks]]` table, with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkConfigError {
    /// Span of bytes in the file.
    pub span: Range<usize>,
    /// Problem, and what to write instead.
    pub what: String,
}

impl SinkContext<'_> {
    /// Resolves a secret.
    ///
    /// # Errors
    /// [`SinkError::Unresolved`] where it cannot be resolved.
    pub fn reveal(&self, reference: &SecretReference) -> Result<SecretText, SinkError> {
        let value = reference.clone().under(self.folder).reveal();
        value.map(SecretText::new).map_err(SinkError::unresolved)
    }

    /// Resolves a secret that the configuration must not contain itself.
    ///
    /// # Errors
    /// [`SinkError::Unresolved`] where it cannot be resolved.
    pub fn reveal_external(&self, secret: &ExternalSecret) -> Result<SecretText, SinkError> {
        self.reveal(secret.reference())
    }

    /// Resolves a path; a relative one is below the directory of the configuration.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// Reads the small text file that the key `key` names.
    ///
    /// # Errors
    /// [`SinkError::Unresolved`] for a file that cannot be read or is too large.
    pub fn read_file(&self, key: &str, path: &Path) -> Result<String, SinkError> {
        let path = self.path(path);
        let failed = |error| SinkError::unresolved(format!("{key} {}: {error}", path.display()));
        read_bounded(&path).map_err(failed)
    }
}

impl fmt::Display for SinkConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for SinkConfigError {}
