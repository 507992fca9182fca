use model::decimal::Decimal;
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use rules_dsl::rule::EventSelection;

use super::*;
use crate::sample::selection;

const LENGTH_MS: i64 = 24;

/// An event: its time, its input and its value.
type WindowEvent = (i64, u8, i128);

/// One of each measure.
fn measures() -> Vec<Measure> {
    let of = || EventSelection { field: Some(1), ..selection(0) };
    vec![
        Measure::Count(selection(0)),
        Measure::Ratio(selection(0), selection(0)),
        Measure::Sum(of()),
        Measure::Avg(of()),
        Measure::Min(of()),
        Measure::Max(of()),
        Measure::Last(of()),
        Measure::Distinct(of()),
        Measure::Delta(of()),
        Measure::Increase(of()),
        Measure::Rate(of()),
        Measure::Stddev(of()),
        Measure::Quantile { permille: 500, of: of() },
        Measure::Quantile { permille: 999, of: of() },
    ]
}

/// The events a window holds at `now`, by its definition: at the last boundary of a step, and
/// some time ago.
fn inside(events: &[WindowEvent], now: i64, window: &rule::Window) -> Vec<WindowEvent> {
    let step = window.step_ms.max(1);
    // Boundaries are those of a clock that is as far behind.
    let boundary = now.div_euclid(step) * step;
    let end = boundary - window.ago_ms;
    let is_inside = |event: &&WindowEvent| {
        // A step is whole or out: an event counts from the boundary at its step's end.
        let entered = (event.0 + window.ago_ms + step - 1).div_euclid(step) * step;
        entered <= boundary && entered > boundary - window.window_ms && event.0 <= end
    };
    events.iter().filter(is_inside).copied().collect()
}

/// Naive measure of some events, the oldest first.
fn naive(measure: &Measure, inside: &[WindowEvent]) -> Option<MeasureValue> {
    let in_order: Vec<i128> = inside.iter().map(|event| event.2).collect();
    let (size, sum) = (in_order.len() as i128, in_order.iter().sum::<i128>());
    let mut sorted = in_order.clone();
    sorted.sort_unstable();
    let fraction = |numerator, denominator| MeasureValue::Fraction { numerator, denominator };
    let rises =
        || in_order.windows(2).map(|two| if two[1] < two[0] { two[1] } else { two[1] - two[0] });
    match measure {
        Measure::Count(_) => Some(MeasureValue::count(inside.len() as u64)),
        Measure::Ratio(..) => {
            let whole = inside.iter().filter(|event| event.1 == 1).count() as i128;
            (whole > 0).then(|| fraction((size - whole) * Decimal::ONE.units(), whole))
        }
        Measure::Sum(_) => Some(MeasureValue::whole(sum)),
        Measure::Avg(_) => (size > 0).then(|| fraction(sum, size)),
        Measure::Min(_) => sorted.first().copied().map(MeasureValue::whole),
        Measure::Max(_) => sorted.last().copied().map(MeasureValue::whole),
        Measure::Last(_) => in_order.last().copied().map(MeasureValue::whole),
        Measure::Distinct(_) => {
            sorted.dedup();
            Some(MeasureValue::count(sorted.len() as u64))
        }
        Measure::Quantile { permille, .. } => {
            let rank = (sorted.len() * *permille as usize).div_ceil(1000).checked_sub(1)?;
            sorted.get(rank).copied().map(MeasureValue::whole)
        }
        _ if size < 2 => None,
        Measure::Delta(_) => Some(MeasureValue::whole(in_order.last()? - in_order.first()?)),
        Measure::Increase(_) => Some(MeasureValue::whole(rises().sum())),
        Measure::Rate(_) => Some(fraction(rises().sum::<i128>() * 1000, i128::from(LENGTH_MS))),
        Measure::Stddev(_) => {
            // Σ(x − mean)² / n, in units of 10⁻⁹ squared.
            let spread: i128 = in_order.iter().map(|value| (value * size - sum).pow(2)).sum();
            let of = BigRational::new(spread.into(), (size.pow(3) * 10_i128.pow(18)).into());
            Some(MeasureValue::Root(Box::new(of)))
        }
    }
}

/// Events that `{count}` and `min` count.
fn counted(measure: &Measure, inside: &[WindowEvent]) -> u64 {
    let is_counted = |event: &&WindowEvent| !matches!(measure, Measure::Ratio(..)) || event.1 == 1;
    inside.iter().filter(is_counted).count() as u64
}

