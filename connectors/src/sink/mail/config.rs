//! Keys of the mail sink.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserialize, Deserializer, Error};

use super::MailSettings;
use crate::secret::ExternalSecret;
use crate::sink::{DELIVERY_TIMEOUT_MS, ResolvedSink, SinkConfig, SinkContext, SinkError};

/// Maximum number of recipients of one sink.
pub const RECIPIENTS_MAX: usize = 100;

/// Encryption of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    /// STARTTLS, required.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// No encryption.
    #[serde(rename = "none")]
    Plain,
}

/// Keys of the mail sink.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct MailConfig {
    server: SmtpServer,
    #[serde(default)]
    tls: SmtpSecurity,
    ca_file: Option<PathBuf>,
    username: Option<String>,
    password: Option<ExternalSecret>,
    to: MailRecipients,
    from: String,
    #[serde(default)]
    allow_private: bool,
}

/// Host and port, `HOST:PORT`.
#[derive(Clone)]
struct SmtpServer {
    host: String,
    port: u16,
}

/// Recipients, 1 to [`RECIPIENTS_MAX`].
#[derive(Clone)]
struct MailRecipients(Vec<String>);

impl SinkConfig for MailConfig {
    fn validate(&self) -> Result<(), String> {
        if self.username.is_some() != self.password.is_some() {
            return Err("needs `username` and `password` together, or neither".to_owned());
        }
        if self.password.is_some() && self.tls == SmtpSecurity::Plain {
            return Err("would send a password in clear; leave tls out".to_owned());
        }
        Ok(())
    }

    fn resolve(&self, context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError> {
        let login = match (&self.username, &self.password) {
            (Some(username), Some(password)) => {
                Some((username.clone(), context.reveal_external(password)?))
            }
            _ => None,
        };
        let authority = self.ca_file.as_ref().map(|path| context.read_file("ca_file", path));
        Ok(ResolvedSink::new(MailSettings {
            host: self.server.host.clone(),
            port: self.server.port,
            security: self.tls,
            authority: authority.transpose()?,
            login,
            from: self.from.clone(),
            to: self.to.0.clone(),
            timeout_ms: DELIVERY_TIMEOUT_MS,
            allow_private: self.allow_private,
            formatter: context.formatter.clone(),
        }))
    }
}

impl SmtpServer {
    fn parse(text: &str) -> Option<SmtpServer> {
        let (host, port) = text.rsplit_once(':')?;
        let is_host = !host.is_empty() && !host.ends_with(':');
        let host = host.trim_matches(['[', ']']).to_owned();
        is_host.then_some(SmtpServer { host, port: port.parse().ok()? })
    }
}

impl<'de> Deserialize<'de> for SmtpServer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<SmtpServer, D::Error> {
        let refused = || Error::custom("is no HOST:PORT; write \"mail.example.com:587\"");
        SmtpServer::parse(&String::deserialize(from)?).ok_or_else(refused)
    }
}

impl<'de> Deserialize<'de> for MailRecipients {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<MailRecipients, D::Error> {
        let all = Vec::<String>::deserialize(from)?;
        if all.is_empty() || all.len() > RECIPIENTS_MAX {
            return Err(Error::custom(format!("must name 1 to {RECIPIENTS_MAX} recipients")));
        }
        Ok(MailRecipients(all))
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for MailRecipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
