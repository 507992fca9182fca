//! Slack sink: over an incoming webhook, or over the Web API with one message per incident that
//! always shows its state.

mod config;

use std::fmt;

use model::notification::{DeliveryResult, FailureReason, Notification, NotificationKind};
use model::time::Timestamp;
use serde_json::{Map, Value, json};

use self::config::SlackConfig;
use super::{DeliveryFuture, Sink, SinkError, SinkKind, SinkSettings};
use crate::secret::SecretText;
use crate::sink::http::{HttpAnswer, HttpClient, HttpSettings, LOGIN_RETRY_MS};
use crate::sink::text::{
    FactKind, IncidentFact, MessageFormatter, RESOLVED_COLOR, cut, is_web_address, severity_color,
};

pub(super) static KIND: SinkKind =
    SinkKind { spacing_ms: SPACING_MS, ..SinkKind::new::<SlackConfig>("slack") };

/// Default address of the Web API.
pub const API_URL: &str = "https://slack.com/api";
/// Minimum time between two messages to a channel, in milliseconds.
pub const SPACING_MS: i64 = 1_000;
/// Maximum length of the title, in characters.
pub const TITLE_MAX: usize = 300;
/// Maximum length of a section, in characters, as limited by Slack.
pub const SECTION_MAX: usize = 3_000;
/// Maximum length of a field, in characters, as limited by Slack.
pub const FIELD_MAX: usize = 2_000;
/// Maximum number of fields in a section, as limited by Slack.
pub const FIELDS_MAX: usize = 10;

/// Settings of the sink.
#[derive(Clone, PartialEq, Eq)]
pub struct SlackSettings {
    /// The endpoint of Slack.
    pub endpoint: SlackEndpoint,
    /// Formatter of the text.
    pub formatter: MessageFormatter,
}

/// Endpoints of Slack.
#[derive(Clone, PartialEq, Eq)]
pub enum SlackEndpoint {
    /// Incoming webhook: one message per notification.
    Webhook(HttpSettings),
    /// Web API: one message per incident, updated in place.
    Api {
        /// Client of the API.
        http: HttpSettings,
        /// Bot token.
        token: SecretText,
        /// Id of the channel.
        channel: String,
    },
}

/// Slack channel as a sink.
pub(super) struct SlackSink {
    client: SlackClient,
    formatter: MessageFormatter,
}

enum SlackClient {
    Webhook(Box<HttpClient>),
    Api(Box<SlackApi>),
}

/// The Web API and one channel.
struct SlackApi {
    post: HttpClient,
    update: HttpClient,
    token: SecretText,
    channel: String,
}

/// Reply of the Web API.
enum SlackReply {
    /// Success, with the channel and time that identify the message.
    Done { channel: String, ts: String },
    /// The message cannot be updated.
    NoMessage,
    /// Any other failure.
    Failed(DeliveryResult),
}

impl SinkSettings for SlackSettings {
    fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(SlackSink::new(self)?))
    }
}

impl SlackSink {
    fn new(settings: &SlackSettings) -> Result<SlackSink, SinkError> {
        let client = match &settings.endpoint {
            SlackEndpoint::Webhook(http) => SlackClient::Webhook(Box::new(HttpClient::new(http)?)),
            SlackEndpoint::Api { http, token, channel } => SlackClient::Api(Box::new(SlackApi {
                post: HttpClient::below(http, "/chat.postMessage")?.redacting(token),
                update: HttpClient::below(http, "/chat.update")?.redacting(token),
                token: token.clone(),
                channel: channel.clone(),
            })),
        };
        Ok(SlackSink { client, formatter: settings.formatter.clone() })
    }

