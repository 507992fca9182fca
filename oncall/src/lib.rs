//! Transitions and time to notifications: one fold over the ordered alert log.
//!
//! Nothing here reads a clock, performs I/O, or knows the engine, Kafka or HTTP. The
//! modules stand in the order an alert passes them: a log record opens or ends an incident,
//! routes choose its receivers, silences suppress notifications, policies escalate, and the outbox
//! schedules each attempt. The [`engine`] is where they meet.
//!
//! What cannot be derived from the alert log again is kept in rows, written down by the
//! caller; whatever is attempted again carries the id it had before.
//!
//! ```
//! use model::severity::Severity;
//! use model::time::Timestamp;
//! use oncall::severity_policy::SeverityPolicies;
//!
//! let fired = Timestamp::parse_rfc3339("2026-01-05T09:00:00Z").unwrap();
//! let deadline = SeverityPolicies::default().deadline(Severity::Critical, fired);
//! assert_eq!(deadline.unwrap().to_string(), "2026-01-05T09:30:00Z");
//! ```

pub mod compaction;
pub mod episode_fold;

pub mod clock;
pub mod incident;
pub mod matcher;
pub mod route;
pub mod severity_policy;
pub mod severity_set;
pub mod timeline;

pub mod inhibition;
pub mod policy;
pub mod silence;

pub mod engine;
pub mod outbox;

mod hash;
