//! Slack: by an incoming webhook, or by its Web API with one message an incident that always
//! shows how it stands.

use std::fmt;

use model::notification::{DeliveryResult, FailureReason, Notification, NotificationKind};
use model::time::MINUTE_MS;
use serde_json::{Map, Value, json};

use crate::sink::http::{Answer, HttpClient, HttpSettings};
use crate::sink::mail::{RESOLVED_COLOR, color};
use crate::sink::words::{Fact, Reader, What, cut};
use crate::sink::{Secret, SinkError};

/// The Web API, unless the settings say otherwise.
pub const API_URL: &str = "https://slack.com/api";
/// The least time between two messages to a channel, in milliseconds.
pub const SPACING_MS: i64 = 1_000;
/// Characters of the line that stands above all.
pub const TITLE_MAX: usize = 300;
/// Characters of a section, as Slack limits them.
pub const SECTION_MAX: usize = 3_000;
/// Characters of a field, as Slack limits them.
pub const FIELD_MAX: usize = 2_000;
/// Fields of a section, as Slack limits them.
pub const FIELDS_MAX: usize = 10;
/// What a refused login waits: a configuration is not mended within seconds.
const LOGIN_RETRY_MS: i64 = 5 * MINUTE_MS;

/// How Slack is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct SlackSettings {
    /// By which of its doors.
    pub door: Door,
    /// Who reads it.
    pub reader: Reader,
}

/// The doors of Slack.
#[derive(Clone, PartialEq, Eq)]
pub enum Door {
    /// An incoming webhook: each notification is a message of its own.
    Webhook(HttpSettings),
    /// The Web API: one message an incident, kept up to date.
    Api {
        /// Where the API is.
        http: HttpSettings,
        /// Of a bot.
        token: Secret,
        /// The channel's id.
        channel: String,
    },
}

/// A channel of Slack.
pub(super) struct Slack {
    door: Opened,
    reader: Reader,
}

enum Opened {
    Webhook(Box<HttpClient>),
    Api(Box<Api>),
}

/// The Web API and the channel that is told.
struct Api {
    post: HttpClient,
    update: HttpClient,
    token: Secret,
    channel: String,
}

/// What Slack says of a request that it understood.
enum Said {
    /// It is done; the channel and time by which it knows the message.
    Done { channel: String, ts: String },
    /// The message that was to be changed cannot be.
    NoMessage,
    /// Anything else.
    Failed(DeliveryResult),
}

impl Slack {
    pub(super) fn new(settings: &SlackSettings) -> Result<Slack, SinkError> {
        let door = match &settings.door {
            Door::Webhook(http) => Opened::Webhook(Box::new(HttpClient::new(http)?)),
            Door::Api { http, token, channel } => Opened::Api(Box::new(Api {
                post: HttpClient::below(http, "/chat.postMessage")?.hiding(token),
                update: HttpClient::below(http, "/chat.update")?.hiding(token),
                token: token.clone(),
                channel: channel.clone(),
            })),
        };
        Ok(Slack { door, reader: settings.reader.clone() })
    }

    /// Posts a notification, or brings the incident's message up to date where `receipt` says
    /// which that is; what must not be overlooked is also said in its thread.
    pub(super) async fn deliver(&self, of: &Notification, receipt: Option<&str>) -> DeliveryResult {
        let message = self.message(of);
        let api = match &self.door {
            Opened::Webhook(client) => return call(client, message).await,
            Opened::Api(api) => api,
        };
        let Some((channel, ts)) = receipt.and_then(|receipt| receipt.split_once(':')) else {
            return api.post(message, &api.channel).await;
        };
        let place = [("channel", channel), ("ts", ts)];
        match api.call(&api.update, with(message.clone(), &place)).await {
            Said::Done { .. } => {}
            Said::NoMessage => return api.post(message, &api.channel).await,
            Said::Failed(result) => return result,
        }
        let told = match self.reply(of) {
            Some(reply) => api.post(with(reply, &[("thread_ts", ts)]), channel).await,
            None => DeliveryResult::Sent { receipt: None },
        };
        match told {
            // The first message stays the one to be kept up to date.
            DeliveryResult::Sent { .. } => {
                DeliveryResult::Sent { receipt: receipt.map(str::to_owned) }
            }
            failed => failed,
        }
    }

    /// What an attempt would send.
    pub(super) fn preview(&self, of: &Notification) -> String {
        Value::Object(self.message(of)).to_string()
    }

