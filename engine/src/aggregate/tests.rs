use proptest::prelude::*;

use super::*;

const WINDOW_MS: i64 = 20;

fn empty(kind: usize) -> Aggregate {
    let sum = |mean| Aggregate::Sum { entries: VecDeque::new(), sum: 0, mean };
    let extreme = |largest| Aggregate::Extreme {
        candidates: VecDeque::new(),
        events: Counter::default(),
        largest,
    };
    let quantile = |permille| Aggregate::Quantile {
        entries: VecDeque::new(),
        ranked: Ranked::default(),
        permille,
    };
    match kind {
        0 => Aggregate::Count(Counter::default()),
        1 => sum(false),
        2 => sum(true),
        3 => extreme(false),
        4 => extreme(true),
        5 => Aggregate::Last { newest: None, events: Some(Counter::default()) },
        6 => Aggregate::Distinct { entries: VecDeque::new(), inside: HashMap::new() },
        7 => quantile(500),
        8 => quantile(999),
        _ => Aggregate::Ratio { part: Counter::default(), whole: Counter::default() },
    }
}

/// What each kind computes, from all that is inside: (time, input, value), oldest first.
fn naive(kind: usize, inside: &[(i64, u8, i128)]) -> Option<(i128, i128)> {
    let one = Decimal::ONE.units();
    let mut values: Vec<i128> = inside.iter().map(|entry| entry.2).collect();
    let (size, sum) = (values.len() as i128, values.iter().sum::<i128>());
    let newest = values.last().copied();
    values.sort_unstable();
    let rank = |permille: usize| (values.len() * permille).div_ceil(1000).checked_sub(1);
    match kind {
        0 => Some((size * one, 1)),
        1 => Some((sum, 1)),
        2 => (size > 0).then_some((sum, size)),
        3 => values.first().map(|value| (*value, 1)),
        4 => values.last().map(|value| (*value, 1)),
        5 => newest.map(|value| (value, 1)),
        6 => {
            values.dedup();
            Some((values.len() as i128 * one, 1))
        }
        7 => rank(500).and_then(|at| values.get(at)).map(|value| (*value, 1)),
        8 => rank(999).and_then(|at| values.get(at)).map(|value| (*value, 1)),
        _ => {
            let whole = inside.iter().filter(|entry| entry.1 == 1).count() as i128;
            (whole > 0).then(|| ((size - whole) * one, whole))
        }
    }
}

proptest! {
    #[test]
    fn every_aggregate_is_what_its_entries_say(
        kind in 0_usize..10,
        steps in prop::collection::vec((0_i64..9, 0_u8..2, -5_i128..6, any::<bool>()), 0..200),
    ) {
        let mut aggregate = empty(kind);
        let mut all: Vec<(i64, u8, i128)> = Vec::new();
        let mut now = 0;
        for (later, input, value, is_entry) in steps {
            now += later;
            if is_entry {
                let input = if kind == 9 { input } else { 0 };
                aggregate.insert(input, now, value);
                all.push((now, input, value));
            }
            aggregate.evict(now - WINDOW_MS);
            all.retain(|entry| entry.0 > now - WINDOW_MS);
            let measured = aggregate.measured().map(|m| (m.numerator, m.denominator));
            prop_assert_eq!(measured, naive(kind, &all));
            let counted = all.iter().filter(|entry| kind != 9 || entry.1 == 1).count();
            prop_assert_eq!(aggregate.events(), counted as u64);
            prop_assert_eq!(aggregate.oldest(), all.first().map(|entry| entry.0));
            prop_assert_eq!(aggregate.newest(), all.last().map(|entry| entry.0));
            prop_assert_eq!(aggregate.is_empty(), all.is_empty());
        }
    }
}

#[test]
fn fractions_are_compared_exactly_and_shown_rounded() {
    let third = Measured { numerator: Decimal::ONE.units(), denominator: 3 };
    let shown = Decimal::parse("0.333333333").unwrap();
    assert_eq!(third.decimal(), Some(shown));
    assert_eq!(third.compare(shown), std::cmp::Ordering::Greater);
}

#[test]
fn a_last_counts_events_only_when_asked() {
    let mut plain = Aggregate::Last { newest: None, events: None };
    let mut counting = empty(5);
    for aggregate in [&mut plain, &mut counting] {
        aggregate.insert(0, 1, 7);
        aggregate.insert(0, 2, 8);
    }
    assert_eq!((plain.events(), counting.events()), (1, 2));
}
