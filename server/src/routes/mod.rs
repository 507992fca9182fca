//! Routes: from a request to a query to the node, and from its answer to a response.

pub mod health;
pub mod incidents;
pub mod ingest;
pub mod notifications;
pub mod rules;
pub mod silences;

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use model::time::Timestamp;
use runtime::notify::requests::{OnCallAnswer, OnCallError, OnCallQuery};
use serde::{Deserialize, Serialize};

use crate::auth::ApiScope;
use crate::openapi;
use crate::serve::AppState;
use crate::types::answers::ErrorAnswer;

/// State that every route can reach.
pub(crate) type SharedApp = State<Arc<AppState>>;

/// Routes of the API, each with its path.
pub(crate) fn api() -> Vec<(&'static str, MethodRouter<Arc<AppState>>)> {
    vec![
        ("/api/v1/status", get(status)),
        ("/api/v1/incidents", get(incidents::list)),
        ("/api/v1/incidents/{id}", get(incidents::show)),
        ("/api/v1/incidents/{id}/{action}", post(incidents::act)),
        ("/api/v1/silences", get(silences::list).post(silences::create)),
        ("/api/v1/silences/preview", post(silences::preview)),
        ("/api/v1/silences/{id}/expire", post(silences::expire)),
        ("/api/v1/notifications", get(notifications::list)),
        ("/api/v1/notifications/test", post(notifications::test)),
        ("/api/v1/notifications/preview", post(notifications::render)),
        ("/api/v1/notifications/{number}/{action}", post(notifications::change)),
        ("/api/v1/route", post(incidents::route)),
        ("/api/v1/audit", get(audit)),
        (openapi::PATH, get(openapi::document)),
    ]
}

async fn status(State(state): SharedApp, headers: HeaderMap) -> ApiReply {
    read(&state, &headers, OnCallQuery::Status).await
}

async fn audit(State(state): SharedApp, headers: HeaderMap) -> ApiReply {
    read(&state, &headers, OnCallQuery::Audit).await
}

/// Reply of the API: a document of on-call, or an error.
#[derive(Debug)]
pub(crate) enum ApiReply {
    /// Answer of on-call.
    Answer(Box<OnCallAnswer>),
    /// Status and reason.
    Error(StatusCode, ErrorAnswer),
}

impl ApiReply {
    /// Reply with a reason.
    pub(crate) fn error(status: StatusCode, why: impl Into<String>) -> ApiReply {
        ApiReply::Error(status, ErrorAnswer { error: why.into() })
    }

    /// Reply to a request that makes no sense as it is written.
    pub(crate) fn invalid(why: impl Into<String>) -> ApiReply {
        ApiReply::error(StatusCode::BAD_REQUEST, why)
    }

    /// Status of the response.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            ApiReply::Answer(_) => StatusCode::OK,
            ApiReply::Error(status, _) => *status,
        }
    }
}

impl IntoResponse for ApiReply {
    fn into_response(self) -> Response {
        let status = self.status();
        match self {
            ApiReply::Answer(answer) => json(status, &answer),
            ApiReply::Error(_, error) => json(status, &error),
        }
    }
}

impl From<OnCallError> for ApiReply {
    fn from(error: OnCallError) -> ApiReply {
        match error {
            OnCallError::NotFound(why) => ApiReply::error(StatusCode::NOT_FOUND, why),
            OnCallError::Conflict(why) => ApiReply::error(StatusCode::CONFLICT, why),
            OnCallError::Invalid(why) => ApiReply::error(StatusCode::BAD_REQUEST, why),
        }
    }
}

/// Response with one line of JSON.
fn json(status: StatusCode, document: &impl Serialize) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    match serde_json::to_string(document) {
        Ok(text) => (status, content_type, format!("{text}\n")).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Sends a query that changes nothing.
pub(crate) async fn read(state: &AppState, headers: &HeaderMap, query: OnCallQuery) -> ApiReply {
    match state.tokens.authorize(headers, None, ApiScope::Read) {
        Ok(by) => state.on_call.send(query, by).await,
        Err(refused) => refused,
    }
}

/// Name of the person who changes something: a change without a name is refused.
pub(crate) fn author(
    state: &AppState,
    headers: &HeaderMap,
    stated: Option<&str>,
    needed: ApiScope,
) -> Result<String, ApiReply> {
    let by = state.tokens.authorize(headers, stated, needed)?;
    if by.is_empty() {
        return Err(ApiReply::invalid("say who it is: \"by\""));
    }
    Ok(by)
}

/// Reads a body; an empty one counts as `{}`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiReply> {
    let body = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| ApiReply::invalid(format!("the body: {error}")))
}

/// Clock of this machine.
pub(crate) fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
