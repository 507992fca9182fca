//! A domain: the rules that read the same streams, and so settle together.

mod snapshot;

use std::collections::BTreeMap;

use hashbrown::HashSet;
use model::observation::{Batch, Marks, Row};
use model::time::Timestamp;

use super::boundary::{Out, Restored, ShardSettings, Watched};
use super::states::States;
use super::table::StateId;
use crate::aggregate::sooner;
use crate::key_group::group_of;
use crate::keys::KeyId;
use crate::memory::Remembering;
use crate::probe::announces_early;
use crate::program::{Input, Program};
use crate::reorder::{Reorder, Waiting};
use crate::timer::Timers;
pub(super) use snapshot::Standing;

/// Observations and timers of rules that share their streams.
#[derive(Debug)]
pub struct Domain {
    streams: Vec<usize>,
    rules: Vec<usize>,
    /// By signal: whom it feeds.
    listeners: Vec<Vec<Listener>>,
    reorder: Reorder,
    /// By instant: the identified observations that wait, each once.
    waiting_once: BTreeMap<i64, HashSet<Identified>>,
    /// Observations of events that had come before with the same id and time.
    repeated: u64,
    agenda: Agenda,
    settled: i64,
    past: Past,
    is_warm: bool,
    is_seeded: bool,
    /// How its rules tell what they have learnt, where one of them does.
    remembering: Option<Remembering>,
    /// What was learnt is told before anything later than this is applied.
    tells_at: i64,
    /// States to be judged at the instant at hand; kept for its memory.
    touched: Vec<StateId>,
}

/// Room for states of an instant that is kept from one to the next.
const TOUCHED_SPARE: usize = 1_024;

/// An observation by signal, key and hash of its event's id.
type Identified = (u32, KeyId, u64);

/// What earlier runs have done.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// Up to here they told what there was, and counted what they refused.
    pub told: i64,
    /// Up to here instants are rehearsed: windows are rebuilt of what is read again. A domain
    /// that goes on from a snapshot has nothing to rebuild.
    pub rehearsed: i64,
}

/// What is due when.
#[derive(Debug, Default)]
pub struct Agenda {
    /// Running timers.
    pub timers: Timers<StateId>,
    /// Openings of calendars that something waits for.
    pub openings: Timers<StateId>,
}

/// A rule that takes a signal in.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    pub rule: u32,
    /// As what it takes it.
    pub input: Input,
    /// Whether the rule is announced ahead of settling.
    is_early: bool,
}

impl Agenda {
    /// The earliest entry's instant; nothing is due before it.
    fn next(&self) -> Option<i64> {
        sooner(self.timers.next(), self.openings.next())
    }
}

