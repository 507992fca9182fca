//! Bytes of a record to the declared fields of an event.
