//! `/api/v1`: incidents, silences and notifications, for people and their tools.
//!
//! Who asks is known by a bearer token of the configuration, and so is what they may do. Where
//! no token is configured, only this machine is answered, and whoever asks says who they are.

use std::fmt;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use model::severity::Severity;
use model::time::Timestamp;
use oncall::case;
use oncall::desk::{Action, NewSilence};
use oncall::matcher::Matcher;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{is_same, wall_clock};
use crate::service::on_call::asking::{Ask, AskError, Asked, Imagined};

/// The largest body, in bytes.
const BODY_MAX: usize = 64 << 10;
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long the answer of a receiver that is tried out may take: two attempts, and some.
const TRIAL_MAX: Duration = Duration::from_secs(25);

/// Who may ask, and the way to the thread that answers.
#[derive(Default)]
pub struct Asking {
    way: Mutex<Option<Sender<Asked>>>,
    tokens: Mutex<Vec<Token>>,
}

/// Someone who may ask.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Who that is: what they do is written down under this name.
    pub name: String,
    /// What they show.
    pub secret: String,
    /// What they may do.
    pub scope: Scope,
}

/// What someone may do; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Look.
    Read,
    /// Act on incidents.
    Act,
    /// Also silence, and try again or forget what was given up.
    Admin,
}

impl Asking {
    /// Answers come from there from now on.
    pub(crate) fn connect(&self, way: Sender<Asked>) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = Some(way);
    }

    /// Only these may ask from now on.
    pub(crate) fn admit(&self, tokens: Vec<Token>) {
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    #[cfg(test)]
    pub(crate) fn scope_of(&self, secret: &str) -> Option<Scope> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.iter().find(|token| token.secret == secret).map(|token| token.scope)
    }

    /// Who asks, where they may.
    fn who(&self, headers: &HeaderMap, said: Option<&str>, needed: Scope) -> Result<String, Reply> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.is_empty() {
            // A page of the browser of someone here must not act for them.
            if headers.contains_key(header::ORIGIN) {
                let why = "not from a web page: configure [[api.tokens]]";
                return Err(Reply(StatusCode::FORBIDDEN, json!({ "error": why })));
            }
            return Ok(said.unwrap_or_default().trim().to_owned());
        }
        let shown = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let shown = shown.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
        let mut known = tokens.iter().filter(|token| is_same(token.secret.as_bytes(), shown));
        match known.next() {
            Some(token) if token.scope >= needed => Ok(token.name.clone()),
            Some(token) => {
                let why = format!("{} may not do that: see scope in [[api.tokens]]", token.name);
                Err(Reply(StatusCode::FORBIDDEN, json!({ "error": why })))
            }
            None => {
                let why = "show a token of [[api.tokens]]: authorization: Bearer …";
                Err(Reply(StatusCode::UNAUTHORIZED, json!({ "error": why })))
            }
        }
    }

    async fn ask(&self, ask: Ask, by: String) -> Reply {
        let (answer, answered) = oneshot::channel();
        let answer_max = if matches!(ask, Ask::Test(..)) { TRIAL_MAX } else { ANSWER_MAX };
        let asked = Asked { ask, by, answer };
        let sent = {
            let way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
            way.as_ref().is_some_and(|way| way.send(asked).is_ok())
        };
        let unavailable =
            |why: &str| Reply(StatusCode::SERVICE_UNAVAILABLE, json!({ "error": why }));
        if !sent {
            return unavailable("the service is starting or stopping; try again");
        }
        match timeout(answer_max, answered).await {
            Ok(Ok(Ok(value))) => Reply(StatusCode::OK, value),
            Ok(Ok(Err(refused))) => Reply::from(refused),
            Ok(Err(_)) | Err(_) => unavailable("no answer in time; look whether it was done"),
        }
    }
}

/// A status and a document.
struct Reply(StatusCode, Value);

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json")];
        (self.0, json, format!("{}\n", self.1)).into_response()
    }
}

impl From<AskError> for Reply {
    fn from(error: AskError) -> Reply {
        let (status, why) = match error {
            AskError::Unknown(why) => (StatusCode::NOT_FOUND, why),
            AskError::Conflict(why) => (StatusCode::CONFLICT, why),
            AskError::Unclear(why) => (StatusCode::BAD_REQUEST, why),
        };
        Reply(status, json!({ "error": why }))
    }
}

type Shared = State<Arc<super::State>>;

