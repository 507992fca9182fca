//! Offsets of an alert's events: ranges of offsets that cover its window.
//!
//! An index from time to offset, as Kafka's own time index, but of event time. The front of a
//! partition never goes back, so an entry, how far time had come when which offset was next, says
//! of all before that they are no later. A window begins behind the
//! last point that is not later than its begin, and ends at the first point beyond which all is
//! later or late. Between two points lies a second or more: a range covers its window and seldom
//! much else in time, and of a partition all that was in it, other keys included.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use engine::program::{Program, RulePlan};
use engine::resume::ResumePoint;
use model::time::{SECOND_MS, Timestamp};
use oncall::episode_fold::OffsetRange;
use rules_dsl::rule::Trigger;

use crate::io::StreamPartition;

/// Time between two entries of an index, at least.
const STEP_MS: i64 = SECOND_MS;
/// Entries of one index; beyond it every other one goes.
const POINTS_MAX: usize = 4_096;
/// Ranges of one record.
pub const RANGES_MAX: usize = 64;

/// The indexes of all partitions, written by the reader and read by the log writer.
#[derive(Debug)]
pub struct OffsetIndexes {
    /// By stream: what its source is called.
    names: Vec<String>,
    partitions: Mutex<BTreeMap<StreamPartition, OffsetTimeIndex>>,
}

/// Offsets of one partition by event time.
#[derive(Debug)]
pub struct OffsetTimeIndex {
    lateness_ms: i64,
    // INVARIANT: instants and offsets ascend.
    /// All before this offset is no later than this.
    points: VecDeque<(Timestamp, i64)>,
    /// The next offset to read.
    next: i64,
}

impl OffsetIndexes {
    /// None yet, of streams whose sources have these names.
    pub(super) fn new(names: Vec<String>) -> OffsetIndexes {
        OffsetIndexes { names, partitions: Mutex::default() }
    }

    /// Sets the index of a partition.
    pub(super) fn insert(&self, at: StreamPartition, index: OffsetTimeIndex) {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).insert(at, index);
    }

    /// Notes how far partitions are read; before what was read is handed on.
    pub(super) fn record(
        &self,
        read: impl Iterator<Item = (StreamPartition, Option<Timestamp>, i64)>,
    ) {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, front, next) in read {
            if let Some(index) = partitions.get_mut(&at) {
                index.record(front, next);
            }
        }
    }

    /// The ranges that cover the events of an alert at an instant, at most [`RANGES_MAX`]; none
    /// of an alert that events have nothing to do with.
    pub(crate) fn cover(&self, program: &Program, alert: &str, at: Timestamp) -> Vec<OffsetRange> {
        let plan = program.rule(alert).filter(|plan| has_events(plan));
        let Some(plan) = plan else { return Vec::new() };
        let reach_ms = plan.alert.trigger.window_ms().saturating_add(plan.alert.for_ms);
        let after = at.minus(reach_ms.max(1));
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = partitions.iter().filter(|((stream, _), _)| plan.streams.contains(stream));
        let ranges = ours.filter_map(|((stream, partition), index)| {
            let (from, to) = index.cover(after, at);
            let source = self.names.get(*stream)?.clone();
            (from < to).then_some(OffsetRange { source, partition: *partition, from, to })
        });
        ranges.take(RANGES_MAX).collect()
    }
}

/// True unless the rule is about absence, which has no events to show.
const fn has_events(plan: &RulePlan) -> bool {
    !matches!(plan.alert.trigger, Trigger::Absent { .. })
}

impl OffsetTimeIndex {
    /// The index of a partition that is read from a point on; `before` are places that were known
    /// before it is read.
    pub(super) fn new(
        lateness_ms: i64,
        from: ResumePoint,
        before: impl Iterator<Item = ResumePoint>,
    ) -> OffsetTimeIndex {
        let mut index = OffsetTimeIndex { lateness_ms, points: VecDeque::new(), next: from.offset };
        let mut places: Vec<ResumePoint> = before.chain([from]).collect();
        places.sort_by_key(|place| place.offset);
        for place in places {
            index.record(Some(place.front.unwrap_or(Timestamp(i64::MIN))), place.offset);
        }
        index
    }

