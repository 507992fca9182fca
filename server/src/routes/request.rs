//! Parts of a request that several routes read.

use std::time::SystemTime;

use axum::http::HeaderMap;
use model::time::Timestamp;
use runtime::notify::requests::OnCallQuery;
use serde::Deserialize;

use crate::app_state::AppState;
use crate::auth::ApiScope;
use crate::reply::ApiReply;

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
        return Err(ApiReply::invalid("the name of the person is missing: \"by\""));
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
