//! Rules' own tests, played in virtual time through the engine that runs in production.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::program::{ObserveCounts, Program, ProgramError};
use engine::shard::{KEYS_PER_RULE_MAX, Out, Restored, Shard, ShardSettings};
use engine::watermark::{Admission, Front};
use model::event::{Event, Value};
use model::key::KeyValue;
use model::observation::{Batch, Marks, Origin};
use model::time::Timestamp;
use model::transition::{Transition, TransitionKind};
use rules_dsl::rule::{Claim, Constant, Expected, Given, GivenValue, RuleSet, Test, What};

/// What an alert told of the events of a test.
#[derive(Debug)]
pub struct Played {
    /// All transitions, in their order.
    pub transitions: Vec<Transition>,
    /// Events dropped as late.
    pub late: u64,
}

/// What a test expected and what was told, put side by side.
#[derive(Debug, PartialEq, Eq)]
pub struct Comparison {
    /// In the order of time; what was expected comes before what was told instead.
    pub lines: Vec<Line>,
}

/// A line of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Expected, by its place in the test, and told, by its place among the transitions.
    Same(usize, usize),
    /// Expected and not told.
    Missing(usize),
    /// Told and not expected.
    Unexpected(usize),
    /// So many events were late, but not as many as expected.
    Late { told: u64, expected: u64 },
}

impl Comparison {
    /// Whether everything was as expected.
    pub(crate) fn is_met(&self) -> bool {
        self.lines.iter().all(|line| matches!(line, Line::Same(..)))
    }
}

/// Plays a test: every event in the order it arrives, then all the time its timers take.
///
/// A stream has one partition, which takes an event's arrival for the record's time.
///
/// # Errors
/// A regular expression of the alert that is too large to compile.
pub(crate) fn play(rules: &RuleSet, test: &Test) -> Result<Played, ProgramError> {
    let tested = rules.alerts.iter().filter(|alert| alert.name == test.alert);
    let alone = RuleSet {
        streams: rules.streams.clone(),
        alerts: tested.cloned().collect(),
        ..RuleSet::default()
    };
    let program = Arc::new(Program::compile(&alone)?);
    let settings = ShardSettings {
        index: 0,
        shards: 1,
        early: false,
        keys_per_rule_max: KEYS_PER_RULE_MAX,
        remembering: None,
    };
    let mut shard = Shard::new(Arc::clone(&program), settings, &Restored::default());
    let mut marks = Marks::unsettled(rules.streams.len());
    let mut batches = [Batch::default()];
    let late = feed(rules, test, &program, &mut batches, &mut marks);
    // Calendars open up to the last instant the test speaks of; then only timers run.
    let mut out = Out::default();
    for until in [last_instant(test), Timestamp(i64::MAX)] {
        marks.settled.fill(until);
        for batch in &mut batches {
            shard.step(batch, &marks, &mut out);
            batch.clear();
        }
    }
    Ok(Played { transitions: out.transitions, late })
}

/// Observes what is given, and returns how much of it was late.
fn feed(
    rules: &RuleSet,
    test: &Test,
    program: &Program,
    batches: &mut [Batch],
    marks: &mut Marks,
) -> u64 {
    let mut fronts: BTreeMap<usize, Front> = BTreeMap::new();
    let (mut counts, mut late) = (ObserveCounts::default(), 0);
    for (offset, (arrival, time, given)) in arrivals(test).into_iter().enumerate() {
        let lateness_ms = rules.streams.get(given.stream).map_or(0, |schema| schema.lateness_ms);
        let front = fronts.entry(given.stream).or_insert(Front::new(lateness_ms, None));
        if front.admit(time, Some(arrival)) != Admission::Accepted {
            late += 1;
            continue;
        }
        if let Some(first) = marks.first.get_mut(given.stream) {
            *first = Some(first.map_or(time, |earliest| earliest.min(time)));
        }
        let (mut values, mut items) = (Vec::new(), Vec::new());
        for (field, written) in given.values.iter().enumerate() {
            let is_time = rules.streams.get(given.stream).is_some_and(|of| of.time == field);
            values.push(if is_time { Value::Time(time) } else { value(written, &mut items) });
        }
        let event = Event { time, values: &values, items: &items };
        let (stream, offset) = (given.stream as u32, offset as i64);
        let origin = Origin { stream, partition: 0, offset, index: 0 };
        program.observe(&event, origin, batches, &mut counts);
    }
    late
}

/// The last instant at which something is given or expected.
fn last_instant(test: &Test) -> Timestamp {
    let given = arrivals(test).into_iter().map(|(_, time, _)| time);
    let expected = test.expected.iter().filter_map(|expected| expected.at_ms);
    let instants = given.chain(expected.map(|at| test.start.plus(at)));
    instants.max().unwrap_or(test.start)
}

