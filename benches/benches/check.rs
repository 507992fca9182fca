//! A large rule set, checked: 5,000 alerts in 200 files, as `hansho check` does it before it
//! prints, from text to rules, findings and readings.

use std::hint::black_box;
use std::time::Duration;

use benches::compare::BenchHarness;
use criterion::{Criterion, Throughput};
use rules_dsl::compile;
use rules_dsl::source::SourceFile;

const FILES: usize = 200;
const ALERTS_PER_FILE: usize = 25;

const STREAMS: &str = "\
stream auth { ts: time, action: str, outcome: str, user.name: str, src.ip: ip, geo.country: str }
stream http { ts: time, service: str, status: int, latency: duration(ms), user.id: str }
stream node { ts: time, host: str, cpu.used: percent(0..1), net.bytes: int }
";

/// One alert of each kind, numbered so that every name is its own.
const KINDS: [&str; 5] = [
    r#"
filter 失敗{n} = auth where action == "login" and outcome == "failure"
  and src.ip not in cidr "10.{a}.{b}.0/24"
alert 認証失敗{n} 失敗{n} 10回/分 by user.name critical {
  message "{user.name}: 認証失敗 {value}回/分 (しきい値 {threshold})"
  labels { team: "security" }
}
"#,
    r#"
filter 遅い{n} = http where service == "s{n}"
alert 遅延{n} p95(遅い{n}.latency) 3秒/5分 by service for 1分 clear 2秒 high
"#,
    r#"
filter 成功{n} = auth where outcome == "success" and user.name != "u{n}"
alert 総当たり{n} 5 失敗{m} then 成功{n} within 10分 by user.name critical
"#,
    r#"
measure 使用率{n} = avg(node.cpu.used) within {w}s
alert CPU{n} 使用率{n} by host for 2m ladder { medium 80%  critical 95% }
"#,
    r#"
filter 種別{n} = http where status == 5{c}
alert 消費{n} ratio(種別{n}, http) > 1.44% within 1h min 500
  and ratio(種別{n}, http) > 1.44% within 5m min 50 by service critical
"#,
];

fn main() {
    let harness = BenchHarness::from_args();
    let files = rule_files(harness.size(FILES, 2));
    let alerts = (files.len() - 1) * ALERTS_PER_FILE;
    let compiled = compile(&files);
    let found: Vec<_> = compiled.diagnostics.iter().take(3).collect();
    assert!(compiled.diagnostics.is_empty(), "{found:?}");
    assert_eq!(compiled.readings.len(), alerts);
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(10))
        .sample_size(10)
        .configure_from_args();
    let mut group = criterion.benchmark_group("check");
    group.throughput(Throughput::Elements(alerts as u64));
    group.bench_function(format!("{alerts} alerts in {} files", files.len() - 1), |b| {
        b.iter(|| black_box(compile(black_box(&files))));
    });
    group.finish();
}

/// The streams in one file, the alerts in as many others.
fn rule_files(count: usize) -> Vec<SourceFile> {
    let streams = SourceFile { name: "streams.rules".to_owned(), text: STREAMS.to_owned() };
    let file = |file: usize| {
        let from = file * ALERTS_PER_FILE;
        let text = (from..from + ALERTS_PER_FILE).map(alert).collect();
        SourceFile { name: format!("{file}.rules"), text }
    };
    std::iter::once(streams).chain((0..count).map(file)).collect()
}

fn alert(number: usize) -> String {
    let kind = KINDS[number % KINDS.len()];
    // A sequence begins with the failures of the alert two before it.
    let values = [
        ("{n}", number),
        ("{m}", number.saturating_sub(2)),
        ("{a}", number / 250),
        ("{b}", number % 250),
        ("{w}", number + 60),
    ];
    let text = values
        .iter()
        .fold(kind.to_owned(), |text, (hole, value)| text.replace(hole, &value.to_string()));
    text.replace("{c}", &format!("{:02}", number % 100))
}
