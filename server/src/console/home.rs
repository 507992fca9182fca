//! `/`: the first page, with the version and the way to everything else.

use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use model::message::Language;
use serde::Deserialize;

use super::language::{code, requested};
use super::page_headers;

const EN: &str = include_str!("pages/home.en.html");
const JA: &str = include_str!("pages/home.ja.html");

/// Query of a page.
#[derive(Deserialize)]
pub(crate) struct PageQuery {
    lang: Option<String>,
}

/// `?lang=ja` decides the language, else the browser's `Accept-Language`.
pub(crate) async fn show(query: Query<PageQuery>, headers: HeaderMap) -> impl IntoResponse {
    let language = requested(query.lang.as_deref(), &headers);
    (page_headers(code(language)), page(language))
}

fn page(language: Language) -> String {
    let template = match language {
        Language::En => EN,
        Language::Ja => JA,
    };
    template.replace("{version}", env!("CARGO_PKG_VERSION"))
}
