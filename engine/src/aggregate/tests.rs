use proptest::prelude::*;

use super::*;

const WINDOW_MS: i64 = 20;
/// Kinds of aggregates; the last has two inputs.
const KINDS: usize = 14;

fn empty(kind: usize) -> Aggregate {
    let sum = |mean| Aggregate::Sum { entries: VecDeque::new(), sum: 0, mean };
    let extreme = |largest| Aggregate::Extreme {
        candidates: VecDeque::new(),
        events: Counter::default(),
        largest,
    };
    let growth = |kind| Aggregate::Growth { entries: VecDeque::new(), grown: 0, kind };
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
        9 => Aggregate::Stddev { entries: VecDeque::new(), sum: 0, squares: BigInt::default() },
        10 => growth(Growth::Delta),
        11 => growth(Growth::Increase),
        12 => growth(Growth::Rate(WINDOW_MS)),
        _ => Aggregate::Ratio { part: Counter::default(), whole: Counter::default() },
    }
}

/// What each kind computes, from all that is inside: (time, input, value), oldest first.
fn naive(kind: usize, inside: &[(i64, u8, i128)]) -> Option<Measured> {
    let in_order: Vec<i128> = inside.iter().map(|entry| entry.2).collect();
    let (size, sum) = (in_order.len() as i128, in_order.iter().sum::<i128>());
    let mut values = in_order.clone();
    values.sort_unstable();
    let fraction = |numerator, denominator| Measured::Fraction { numerator, denominator };
    let ranked = |permille: usize| {
        let rank = (values.len() * permille).div_ceil(1000).checked_sub(1)?;
        values.get(rank).copied().map(Measured::whole)
    };
    let rises =
        || in_order.windows(2).map(|two| if two[1] < two[0] { two[1] } else { two[1] - two[0] });
    match kind {
        0 => Some(Measured::count(inside.len() as u64)),
        1 => Some(Measured::whole(sum)),
        2 => (size > 0).then(|| fraction(sum, size)),
        3 => values.first().copied().map(Measured::whole),
        4 => values.last().copied().map(Measured::whole),
        5 => in_order.last().copied().map(Measured::whole),
        6 => {
            values.dedup();
            Some(Measured::count(values.len() as u64))
        }
        7 => ranked(500),
        8 => ranked(999),
        _ if kind < KINDS - 1 && size < 2 => None,
        9 => {
            // Σ(x − mean)² / n, in units of 10⁻⁹ squared.
            let spread: i128 = in_order.iter().map(|value| (value * size - sum).pow(2)).sum();
            let of = BigRational::new(spread.into(), (size.pow(3) * 10_i128.pow(18)).into());
            Some(Measured::Root(Box::new(of)))
        }
        10 => Some(Measured::whole(in_order.last()? - in_order.first()?)),
        11 => Some(Measured::whole(rises().sum())),
        12 => Some(fraction(rises().sum::<i128>() * 1000, i128::from(WINDOW_MS))),
        _ => {
            let whole = inside.iter().filter(|entry| entry.1 == 1).count() as i128;
            let one = Decimal::ONE.units();
            (whole > 0).then(|| fraction((size - whole) * one, whole))
        }
    }
}

proptest! {
    #[test]
    fn every_aggregate_is_what_its_entries_say(
        kind in 0..KINDS,
        steps in prop::collection::vec((0_i64..9, 0_u8..2, -5_i128..6, any::<bool>()), 0..200),
    ) {
        let mut aggregate = empty(kind);
        let mut all: Vec<(i64, u8, i128)> = Vec::new();
        let mut now = 0;
        for (later, input, value, is_entry) in steps {
            now += later;
            if is_entry {
                let input = if kind == KINDS - 1 { input } else { 0 };
                aggregate.insert(input, now, value, 1);
                all.push((now, input, value));
            }
            aggregate.evict(now - WINDOW_MS);
            all.retain(|entry| entry.0 > now - WINDOW_MS);
            prop_assert_eq!(aggregate.measured(), naive(kind, &all));
            let counted = all.iter().filter(|entry| kind != KINDS - 1 || entry.1 == 1).count();
            prop_assert_eq!(aggregate.events(), counted as u64);
            prop_assert_eq!(aggregate.oldest(), all.first().map(|entry| entry.0));
            prop_assert_eq!(aggregate.newest(), all.last().map(|entry| entry.0));
            prop_assert_eq!(aggregate.is_empty(), all.is_empty());
        }
    }
}

#[test]
fn a_last_counts_events_only_when_asked() {
    let mut plain = Aggregate::Last { newest: None, events: None };
    let mut counting = empty(5);
    for aggregate in [&mut plain, &mut counting] {
        aggregate.insert(0, 1, 7, 1);
        aggregate.insert(0, 2, 8, 1);
    }
    assert_eq!((plain.events(), counting.events()), (1, 2));
}