fn plan(measure: &Measure, steps: i64, ago_ms: i64, min_events: u64) -> rule::Window {
    // Six steps make a window.
    let step_ms = steps * LENGTH_MS / 6;
    rule::Window { measure: measure.clone(), window_ms: LENGTH_MS, step_ms, ago_ms, min_events }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Against the list of all events, at every instant: ties, silences longer than the window,
    /// an event exactly as old as the window is long, steps and earlier windows.
    #[test]
    fn a_window_is_what_its_events_say(
        kind in 0..measures().len(),
        steps in 0_i64..2,
        ago_ms in prop_oneof![Just(0_i64), Just(7), Just(40)],
        min_events in 0_u64..4,
        acts in prop::collection::vec(
            (prop_oneof![8 => 0_i64..5, 1 => 20_i64..90], 0_u8..2, -5_i128..6, 0_u8..4),
            0..120,
        ),
    ) {
        let measure = measures().swap_remove(kind);
        let window = plan(&measure, steps, ago_ms, min_events);
        let kept = WindowPlan::new(&window, true);
        let mut ours = WindowState::new(&kept);
        let (mut events, mut now, mut last) = (Vec::new(), 0, None);
        for (later, input, value, times) in acts {
            for _ in 0..later {
                now += 1;
                let due = ours.next_change(&kept);
                if due == Some(now) {
                    ours.advance(now, &kept);
                }
                // Between the instants it names, nothing changes.
                let want = naive(&measure, &inside(&events, now, &window));
                let enough = counted(&measure, &inside(&events, now, &window)) >= min_events;
                prop_assert_eq!(ours.measured(&kept), want.filter(|_| enough), "at {}", now);
                prop_assert!(due.is_none_or(|due| due >= now), "{:?} at {}", due, now);
            }
            let input = if matches!(measure, Measure::Ratio(..)) { input } else { 0 };
            for _ in 0..times {
                ours.insert(input, now, value, &kept);
                events.push((now, input, value));
            }
            ours.advance(now, &kept);
            let inside = inside(&events, now, &window);
            let enough = counted(&measure, &inside) >= min_events;
            prop_assert_eq!(ours.measured(&kept), naive(&measure, &inside).filter(|_| enough));
            prop_assert_eq!(ours.events(), counted(&measure, &inside));
            prop_assert_eq!(ours.is_silent(), inside.is_empty());
            let is_ahead = |event: &WindowEvent| event.0 + window.ago_ms > now.div_euclid(
                window.step_ms.max(1)
            ) * window.step_ms.max(1);
            prop_assert_eq!(ours.is_empty(), inside.is_empty() && !events.iter().any(is_ahead));
            last = ours.next_empty(&kept).or(last);
            prop_assert_eq!(ours.next_empty(&kept).is_some(), !inside.is_empty());
        }
        let end = now.max(last.unwrap_or(0)) + window.ago_ms + 2 * LENGTH_MS;
        ours.advance(end, &kept);
        prop_assert!(ours.is_empty());
    }

    /// The instant a value that only falls no longer meets a level is told exactly, while
    /// nothing comes.
    #[test]
    fn a_value_falls_when_it_is_said_to(
        kind in 0_usize..4,
        acts in prop::collection::vec((0_i64..5, -5_i128..6), 1..60),
        level in -2_i64..6,
        is_strict in any::<bool>(),
    ) {
        let of = EventSelection { field: Some(1), ..selection(0) };
        let (measure, comparison) = match (kind, is_strict) {
            (0, false) => (Measure::Count(of), ComparisonOp::AtLeast),
            (0, true) => (Measure::Count(of), ComparisonOp::Above),
            (1, false) => (Measure::Distinct(of), ComparisonOp::AtLeast),
            (1, true) => (Measure::Distinct(of), ComparisonOp::Above),
            (2, false) => (Measure::Max(of), ComparisonOp::AtLeast),
            (2, true) => (Measure::Max(of), ComparisonOp::Above),
            (_, false) => (Measure::Min(of), ComparisonOp::AtMost),
            (_, true) => (Measure::Min(of), ComparisonOp::Below),
        };
        // Of values in units a level is one as well.
        let level = match measure {
            Measure::Max(_) | Measure::Min(_) => Decimal::from_units(i128::from(level)),
            _ => Decimal::from_int(level),
        };
        let window = plan(&measure, 0, 0, 0);
        let kept = WindowPlan::new(&window, false);
        let mut ours = WindowState::new(&kept);
        let (mut events, mut now) = (Vec::new(), 0);
        for (later, value) in acts {
            now += later;
            ours.insert(0, now, value, &kept);
            events.push((now, 0, value));
        }
        ours.advance(now, &kept);
        let meets = |at: i64| {
            let inside = inside(&events, at, &window);
            let value = naive(&measure, &inside).filter(|_| !inside.is_empty());
            value.is_some_and(|value| comparison.holds(value.compare(level)))
        };
        if meets(now) {
            let falls = (now..).find(|at| !meets(*at));
            prop_assert_eq!(ours.next_fall(comparison, level, &kept), falls);
        } else {
            prop_assert!(ours.next_fall(comparison, level, &kept) > Some(now));
        }
    }
}

