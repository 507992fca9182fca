//! Metrics of the node, registered in one place.

use std::sync::atomic::{AtomicU64, Ordering};

use engine::shard::{ShardCounts, WatchSample};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::TransitionKind;
use oncall::outbox::{AttemptOutcome, DropReason};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::rule_metrics::RuleMetrics;
use super::watch_metrics::WatchMetrics;

/// A gauge of seconds.
type SecondsGauge = Gauge<f64, AtomicU64>;

/// Totals of the reading thread since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventTotals {
    /// Events that were decoded.
    pub decoded: u64,
    /// Records that could not be decoded.
    pub undecodable: u64,
    /// Events below their partition's watermark, dropped.
    pub late: u64,
    /// Events dated too far after their record, refused.
    pub refused_future: u64,
    /// Selected events without a field of the alert's key.
    pub skipped_missing_key: u64,
    /// Observations that filters made of events.
    pub observations: u64,
}

/// Outcome of a reload of rules and configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// Something new is active, or becomes so.
    Accepted,
    /// All of it is active already.
    Unchanged,
    /// Something of it cannot run; nothing changes.
    Refused,
}

/// Labels of one partition.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartitionLabels {
    topic: String,
    partition: i32,
}

/// Labels of one topic.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TopicLabels {
    topic: String,
}

/// Labels of one severity.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SeverityLabels {
    severity: &'static str,
}

/// Labels of one kind of transition.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TransitionLabels {
    severity: &'static str,
    kind: &'static str,
}

/// Labels of one receiver.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReceiverLabels {
    receiver: String,
}

/// Labels of one alert of the node about itself.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AlertLabels {
    alert: &'static str,
}

/// Labels of one outcome of a delivery attempt.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DeliveryLabels {
    receiver: String,
    outcome: &'static str,
}

/// Labels of the active rules.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RulesLabels {
    hash: String,
}

/// Labels of one outcome of a reload.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReloadLabels {
    outcome: &'static str,
}

/// All metrics of the node.
#[derive(Debug)]
pub struct NodeMetrics {
    registry: Registry,
    events_read: Counter,
    events_decoded: Counter,
    undecodable: Counter,
    late: Counter,
    refused_future: Counter,
    skipped_missing_key: Counter,
    observations: Counter,
    late_after_settle: Counter,
    refused_keys: Counter,
    refused_values: Counter,
    repeated: Counter,
    watches: WatchMetrics,
    /// Metrics by rule.
    pub rules: RuleMetrics,
    states: Gauge,
    waiting: Gauge,
    transitions: Family<TransitionLabels, Counter>,
    early: Family<SeverityLabels, Counter>,
    incidents_open: Gauge,
    of_itself: Family<AlertLabels, Gauge>,
    dead_letters: Counter,
    deliveries: Family<DeliveryLabels, Counter>,
    outbox_pending: Family<ReceiverLabels, Gauge>,
    outbox_oldest_age: Family<ReceiverLabels, SecondsGauge>,
    confirming_fails: Family<ReceiverLabels, Gauge>,
    front_delay: Family<PartitionLabels, SecondsGauge>,
    records_lost: Counter,
    rebalances: Counter,
    last_commit: SecondsGauge,
    alert_log: Gauge,
    state_log: Gauge,
    snapshot: Gauge,
    alert_log_dropped: Counter,
    partitions_idle: Gauge,
    partitions_held_back: Gauge,
    rules_info: Family<RulesLabels, Gauge>,
    reloads: Family<ReloadLabels, Counter>,
    last_reload: SecondsGauge,
    held_back: Family<TopicLabels, SecondsGauge>,
}

/// Registers metrics under one prefix.
#[derive(Debug, Default)]
pub struct MetricRegistrar(Registry);

