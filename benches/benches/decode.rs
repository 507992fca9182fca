//! Fields out of JSON lines: the decoder beside serde_json, into a borrowing struct and into a
//! tree.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use benches::baseline::{LongLine, ShortLine};
use benches::compare::{BenchHarness, BenchSide, ROUNDS, Size};
use benches::load::{LONG_BYTES, LoginAttempts, SHORT_BYTES, SOURCES};
use benches::pipeline::{BenchRules, LONG_STREAM, SHORT_STREAM, record};
use criterion::{Criterion, Throughput};
use model::event::{Event, Value};
use model::time::Timestamp;

/// One kind of line and the three ways to read it.
struct LineShape {
    name: String,
    rules: BenchRules,
    lines: Vec<String>,
    typed: fn(&str) -> u64,
    tree: fn(&str) -> u64,
}

fn main() {
    let harness = BenchHarness::from_args();
    let count = harness.size(50_000, 200);
    let attempts = || LoginAttempts::new(SOURCES, 1).take(count);
    let shapes = [
        LineShape {
            name: format!("decode {SHORT_BYTES} B"),
            rules: BenchRules::compile(&[SHORT_STREAM]),
            lines: attempts().map(|attempt| attempt.short_line()).collect(),
            typed: short_typed,
            tree: short_tree,
        },
        LineShape {
            name: format!("decode {LONG_BYTES} B"),
            rules: BenchRules::compile(&[LONG_STREAM]),
            lines: attempts().map(|attempt| attempt.long_line()).collect(),
            typed: long_typed,
            tree: long_tree,
        },
    ];
    for shape in &shapes {
        shape.draw(&harness);
    }
    for shape in &shapes {
        shape.compare(&harness, "serde_json typed", shape.typed);
        shape.compare(&harness, "serde_json Value", shape.tree);
    }
}

impl LineShape {
    fn draw(&self, harness: &BenchHarness) {
        let mut criterion = criterion();
        let mut group = criterion.benchmark_group(&self.name);
        group.throughput(Throughput::Elements(self.lines.len() as u64));
        let mut decoder = self.rules.decoder();
        group.bench_function("decoder", |b| {
            b.iter(|| sum(&self.lines, |line| decoded(&mut decoder, line)));
        });
        group.bench_function("serde_json typed", |b| b.iter(|| sum(&self.lines, self.typed)));
        if !harness.is_test {
            group.bench_function("serde_json Value", |b| b.iter(|| sum(&self.lines, self.tree)));
        }
        group.finish();
    }

    fn compare(&self, harness: &BenchHarness, other: &str, plain: fn(&str) -> u64) {
        let mut decoder = self.rules.decoder();
        let ours = BenchSide::timed("the decoder", || {
            sum(&self.lines, |line| decoded(&mut decoder, line))
        });
        let plain = BenchSide::timed(other, || sum(&self.lines, plain));
        let size = Size { events: self.lines.len(), rounds: ROUNDS };
        harness.compare(&self.name, size, [ours, plain]);
    }
}

fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(10)
        .configure_from_args()
}

/// Reads every line; what was read is summed up, so that all sides must have read the same.
fn sum(lines: &[String], mut read: impl FnMut(&str) -> u64) -> u64 {
    lines.iter().map(|line| read(black_box(line))).fold(0, u64::wrapping_add)
}

fn decoded(decoder: &mut connectors::codec::Decoder, line: &str) -> u64 {
    let mut sum = 0;
    let read = |event: &Event<'_>| match *event {
        Event {
            time,
            values:
                [
                    _,
                    Value::Text(action),
                    Value::Text(outcome),
                    Value::Text(user),
                    Value::Ip(address),
                    Value::Number(score),
                ],
            ..
        } => fields(time.0, [action, outcome, user], *address, score.to_int().unwrap_or(0)),
        _ => panic!("fields are missing: {event:?}"),
    };
    let decoded = decoder.decode(&record(line.as_bytes(), 0), |event| sum = read(event));
    decoded.expect("a line that can be decoded");
    sum
}

fn short_typed(line: &str) -> u64 {
    let line: ShortLine<'_> = serde_json::from_str(line).expect("a short line");
    let texts = [line.action, line.outcome, line.user.name];
    fields(line.ts, texts, line.src.ip, line.score)
}

fn long_typed(line: &str) -> u64 {
    let line: LongLine<'_> = serde_json::from_str(line).expect("a long line");
    let texts = [line.event.action, line.event.outcome, line.user.name];
    fields(line.time_ms(), texts, line.source.ip, line.event.risk_score)
}

fn short_tree(line: &str) -> u64 {
    let tree: serde_json::Value = serde_json::from_str(line).expect("a short line");
    let time_ms = tree["ts"].as_i64().expect("a time");
    let texts = [&tree["action"], &tree["outcome"], &tree["user"]["name"]];
    tree_fields(time_ms, texts, &tree["src"]["ip"], &tree["score"])
}

fn long_tree(line: &str) -> u64 {
    let tree: serde_json::Value = serde_json::from_str(line).expect("a long line");
    let time = tree["@timestamp"].as_str().and_then(Timestamp::parse_rfc3339);
    let event = &tree["event"];
    let texts = [&event["action"], &event["outcome"], &tree["user"]["name"]];
    tree_fields(time.expect("a time").0, texts, &tree["source"]["ip"], &event["risk_score"])
}

fn tree_fields(
    time_ms: i64,
    texts: [&serde_json::Value; 3],
    address: &serde_json::Value,
    score: &serde_json::Value,
) -> u64 {
    let texts = texts.map(|text| text.as_str().expect("a text"));
    let address = address.as_str().and_then(|text| text.parse().ok()).expect("an address");
    fields(time_ms, texts, address, score.as_i64().expect("a number"))
}

fn fields(time_ms: i64, texts: [&str; 3], address: IpAddr, score: i64) -> u64 {
    let address = match address {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(_) => 0,
    };
    let lengths = texts.iter().map(|text| text.len() as u64).sum::<u64>();
    (time_ms as u64).wrapping_add(address).wrapping_add(lengths).wrapping_add(score as u64)
}
