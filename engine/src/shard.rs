//! A shard: the key groups of one thread, evaluated instant by instant.

mod boundary;
mod fields;
mod key_state;
mod key_states;
mod seeds;
mod snapshot;
pub mod statistics;
mod stream_group;
mod table;
mod trigger_state;

use std::sync::Arc;

use model::observation::{Observation, ObservationBatch, Watermarks};
use model::time::Timestamp;
use model::transition::Transition;

use crate::program::Program;
use key_states::KeyStateStore;
use statistics::RuleCounts;
use stream_group::StreamGroup;

pub use crate::early_detector::EARLY_EVENTS_MAX;
pub use boundary::{
    CalendarEnd, KEYS_PER_RULE_MAX, RestoredEpisode, ShardCounts, ShardRestore, ShardSettings,
    StepOutput, WatchSample, calendar_ends, keys_share,
};

/// State and evaluation of the key groups that one thread owns.
///
/// [`Shard::step`] takes observations and watermarks and emits transitions.
#[derive(Debug)]
pub struct Shard {
    program: Arc<Program>,
    states: KeyStateStore,
    domains: Vec<StreamGroup>,
    /// Stream group indices by signal.
    domains_of: Vec<Vec<usize>>,
    /// Stream group indices by stream: groups that read it, or a stream joined with it.
    joined: Vec<Vec<usize>>,
    settled: Vec<Timestamp>,
    late_after_settle: u64,
}

impl Shard {
    /// Creates a shard that continues where the previous run ended, as recorded in `restored`.
    ///
    /// The caller must replay the events of one horizon before that point: they rebuild windows and
    /// publish nothing.
    pub fn new(program: Arc<Program>, settings: ShardSettings, restored: &ShardRestore) -> Shard {
        let domains = StreamGroup::divide(&program, settings, restored);
        let signals = 0..program.signal_count();
        let consumes = |signal: usize| {
            let seen = domains.iter().enumerate();
            seen.filter(|(_, domain)| domain.has_consumer(signal)).map(|(index, _)| index).collect()
        };
        Shard {
            domains_of: signals.map(consumes).collect(),
            joined: stream_group::joined(&domains, program.stream_count()),
            states: KeyStateStore::new(Arc::clone(&program), settings, restored),
            settled: (0..program.stream_count())
                .map(|stream| restored.published.get(stream).copied())
                .map(|published| published.unwrap_or(Timestamp(i64::MIN)))
                .collect(),
            late_after_settle: 0,
            domains,
            program,
        }
    }

    /// Replaces the program by one that may be adopted ([`Program::may_be_adopted`]) and that
    /// succeeds the current one at instants this shard has settled. Nothing is replayed: windows,
    /// episodes and buffered observations are kept.
    pub fn adopt(&mut self, program: &Arc<Program>) {
        self.states.adopt(Arc::clone(program));
        for domain in &mut self.domains {
            domain.adopt(program, &mut self.states);
        }
        self.program = Arc::clone(program);
    }

    /// Buffers observations, then settles the instants that `marks` allow.
    ///
    /// The caller must read the watermarks before it takes the batch from its ring: then every
    /// observation that they cover is in this batch or an earlier one.
    pub fn step(&mut self, batch: &ObservationBatch, marks: &Watermarks, out: &mut StepOutput) {
        for row in &batch.rows {
            self.take_in(batch, row, out);
        }
        let from = out.transitions.len();
        for domain in &mut self.domains {
            domain.settle(marks, &mut self.states, out);
        }
        for (stream, settled) in self.settled.iter_mut().enumerate() {
            let domains = self.joined.get(stream).into_iter().flatten();
            let emitted =
                domains.filter_map(|index| self.domains.get(*index)).map(StreamGroup::emitted);
            let mark = marks.settled.get(stream).copied();
            *settled = (*settled).max(emitted.min().or(mark).unwrap_or(*settled));
        }
        let fresh = out.transitions.get_mut(from..).unwrap_or_default();
        fresh.sort_by(|a, b| order_of(a).cmp(&order_of(b)));
    }

    fn take_in(&mut self, batch: &ObservationBatch, row: &Observation, out: &mut StepOutput) {
        let seen = self.domains_of.get(row.signal as usize).map_or(&[][..], Vec::as_slice);
        for domain in seen {
            let Some(domain) = self.domains.get_mut(*domain) else {
                continue;
            };
            let is_taken = domain.take_in(batch, row, &mut self.states, out);
            // During replay nothing is counted here: the previous run has counted it.
            self.late_after_settle += u64::from(!is_taken && domain.is_current());
        }
    }

    /// By stream: the instant up to which everything is emitted, by this run or a previous one. It
    /// never decreases.
    ///
    /// Streams that rules join, directly or through a third stream, share one instant: a replay
    /// from one horizon before it covers every rule that reads them.
    pub fn settled(&self) -> &[Timestamp] {
        &self.settled
    }

    /// Firing episodes with the state that a restart needs. Rules that are still replaying are left
    /// out: the previous run recorded a later state of them.
    pub fn open_episodes(&self) -> Vec<RestoredEpisode> {
        let domain_of = |rule| self.domains.iter().find(|domain| domain.evaluates(rule));
        let current = |rule| domain_of(rule).filter(|domain| domain.is_current());
        self.states.open_episodes(|rule| current(rule).map(StreamGroup::settled))
    }

    /// Current values of the watches, ordered by watch and key; unknown values are left out.
    pub fn watched(&mut self) -> Vec<WatchSample> {
        let mut out = Vec::new();
        for domain in &self.domains {
            domain.watched(&mut self.states, &mut out);
        }
        out.sort();
        out
    }

    /// Counts of held state and refused input.
    pub fn counts(&self) -> ShardCounts {
        ShardCounts {
            late_after_settle: self.late_after_settle,
            repeated: self.domains.iter().map(StreamGroup::repeated).sum(),
            waiting: self.domains.iter().map(|domain| domain.waiting() as u64).sum(),
            ..self.states.counts()
        }
    }

    /// Counts of each rule, in the order of the program's rules.
    pub fn rule_counts(&self) -> Vec<RuleCounts> {
        self.states.rule_counts()
    }

    /// Program that the shard runs.
    pub const fn program(&self) -> &Arc<Program> {
        &self.program
    }
}

/// Sort key of transitions: (instant, alert, key).
pub fn order_of(transition: &Transition) -> impl Ord + '_ {
    (transition.facts.at, &transition.facts.alert, &transition.facts.key)
}

#[cfg(test)]
mod tests;
