use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{ServiceHome, free_port, get};
use crate::recorder::{HttpRecorder, RecorderAnswer};

const SOON: Duration = Duration::from_secs(20);

fn shell(script: &str) -> ServiceHome {
    let mut service = ServiceHome::new("sh").unwrap();
    service.start(&["-c", script]).unwrap();
    service
}

/// True when a process of this id exists and is not a zombie.
fn lives(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn lines_of_both_outputs_are_kept() {
    let mut service = shell("echo 警報; echo told >&2; exit 3");
    assert_eq!(service.wait_for_exit(SOON).unwrap().code(), Some(3));
    assert_eq!(service.wait_for_line("警", SOON).unwrap(), "警報");
    assert_eq!(service.wait_for_line("tol", SOON).unwrap(), "told");
    let missing = service.wait_for_line("nothing", Duration::from_millis(1)).unwrap_err();
    assert!(missing.contains("警報"), "{missing}");
}

#[test]
fn a_killed_program_finds_its_state_again() {
    let mut service = shell("echo life >>state; wc -l <state; exec sleep 600");
    service.wait_for_line("1", SOON).unwrap();
    let first = service.process_id().unwrap();
    service.kill9();
    assert!(!lives(first));
    service.restart().unwrap();
    service.wait_for_line("2", SOON).unwrap();
}

#[test]
fn terminate_lets_the_program_end_by_itself() {
    let mut service = shell("trap 'exit 0' TERM; echo up; while :; do read _ </dev/null; done");
    service.wait_for_line("up", SOON).unwrap();
    assert_eq!(service.terminate(SOON).unwrap().code(), Some(0));
    assert_eq!(service.terminate(SOON), None);
}

#[test]
fn one_that_will_not_end_is_killed() {
    let mut service = shell("trap '' TERM; echo up; while :; do read _ </dev/null; done");
    service.wait_for_line("up", SOON).unwrap();
    let id = service.process_id().unwrap();
    assert_eq!(service.terminate(Duration::from_millis(50)), None);
    assert!(!lives(id));
}

#[test]
fn dropping_leaves_nothing_behind() {
    let service = shell("exec sleep 600");
    let (id, home) = (service.process_id().unwrap(), service.home().to_path_buf());
    assert!(lives(id) && home.is_dir());
    drop(service);
    assert!(!lives(id) && !home.exists());
}

#[test]
fn readiness_is_asked_over_http() {
    let recorder = HttpRecorder::start().unwrap();
    let address = recorder.url("").trim_start_matches("http://").to_owned();
    recorder.script([
        RecorderAnswer::Status(503),
        RecorderAnswer::Close,
        RecorderAnswer::Status(503),
    ]);
    let mut service = shell("exec sleep 600");
    service.wait_for_ok(&address, "/readyz", SOON).unwrap();
    assert_eq!(recorder.requests().len(), 4);
    assert_eq!(get(&address, "/").unwrap(), (200, String::new()));
}

#[test]
fn a_program_that_ended_is_never_ready() {
    let nobody = format!("127.0.0.1:{}", free_port().unwrap());
    let mut service = shell("echo cannot read hansho.toml; exit 2");
    let reason = service.wait_for_ok(&nobody, "/readyz", SOON).unwrap_err();
    assert!(reason.contains("exit status: 2"), "{reason}");
}

#[test]
fn the_configuration_knows_its_home() {
    // `echo run --config PATH` stands for the binary.
    let service = ServiceHome::run("echo", "state = \"{home}/state\"").unwrap();
    let said = service.wait_for_line("run --config", SOON).unwrap();
    let written = fs::read_to_string(Path::new(said.split_whitespace().last().unwrap())).unwrap();
    assert_eq!(written, format!("state = \"{}/state\"", service.home().display()));
}
