//! A stream group: rules that read the same streams and therefore settle together.

mod snapshot;

use std::collections::BTreeMap;

use hashbrown::HashSet;
use model::observation::{Observation, ObservationBatch, Watermarks};
use model::time::Timestamp;

use super::boundary::{ShardRestore, ShardSettings, StepOutput, WatchSample};
use super::key_states::KeyStateStore;
use super::table::StateId;
use crate::aggregate::sooner;
use crate::early_detector::announces_early;
use crate::key_group::group_of;
use crate::keys::KeyId;
use crate::program::{InputRole, Program};
use crate::reorder::{BufferedObservation, ReorderBuffer};
use crate::rule_state::StateCheckpointPolicy;
use crate::timer::TimerQueue;
pub(super) use snapshot::StreamGroupSnapshot;

/// Observations and timers of rules that share their streams.
#[derive(Debug)]
pub struct StreamGroup {
    streams: Vec<usize>,
    rules: Vec<usize>,
    /// Consumers by signal.
    listeners: Vec<Vec<SignalConsumer>>,
    reorder: ReorderBuffer,
    /// By instant: buffered observations that have an event id, to deduplicate them.
    waiting_once: BTreeMap<i64, HashSet<IdentifiedObservation>>,
    /// Duplicates dropped: observations whose event id and time were seen before.
    repeated: u64,
    agenda: GroupTimers,
    settled: i64,
    past: RecoveryBounds,
    is_warm: bool,
    is_seeded: bool,
    /// Schedule of its rules' state deltas, where one of them writes any.
    remembering: Option<StateCheckpointPolicy>,
    /// Next checkpoint of rule state: deltas are emitted before anything later is applied.
    emits_at: i64,
    /// States to evaluate at the current instant; kept to reuse the allocation.
    touched: Vec<StateId>,
}

/// Capacity of the list of touched states that is kept between steps.
const TOUCHED_SPARE: usize = 1_024;

/// Identity of an observation: signal, key and hash of the event id.
type IdentifiedObservation = (u32, KeyId, u64);

/// Instants up to which previous runs have emitted.
#[derive(Clone, Copy, Debug)]
pub struct RecoveryBounds {
    /// Previous runs emitted their output and counted their refusals up to here.
    pub emitted: i64,
    /// Instants up to here are replayed without publishing, to rebuild windows. A group restored
    /// from a snapshot has nothing to rebuild.
    pub rehearsed: i64,
}

/// Timers of the group.
#[derive(Debug, Default)]
pub struct GroupTimers {
    /// Running timers.
    pub timers: TimerQueue<StateId>,
    /// Openings of calendars that a state waits for.
    pub openings: TimerQueue<StateId>,
}

/// A rule that consumes a signal.
#[derive(Clone, Copy, Debug)]
pub struct SignalConsumer {
    pub rule: u32,
    /// Role of the signal in the rule.
    pub input: InputRole,
    /// True when the rule emits early alerts.
    is_early: bool,
}

impl GroupTimers {
    /// Instant of the earliest timer; nothing is due before it.
    fn next(&self) -> Option<i64> {
        sooner(self.timers.next(), self.openings.next())
    }
}

impl StreamGroup {
    /// Groups the rules of a program by the streams they read.
    pub(crate) fn divide(
        program: &Program,
        settings: ShardSettings,
        restored: &ShardRestore,
    ) -> Vec<StreamGroup> {
        let mut domains: Vec<StreamGroup> = Vec::new();
        for (index, rule) in program.rules().iter().enumerate() {
            let known = domains.iter().position(|domain| domain.streams == rule.streams);
            let at = known.unwrap_or_else(|| {
                domains.push(StreamGroup::new(rule.streams.clone(), restored));
                domains.len() - 1
            });
            let Some(domain) = domains.get_mut(at) else {
                continue;
            };
            domain.rules.push(index);
            let how = settings.remembering.filter(|how| rule.recall(*how).is_some());
            if how.is_some() {
                (domain.remembering, domain.emits_at) = (how, i64::MIN);
            }
            let is_early = settings.early && announces_early(&rule.alert);
            for (signal, input) in &rule.inputs {
                let listener = SignalConsumer { rule: index as u32, input: *input, is_early };
                let known = domain.listeners.len().max(*signal as usize + 1);
                domain.listeners.resize_with(known, Vec::new);
                domain
                    .listeners
                    .get_mut(*signal as usize)
                    .into_iter()
                    .for_each(|of| of.push(listener));
            }
        }
        domains
    }

