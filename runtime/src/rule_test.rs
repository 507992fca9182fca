//! Rules' own tests, played in virtual time through the pipeline that runs in production.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::codec::CodecError;
use engine::program::{Program, ProgramError};
use engine::resume::ResumePoint;
use engine::shard::{KEYS_PER_RULE_MAX, ShardRestore};
use model::event::{Event, Value};
use model::key::KeyValue;
use model::time::Timestamp;
use model::transition::{Transition, TransitionKind};
use rules_dsl::rule::{
    ConstantValue, Expected, ExpectedKind, Given, GivenValue, RuleSet, Test, TestClaim,
};

use crate::ingest::admission::{AdmissionOutcome, PartitionProgress, RecordIngester};
use crate::io::{ClockReading, StepReadiness};
use crate::pipeline::shard_worker::RingLimits;
use crate::pipeline::{Pipeline, PipelineSettings};

/// Result of an alert for the events of a test.
#[derive(Debug)]
pub struct PlayedTest {
    /// All transitions, in their order.
    pub transitions: Vec<Transition>,
    /// Events dropped as late.
    pub late: u64,
}

/// Comparison of what a test expected with what happened.
#[derive(Debug, PartialEq, Eq)]
pub struct TestComparison {
    /// In the order of time; what was expected comes before what was told instead.
    pub lines: Vec<ComparedLine>,
}

/// A line of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparedLine {
    /// Expected, by its place in the test, and told, by its place among the transitions.
    Same(usize, usize),
    /// Expected and not told.
    Missing(usize),
    /// Told and not expected.
    Unexpected(usize),
    /// So many events were late, but not as many as expected.
    Late {
        /// Number of late events.
        reported: u64,
        /// Number that was expected.
        expected: u64,
    },
}

impl TestComparison {
    /// True when everything was as expected.
    pub fn is_met(&self) -> bool {
        self.lines.iter().all(|line| matches!(line, ComparedLine::Same(..)))
    }
}

/// Why a test cannot be played.
#[derive(Debug)]
pub enum PlayError {
    /// A regular expression of the alert is too large to compile.
    Program(ProgramError),
    /// A schema cannot be decoded.
    Schema(CodecError),
}

/// The pipeline of a test: one shard, stepped on the caller's thread.
struct TestPipeline {
    pipeline: Pipeline,
    transitions: Vec<Transition>,
}

/// Plays a test: every event in the order it arrives, then all the time its timers take.
///
/// A stream has one partition, which takes an event's arrival for the record's time.
///
/// # Errors
/// See [`PlayError`].
pub fn play(rules: &RuleSet, test: &Test) -> Result<PlayedTest, PlayError> {
    let tested = rules.alerts.iter().filter(|alert| alert.name == test.alert);
    let alone = RuleSet {
        streams: rules.streams.clone(),
        alerts: tested.cloned().collect(),
        ..RuleSet::default()
    };
    let program = Arc::new(Program::compile(&alone).map_err(PlayError::Program)?);
    let settings = PipelineSettings {
        workers: 1,
        early: false,
        keys_per_rule_max: KEYS_PER_RULE_MAX,
        state_checkpoints: None,
        inspect_every_ms: i64::MAX,
        rings: RingLimits::default(),
    };
    let mut ingester =
        RecordIngester::new(&program, &rules.streams, None, 1).map_err(PlayError::Schema)?;
    let pipeline = Pipeline::new(&program, settings, &ShardRestore::default());
    let mut playing = TestPipeline { pipeline, transitions: Vec::new() };
    let late = feed(rules, test, &mut ingester, &mut playing);
    // Calendars open up to the last instant the test speaks of; then only timers run.
    for until in [last_instant(test), Timestamp(i64::MAX)] {
        for stream in 0..rules.streams.len() {
            let first = ingester.first(stream);
            playing.pipeline.input.publish(stream, until, first);
        }
        playing.evaluate();
    }
    Ok(PlayedTest { transitions: playing.transitions, late })
}

impl TestPipeline {
    /// Hands all batches over.
    fn deliver(&mut self, ingester: &mut RecordIngester) {
        while !self.pipeline.input.deliver(ingester.batches()) {
            self.evaluate();
        }
    }

    /// Lets the shard evaluate everything it was given.
    fn evaluate(&mut self) {
        let Pipeline { output, workers, .. } = &mut self.pipeline;
        let mut found = true;
        while found {
            found = false;
            for worker in workers.iter_mut() {
                found |= matches!(
                    worker.step(ClockReading::default()),
                    StepReadiness::Again | StepReadiness::Blocked
                );
            }
            found |= output.collect(|_, output| self.transitions.extend(output.out.transitions));
        }
    }
}

