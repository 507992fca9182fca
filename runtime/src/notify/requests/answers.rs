//! Answers of on-call as typed documents, written by the node and read by the command line.
//!
//! Members stand in the order of their names, which is the order in which they are written.

use std::collections::BTreeMap;

use model::decimal::Decimal;
use model::notification::{FailureReason, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId};
use oncall::incident::{IncidentPhase, IncidentState};
use oncall::timeline::IncidentEntry;
use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};

use super::text_form::TextValue;

/// Incidents in some states, the next deadline first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentList {
    /// Incidents without `timeline` and `receivers`.
    pub incidents: Vec<IncidentView>,
    /// Number of further incidents beyond the limit of one answer.
    pub left_out: usize,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentView {
    /// Name of the alert.
    pub alert: String,
    /// Measure when the alert ended.
    pub at_end: Option<MeasureView>,
    /// Measure when the incident opened, or last rose.
    pub at_fire: MeasureView,
    /// Instant by which a person should have responded; null is "as planned".
    pub deadline: Option<Timestamp>,
    /// Texts about the end.
    pub end_text: Option<AlertTextView>,
    /// Next step of the escalation.
    pub escalation: Option<EscalationView>,
    /// Instant until which notifications wait for the source of an inhibition.
    pub group_wait_until: Option<Timestamp>,
    /// Id: 32 hexadecimal digits.
    pub id: EpisodeId,
    /// Whether the deadline passed without a response.
    pub is_breached: bool,
    /// Whether the alert began and ended so often that its notifications are summed up.
    #[serde(default)]
    pub is_flapping: bool,
    /// Key of the alert, by the names of its components.
    pub key: BTreeMap<String, String>,
    /// Level of the severity: 1 is critical, 4 is low.
    pub level: u8,
    /// Person who works on it.
    pub owner: Option<String>,
    /// Phase; null once it is closed.
    pub phase: Option<TextValue<IncidentPhase>>,
    /// Reason why the alert ended.
    pub reason: Option<EndReason>,
    /// State of delivery, by receiver; not in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receivers: Option<BTreeMap<String, ReceiverState>>,
    /// Instant of the next reminder.
    pub reminder: Option<Timestamp>,
    /// Seconds until the deadline, negative after it; null once somebody responded.
    pub responds_in_s: Option<i64>,
    /// Highest severity it has had.
    pub severity: Severity,
    /// Instant at which the condition became true.
    pub since: Timestamp,
    /// State.
    pub state: TextValue<IncidentState>,
    /// Texts about it.
    pub text: AlertTextView,
    /// Events, the oldest first; not in a list.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "serialize_by_name"
    )]
    pub timeline: Option<Vec<IncidentEntry>>,
    /// Instants of its course.
    pub times: IncidentTimes,
    /// Number of further events that the timeline had no room for.
    pub unlisted: u64,
}

/// Measure and the threshold it met, as decimals in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeasureView {
    /// Threshold.
    pub threshold: Option<Decimal>,
    /// Measure; null is unknown.
    pub value: Option<Decimal>,
}

/// Next step of an escalation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EscalationView {
    /// Instant at which it is due.
    pub due: Timestamp,
    /// Instant from which the steps count.
    pub from: Timestamp,
    /// Number of completed rounds through the steps.
    pub round: u32,
    /// Step, from 0.
    pub step: usize,
}

/// Texts about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertTextView {
    /// Instant at which the service wrote it.
    pub detected: Timestamp,
    /// Places of the events of its window.
    #[serde(default)]
    pub events: Vec<OffsetRangeView>,
    /// Labels of the rule, as pairs of name and value.
    pub labels: Vec<(String, String)>,
    /// Rendered message.
    pub message: String,
    /// Rule in words.
    pub reading: String,
    /// Address of the runbook.
    pub runbook: Option<String>,
}

/// Range of offsets in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OffsetRangeView {
    /// First offset.
    pub from: i64,
    /// Partition.
    pub partition: i32,
    /// Topic, file or spool.
    pub source: String,
    /// Offset after the last.
    pub to: i64,
}

/// Instants of an incident's course; null where it has not come that far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentTimes {
    /// A person acknowledged it.
    pub acknowledged: Option<Timestamp>,
    /// The cause was found.
    pub cause_found: Option<Timestamp>,
    /// It was closed.
    pub closed: Option<Timestamp>,
    /// Event time of the event that opened it.
    pub event: Timestamp,
    /// The service detected it.
    pub fired: Timestamp,
    /// The permanent fix was made.
    pub fixed: Option<Timestamp>,
    /// The harm was over for now.
    pub mitigated: Option<Timestamp>,
    /// The first receiver had a notification.
    pub notified: Option<Timestamp>,
    /// The alert ended.
    pub resolved: Option<Timestamp>,
}

/// State of delivery to one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ReceiverState {
    /// A notification waits for a mute, a silence or an inhibition to end.
    Waiting,
    /// The outbox has a notification.
    Sent,
    /// The receiver has a notification.
    Delivered {
        /// Receiver's name of the message; empty where it gives none.
        receipt: String,
    },
    /// A notification was dropped.
    Failed,
    /// A digest stands for its notifications.
    InDigest,
}

/// All silences, ended ones included for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SilenceList {
    /// Silences.
    pub silences: Vec<SilenceView>,
}

