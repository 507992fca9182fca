//! Notifications: pending, dropped, tested and previewed.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use runtime::notify::requests::OnCallQuery;
use serde::Deserialize;

use super::incidents::severity;
use super::request::{author, parse, read};
use crate::app_state::SharedApp;
use crate::auth::ApiScope;
use crate::reply::ApiReply;
use crate::types::requests::{ActionBody, RenderBody, TestBody};

/// Path of a change to a dropped notification.
#[derive(Deserialize)]
pub(crate) struct ChangePath {
    number: u64,
    action: String,
}

pub(crate) async fn list(State(state): SharedApp, headers: HeaderMap) -> ApiReply {
    read(&state, &headers, OnCallQuery::Notifications).await
}

pub(crate) async fn change(
    State(state): SharedApp,
    headers: HeaderMap,
    Path(path): Path<ChangePath>,
    body: Bytes,
) -> ApiReply {
    let query = match path.action.as_str() {
        "retry" => OnCallQuery::RetryNotification(path.number),
        "drop" => OnCallQuery::DropNotification(path.number),
        _ => return ApiReply::invalid("the actions on a notification are retry and drop"),
    };
    let by = parse::<ActionBody>(&body)
        .and_then(|body| author(&state, &headers, body.by.as_deref(), ApiScope::Admin));
    match by {
        Ok(by) => state.on_call.send(query, by).await,
        Err(refused) => refused,
    }
}

/// `{"receiver": "当番", "severity": "L1", "by": "山田"}`
pub(crate) async fn test(State(state): SharedApp, headers: HeaderMap, body: Bytes) -> ApiReply {
    let checked = parse::<TestBody>(&body).and_then(|body| {
        let severity = severity(&body.severity)?;
        let by = author(&state, &headers, body.by.as_deref(), ApiScope::Admin)?;
        Ok((OnCallQuery::TestReceiver { receiver: body.receiver, severity }, by))
    });
    match checked {
        Ok((query, by)) => state.on_call.send(query, by).await,
        Err(refused) => refused,
    }
}

/// `{"receiver": "当番", "incident": "2f00a1b2"}`
pub(crate) async fn render(State(state): SharedApp, headers: HeaderMap, body: Bytes) -> ApiReply {
    match parse::<RenderBody>(&body) {
        Ok(RenderBody { receiver, incident }) => {
            read(&state, &headers, OnCallQuery::RenderNotification { incident, receiver }).await
        }
        Err(refused) => refused,
    }
}
