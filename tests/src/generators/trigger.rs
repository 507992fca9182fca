//! Drawn triggers: every form of the language, over few events and short windows.

use model::decimal::Decimal;
use model::message::DisplayUnit;
use rules_dsl::rule::{
    AbsenceRoster, ArithmeticOp, BoolOp, Compare, ComparisonOp, Condition, ConstantValue,
    EventSelection, KeyPart, Measure, MeasureFormula, Predicate, PredicateOperand, Trigger, Window,
};

use super::fields::{FIELD_HOST, FIELD_LEVEL, FIELD_TAG, FIELD_ZONE};
use super::random::{SplitMix, halves};

pub(super) fn trigger(random: &mut SplitMix, by: &[KeyPart], streams: usize) -> Trigger {
    let events = |random: &mut SplitMix| {
        let stream = random.within(0, streams as i64 - 1) as usize;
        selection(random, stream, None, by)
    };
    let within_ms = random.within(1, 30);
    match random.within(0, 19) {
        0..9 => Trigger::Condition(single(random, by, streams)),
        9..11 => Trigger::Condition(joined(random, by, streams)),
        11 => Trigger::Condition(formula(random, by, streams)),
        12 => Trigger::Condition(versus(random, by, streams)),
        13 => Trigger::Any { of: events(random), and: None },
        14 => {
            let and = match random.chance(60) {
                true => single(random, by, streams),
                false => joined(random, by, streams),
            };
            Trigger::Any { of: events(random), and: Some(quiet(and)) }
        }
        15 | 16 => {
            let many = random.one_of(&[2, 2, 3, 4], 2);
            let mut steps: Vec<EventSelection> = (0..many).map(|_| events(random)).collect();
            let last = steps.len() - 1;
            // Only the last step's event is shown.
            steps.iter_mut().take(last).for_each(|step| step.message_fields.clear());
            let first_count = random.one_of(&[1, 1, 2, 3], 1);
            Trigger::Sequence { steps, first_count, within_ms }
        }
        17 => Trigger::ThenNot { first: events(random), then: events(random), within_ms },
        18 => Trigger::Absent {
            of: events(random),
            within_ms,
            roster: match by {
                [] => AbsenceRoster::Whole,
                [_] if random.chance(50) => {
                    let text = |text: &str| ConstantValue::Text(text.to_owned());
                    AbsenceRoster::Listed(vec![text("a"), text("c"), text("never")])
                }
                _ => AbsenceRoster::Seen(within_ms + random.within(1, 20)),
            },
        },
        _ => Trigger::New {
            of: events(random),
            fields: random
                .one_of(&[&[FIELD_TAG][..], &[FIELD_TAG, FIELD_ZONE]], &[FIELD_TAG])
                .to_vec(),
            within_ms,
            learn_ms: random.one_of(&[0, 0, 10, 25], 0),
            values_max: random.one_of(&[1, 2, 100], 100),
        },
    }
}

/// Takes the fields a message may show from every selection.
pub(super) fn clear_fields(trigger: &mut Trigger) {
    match trigger {
        Trigger::Condition(condition) => *condition = quiet(condition.clone()),
        Trigger::Any { of, .. } | Trigger::Absent { of, .. } | Trigger::New { of, .. } => {
            of.message_fields.clear();
        }
        Trigger::Sequence { steps, .. } => {
            steps.iter_mut().for_each(|step| step.message_fields.clear());
        }
        Trigger::ThenNot { first, then, .. } => {
            first.message_fields.clear();
            then.message_fields.clear();
        }
    }
}

/// A condition whose events are not shown.
fn quiet(mut condition: Condition) -> Condition {
    for window in &mut condition.windows {
        match &mut window.measure {
            Measure::Ratio(part, whole) => {
                part.message_fields.clear();
                whole.message_fields.clear();
            }
            Measure::Count(of)
            | Measure::Sum(of)
            | Measure::Avg(of)
            | Measure::Stddev(of)
            | Measure::Min(of)
            | Measure::Max(of)
            | Measure::Last(of)
            | Measure::Delta(of)
            | Measure::Increase(of)
            | Measure::Rate(of)
            | Measure::Distinct(of)
            | Measure::Quantile { of, .. } => of.message_fields.clear(),
        }
    }
    condition
}

