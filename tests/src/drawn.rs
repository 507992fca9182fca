//! Rule sets and logs drawn from a seed: small numbers, so that edges meet often.

use std::sync::Arc;

use model::decimal::Decimal;
use model::event::Value;
use model::message::{Message, Unit};
use model::schema::{Codec, Field, FieldType, Schema, TimeFormat};
use model::severity::Severity;
use model::time::Timestamp;
use rules_dsl::rule::{
    Alert, Comparison, Constant, KeyPart, Measure, Operand, Predicate, RuleSet, Selection, Trigger,
};

/// A repeatable source of choices (splitmix64, Steele et al. 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The choices of a seed.
    pub const fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        low + (self.bits() % (high - low + 1).unsigned_abs()) as i64
    }

    /// True in `percent` of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.bits() % 100 < percent
    }

    /// One of them; the first where there is none to choose.
    pub fn one_of<T: Copy>(&mut self, choices: &[T], otherwise: T) -> T {
        let at = self.bits() as usize % choices.len().max(1);
        choices.get(at).copied().unwrap_or(otherwise)
    }
}

/// One record of a partition's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// Its event time.
    pub time: i64,
    /// The record's own timestamp, where the log keeps one.
    pub recorded: Option<i64>,
    /// One value per field of the schema.
    pub values: Vec<Value<'static>>,
}

/// The log of one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Index of its stream.
    pub stream: u32,
    /// Its number within the stream.
    pub partition: i32,
    /// In the order of offsets, which begin at 0.
    pub records: Vec<Logged>,
}

/// Rules and what they read.
#[derive(Clone, Debug)]
pub struct Case {
    /// The rules.
    pub rules: RuleSet,
    /// The partitions of all streams.
    pub logs: Vec<Log>,
}

/// How wide a case is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Width {
    /// Most streams.
    pub streams: i64,
    /// Most partitions of one stream.
    pub partitions: i64,
    /// Most records of one partition.
    pub records: i64,
}

const FIELD_HOST: usize = 1;
const FIELD_LEVEL: usize = 2;
const FIELD_TAG: usize = 3;
const FIELD_ZONE: usize = 4;
/// Where time begins in drawn logs: early enough for windows to begin below zero.
const BEGINNING: i64 = 5;

/// Draws a case.
pub fn case(random: &mut Random, width: Width) -> Case {
    let streams = random.within(1, width.streams) as usize;
    let rules = RuleSet {
        streams: (0..streams).map(|index| schema(random, index)).collect(),
        alerts: (0..random.within(1, 3)).map(|index| alert(random, index, streams)).collect(),
    };
    let mut logs = Vec::new();
    for (stream, schema) in rules.streams.iter().enumerate() {
        for partition in 0..random.within(1, width.partitions) {
            let records = random.within(0, width.records);
            logs.push(Log {
                stream: stream as u32,
                partition: partition as i32,
                records: log(random, records, schema.lateness_ms),
            });
        }
    }
    Case { rules, logs }
}

fn schema(random: &mut Random, index: usize) -> Arc<Schema> {
    let kinds = [
        ("ts", FieldType::Time(TimeFormat::Auto)),
        ("host", FieldType::Str),
        ("level", FieldType::Float),
        ("tag", FieldType::Str),
        ("zone", FieldType::Bool),
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
        extracts: Vec::new(),
    })
}

fn log(random: &mut Random, records: i64, lateness_ms: i64) -> Vec<Logged> {
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
        Logged { time, recorded, values: values(random, time) }
    };
    (0..records).map(record).collect()
}

fn values(random: &mut Random, time: i64) -> Vec<Value<'static>> {
    let text = |random: &mut Random, choices: &[&'static str]| match random.chance(6) {
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
    ]
}

fn halves(count: i64) -> Decimal {
    Decimal::from_units(i128::from(count) * Decimal::ONE.units() / 2)
}

fn alert(random: &mut Random, index: i64, streams: usize) -> Alert {
    let by: Vec<KeyPart> = match random.within(0, 9) {
        0..3 => Vec::new(),
        3..8 => vec![("host", false)],
        8 => vec![("host", true)],
        _ => vec![("host", false), ("zone", true)],
    }
    .into_iter()
    .map(|(name, optional): (&str, bool)| KeyPart { name: name.to_owned(), optional })
    .collect();
    let mut trigger = trigger(random, &by, streams);
    let window = trigger.window_ms;
    let for_ms = if random.chance(60) { 0 } else { random.within(1, 15) };
    let clear = random.chance(30).then(|| easier(random, &trigger)).flatten();
    let keep_ms = match random.within(0, 3) {
        0 => 0,
        1 => random.within(1, 20),
        _ => window,
    };
    let shows_fields = for_ms == 0 && trigger.only_rises();
    if !shows_fields {
        clear_fields(&mut trigger.measure);
    }
    Alert {
        name: format!("alert{index}"),
        severity: random.one_of(&[Severity::Critical, Severity::Low], Severity::Low),
        trigger,
        by,
        for_ms,
        keep_ms,
        clear,
        hold_ms: random.one_of(&[0, window, 5, 17], 0),
        message: Message::default(),
        message_fields: if shows_fields { vec!["tag".to_owned()] } else { Vec::new() },
        runbook: None,
        labels: Vec::new(),
    }
}

