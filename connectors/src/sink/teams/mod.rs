//! Microsoft Teams sink over a Workflows webhook: each notification is a message with an Adaptive
//! Card.
//!
//! Texts of events are in text runs only. Teams interprets text blocks and facts as Markdown, and
//! its clients disagree on escapes; a text run is shown verbatim.

use std::fmt;

use model::message::Language;
use model::notification::{DeliveryResult, Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    DeliveryFuture, ResolvedSink, Sink, SinkConfig, SinkContext, SinkError, SinkKind, SinkSettings,
};
use crate::secret::ExternalSecret;
use crate::sink::http::{HttpClient, HttpSettings};
use crate::sink::text::{FactKind, MessageFormatter, cut, is_web_address, one_line};

pub(super) static KIND: SinkKind =
    SinkKind { spacing_ms: SPACING_MS, ..SinkKind::new::<TeamsConfig>("teams") };

/// Maximum size of a request, in bytes; Teams accepts about 28 KB.
pub const MESSAGE_BYTES_MAX: usize = 28_000;
/// Maximum length of the title, in characters.
pub const TITLE_MAX: usize = 300;
/// Maximum length of the address of a link, in characters; a longer one is shown as text.
pub const LINK_MAX: usize = 2_000;
/// Minimum time between two messages, in milliseconds.
pub const SPACING_MS: i64 = 1_000;
/// Maximum lengths of any other text, in characters: the first with which a message fits applies.
/// With the last one every message fits.
const TEXT_MAX: [usize; 3] = [2_000, 500, 120];
/// Version of Adaptive Cards: the first with text runs, which every Teams client supports.
const CARD_VERSION: &str = "1.2";

/// Keys of the sink.
#[derive(Clone, Debug, Deserialize)]
struct TeamsConfig {
    url: ExternalSecret,
    #[serde(default)]
    allow_private: bool,
}

/// Settings of the sink.
#[derive(Clone, PartialEq, Eq)]
pub struct TeamsSettings {
    /// Client of the webhook; its URL is a secret, as it authorises posts.
    pub http: HttpSettings,
    /// Formatter of the text.
    pub formatter: MessageFormatter,
}

/// Teams channel or chat as a sink.
struct TeamsSink {
    client: HttpClient,
    formatter: MessageFormatter,
}

impl SinkConfig for TeamsConfig {
    fn resolve(&self, context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError> {
        let http = HttpSettings::new(context.reveal_external(&self.url)?, self.allow_private);
        Ok(ResolvedSink::new(TeamsSettings { http, formatter: context.formatter.clone() }))
    }
}

impl SinkSettings for TeamsSettings {
    fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(TeamsSink::new(self)?))
    }
}

impl Sink for TeamsSink {
    fn deliver<'a>(
        &'a self,
        notification: &'a Notification,
        _receipt: Option<&'a str>,
        _now: Timestamp,
    ) -> DeliveryFuture<'a> {
        Box::pin(self.post(notification))
    }

    fn preview(&self, notification: &Notification) -> String {
        self.body(notification)
    }
}

impl TeamsSink {
    fn new(settings: &TeamsSettings) -> Result<TeamsSink, SinkError> {
        let client = HttpClient::new(&settings.http)?;
        Ok(TeamsSink { client, formatter: settings.formatter.clone() })
    }

    async fn post(&self, notification: &Notification) -> DeliveryResult {
        let headers = [("content-type", "application/json".to_owned())];
        self.client.post(&headers, self.body(notification)).await
    }

    /// Builds the message with texts as long as its size allows.
    fn body(&self, notification: &Notification) -> String {
        let mut body = String::new();
        for text_max in TEXT_MAX {
            body = self.message(notification, text_max).to_string();
            if body.len() <= MESSAGE_BYTES_MAX {
                break;
            }
        }
        body
    }

    fn message(&self, notification: &Notification, text_max: usize) -> Value {
        let whole_title = self.formatter.title(notification);
        let title = cut(&whole_title, TITLE_MAX.min(text_max));
        let head = json!({
            "type": "Container",
            "style": container_style(notification),
            "bleed": true,
            "items": [rich_text(vec![json!({
                "type": "TextRun", "text": title, "weight": "Bolder", "size": "Medium",
            })])],
        });
        let mut body = vec![head];
        if title != whole_title {
            let text = cut(&self.text(notification), text_max);
            body.push(rich_text(vec![json!({ "type": "TextRun", "text": text })]));
        }
        let link = notification.runbook.as_deref().filter(|it| is_link(it));
        let mut actions = Vec::new();
        for fact in self.formatter.facts(notification) {
            match link {
                Some(url) if fact.kind == FactKind::Runbook => {
                    actions
                        .push(json!({ "type": "Action.OpenUrl", "title": fact.name, "url": url }));
                }
                _ => body.push(fact_line(&fact.name, &cut(&fact.text, text_max))),
            }
        }
        for (name, text) in self.more_facts(notification) {
            body.push(fact_line(name, &cut(&text, text_max)));
        }
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": CARD_VERSION,
                    "msteams": { "width": "Full" },
                    "body": body,
                    "actions": actions,
                },
            }],
        })
    }

    /// Returns the message of the alert, in one line.
    fn text(&self, notification: &Notification) -> String {
        match notification.kind {
            NotificationKind::Digest => one_line(&self.formatter.digest_summary(notification)),
            _ => one_line(&notification.message),
        }
    }

    /// Returns the labels, and the id that identifies duplicates.
    fn more_facts(&self, notification: &Notification) -> Vec<(&'static str, String)> {
        let name = match self.formatter.language {
            Language::En => "labels",
            Language::Ja => "ラベル",
        };
        let labels = notification.labels.iter().map(|(name, value)| format!("{name}={value}"));
        let labels = one_line(&labels.collect::<Vec<_>>().join(" "));
        let facts = [(name, labels), ("ID", one_line(&notification.id))];
        facts.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }
}

/// Returns true when a runbook is an address that a button can open.
fn is_link(runbook: &str) -> bool {
    is_web_address(runbook) && runbook.chars().count() <= LINK_MAX && one_line(runbook) == runbook
}

/// Colour of the title.
fn container_style(notification: &Notification) -> &'static str {
    match (notification.kind, notification.facts.severity) {
        (NotificationKind::Resolved, _) => "good",
        (_, Severity::Critical) => "attention",
        (_, Severity::High) => "warning",
        (_, Severity::Medium) => "accent",
        (_, Severity::Low) => "emphasis",
    }
}

fn fact_line(name: &str, text: &str) -> Value {
    let name = format!("{name}: ");
    rich_text(vec![
        json!({ "type": "TextRun", "text": name, "isSubtle": true }),
        json!({ "type": "TextRun", "text": text }),
    ])
}

/// A paragraph of text runs.
fn rich_text(runs: Vec<Value>) -> Value {
    json!({ "type": "RichTextBlock", "spacing": "Small", "inlines": runs })
}

impl fmt::Debug for TeamsSettings {
    /// Shows everything but the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TeamsSettings").field("http", &self.http).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