/// One comparison of one measure.
fn single(random: &mut SplitMix, by: &[KeyPart], streams: usize) -> Condition {
    let (window, level) = window(random, by, streams);
    let mut compare = Compare {
        value: MeasureFormula::Window(0),
        comparison: comparison(random),
        level: halves(level),
        unit: DisplayUnit::Number,
    };
    leave_nothing_true_of_nothing(&window.measure, &mut compare, by);
    Condition { windows: vec![window], compares: vec![compare], joint: BoolOp::Compare(0) }
}

/// Two or three comparisons joined; two of them may read one window.
fn joined(random: &mut SplitMix, by: &[KeyPart], streams: usize) -> Condition {
    let (mut windows, mut compares) = (Vec::new(), Vec::new());
    for _ in 0..random.within(2, 3) {
        let one = single(random, by, streams);
        let is_shared = !windows.is_empty() && random.chance(20);
        for mut compare in one.compares {
            if !is_shared {
                windows.extend(one.windows.iter().cloned());
            }
            let at = windows.len() - 1;
            compare.value = MeasureFormula::Window(at);
            if let Some(window) = windows.get(at) {
                let window: &Window = window;
                leave_nothing_true_of_nothing(&window.measure, &mut compare, by);
            }
            compares.push(compare);
        }
    }
    let all = |many: usize| (0..many).map(BoolOp::Compare).collect::<Vec<BoolOp>>();
    let joint = match (compares.len(), random.chance(50)) {
        (3, true) => {
            let or = BoolOp::Or(vec![BoolOp::Compare(1), BoolOp::Compare(2)]);
            BoolOp::And(vec![BoolOp::Compare(0), or])
        }
        (many, true) => BoolOp::And(all(many)),
        (many, false) => BoolOp::Or(all(many)),
    };
    quiet(Condition { windows, compares, joint })
}

/// Two measures, or a measure and a number, joined by arithmetic.
fn formula(random: &mut SplitMix, by: &[KeyPart], streams: usize) -> Condition {
    use ArithmeticOp::{Add, Divide, Multiply, Subtract};
    let (one, _) = window(random, by, streams);
    let (other, _) = window(random, by, streams);
    let (operator, right, windows) = match random.chance(70) {
        true => {
            let operator = random.one_of(&[Add, Subtract, Multiply, Divide], Divide);
            (operator, MeasureFormula::Window(1), vec![one, other])
        }
        // A number added to nothing would be true of nothing.
        false => {
            let operator = random.one_of(&[Subtract, Multiply, Divide], Divide);
            (
                operator,
                MeasureFormula::Number(halves(random.within(1, 6)), DisplayUnit::Number),
                vec![one],
            )
        }
    };
    let value =
        MeasureFormula::Arithmetic(Box::new(MeasureFormula::Window(0)), operator, Box::new(right));
    // The low side of numbers that are zero of nothing is drawn with keys only: without, it
    // would be true of an empty beginning.
    let comparison = if by.is_empty() { ComparisonOp::Above } else { comparison(random) };
    let level = halves(random.within(1, 8));
    let compare = Compare { value, comparison, level, unit: DisplayUnit::Number };
    quiet(Condition { windows, compares: vec![compare], joint: BoolOp::Compare(0) })
}

/// A measure now over the same some time ago.
fn versus(random: &mut SplitMix, by: &[KeyPart], streams: usize) -> Condition {
    let (now, _) = window(random, by, streams);
    let then = Window {
        ago_ms: random.within(1, 40),
        step_ms: if now.step_ms > 0 { now.step_ms } else { random.one_of(&[0, 1], 1) },
        min_events: random.within(0, 2) as u64,
        ..now.clone()
    };
    let now = Window { min_events: 0, ..now };
    let value = MeasureFormula::Arithmetic(
        Box::new(MeasureFormula::Window(0)),
        ArithmeticOp::Divide,
        Box::new(MeasureFormula::Window(1)),
    );
    let compare = Compare {
        value,
        comparison: comparison(random),
        level: halves(random.within(0, 4)),
        unit: DisplayUnit::Percent,
    };
    let windows = vec![now, then];
    quiet(Condition { windows, compares: vec![compare], joint: BoolOp::Compare(0) })
}

