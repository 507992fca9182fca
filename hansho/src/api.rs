//! What the service says about itself over HTTP: `/livez`, `/readyz`, `/metrics`, `/rules`;
//! where its rules are reloaded, `/-/reload`; what it takes, `/ingest/STREAM`; and what people
//! on call ask and do, `/api/v1`.

pub mod health;
pub mod ingest;
pub mod metrics;
pub mod on_call;
pub mod rules;
pub mod watches;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use engine::shard::Watched;
use model::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::reload::{Reloaded, Reloader};
use health::Health;
use ingest::Ingest;
use metrics::Metrics;
use on_call::Asking;

/// How long open connections may take to end once the service stops.
pub const DRAIN_MAX: Duration = Duration::from_secs(2);
/// The format of `/metrics`, which Prometheus reads as it does its own.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the pages show and the service's threads write.
#[derive(Debug)]
pub struct State {
    /// Whether the service lives and is ready.
    pub health: Health,
    /// Its figures.
    pub metrics: Metrics,
    /// Where events are posted.
    pub ingest: Ingest,
    /// Where people ask for incidents and silences.
    pub asking: Asking,
    watched: Mutex<Vec<Watched>>,
    /// Records of the alert log that on-call has taken in and written down.
    on_call_position: AtomicU64,
}

impl State {
    /// Nothing noted yet.
    pub(crate) fn new() -> State {
        State {
            health: Health::new(),
            metrics: Metrics::new(),
            ingest: Ingest::default(),
            asking: Asking::default(),
            watched: Mutex::default(),
            on_call_position: AtomicU64::new(0),
        }
    }

    /// Takes over how far on-call is in the alert log, once that is written down.
    pub(crate) fn note_on_call_position(&self, position: u64) {
        self.on_call_position.store(position, Ordering::Release);
    }

    /// The number of the first record of the alert log that on-call has not written down as
    /// taken in.
    pub(crate) fn on_call_position(&self) -> u64 {
        self.on_call_position.load(Ordering::Acquire)
    }

    /// Takes over what the watches show now.
    pub(crate) fn note_watched(&self, mut watched: Vec<Watched>) {
        self.metrics.note_watches(watched.iter());
        watched.sort();
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    /// What the watches show, ordered by watch and key.
    pub(crate) fn watched(&self) -> Vec<Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves the pages until `shutdown` resolves, then for at most [`DRAIN_MAX`] more.
///
/// # Errors
/// When the listener breaks.
pub(crate) async fn serve(
    listener: TcpListener,
    state: Arc<State>,
    reloader: Option<Arc<Reloader>>,
    shutdown: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, router(state, reloader)).with_graceful_shutdown(async {
        // A dropped sender means the same: nobody is left to be served.
        let _ = stopped.await;
    });
    let server = server.into_future();
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended,
        () = shutdown => {}
    }
    let _ = stop.send(());
    // A client that never finishes must not hold up the shutdown.
    timeout(DRAIN_MAX, server).await.unwrap_or(Ok(()))
}

fn router(state: Arc<State>, reloader: Option<Arc<Reloader>>) -> Router {
    let reload = Router::new().route("/-/reload", post(reload)).with_state(reloader);
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .route("/rules", get(rules))
        .route(
            "/ingest/{stream}",
            post(ingest::ingest).layer(DefaultBodyLimit::max(ingest::BODY_MAX)),
        )
        .merge(on_call::routes(&state))
        .with_state(state)
        .merge(reload)
}

async fn livez(extract::State(state): extract::State<Arc<State>>) -> (StatusCode, String) {
    answer(state.health.live(wall_clock()))
}

async fn readyz(extract::State(state): extract::State<Arc<State>>) -> (StatusCode, String) {
    answer(state.health.ready(wall_clock()))
}

async fn metrics_text(extract::State(state): extract::State<Arc<State>>) -> impl IntoResponse {
    let status = |text: &Option<String>| match text {
        Some(_) => StatusCode::OK,
        None => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let text = state.metrics.render();
    (status(&text), [(header::CONTENT_TYPE, OPEN_METRICS)], text.unwrap_or_default())
}

async fn rules(extract::State(state): extract::State<Arc<State>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], state.metrics.rules.page().to_string())
}

/// Reads rules and configuration anew; 400 and the reasons where they cannot run.
async fn reload(
    extract::State(reloader): extract::State<Option<Arc<Reloader>>>,
) -> (StatusCode, String) {
    let Some(reloader) = reloader else {
        return (StatusCode::NOT_FOUND, "rules and configuration are read once\n".to_owned());
    };
    match spawn_blocking(move || reloader.reload("api")).await {
        Ok(Reloaded::Taken(taken)) => (StatusCode::OK, format!("{taken}\n")),
        Ok(Reloaded::Refused(why)) => (StatusCode::BAD_REQUEST, format!("{why}\n")),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// Compares all bytes whatever the first ones are: how long it takes tells nothing of them.
fn is_same(known: &[u8], shown: &[u8]) -> bool {
    let differing = known.iter().zip(shown).fold(0, |all, (a, b)| all | (a ^ b));
    known.len() == shown.len() && differing == 0
}

fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

fn answer(verdict: Result<(), String>) -> (StatusCode, String) {
    match verdict {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

#[cfg(test)]
mod tests;
