//! Mail sink over SMTP: one message per notification, one thread per incident.

mod config;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use model::notification::{DeliveryResult, FailureReason, Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;

use self::config::MailConfig;
use super::{DeliveryFuture, Sink, SinkError, SinkKind, SinkSettings};
use crate::secret::SecretText;
use crate::sink::http::{LOGIN_RETRY_MS, chain, is_private};
use crate::sink::redact::Redactor;
use crate::sink::text::{
    MessageFormatter, RESOLVED_COLOR, cut, is_web_address, one_line, severity_color,
};

pub use self::config::{RECIPIENTS_MAX, SmtpSecurity};

pub(super) static KIND: SinkKind = SinkKind::new::<MailConfig>("mail");

/// Maximum length of a subject, in characters; longer ones are truncated.
pub const SUBJECT_MAX: usize = 200;
/// Maximum number of characters of a response that are shown.
const SHOWN_ANSWER_MAX: usize = 200;

/// Settings of the sink.
#[derive(Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// Name or address of the server.
    pub host: String,
    /// Port of the server.
    pub port: u16,
    /// Encryption of the connection.
    pub security: SmtpSecurity,
    /// Additional trusted certificates, in PEM.
    pub authority: Option<String>,
    /// User and password.
    pub login: Option<(String, SecretText)>,
    /// Sender, `Name <a@b>` or `a@b`.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
    /// Timeout of the whole attempt, in ms.
    pub timeout_ms: u64,
    /// True when loopback, private and link-local addresses are allowed.
    pub allow_private: bool,
    /// Formatter of the text.
    pub formatter: MessageFormatter,
}

/// Mail to a list of recipients.
pub(super) struct MailSink {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<Credentials>,
    from: Mailbox,
    to: Vec<Mailbox>,
    timeout: Duration,
    allow_private: bool,
    formatter: MessageFormatter,
    /// Redactor of every response that is shown.
    redactor: Redactor,
}

/// Failure of an attempt.
enum SmtpFailure {
    /// Error of the server or the connection.
    Smtp(lettre::transport::smtp::Error),
    /// The name has no allowed address.
    Address(String),
    /// Timeout.
    Timeout,
}

impl SinkSettings for MailSettings {
    fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(MailSink::new(self)?))
    }
}

impl MailSink {
    fn new(settings: &MailSettings) -> Result<MailSink, SinkError> {
        let mailbox = |what: &str, text: &String| {
            text.parse::<Mailbox>()
                .map_err(|error| SinkError::refused(format!("`{what}` {text:?}: {error}")))
        };
        if settings.to.is_empty() || settings.to.len() > RECIPIENTS_MAX {
            return Err(SinkError::refused(format!("`to` names 1 to {RECIPIENTS_MAX} recipients")));
        }
        if settings.login.is_some() && settings.security == SmtpSecurity::Plain {
            return Err(SinkError::refused(
                "a password is not sent in clear: leave tls = \"none\" out".to_owned(),
            ));
        }
        let is_pem = |pem: &String| pem.contains("-----BEGIN CERTIFICATE-----");
        if settings.authority.as_ref().is_some_and(|pem| !is_pem(pem)) {
            return Err(SinkError::refused("`ca_file` holds no certificate in PEM".to_owned()));
        }
        let to: Vec<Mailbox> =
            settings.to.iter().map(|text| mailbox("to", text)).collect::<Result<_, _>>()?;
        let login = settings.login.as_ref();
        let mut redactor = Redactor::default();
        login.into_iter().for_each(|(_, password)| redactor.add_secret(password.expose()));
        Ok(MailSink {
            host: settings.host.clone(),
            port: settings.port,
            tls: tls(settings).map_err(|error| SinkError::refused(error.to_string()))?,
            login: login.map(|(user, password)| {
                Credentials::new(user.clone(), password.expose().to_owned())
            }),
            from: mailbox("from", &settings.from)?,
            to,
            timeout: Duration::from_millis(settings.timeout_ms),
            allow_private: settings.allow_private,
            formatter: settings.formatter.clone(),
            redactor,
        })
    }

