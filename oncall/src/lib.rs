//! On-call: derives notifications from alert transitions and time, by one fold over the ordered
//! alert log.
//!
//! The crate reads no clock, performs no I/O, and does not depend on the engine, Kafka or HTTP. The
//! modules stand in the order an alert passes them: a log record opens or resolves an incident,
//! routes choose its receivers, silences suppress notifications, policies escalate, and the outbox
//! schedules each attempt. The [`engine`] combines them.
//!
//! State that the alert log cannot rebuild is kept in rows, which the caller writes. A repeated
//! attempt carries the id of the first.
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
