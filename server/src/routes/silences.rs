//! Silences.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use model::time::Timestamp;
use oncall::engine::NewSilence;
use oncall::matcher::Matcher;
use runtime::notify::requests::OnCallQuery;

use super::request::{author, parse, read, wall_clock};
use crate::app_state::SharedApp;
use crate::auth::ApiScope;
use crate::reply::ApiReply;
use crate::types::requests::{ActionBody, SilenceBody, SilencePreviewBody};

pub(crate) async fn list(State(state): SharedApp, headers: HeaderMap) -> ApiReply {
    read(&state, &headers, OnCallQuery::Silences).await
}

pub(crate) async fn create(State(state): SharedApp, headers: HeaderMap, body: Bytes) -> ApiReply {
    let checked = parse::<SilenceBody>(&body).and_then(|body| {
        let by = author(&state, &headers, body.by.as_deref(), ApiScope::Admin)?;
        let silence = new_silence(body, by.clone()).map_err(ApiReply::invalid)?;
        Ok((OnCallQuery::CreateSilence(silence), by))
    });
    match checked {
        Ok((query, by)) => state.on_call.send(query, by).await,
        Err(refused) => refused,
    }
}

fn new_silence(body: SilenceBody, by: String) -> Result<NewSilence, String> {
    let matchers = Matcher::parse_all(body.matchers.iter().map(String::as_str));
    let from = instant(body.from.as_deref(), "from")?.unwrap_or_else(wall_clock);
    let until = instant(body.until.as_deref(), "until")?;
    Ok(NewSilence {
        matchers: matchers.map_err(|error| error.what)?,
        receivers: body.receivers,
        from,
        until: until.ok_or("the end is missing: \"until\"")?,
        until_resolved: body.until_resolved,
        by,
        reason: body.reason,
    })
}

fn instant(text: Option<&str>, name: &str) -> Result<Option<Timestamp>, String> {
    let parse = |text| {
        Timestamp::parse_rfc3339(text)
            .ok_or_else(|| format!("{name} is no RFC 3339 time: 2026-01-05T09:00:00Z"))
    };
    text.map(parse).transpose()
}

pub(crate) async fn preview(State(state): SharedApp, headers: HeaderMap, body: Bytes) -> ApiReply {
    let matchers = parse::<SilencePreviewBody>(&body).and_then(|body| {
        let parsed = Matcher::parse_all(body.matchers.iter().map(String::as_str));
        parsed.map_err(|error| ApiReply::invalid(error.what))
    });
    match matchers {
        Ok(matchers) => read(&state, &headers, OnCallQuery::PreviewSilence(matchers)).await,
        Err(refused) => refused,
    }
}

pub(crate) async fn expire(
    State(state): SharedApp,
    headers: HeaderMap,
    Path(id): Path<u64>,
    body: Bytes,
) -> ApiReply {
    let by = parse::<ActionBody>(&body)
        .and_then(|body| author(&state, &headers, body.by.as_deref(), ApiScope::Admin));
    match by {
        Ok(by) => state.on_call.send(OnCallQuery::ExpireSilence(id), by).await,
        Err(refused) => refused,
    }
}
