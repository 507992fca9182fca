//! `check --against`: what recorded events make of the rules.

mod sketch;

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use engine::key_group::key_hash;
use engine::program::{Program, ProgramError, RulePlan};
use engine::shard::KEYS_PER_RULE_MAX;
use hdrhistogram::Histogram;
use model::key::encode_key;
use model::observation::ObservationBatch;
use model::transition::{Transition, TransitionKind};
use rules_dsl::rule::{RuleSet, Trigger};
use rules_dsl::sample_lint::{
    EventSample, KeySample, LATE_ONE_IN, RuleSample, SelectionSample, ServiceLimits, StreamSample,
    together_ms,
};
use runtime::ingest::admission::AdmissionOutcome;
use runtime::ingest::reader::WAITING_BYTES;
use runtime::replay::{ReplayObserver, ReplayOptions};
use runtime::rules::loaded::RuleLoadError;

use sketch::DistinctSketch;

use crate::commands::CommandExit;
use crate::commands::recorded::{UndecodableLines, run_replay};
use crate::config::NodeLimits;
use crate::rule_files::RulesError;

/// Instants that are kept to tell how far apart events come; later ones are not looked at.
const INSTANTS_MAX: usize = 4_000_000;
/// Fewer distances than this tell no cadence.
const DISTANCES_MIN: usize = 10;

/// Reads and judges recorded events.
pub(super) fn sample(
    set: &RuleSet,
    files: &[String],
    year: Option<i64>,
) -> Result<EventSample, CommandExit> {
    let program = Arc::new(Program::compile(set).map_err(program_error)?);
    let survey = SampleStats::new(set, &program);
    let options = ReplayOptions { workers: 1, year, drain: false };
    let (survey, _) = run_replay(set, &program, files, options, survey)?;
    survey.complaints.report();
    Ok(survey.sample(&program))
}

fn program_error(error: ProgramError) -> RulesError {
    RulesError::Load(RuleLoadError::Program(error))
}

/// Statistics of the sample.
struct SampleStats {
    complaints: UndecodableLines,
    streams: Vec<StreamSurvey>,
    signals: HashMap<u32, SignalSurvey>,
    /// Instants kept of all signals.
    kept: usize,
    /// By alert, then by key.
    episodes: HashMap<String, HashMap<u64, FiredAlert>>,
    /// In the order of the program's rules.
    keys: Vec<KeySurvey>,
    /// By signal: places in `keys`.
    keyed: HashMap<u32, Vec<usize>>,
}

struct StreamSurvey {
    events: u64,
    /// Lateness of late events, in milliseconds.
    late: Histogram<u64>,
    waiting: FiringSpans,
}

/// Counts what lies in the same stretch of time, the stretches following on each other.
struct FiringSpans {
    length_ms: i64,
    /// The newest one, by its number since 1970.
    newest: i64,
    /// Its count, and that of the one before: events come out of order.
    counts: [u64; 2],
    most: u64,
}

/// Statistics of a rule's keys: two sketches of 8 KiB, however many there are.
struct KeySurvey {
    /// Time for which a key is held.
    together_ms: i64,
    all: DistinctSketch,
    /// Those of the newest stretch of `together_ms`, and which one that is.
    newest: (i64, DistinctSketch),
    together: u64,
}

#[derive(Default)]
struct SignalSurvey {
    events: u64,
    /// By key: when its events were.
    instants: HashMap<u64, Vec<i64>>,
}

/// An alert that fired for a key.
struct FiredAlert {
    /// Since when, the first time.
    since: i64,
    has_ended: bool,
}

impl SampleStats {
    fn new(set: &RuleSet, program: &Program) -> SampleStats {
        // Two digits are as exact as the advice that is made of it.
        let late = || Histogram::new(2).ok();
        let stream = |lateness_ms: i64| {
            let waiting =
                FiringSpans { length_ms: lateness_ms, newest: 0, counts: [0; 2], most: 0 };
            Some(StreamSurvey { events: 0, late: late()?, waiting })
        };
        let mut keyed: HashMap<u32, Vec<usize>> = HashMap::new();
        for (at, plan) in program.rules().iter().enumerate() {
            for signal in holding(plan) {
                keyed.entry(signal).or_default().push(at);
            }
        }
        let keys = |plan: &RulePlan| KeySurvey::new(together_ms(&plan.alert).unwrap_or(0));
        SampleStats {
            complaints: UndecodableLines::default(),
            streams: set.streams.iter().filter_map(|schema| stream(schema.lateness_ms)).collect(),
            keys: program.rules().iter().map(keys).collect(),
            keyed,
            signals: HashMap::new(),
            kept: 0,
            episodes: HashMap::new(),
        }
    }