impl MetricRegistrar {
    /// Registers a metric. `name` comes without the prefix and without `_total`, `help` without
    /// full stop: all three are added. A name that ends in a base unit declares that unit.
    pub fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        let units = [("_seconds", Unit::Seconds), ("_bytes", Unit::Bytes)];
        let with_unit = units
            .into_iter()
            .find_map(|(suffix, unit)| name.strip_suffix(suffix).map(|name| (name, unit)));
        match with_unit {
            Some((name, unit)) => self.0.register_with_unit(name, help, unit, metric.clone()),
            None => self.0.register(name, help, metric.clone()),
        }
        metric
    }
}

impl ReloadOutcome {
    const fn name(self) -> &'static str {
        match self {
            ReloadOutcome::Accepted => "accepted",
            ReloadOutcome::Unchanged => "unchanged",
            ReloadOutcome::Refused => "refused",
        }
    }
}

impl Default for NodeMetrics {
    fn default() -> NodeMetrics {
        NodeMetrics::new()
    }
}

impl NodeMetrics {
    /// All metrics at zero.
    pub fn new() -> NodeMetrics {
        let mut of = MetricRegistrar(Registry::with_prefix("hansho"));
        NodeMetrics {
            events_read: of.add("events_read", "Decoded events and records that failed to decode"),
            events_decoded: of.add("events_decoded", "Decoded events"),
            undecodable: of.add("decode_errors", "Records that failed to decode"),
            late: of.add(
                "late_events_dropped",
                "Events below the watermark of their partition, dropped",
            ),
            refused_future: of
                .add("future_events_dropped", "Events dated too far after their record, dropped"),
            skipped_missing_key: of
                .add("skipped_missing_key", "Selected events that lack a field of the key"),
            observations: of.add("observations", "Observations that filters made of events"),
            late_after_settle: of
                .add("late_observations_dropped", "Observations of settled instants, dropped"),
            refused_keys: of
                .add("refused_keys", "Observations of new keys at the key limit, dropped"),
            refused_values: of
                .add("refused_values", "New values at the value limit of their key, dropped"),
            repeated: of
                .add("duplicate_observations", "Observations of repeated events (id and time)"),
            watches: WatchMetrics::new(&mut of),
            rules: RuleMetrics::new(&mut of),
            states: of.add("active_keys", "States of pairs of alert and key"),
            waiting: of
                .add("reorder_buffer_observations", "Observations that wait for the watermark"),
            transitions: of.add("transitions", "Settled transitions of alerts"),
            early: of.add("early_notices", "Early notices, sent before their instant settled"),
            incidents_open: of.add("incidents_open", "Open incidents"),
            of_itself: of.add("self_alerts_open", "Open alerts of the service about itself"),
            dead_letters: of.add("dead_letters", "Dead letters written"),
            deliveries: of.add("deliveries", "Outcomes of attempts, and drops without an attempt"),
            outbox_pending: of.add("outbox_pending", "Pending notifications"),
            confirming_fails: of
                .add("alertmanager_resend_failing", "1 if the last resend failed, else 0"),
            outbox_oldest_age: of
                .add("outbox_oldest_age_seconds", "Age of the oldest pending notification"),
            front_delay: of.add("event_time_lag_seconds", "Wall clock minus the newest event time"),
            records_lost: of
                .add("records_lost", "Records that expired in Kafka before they were read"),
            rebalances: of.add("rebalances", "Rebalances of the consumer group"),
            alert_log: of.add("alert_log_bytes", "Size of the alert log"),
            state_log: of.add("state_log_bytes", "Size of the state log"),
            snapshot: of.add("snapshot_bytes", "Size of the newest snapshot"),
            alert_log_dropped: of.add(
                "alert_log_compacted_lines",
                "Lines that compaction removed from the alert log",
            ),
            last_commit: of
                .add("last_commit_timestamp_seconds", "Unix time of the last commit of offsets"),
            partitions_idle: of
                .add("partitions_idle", "Idle partitions, whose watermark follows the wall clock"),
            partitions_held_back: of
                .add("partitions_paused", "Partitions paused while others catch up"),
            rules_info: of.add("rules_info", "Hash of the active rules; the value is 1"),
            reloads: of.add("reloads", "Reloads of rules and configuration, by outcome"),
            last_reload: of.add(
                "reload_last_success_timestamp_seconds",
                "Unix time of the last reload that was accepted or found nothing changed",
            ),
            held_back: of.add(
                "partition_paused_seconds",
                "Longest time that a partition of the topic has been paused while others catch up",
            ),
            registry: of.0,
        }
    }

