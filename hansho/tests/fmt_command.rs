//! `hansho fmt`, run as people and editors run it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output, Stdio};

fn hansho(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansho"));
    command.args(["--lang", "en"]).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_shipped_rules_and_those_of_the_tests_are_in_the_layout() {
    let output = hansho(&["fmt", "--check", "../rules", "tests/rules"], "");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()));
}

#[test]
fn files_are_laid_out_in_place_and_those_with_errors_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (ugly, broken) = ("filter   a=b # なぜ\n", "filter   a=\n");
    fs::write(path("ugly.rules"), ugly).unwrap();
    fs::write(path("broken.rules"), broken).unwrap();
    fs::set_permissions(path("ugly.rules"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink(path("ugly.rules"), path("link")).unwrap();
    let (link, all) = (path("link"), folder.path().to_str().unwrap());

    let checked = hansho(&["fmt", "--check", all], "");
    assert_eq!(checked.status.code(), Some(1));
    assert_eq!(text(&checked.stdout), format!("{}\n", path("ugly.rules").display()));
    assert_eq!(fs::read_to_string(path("ugly.rules")).unwrap(), ugly);

    let written = hansho(&["fmt", all], "");
    assert_eq!(written.status.code(), Some(1), "one of them has an error");
    assert!(text(&written.stderr).contains("broken.rules:"), "{}", text(&written.stderr));
    assert_eq!(fs::read_to_string(path("ugly.rules")).unwrap(), "filter a = b  # なぜ\n");
    assert_eq!(fs::read_to_string(path("broken.rules")).unwrap(), broken);

    fs::write(path("ugly.rules"), ugly).unwrap();
    assert!(hansho(&["fmt", link.to_str().unwrap()], "").status.success());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = fs::metadata(path("ugly.rules")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left behind");
}

#[test]
fn editors_format_through_standard_input() {
    let output = hansho(&["fmt", "-"], "filter a=b");
    assert_eq!(text(&output.stdout), "filter a = b\n");
    assert_eq!(hansho(&["fmt", "--check", "-"], "filter a=b").status.code(), Some(1));
    assert_eq!(hansho(&["fmt", "--check", "-"], "filter a = b\n").status.code(), Some(0));
    let broken = hansho(&["fmt", "-"], "filter a=");
    assert_eq!((broken.status.code(), text(&broken.stdout)), (Some(1), String::new()));
    assert_eq!(hansho(&["fmt", "-", "../rules"], "").status.code(), Some(2));
}