    /// Posts a notification, or updates the message of the incident where `receipt` names one
    /// and replies in its thread.
    async fn post(&self, of: &Notification, receipt: Option<&str>) -> DeliveryResult {
        let message = self.message(of);
        let api = match &self.client {
            SlackClient::Webhook(client) => return call(client, message).await,
            SlackClient::Api(api) => api,
        };
        let Some((channel, ts)) = receipt.and_then(|receipt| receipt.split_once(':')) else {
            return api.post(message, &api.channel).await;
        };
        let place = [("channel", channel), ("ts", ts)];
        match api.call(&api.update, with(message.clone(), &place)).await {
            SlackReply::Done { .. } => {}
            SlackReply::NoMessage => return api.post(message, &api.channel).await,
            SlackReply::Failed(result) => return result,
        }
        let replied = match self.reply(of) {
            Some(reply) => api.post(with(reply, &[("thread_ts", ts)]), channel).await,
            None => DeliveryResult::Sent { receipt: None },
        };
        match replied {
            // The first message stays the one that is updated.
            DeliveryResult::Sent { .. } => {
                DeliveryResult::Sent { receipt: receipt.map(str::to_owned) }
            }
            failed => failed,
        }
    }

    /// Posts a reply in the thread, broadcast to the channel where a person must act.
    fn reply(&self, of: &Notification) -> Option<Map<String, Value>> {
        let is_for_all = match of.kind {
            NotificationKind::Changed | NotificationKind::Escalated => true,
            NotificationKind::Resolved
            | NotificationKind::Reminder
            | NotificationKind::Again
            | NotificationKind::Firing
            | NotificationKind::Digest => false,
            NotificationKind::Acknowledged => return None,
        };
        let title = cut(&escaped(&self.formatter.title(of)), TITLE_MAX);
        let mut reply = Map::new();
        reply.insert("text".to_owned(), title.into());
        reply.insert("reply_broadcast".to_owned(), is_for_all.into());
        Some(reply)
    }

    fn message(&self, of: &Notification) -> Map<String, Value> {
        let title = cut(&escaped(&self.formatter.title(of)), TITLE_MAX);
        let color = match of.kind {
            NotificationKind::Resolved => RESOLVED_COLOR,
            _ => severity_color(of.facts.severity),
        };
        let attachment = json!({ "color": color, "fallback": title, "blocks": self.blocks(of) });
        let message = json!({
            "text": title,
            "attachments": [attachment],
            "unfurl_links": false,
            "unfurl_media": false,
            "link_names": false,
        });
        match message {
            Value::Object(message) => message,
            _ => Map::new(),
        }
    }

    fn blocks(&self, of: &Notification) -> Vec<Value> {
        let text = match of.kind {
            NotificationKind::Digest => self.formatter.digest_summary(of),
            _ => of.message.clone(),
        };
        let (aside, facts): (Vec<IncidentFact>, Vec<IncidentFact>) =
            self.formatter.facts(of).into_iter().partition(|fact| {
                matches!(fact.kind, FactKind::Runbook | FactKind::Rule | FactKind::Incident)
            });
        let fields: Vec<Value> = facts
            .iter()
            .take(FIELDS_MAX)
            .map(|fact| markdown(&format!("*{}*\n{}", fact.name, escaped(&fact.text)), FIELD_MAX))
            .collect();
        let aside: Vec<Value> = aside
            .iter()
            .map(|fact| markdown(&format!("{}: {}", fact.name, linked(&fact.text)), FIELD_MAX))
            .collect();
        let mut blocks = Vec::new();
        if !text.trim().is_empty() {
            let text = markdown(&escaped(&text), SECTION_MAX);
            blocks.push(json!({ "type": "section", "text": text }));
        }
        blocks.push(json!({ "type": "section", "fields": fields }));
        blocks.push(json!({ "type": "context", "elements": aside }));
        blocks
    }
}

impl Sink for SlackSink {
    fn deliver<'a>(
        &'a self,
        notification: &'a Notification,
        receipt: Option<&'a str>,
        _now: Timestamp,
    ) -> DeliveryFuture<'a> {
        Box::pin(self.post(notification, receipt))
    }

    fn preview(&self, notification: &Notification) -> String {
        Value::Object(self.message(notification)).to_string()
    }
}

impl SlackApi {
    async fn post(&self, message: Map<String, Value>, channel: &str) -> DeliveryResult {
        match self.call(&self.post, with(message, &[("channel", channel)])).await {
            SlackReply::Done { channel, ts } => {
                DeliveryResult::Sent { receipt: Some(format!("{channel}:{ts}")) }
            }
            SlackReply::NoMessage => DeliveryResult::Reject {
                reason: FailureReason::Client,
                why: format!("{} knows no such message", self.post.place()),
            },
            SlackReply::Failed(result) => result,
        }
    }