    fn sample(mut self, program: &Program) -> EventSample {
        let all = self.signals.values_mut().flat_map(|signal| signal.instants.values_mut());
        all.for_each(|instants| instants.sort_unstable());
        let sampled = |(signal, seen): (&u32, &SignalSurvey)| (*signal, seen.sample());
        let selections: HashMap<u32, SelectionSample> = self.signals.iter().map(sampled).collect();
        let selection = |signal: u32| selections.get(&signal).copied().unwrap_or_default();
        let rule = |(plan, keys): (&RulePlan, &KeySurvey)| {
            let events = holding(plan).into_iter().map(|signal| selection(signal).events);
            // Windows of one condition may count the same events; steps are different ones.
            let is_condition = matches!(plan.alert.trigger, Trigger::Condition(_));
            let events = if is_condition { events.max().unwrap_or(0) } else { events.sum() };
            RuleSample {
                name: plan.alert.name.clone(),
                selections: plan.signals().map(selection).collect(),
                always: self.always(plan),
                keys: keys.sample(events),
            }
        };
        EventSample {
            streams: self.streams.iter().map(StreamSurvey::sample).collect(),
            rules: program.rules().iter().zip(&self.keys).map(rule).collect(),
            room: ServiceLimits {
                keys: u64::from(KEYS_PER_RULE_MAX),
                unsettled_bytes: NodeLimits::default().reorder_buffer_bytes,
                waiting_bytes: WAITING_BYTES,
            },
        }
    }

    /// Number of keys of a rule that fired for each from its first window to the end.
    fn always(&self, plan: &RulePlan) -> Option<usize> {
        let alert = &plan.alert;
        let episodes = self.episodes.get(&alert.name)?;
        if !matches!(alert.trigger, Trigger::Condition(_)) || self.kept >= INSTANTS_MAX {
            return None;
        }
        let lead_ms = alert.trigger.reach_ms().saturating_add(alert.for_ms);
        let mut spans: HashMap<u64, (i64, i64)> = HashMap::new();
        let signals = plan.signals().filter_map(|signal| self.signals.get(&signal));
        for (key, instants) in signals.flat_map(|signal| &signal.instants) {
            if let (Some(first), Some(last)) = (instants.first(), instants.last()) {
                let span = spans.entry(*key).or_insert((*first, *last));
                *span = (span.0.min(*first), span.1.max(*last));
            }
        }
        // Shorter ones were hardly judged.
        spans.retain(|_, (first, last)| *last - *first >= lead_ms.saturating_mul(2));
        let fires = |(key, (first, _)): (&u64, &(i64, i64))| {
            let fired = episodes.get(key).filter(|fired| !fired.has_ended);
            fired.is_some_and(|fired| fired.since <= first.saturating_add(lead_ms))
        };
        (!spans.is_empty() && spans.iter().all(fires)).then_some(spans.len())
    }
}

impl ReplayObserver for SampleStats {
    type Error = CommandExit;

    fn undecodable(&mut self, input: &str, line: i64, why: &dyn Display) {
        self.complaints.record(input, line, why);
    }

    fn admitted(&mut self, stream: usize, outcome: AdmissionOutcome) {
        let Some(stream) = self.streams.get_mut(stream) else {
            return;
        };
        match outcome {
            AdmissionOutcome::Accepted => stream.events += 1,
            AdmissionOutcome::Late { behind_ms } => {
                stream.events += 1;
                // It grows as needed; only then could it refuse.
                stream.late.record(behind_ms.unsigned_abs()).ok();
            }
            AdmissionOutcome::Future { .. } => {}
        }
    }

    fn observed(&mut self, batches: &[ObservationBatch]) {
        for row in batches.iter().flat_map(|batch| &batch.rows) {
            let signal = self.signals.entry(row.signal).or_default();
            signal.events += 1;
            for at in self.keyed.get(&row.signal).into_iter().flatten() {
                if let Some(keys) = self.keys.get_mut(*at) {
                    keys.record(row.key_hash, row.time.0);
                }
            }
            if let Some(stream) = self.streams.get_mut(row.origin.stream as usize) {
                stream.waiting.record(row.time.0);
            }
            if self.kept < INSTANTS_MAX {
                self.kept += 1;
                signal.instants.entry(row.key_hash).or_default().push(row.time.0);
            }
        }
    }

