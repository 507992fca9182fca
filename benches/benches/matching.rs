//! Which of the filters an event satisfies: the compiled program beside a closure that tries
//! one condition after the other.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use benches::compare::{BenchHarness, BenchSide, ROUNDS, Size};
use benches::load::{LoginAttempts, SOURCES, USERS, user_name};
use benches::pipeline::{BenchRules, SHORT_STREAM};
use criterion::{Criterion, Throughput};
use engine::program::{ObserveCounts, Program};
use model::decimal::Decimal;
use model::event::{Event, Value};
use model::observation::{EventOrigin, ObservationBatch};
use model::time::Timestamp;
use runtime::ingest::admission::BATCH_ROWS;

/// One event as a hand-written service would keep it.
struct LoginEvent {
    time_ms: i64,
    action: &'static str,
    outcome: &'static str,
    user: String,
    address: IpAddr,
    score: i64,
}

fn main() {
    let harness = BenchHarness::from_args();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(10)
        .configure_from_args();
    for filters in [1, 100, 1_000] {
        let logins = logins(harness.size(2_000_000 / (filters + 9), 200));
        let events: Vec<[Value<'_>; 6]> = logins.iter().map(LoginEvent::values).collect();
        let wanted = accounts(filters);
        let rules = rules(&wanted);
        let name = format!("matching {filters}");
        let mut group = criterion.benchmark_group(&name);
        group.throughput(Throughput::Elements(logins.len() as u64));
        group.bench_function("program", |b| b.iter(|| observe_all(&rules.program, &events)));
        group.bench_function("closure", |b| b.iter(|| match_all(&wanted, &logins)));
        group.finish();
        let ours = BenchSide::timed("the program", || observe_all(&rules.program, &events));
        let plain = BenchSide::timed("a hand-written closure", || match_all(&wanted, &logins));
        let size = Size { events: logins.len(), rounds: ROUNDS };
        harness.compare(&name, size, [ours, plain]);
    }
}

/// Whose failures each filter is about; a single one is about everybody's.
fn accounts(filters: usize) -> Vec<Option<String>> {
    match filters {
        1 => vec![None],
        _ => (0..filters as u32).map(|user| Some(user_name(user))).collect(),
    }
}

/// An alert for each filter.
fn rules(wanted: &[Option<String>]) -> BenchRules {
    let mut text = SHORT_STREAM.to_owned();
    for (index, user) in wanted.iter().enumerate() {
        let filter = user.as_ref().map_or_else(
            || format!("filter f{index} = failures\n"),
            |user| format!("filter f{index} = failures where user.name == \"{user}\"\n"),
        );
        text.push_str(&filter);
        text.push_str(&format!("alert a{index} f{index} 10回/分 by src.ip low\n"));
    }
    BenchRules::compile(&[&text])
}

fn logins(count: usize) -> Vec<LoginEvent> {
    let login = |attempt: benches::load::LoginAttempt| LoginEvent {
        time_ms: attempt.time_ms,
        action: "login",
        outcome: attempt.outcome(),
        user: user_name(attempt.user % USERS as u32),
        address: attempt.address(),
        score: i64::from(attempt.score),
    };
    LoginAttempts::new(SOURCES, 2).take(count).map(login).collect()
}

impl LoginEvent {
    /// The event's values in the order of the schema.
    fn values(&self) -> [Value<'_>; 6] {
        [
            Value::Time(Timestamp(self.time_ms)),
            Value::Text(self.action),
            Value::Text(self.outcome),
            Value::Text(&self.user),
            Value::Ip(self.address),
            Value::Number(Decimal::from_int(self.score)),
        ]
    }
}

/// Observations the program makes of all events.
fn observe_all(program: &Program, events: &[[Value<'_>; 6]]) -> u64 {
    let mut counts = ObserveCounts::default();
    let mut batches = [ObservationBatch::default()];
    for (offset, values) in events.iter().enumerate() {
        let Value::Time(time) = values[0] else { continue };
        let origin = EventOrigin { stream: 0, partition: 0, offset: offset as i64, index: 0 };
        let event = Event { time, values: black_box(values), items: &[] };
        program.observe(&event, origin, &mut batches, &mut counts);
        if batches[0].rows.len() >= BATCH_ROWS {
            batches[0].clear();
        }
    }
    counts.observations
}

/// Pairs of time and key that the closures find in all events.
fn match_all(wanted: &[Option<String>], logins: &[LoginEvent]) -> u64 {
    let (mut count, mut found) = (0, Vec::new());
    let is_wanted = |login: &LoginEvent, user: &Option<String>| {
        let is_failure = login.action == "login" && login.outcome == "failure";
        is_failure && user.as_ref().is_none_or(|user| login.user == *user)
    };
    for login in logins {
        for user in wanted {
            if is_wanted(black_box(login), user) {
                found.push((login.time_ms, login.address));
                count += 1;
            }
        }
        if found.len() >= BATCH_ROWS {
            found.clear();
        }
    }
    count
}
