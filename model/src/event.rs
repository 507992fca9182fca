//! A decoded event: the declared fields of one record, borrowed from it.

use std::net::IpAddr;

use crate::decimal::Decimal;
use crate::time::Timestamp;

/// One record as a source hands it over; nothing in it outlives the call.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The partition's number within its stream: Kafka's, or the order of the inputs.
    pub partition: i32,
    /// The record's place in its partition: Kafka's offset, or the line number from 0.
    pub offset: i64,
    /// Instant at which the log took the record; files know none.
    pub timestamp: Option<Timestamp>,
    /// The bytes to decode.
    pub payload: &'a [u8],
}

/// The value of one field in its base unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Absent, null, or not of the declared type.
    Missing,
    /// Text.
    Text(&'a str),
    /// A number, duration in seconds, fraction or byte size.
    Number(Decimal),
    /// A truth value.
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

/// A decoded record.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The event time.
    pub time: Timestamp,
    /// One value per declared field, in the order of the schema.
    pub values: &'a [Value<'a>],
    /// The items of list values.
    pub items: &'a [Value<'a>],
}

impl<'a> Event<'a> {
    /// The value of a field; [`Value::Missing`] for an index the schema does not have.
    pub fn value(&self, field: usize) -> Value<'a> {
        self.values.get(field).copied().unwrap_or(Value::Missing)
    }
}