    fn new(streams: Vec<usize>, restored: &ShardRestore) -> StreamGroup {
        let published = |stream: &usize| restored.published.get(*stream).map_or(i64::MIN, |t| t.0);
        let published = streams.iter().map(published).min().unwrap_or(i64::MIN);
        StreamGroup {
            streams,
            rules: Vec::new(),
            listeners: Vec::new(),
            reorder: ReorderBuffer::default(),
            waiting_once: BTreeMap::new(),
            repeated: 0,
            agenda: GroupTimers::default(),
            settled: i64::MIN,
            past: RecoveryBounds { emitted: published, rehearsed: published },
            is_warm: published == i64::MIN,
            is_seeded: false,
            remembering: None,
            emits_at: i64::MAX,
            touched: Vec::new(),
        }
    }

    /// Continues with new versions of the same rules, which evaluate from the first instant that is
    /// not settled.
    pub(crate) fn adopt(&mut self, program: &Program, states: &mut KeyStateStore) {
        for listener in self.listeners.iter_mut().flatten() {
            let plan = program.rules().get(listener.rule as usize);
            listener.is_early = plan.is_some_and(|plan| states.announces(&plan.alert));
        }
        states.advance(&self.rules, self.settled, &mut self.agenda.timers);
    }

    /// True when a signal feeds one of its rules.
    pub(crate) fn has_consumer(&self, signal: usize) -> bool {
        self.listeners.get(signal).is_some_and(|listeners| !listeners.is_empty())
    }

    /// Queues an observation; false when its instant is settled already.
    pub(crate) fn take_in(
        &mut self,
        batch: &ObservationBatch,
        row: &Observation,
        states: &mut KeyStateStore,
        out: &mut StepOutput,
    ) -> bool {
        if row.time.0 <= self.settled {
            if self.is_current() {
                let listeners = self.listeners.get(row.signal as usize);
                states.count_late(listeners.into_iter().flatten());
            }
            return false;
        }
        let key = states.keys.acquire(batch.slice(row.key), group_of(row.key_hash));
        let fields = batch.slice(row.fields);
        let is_new = row.id == 0
            || self.waiting_once.entry(row.time.0).or_default().insert((row.signal, key, row.id));
        let listeners = of_signal(&self.listeners, row.signal).iter().filter(|_| is_new);
        for SignalConsumer { rule, .. } in listeners.filter(|it| it.is_early) {
            let said_until = self.settled.max(self.past.emitted);
            states.announce((*rule, key), row.time.0, row.value, said_until, fields, out);
        }
        self.reorder.push(BufferedObservation {
            order: (row.time, row.origin),
            id: row.id,
            signal: row.signal,
            key,
            value: row.value,
            fields: fields.into(),
        });
        true
    }

    /// Evaluates every instant up to the lowest watermark of its streams.
    pub(crate) fn settle(
        &mut self,
        marks: &Watermarks,
        states: &mut KeyStateStore,
        out: &mut StepOutput,
    ) {
        let mark = |stream: &usize| marks.settled.get(*stream).map_or(i64::MIN, |mark| mark.0);
        let until = self.streams.iter().map(mark).min().unwrap_or(i64::MIN);
        if until <= self.settled {
            return;
        }
        self.seed(marks, until, states);
        if !self.is_warm {
            if self.settled == i64::MIN {
                states.await_turns(&self.rules, &mut self.agenda.timers);
            }
            // The previous run published up to here: replay these instants to rebuild windows. The
            // episodes it left open are restored as it recorded them.
            self.evaluate_until(until.min(self.past.rehearsed), states, out);
            if until > self.past.rehearsed {
                let next = self.past.rehearsed.saturating_add(1);
                states.wake(&self.rules, next, &mut self.agenda.timers);
                self.is_warm = true;
            }
        }
        self.evaluate_until(until, states, out);
        self.settled = until;
        self.reorder.give_back();
        self.touched.shrink_to(TOUCHED_SPARE);
    }

    fn evaluate_until(&mut self, until: i64, states: &mut KeyStateStore, out: &mut StepOutput) {
        // At the end of time running timers expire; the next opening of a calendar is not one of
        // them.
        let opens = until < i64::MAX;
        loop {
            let opening = self.agenda.openings.next().filter(|_| opens);
            let due = sooner(self.agenda.timers.next(), opening);
            let next = sooner(self.reorder.next(), due);
            let Some(now) = next.filter(|now| *now <= until) else {
                self.emit_learnt(until, states, out);
                return;
            };
            if now > self.emits_at {
                self.emit_learnt(now - 1, states, out);
            }
            self.evaluate_instant(now, opens, states, out);
        }
    }

