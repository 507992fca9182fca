//! Early detection: an unsettled event already makes a rising trigger true.
//!
//! A detector sees events in order of arrival and may miss a truth. Its alerts are never wrong,
//! since for its triggers further events can only add to the truth.

use std::collections::VecDeque;

use rules_dsl::rule::{Alert, Measure, Trigger};

use crate::key_thresholds::KeyThresholds;
use crate::measure_value::MeasureValue;
use crate::snapshot::packed;

/// Number of events of one key kept for early detection; beyond it the oldest are dropped, and an
/// early alert may be missed.
pub const EARLY_EVENTS_MAX: usize = 65_536;

/// State of one key for early detection by one trigger.
#[derive(Debug)]
pub struct EarlyDetector {
    levels: KeyThresholds,
    /// Ascending (time, value); of distinct values only the newest stamp of each.
    stamps: VecDeque<(i64, i128)>,
    /// Last instant of the early alerts that may wait to be settled, and their highest level.
    announced: Option<(i64, usize)>,
}

/// A truth found ahead of settling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyMatch {
    /// The instant at which the condition is true.
    pub at: i64,
    /// Measured value over the events seen; `None` for event triggers.
    pub measured: Option<MeasureValue>,
    /// The highest level met: 0 is the rule's own, others are those of its ladder.
    pub rung: usize,
    /// Events seen inside the window.
    pub events: u64,
}

/// True when an alert can have early alerts: a rising trigger without `for` and calendar, not in
/// shadow.
pub(crate) fn announces_early(alert: &Alert) -> bool {
    let can = match &alert.trigger {
        Trigger::Condition(condition) => condition.only_rises(),
        Trigger::Any { and, .. } => and.is_none(),
        _ => false,
    };
    can && alert.for_ms == 0 && alert.during.is_none() && !alert.is_shadow
}

impl EarlyDetector {
    /// Creates the detector of a key with these levels, with no events.
    pub(crate) const fn new(levels: KeyThresholds) -> EarlyDetector {
        EarlyDetector { levels, stamps: VecDeque::new(), announced: None }
    }

    /// The levels of its key.
    pub(crate) const fn levels(&self) -> &KeyThresholds {
        &self.levels
    }

    /// Replaces the levels of the key.
    pub(crate) fn advance(&mut self, levels: KeyThresholds) {
        self.levels = levels;
    }

    /// Adds an event and finds the first instant at or after it where the trigger holds.
    ///
    /// Returns nothing below `settled`, nor while an early alert waits to be settled or the episode
    /// is `open`, except for a level of the ladder higher than both have had.
    pub(crate) fn observe(
        &mut self,
        trigger: &Trigger,
        time: i64,
        value: i128,
        settled: i64,
        open: impl FnOnce() -> Option<usize>,
    ) -> Option<EarlyMatch> {
        let window_ms = trigger.window_ms();
        while self.stamps.front().is_some_and(|s| s.0 <= settled.saturating_sub(window_ms)) {
            self.stamps.pop_front();
        }
        let single = trigger.condition().and_then(|condition| condition.single());
        let found = match single.map(|(window, _)| &window.measure) {
            None => Some(EarlyMatch { at: time, measured: None, rung: 0, events: 1 }),
            Some(Measure::Max(_) | Measure::Min(_)) => {
                self.met(time, MeasureValue::whole(value), 1)
            }
            Some(Measure::Distinct(_)) => {
                self.stamp_distinct(time, value);
                self.count_at(time, window_ms)
            }
            Some(_) => {
                let from = self.stamp(time, value);
                let later = self.stamps.iter().skip(from).map(|stamp| stamp.0);
                let mut near = later.take_while(|at| at - time < window_ms);
                near.find_map(|at| self.count_at(at, window_ms))
            }
        }?;
        let is_higher = |emitted: usize| found.rung > emitted;
        let waiting = self.announced.filter(|(at, _)| *at > settled);
        let is_news = waiting.is_none_or(|(_, emitted)| is_higher(emitted));
        if found.at <= settled || !is_news || !open().is_none_or(is_higher) {
            return None;
        }
        // Of two waiting early alerts, keep the later instant and the higher level: they may belong
        // to one episode.
        let (at, emitted) = waiting.unwrap_or((found.at, found.rung));
        self.announced = Some((at.max(found.at), emitted.max(found.rung)));
        Some(found)
    }

    /// True when the detector can be dropped once `settled` is reached.
    pub(crate) fn is_idle(&self, settled: i64, window_ms: i64) -> bool {
        let announced = self.announced.map(|(at, _)| at);
        let newest = self.stamps.back().map(|stamp| stamp.0).max(announced);
        newest.is_none_or(|newest| newest <= settled.saturating_sub(window_ms))
    }

    /// Adds a stamp in order and returns its place.
    fn stamp(&mut self, time: i64, value: i128) -> usize {
        if self.stamps.len() >= EARLY_EVENTS_MAX {
            self.stamps.pop_front();
        }
        let place = self.stamps.partition_point(|stamp| stamp.0 <= time);
        self.stamps.insert(place, (time, value));
        place
    }

    fn stamp_distinct(&mut self, time: i64, value: i128) {
        match self.stamps.iter().position(|stamp| stamp.1 == value) {
            Some(known) if self.stamps.get(known).is_some_and(|stamp| stamp.0 >= time) => {}
            Some(known) => {
                self.stamps.remove(known);
                self.stamp(time, value);
            }
            None => {
                self.stamp(time, value);
            }
        }
    }

    /// The truth of the stamps that lie in the window at an instant.
    fn count_at(&self, at: i64, window_ms: i64) -> Option<EarlyMatch> {
        let until = self.stamps.partition_point(|stamp| stamp.0 <= at);
        let from = self.stamps.partition_point(|stamp| stamp.0 <= at.saturating_sub(window_ms));
        let events = until.saturating_sub(from) as u64;
        self.met(at, MeasureValue::count(events), events)
    }

    fn met(&self, at: i64, measured: MeasureValue, events: u64) -> Option<EarlyMatch> {
        let rung = self.levels.met(&measured)?;
        Some(EarlyMatch { at, measured: Some(measured), rung, events })
    }
}

packed!(EarlyDetector { levels, stamps, announced });
