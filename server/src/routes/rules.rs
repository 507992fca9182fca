//! `/rules`, and `/-/reload`, which reads rules and configuration again.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use crate::app_state::SharedApp;

pub(crate) async fn list(State(state): SharedApp) -> Response {
    let activity = state.telemetry.metrics.rules.report();
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    match serde_json::to_string(&activity) {
        Ok(text) => (content_type, text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Answers 400 and the reasons where something cannot run.
pub(crate) async fn reload(State(state): SharedApp) -> (StatusCode, String) {
    let Some(rules) = state.reload.clone() else {
        return (StatusCode::NOT_FOUND, "rules and configuration are read once\n".to_owned());
    };
    match spawn_blocking(move || rules.reload("api")).await {
        Ok(Ok(report)) => (StatusCode::OK, format!("{report}\n")),
        Ok(Err(why)) => (StatusCode::BAD_REQUEST, format!("{why}\n")),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}