    /// Sets the hash of the active rules.
    pub fn record_rules(&self, hash: u64) {
        self.rules_info.clear();
        self.rules_info.get_or_create(&RulesLabels { hash: format!("{hash:016x}") }).set(1);
    }

    /// Counts a reload.
    pub fn record_reload(&self, outcome: ReloadOutcome, wall: Timestamp) {
        self.reloads.get_or_create(&ReloadLabels { outcome: outcome.name() }).inc();
        if outcome != ReloadOutcome::Refused {
            self.last_reload.set(seconds(wall.0));
        }
    }

    /// Sets the totals of the reading thread.
    pub fn record_events(&self, totals: &EventTotals) {
        set_total(&self.events_read, totals.decoded + totals.undecodable);
        set_total(&self.events_decoded, totals.decoded);
        set_total(&self.undecodable, totals.undecodable);
        set_total(&self.late, totals.late);
        set_total(&self.refused_future, totals.refused_future);
        set_total(&self.skipped_missing_key, totals.skipped_missing_key);
        set_total(&self.observations, totals.observations);
    }

    /// Sets the sums over all shards: totals since the start, and current values.
    pub fn record_shards(&self, all: &ShardCounts) {
        set_total(&self.late_after_settle, all.late_after_settle);
        set_total(&self.refused_keys, all.refused_keys);
        set_total(&self.refused_values, all.refused_values);
        set_total(&self.repeated, all.repeated);
        self.states.set(gauge(all.states));
        self.waiting.set(gauge(all.waiting));
    }