    /// What is said in the thread as well: to the whole channel what calls for somebody.
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
        let title = cut(&escaped(&self.reader.title(of)), TITLE_MAX);
        let mut reply = Map::new();
        reply.insert("text".to_owned(), title.into());
        reply.insert("reply_broadcast".to_owned(), is_for_all.into());
        Some(reply)
    }

    fn message(&self, of: &Notification) -> Map<String, Value> {
        let title = cut(&escaped(&self.reader.title(of)), TITLE_MAX);
        let color = match of.kind {
            NotificationKind::Resolved => RESOLVED_COLOR,
            _ => color(of.facts.severity),
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
            NotificationKind::Digest => self.reader.summed(of),
            _ => of.message.clone(),
        };
        let (aside, facts): (Vec<Fact>, Vec<Fact>) = self
            .reader
            .facts(of)
            .into_iter()
            .partition(|fact| matches!(fact.what, What::Runbook | What::Rule | What::Incident));
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

impl Api {
    async fn post(&self, message: Map<String, Value>, channel: &str) -> DeliveryResult {
        match self.call(&self.post, with(message, &[("channel", channel)])).await {
            Said::Done { channel, ts } => {
                DeliveryResult::Sent { receipt: Some(format!("{channel}:{ts}")) }
            }
            Said::NoMessage => DeliveryResult::Reject {
                reason: FailureReason::Client,
                why: format!("{} knows no such message", self.post.place()),
            },
            Said::Failed(result) => result,
        }
    }

    async fn call(&self, client: &HttpClient, message: Map<String, Value>) -> Said {
        let headers = [
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("authorization", format!("Bearer {}", self.token.expose())),
        ];
        let answer = match client.ask(&headers, Value::Object(message).to_string()).await {
            Ok(answer) if answer.status.is_success() => answer,
            Ok(answer) => return Said::Failed(client.judge(&answer)),
            Err(failed) => return Said::Failed(failed),
        };
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        if said.get("ok") == Some(&Value::Bool(true)) {
            return Said::Done { channel: text("channel").to_owned(), ts: text("ts").to_owned() };
        }
        judge(text("error"), &answer, client)
    }
}

/// Posts a message to an incoming webhook.
async fn call(client: &HttpClient, message: Map<String, Value>) -> DeliveryResult {
    let headers = [("content-type", "application/json".to_owned())];
    match client.ask(&headers, Value::Object(message).to_string()).await {
        Ok(answer) if is_gone(&answer) => {
            let why = format!("{} answered: {}", client.place(), client.shown(&answer.body));
            DeliveryResult::Reject { reason: FailureReason::Gone, why }
        }
        Ok(answer) => client.judge(&answer),
        Err(failed) => failed,
    }
}

/// Slack's three characters: nothing that is said can mention or link.
fn escaped(text: &str) -> String {
    let plain = |c: char| c.is_control() && c != '\n';
    let text: String = text.chars().map(|c| if plain(c) { ' ' } else { c }).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Escaped; an address of the web as a whole can be followed.
fn linked(text: &str) -> String {
    let is_address = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
    match is_address && !text.contains(['|', '<', '>', ' ']) {
        true => format!("<{}>", escaped(text)),
        false => escaped(text),
    }
}

fn markdown(text: &str, most: usize) -> Value {
    json!({ "type": "mrkdwn", "text": cut(text, most), "verbatim": true })
}

fn with(mut message: Map<String, Value>, more: &[(&str, &str)]) -> Map<String, Value> {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
    message.extend(more);
    message
}

/// Whether an incoming webhook will never be one again.
fn is_gone(answer: &Answer) -> bool {
    let gone = ["no_service", "no_team", "channel_is_archived", "channel_not_found"];
    !answer.status.is_success() && gone.iter().any(|it| answer.body.starts_with(it.as_bytes()))
}

/// What an error of the Web API means.
fn judge(error: &str, answer: &Answer, client: &HttpClient) -> Said {
    let why = format!("{} answered: {}", client.place(), client.shown(error.as_bytes()));
    let retry = |reason, after_ms| {
        let why = why.clone();
        Said::Failed(DeliveryResult::Retry { reason, why, after_ms })
    };
    let reject = |reason| Said::Failed(DeliveryResult::Reject { reason, why: why.clone() });
    match error {
        "message_not_found" | "edit_window_closed" | "cant_update_message" => Said::NoMessage,
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
        // No JSON, or none of Slack's: something stands between.
        "" => retry(FailureReason::Server, None),
        _ => reject(FailureReason::Client),
    }
}

impl fmt::Debug for SlackSettings {
    /// Everything but the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SlackSettings");
        match &self.door {
            Door::Webhook(http) => shown.field("webhook", http),
            Door::Api { http, channel, .. } => shown.field("api", http).field("channel", channel),
        };
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