/// The routes under `/api/v1`.
pub(super) fn routes(state: &Arc<super::State>) -> Router<Arc<super::State>> {
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/incidents", get(incidents))
        .route("/api/v1/incidents/{id}", get(incident))
        .route("/api/v1/incidents/{id}/{action}", post(act))
        .route("/api/v1/silences", get(silences).post(silence))
        .route("/api/v1/silences/preview", post(preview))
        .route("/api/v1/silences/{id}/expire", post(expire))
        .route("/api/v1/notifications", get(notifications))
        .route("/api/v1/notifications/test", post(test))
        .route("/api/v1/notifications/preview", post(render))
        .route("/api/v1/notifications/{number}/{action}", post(again))
        .route("/api/v1/route", post(route))
        .route("/api/v1/audit", get(audit))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(Arc::clone(state), admit))
}

/// Nothing of a request is looked at before it is known that its sender may look.
async fn admit(State(state): Shared, request: Request, next: Next) -> Response {
    match state.asking.who(request.headers(), None, Scope::Read) {
        Ok(_) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

async fn status(State(state): Shared, headers: HeaderMap) -> Reply {
    look(&state, &headers, Ask::Status).await
}

async fn audit(State(state): Shared, headers: HeaderMap) -> Reply {
    look(&state, &headers, Ask::Audit).await
}

async fn silences(State(state): Shared, headers: HeaderMap) -> Reply {
    look(&state, &headers, Ask::Silences).await
}

async fn notifications(State(state): Shared, headers: HeaderMap) -> Reply {
    look(&state, &headers, Ask::Notifications).await
}

#[derive(Deserialize)]
struct Wanted {
    state: Option<String>,
}

/// `?state=firing,acknowledged`; without it what is not closed.
async fn incidents(State(state): Shared, headers: HeaderMap, wanted: Query<Wanted>) -> Reply {
    let states = match &wanted.state {
        None => vec![case::State::Firing, case::State::Acknowledged, case::State::Resolved],
        Some(words) => {
            let states = words.split(',').map(case::State::from_name).collect();
            match states {
                Some(states) => states,
                None => return unclear("state: firing, acknowledged, resolved or closed"),
            }
        }
    };
    look(&state, &headers, Ask::Incidents(states)).await
}

async fn incident(State(state): Shared, headers: HeaderMap, Path(id): Path<String>) -> Reply {
    look(&state, &headers, Ask::Incident(id)).await
}

async fn look(state: &super::State, headers: &HeaderMap, ask: Ask) -> Reply {
    match state.asking.who(headers, None, Scope::Read) {
        Ok(by) => state.asking.ask(ask, by).await,
        Err(refused) => refused,
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Said {
    by: Option<String>,
    text: String,
}

/// `{"by": "山田", "text": "…"}`: who does it, where no token says so, and what is to be said.
async fn act(
    State(state): Shared,
    headers: HeaderMap,
    Path((id, action)): Path<(String, String)>,
    body: Bytes,
) -> Reply {
    let said: Said = match read(&body) {
        Ok(said) => said,
        Err(refused) => return refused,
    };
    let Some(action) = Action::from_name(&action, said.text) else {
        let names = "ack, assign, note, escalate, mitigate, cause, fix, resolve or close";
        return unclear(&format!("no incident can be told to `{action}`: {names}"));
    };
    change(&state, &headers, (said.by, Scope::Act), Ask::Act(id, action)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidSilence {
    by: Option<String>,
    matchers: Vec<String>,
    #[serde(default)]
    receivers: Vec<String>,
    #[serde(default)]
    reason: String,
    from: Option<String>,
    until: Option<String>,
    #[serde(default)]
    until_resolved: bool,
}

async fn silence(State(state): Shared, headers: HeaderMap, body: Bytes) -> Reply {
    let said: SaidSilence = match read(&body) {
        Ok(said) => said,
        Err(refused) => return refused,
    };
    let by = match state.asking.who(&headers, said.by.as_deref(), Scope::Admin) {
        Ok(by) if by.is_empty() => return unclear("say who it is: \"by\""),
        Ok(by) => by,
        Err(refused) => return refused,
    };
    match new_silence(said, by.clone()) {
        Ok(new) => state.asking.ask(Ask::Silence(new), by).await,
        Err(why) => unclear(&why),
    }
}

fn new_silence(said: SaidSilence, by: String) -> Result<NewSilence, String> {
    let matchers = Matcher::parse_all(said.matchers.iter().map(String::as_str));
    let instant = |text: Option<&String>, name: &str| match text {
        None => Ok(None),
        Some(text) => Timestamp::parse_rfc3339(text)
            .map(Some)
            .ok_or_else(|| format!("{name} is no RFC 3339 time: 2026-01-05T09:00:00Z")),
    };
    let from = instant(said.from.as_ref(), "from")?.unwrap_or_else(wall_clock);
    let until = instant(said.until.as_ref(), "until")?;
    Ok(NewSilence {
        matchers: matchers.map_err(|error| error.what)?,
        receivers: said.receivers,
        from,
        until: until.ok_or("say until when: \"until\"")?,
        until_resolved: said.until_resolved,
        by,
        reason: said.reason,
    })
}

async fn preview(State(state): Shared, headers: HeaderMap, body: Bytes) -> Reply {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        matchers: Vec<String>,
    }
    let shape: Shape = match read(&body) {
        Ok(shape) => shape,
        Err(refused) => return refused,
    };
    match Matcher::parse_all(shape.matchers.iter().map(String::as_str)) {
        Ok(matchers) => look(&state, &headers, Ask::Preview(matchers)).await,
        Err(error) => unclear(&error.what),
    }
}

async fn expire(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<u64>,
    body: Bytes,
) -> Reply {
    match read::<Said>(&body) {
        Ok(said) => change(&state, &headers, (said.by, Scope::Admin), Ask::Expire(id)).await,
        Err(refused) => refused,
    }
}

async fn again(
    State(state): Shared,
    headers: HeaderMap,
    Path((number, action)): Path<(u64, String)>,
    body: Bytes,
) -> Reply {
    let ask = match action.as_str() {
        "retry" => Ask::Retry(number),
        "drop" => Ask::Drop(number),
        _ => return unclear("a notification can be told to retry or to drop"),
    };
    match read::<Said>(&body) {
        Ok(said) => change(&state, &headers, (said.by, Scope::Admin), ask).await,
        Err(refused) => refused,
    }
}

/// `{"receiver": "当番", "severity": "L1", "by": "山田"}`
async fn test(State(state): Shared, headers: HeaderMap, body: Bytes) -> Reply {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        by: Option<String>,
        receiver: String,
        severity: String,
    }
    let shape: Shape = match read(&body) {
        Ok(shape) => shape,
        Err(refused) => return refused,
    };
    let Some(severity) = Severity::from_word(&shape.severity) else {
        return unclear("severity: critical, high, medium or low");
    };
    let ask = Ask::Test(shape.receiver, severity);
    change(&state, &headers, (shape.by, Scope::Admin), ask).await
}

/// `{"receiver": "当番", "incident": "2f00a1b2"}`
async fn render(State(state): Shared, headers: HeaderMap, body: Bytes) -> Reply {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        receiver: String,
        incident: String,
    }
    match read::<Shape>(&body) {
        Ok(shape) => look(&state, &headers, Ask::Render(shape.incident, shape.receiver)).await,
        Err(refused) => refused,
    }
}

async fn route(State(state): Shared, headers: HeaderMap, body: Bytes) -> Reply {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        #[serde(default)]
        alert: String,
        severity: String,
        #[serde(default)]
        labels: std::collections::BTreeMap<String, String>,
        at: Option<String>,
    }
    let shape: Shape = match read(&body) {
        Ok(shape) => shape,
        Err(refused) => return refused,
    };
    let at = shape.at.map(|text| Timestamp::parse_rfc3339(&text));
    if at.as_ref().is_some_and(Option::is_none) {
        return unclear("at: an instant such as 2026-01-31T09:00:00+09:00");
    }
    let Some(severity) = Severity::from_word(&shape.severity) else {
        return unclear("severity: critical, high, medium or low");
    };
    let labels = shape.labels.into_iter().collect();
    let imagined = Imagined { alert: shape.alert, severity, labels, at: at.flatten() };
    look(&state, &headers, Ask::Route(imagined)).await
}

/// Something is to be changed by someone, who must be known.
async fn change(
    state: &super::State,
    headers: &HeaderMap,
    (said, needed): (Option<String>, Scope),
    ask: Ask,
) -> Reply {
    match state.asking.who(headers, said.as_deref(), needed) {
        Ok(by) if by.is_empty() => unclear("say who it is: \"by\""),
        Ok(by) => state.asking.ask(ask, by).await,
        Err(refused) => refused,
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Reply> {
    let body = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| unclear(&format!("the body: {error}")))
}

fn unclear(why: &str) -> Reply {
    Reply(StatusCode::BAD_REQUEST, json!({ "error": why }))
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

impl fmt::Debug for Token {
    /// Everything but the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("name", &self.name)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
