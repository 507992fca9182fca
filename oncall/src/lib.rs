//! Transitions and time to notifications: one fold over the ordered alert log.
//!
//! Nothing here reads a clock, performs I/O, or knows the engine, Kafka or HTTP. The
//! modules stand in the order an alert passes them: a log record opens or closes an
//! incident, a route says who is told, and the outbox says when each attempt is made.
//!
//! Everything is rebuilt after a restart from two logs: the alert log and the log of
//! delivery outcomes. Whatever is derived again carries the id it had before.
//!
//! ```
//! use model::severity::Severity;
//! use model::time::Timestamp;
//! use oncall::route::Deadlines;
//!
//! let fired = Timestamp::parse_rfc3339("2026-01-05T09:00:00Z").unwrap();
//! let deadline = Deadlines::default().deadline(Severity::Critical, fired);
//! assert_eq!(deadline.unwrap().to_string(), "2026-01-05T09:30:00Z");
//! ```

pub mod compaction;
pub mod incident;
pub mod outbox;
pub mod route;
pub mod severities;

mod hash;
