//! `/api/v1/status` and `/api/v1/audit`.

use axum::extract::State;
use axum::http::HeaderMap;
use runtime::notify::requests::OnCallQuery;

use super::request::read;
use crate::app_state::SharedApp;
use crate::reply::ApiReply;

pub(crate) async fn status(State(state): SharedApp, headers: HeaderMap) -> ApiReply {
    read(&state, &headers, OnCallQuery::Status).await
}

pub(crate) async fn audit(State(state): SharedApp, headers: HeaderMap) -> ApiReply {
    read(&state, &headers, OnCallQuery::Audit).await
}
