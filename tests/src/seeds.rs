//! Seeds, taken by as many threads as there are processors.

use std::env;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Seeds a thread takes at a time.
const TAKEN_AT_ONCE: u64 = 16;

/// A number from the environment.
pub fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// The seeds to run: the one `HANSHO_SEED` names, else those that the variable `count` says, as
/// a number of them or as a range `FROM..TO`, else `otherwise`.
pub fn chosen(count: &str, otherwise: u64) -> Range<u64> {
    if let Some(seed) = number("HANSHO_SEED") {
        return seed..seed + 1;
    }
    let said = env::var(count).ok();
    said.map_or(0..otherwise, |said| range(&said).unwrap_or_else(|| panic!("{count}={said}")))
}

/// `TO` or `FROM..TO`.
fn range(said: &str) -> Option<Range<u64>> {
    let (from, to) = said.split_once("..").unwrap_or(("0", said));
    Some(from.parse().ok()?..to.parse().ok()?)
}

/// Runs `check` on every seed; what each thread summed up, or the least seed that failed of
/// those that were run, and why.
///
/// # Errors
/// The seed and the check's words.
pub fn all<S: Default + Send>(
    seeds: Range<u64>,
    check: impl Fn(&mut S, u64) -> Result<(), String> + Sync,
) -> Result<Vec<S>, (u64, String)> {
    let next = AtomicU64::new(seeds.start);
    let failed: Mutex<Option<(u64, String)>> = Mutex::new(None);
    let work = || {
        let mut sum = S::default();
        loop {
            let from = next.fetch_add(TAKEN_AT_ONCE, Ordering::Relaxed);
            if from >= seeds.end {
                return sum;
            }
            for seed in from..seeds.end.min(from + TAKEN_AT_ONCE) {
                let Err(why) = check(&mut sum, seed) else { continue };
                next.store(seeds.end, Ordering::Relaxed);
                let mut failed = failed.lock().unwrap();
                if failed.as_ref().is_none_or(|(least, _)| seed < *least) {
                    *failed = Some((seed, why));
                }
                return sum;
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let sums = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    match failed.into_inner().unwrap() {
        Some(failed) => Err(failed),
        None => Ok(sums),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_number_or_a_range() {
        let cases = [("7", Some(0..7)), ("3..7", Some(3..7)), ("", None), ("3..", None)];
        for (said, expected) in cases {
            assert_eq!(range(said), expected, "{said}");
        }
    }

    #[test]
    fn every_seed_is_run_once_and_the_first_that_fails_is_named() {
        let count = |sums: Vec<(u64, u64)>| {
            sums.iter().fold((0, 0), |(n, sum), more| (n + more.0, sum + more.1))
        };
        let add = |sum: &mut (u64, u64), seed| {
            *sum = (sum.0 + 1, sum.1 + seed);
            Ok(())
        };
        assert_eq!(all(3..1000, add).map(count), Ok((997, 999 * 1000 / 2 - 3)));
        assert_eq!(all(5..5, add).map(count), Ok((0, 0)));
        let fails = |_: &mut (), seed| if seed == 7 { Err("seven".to_owned()) } else { Ok(()) };
        assert_eq!(all(0..100, fails), Err((7, "seven".to_owned())));
    }
}
