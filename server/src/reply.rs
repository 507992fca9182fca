//! Reply of the API: one line of JSON, or an error with its reason.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use runtime::notify::requests::{OnCallAnswer, OnCallError};
use serde::Serialize;

use crate::types::answers::ErrorAnswer;

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
