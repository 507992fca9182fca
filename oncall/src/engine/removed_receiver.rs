//! Receivers that are configured no more.

/// Someone who is configured no more while something is pending for them. Their numbers come
/// behind those of the receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemovedReceiver {
    pub(super) name: String,
    /// Configured fallback.
    pub(super) fallback: Option<String>,
}
