//! The whole road of one rule over a file: 認証失敗 10回/分 by source address, beside a plain
//! loop with serde_json, `HashMap` and `VecDeque` over the same file.
//!
//! Twice: as libraries on one thread, and, where it has been built, as `hansho replay`, a
//! process with a thread that reads and one that judges, beside a process that runs the loop.

use std::env;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use benches::load::{Attempts, SOURCES};
use benches::ours::{FAILURES_BY_SOURCE, Rules, SHORT_STREAM};
use benches::paired::{Harness, Side};
use benches::plain;

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
        println!("{}", plain::replay(Path::new(path)));
        return;
    }
    let harness = Harness::from_args();
    let lines = harness.size(LINES, 3_000);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (load, rules) = write_inputs(folder, lines).expect("room for the load");
    in_process(&harness, lines, &load);
    match service() {
        Some(binary) => as_processes(&harness, lines, (&binary, &rules, &load)),
        None => println!(
            "road, hansho replay: not compared, the service is not built \
             (cargo build --release)"
        ),
    }
    fs::remove_file(load).expect("the load is removed");
}

fn write_inputs(folder: &Path, lines: usize) -> std::io::Result<(PathBuf, PathBuf)> {
    let (load, rules) = (folder.join("road.jsonl"), folder.join("road.rules"));
    fs::write(&rules, [SHORT_STREAM, FAILURES_BY_SOURCE].concat())?;
    let mut out = BufWriter::new(File::create(&load)?);
    for attempt in Attempts::new(SOURCES, 5).take(lines) {
        writeln!(out, "{}", attempt.short_line())?;
    }
    out.flush()?;
    Ok((load, rules))
}

fn in_process(harness: &Harness, lines: usize, load: &Path) {
    let rules = Rules::compile(&[SHORT_STREAM, FAILURES_BY_SOURCE]);
    let ours = Side::timed("the engine", || rules.replay(load));
    let other = Side::timed("a plain loop", || plain::replay(load));
    harness.compare("road, one thread", (lines, ROUNDS), [ours, other]);
}

/// The service beside this program: both lie in one profile's folder.
fn service() -> Option<PathBuf> {
    let own = env::current_exe().ok()?;
    let beside = own.parent()?.parent()?.join("hansho");
    beside.exists().then_some(beside)
}

fn as_processes(harness: &Harness, lines: usize, (binary, rules, load): (&Path, &Path, &Path)) {
    let ours = Side::new("hansho replay", |watch| {
        let mut command = Command::new(binary);
        command.args(["replay", "--rules"]).arg(rules).arg("--input").arg(load);
        let told = watch.time_children(|| output_of(command));
        told.lines().filter(|line| line.contains(r#""kind":"firing""#)).count() as u64
    });
    let own = env::current_exe().expect("a path of this program");
    let other = Side::new("a plain loop", |watch| {
        let mut command = Command::new(&own);
        command.arg(PLAIN_LOOP).arg(load);
        let told = watch.time_children(|| output_of(command));
        told.trim().parse().expect("a number of firings")
    });
    harness.compare("road, hansho replay", (lines, ROUNDS), [ours, other]);
}

fn output_of(mut command: Command) -> String {
    let output = command.stderr(Stdio::piped()).output().expect("a program that can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output in UTF-8")
}