/// Ingests what is given, and returns how much of it was late.
fn feed(
    rules: &RuleSet,
    test: &Test,
    ingester: &mut RecordIngester,
    playing: &mut TestPipeline,
) -> u64 {
    let mut partitions: BTreeMap<usize, PartitionProgress> = BTreeMap::new();
    let mut late = 0;
    for (arrival, time, given) in arrivals(test) {
        let schema = rules.streams.get(given.stream);
        let lateness_ms = schema.map_or(0, |schema| schema.lateness_ms);
        let from = ResumePoint { offset: 0, front: None };
        let partition = partitions
            .entry(given.stream)
            .or_insert_with(|| PartitionProgress::new(given.stream, 0, lateness_ms, 0, from));
        let (mut values, mut items) = (Vec::new(), Vec::new());
        for (field, written) in given.values.iter().enumerate() {
            let is_time = schema.is_some_and(|schema| schema.time == field);
            values.push(if is_time { Value::Time(time) } else { value(written, &mut items) });
        }
        let event = Event { time, values: &values, items: &items };
        let outcome = ingester.ingest_event(partition, &event, Some(arrival));
        late += u64::from(outcome != AdmissionOutcome::Accepted);
        if ingester.is_full() {
            playing.deliver(ingester);
        }
    }
    playing.deliver(ingester);
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
        GivenValue::One(constant) => constant.as_value(),
        GivenValue::List(constants) => {
            let start = items.len() as u32;
            items.extend(constants.iter().map(ConstantValue::as_value));
            Value::List { start, len: constants.len() as u32 }
        }
    }
}

/// Compares what was told with what a test expects; every transition must be named, and once.
///
/// `reads` says whether people read a text of a transition.
pub fn compare(
    test: &Test,
    played: &PlayedTest,
    reads: impl Fn(&Transition, &str) -> bool,
) -> TestComparison {
    let mut reported: Vec<Option<&Transition>> = played.transitions.iter().map(Some).collect();
    let mut lines: Vec<(i64, ComparedLine)> = Vec::new();
    let mut late = 0;
    for (at, expected) in test.expected.iter().enumerate() {
        if let ExpectedKind::Late(events) = expected.what {
            late += events;
        }
        let Some(kind) = kind(expected.what) else {
            continue;
        };
        let found = reported.iter().position(|transition| {
            transition.is_some_and(|it| it.kind == kind && is_met(test, expected, it, &reads))
        });
        let line = found.map_or(ComparedLine::Missing(at), |number| ComparedLine::Same(at, number));
        let instant = found
            .and_then(|number| reported.get_mut(number)?.take())
            .map(|transition| after(test, transition.facts.at));
        lines.push((instant.or(expected.at_ms).unwrap_or(i64::MAX), line));
    }
    for (number, transition) in reported.iter().enumerate() {
        let unexpected =
            transition.map(|it| (after(test, it.facts.at), ComparedLine::Unexpected(number)));
        lines.extend(unexpected);
    }
    if late != played.late {
        lines.push((i64::MAX, ComparedLine::Late { reported: played.late, expected: late }));
    }
    lines.sort_by_key(|(at, _)| *at);
    TestComparison { lines: lines.into_iter().map(|(_, line)| line).collect() }
}

/// Milliseconds from the start of a test.
pub const fn after(test: &Test, at: Timestamp) -> i64 {
    at.0.saturating_sub(test.start.0)
}

/// The transition that is expected, if it is one.
pub const fn kind(what: ExpectedKind) -> Option<TransitionKind> {
    match what {
        ExpectedKind::Fire => Some(TransitionKind::Firing),
        ExpectedKind::Change => Some(TransitionKind::Changed),
        ExpectedKind::Again => Some(TransitionKind::Again),
        ExpectedKind::Resolve => Some(TransitionKind::Resolved),
        ExpectedKind::Nothing | ExpectedKind::Late(_) => None,
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
            TestClaim::Key(part, wanted) => {
                transition.facts.key.get(*part).is_some_and(|(_, value)| is_same(value, wanted))
            }
            TestClaim::Value(wanted) => transition.measured.value == Some(*wanted),
            TestClaim::Threshold(wanted) => transition.measured.threshold == Some(*wanted),
            TestClaim::Peak(wanted) => transition.peak == Some(*wanted),
            TestClaim::Count(wanted) => transition.count == *wanted,
            TestClaim::Severity(wanted) => transition.facts.severity == *wanted,
            TestClaim::Since(wanted) => after(test, transition.facts.since) == *wanted,
            TestClaim::Reason(wanted) => transition.reason == Some(*wanted),
            TestClaim::Message(wanted) => reads(transition, wanted),
        })
}

fn is_same(value: &KeyValue, wanted: &ConstantValue) -> bool {
    match (value, wanted) {
        (KeyValue::Text(text), ConstantValue::Text(wanted)) => text == wanted,
        (KeyValue::Int(number), ConstantValue::Number(wanted)) => wanted.to_int() == Some(*number),
        (KeyValue::Bool(truth), ConstantValue::Bool(wanted)) => truth == wanted,
        (KeyValue::Ip(address), ConstantValue::Ip(wanted)) => *address == wanted.to_canonical(),
        _ => false,
    }
}
