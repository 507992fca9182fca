//! Webhook sink: the notification in one of three formats, signed if there is a secret.

pub mod format;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use model::notification::{DeliveryResult, Notification};
use model::time::{SECOND_MS, Timestamp};
use serde::Deserialize;
use sha2::Sha256;

use self::format::{WebhookFormat, render};
use super::{
    DeliveryFuture, ResolvedSink, Sink, SinkConfig, SinkContext, SinkError, SinkKind, SinkSettings,
};
use crate::secret::{ExternalSecret, SecretText};
use crate::sink::http::{HttpClient, HttpSettings, SecretHeaders, SecretUrl};

pub(super) static KIND: SinkKind = SinkKind::new::<WebhookConfig>("webhook");

/// Keys of the sink.
#[derive(Clone, Debug, Deserialize)]
struct WebhookConfig {
    url: SecretUrl,
    #[serde(default)]
    allow_private: bool,
    #[serde(default)]
    headers: SecretHeaders,
    #[serde(default)]
    format: WebhookFormat,
    #[serde(default)]
    secrets: Vec<ExternalSecret>,
}

/// Settings of the sink.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// HTTP client of the receiver.
    pub http: HttpSettings,
    /// Format of the body.
    pub format: WebhookFormat,
    /// Signing secrets; several during a rotation.
    pub secrets: Vec<SecretText>,
}

/// Webhook as a sink.
pub(super) struct WebhookSink {
    client: HttpClient,
    format: WebhookFormat,
    secrets: Vec<Vec<u8>>,
}

impl SinkConfig for WebhookConfig {
    fn resolve(&self, context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError> {
        let secrets = self
            .secrets
            .iter()
            .map(|secret| context.reveal_external(secret))
            .collect::<Result<_, _>>()?;
        let http = HttpSettings::new(self.url.reveal(context)?, self.allow_private);
        let http = HttpSettings { headers: self.headers.reveal(context)?, ..http };
        Ok(ResolvedSink::new(WebhookSettings { http, format: self.format, secrets }))
    }
}

impl SinkSettings for WebhookSettings {
    fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(WebhookSink::new(self)?))
    }
}

impl WebhookSink {
    fn new(settings: &WebhookSettings) -> Result<WebhookSink, SinkError> {
        let decoded = settings.secrets.iter().map(|secret| {
            decode_secret(secret.expose()).ok_or_else(|| {
                SinkError::refused(
                    "a signing secret is no base64 of 24 to 64 bytes; `openssl rand -base64 32` \
                     makes one",
                )
            })
        });
        Ok(WebhookSink {
            secrets: decoded.collect::<Result<_, _>>()?,
            client: settings.secrets.iter().fold(HttpClient::new(&settings.http)?, redacting),
            format: settings.format,
        })
    }

    /// Posts a notification at an instant, which is part of the signature.
    async fn post(&self, notification: &Notification, now: Timestamp) -> DeliveryResult {
        let (content_type, body) = render(self.format, notification);
        let mut headers = vec![
            ("content-type", content_type.to_owned()),
            ("webhook-id", notification.id.clone()),
        ];
        if !self.secrets.is_empty() {
            let at_s = now.0.div_euclid(SECOND_MS);
            headers.push(("webhook-timestamp", at_s.to_string()));
            let signature = signature(&self.secrets, &notification.id, at_s, &body);
            headers.push(("webhook-signature", signature));
        }
        self.client.post(&headers, body).await
    }
}

impl Sink for WebhookSink {
    fn deliver<'a>(
        &'a self,
        notification: &'a Notification,
        _receipt: Option<&'a str>,
        now: Timestamp,
    ) -> DeliveryFuture<'a> {
        Box::pin(self.post(notification, now))
    }

    fn preview(&self, notification: &Notification) -> String {
        render(self.format, notification).1
    }
}

/// Returns the header `webhook-signature` of Standard Webhooks 1.0: for each secret a version and
/// the base64 of HMAC-SHA256 over id, seconds since 1970 and body, joined by dots.
fn signature(secrets: &[Vec<u8>], id: &str, at_s: i64, body: &str) -> String {
    let of = |secret: &Vec<u8>| {
        // HMAC accepts keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(format!("{id}.{at_s}.{body}").as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    secrets.iter().filter_map(of).collect::<Vec<_>>().join(" ")
}

/// Redacts a secret in responses, in encoded and decoded form.
fn redacting(client: HttpClient, secret: &SecretText) -> HttpClient {
    let client = client.redacting(secret);
    let bytes = decode_secret(secret.expose()).and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.map_or(client.clone(), |text| client.redacting(&SecretText::new(text)))
}

/// Decodes a secret of the form `whsec_` and base64.
fn decode_secret(text: &str) -> Option<Vec<u8>> {
    let plain = text.strip_prefix("whsec_").unwrap_or(text);
    STANDARD.decode(plain).ok().filter(|bytes| (24..=64).contains(&bytes.len()))
}

impl fmt::Debug for WebhookSettings {
    /// Shows everything but secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSettings")
            .field("http", &self.http)
            .field("format", &self.format)
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