/// One silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SilenceView {
    /// Person who created it.
    pub by: String,
    /// Instant at which it ended early.
    pub ended: Option<Timestamp>,
    /// Instant at which it begins.
    pub from: Timestamp,
    /// Number.
    pub id: u64,
    /// Matchers that an incident must meet, all of them.
    pub matchers: Vec<String>,
    /// Reason.
    pub reason: String,
    /// Receivers it applies to; none is all of them.
    pub receivers: Vec<String>,
    /// Instant at which it ends at the latest.
    pub until: Timestamp,
    /// Whether it ends as soon as nothing it matches is open.
    pub until_resolved: bool,
}

/// Incidents that a silence would match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SilencePreview {
    /// Number of incidents of the last seven days, the open ones included.
    pub last_7_days: usize,
    /// Number of those that were critical.
    pub last_7_days_critical: usize,
    /// Ids of open incidents.
    pub open: Vec<EpisodeId>,
}

/// A silence that was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SilenceCreated {
    /// Incidents that it matches.
    pub hits: SilencePreview,
    /// Its number.
    pub silence: u64,
}

/// A silence that was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SilenceExpired {
    /// Its number.
    pub silence: u64,
}

/// Notifications that are pending or were dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotificationList {
    /// Dropped notifications.
    pub dead: Vec<DroppedNotificationView>,
    /// Pending notifications.
    pub pending: Vec<PendingNotificationView>,
}

/// A notification that was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DroppedNotificationView {
    /// Name of the alert.
    pub alert: String,
    /// Number of attempts.
    pub attempts: u32,
    /// Instant at which it was dropped.
    pub given_up: Timestamp,
    /// Id of the notification.
    pub id: String,
    /// Id of the incident.
    pub incident: EpisodeId,
    /// Kind.
    pub kind: NotificationKind,
    /// Number, by which it is retried or forgotten.
    pub number: u64,
    /// Receiver.
    pub receiver: String,
    /// Reason.
    pub why: String,
}

/// A notification that waits for its next attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PendingNotificationView {
    /// Name of the alert.
    pub alert: String,
    /// Number of attempts.
    pub attempts: u32,
    /// Failure of the last attempt.
    pub failure: Option<FailureView>,
    /// Id of the notification.
    pub id: String,
    /// Id of the incident.
    pub incident: EpisodeId,
    /// Kind.
    pub kind: NotificationKind,
    /// Earliest instant of the next attempt.
    pub not_before: Timestamp,
    /// Receiver.
    pub receiver: String,
}

/// Failure of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureView {
    /// Kind of failure.
    pub reason: FailureReason,
    /// Failure in words.
    pub why: String,
}

/// A dropped notification that was retried or forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotificationChanged {
    /// Its number.
    pub notification: u64,
}

/// Outcome of a test notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestResult {
    /// Attempts, in their order.
    pub attempts: Vec<TestAttempt>,
    /// Whether all of them were delivered.
    pub delivered: bool,
    /// Receiver.
    pub receiver: String,
}

/// One attempt of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestAttempt {
    /// Id of the notification.
    pub id: String,
    /// Kind.
    pub kind: NotificationKind,
    /// Kind of failure; null where it was delivered.
    pub reason: Option<FailureReason>,
    /// Failure in words; null where it was delivered.
    pub why: Option<String>,
}

/// Text of a notification as a receiver would get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RenderedNotification {
    /// Receiver.
    pub receiver: String,
    /// Text, secrets left out.
    pub sent: String,
}

/// Receivers of a sample alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteAnswer {
    /// Instant by which a person should respond; null is "as planned".
    pub deadline: Option<Timestamp>,
    /// Calendars of matching routes that are off their shift.
    pub off_shift: Vec<String>,
    /// Escalation policy.
    pub policy: Option<String>,
    /// Receivers.
    pub receivers: Vec<RouteReceiver>,
}

/// One receiver of a sample alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteReceiver {
    /// Calendar that mutes it now.
    pub mute: Option<String>,
    /// Receiver.
    pub receiver: String,
}

/// Actions of people, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditLog {
    /// Entries.
    pub audit: Vec<AuditEntry>,
}

/// One action of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// Instant.
    pub at: Timestamp,
    /// Person.
    pub by: String,
    /// Number.
    pub number: u64,
    /// Action, as a command is spelled.
    pub what: String,
}

/// Counts of incidents, silences and deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StatusView {
    /// Number of dropped notifications.
    pub dead: usize,
    /// Incidents by state.
    pub incidents: IncidentCounts,
    /// Clock of the service.
    pub now: Timestamp,
    /// Deliveries by receiver.
    pub receivers: Vec<ReceiverCounts>,
    /// Number of active silences.
    pub silences: usize,
}

/// Number of incidents by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentCounts {
    /// Acknowledged.
    pub acknowledged: usize,
    /// Firing and past their deadline.
    pub breached: usize,
    /// Firing.
    pub firing: usize,
    /// Resolved and not closed.
    pub resolved: usize,
}

/// Number of notifications of one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReceiverCounts {
    /// Delivered.
    pub delivered: u64,
    /// Dropped.
    pub given_up: u64,
    /// Pending.
    pub pending: usize,
    /// Receiver.
    pub receiver: String,
    /// Attempts that were retried.
    pub retried: u64,
}

/// Serializes what is kept in another order with its members in the order of their names.
fn serialize_by_name<T: Serialize, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    // A map of `serde_json` is ordered by its keys.
    serde_json::to_value(value).map_err(S::Error::custom)?.serialize(to)
}