    /// Sends a notification at an instant, which becomes the date of the mail.
    async fn deliver_at(&self, of: &Notification, now: Timestamp) -> DeliveryResult {
        let message = match self.message(of, now) {
            Ok(message) => message,
            Err(why) => return DeliveryResult::Reject { reason: FailureReason::Template, why },
        };
        let sent = tokio::time::timeout(self.timeout, self.send(&message.formatted())).await;
        match sent.unwrap_or(Err(SmtpFailure::Timeout)) {
            Ok(()) => DeliveryResult::Sent { receipt: None },
            Err(failure) => self.classify(&failure),
        }
    }

    /// Sends to all recipients at once; if some are rejected permanently, to each of the others. It
    /// counts as sent when one accepted it: a retry does not help an unknown recipient.
    async fn send(&self, bytes: &[u8]) -> Result<(), SmtpFailure> {
        let transport = self.transport().await?;
        let everyone: Vec<Address> = self.to.iter().map(|to| to.email.clone()).collect();
        let all = self.send_to(&transport, everyone.clone(), bytes).await;
        match all {
            Err(SmtpFailure::Smtp(error)) if error.is_permanent() && everyone.len() > 1 => {
                let mut best = Err(SmtpFailure::Smtp(error));
                for one in everyone {
                    let sent = self.send_to(&transport, vec![one], bytes).await;
                    best = if sent.is_ok() { sent } else { best };
                }
                best
            }
            all => all,
        }
    }

    async fn send_to(
        &self,
        transport: &AsyncSmtpTransport<Tokio1Executor>,
        to: Vec<Address>,
        bytes: &[u8],
    ) -> Result<(), SmtpFailure> {
        let envelope = Envelope::new(Some(self.from.email.clone()), to)
            .map_err(|error| SmtpFailure::Address(error.to_string()))?;
        transport.send_raw(&envelope, bytes).await.map(drop).map_err(SmtpFailure::Smtp)
    }

    /// Connects to an allowed address. The check is here, where the connection gets its address, so
    /// that a name cannot be resolved differently between check and use.
    async fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, SmtpFailure> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|error| SmtpFailure::Address(error.to_string()))?;
        let allowed = |address: &SocketAddr| self.allow_private || !is_private(address.ip());
        let address: IpAddr =
            found.into_iter().find(allowed).map(|it| it.ip()).ok_or_else(|| {
                let why = "its host is a loopback, private or link-local address; \
                       allow_private = true permits it";
                SmtpFailure::Address(why.to_owned())
            })?;
        let mut transport =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.to_string())
                .port(self.port)
                .tls(self.tls.clone())
                .hello_name(ClientId::Domain(self.from.email.domain().to_owned()))
                .timeout(Some(self.timeout));
        if let Some(login) = &self.login {
            transport = transport.credentials(login.clone());
        }
        Ok(transport.build())
    }

    fn classify(&self, failure: &SmtpFailure) -> DeliveryResult {
        let place = format!("{}:{}", self.host, self.port);
        let (reason, why) = match failure {
            SmtpFailure::Timeout => (FailureReason::Timeout, "no answer in time".to_owned()),
            SmtpFailure::Address(why) => (FailureReason::Network, why.clone()),
            SmtpFailure::Smtp(error) => (reason_of(error), chain(error)),
        };
        let why =
            format!("{place}: {}", cut(&one_line(&self.redactor.redact(&why)), SHOWN_ANSWER_MAX));
        let is_for_good = matches!(failure, SmtpFailure::Smtp(error) if error.is_permanent());
        match reason {
            FailureReason::Auth => {
                DeliveryResult::Retry { reason, why, after_ms: Some(LOGIN_RETRY_MS) }
            }
            _ if is_for_good => DeliveryResult::Reject { reason, why },
            _ => DeliveryResult::Retry { reason, why, after_ms: None },
        }
    }

    fn message(&self, of: &Notification, now: Timestamp) -> Result<Message, String> {
        let domain = self.from.email.domain();
        let thread = format!("<{}@{domain}>", of.incident);
        let date = SystemTime::UNIX_EPOCH + Duration::from_millis(now.0.max(0).unsigned_abs());
        let (priority, importance) = urgency(of.facts.severity);
        let mut message = Message::builder()
            .from(self.from.clone())
            .date(date)
            .message_id(Some(format!("<{}@{domain}>", plain_id(&of.id))))
            .references(thread.clone())
            .in_reply_to(thread)
            .subject(cut(&self.formatter.title(of), SUBJECT_MAX));
        for to in &self.to {
            message = message.to(to.clone());
        }
        let parts = MultiPart::alternative_plain_html(self.text(of), self.html(of));
        let mut message = message.multipart(parts).map_err(|error| error.to_string())?;
        let more = [
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Alert-Incident", of.incident.to_string()),
            ("X-Alert-Severity", of.facts.severity.name().to_owned()),
            ("X-Priority", priority.to_owned()),
            ("Importance", importance.to_owned()),
        ];
        for (name, value) in more {
            let header = HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
            message.headers_mut().insert_raw(header);
        }
        Ok(message)
    }

    fn text(&self, of: &Notification) -> String {
        let mut text = format!("{}\n\n", self.formatter.title(of));
        for fact in self.formatter.facts(of) {
            text += &format!("{}: {}\n", fact.name, fact.text);
        }
        text
    }

    fn html(&self, of: &Notification) -> String {
        let color = match of.kind {
            NotificationKind::Resolved => RESOLVED_COLOR,
            _ => severity_color(of.facts.severity),
        };
        let rows: String = self
            .formatter
            .facts(of)
            .iter()
            .map(|fact| {
                let (name, fact) = (escaped(&fact.name), linked(&fact.text));
                format!("<tr><th align=\"left\" valign=\"top\">{name}</th><td>{fact}</td></tr>")
            })
            .collect();
        let title = escaped(&self.formatter.title(of));
        format!(
            "<!doctype html><html><body><p style=\"border-left:6px solid {color};\
             padding-left:8px\"><b>{title}</b></p><table cellpadding=\"4\">{rows}</table>\
             </body></html>"
        )
    }
}

