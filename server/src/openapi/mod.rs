//! The OpenAPI document of the on-call API.
//!
//! `docs/openapi.json` is generated from the types of requests and answers by a test, which also
//! compares it with the routes; the server only carries the text.

use axum::http::header;
use axum::response::IntoResponse;

/// Path of the document.
pub const PATH: &str = "/api/v1/openapi.json";

/// Text of the document.
pub const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

pub(crate) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
pub(crate) mod generate;