    fn transition(&mut self, transition: &Transition) -> Result<(), CommandExit> {
        let key = key_hash(&encode_key(transition.facts.key.iter().map(|(_, value)| value)));
        let since = transition.facts.since.0;
        let of_alert = self.episodes.entry(transition.facts.alert.clone()).or_default();
        let fired = of_alert.entry(key).or_insert(FiredAlert { since, has_ended: false });
        fired.has_ended |= transition.kind == TransitionKind::Resolved;
        Ok(())
    }
}

/// The signals whose events make a rule hold their key, each once.
fn holding(plan: &RulePlan) -> Vec<u32> {
    let mut signals: Vec<u32> = plan.signals().collect();
    // What only follows on something is not waited for before that.
    if matches!(plan.alert.trigger, Trigger::Sequence { .. }) {
        signals.truncate(1);
    }
    signals.sort_unstable();
    signals.dedup();
    signals
}

impl FiringSpans {
    fn record(&mut self, time: i64) {
        if self.length_ms <= 0 {
            return;
        }
        let stretch = time.div_euclid(self.length_ms);
        if stretch > self.newest {
            let [newest, _] = self.counts;
            self.counts = [0, if stretch == self.newest + 1 { newest } else { 0 }];
            self.newest = stretch;
        }
        let [newest, before] = &mut self.counts;
        let count = if stretch == self.newest { newest } else { before };
        if stretch >= self.newest - 1 {
            *count += 1;
            self.most = self.most.max(*count);
        }
    }
}

impl KeySurvey {
    fn new(together_ms: i64) -> KeySurvey {
        let newest = (i64::MIN, DistinctSketch::default());
        KeySurvey { together_ms, all: DistinctSketch::default(), newest, together: 0 }
    }

    fn record(&mut self, key_hash: u64, time: i64) {
        self.all.record(key_hash);
        if self.together_ms <= 0 {
            return;
        }
        let stretch = time.div_euclid(self.together_ms);
        let (newest, keys) = &mut self.newest;
        if stretch > *newest {
            self.together = self.together.max(keys.at_least());
            keys.clear();
            *newest = stretch;
        }
        if stretch == *newest {
            keys.record(key_hash);
        }
    }

    fn sample(&self, events: u64) -> KeySample {
        let together = self.together.max(self.newest.1.at_least());
        KeySample { events, different: self.all.at_least(), together }
    }
}

impl SignalSurvey {
    fn sample(&self) -> SelectionSample {
        SelectionSample { events: self.events, cadence_ms: self.cadence_ms() }
    }

    /// How far the next event of a key is at the latest, one time in a hundred excused, and
    /// once at least; the instants are in order.
    fn cadence_ms(&self) -> Option<i64> {
        let next = |instants: &Vec<i64>| -> Vec<i64> {
            instants.iter().zip(instants.iter().skip(1)).map(|(from, to)| to - from).collect()
        };
        let mut distances: Vec<i64> = self.instants.values().flat_map(next).collect();
        distances.sort_unstable();
        let excused = (distances.len() / 100).max(1);
        let is_known = distances.len() >= DISTANCES_MIN;
        distances.iter().rev().nth(excused).filter(|_| is_known).copied()
    }
}

impl StreamSurvey {
    fn sample(&self) -> StreamSample {
        let late = self.late.len();
        let excess = late.saturating_sub(self.events / LATE_ONE_IN);
        let enough = self.late.value_at_quantile(excess as f64 / late.max(1) as f64);
        StreamSample {
            events: self.events,
            late,
            enough_ms: i64::try_from(enough).unwrap_or(i64::MAX),
            waiting: self.waiting.most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_within_one_lateness_is_counted_out_of_order_too() {
        let cases: [(i64, &[i64], u64); 6] = [
            (10, &[], 0),
            (10, &[100, 101, 109, 110], 3),
            (10, &[100, 110, 101, 109], 3),
            // Older than the stretch before: too late to wait for anything.
            (10, &[100, 120, 101, 102], 1),
            (10, &[109, 110, 111], 2),
            (0, &[100, 100], 0),
        ];
        for (length_ms, times, want) in cases {
            let mut waiting = FiringSpans { length_ms, newest: 0, counts: [0; 2], most: 0 };
            times.iter().for_each(|time| waiting.record(*time));
            assert_eq!(waiting.most, want, "{length_ms} {times:?}");
        }
    }

    #[test]
    fn keys_held_together_are_those_of_one_stretch() {
        let mut keys = KeySurvey::new(10);
        for (key, time) in [(1, 100), (2, 105), (2, 109), (3, 110), (4, 118), (5, 119), (1, 130)] {
            keys.record(key, time);
        }
        assert_eq!(keys.sample(7), KeySample { events: 7, different: 5, together: 3 });
    }
}
