//! The whole road of one rule over a file: 認証失敗 10回/分 by source address, beside a plain
//! loop with serde_json, `HashMap` and `VecDeque` over the same file.
//!
//! Twice: as runtime's replay on one thread, and, where it has been built, as `hansho replay`, a
//! process with a thread that reads and one that judges, beside a process that runs the loop.
//!
//! Both are the road that ships. On one thread it therefore pays for the rings between reader and
//! shard and for the merge of transitions, which the plain loop has no use for.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use benches::baseline;
use benches::compare::{BenchHarness, BenchSide, Size};
use benches::load::{LoginAttempts, SOURCES, write_short_lines};
use benches::pipeline::{BenchRules, FAILURES_BY_SOURCE, SHORT_STREAM};

/// Lines of the file, 1 ms apart: five minutes.
const LINES: usize = 300_000;
/// Turns of each comparison.
const ROUNDS: usize = 9;
/// The argument that makes this program the plain loop.
const PLAIN_LOOP: &str = "plain-loop";

fn main() {
    if let [_, mode, path] = &env::args().collect::<Vec<_>>()[..]
        && mode == PLAIN_LOOP
    {
        println!("{}", baseline::replay(Path::new(path)));
        return;
    }
    let harness = BenchHarness::from_args();
    let lines = harness.size(LINES, 3_000);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let inputs = write_inputs(folder, lines).expect("room for the load");
    let size = Size { events: lines, rounds: ROUNDS };
    in_process(&harness, size, &inputs.load);
    match service() {
        Some(binary) => as_processes(&harness, size, &binary, &inputs),
        None => println!(
            "road, hansho replay: not compared, the service is not built \
             (cargo build --release)"
        ),
    }
    fs::remove_file(inputs.load).expect("the load is removed");
}

/// What both sides read.
struct Inputs {
    load: PathBuf,
    rules: PathBuf,
}

fn write_inputs(folder: &Path, lines: usize) -> std::io::Result<Inputs> {
    let (load, rules) = (folder.join("road.jsonl"), folder.join("road.rules"));
    fs::write(&rules, [SHORT_STREAM, FAILURES_BY_SOURCE].concat())?;
    write_short_lines(&load, LoginAttempts::new(SOURCES, 5).take(lines))?;
    Ok(Inputs { load, rules })
}

fn in_process(harness: &BenchHarness, size: Size, load: &Path) {
    let rules = BenchRules::compile(&[SHORT_STREAM, FAILURES_BY_SOURCE]);
    let ours = BenchSide::timed("the engine", || rules.replay(load));
    let other = BenchSide::timed("a plain loop", || baseline::replay(load));
    harness.compare("road, one thread", size, [ours, other]);
}

/// The service beside this program: both lie in one profile's folder.
fn service() -> Option<PathBuf> {
    let own = env::current_exe().ok()?;
    let beside = own.parent()?.parent()?.join("hansho");
    beside.exists().then_some(beside)
}

fn as_processes(harness: &BenchHarness, size: Size, binary: &Path, inputs: &Inputs) {
    let Inputs { load, rules } = inputs;
    let ours = BenchSide::new("hansho replay", |watch| {
        let mut command = Command::new(binary);
        command.args(["replay", "--rules"]).arg(rules).arg("--input").arg(load);
        let reported = watch.time_children(|| output_of(command));
        reported.lines().filter(|line| line.contains(r#""kind":"firing""#)).count() as u64
    });
    let own = env::current_exe().expect("a path of this program");
    let other = BenchSide::new("a plain loop", |watch| {
        let mut command = Command::new(&own);
        command.arg(PLAIN_LOOP).arg(load);
        let reported = watch.time_children(|| output_of(command));
        reported.trim().parse().expect("a number of firings")
    });
    harness.compare("road, hansho replay", size, [ours, other]);
}

fn output_of(mut command: Command) -> String {
    let output = command.stderr(Stdio::piped()).output().expect("a program that can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output in UTF-8")
}
