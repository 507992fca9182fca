use model::severity::Severity;
use proptest::prelude::*;

use super::expression::{
    amount, at, comparison_of, length_of_time, name_of, path_of, signed, text_of,
};
use crate::ast::{
    Alert, AlertClauses, AlertSeverity, Compare, Condition, During, HoldClause, KeyComponent,
    Measure, MeasureTerm, Quantity, SeverityLevel, SpannedName, Statement, TableLookup, Threshold,
    Trigger, Window,
};
use crate::quantity::UnitKind;
use crate::rule::ArithmeticOp;

pub(super) fn key_of() -> BoxedStrategy<KeyComponent> {
    (path_of(), any::<bool>())
        .prop_map(|(field, optional)| KeyComponent { field, optional })
        .boxed()
}

fn window_of() -> BoxedStrategy<Window> {
    let length = || prop::option::of(length_of_time());
    (length(), length(), prop::option::of(amount()))
        .prop_map(|(within, step, min)| Window { within, step, min })
        .boxed()
}

fn bare(term: MeasureTerm) -> Measure {
    Measure { term, window: Window::default() }
}

fn named_or_called() -> impl Strategy<Value = MeasureTerm> {
    let functions = vec!["count", "p95", "p99.9", "ratio", "distinct", "min", "rate"];
    let call = (prop::sample::select(functions), prop::collection::vec(path_of(), 1..3));
    prop_oneof![
        name_of().prop_map(MeasureTerm::Named),
        call.prop_map(|(text, of)| MeasureTerm::Call(
            SpannedName { text: text.to_owned(), at: at() },
            of,
            at()
        )),
    ]
}

/// Measures with their own windows.
pub(super) fn measure_of() -> BoxedStrategy<Measure> {
    use ArithmeticOp::{Add, Divide, Multiply, Subtract};
    let leaf = (named_or_called(), window_of()).prop_map(|(term, window)| Measure { term, window });
    leaf.prop_recursive(3, 8, 2, |inner| {
        let operator = prop::sample::select(vec![Add, Subtract, Multiply, Divide]);
        // A length of time after a slash would be the window of a level.
        let number = signed()
            .prop_map(|number| bare(MeasureTerm::Number(Quantity { unit: None, ..number })));
        let right = prop_oneof![inner.clone(), number];
        let arithmetic = (inner.clone(), operator, right).prop_map(|(left, operator, right)| {
            MeasureTerm::Arithmetic(Box::new(left), operator, Box::new(right))
        });
        let versus = (inner, length_of_time())
            .prop_map(|(now, ago)| MeasureTerm::Versus(Box::new(now), ago));
        (prop_oneof![arithmetic, versus], window_of())
            .prop_map(|(term, window)| Measure { term, window })
    })
    .boxed()
}

fn level_of() -> BoxedStrategy<Threshold> {
    (prop::option::of(comparison_of()), signed(), prop::option::of(length_of_time()))
        .prop_map(|(comparison, quantity, per)| {
            let is_size = quantity.unit.is_some_and(|unit| unit.kind == UnitKind::Bytes);
            // A size over a time has two readings and is refused.
            Threshold { comparison, quantity, per: per.filter(|_| !is_size) }
        })
        .boxed()
}

/// A comparison with a level; what stands at the measure does not stand after the level.
fn compare_of() -> BoxedStrategy<Compare> {
    (measure_of(), level_of(), window_of())
        .prop_map(|(measure, mut level, after)| {
            // Two numbers in a row are a level of nothing.
            if !matches!(measure.term, MeasureTerm::Named(_) | MeasureTerm::Call(..))
                || measure.window != Window::default()
            {
                level.comparison.get_or_insert(crate::rule::ComparisonOp::AtLeast);
            }
            let own = &measure.window;
            let window = Window {
                within: after.within.filter(|_| own.within.is_none()),
                step: after.step.filter(|_| own.step.is_none()),
                min: after.min.filter(|_| own.min.is_none()),
            };
            Compare { measure, level: Some(level), window }
        })
        .boxed()
}

fn joined_of() -> BoxedStrategy<Condition> {
    let leaf = compare_of().prop_map(|compare| Condition::Compare(Box::new(compare)));
    leaf.prop_recursive(2, 6, 3, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![parts().prop_map(Condition::And), parts().prop_map(Condition::Or)]
    })
    .boxed()
}

