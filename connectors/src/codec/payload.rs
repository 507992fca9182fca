//! The payload of a record, and what a decoder counts beside undecodable ones.

use crate::codec::error::{DecodeError, DecodeReason};
use crate::source::MAX_RECORD_BYTES;

/// Counts of a decoder, beside undecodable records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecoderCounters {
    /// Values of the wrong type or out of range, by field in the order of the schema.
    pub misfits: Vec<u64>,
    /// Events without a time of their own, dated by their record.
    pub time_from_record: u64,
}

pub(super) fn check_length(payload: &[u8]) -> Result<(), DecodeError> {
    let bytes = payload.len();
    if bytes > MAX_RECORD_BYTES {
        return Err(DecodeError::whole(DecodeReason::TooLong { bytes }));
    }
    Ok(())
}

pub(super) fn record_text(payload: &[u8]) -> Result<&str, DecodeError> {
    check_length(payload)?;
    std::str::from_utf8(payload)
        .map_err(|error| DecodeError::at(payload, error.valid_up_to(), DecodeReason::NotUtf8))
}