    /// Applies all observations of one instant, then evaluates each touched state once.
    fn evaluate_instant(
        &mut self,
        now: i64,
        opens: bool,
        states: &mut KeyStateStore,
        out: &mut StepOutput,
    ) {
        // Duplicates stay buffered until here: the first in the order of events counts.
        let mut once = self.waiting_once.remove(&now);
        while let Some(waiting) = self.reorder.pop_at(now) {
            let identified = (waiting.signal, waiting.key, waiting.id);
            let mut is_first = || once.as_mut().is_some_and(|once| once.remove(&identified));
            if waiting.id != 0 && !is_first() {
                self.repeated += 1;
                states.keys.release(waiting.key);
                continue;
            }
            for listener in of_signal(&self.listeners, waiting.signal) {
                if let Some(id) = states.apply(*listener, now, self.past, &waiting) {
                    self.touched.push(id);
                }
            }
            states.keys.release(waiting.key);
        }
        if self.agenda.next().is_some_and(|due| due <= now) {
            states.take_due(&self.rules, now, opens, &mut self.agenda, &mut self.touched);
        }
        for id in self.touched.drain(..) {
            states.evaluate(id, now, self.past, &mut self.agenda, out);
        }
    }

    /// Emits the state deltas of its rules up to the last checkpoint; all instants up to
    /// `evaluated` are evaluated.
    fn emit_learnt(&mut self, evaluated: i64, states: &mut KeyStateStore, out: &mut StepOutput) {
        let Some(remembering) = self.remembering.filter(|_| evaluated > i64::MIN) else { return };
        let point = remembering.point(evaluated);
        states.emit_learnt(&self.rules, point, out);
        self.emits_at = point.saturating_add(remembering.every_ms);
    }

    /// Passes the instant of the streams' first event to the rules: some are evaluated without
    /// events.
    fn seed(&mut self, marks: &Watermarks, until: i64, states: &mut KeyStateStore) {
        let firsts = self.streams.iter().map(|stream| marks.first.get(*stream).copied().flatten());
        let Some(first) = firsts.collect::<Option<Vec<_>>>().and_then(|f| f.into_iter().max())
        else {
            return;
        };
        if !self.is_seeded && first.0 <= until {
            self.is_seeded = true;
            for rule in &self.rules {
                states.seed(*rule as u32, first.0, &mut self.agenda.timers);
            }
        }
    }

    /// Instant up to which everything is emitted, by this run or a previous one.
    pub(crate) fn emitted(&self) -> Timestamp {
        Timestamp(self.settled.max(self.past.emitted))
    }

    /// Last evaluated instant.
    pub(crate) const fn settled(&self) -> Timestamp {
        Timestamp(self.settled)
    }

    /// True when a rule belongs to the group.
    pub(crate) fn evaluates(&self, rule: usize) -> bool {
        self.rules.binary_search(&rule).is_ok()
    }

    /// True when replay has reached the point where the previous run ended.
    pub(crate) const fn is_current(&self) -> bool {
        self.settled >= self.past.emitted
    }

    /// Adds the values of its watches at the newest settled instant.
    pub(crate) fn watched(&self, states: &mut KeyStateStore, out: &mut Vec<WatchSample>) {
        // There is no value before anything is settled, nor at the end of time.
        if self.is_warm && ![i64::MIN, i64::MAX].contains(&self.settled) {
            states.watched(&self.rules, self.settled, out);
        }
    }

    /// Number of duplicates dropped: observations whose event id and time were seen before.
    pub(crate) const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Number of observations that wait to be settled.
    pub(crate) fn waiting(&self) -> usize {
        self.reorder.len()
    }
}

fn of_signal(listeners: &[Vec<SignalConsumer>], signal: u32) -> &[SignalConsumer] {
    listeners.get(signal as usize).map_or(&[], Vec::as_slice)
}

/// By stream: the groups that read it, or a stream joined with it directly or indirectly.
pub(crate) fn joined(domains: &[StreamGroup], streams: usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<usize> = (0..streams).collect();
    for domain in domains {
        let own = |stream: &usize| groups.get(*stream).copied();
        let merged: Vec<usize> = domain.streams.iter().filter_map(own).collect();
        let Some(least) = merged.iter().min().copied() else {
            continue;
        };
        for group in groups.iter_mut().filter(|group| merged.contains(group)) {
            *group = least;
        }
    }
    let reads = |group: usize, domain: &StreamGroup| {
        let mut streams = domain.streams.iter();
        streams.any(|stream| groups.get(*stream) == Some(&group))
    };
    let of = |group: &usize| {
        let all = domains.iter().enumerate();
        all.filter(|(_, domain)| reads(*group, domain)).map(|(index, _)| index).collect()
    };
    groups.iter().map(of).collect()
}