/// A trigger and what stands after it as its window.
fn trigger_of() -> BoxedStrategy<(Trigger, Window)> {
    let condition = (joined_of(), any::<bool>()).prop_map(|(mut condition, has_no_level)| {
        let mut window = Window::default();
        if let Condition::Compare(compare) = &mut condition {
            window = std::mem::take(&mut compare.window);
            if has_no_level {
                (compare.level, window) = (None, Window::default());
            }
        }
        (Trigger::Condition(condition), window)
    });
    let any = (name_of(), prop::option::of(joined_of()))
        .prop_map(|(events, and)| (Trigger::Any { events, and }, Window::default()));
    let steps = (prop::option::of(amount()), prop::collection::vec(name_of(), 2..4))
        .prop_map(|(count, steps)| Trigger::Sequence { count, steps });
    let then_not =
        (name_of(), name_of()).prop_map(|(first, then)| Trigger::ThenNot { first, then });
    let absent = name_of().prop_map(|events| Trigger::Absent { events });
    let new = (prop::collection::vec(path_of(), 1..3), name_of())
        .prop_map(|(fields, events)| Trigger::New { fields, events });
    let of_events = (prop_oneof![steps, then_not, absent, new], window_of());
    prop_oneof![3 => condition, 1 => any, 4 => of_events].boxed()
}

fn lookup_of() -> BoxedStrategy<TableLookup> {
    (name_of(), path_of()).prop_map(|(name, field)| TableLookup { name, field }).boxed()
}

fn clauses_of() -> BoxedStrategy<AlertClauses> {
    let length = || prop::option::of(length_of_time());
    let number = || prop::option::of(amount());
    let nodata = prop_oneof![Just(HoldClause::Clear), length_of_time().prop_map(HoldClause::Hold)];
    let during =
        (any::<bool>(), name_of()).prop_map(|(negated, calendar)| During { negated, calendar });
    let flag = || prop::option::of(Just(at()));
    let held = (length(), prop::option::of(signed()), length(), prop::option::of(nodata));
    let looked_up = (
        prop::option::of(during),
        prop::option::of(lookup_of()),
        prop::option::of(lookup_of()),
        prop::option::of(name_of()),
    );
    let limits = (number(), number(), length(), length());
    let by = prop::collection::vec(key_of(), 0..3);
    (by, held, looked_up, limits, (flag(), flag()))
        .prop_map(|(by, held, looked_up, limits, (notify_each, shadow))| {
            let (hold_for, clear, keep, nodata) = held;
            let (during, except, overrides, roster) = looked_up;
            let (limit_keys, limit_values, seen, learn) = limits;
            AlertClauses {
                window: Window::default(),
                by,
                hold_for,
                clear,
                keep,
                during,
                except,
                overrides,
                notify_each,
                nodata,
                shadow,
                limit_keys,
                limit_values,
                seen,
                roster,
                learn,
            }
        })
        .boxed()
}

fn grade_of() -> BoxedStrategy<AlertSeverity> {
    let severity = || prop::sample::select(Severity::ALL.to_vec());
    let rung = (severity(), level_of()).prop_map(|(severity, level)| SeverityLevel {
        severity,
        level: Threshold { per: None, ..level },
    });
    prop_oneof![
        severity().prop_map(AlertSeverity::Severity),
        prop::collection::vec(rung, 1..4).prop_map(|rungs| AlertSeverity::Ladder(rungs, at())),
    ]
    .boxed()
}

pub(super) fn alert_of() -> BoxedStrategy<Statement> {
    let tail = (
        prop::option::of(text_of()),
        prop::option::of(text_of()),
        prop::collection::vec((path_of(), text_of()), 0..3),
    );
    (name_of(), trigger_of(), clauses_of(), grade_of(), tail)
        .prop_map(|(name, (trigger, window), clauses, mut grade, (message, runbook, labels))| {
            let has_no_level = matches!(
                &trigger,
                Trigger::Condition(Condition::Compare(compare)) if compare.level.is_none()
            );
            if let (true, AlertSeverity::Severity(severity)) = (has_no_level, &grade) {
                let level = Threshold { comparison: None, quantity: one(), per: None };
                grade =
                    AlertSeverity::Ladder(vec![SeverityLevel { severity: *severity, level }], at());
            }
            let clauses = AlertClauses { window, ..clauses };
            let alert = Alert { name, trigger, clauses, grade, message, runbook, labels };
            Statement::Alert(Box::new(alert))
        })
        .boxed()
}

fn one() -> Quantity {
    Quantity { value: model::decimal::Decimal::ONE, unit: None, at: at() }
}
