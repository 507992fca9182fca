use rules_dsl::rule::{ArithmeticOp, ComparisonOp, EventSelection, Measure};

use super::*;
use crate::sample::{condition, selection};

/// Conditions over windows of 10 ms, an entry at an instant and in a window.
struct ConditionBench {
    condition: Condition,
    windows: Vec<WindowPlan>,
    measures: ConditionState,
    hold_ms: i64,
    first: Option<FirstEvents>,
    forgets_silence: bool,
}

impl ConditionBench {
    fn new(condition: Condition) -> ConditionBench {
        let windows = condition.windows.iter().map(|window| WindowPlan::new(window, false));
        let windows: Vec<WindowPlan> = windows.collect();
        let measures = ConditionState::new(&condition, &windows);
        ConditionBench {
            condition,
            windows,
            measures,
            hold_ms: 3,
            first: None,
            forgets_silence: true,
        }
    }

    /// Adds whole numbers to windows, then judges; `T` or `f`, and `!` where data is wanting.
    fn evaluate(&mut self, now: i64, entries: &[(u8, i64)]) -> String {
        for (window, value) in entries {
            let units = Decimal::from_int(*value).units();
            self.measures.insert(*window, 0, now, units, &self.windows);
        }
        self.measures.advance(now, &self.windows);
        let evaluating = EvaluationContext {
            condition: &self.condition,
            windows: &self.windows,
            level: self.condition.compares[0].level,
            hold_ms: self.hold_ms,
            first: self.first,
            forgets_silence: self.forgets_silence,
        };
        let evaluated = self.measures.evaluate(now, &evaluating);
        let truth = if evaluated.truth { "T" } else { "f" };
        format!("{truth}{}", if evaluated.ran_out { "!" } else { "" })
    }
}

fn of(field: usize) -> EventSelection {
    EventSelection { field: Some(field), ..selection(0) }
}

/// Two of them joined: windows 0 and 1.
fn two(one: Measure, other: Measure, joint: fn(Vec<BoolOp>) -> BoolOp) -> Condition {
    let (mut one, other) = (condition(one, 2), condition(other, 2));
    one.windows.extend(other.windows);
    for mut compare in other.compares {
        compare.value = MeasureFormula::Window(1);
        one.compares.push(compare);
    }
    one.joint = joint(vec![BoolOp::Compare(0), BoolOp::Compare(1)]);
    one
}

#[test]
fn comparisons_hold_together_or_one_for_the_other() {
    let count = || Measure::Count(selection(0));
    for (joint, want) in [(BoolOp::And as fn(Vec<BoolOp>) -> BoolOp, "f"), (BoolOp::Or, "T")] {
        let mut bench = ConditionBench::new(two(count(), count(), joint));
        assert_eq!(bench.evaluate(1, &[(0, 0), (1, 0)]), "f");
        assert_eq!(bench.evaluate(2, &[(0, 0)]), want);
        assert_eq!(bench.evaluate(3, &[(1, 0)]), "T");
        // The entries of instant 1 leave at 11, the others one by one.
        assert_eq!(bench.evaluate(11, &[]), "f");
    }
}

#[test]
fn each_comparison_is_held_by_itself() {
    let avg = || Measure::Avg(of(0));
    let mut bench = ConditionBench::new(two(avg(), avg(), BoolOp::And));
    bench.hold_ms = 30;
    assert_eq!(bench.evaluate(1, &[(0, 5)]), "f");
    assert_eq!(bench.evaluate(8, &[(1, 5)]), "T");
    // The first is unknown from 11 on and held up to 41; the second leaves at 18.
    assert_eq!(bench.evaluate(11, &[]), "T");
    assert_eq!(bench.evaluate(18, &[]), "T");
    assert_eq!(bench.measures.held_until(30, 18), Some(41));
    assert_eq!(bench.evaluate(40, &[]), "T");
    assert_eq!(bench.evaluate(41, &[]), "f!");
    // It is false for want of data at that instant only, until nothing at all is held.
    assert_eq!(bench.evaluate(42, &[]), "f");
    assert_eq!(bench.evaluate(48, &[]), "f!");
}

#[test]
fn what_never_was_known_ends_nothing_for_others() {
    let (count, avg) = (Measure::Count(selection(0)), Measure::Avg(of(0)));
    let mut bench = ConditionBench::new(two(count, avg, BoolOp::Or));
    assert_eq!(bench.evaluate(1, &[(0, 0), (0, 0)]), "T");
    for now in 2..11 {
        assert_eq!(bench.evaluate(now, &[]), "T", "{now}");
    }
    assert_eq!(bench.evaluate(11, &[]), "f");
}

#[test]
fn a_silent_key_is_not_counted_but_held() {
    let mut low = condition(Measure::Count(selection(0)), 2);
    low.compares[0].comparison = ComparisonOp::Below;
    for (forgets_silence, want) in [(true, "f"), (false, "T")] {
        let mut bench = ConditionBench::new(low.clone());
        bench.forgets_silence = forgets_silence;
        assert_eq!(bench.evaluate(1, &[(0, 0)]), "T");
        assert_eq!(bench.evaluate(11, &[]), want);
    }
    let mut bench = ConditionBench::new(condition(Measure::Avg(of(0)), 2));
    assert_eq!(bench.evaluate(1, &[(0, 5)]), "T");
    assert_eq!(bench.evaluate(11, &[]), "T");
    assert_eq!(bench.evaluate(14, &[]), "f!");
}

#[test]
fn without_a_key_the_low_side_waits_for_a_whole_window() {
    let mut low = condition(Measure::Count(selection(0)), 2);
    low.compares[0].comparison = ComparisonOp::Below;
    let mut bench = ConditionBench::new(low);
    bench.forgets_silence = false;
    // Not before all streams had an event, nor sooner than 10 ms after it.
    for (first, now, want) in [(None, 5, "f!"), (Some(5), 14, "f!"), (Some(5), 15, "T")] {
        bench.first = Some(first);
        assert_eq!(bench.evaluate(now, &[]), want, "{first:?} {now}");
    }
}

#[test]
fn a_division_by_nothing_is_unknown() {
    let sum = || Measure::Sum(of(0));
    let mut ratio = two(sum(), sum(), BoolOp::And);
    ratio.compares.truncate(1);
    ratio.joint = BoolOp::Compare(0);
    ratio.compares[0].value = MeasureFormula::Arithmetic(
        Box::new(MeasureFormula::Window(0)),
        ArithmeticOp::Divide,
        Box::new(MeasureFormula::Window(1)),
    );
    let mut bench = ConditionBench::new(ratio);
    bench.forgets_silence = false;
    assert_eq!(bench.evaluate(1, &[(0, 6)]), "f!");
    assert_eq!(bench.evaluate(2, &[(1, 3)]), "T");
    // 6 left at 11: 0 / 3 is known, 0 / 0 from 12 on is not.
    assert_eq!(bench.evaluate(11, &[]), "f");
    assert_eq!(bench.evaluate(12, &[]), "f");
    assert_eq!(bench.evaluate(15, &[]), "f!");
}
