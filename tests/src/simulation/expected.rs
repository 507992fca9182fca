//! Expectations of each group of rules: it knows the accepted events, but for those that came when
//! their instant was settled already (LANGUAGE §3.6).

use std::collections::{BTreeMap, BTreeSet};

use engine::program::{ObserveCounts, Program, ProgramError};
use model::observation::ObservationBatch;
use model::time::Timestamp;
use model::transition::Transition;
use rules_dsl::rule::{Alert, RuleSet, Watch};

use crate::generators::{DrawnCase, PartitionLog};
use crate::harness::{accepted_event, event, lateness_ms, origin, verdicts};
use crate::oracle::{AcceptedEvent, transitions};

use super::environment::SimulatedEnvironment;

/// A record: the log and its offset there.
type RecordPosition = (usize, usize);

/// The rules of one set of streams, which settle together.
struct RuleGroup {
    streams: Vec<usize>,
    rules: RuleSet,
    program: Program,
    /// Up to where they have settled in this life, and in any.
    settled: Timestamp,
    ever: Timestamp,
    late: BTreeSet<RecordPosition>,
}

/// All groups of rules, over all runs of the node.
pub(super) struct ExpectedHistory {
    groups: Vec<RuleGroup>,
    /// By log: how many records have been read in any life.
    positions: Vec<usize>,
    /// An event came that one life, or one thread, would have dropped and another did not.
    is_torn: bool,
    /// Observations that must have been counted as late.
    pub(super) rows_late: u64,
    /// By commit: how long the alert log was, and how far each stream was settled.
    pub(super) commits: Vec<(usize, Vec<Timestamp>)>,
    /// What a commit covered and the disk did not hold. Where events are late to one life and not
    /// to another, lives differ in what is open.
    pub(super) not_durable: Option<String>,
    /// Violations.
    pub(super) fault: Option<String>,
}

fn streams_of(alert: &Alert) -> Vec<usize> {
    let streams: BTreeSet<usize> =
        alert.trigger.selections().iter().map(|selection| selection.stream).collect();
    streams.into_iter().collect()
}

impl ExpectedHistory {
    pub(super) fn new(case: &DrawnCase) -> Result<ExpectedHistory, ProgramError> {
        let mut groups: BTreeMap<Vec<usize>, (Vec<Alert>, Vec<Watch>)> = BTreeMap::new();
        for alert in &case.rules.alerts {
            groups.entry(streams_of(alert)).or_default().0.push(alert.clone());
        }
        for watch in &case.rules.watches {
            groups.entry(streams_of(&watch.as_alert())).or_default().1.push(watch.clone());
        }
        let group = |(streams, (alerts, watches)): (Vec<usize>, (Vec<Alert>, Vec<Watch>))| {
            let rules = RuleSet { alerts, watches, ..case.rules.clone() };
            let program = Program::compile(&rules)?;
            let (settled, ever) = (Timestamp(i64::MIN), Timestamp(i64::MIN));
            Ok(RuleGroup { streams, rules, program, settled, ever, late: BTreeSet::new() })
        };
        Ok(ExpectedHistory {
            groups: groups.into_iter().map(group).collect::<Result<_, _>>()?,
            positions: vec![0; case.logs.len()],
            is_torn: false,
            rows_late: 0,
            commits: Vec::new(),
            not_durable: None,
            fault: None,
        })
    }

    /// A run begins before which this was published, by stream.
    pub(super) fn begin(&mut self, published: &[Timestamp]) {
        for group in &mut self.groups {
            let least = group.streams.iter().filter_map(|at| published.get(*at).copied()).min();
            group.ever = group.ever.max(group.settled).max(least.unwrap_or(group.ever));
            group.settled = Timestamp(i64::MIN);
        }
    }

    /// All shards have settled what the watermarks allow.
    pub(super) fn settle(&mut self, watermarks: &[Timestamp]) {
        for group in &mut self.groups {
            let least = group.streams.iter().filter_map(|at| watermarks.get(*at).copied()).min();
            group.settled = group.settled.max(least.unwrap_or(group.settled));
        }
    }

