//! Rule sets and logs drawn from a seed: small numbers, so that edges meet often.

use std::sync::Arc;

use model::decimal::Decimal;
use model::event::Value;
use model::schema::{Codec, Field, FieldType, Schema, TimeFormat, UnixUnit};
use model::time::Timestamp;
use rules_dsl::rule::RuleSet;

mod alert;
mod fields;
mod random;
mod trigger;

use fields::FIELD_ID;
use random::halves;

pub use alert::edit::{edited, same_state};
pub use random::SplitMix;

/// One record of a partition's log.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionRecord {
    /// Its event time.
    pub time: i64,
    /// The record's own timestamp, where the log keeps one.
    pub recorded: Option<i64>,
    /// One value per field of the schema.
    pub values: Vec<Value<'static>>,
}

/// The log of one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionLog {
    /// Index of its stream.
    pub stream: u32,
    /// Its number within the stream.
    pub partition: i32,
    /// In the order of offsets, which begin at 0.
    pub records: Vec<PartitionRecord>,
}

/// Rules and what they read.
#[derive(Clone, Debug)]
pub struct DrawnCase {
    /// The rules.
    pub rules: RuleSet,
    /// The partitions of all streams.
    pub logs: Vec<PartitionLog>,
}

/// Width of a drawn case.
#[derive(Clone, Copy, Debug)]
pub struct DrawWidth {
    /// Most streams.
    pub streams: i64,
    /// Most partitions of one stream.
    pub partitions: i64,
    /// Most records of one partition.
    pub records: i64,
}

/// Beginning of time in drawn logs: early enough for windows to begin below zero.
const BEGINNING: i64 = 5;

/// Draws a case.
pub fn case(random: &mut SplitMix, width: DrawWidth) -> DrawnCase {
    let streams = random.within(1, width.streams) as usize;
    let rules = RuleSet {
        streams: (0..streams).map(|index| schema(random, index)).collect(),
        alerts: (0..random.within(1, 3))
            .map(|index| alert::alert(random, index, streams))
            .collect(),
        watches: Vec::new(),
        ..RuleSet::default()
    };
    let watches = (0..random.within(0, 2)).map(|index| alert::watch(random, index, streams));
    let rules = RuleSet { watches: watches.collect(), ..rules };
    let mut logs = Vec::new();
    for (stream, schema) in rules.streams.iter().enumerate() {
        for partition in 0..random.within(1, width.partitions) {
            let records = random.within(0, width.records);
            logs.push(PartitionLog {
                stream: stream as u32,
                partition: partition as i32,
                records: log(random, records, schema.lateness_ms),
            });
        }
    }
    repeat(random, &mut logs);
    DrawnCase { rules, logs }
}

fn schema(random: &mut SplitMix, index: usize) -> Arc<Schema> {
    let kinds = [
        ("ts", FieldType::Time(TimeFormat::Unix(UnixUnit::Milliseconds))),
        ("host", FieldType::Str),
        ("level", FieldType::Float),
        ("tag", FieldType::Str),
        ("zone", FieldType::Bool),
        ("id", FieldType::Int),
    ];
    let field = |(name, kind): (&str, FieldType)| Field {
        name: name.to_owned(),
        path: name.to_owned(),
        kind,
    };
    Arc::new(Schema {
        name: format!("s{index}"),
        input: format!("s{index}"),
        codec: Codec::Json,
        fields: kinds.map(field).into(),
        time: 0,
        lateness_ms: random.one_of(&[0, 3, 8], 0),
        id: random.chance(30).then_some(FIELD_ID),
        partitioned_by: None,
        extracts: Vec::new(),
    })
}

fn log(random: &mut SplitMix, records: i64, lateness_ms: i64) -> Vec<PartitionRecord> {
    let mut time = BEGINNING;
    let steps = [0, 0, 1, 1, 2, 3, 6, 15, 40];
    let is_recorded = random.chance(20);
    let record = |_| {
        time += random.one_of(&steps, 1);
        let behind = if random.chance(30) { random.within(0, lateness_ms + 4) } else { 0 };
        let time = time - behind;
        let recorded = is_recorded.then(|| match random.within(0, 9) {
            0 => time - 300_001 + random.within(0, 1),
            1 => time - 2,
            _ => time + 1,
        });
        PartitionRecord { time, recorded, values: values(random, time) }
    };
    (0..records).map(record).collect()
}

fn values(random: &mut SplitMix, time: i64) -> Vec<Value<'static>> {
    let text = |random: &mut SplitMix, choices: &[&'static str]| match random.chance(6) {
        true => Value::Missing,
        false => Value::Text(random.one_of(choices, "a")),
    };
    let level = match random.chance(10) {
        true => Value::Missing,
        false => Value::Number(halves(random.within(-8, 16))),
    };
    vec![
        Value::Time(Timestamp(time)),
        text(random, &["a", "a", "b", "c"]),
        level,
        text(random, &["x", "y", "z"]),
        if random.chance(20) { Value::Missing } else { Value::Bool(random.chance(50)) },
        // Nearly always its own: what comes twice is written twice.
        match random.chance(10) {
            true => Value::Missing,
            false => Value::Number(Decimal::from_int(random.within(0, 1_000_000_000))),
        },
    ]
}

/// Writes some records a second time, into their own log or another one of their stream, as a
/// producer does that did not hear of its success.
fn repeat(random: &mut SplitMix, logs: &mut [PartitionLog]) {
    for _ in 0..random.within(0, 6) {
        let Some(from) = logs.get(random.within(0, logs.len() as i64 - 1) as usize) else { return };
        let (stream, last) = (from.stream, from.records.len() as i64 - 1);
        let Some(record) = from.records.get(random.within(0, last.max(0)) as usize).cloned() else {
            continue;
        };
        let mut to: Vec<&mut PartitionLog> =
            logs.iter_mut().filter(|log| log.stream == stream).collect();
        let at = random.within(0, to.len() as i64 - 1) as usize;
        if let Some(log) = to.get_mut(at) {
            let place = random.within(0, log.records.len() as i64) as usize;
            log.records.insert(place, record);
        }
    }
}

/// The records of a log as a producer writes them: one JSON object each.
pub fn payloads(case: &DrawnCase, log: &PartitionLog) -> Vec<Vec<u8>> {
    let schema = &case.rules.streams[log.stream as usize];
    let payload = |record: &PartitionRecord| {
        let fields = schema.fields.iter().zip(&record.values).filter_map(|(field, value)| {
            let value = match value {
                Value::Missing => return None,
                Value::Text(text) => format!("{text:?}"),
                Value::Number(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                Value::Time(at) => at.0.to_string(),
                other => unreachable!("{other:?} is not drawn"),
            };
            Some(format!("\"{}\":{value}", field.name))
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(",")).into_bytes()
    };
    log.records.iter().map(payload).collect()
}