    /// Replaces the current values of all watches.
    pub fn record_watches<'a>(&self, watched: impl Iterator<Item = &'a WatchSample>) {
        self.watches.record(watched);
    }

    /// Sets how far a partition's newest event time lies behind the clock.
    pub fn record_front(&self, topic: &str, partition: i32, front: Timestamp, now: Timestamp) {
        let labels = PartitionLabels { topic: topic.to_owned(), partition };
        self.front_delay.get_or_create(&labels).set(seconds(now.0.saturating_sub(front.0)));
    }

    /// Counts a settled transition.
    pub fn record_transition(&self, kind: TransitionKind, severity: Severity) {
        let labels = TransitionLabels { severity: severity.name(), kind: kind.name() };
        self.transitions.get_or_create(&labels).inc();
    }

    /// Counts an early notice.
    pub fn record_early(&self, severity: Severity) {
        self.early.get_or_create(&SeverityLabels { severity: severity.name() }).inc();
    }

    /// Sets the number of open incidents.
    pub fn record_incidents(&self, open: usize) {
        self.incidents_open.set(gauge(open as u64));
    }

    /// Sets the number of open alerts of one name about the node itself.
    pub fn record_of_itself(&self, alert: &'static str, open: usize) {
        self.of_itself.get_or_create(&AlertLabels { alert }).set(gauge(open as u64));
    }

    /// Sets the number of records that became dead letters.
    pub fn record_dead_letters(&self, letters: u64) {
        set_total(&self.dead_letters, letters);
    }

    /// Counts the outcome of an attempt, or of a refusal by the outbox.
    pub fn record_delivery(&self, receiver: &str, outcome: &AttemptOutcome) {
        let outcome = match outcome {
            AttemptOutcome::Delivered { .. } => "delivered",
            AttemptOutcome::Retrying { .. } => "retrying",
            AttemptOutcome::GaveUp { why: DropReason::Rejected(_) } => "rejected",
            AttemptOutcome::GaveUp { why: DropReason::Expired(_) } => "expired",
            AttemptOutcome::GaveUp { why: DropReason::QueueFull } => "queue_full",
            AttemptOutcome::GaveUp { why: DropReason::ReceiverRemoved } => "receiver_removed",
        };
        let labels = DeliveryLabels { receiver: receiver.to_owned(), outcome };
        self.deliveries.get_or_create(&labels).inc();
    }

    /// Sets a receiver's pending notifications, and the age of the oldest in milliseconds.
    pub fn record_outbox(&self, receiver: &str, pending: usize, age_ms: i64) {
        let labels = ReceiverLabels { receiver: receiver.to_owned() };
        self.outbox_pending.get_or_create(&labels).set(gauge(pending as u64));
        self.outbox_oldest_age.get_or_create(&labels).set(seconds(age_ms));
    }

    /// Removes the series of all receivers until they are set again: some may be gone.
    pub fn forget_receivers(&self) {
        self.outbox_pending.clear();
        self.outbox_oldest_age.clear();
        self.confirming_fails.clear();
    }

    /// Sets whether the last resend of open alerts to a receiver failed.
    pub fn record_refresh(&self, receiver: &str, is_failing: bool) {
        let labels = ReceiverLabels { receiver: receiver.to_owned() };
        self.confirming_fails.get_or_create(&labels).set(i64::from(is_failing));
    }

    /// Counts records that expired before they were read.
    pub fn record_lost(&self, records: u64) {
        self.records_lost.inc_by(records);
    }

    /// Counts a change of assignment.
    pub fn record_rebalance(&self) {
        self.rebalances.inc();
    }

    /// Sets the instant of the last commit: an instant, so that its age grows even when the
    /// node stands still.
    pub fn record_commit(&self, now: Timestamp) {
        self.last_commit.set(seconds(now.0));
    }

    /// Sets the length of the newest snapshot, in bytes.
    pub fn record_snapshot(&self, length: u64) {
        self.snapshot.set(gauge(length));
    }

    /// Length of the newest snapshot, in bytes.
    pub fn snapshot_bytes(&self) -> u64 {
        u64::try_from(self.snapshot.get()).unwrap_or(0)
    }

    /// Sets the length of the state log, in bytes.
    pub fn record_state_log(&self, length: u64) {
        self.state_log.set(gauge(length));
    }

    /// Sets the length of the alert log, in bytes.
    pub fn record_alert_log(&self, length: u64) {
        self.alert_log.set(gauge(length));
    }

    /// Counts lines dropped from the alert log, and sets its length in bytes.
    pub fn record_compacted(&self, dropped: u64, length: u64) {
        self.alert_log_dropped.inc_by(dropped);
        self.record_alert_log(length);
    }

    /// Sets the number of idle partitions.
    pub fn record_idle(&self, partitions: usize) {
        self.partitions_idle.set(gauge(partitions as u64));
    }

    /// Sets the number of partitions that are paused so that others can catch up.
    pub fn record_held_back(&self, partitions: usize) {
        self.partitions_held_back.set(gauge(partitions as u64));
    }

    /// Sets for how long a topic has been paused so that others can catch up.
    pub fn record_held_back_for(&self, topic: &str, millis: i64) {
        let labels = TopicLabels { topic: topic.to_owned() };
        self.held_back.get_or_create(&labels).set(seconds(millis));
    }

    /// All metrics as OpenMetrics text; `None` if encoding fails, which it never does in memory.
    pub fn render(&self) -> Option<String> {
        self.rules.export();
        let mut text = String::new();
        encode(&mut text, &self.registry).ok().map(|()| text)
    }
}

/// Sets a counter to a total that another thread counts; it never falls.
pub(super) fn set_total(counter: &Counter, total: u64) {
    counter.inner().fetch_max(total, Ordering::Relaxed);
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
