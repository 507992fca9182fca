//! `check --against`: what recorded events make of the rules.

use std::collections::HashMap;
use std::sync::Arc;

use engine::key_group::key_hash;
use engine::program::{Program, RulePlan};
use hdrhistogram::Histogram;
use model::key::encode_key;
use model::observation::Batch;
use model::transition::{Transition, TransitionKind};
use rules_dsl::against::{LATE_ONE_IN, RuleSample, Sample, SelectionSample, StreamSample};
use rules_dsl::rule::{RuleSet, Trigger};

use crate::commands::Exit;
use crate::pipeline::intake::Fate;
use crate::recorded::{Course, Listener, Recorded};
use crate::rule_files::RulesError;

/// Instants that are kept to tell how far apart events come; later ones are not looked at.
const INSTANTS_MAX: usize = 4_000_000;
/// Fewer distances than this tell no cadence.
const DISTANCES_MIN: usize = 10;

/// Reads and judges recorded events.
pub(super) fn sample(set: &RuleSet, files: &[String], year: Option<i64>) -> Result<Sample, Exit> {
    let program = Arc::new(Program::compile(set).map_err(RulesError::Program)?);
    let survey = Survey::new(set.streams.len());
    let course = Course { workers: 1, year, drain: false };
    let (survey, _) = Recorded::open(set, &program, files, course, survey)?.run()?;
    Ok(survey.sample(&program))
}

/// What is noted while events pass.
struct Survey {
    streams: Vec<StreamSurvey>,
    signals: HashMap<u32, SignalSurvey>,
    /// Instants kept of all signals.
    kept: usize,
    /// By alert, then by key.
    episodes: HashMap<String, HashMap<u64, Fired>>,
}

struct StreamSurvey {
    events: u64,
    /// How far behind late ones came, in milliseconds.
    late: Histogram<u64>,
}

#[derive(Default)]
struct SignalSurvey {
    events: u64,
    /// By key: when its events were.
    instants: HashMap<u64, Vec<i64>>,
}

/// An alert that fired for a key.
struct Fired {
    /// Since when, the first time.
    since: i64,
    has_ended: bool,
}

impl Survey {
    fn new(streams: usize) -> Survey {
        // Two digits are as exact as the advice that is made of it.
        let late = || Histogram::new(2).ok();
        let stream = || Some(StreamSurvey { events: 0, late: late()? });
        Survey {
            streams: (0..streams).filter_map(|_| stream()).collect(),
            signals: HashMap::new(),
            kept: 0,
            episodes: HashMap::new(),
        }
    }

    fn sample(mut self, program: &Program) -> Sample {
        let all = self.signals.values_mut().flat_map(|signal| signal.instants.values_mut());
        all.for_each(|instants| instants.sort_unstable());
        let sampled = |(signal, seen): (&u32, &SignalSurvey)| (*signal, seen.sample());
        let selections: HashMap<u32, SelectionSample> = self.signals.iter().map(sampled).collect();
        let selection = |signal: u32| selections.get(&signal).copied().unwrap_or_default();
        let rule = |plan: &RulePlan| RuleSample {
            name: plan.alert.name.clone(),
            selections: plan.signals().map(selection).collect(),
            always: self.always(plan),
        };
        Sample {
            streams: self.streams.iter().map(StreamSurvey::sample).collect(),
            rules: program.rules().iter().map(rule).collect(),
        }
    }

    /// How many keys a rule has, where it fired for each from its first window to the end.
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

impl Listener for Survey {
    fn took(&mut self, stream: usize, fate: Fate) {
        let Some(stream) = self.streams.get_mut(stream) else {
            return;
        };
        match fate {
            Fate::Accepted => stream.events += 1,
            Fate::Late { behind_ms } => {
                stream.events += 1;
                // It grows as needed; only then could it refuse.
                stream.late.record(behind_ms.unsigned_abs()).ok();
            }
            Fate::Future { .. } => {}
        }
    }

    fn observed(&mut self, batches: &[Batch]) {
        for row in batches.iter().flat_map(|batch| &batch.rows) {
            let signal = self.signals.entry(row.signal).or_default();
            signal.events += 1;
            if self.kept < INSTANTS_MAX {
                self.kept += 1;
                signal.instants.entry(row.key_hash).or_default().push(row.time.0);
            }
        }
    }

    fn transition(&mut self, transition: &Transition) -> Result<(), Exit> {
        let key = key_hash(&encode_key(transition.key.iter().map(|(_, value)| value)));
        let since = transition.since.0;
        let of_alert = self.episodes.entry(transition.alert.clone()).or_default();
        let fired = of_alert.entry(key).or_insert(Fired { since, has_ended: false });
        fired.has_ended |= transition.kind == TransitionKind::Resolved;
        Ok(())
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
        }
    }
}
