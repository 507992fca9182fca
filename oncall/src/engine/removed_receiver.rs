//! Removed receivers.

/// Receiver that was removed while notifications were pending for it. Its number follows those of
/// the configured receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemovedReceiver {
    pub(super) name: String,
    /// Configured fallback.
    pub(super) fallback: Option<String>,
}
