//! First impressions after a build: the demo, the help, and how commands end.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use common::{hansho, rules};
use tests::service::ServiceHome;

#[test]
fn the_demo_shows_a_critical_alert_and_ends_by_itself() {
    let said = hansho(&["demo", "--for", "8s", "--lang", "ja"], b"").ended(0);
    let all = said.out + &said.err;
    let critical = all.lines().filter(|line| line.contains("緊急") || line.contains("critical"));
    assert!(critical.count() > 0, "{all}");
    for word in
        ["認証失敗", "user.name", "10", "API呼び出し service=checkout: ", "アクティブユーザー: "]
    {
        assert!(all.contains(word), "{word} is not in:\n{all}");
    }
    // For people: colour and log lines would only be in the way of a pipe.
    assert!(!all.contains('\u{1b}'), "{all}");
}

/// Output of a demo in its first seconds, and all of it.
const SHOWN: [&str; 7] = [
    "L1 critical  認証失敗多発  user.name=admin",
    "L1 critical  認証失敗多発  user.name=oracle",
    "L1 critical  認証失敗多発  user.name=postgres",
    "L1 critical  認証失敗多発  user.name=root",
    "L1 critical  送信元別認証失敗多発  src.ip=203.0.113.9",
    "L2 high      エラーレート上昇  service=checkout",
    "L3 medium    CPU高負荷  host=db-1",
];

#[test]
fn the_demo_shows_the_attack_the_climb_the_burst_and_nothing_else() {
    let mut demo = ServiceHome::new(env!("CARGO_BIN_EXE_hansho")).expect("a folder");
    demo.start(&["demo", "--lang", "en"]).expect("the demo");
    let wait = std::time::Duration::from_secs(60);
    for alert in SHOWN {
        demo.wait_for_line(alert, wait).unwrap_or_else(|lines| panic!("{alert}\n{lines}"));
    }
    assert!(demo.terminate(wait).is_some_and(|ended| ended.success()), "{:?}", demo.lines());
    // A time, the alert, then its value.
    let lines = demo.lines();
    let alerts = lines.iter().filter_map(|line| line.split_once("  L")?.1.split_once("  value "));
    let mut shown: Vec<String> = alerts.map(|(alert, _)| format!("L{alert}")).collect();
    shown.sort();
    assert_eq!(shown, SHOWN, "{}", lines.join("\n"));
}

#[test]
fn the_demo_ends_when_asked_to_and_leaves_nothing_behind() {
    for signal in ["-INT", "-TERM"] {
        demo_ends_at(signal);
    }
}

fn demo_ends_at(signal: &str) {
    let mut demo = ServiceHome::new(env!("CARGO_BIN_EXE_hansho")).expect("a folder");
    demo.start(&["demo", "--lang", "en"]).expect("the demo");
    let wait = std::time::Duration::from_secs(30);
    demo.wait_for_line("critical", wait).unwrap_or_else(|lines| panic!("{lines}"));
    let id = demo.process_id().expect("it runs").to_string();
    let state_dir = std::env::temp_dir().join(format!("hansho-demo-{id}"));
    assert!(state_dir.is_dir(), "{}", state_dir.display());
    let sent = std::process::Command::new("kill").args([signal, &id]).status();
    assert!(sent.expect("kill").success());
    let ended = demo.wait_for_exit(wait).expect("it ends");
    assert!(!state_dir.exists(), "{}", state_dir.display());
    assert_eq!(ended.code(), Some(0), "{}", demo.lines().join("\n"));
}

#[test]
fn the_help_names_every_command_and_the_exit_codes() {
    let help = hansho(&["--help"], b"").ended(0).out;
    for word in ["demo", "run", "check", "test", "fmt", "replay", "--lang", "Exit codes: 0", "半鐘"]
    {
        assert!(help.contains(word), "{word} is not in:\n{help}");
    }
    for command in ["demo", "run", "check", "test", "fmt", "replay"] {
        let help = hansho(&[command, "--help"], b"").ended(0).out;
        assert!(help.contains(&format!("Usage: hansho {command}")), "{help}");
    }
}

#[test]
fn commands_end_with_the_code_that_fits() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let good = rules("burst.rules").display().to_string();
    let broken = file("broken.rules", "alert 失敗 認証失敗 10回/分 high\n");
    let config = file(
        "no-sink.toml",
        "rules = [\"x\"]\n[kafka.properties]\n\"bootstrap.servers\" = \"b:1\"\n",
    );
    let typo = file("typo.toml", "ruels = [\"x\"]\n");
    let cases: [(&[&str], i32, &str); 10] = [
        (&["check", &good], 0, "0 errors"),
        (&["check", &broken], 1, "broken.rules:1:10"),
        (&["check", &broken, "--lang", "ja"], 1, "認証失敗"),
        (&["check", "/nowhere.rules"], 3, "/nowhere.rules"),
        (&[], 2, "Usage"),
        (&["ring"], 2, "ring"),
        (&["demo", "--for", "soon"], 2, "soon"),
        (&["run", "--config", "/nowhere.toml"], 3, "/nowhere.toml"),
        (&["run", "--config", &config], 2, "sink"),
        (&["run", "--config", &typo], 2, "ruels"),
    ];
    for (arguments, code, word) in cases {
        let said = hansho(arguments, b"").ended(code);
        let all = said.out + &said.err;
        assert!(all.contains(word), "{arguments:?}: {word} is not in:\n{all}");
    }
}