/// Every given event: when it arrives, when it happens, and what it is; in the order of
/// arrival, those of one instant as written.
fn arrivals(test: &Test) -> Vec<(Timestamp, Timestamp, &Given)> {
    let mut all: Vec<(Timestamp, Timestamp, &Given)> = Vec::new();
    for given in &test.given {
        for number in 0..i64::from(given.times) {
            let after = given.every_ms.saturating_mul(number).saturating_add(given.first_ms);
            let time = test.start.plus(after);
            all.push((time.plus(given.arriving_ms), time, given));
        }
    }
    all.sort_by_key(|(arrival, ..)| *arrival);
    all
}

fn value<'a>(written: &'a GivenValue, items: &mut Vec<Value<'a>>) -> Value<'a> {
    match written {
        GivenValue::Missing => Value::Missing,
        GivenValue::One(constant) => one(constant),
        GivenValue::List(constants) => {
            let start = items.len() as u32;
            items.extend(constants.iter().map(one));
            Value::List { start, len: constants.len() as u32 }
        }
    }
}

fn one(constant: &Constant) -> Value<'_> {
    match constant {
        Constant::Text(text) => Value::Text(text),
        Constant::Number(number) => Value::Number(*number),
        Constant::Bool(truth) => Value::Bool(*truth),
        Constant::Time(time) => Value::Time(*time),
        Constant::Ip(address) => Value::Ip(*address),
    }
}

/// Compares what was told with what a test expects; every transition must be named, and once.
///
/// `reads` says whether people read a text of a transition.
pub(crate) fn compare(
    test: &Test,
    played: &Played,
    reads: impl Fn(&Transition, &str) -> bool,
) -> Comparison {
    let mut told: Vec<Option<&Transition>> = played.transitions.iter().map(Some).collect();
    let mut lines: Vec<(i64, Line)> = Vec::new();
    let mut late = 0;
    for (at, expected) in test.expected.iter().enumerate() {
        if let What::Late(events) = expected.what {
            late += events;
        }
        let Some(kind) = kind(expected.what) else {
            continue;
        };
        let found = told.iter().position(|transition| {
            transition.is_some_and(|it| it.kind == kind && is_met(test, expected, it, &reads))
        });
        let line = found.map_or(Line::Missing(at), |number| Line::Same(at, number));
        let instant = found.and_then(|number| told.get_mut(number)?.take());
        let instant = instant.map(|transition| after(test, transition.facts.at));
        lines.push((instant.or(expected.at_ms).unwrap_or(i64::MAX), line));
    }
    for (number, transition) in told.iter().enumerate() {
        let unexpected = transition.map(|it| (after(test, it.facts.at), Line::Unexpected(number)));
        lines.extend(unexpected);
    }
    if late != played.late {
        lines.push((i64::MAX, Line::Late { told: played.late, expected: late }));
    }
    lines.sort_by_key(|(at, _)| *at);
    Comparison { lines: lines.into_iter().map(|(_, line)| line).collect() }
}

/// Milliseconds from the start of a test.
pub(crate) const fn after(test: &Test, at: Timestamp) -> i64 {
    at.0.saturating_sub(test.start.0)
}

/// The transition that is expected, if it is one.
pub(crate) const fn kind(what: What) -> Option<TransitionKind> {
    match what {
        What::Fire => Some(TransitionKind::Firing),
        What::Change => Some(TransitionKind::Changed),
        What::Again => Some(TransitionKind::Again),
        What::Resolve => Some(TransitionKind::Resolved),
        What::Nothing | What::Late(_) => None,
    }
}

fn is_met(
    test: &Test,
    expected: &Expected,
    transition: &Transition,
    reads: &impl Fn(&Transition, &str) -> bool,
) -> bool {
    let is_then = expected.at_ms.is_none_or(|at| at == after(test, transition.facts.at));
    is_then
        && expected.claims.iter().all(|claim| match claim {
            Claim::Key(part, wanted) => {
                transition.facts.key.get(*part).is_some_and(|(_, value)| is_same(value, wanted))
            }
            Claim::Value(wanted) => transition.measured.value == Some(*wanted),
            Claim::Threshold(wanted) => transition.measured.threshold == Some(*wanted),
            Claim::Peak(wanted) => transition.peak == Some(*wanted),
            Claim::Count(wanted) => transition.count == *wanted,
            Claim::Severity(wanted) => transition.facts.severity == *wanted,
            Claim::Since(wanted) => after(test, transition.facts.since) == *wanted,
            Claim::Reason(wanted) => transition.reason == Some(*wanted),
            Claim::Message(wanted) => reads(transition, wanted),
        })
}

fn is_same(value: &KeyValue, wanted: &Constant) -> bool {
    match (value, wanted) {
        (KeyValue::Text(text), Constant::Text(wanted)) => text == wanted,
        (KeyValue::Int(number), Constant::Number(wanted)) => wanted.to_int() == Some(*number),
        (KeyValue::Bool(truth), Constant::Bool(wanted)) => truth == wanted,
        (KeyValue::Ip(address), Constant::Ip(wanted)) => *address == wanted.to_canonical(),
        _ => false,
    }
}