fn comparison(random: &mut SplitMix) -> ComparisonOp {
    random.one_of(
        &[
            ComparisonOp::AtLeast,
            ComparisonOp::AtLeast,
            ComparisonOp::Above,
            ComparisonOp::AtMost,
            ComparisonOp::Below,
            ComparisonOp::Equal,
            ComparisonOp::NotEqual,
        ],
        ComparisonOp::AtLeast,
    )
}

/// A window and, in halves, a level that its measure comes near.
fn window(random: &mut SplitMix, by: &[KeyPart], streams: usize) -> (Window, i64) {
    let stream = random.within(0, streams as i64 - 1) as usize;
    let other = random.within(0, streams as i64 - 1) as usize;
    let of = |random: &mut SplitMix, stream, field| selection(random, stream, field, by);
    let level_of = Some(FIELD_LEVEL);
    let (measure, level) = match random.within(0, 13) {
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
        9 => (Measure::Stddev(of(random, stream, level_of)), random.within(-1, 8)),
        10 => (Measure::Delta(of(random, stream, level_of)), random.within(-8, 8)),
        11 => (Measure::Increase(of(random, stream, level_of)), random.within(-4, 16)),
        12 => (Measure::Rate(of(random, stream, level_of)), random.within(-20, 2_000)),
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
    let min_events = if random.chance(75) { 0 } else { random.within(1, 4) as u64 };
    (Window { measure, window_ms, step_ms, ago_ms: 0, min_events }, level)
}

/// A rule without keys that is true of an empty window, and not the low side, has been true
/// since the beginning of time: it has no `since`. Its level is moved to where it is not.
fn leave_nothing_true_of_nothing(measure: &Measure, compare: &mut Compare, by: &[KeyPart]) {
    let level = compare.level.units();
    let level = match compare.comparison {
        ComparisonOp::AtLeast => level.max(1),
        ComparisonOp::Above => level.max(0),
        ComparisonOp::NotEqual => 0,
        ComparisonOp::AtMost | ComparisonOp::Below | ComparisonOp::Equal => level,
    };
    if measure.counts_nothing_as_zero() && by.is_empty() {
        compare.level = Decimal::from_units(level);
    }
}

fn selection(
    random: &mut SplitMix,
    stream: usize,
    field: Option<usize>,
    by: &[KeyPart],
) -> EventSelection {
    let is = |how, field, constant| {
        Predicate::Compare(
            PredicateOperand::Field(field),
            how,
            PredicateOperand::Constant(constant),
        )
    };
    let number = |random: &mut SplitMix| ConstantValue::Number(halves(random.within(-4, 8)));
    let text = |text: &str| ConstantValue::Text(text.to_owned());
    let predicate = match random.within(0, 9) {
        0 => is(ComparisonOp::AtLeast, FIELD_LEVEL, number(random)),
        1 => Predicate::Exists(FIELD_TAG),
        2 => is(ComparisonOp::NotEqual, FIELD_TAG, text("x")),
        3 => Predicate::Not(Box::new(is(ComparisonOp::Equal, FIELD_TAG, text("y")))),
        4 => Predicate::In(PredicateOperand::Field(FIELD_TAG), vec![text("x"), text("z")]),
        5 => Predicate::Or(vec![
            is(ComparisonOp::Below, FIELD_LEVEL, number(random)),
            is(ComparisonOp::Equal, FIELD_ZONE, ConstantValue::Bool(true)),
        ]),
        _ => Predicate::True,
    };
    let key = by.iter().map(|part| if part.name == "host" { FIELD_HOST } else { FIELD_ZONE });
    EventSelection { stream, predicate, field, key: key.collect(), message_fields: vec![FIELD_TAG] }
}
