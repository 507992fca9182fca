//! The server: its routes, start and shutdown.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::app_state::{AppState, SharedApp};
use crate::auth::ApiScope;
use crate::limits::{API_BODY_BYTES_MAX, DRAIN_MAX, INGEST_BODY_BYTES_MAX};
use crate::routes::{health, incidents, ingest, notifications, rules, silences, status};
use crate::{console, openapi};

/// Serves until `shutdown` resolves, then for at most [`DRAIN_MAX`] more.
///
/// # Errors
/// The listener breaks.
pub async fn serve(
    listener: TcpListener,
    state: Arc<AppState>,
    shutdown: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, router(state)).with_graceful_shutdown(async {
        // A dropped sender means the same: the server is to stop.
        let _ = stopped.await;
    });
    let server = server.into_future();
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended,
        () = shutdown => {}
    }
    let _ = stop.send(());
    // A client that never finishes must not delay the shutdown.
    timeout(DRAIN_MAX, server).await.unwrap_or(Ok(()))
}

fn router(state: Arc<AppState>) -> Router {
    let on_call = api()
        .into_iter()
        .fold(Router::new(), |all, (path, route)| all.route(path, route))
        .layer(DefaultBodyLimit::max(API_BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&state), authorize));
    Router::new()
        .route("/", get(console::home::show))
        .route(console::STYLE_PATH, get(console::style))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/rules", get(rules::list))
        .route("/-/reload", post(rules::reload))
        .route(
            "/ingest/{stream}",
            post(ingest::ingest).layer(DefaultBodyLimit::max(INGEST_BODY_BYTES_MAX)),
        )
        .merge(on_call)
        .with_state(state)
}

/// Routes of the API, each with its path.
pub(crate) fn api() -> Vec<(&'static str, MethodRouter<Arc<AppState>>)> {
    vec![
        ("/api/v1/status", get(status::status)),
        ("/api/v1/incidents", get(incidents::list)),
        ("/api/v1/incidents/{id}", get(incidents::show)),
        ("/api/v1/incidents/{id}/{action}", post(incidents::act)),
        ("/api/v1/silences", get(silences::list).post(silences::create)),
        ("/api/v1/silences/preview", post(silences::preview)),
        ("/api/v1/silences/{id}/expire", post(silences::expire)),
        ("/api/v1/notifications", get(notifications::list)),
        ("/api/v1/notifications/test", post(notifications::test)),
        ("/api/v1/notifications/preview", post(notifications::render)),
        ("/api/v1/notifications/{number}/{action}", post(notifications::change)),
        ("/api/v1/route", post(incidents::route)),
        ("/api/v1/audit", get(status::audit)),
        (openapi::PATH, get(openapi::document)),
    ]
}

/// Nothing of a request is read before its sender is known to be allowed to read.
async fn authorize(State(state): SharedApp, request: Request, next: Next) -> Response {
    match state.tokens.authorize(request.headers(), None, ApiScope::Read) {
        Ok(_) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}
