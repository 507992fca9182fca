//! The console: pages for people, embedded in the binary.
//!
//! A page is self-contained. It runs no script, loads nothing from elsewhere, and cannot be
//! framed; [`POLICY`] makes the browser hold it to that.

pub mod home;
pub mod language;

use axum::http::header::{self, HeaderName};
use axum::response::IntoResponse;

/// Path of the style sheet.
pub const STYLE_PATH: &str = "/console/console.css";
/// Content security policy of every page.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; \
                          form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("assets/console.css");

pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), NO_SNIFF], STYLE)
}

/// Header that keeps a browser from guessing another type.
const NO_SNIFF: (HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");

/// Headers of a page.
fn page_headers(language: &'static str) -> [(HeaderName, &'static str); 6] {
    [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_LANGUAGE, language),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::VARY, "accept-language"),
        NO_SNIFF,
    ]
}
