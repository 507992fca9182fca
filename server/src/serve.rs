//! The server: its state, its router, start and shutdown.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use runtime::telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::auth::{ApiScope, TokenStore};
use crate::console;
use crate::limits::{API_BODY_BYTES_MAX, DRAIN_MAX, INGEST_BODY_BYTES_MAX};
use crate::on_call_client::OnCallClient;
use crate::routes::ingest::{IngestSpools, ingest};
use crate::routes::rules::ReloadRules;
use crate::routes::{SharedApp, api, health, rules};

/// Everything that routes reach. The node writes the telemetry, opens the spools and answers the
/// queries; a reload replaces the tokens.
#[derive(Debug)]
pub struct AppState {
    /// Health and metrics of the node.
    pub telemetry: Arc<Telemetry>,
    /// Spools to which events are posted.
    pub ingest: Arc<IngestSpools>,
    /// Way to the thread that owns on-call.
    pub on_call: Arc<OnCallClient>,
    /// Tokens that are accepted.
    pub tokens: Arc<TokenStore>,
    /// Reload of rules and configuration; `None` where they are read once.
    pub reload: Option<Arc<dyn ReloadRules>>,
}

impl AppState {
    /// State of a server that has nothing but a node's telemetry yet.
    pub fn new(telemetry: Arc<Telemetry>) -> AppState {
        AppState {
            telemetry,
            ingest: Arc::default(),
            on_call: Arc::default(),
            tokens: Arc::default(),
            reload: None,
        }
    }
}

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
    let on_call =
        api().into_iter().fold(Router::new(), |all, (path, route)| all.route(path, route));
    let on_call = on_call
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
        .route("/ingest/{stream}", post(ingest).layer(DefaultBodyLimit::max(INGEST_BODY_BYTES_MAX)))
        .merge(on_call)
        .with_state(state)
}

/// Nothing of a request is read before its sender is known to be allowed to read.
async fn authorize(State(state): SharedApp, request: Request, next: Next) -> Response {
    match state.tokens.authorize(request.headers(), None, ApiScope::Read) {
        Ok(_) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}
