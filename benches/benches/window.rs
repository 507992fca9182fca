//! Windows over 20,000 keys: a shard's steps beside the standard collections.

use std::fs;
use std::path::Path;
use std::time::Duration;

use benches::baseline::{CountWindows, DistinctWindows, MeanWindows, P95Windows};
use benches::compare::{BenchHarness, BenchSide, ROUNDS, Size};
use benches::load::{LoginAttempt, LoginAttempts, SOURCES, user_name, write_short_lines};
use benches::pipeline::{BenchRules, ObservedBatches, SHORT_STREAM, step};
use criterion::{BatchSize, Criterion, Throughput};
use engine::shard::Shard;

/// A measure, the alert on it, and the same by hand.
struct WindowCase {
    name: &'static str,
    alert: &'static str,
    plain: fn(&[KeyedAttempt]) -> u64,
}

/// An attempt with the texts a hand-written service would have at hand.
struct KeyedAttempt {
    attempt: LoginAttempt,
    key: String,
    user: String,
}

const CASES: [WindowCase; 4] = [
    WindowCase { name: "window count", alert: "count(failures) >= 10", plain: count },
    WindowCase { name: "window avg", alert: "avg(failures.score) >= 70", plain: mean },
    WindowCase {
        name: "window distinct",
        alert: "distinct(failures.user.name) >= 10",
        plain: distinct,
    },
    WindowCase { name: "window p95", alert: "p95(failures.score) >= 70", plain: p95 },
];

fn main() {
    let harness = BenchHarness::from_args();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(10)
        .configure_from_args();
    // Over two minutes of events, so that windows of one minute fill, move and empty.
    let attempts = LoginAttempts::new(SOURCES, 3).take(harness.size(150_000, 2_000));
    let failures: Vec<LoginAttempt> = attempts.filter(|attempt| attempt.is_failure).collect();
    let load = Path::new(env!("CARGO_TARGET_TMPDIR")).join("window.jsonl");
    write_short_lines(&load, failures.iter().copied()).expect("room for the load");
    let size = Size { events: failures.len(), rounds: ROUNDS };
    let keyed: Vec<KeyedAttempt> = failures.iter().map(KeyedAttempt::new).collect();
    for WindowCase { name, alert, plain } in CASES {
        let alert = format!("alert a {alert} within 1m by src.ip low\n");
        let rules = BenchRules::compile(&[SHORT_STREAM, &alert]);
        let observed = rules.observe(&load);
        assert_eq!(observed.rows, failures.len(), "every failure is observed");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(failures.len() as u64));
        group.bench_function("shard", |b| {
            let run = |shard: &mut Shard| steps(shard, &observed);
            b.iter_batched_ref(|| rules.shard(), run, BatchSize::PerIteration);
        });
        group.bench_function("plain", |b| b.iter(|| plain(&keyed)));
        group.finish();
        let ours = BenchSide::new("a shard", |watch| {
            let mut shard = rules.shard();
            watch.time(|| steps(&mut shard, &observed))
        });
        let plain = BenchSide::timed("HashMap and VecDeque", || plain(&keyed));
        harness.compare(name, size, [ours, plain]);
    }
    fs::remove_file(load).expect("the load is removed");
}

fn steps(shard: &mut Shard, observed: &ObservedBatches) -> u64 {
    observed.steps.iter().map(|(batch, marks)| step(shard, batch, marks)).sum()
}

impl KeyedAttempt {
    fn new(attempt: &LoginAttempt) -> KeyedAttempt {
        let (key, user) = (attempt.address().to_string(), user_name(attempt.user));
        KeyedAttempt { attempt: *attempt, key, user }
    }

    fn time(&self) -> i64 {
        self.attempt.time_ms
    }

    fn score(&self) -> i64 {
        i64::from(self.attempt.score)
    }
}

fn firings(events: &[KeyedAttempt], mut observe: impl FnMut(&KeyedAttempt) -> bool) -> u64 {
    events.iter().map(|event| u64::from(observe(event))).sum()
}

fn count(events: &[KeyedAttempt]) -> u64 {
    let mut windows = CountWindows::default();
    firings(events, |event| windows.observe(&event.key, event.time(), 10))
}

fn mean(events: &[KeyedAttempt]) -> u64 {
    let mut windows = MeanWindows::default();
    firings(events, |event| windows.observe(&event.key, event.time(), event.score() as f64, 70.0))
}

fn distinct(events: &[KeyedAttempt]) -> u64 {
    let mut windows = DistinctWindows::default();
    firings(events, |event| windows.observe(&event.key, event.time(), &event.user, 10))
}

fn p95(events: &[KeyedAttempt]) -> u64 {
    let mut windows = P95Windows::default();
    firings(events, |event| windows.observe(&event.key, event.time(), event.score(), 70))
}