impl Sink for MailSink {
    fn deliver<'a>(
        &'a self,
        notification: &'a Notification,
        _receipt: Option<&'a str>,
        now: Timestamp,
    ) -> DeliveryFuture<'a> {
        Box::pin(self.deliver_at(notification, now))
    }

    fn preview(&self, notification: &Notification) -> String {
        let message = self.message(notification, notification.facts.at).map(|it| it.formatted());
        message.map_or_else(|why| why, |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// `X-Priority` and `Importance`.
const fn urgency(of: Severity) -> (&'static str, &'static str) {
    match of {
        Severity::Critical => ("1", "high"),
        Severity::High => ("2", "high"),
        Severity::Medium => ("3", "normal"),
        Severity::Low => ("5", "low"),
    }
}

/// Returns the part before the `@` of a message id.
fn plain_id(id: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    id.chars().map(|c| if is_plain(c) { c } else { '.' }).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Escapes a text for HTML; a text that is a web address becomes a link.
fn linked(text: &str) -> String {
    let shown = escaped(text);
    if is_web_address(text) { format!("<a href=\"{shown}\">{shown}</a>") } else { shown }
}

fn tls(settings: &MailSettings) -> Result<Tls, lettre::transport::smtp::Error> {
    if settings.security == SmtpSecurity::Plain {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.authority {
        parameters = parameters.add_root_certificate(Certificate::from_pem(pem.as_bytes())?);
    }
    let parameters = parameters.build_rustls()?;
    Ok(match settings.security {
        SmtpSecurity::Tls => Tls::Wrapper(parameters),
        SmtpSecurity::StartTls | SmtpSecurity::Plain => Tls::Required(parameters),
    })
}

fn reason_of(error: &lettre::transport::smtp::Error) -> FailureReason {
    let code = error.status().map(u16::from);
    match code {
        Some(530 | 534 | 535 | 538) => FailureReason::Auth,
        Some(552 | 523) => FailureReason::TooLarge,
        Some(421 | 450 | 451 | 452) => FailureReason::Server,
        Some(500..) => FailureReason::Client,
        Some(_) => FailureReason::Server,
        None if error.is_timeout() => FailureReason::Timeout,
        None => FailureReason::Network,
    }
}

impl fmt::Debug for MailSettings {
    /// Shows everything but the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .field("user", &self.login.as_ref().map(|(user, _)| user))
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
