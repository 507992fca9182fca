//! `/livez`, `/readyz` and `/metrics`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::request::wall_clock;
use crate::app_state::SharedApp;

/// Format of `/metrics`, which Prometheus reads as it does its own.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) async fn livez(State(state): SharedApp) -> (StatusCode, String) {
    verdict(state.telemetry.health.live(wall_clock()))
}

pub(crate) async fn readyz(State(state): SharedApp) -> (StatusCode, String) {
    verdict(state.telemetry.health.ready(wall_clock()))
}

pub(crate) async fn metrics(State(state): SharedApp) -> impl IntoResponse {
    let text = state.telemetry.metrics.render();
    let status = match &text {
        Some(_) => StatusCode::OK,
        None => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, [(header::CONTENT_TYPE, OPEN_METRICS)], text.unwrap_or_default())
}

fn verdict(checked: Result<(), String>) -> (StatusCode, String) {
    match checked {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}