fn clear_fields(measure: &mut Measure) {
    match measure {
        Measure::Count(of)
        | Measure::Sum(of)
        | Measure::Avg(of)
        | Measure::Min(of)
        | Measure::Max(of)
        | Measure::Last(of)
        | Measure::Distinct(of)
        | Measure::Quantile { of, .. } => of.message_fields.clear(),
        Measure::Ratio(part, whole) => {
            part.message_fields.clear();
            whole.message_fields.clear();
        }
    }
}

/// A level on the easier side of the trigger's, which only an ordered comparison has.
fn easier(random: &mut Random, trigger: &Trigger) -> Option<Decimal> {
    let step = halves(random.within(0, 3));
    match trigger.comparison {
        Comparison::AtLeast | Comparison::Above => trigger.level.checked_sub(step),
        Comparison::AtMost | Comparison::Below => trigger.level.checked_add(step),
        Comparison::Equal | Comparison::NotEqual => None,
    }
}

fn trigger(random: &mut Random, by: &[KeyPart], streams: usize) -> Trigger {
    let stream = random.within(0, streams as i64 - 1) as usize;
    let other = random.within(0, streams as i64 - 1) as usize;
    let comparison = random.one_of(
        &[
            Comparison::AtLeast,
            Comparison::AtLeast,
            Comparison::Above,
            Comparison::AtMost,
            Comparison::Below,
            Comparison::Equal,
            Comparison::NotEqual,
        ],
        Comparison::AtLeast,
    );
    let of = |random: &mut Random, stream, field| selection(random, stream, field, by);
    let level_of = Some(FIELD_LEVEL);
    let (measure, level) = match random.within(0, 9) {
        0 | 1 => (Measure::Count(of(random, stream, None)), random.within(2, 10) / 2 * 2),
        2 => (Measure::Sum(of(random, stream, level_of)), random.within(-6, 24)),
        3 => (Measure::Avg(of(random, stream, level_of)), random.within(-4, 12)),
        4 => (Measure::Min(of(random, stream, level_of)), random.within(-6, 6)),
        5 => (Measure::Max(of(random, stream, level_of)), random.within(4, 16)),
        6 => (Measure::Last(of(random, stream, level_of)), random.within(-4, 14)),
        7 => {
            let field = random.one_of(&[FIELD_TAG, FIELD_LEVEL], FIELD_TAG);
            (Measure::Distinct(of(random, stream, Some(field))), random.within(1, 4) * 2)
        }
        8 => {
            let permille = random.one_of(&[500, 950, 999], 500);
            let of = of(random, stream, level_of);
            (Measure::Quantile { permille, of }, random.within(-4, 14))
        }
        _ => {
            let part = of(random, stream, None);
            (Measure::Ratio(part, of(random, other, None)), random.within(0, 2))
        }
    };
    let step_ms = match measure {
        Measure::Last(_) => 0,
        _ => random.one_of(&[0, 0, 0, 0, 2, 5], 0),
    };
    let window_ms = if step_ms == 0 { random.within(1, 30) } else { step_ms * random.within(1, 6) };
    let mut trigger = Trigger {
        measure,
        window_ms,
        step_ms,
        comparison,
        level: halves(level),
        min_events: if random.chance(75) { 0 } else { random.within(1, 4) as u64 },
        unit: Unit::Number,
    };
    leave_nothing_true_of_nothing(&mut trigger, by);
    trigger
}

/// A rule without keys that is true of an empty window, and not the low side, has been true
/// since the beginning of time: it has no `since`. Its level is moved to where it is not.
fn leave_nothing_true_of_nothing(trigger: &mut Trigger, by: &[KeyPart]) {
    let is_zero =
        matches!(trigger.measure, Measure::Count(_) | Measure::Sum(_) | Measure::Distinct(_));
    let level = trigger.level.units();
    let level = match trigger.comparison {
        Comparison::AtLeast => level.max(1),
        Comparison::Above => level.max(0),
        Comparison::NotEqual => 0,
        Comparison::AtMost | Comparison::Below | Comparison::Equal => level,
    };
    if is_zero && by.is_empty() {
        trigger.level = Decimal::from_units(level);
    }
}

fn selection(
    random: &mut Random,
    stream: usize,
    field: Option<usize>,
    by: &[KeyPart],
) -> Selection {
    let is = |how, field, constant| {
        Predicate::Compare(Operand::Field(field), how, Operand::Constant(constant))
    };
    let number = |random: &mut Random| Constant::Number(halves(random.within(-4, 8)));
    let text = |text: &str| Constant::Text(text.to_owned());
    let predicate = match random.within(0, 9) {
        0 => is(Comparison::AtLeast, FIELD_LEVEL, number(random)),
        1 => Predicate::Exists(FIELD_TAG),
        2 => is(Comparison::NotEqual, FIELD_TAG, text("x")),
        3 => Predicate::Not(Box::new(is(Comparison::Equal, FIELD_TAG, text("y")))),
        4 => Predicate::In(Operand::Field(FIELD_TAG), vec![text("x"), text("z")]),
        5 => Predicate::Or(vec![
            is(Comparison::Below, FIELD_LEVEL, number(random)),
            is(Comparison::Equal, FIELD_ZONE, Constant::Bool(true)),
        ]),
        _ => Predicate::True,
    };
    let key = by.iter().map(|part| if part.name == "host" { FIELD_HOST } else { FIELD_ZONE });
    Selection { stream, predicate, field, key: key.collect(), message_fields: vec![FIELD_TAG] }
}