impl Domain {
    /// The domains of a program.
    pub(crate) fn divide(
        program: &Program,
        settings: ShardSettings,
        restored: &Restored,
    ) -> Vec<Domain> {
        let mut domains: Vec<Domain> = Vec::new();
        for (index, rule) in program.rules().iter().enumerate() {
            let known = domains.iter().position(|domain| domain.streams == rule.streams);
            let at = known.unwrap_or_else(|| {
                domains.push(Domain::new(rule.streams.clone(), restored));
                domains.len() - 1
            });
            let Some(domain) = domains.get_mut(at) else {
                continue;
            };
            domain.rules.push(index);
            let how = settings.remembering.filter(|how| rule.recall(*how).is_some());
            if how.is_some() {
                (domain.remembering, domain.tells_at) = (how, i64::MIN);
            }
            let is_early = settings.early && announces_early(&rule.alert);
            for (signal, input) in &rule.inputs {
                let listener = Listener { rule: index as u32, input: *input, is_early };
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

    fn new(streams: Vec<usize>, restored: &Restored) -> Domain {
        let published = |stream: &usize| restored.published.get(*stream).map_or(i64::MIN, |t| t.0);
        let published = streams.iter().map(published).min().unwrap_or(i64::MIN);
        Domain {
            streams,
            rules: Vec::new(),
            listeners: Vec::new(),
            reorder: Reorder::default(),
            waiting_once: BTreeMap::new(),
            repeated: 0,
            agenda: Agenda::default(),
            settled: i64::MIN,
            past: Past { told: published, rehearsed: published },
            is_warm: published == i64::MIN,
            is_seeded: false,
            remembering: None,
            tells_at: i64::MAX,
            touched: Vec::new(),
        }
    }

    /// Goes on with the same rules in another wording, which judges from the first instant
    /// that is not settled on.
    pub(crate) fn adopt(&mut self, program: &Program, states: &mut States) {
        for listener in self.listeners.iter_mut().flatten() {
            let plan = program.rules().get(listener.rule as usize);
            listener.is_early = plan.is_some_and(|plan| states.announces(&plan.alert));
        }
        states.turn(&self.rules, self.settled, &mut self.agenda.timers);
    }

    /// Whether a signal feeds one of its rules.
    pub(crate) fn hears(&self, signal: usize) -> bool {
        self.listeners.get(signal).is_some_and(|listeners| !listeners.is_empty())
    }

    /// Queues an observation; false when its instant is settled already.
    pub(crate) fn take_in(
        &mut self,
        batch: &Batch,
        row: &Row,
        states: &mut States,
        out: &mut Out,
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
        for Listener { rule, .. } in listeners.filter(|it| it.is_early) {
            let said_until = self.settled.max(self.past.told);
            states.announce((*rule, key), row.time.0, row.value, said_until, fields, out);
        }
        self.reorder.push(Waiting {
            order: (row.time, row.origin),
            id: row.id,
            signal: row.signal,
            key,
            value: row.value,
            fields: fields.into(),
        });
        true
    }

    /// Judges every instant up to where the marks of all its streams have come.
    pub(crate) fn settle(&mut self, marks: &Marks, states: &mut States, out: &mut Out) {
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
            // Up to here an earlier run has spoken: the instants are rehearsed to rebuild
            // windows, while the episodes it left open are taken at its word.
            self.judge_until(until.min(self.past.rehearsed), states, out);
            if until > self.past.rehearsed {
                let next = self.past.rehearsed.saturating_add(1);
                states.wake(&self.rules, next, &mut self.agenda.timers);
                self.is_warm = true;
            }
        }
        self.judge_until(until, states, out);
        self.settled = until;
        self.reorder.give_back();
        self.touched.shrink_to(TOUCHED_SPARE);
    }

    fn judge_until(&mut self, until: i64, states: &mut States, out: &mut Out) {
        // At the end of time what runs runs out; a calendar's next opening is no timer.
        let opens = until < i64::MAX;
        loop {
            let opening = self.agenda.openings.next().filter(|_| opens);
            let due = sooner(self.agenda.timers.next(), opening);
            let next = sooner(self.reorder.next(), due);
            let Some(now) = next.filter(|now| *now <= until) else {
                self.tell_learnt(until, states, out);
                return;
            };
            if now > self.tells_at {
                self.tell_learnt(now - 1, states, out);
            }
            self.judge_instant(now, opens, states, out);
        }
    }

    /// Applies all observations of one instant, then judges each touched state once.
    fn judge_instant(&mut self, now: i64, opens: bool, states: &mut States, out: &mut Out) {
        // What comes again stays in line until here: the first in the order of events counts.
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
            states.answer(&self.rules, now, opens, &mut self.agenda, &mut self.touched);
        }
        for id in self.touched.drain(..) {
            states.judge(id, now, self.past, &mut self.agenda, out);
        }
    }

    /// Tells what its rules have learnt up to the last point of the grid, all instants up to
    /// `judged` being judged.
    fn tell_learnt(&mut self, judged: i64, states: &mut States, out: &mut Out) {
        let Some(remembering) = self.remembering.filter(|_| judged > i64::MIN) else { return };
        let point = remembering.point(judged);
        states.tell_learnt(&self.rules, point, out);
        self.tells_at = point.saturating_add(remembering.every_ms);
    }

    /// Tells the rules when their streams had their first event: some have something to say
    /// of no events at all.
    fn seed(&mut self, marks: &Marks, until: i64, states: &mut States) {
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

    /// The instant up to which everything has been told, now or by an earlier run.
    pub(crate) fn told(&self) -> Timestamp {
        Timestamp(self.settled.max(self.past.told))
    }

    /// The last instant that it has evaluated.
    pub(crate) const fn settled(&self) -> Timestamp {
        Timestamp(self.settled)
    }

    /// Whether a rule is one of its own.
    pub(crate) fn judges(&self, rule: usize) -> bool {
        self.rules.binary_search(&rule).is_ok()
    }

    /// Whether it has come to where an earlier run was.
    pub(crate) const fn is_current(&self) -> bool {
        self.settled >= self.past.told
    }

    /// Adds what its watches show at the newest settled instant.
    pub(crate) fn watched(&self, states: &mut States, out: &mut Vec<Watched>) {
        // Before anything is settled there is nothing to show, nor at the end of time.
        if self.is_warm && ![i64::MIN, i64::MAX].contains(&self.settled) {
            states.watched(&self.rules, self.settled, out);
        }
    }

    /// Observations of events that had come before with the same id and time.
    pub(crate) const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Observations waiting to be settled.
    pub(crate) fn waiting(&self) -> usize {
        self.reorder.len()
    }
}

fn of_signal(listeners: &[Vec<Listener>], signal: u32) -> &[Listener] {
    listeners.get(signal as usize).map_or(&[], Vec::as_slice)
}

/// By stream: the domains that read it or a stream it is joined with, however indirectly.
pub(crate) fn joined(domains: &[Domain], streams: usize) -> Vec<Vec<usize>> {
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
    let reads = |group: usize, domain: &Domain| {
        let mut streams = domain.streams.iter();
        streams.any(|stream| groups.get(*stream) == Some(&group))
    };
    let of = |group: &usize| {
        let all = domains.iter().enumerate();
        all.filter(|(_, domain)| reads(*group, domain)).map(|(index, _)| index).collect()
    };
    groups.iter().map(of).collect()
}
