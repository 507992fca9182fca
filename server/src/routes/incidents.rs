//! Incidents, and a test of the routes they would take.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use model::severity::Severity;
use model::time::Timestamp;
use oncall::engine::IncidentAction;
use oncall::incident::IncidentState;
use runtime::notify::requests::{OnCallQuery, SampleAlert};
use serde::Deserialize;

use super::request::{author, parse, read};
use crate::app_state::SharedApp;
use crate::auth::ApiScope;
use crate::reply::ApiReply;
use crate::types::requests::{ActionBody, IncidentFilter, RouteBody};

/// Path of an action on an incident.
#[derive(Deserialize)]
pub(crate) struct ActionPath {
    id: String,
    action: String,
}

/// `?state=firing,acknowledged`; without it all but closed.
pub(crate) async fn list(
    State(state): SharedApp,
    headers: HeaderMap,
    filter: Query<IncidentFilter>,
) -> ApiReply {
    match states(&filter) {
        Ok(states) => read(&state, &headers, OnCallQuery::Incidents(states)).await,
        Err(refused) => refused,
    }
}

fn states(filter: &IncidentFilter) -> Result<Vec<IncidentState>, ApiReply> {
    let Some(words) = &filter.state else {
        use IncidentState::{Acknowledged, Firing, Resolved};
        return Ok(vec![Firing, Acknowledged, Resolved]);
    };
    let states = words.split(',').map(IncidentState::from_name).collect::<Option<_>>();
    states.ok_or_else(|| ApiReply::invalid("state: firing, acknowledged, resolved or closed"))
}

pub(crate) async fn show(
    State(state): SharedApp,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> ApiReply {
    read(&state, &headers, OnCallQuery::Incident(id)).await
}

/// `{"by": "山田", "text": "…"}`
pub(crate) async fn act(
    State(state): SharedApp,
    headers: HeaderMap,
    Path(path): Path<ActionPath>,
    body: Bytes,
) -> ApiReply {
    let checked = parse::<ActionBody>(&body).and_then(|said| {
        let Some(action) = IncidentAction::from_name(&path.action, said.text) else {
            let names = "ack, assign, note, escalate, mitigate, cause, fix, resolve or close";
            let action = &path.action;
            return Err(ApiReply::invalid(format!(
                "`{action}` is no action on an incident: {names}"
            )));
        };
        let by = author(&state, &headers, said.by.as_deref(), ApiScope::Act)?;
        Ok((OnCallQuery::Act { incident: path.id, action }, by))
    });
    match checked {
        Ok((query, by)) => state.on_call.send(query, by).await,
        Err(refused) => refused,
    }
}

/// `{"severity": "high", "labels": {"service": "pay"}}`
pub(crate) async fn route(State(state): SharedApp, headers: HeaderMap, body: Bytes) -> ApiReply {
    match parse(&body).and_then(sample) {
        Ok(sample) => read(&state, &headers, OnCallQuery::Route(sample)).await,
        Err(refused) => refused,
    }
}

fn sample(body: RouteBody) -> Result<SampleAlert, ApiReply> {
    let instant = |text: String| {
        let why = "at: an instant such as 2026-01-31T09:00:00+09:00";
        Timestamp::parse_rfc3339(&text).ok_or_else(|| ApiReply::invalid(why))
    };
    let at = body.at.map(instant).transpose()?;
    let severity = severity(&body.severity)?;
    Ok(SampleAlert { alert: body.alert, severity, labels: body.labels.into_iter().collect(), at })
}

/// Severity of a word.
///
/// # Errors
/// The reply that names the words.
pub(super) fn severity(word: &str) -> Result<Severity, ApiReply> {
    let why = "severity: critical, high, medium or low";
    Severity::from_word(word).ok_or_else(|| ApiReply::invalid(why))
}
