//! State that all routes reach.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use runtime::telemetry::NodeTelemetry;

use crate::auth::TokenStore;
use crate::ingest_spools::IngestSpools;
use crate::on_call_client::OnCallClient;

/// State as a handler takes it.
pub(crate) type SharedApp = State<Arc<AppState>>;

/// Everything that routes reach. The node writes the telemetry, opens the spools and answers the
/// queries; a reload replaces the tokens.
#[derive(Debug)]
pub struct AppState {
    /// Health and metrics of the node.
    pub telemetry: Arc<NodeTelemetry>,
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
    pub fn new(telemetry: Arc<NodeTelemetry>) -> AppState {
        AppState {
            telemetry,
            ingest: Arc::default(),
            on_call: Arc::default(),
            tokens: Arc::default(),
            reload: None,
        }
    }
}

/// Reloads rules and configuration.
pub trait ReloadRules: fmt::Debug + Send + Sync {
    /// Reads all of it again and applies it, or none of it; `by` names the trigger in the log.
    /// Returns a report of what is active. It reads files: not for a thread that must not wait.
    ///
    /// # Errors
    /// The reasons why something cannot run, in words; nothing has changed then.
    fn reload(&self, by: &'static str) -> Result<String, String>;
}