    fn record(&mut self, front: Option<Timestamp>, next: i64) {
        self.next = next;
        let Some(front) = front else { return };
        let is_far = |(at, offset): &(Timestamp, i64)| {
            front.0.saturating_sub(at.0) >= STEP_MS && next > *offset
        };
        if self.points.back().is_none_or(is_far) {
            self.points.push_back((front, next));
        }
        if self.points.len() > POINTS_MAX {
            let mut is_kept = false;
            self.points.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
        }
    }

    /// The offsets [from, to) among which all events later than `after` and no later than `until`
    /// lie that are read and known.
    fn cover(&self, after: Timestamp, until: Timestamp) -> (i64, i64) {
        let begins = self.points.partition_point(|(at, _)| *at <= after);
        let from = begins
            .checked_sub(1)
            .and_then(|last| self.points.get(last))
            .or(self.points.front())
            .map_or(self.next, |(_, offset)| *offset);
        let settled = until.plus(self.lateness_ms);
        let ends = self.points.partition_point(|(at, _)| *at <= settled);
        let to = self.points.get(ends).map_or(self.next, |(_, offset)| *offset);
        (from, to)
    }
}

#[cfg(test)]
mod tests {
    use ::tests::generators::SplitMix;

    use super::*;

    /// Events come up to their lateness out of order; some offsets hold none.
    #[test]
    fn a_range_holds_every_event_of_its_window() {
        const LATENESS_MS: i64 = 3_000;
        for seed in 0..500 {
            let mut random = SplitMix::new(seed);
            let begin = ResumePoint { offset: 0, front: None };
            let mut index = OffsetTimeIndex::new(LATENESS_MS, begin, std::iter::empty());
            let (mut front, mut offset, mut events) = (0, 0, Vec::new());
            for _ in 0..random.within(1, 200) {
                let ahead = random.one_of(&[0, 1, 40, 2_000, 20_000], 5);
                let time = if random.chance(40) {
                    front - random.within(0, LATENESS_MS)
                } else {
                    front + random.within(0, ahead)
                };
                front = front.max(time);
                events.push((time, offset));
                offset += random.within(1, 3);
                if random.chance(30) {
                    index.record(Some(Timestamp(front)), offset);
                }
            }
            index.record(Some(Timestamp(front)), offset);
            for (until, _) in &events {
                let after = until - random.within(1, 60_000);
                let (from, to) = index.cover(Timestamp(after), Timestamp(*until));
                let inside = events.iter().filter(|(time, _)| *time > after && time <= until);
                for (time, at) in inside {
                    assert!((from..to).contains(at), "{seed}: {time} at {at}: {from}..{to}");
                }
            }
        }
    }

    #[test]
    fn an_index_stays_short_and_a_range_narrow() {
        let begin = ResumePoint { offset: 0, front: None };
        let mut index = OffsetTimeIndex::new(0, begin, std::iter::empty());
        for second in 0..100_000 {
            index.record(Some(Timestamp(second * 1_000)), (second + 1) * 10);
        }
        assert!(index.points.len() <= POINTS_MAX, "{}", index.points.len());
        let (from, to) = index.cover(Timestamp(99_000_000), Timestamp(99_060_000));
        assert!(from <= 990_010 && to >= 990_600, "{from}..{to}");
        assert!(to - from < 1_200, "{from}..{to}");
        // What is known from before a restart is known after it.
        let at = |second: i64| ResumePoint {
            offset: second * 10,
            front: Some(Timestamp(second * 1_000)),
        };
        let index = OffsetTimeIndex::new(0, at(50), (0..50).map(at));
        assert_eq!(index.cover(Timestamp(20_000), Timestamp(30_000)), (200, 310));
    }
}
