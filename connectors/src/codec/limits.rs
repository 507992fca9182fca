//! Limits of what is decoded.

/// Deepest nesting of objects and arrays that is read; the record's object is level 1.
pub const DEPTH_MAX: usize = 64;

/// Most events one record may have: 16 bytes for each in the longest record, and a real one
/// takes more.
pub const EVENTS_MAX: usize = 65_536;
/// Most bytes of text that the events of one record may share, counted for each of them: a
/// resource's attribute is in every event's key and message, and 1 MiB must not become 64 GiB.
pub const SHARED_TEXT_MAX: usize = 64 << 20;