    async fn call(&self, client: &HttpClient, message: Map<String, Value>) -> SlackReply {
        let headers = [
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("authorization", format!("Bearer {}", self.token.expose())),
        ];
        let answer = match client.send(&headers, Value::Object(message).to_string()).await {
            Ok(answer) if answer.status.is_success() => answer,
            Ok(answer) => return SlackReply::Failed(client.classify(&answer)),
            Err(failed) => return SlackReply::Failed(failed),
        };
        let reply: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |name: &str| reply.get(name).and_then(Value::as_str).unwrap_or_default();
        if reply.get("ok") == Some(&Value::Bool(true)) {
            return SlackReply::Done {
                channel: text("channel").to_owned(),
                ts: text("ts").to_owned(),
            };
        }
        classify(text("error"), &answer, client)
    }
}

/// Posts a message to an incoming webhook.
async fn call(client: &HttpClient, message: Map<String, Value>) -> DeliveryResult {
    let headers = [("content-type", "application/json".to_owned())];
    match client.send(&headers, Value::Object(message).to_string()).await {
        Ok(answer) if is_gone(&answer) => {
            let why = format!("{} answered: {}", client.place(), client.shown(&answer.body));
            DeliveryResult::Reject { reason: FailureReason::Gone, why }
        }
        Ok(answer) => client.classify(&answer),
        Err(failed) => failed,
    }
}

/// Escapes Slack's three special characters, so that the text cannot mention or link.
fn escaped(text: &str) -> String {
    let plain = |c: char| c.is_control() && c != '\n';
    let text: String = text.chars().map(|c| if plain(c) { ' ' } else { c }).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Escapes a text; a text that is a web address becomes a link.
fn linked(text: &str) -> String {
    let is_link = is_web_address(text) && !text.contains(['|', '<', '>']);
    if is_link { format!("<{}>", escaped(text)) } else { escaped(text) }
}

fn markdown(text: &str, most: usize) -> Value {
    json!({ "type": "mrkdwn", "text": cut(text, most), "verbatim": true })
}

fn with(mut message: Map<String, Value>, more: &[(&str, &str)]) -> Map<String, Value> {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
    message.extend(more);
    message
}

/// Returns true when an incoming webhook was removed permanently.
fn is_gone(answer: &HttpAnswer) -> bool {
    let gone = ["no_service", "no_team", "channel_is_archived", "channel_not_found"];
    !answer.status.is_success() && gone.iter().any(|it| answer.body.starts_with(it.as_bytes()))
}

/// Classifies an error of the Web API.
fn classify(error: &str, answer: &HttpAnswer, client: &HttpClient) -> SlackReply {
    let why = format!("{} answered: {}", client.place(), client.shown(error.as_bytes()));
    let retry = |reason, after_ms| {
        let why = why.clone();
        SlackReply::Failed(DeliveryResult::Retry { reason, why, after_ms })
    };
    let reject = |reason| SlackReply::Failed(DeliveryResult::Reject { reason, why: why.clone() });
    match error {
        "message_not_found" | "edit_window_closed" | "cant_update_message" => SlackReply::NoMessage,
        "ratelimited" | "rate_limited" => retry(FailureReason::RateLimited, answer.after_ms),
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired"
        | "missing_scope" | "no_permission" => retry(FailureReason::Auth, Some(LOGIN_RETRY_MS)),
        "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org" => retry(FailureReason::Server, None),
        "msg_too_long" | "msg_blocks_too_long" | "too_many_attachments" => {
            reject(FailureReason::TooLarge)
        }
        "is_archived" => reject(FailureReason::Gone),
        // No JSON, or not from Slack: a proxy answered.
        "" => retry(FailureReason::Server, None),
        _ => reject(FailureReason::Client),
    }
}

impl fmt::Debug for SlackSettings {
    /// Shows everything but the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SlackSettings");
        match &self.endpoint {
            SlackEndpoint::Webhook(http) => shown.field("webhook", http),
            SlackEndpoint::Api { http, channel, .. } => {
                shown.field("api", http).field("channel", channel)
            }
        };
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
