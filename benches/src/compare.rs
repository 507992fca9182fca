//! Two sides run in turns, and their ratio.
//!
//! On a shared machine a rate proves nothing: what slows one run slows the one beside it, so
//! only their ratio means something. CPU time is told next to wall time, since a neighbour
//! takes less of it away.

use std::env;
use std::fs;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Turns of a comparison inside one process.
pub const ROUNDS: usize = 11;
/// Length of a clock tick in `/proc/self/stat`: Linux fixes it at 100 a second for programs.
const TICK: Duration = Duration::from_millis(10);

/// Harness of the benches of one program.
#[derive(Clone, Debug)]
pub struct BenchHarness {
    /// Everything runs once and nothing is measured.
    pub is_test: bool,
    filter: Option<String>,
}

/// How much a comparison measures.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Events of one run of a side.
    pub events: usize,
    /// Turns that are counted.
    pub rounds: usize,
}

/// One of two sides: does the work under a stopwatch and returns its answer.
pub struct BenchSide<'a> {
    name: &'a str,
    run: Box<dyn FnMut(&mut RunStopwatch) -> u64 + 'a>,
}

/// Wall and CPU time that the measured part of a run took.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunStopwatch {
    wall: Duration,
    cpu: Duration,
}

impl<'a> BenchSide<'a> {
    /// A side that does its preparation outside [`RunStopwatch::time`].
    pub fn new(name: &'a str, run: impl FnMut(&mut RunStopwatch) -> u64 + 'a) -> BenchSide<'a> {
        BenchSide { name, run: Box::new(run) }
    }

    /// A side all of whose work is measured.
    pub fn timed(name: &'a str, mut work: impl FnMut() -> u64 + 'a) -> BenchSide<'a> {
        BenchSide::new(name, move |watch| watch.time(&mut work))
    }
}

/// The median of some ratios, and the least and the greatest of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioSpread {
    /// As many are less as are greater.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl BenchHarness {
    /// Understands what `cargo bench` and criterion pass: `--test`, and a part of a name.
    pub fn from_args() -> BenchHarness {
        let args: Vec<String> = env::args().skip(1).collect();
        let has = |flag: &str| args.iter().any(|arg| arg == flag);
        BenchHarness {
            // `cargo bench` passes `--bench`; without it nobody asked for a measurement.
            is_test: has("--test") || !has("--bench"),
            filter: args.iter().find(|arg| !arg.starts_with('-')).cloned(),
        }
    }

    /// `full` when measuring, `small` when only trying.
    pub fn size(&self, full: usize, small: usize) -> usize {
        if self.is_test { small } else { full }
    }

    /// Runs ours and the other side in turns over the same `events` and prints one line.
    ///
    /// # Panics
    /// When the two sides differ in their answers: then their times mean nothing.
    pub fn compare(&self, name: &str, size: Size, sides: [BenchSide<'_>; 2]) {
        let is_wanted = self.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()));
        if !is_wanted {
            return;
        }
        let [mut ours, mut other] = sides;
        // The first turn warms caches and is not counted; it may be the only one.
        let (answer, _) = turn(name, &mut ours, &mut other);
        if self.is_test {
            println!("{name}: same answer as {} ({answer}); not measured", other.name);
            return;
        }
        let turns: Vec<_> = (0..size.rounds).map(|_| turn(name, &mut ours, &mut other).1).collect();
        println!("{}", summary(name, other.name, size.events, &turns));
    }
}

/// One run of each side, which must agree.
fn turn(
    name: &str,
    ours: &mut BenchSide<'_>,
    other: &mut BenchSide<'_>,
) -> (u64, [RunStopwatch; 2]) {
    let mut watches = [RunStopwatch::default(); 2];
    let [our_watch, other_watch] = &mut watches;
    let answer = (ours.run)(our_watch);
    let expected = (other.run)(other_watch);
    assert_eq!(answer, expected, "{name}: {} and {} disagree", ours.name, other.name);
    (answer, watches)
}

fn summary(name: &str, other: &str, events: usize, turns: &[[RunStopwatch; 2]]) -> String {
    let ratios = turns.iter().map(|[ours, other]| ratio(other.wall, ours.wall));
    let RatioSpread { median, least, greatest } = RatioSpread::of(ratios.collect());
    let spent = |side: usize| turns.iter().map(|turn| turn[side].cpu).sum::<Duration>();
    let per_event = |side: usize| spent(side).as_nanos() as usize / (events * turns.len()).max(1);
    let cpu = ratio(spent(1), spent(0));
    let (n, ours_ns, other_ns) = (turns.len(), per_event(0), per_event(1));
    format!(
        "{name}: {median:.2}x of {other} (median of {n}, range {least:.2}–{greatest:.2}); \
         CPU {cpu:.2}x: {ours_ns} against {other_ns} ns an event"
    )
}

fn ratio(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64()
}

impl RunStopwatch {
    /// Measures a piece of work of this process, all its threads together.
    pub fn time<R>(&mut self, work: impl FnOnce() -> R) -> R {
        self.between(process_cpu, work)
    }

    /// Measures work done by child processes that it waits for; their CPU time is counted in
    /// ticks of 10 ms.
    pub fn time_children<R>(&mut self, work: impl FnOnce() -> R) -> R {
        self.between(children_cpu, work)
    }

    fn between<R>(&mut self, cpu: fn() -> Duration, work: impl FnOnce() -> R) -> R {
        let (cpu_before, began) = (cpu(), Instant::now());
        let answer = work();
        self.wall += began.elapsed();
        self.cpu += cpu() - cpu_before;
        answer
    }
}

fn process_cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}

/// User and system time of ended children: fields 16 and 17 of `/proc/self/stat`, proc(5).
fn children_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in brackets, which may hold spaces.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(13).take(2);
    TICK * ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum::<u32>()
}

impl RatioSpread {
    /// Of at least one ratio; of an even number the upper middle one is the median.
    pub fn of(mut ratios: Vec<f64>) -> RatioSpread {
        ratios.sort_by(f64::total_cmp);
        RatioSpread {
            median: ratios[ratios.len() / 2],
            least: ratios[0],
            greatest: ratios[ratios.len() - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reports_how_many_times_the_other_rate_is_reached() {
        let watch = |millis| {
            let spent = Duration::from_millis(millis);
            RunStopwatch { wall: spent, cpu: spent / 2 }
        };
        let turns = [[watch(10), watch(20)], [watch(10), watch(5)], [watch(10), watch(12)]];
        assert_eq!(
            summary("decode", "a loop", 1_000, &turns),
            "decode: 1.20x of a loop (median of 3, range 0.50–2.00); \
             CPU 1.23x: 5000 against 6166 ns an event"
        );
    }

    #[test]
    #[should_panic(expected = "decode: ours and a loop disagree")]
    fn sides_that_disagree_are_not_compared() {
        let harness = BenchHarness { is_test: true, filter: None };
        let side = |name, answer| BenchSide::timed(name, move || answer);
        harness.compare(
            "decode",
            Size { events: 1, rounds: 1 },
            [side("ours", 1), side("a loop", 2)],
        );
    }
}
