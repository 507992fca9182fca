//! A shard: the key groups of one thread, judged instant by instant.

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

/// The part of the work that one thread owns.
///
/// [`Shard::step`] is all it does: observations and marks in, transitions out.
#[derive(Debug)]
pub struct Shard {
    program: Arc<Program>,
    states: KeyStateStore,
    domains: Vec<StreamGroup>,
    /// Domain indices by signal.
    domains_of: Vec<Vec<usize>>,
    /// Domain indices by stream: those that read it, or a stream it is joined with.
    joined: Vec<Vec<usize>>,
    settled: Vec<Timestamp>,
    late_after_settle: u64,
}

impl Shard {
    /// A shard that continues where `restored` says an earlier run ended.
    ///
    /// Events of one horizon before that are expected again: they rebuild windows and
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

    /// Goes on with a program that may be adopted ([`Program::may_be_adopted`]) and succeeds
    /// its own at instants this shard has settled. Nothing is read again: windows, episodes and
    /// what waits are those of both.
    pub fn adopt(&mut self, program: &Arc<Program>) {
        self.states.adopt(Arc::clone(program));
        for domain in &mut self.domains {
            domain.adopt(program, &mut self.states);
        }
        self.program = Arc::clone(program);
    }

    /// Takes in observations, then settles what `marks` allow.
    ///
    /// The marks must have been read before the batch was taken from its ring: then every
    /// observation they speak of is in this batch or an earlier one.
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
            // What an earlier run had read by then, it has counted.
            self.late_after_settle += u64::from(!is_taken && domain.is_current());
        }
    }

    /// By stream: the instant up to which everything has been told, by this run or an
    /// earlier one; it never goes back.
    ///
    /// Streams that rules join, be it over a third, share one instant: whoever reads again
    /// one horizon before it has what every rule of theirs needs.
    pub fn settled(&self) -> &[Timestamp] {
        &self.settled
    }

    /// Episodes that fire, with what a restart needs to know of them; none of rules that have
    /// still to come to where an earlier run was, which knew more.
    pub fn open_episodes(&self) -> Vec<RestoredEpisode> {
        let domain_of = |rule| self.domains.iter().find(|domain| domain.evaluates(rule));
        let current = |rule| domain_of(rule).filter(|domain| domain.is_current());
        self.states.open_episodes(|rule| current(rule).map(StreamGroup::settled))
    }

    /// Values of the watches now, ordered by watch and key; nothing of what is unknown.
    pub fn watched(&mut self) -> Vec<WatchSample> {
        let mut out = Vec::new();
        for domain in &self.domains {
            domain.watched(&mut self.states, &mut out);
        }
        out.sort();
        out
    }

    /// Counts of what it holds and has refused.
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

    /// The program it runs.
    pub const fn program(&self) -> &Arc<Program> {
        &self.program
    }
}

/// The order in which transitions are told: (instant, alert, key).
pub fn order_of(transition: &Transition) -> impl Ord + '_ {
    (transition.facts.at, &transition.facts.alert, &transition.facts.key)
}

#[cfg(test)]
mod tests;