/// Panes of the structures that keep one for each instant or step, counted and in bytes.
fn panes(aggregate: &WindowAggregate) -> usize {
    match aggregate {
        WindowAggregate::Count(it) => it.ring.panes.len(),
        WindowAggregate::Ratio(it) => it.part.ring.panes.len() + it.whole.ring.panes.len(),
        WindowAggregate::Sum(it) => it.ring.panes.len(),
        WindowAggregate::Extreme(it) => it.candidates.panes.len(),
        WindowAggregate::Last(it) => it.ahead.panes.len(),
        WindowAggregate::Distinct(it) => it.ahead.panes.len() + it.values.len(),
        WindowAggregate::Grown(it) => it.ring.panes.len(),
        WindowAggregate::GrownInSteps(it) => it.ring.panes.len(),
        WindowAggregate::Spread(it) => it.ring.panes.len(),
        WindowAggregate::SpreadInSteps(it) => it.ring.panes.len(),
        WindowAggregate::Quantile(it) => it.ring.panes.len(),
    }
}

#[test]
fn a_window_in_steps_keeps_what_is_left_of_each_step() {
    const STEP_MS: i64 = 10;
    for measure in measures() {
        let window = rule::Window {
            measure: measure.clone(),
            window_ms: 600 * STEP_MS,
            step_ms: STEP_MS,
            ago_ms: 0,
            min_events: 0,
        };
        let kept = WindowPlan::new(&window, false);
        let mut ours = WindowState::new(&kept);
        let mut most = 0;
        for time in 0..3 * 600 * STEP_MS {
            // Two events an instant, of few values: they fall, the worst there is for `max`.
            for value in [-time, 5] {
                let value =
                    if matches!(measure, Measure::Distinct(_)) { value % 100 } else { value };
                ours.insert((value > 0).into(), time, value.into(), &kept);
            }
            ours.advance(time, &kept);
            most = most.max(panes(&ours.aggregate));
        }
        let bound = match measure {
            Measure::Quantile { .. } => 2 * 601 * STEP_MS as usize,
            Measure::Ratio(..) => 2 * 601,
            // Each value once, and those of the open step.
            Measure::Distinct(_) => 101 + 11,
            _ => 601,
        };
        assert!(most <= bound, "{measure:?}: {most}");
    }
}

#[test]
fn a_window_gives_back_what_a_crowd_needed() {
    for (measure, step_ms) in measures().into_iter().flat_map(|it| [(it.clone(), 0), (it, 10)]) {
        let window = rule::Window { measure, window_ms: 60_000, step_ms, ago_ms: 0, min_events: 0 };
        let kept = WindowPlan::new(&window, true);
        let mut ours = WindowState::new(&kept);
        for time in 0..20_000 {
            ours.insert(0, time, time.into(), &kept);
            ours.advance(time, &kept);
        }
        ours.insert(0, 79_000, 1, &kept);
        ours.advance(79_990, &kept);
        let room = match &ours.aggregate {
            WindowAggregate::Count(it) => it.ring.panes.capacity(),
            WindowAggregate::Sum(it) => it.ring.panes.capacity(),
            WindowAggregate::Quantile(it) => it.ring.panes.capacity(),
            WindowAggregate::Grown(it) => it.ring.panes.capacity(),
            WindowAggregate::Distinct(it) => it.ahead.panes.capacity(),
            _ => 0,
        };
        assert!(room < 100, "{:?}: {room}", window.measure);
    }
}

#[test]
fn what_is_counted_beside_a_measure_is_counted_only_when_asked() {
    for (measure, want) in [(4, 1), (6, 1), (7, 1), (2, 2)] {
        let window = plan(&measures().swap_remove(measure), 0, 0, 0);
        let count = |is_counted: bool| {
            let kept = WindowPlan::new(&window, is_counted);
            let mut ours = WindowState::new(&kept);
            ours.insert(0, 1, 7, &kept);
            ours.insert(0, 2, 8, &kept);
            ours.advance(2, &kept);
            ours.events()
        };
        assert_eq!((count(false), count(true)), (want, 2), "{:?}", window.measure);
    }
}

#[test]
fn squares_are_exact_beyond_what_128_bits_hold() {
    let of = EventSelection { field: Some(1), ..selection(0) };
    for step in [0, 1] {
        let window = plan(&Measure::Stddev(of.clone()), step, 0, 0);
        let kept = WindowPlan::new(&window, false);
        let mut ours = WindowState::new(&kept);
        let far = 10_i128.pow(29);
        ours.insert(0, 0, far, &kept);
        ours.insert(0, 0, -far, &kept);
        ours.advance(0, &kept);
        let units = BigInt::from(Decimal::ONE.units());
        let square = BigRational::new(BigInt::from(far).pow(2), units.pow(2));
        assert_eq!(ours.measured(&kept), Some(MeasureValue::Root(Box::new(square))));
    }
}
