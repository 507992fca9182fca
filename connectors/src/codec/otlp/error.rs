//! Errors of OTLP requests.

use crate::codec::error::DecodeReason;

/// Error of a record that is no request: byte offset in the record, and name of the member below
/// the innermost message that had started.
pub(super) struct OtlpError {
    pub(super) at: usize,
    pub(super) reason: DecodeReason,
    pub(super) member: Option<&'static str>,
}
