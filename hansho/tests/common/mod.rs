//! Runs the binary once and keeps what it said. Each test binary uses a part of it.

#![allow(dead_code)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The exit code and both outputs of a finished run.
#[derive(Debug)]
pub struct CommandOutput {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl CommandOutput {
    /// Standard output, each line read as JSON.
    pub fn lines(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).expect("a line of JSON");
        self.out.lines().map(read).collect()
    }

    /// The run ended with this code and nothing panicked.
    #[track_caller]
    pub fn ended(self, code: i32) -> CommandOutput {
        assert!(!self.err.contains("panicked"), "{}", self.err);
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

/// Runs hansho in a locale of its own choosing, with these bytes on standard input.
pub fn hansho(arguments: &[&str], stdin: &[u8]) -> CommandOutput {
    let mut process = Command::new(env!("CARGO_BIN_EXE_hansho"))
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut writing = process.stdin.take().expect("a pipe");
    let bytes = stdin.to_vec();
    // A program that reads nothing closes the pipe: no failure.
    let writer = std::thread::spawn(move || drop(writing.write_all(&bytes)));
    let Output { status, stdout, stderr } = process.wait_with_output().expect("it ends");
    writer.join().expect("the writer");
    CommandOutput {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).expect("UTF-8"),
        err: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// A rule file that stands beside these tests.
pub fn rules(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules").join(name)
}

/// A folder of real logs, which cannot lie in this repository.
pub fn real_logs(folder: &str) -> PathBuf {
    let root = std::env::var_os("HANSHO_DATA").expect("HANSHO_DATA names no folder");
    let path = PathBuf::from(root).join(folder);
    assert!(path.is_dir(), "HANSHO_DATA has no folder {}", path.display());
    path
}

/// Failed logins of `user` at these milliseconds, as JSON lines with times in milliseconds.
pub fn failures(user: &str, at_ms: impl IntoIterator<Item = i64>) -> String {
    let mut lines = String::new();
    for at in at_ms {
        let _ = writeln!(
            lines,
            r#"{{"ts":{at},"action":"login","outcome":"failure","user":{{"name":"{user}"}}}}"#
        );
    }
    lines
}
