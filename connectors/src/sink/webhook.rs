//! A webhook: the notification in one of three forms, signed where there is a secret.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use model::notification::{DeliveryResult, Notification};
use model::time::{SECOND_MS, Timestamp};
use sha2::Sha256;

use crate::sink::format::{Format, written};
use crate::sink::http::{HttpClient, HttpSettings};
use crate::sink::{Secret, SinkError};

/// How a webhook is called.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where and how to post.
    pub http: HttpSettings,
    /// What is posted.
    pub format: Format,
    /// What it is signed with; several while one takes the place of another.
    pub secrets: Vec<Secret>,
}

/// A receiver of notifications.
pub(super) struct Webhook {
    client: HttpClient,
    format: Format,
    secrets: Vec<Vec<u8>>,
}

impl Webhook {
    pub(super) fn new(settings: &WebhookSettings) -> Result<Webhook, SinkError> {
        let decoded = settings.secrets.iter().map(|secret| {
            decode_secret(secret.expose()).ok_or_else(|| SinkError::Webhook {
                why: "a signing secret is no base64 of 24 to 64 bytes; `openssl rand -base64 32` \
                      makes one"
                    .to_owned(),
            })
        });
        Ok(Webhook {
            secrets: decoded.collect::<Result<_, _>>()?,
            client: settings.secrets.iter().fold(HttpClient::new(&settings.http)?, hiding),
            format: settings.format,
        })
    }

    /// The body of a request.
    pub(super) fn preview(&self, notification: &Notification) -> String {
        written(self.format, notification).1
    }

    /// Posts a notification at an instant, which the signature holds.
    pub(super) async fn deliver(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> DeliveryResult {
        let (content_type, body) = written(self.format, notification);
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

/// The header `webhook-signature` of Standard Webhooks 1.0: of each secret a version and the
/// base64 of HMAC-SHA256 over id, seconds since 1970 and body, joined by dots.
fn signature(secrets: &[Vec<u8>], id: &str, at_s: i64, body: &str) -> String {
    let of = |secret: &Vec<u8>| {
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(format!("{id}.{at_s}.{body}").as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    secrets.iter().filter_map(of).collect::<Vec<_>>().join(" ")
}

/// With a secret struck out of what the receiver says, as it is handed out and decoded.
fn hiding(client: HttpClient, secret: &Secret) -> HttpClient {
    let client = client.hiding(secret);
    let bytes = decode_secret(secret.expose()).and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.map_or(client.clone(), |text| client.hiding(&Secret::new(text)))
}

/// The bytes of a secret as it is handed out: `whsec_` and base64.
fn decode_secret(text: &str) -> Option<Vec<u8>> {
    let plain = text.strip_prefix("whsec_").unwrap_or(text);
    STANDARD.decode(plain).ok().filter(|bytes| (24..=64).contains(&bytes.len()))
}

impl fmt::Debug for WebhookSettings {
    /// Everything but secrets.
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
