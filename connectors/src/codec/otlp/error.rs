//! A fault in an OTLP request.

use crate::codec::error::DecodeReason;

/// Why a record is no request, and where: a byte of the record, and the name of the member
/// beneath the innermost message that had begun.
pub(super) struct OtlpError {
    pub(super) at: usize,
    pub(super) reason: DecodeReason,
    pub(super) member: Option<&'static str>,
}