    /// A stream's earliest event comes when its instant is settled there.
    pub(super) fn begin_late(&mut self, stream: usize, time: Timestamp) {
        let mut groups = self.groups.iter().filter(|group| group.streams.contains(&stream));
        self.is_torn |= groups.any(|group| time > group.settled);
    }

    /// A record was read that its partition accepts.
    pub(super) fn read(
        &mut self,
        case: &DrawnCase,
        environment: &SimulatedEnvironment,
        (at, offset): RecordPosition,
    ) {
        let (Some(log), Some(place)) = (case.logs.get(at), environment.places.get(at)) else {
            return;
        };
        let (Some(record), Some(arrived)) = (log.records.get(offset), place.arrivals.get(offset))
        else {
            return;
        };
        let is_first_time = offset >= self.positions[at];
        let time = Timestamp(record.time);
        let mut is_late = false;
        for group in
            self.groups.iter_mut().filter(|group| group.streams.contains(&(log.stream as usize)))
        {
            if time <= group.settled {
                is_late = true;
                group.late.insert((at, offset));
                let mut counts = ObserveCounts::default();
                let batches = &mut [ObservationBatch::default()];
                group.program.observe(&event(record), origin(log, offset), batches, &mut counts);
                self.rows_late += counts.observations;
            } else if is_first_time && time <= group.ever {
                (is_late, self.is_torn) = (true, true);
            }
        }
        let Some(idle_ms) = environment.idle_ms else {
            if is_late {
                self.fault = Some(format!(
                    "late where time never passes by itself: log {at} offset {offset} {record:?}"
                ));
            }
            return;
        };
        let slack_ms = idle_ms + lateness_ms(case, log);
        let is_on_time = arrived - record.time <= slack_ms && !place.is_added();
        if is_late && is_first_time && is_on_time {
            self.fault = Some(format!(
                "the event of {} came at {arrived} and found it settled, {slack_ms} were allowed",
                record.time
            ));
        }
    }

    /// Everything up to here has been read once.
    pub(super) fn has_read(&mut self, at: usize, offset: usize) {
        if let Some(read) = self.positions.get_mut(at) {
            *read = (*read).max(offset + 1);
        }
    }

    /// By stream: the least instant that every group of rules has settled.
    pub(super) fn settled_by_all(&self) -> Timestamp {
        self.groups.iter().map(|group| group.settled).min().unwrap_or(Timestamp(i64::MIN))
    }

    /// True when it is unknown of an event if it counts.
    pub(super) fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// True when events came after their instant was settled.
    pub(super) fn has_late(&self) -> bool {
        self.is_torn || self.groups.iter().any(|group| !group.late.is_empty())
    }

    /// Result of the naive interpreter for the events each group of rules accepted.
    pub(super) fn wanted(&self, case: &DrawnCase) -> Vec<Transition> {
        let mut all = Vec::new();
        for group in &self.groups {
            let events: Vec<AcceptedEvent<'_>> = case
                .logs
                .iter()
                .enumerate()
                .flat_map(|(at, log)| group.accepted(case, (at, log)))
                .collect();
            all.extend(transitions(&group.rules, &events, group.settled, false));
        }
        all.sort_by(|a, b| {
            (a.facts.at, &a.facts.alert, &a.facts.key).cmp(&(
                b.facts.at,
                &b.facts.alert,
                &b.facts.key,
            ))
        });
        all
    }
}

impl RuleGroup {
    fn accepted(
        &self,
        case: &DrawnCase,
        (at, log): (usize, &PartitionLog),
    ) -> Vec<AcceptedEvent<'static>> {
        let verdicts = verdicts(case, log).into_iter().enumerate();
        verdicts
            .filter(|(offset, is_in)| *is_in && !self.late.contains(&(at, *offset)))
            .map(|(offset, _)| accepted_event(log, offset))
            .collect()
    }
}
