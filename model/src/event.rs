//! Decoded events: the declared fields of one record, borrowed from it.

use std::net::IpAddr;

use crate::decimal::Decimal;
use crate::time::Timestamp;

/// Record as a source passes it; borrowed for the duration of the call.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Number of the partition within its stream: Kafka's, or the index of the input.
    pub partition: i32,
    /// Offset in its partition: Kafka's, or the line number from 0.
    pub offset: i64,
    /// Timestamp of the record in the log; `None` for files.
    pub timestamp: Option<Timestamp>,
    /// Bytes to decode.
    pub payload: &'a [u8],
}

/// Value of one field in its base unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Absent, null, or not of the declared type.
    Missing,
    /// Text.
    Text(&'a str),
    /// Number, duration in seconds, fraction or size in bytes.
    Number(Decimal),
    /// Boolean.
    Bool(bool),
    /// An instant.
    Time(Timestamp),
    /// An address.
    Ip(IpAddr),
    /// `len` values of [`Event::items`] from `start`.
    List {
        /// Index of the first item.
        start: u32,
        /// Number of items.
        len: u32,
    },
}

/// Decoded record.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Event time.
    pub time: Timestamp,
    /// Values of the declared fields, in the order of the schema.
    pub values: &'a [Value<'a>],
    /// Items of list values.
    pub items: &'a [Value<'a>],
}

impl<'a> Event<'a> {
    /// Returns the value of a field; [`Value::Missing`] for an index that is not in the schema.
    pub fn value(&self, field: usize) -> Value<'a> {
        self.values.get(field).copied().unwrap_or(Value::Missing)
    }
}
