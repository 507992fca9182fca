//! An alert that did not happen.

use model::severity::Severity;
use model::time::Timestamp;

/// An alert that did not happen, for a test of the routes.
#[derive(Clone, Debug)]
pub struct SampleAlert {
    /// Name of the alert.
    pub alert: String,
    /// Severity.
    pub severity: Severity,
    /// Labels and components of the key, by name.
    pub labels: Vec<(String, String)>,
    /// Instant at which it opens; `None` is now.
    pub at: Option<Timestamp>,
}
