//! A person on call with nothing but the command line: from the alert to the closed incident.
//!
//! `UPDATE_GOLDEN=1 cargo test -p hansho --test on_call` rewrites the transcript.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{failures, hansho, rules};
use regex::Regex;
use serde_json::Value;
use tests::recorder::{HttpRecorder, RecordedRequest, RecorderAnswer as Recorded};
use tests::service::{ServiceHome, free_port};

/// No scenario waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(60);
/// An instant in the past, so that nothing here waits for a window to pass.
const START_MS: i64 = 1_767_225_600_000;
/// A signing secret.
const BASE64_OF_32: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

struct OnCallScene {
    service: ServiceHome,
    port: u16,
    token: Option<&'static str>,
}

impl OnCallScene {
    /// A service without Kafka whose alerts go to a file.
    fn start(more: &str) -> OnCallScene {
        let port = free_port().expect("a port");
        let config = format!(
            "rules = [{:?}]\nstate_dir = \"{{home}}/state\"\nlanguage = \"ja\"\n\
             [api]\nlisten = \"127.0.0.1:{port}\"\n{more}\n\
             [streams.auth]\ntype = \"http\"\n\
             [[sinks]]\nname = \"pager\"\ntype = \"file\"\npath = \"{{home}}/told.jsonl\"\n",
            rules("burst.rules").display()
        );
        let mut service =
            ServiceHome::run(env!("CARGO_BIN_EXE_hansho"), &config).expect("it starts");
        let address = format!("127.0.0.1:{port}");
        service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
        OnCallScene { service, port, token: None }
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split_whitespace().nth(1).and_then(|it| it.parse().ok());
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        (status.expect("a status"), body.expect("a body"))
    }

    fn post_events(&self, lines: &str) {
        assert_eq!(self.request("POST", "/ingest/auth", "", lines).0, 200);
    }

    /// Runs a command against the service: what it printed, and how it ended.
    fn hansho(&self, arguments: &[&str]) -> (String, Option<i32>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hansho"));
        let server = format!("http://127.0.0.1:{}", self.port);
        command.args(arguments).args(["--server", &server]).env("USER", "山田");
        command.env_remove("HANSHO_TOKEN");
        if let Some(token) = self.token {
            command.env("HANSHO_TOKEN", token);
        }
        let output = command.output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        (text(&output.stdout) + &text(&output.stderr), output.status.code())
    }

    /// Asks until an answer holds a text; an answer is a change of state, so it comes.
    fn await_answer(&self, arguments: &[&str], wanted: &str) -> String {
        let began = std::time::Instant::now();
        loop {
            let (said, _) = self.hansho(arguments);
            if said.contains(wanted) {
                return said;
            }
            assert!(began.elapsed() < DEADLINE, "no {wanted} in {said}");
        }
    }

    fn reported(&self) -> Vec<Value> {
        self.reported_in("told.jsonl")
    }

    fn reported_in(&self, file: &str) -> Vec<Value> {
        let reported = fs::read_to_string(self.service.home().join(file)).unwrap_or_default();
        reported.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Waits until a file of a sink tells this of an alert.
    fn await_in(&self, file: &str, alert: &str, kind: &str) -> Value {
        let began = std::time::Instant::now();
        loop {
            let mut all = self.reported_in(file).into_iter();
            if let Some(found) = all.find(|it| it["alert"] == alert && it["kind"] == kind) {
                return found;
            }
            assert!(began.elapsed() < DEADLINE, "no {kind} in {:?}", self.reported_in(file));
            std::thread::yield_now();
        }
    }

    /// Edits the configuration and has it reloaded: the answer.
    fn reload(&self, edit: impl FnOnce(String) -> String) -> (u16, String) {
        let path = self.service.home().join("hansho.toml");
        let edited = edit(fs::read_to_string(&path).expect("a configuration"));
        fs::write(&path, edited).expect("it is edited");
        self.request("POST", "/-/reload", "", "")
    }

    fn await_reported(&self, kind: &str) -> Value {
        let began = std::time::Instant::now();
        loop {
            if let Some(found) =
                self.reported().into_iter().find(|reported| reported["kind"] == kind)
            {
                return found;
            }
            assert!(began.elapsed() < DEADLINE, "no {kind} in {:?}", self.reported());
            std::thread::yield_now();
        }
    }
}

/// Removes what differs from run to run: ids, clocks, what is left until a deadline, and how much
/// had been read when it was told.
fn without_clocks(text: &str) -> String {
    let rules = [
        (r"[0-9a-f]{32}", "<incident>"),
        (r"\b[0-9a-f]{8}\b", "<id>"),
        (r"20\d\d-\d\d-\d\dT[0-9:.]+Z", "<time>"),
        (r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ", "<time>"),
        (r"\b0:29\b|\b0:30\b", "0:29"),
        (r"\b0\.\.1[0-2]\b", "0..<next>"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, by)| {
        Regex::new(pattern).expect("a pattern").replace_all(&text, *by).into_owned()
    })
}

fn burst(user: &str, minute: i64) -> String {
    failures(user, (0..12).map(|n| START_MS + minute * 60_000 + n * 1_000))
}

#[test]
fn an_incident_is_walked_from_fire_to_closed_by_the_command_line_alone() {
    let mut scene = OnCallScene::start("");
    scene.post_events(&burst("a", 0));
    let listed = scene.await_answer(&["--lang", "ja", "incident", "list"], "認証失敗多発");
    scene.await_reported("firing");
    let id: String = listed.lines().nth(1).unwrap().chars().take(8).collect();
    let mut transcript = String::new();
    let mut type_in = |scene: &OnCallScene, arguments: &[&str]| {
        let typed = arguments.join(" ").replace(&id, "<id>");
        let (said, code) = scene.hansho(arguments);
        let code = code.filter(|code| *code != 0).map(|code| format!("(exit {code})\n"));
        let said = without_clocks(&said);
        transcript += &format!("$ hansho {typed}\n{said}{}\n", code.unwrap_or_default());
    };
    type_in(&scene, &["--lang", "ja", "incident", "list"]);
    type_in(&scene, &["--lang", "ja", "incident", "close", &id]);
    type_in(&scene, &["--lang", "ja", "incident", "ack", &id]);
    type_in(&scene, &["--lang", "ja", "incident", "note", &id, "送信元を遮断します"]);
    type_in(&scene, &["incident", "ack", &id]);
    type_in(&scene, &["--lang", "ja", "incident", "mitigate", &id, "遮断済み"]);
    scene.await_reported("acknowledged");
    // Nothing that was written down is lost.
    scene.service.kill9();
    scene.service.restart().expect("it starts again");
    let address = format!("127.0.0.1:{}", scene.port);
    scene.service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
    scene.post_events(&failures("z", [START_MS + 9 * 60_000]));
    scene.await_reported("resolved");
    scene.await_answer(&["incident", "show", &id], "notified: pager resolved");
    type_in(&scene, &["--lang", "ja", "incident", "cause", &id, "漏えいしたパスワードの総当たり"]);
    type_in(&scene, &["--lang", "ja", "incident", "fix", &id, "多要素認証を必須にした"]);
    type_in(&scene, &["--lang", "ja", "incident", "close", &id]);
    type_in(&scene, &["incident", "list"]);
    type_in(&scene, &["incident", "list", "--state", "closed"]);
    type_in(&scene, &["incident", "show", "ffff"]);
    type_in(&scene, &["--lang", "ja", "status"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/on_call/walk.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &transcript).expect("the transcript is written");
    }
    assert_eq!(transcript, fs::read_to_string(&path).unwrap_or_default());
    let kinds: Vec<String> = scene.reported().iter().map(|it| it["kind"].to_string()).collect();
    assert_eq!(kinds, ["\"firing\"", "\"acknowledged\"", "\"resolved\""]);
    assert_eq!(scene.reported()[1]["by"], "山田");
}

#[test]
fn a_silence_keeps_people_from_hearing_and_says_what_it_hits() {
    let scene = OnCallScene::start("");
    let add = ["silence", "add", "--match", "user.name=a", "--for", "2h", "--reason", "保守"];
    let (said, code) = scene.hansho(&add);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("silence 1") && said.contains("hits 0 open"), "{said}");
    scene.post_events(&(burst("a", 0) + &burst("b", 1)));
    scene.await_reported("firing");
    let shown = scene.await_answer(&["incident", "list", "-o", "json"], "\"a\"");
    let listed: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(listed["incidents"].as_array().map(Vec::len), Some(2), "both are on record");
    let users: Vec<String> = scene.reported().iter().map(|it| it["key"].to_string()).collect();
    assert_eq!(users, [r#"{"user.name":"b"}"#]);
    let (said, _) = scene.hansho(&["silence", "list"]);
    assert!(said.contains("user.name=a") && said.contains("保守"), "{said}");
    assert_eq!(scene.hansho(&["silence", "expire", "1"]).1, Some(0));
    assert_eq!(scene.hansho(&["silence", "expire", "1"]).1, Some(1), "it is over already");
    scene.await_answer(&["silence", "list"], "user.name=a");
    let wanted =
        |scene: &OnCallScene| scene.reported().iter().any(|it| it["key"]["user.name"] == "a");
    let began = std::time::Instant::now();
    while !wanted(&scene) {
        assert!(began.elapsed() < DEADLINE, "what is still open is told when a silence ends");
        std::thread::yield_now();
    }
}

#[test]
fn tokens_say_who_may_do_what() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |scope: &str| folder.path().join(scope);
    fs::write(file("read"), "s3cret-read\n").expect("a token");
    fs::write(file("act"), "s3cret-act\n").expect("a token");
    let by_file = |name: &str, scope: &str| {
        let path = file(scope).display().to_string();
        format!("[[api.tokens]]\nname = \"{name}\"\ntoken = \"file:{path}\"\nscope = \"{scope}\"\n")
    };
    let tokens = by_file("見る人", "read") + &by_file("当番", "act");
    let mut scene = OnCallScene::start(&tokens);
    let (said, code) = scene.hansho(&["incident", "list"]);
    assert_eq!(code, Some(2), "{said}");
    scene.token = Some("s3cret-read");
    scene.post_events(&burst("a", 0));
    let listed = scene.await_answer(&["incident", "list"], "認証失敗多発");
    let id: String = listed.lines().nth(1).unwrap().chars().take(8).collect();
    let (said, code) = scene.hansho(&["incident", "ack", &id]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("見る人 may not do that"), "{said}");
    scene.token = Some("s3cret-act");
    assert_eq!(scene.hansho(&["incident", "ack", &id]).1, Some(0));
    let (said, _) = scene.hansho(&["incident", "show", &id]);
    assert!(said.contains("acknowledged (当番)"), "the token says who it was: {said}");
    let silence = ["silence", "add", "--match", "a=b", "--for", "1h", "--reason", "x"];
    assert_eq!(scene.hansho(&silence).1, Some(2), "that is for admins");
    for path in ["/api/v1/incidents", "/api/v1/audit", "/api/v1/notifications", "/metrics"] {
        let shown = "Authorization: Bearer s3cret-read\r\n";
        let (status, body) = scene.request("GET", path, shown, "");
        assert_eq!(status, 200, "{path}");
        assert!(!body.contains("s3cret"), "{path}");
    }
    let origin = "Origin: http://evil.example\r\n";
    assert_eq!(scene.request("POST", "/api/v1/silences", origin, "{}").0, 401);
}

#[test]
fn what_cannot_be_understood_is_answered_with_a_way_out() {
    let scene = OnCallScene::start("");
    let cases = [
        ("GET", "/api/v1/incidents?state=lost", "", 400, "firing, acknowledged"),
        ("GET", "/api/v1/incidents/abcd", "", 404, "there is no incident"),
        ("POST", "/api/v1/incidents/abcd/ack", "{\"by\":\"a\"}", 404, "there is no incident"),
        ("POST", "/api/v1/incidents/abcd/ack", "", 400, "the name of the person is missing"),
        ("POST", "/api/v1/incidents/abcd/sing", "{}", 400, "ack, assign"),
        ("POST", "/api/v1/incidents/abcd/ack", "{\"who\":1}", 400, "unknown field"),
        ("POST", "/api/v1/silences", "{\"by\":\"a\",\"matchers\":[\"x\"]}", 400, "is no matcher"),
        ("POST", "/api/v1/silences", "{\"by\":\"a\",\"matchers\":[]}", 400, "the end is missing"),
        ("POST", "/api/v1/route", "{\"severity\":\"urgent\"}", 400, "critical, high"),
        ("POST", "/api/v1/notifications/test", "{\"by\":\"a\"}", 400, "missing field"),
        (
            "POST",
            "/api/v1/notifications/test",
            "{\"by\":\"a\",\"receiver\":\"x\",\"severity\":\"L1\"}",
            400,
            "no such receiver",
        ),
        ("POST", "/api/v1/notifications/7/retry", "{\"by\":\"a\"}", 404, "none of that number"),
    ];
    for (method, path, body, status, wanted) in cases {
        let answer = scene.request(method, path, "", body);
        assert_eq!(answer.0, status, "{method} {path} {}", answer.1);
        assert!(answer.1.contains(wanted), "{method} {path} {}", answer.1);
    }
    let origin = "Origin: http://evil.example\r\n";
    let forged = scene.request("POST", "/api/v1/silences", origin, "{}");
    assert_eq!(forged.0, 403, "a page of a browser here must not act");
    let (said, code) = scene.hansho(&["route", "test", "--severity", "重要", "--label", "a=b"]);
    assert_eq!((said.as_str(), code), ("pager\n", Some(0)));
}

/// What answers at an address may be something else: that is an error, not an empty answer.
#[test]
fn an_answer_that_is_none_of_the_service_is_an_error() {
    let other = HttpRecorder::start().expect("a server");
    for text in ["hello", "{}", "[1]"] {
        other.answer(Recorded::Text(text.to_owned()));
        for output in ["text", "json"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_hansho"));
            command.args(["status", "-o", output, "--server", &other.url("")]);
            let output = command.env_remove("HANSHO_TOKEN").output().expect("it runs");
            assert_eq!(output.status.code(), Some(3), "{text}");
            assert!(output.stdout.is_empty(), "{text}");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("gives another answer"), "{said}");
        }
    }
}

const BROKEN_SINK: &str = "[[sinks]]\nname = \"broken\"\ntype = \"webhook\"\n\
                           allow_private = true\n";

#[test]
fn a_sink_can_be_tried_and_what_it_would_get_be_seen() {
    let broken = HttpRecorder::start().expect("a server");
    broken.answer(Recorded::Status(400));
    let url = broken.url("/hunter1");
    let secret = "file:{home}/secret";
    let folder = tempfile::tempdir().expect("a folder");
    let secret = secret.replace("{home}", &folder.path().display().to_string());
    fs::write(folder.path().join("secret"), BASE64_OF_32).expect("a secret");
    let more = format!("{BROKEN_SINK}url = {url:?}\nsecrets = [{secret:?}]\n");
    let scene = OnCallScene::start(&more);

    let (said, code) = scene.hansho(&["--lang", "ja", "notifications", "test", "pager"]);
    assert_eq!((said.as_str(), code), ("firing: 送信しました\nresolved: 送信しました\n", Some(0)));
    let reported = scene.reported();
    assert_eq!(reported.len(), 2);
    assert_eq!(reported[0]["alert"], "hansho.test");
    assert_eq!((&reported[0]["by"], &reported[0]["severity"]), (&"山田".into(), &"low".into()));
    assert_eq!(reported[0]["incident"], reported[1]["incident"]);

    let (said, code) = scene.hansho(&["notifications", "test", "broken", "--severity", "L1"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("firing: failed (client): ") && said.contains("400"), "{said}");
    assert!(!said.contains("hunter1"), "{said}");
    let asked = broken.requests();
    assert_eq!(asked.len(), 1, "no second attempt, and no end without a beginning");
    assert!(asked[0].header("webhook-signature").is_some_and(|it| it.starts_with("v1,")));
    let (said, _) = scene.hansho(&["incident", "list"]);
    assert!(said.contains("nothing is open"), "{said}");
    let audit = scene.request("GET", "/api/v1/audit", "", "").1;
    assert!(audit.contains("notifications test broken"), "{audit}");

    scene.post_events(&burst("a", 0));
    let listed = scene.await_answer(&["incident", "list"], "認証失敗多発");
    let id: String = listed.lines().nth(1).unwrap().chars().take(8).collect();
    let (said, code) = scene.hansho(&["notifications", "preview", &id, "--to", "broken"]);
    assert_eq!(code, Some(0), "{said}");
    let document: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&document["kind"], &document["level"]), (&"firing".into(), &1.into()));
    assert_eq!(scene.hansho(&["notifications", "preview", "ffff", "--to", "broken"]).1, Some(1));
    assert_eq!(scene.hansho(&["notifications", "preview", &id, "--to", "nobody"]).1, Some(2));
}

/// In a channel an incident is one message from its beginning to its end.
#[test]
fn a_channel_sees_one_message_an_incident() {
    let slack = HttpRecorder::start().expect("a server");
    let known = "{\"ok\":true,\"channel\":\"C042\",\"ts\":\"17.25\"}";
    slack.answer(Recorded::Text(known.to_owned()));
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    fs::write(&token, "xoxb-hunter1\n").expect("a token");
    let mut scene = OnCallScene::start(&format!(
        "[[sinks]]\nname = \"chat\"\ntype = \"slack\"\nchannel = \"C042\"\nallow_private = true\n\
         token = \"file:{}\"\napi_url = {:?}\n",
        token.display(),
        slack.url("/api")
    ));
    let methods = |count: usize| {
        let requests = slack.wait_for(count, DEADLINE).expect("it is told");
        let method = |it: &RecordedRequest| it.path.rsplit('/').next().map(str::to_owned);
        requests.iter().filter_map(method).collect::<Vec<_>>()
    };
    scene.post_events(&burst("a", 0));
    methods(1);
    let listed = scene.await_answer(&["incident", "list"], "認証失敗多発");
    let id: String = listed.lines().nth(1).unwrap().chars().take(8).collect();
    // It is known by its time, also after a crash.
    scene.await_answer(&["incident", "show", &id], "notified: chat firing");
    scene.service.kill9();
    scene.service.restart().expect("it starts again");
    let address = format!("127.0.0.1:{}", scene.port);
    scene.service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
    assert_eq!(scene.hansho(&["incident", "ack", &id]).1, Some(0));
    methods(2);
    scene.post_events(&failures("z", [START_MS + 9 * 60_000]));
    let wanted = ["chat.postMessage", "chat.update", "chat.update", "chat.postMessage"];
    assert_eq!(methods(4), wanted);
    let bodies: Vec<Value> =
        slack.requests().iter().map(|it| serde_json::from_str(&it.text()).unwrap()).collect();
    assert_eq!((&bodies[1]["ts"], &bodies[2]["ts"]), (&"17.25".into(), &"17.25".into()));
    assert_eq!(bodies[3]["thread_ts"], "17.25");
    assert!(bodies[1]["text"].as_str().is_some_and(|it| it.starts_with("[対応開始]")));
    assert!(bodies[2]["text"].as_str().is_some_and(|it| it.starts_with("[解消]")));
}

/// What one sink never takes, others hear of, once.
#[test]
fn a_notification_that_is_given_up_is_an_alert() {
    let broken = HttpRecorder::start().expect("a server");
    broken.answer(Recorded::Status(400));
    let url = broken.url("/");
    let scene = OnCallScene::start(&format!("{BROKEN_SINK}url = {url:?}\n"));
    scene.post_events(&burst("a", 0));
    let began = std::time::Instant::now();
    let of_it = |reported: &Value| reported["alert"] == "hansho.notification_dropped";
    while !scene.reported().iter().any(of_it) {
        assert!(began.elapsed() < DEADLINE, "nobody hears of it: {:?}", scene.reported());
        std::thread::yield_now();
    }
    let reported = scene.reported().into_iter().find(of_it).expect("it was there");
    assert_eq!(reported["key"], serde_json::json!({ "sink": "broken" }));
    assert!(
        reported["message"].as_str().is_some_and(|it| it.contains("認証失敗多発")),
        "{reported}"
    );
    // That this alert cannot be told to the broken sink either is no further one.
    let gave_up =
        |request: &RecordedRequest| request.text().contains("hansho.notification_dropped");
    broken.wait_until(DEADLINE, |requests| requests.iter().any(gave_up)).expect("it is tried");
    let dead = scene.await_answer(&["notifications", "list"], "hansho.notification_dropped");
    assert!(dead.contains("2 given up"), "{dead}");
    assert_eq!(scene.reported().iter().filter(|reported| of_it(reported)).count(), 1);
}

#[test]
fn a_command_of_an_earlier_version_names_the_new_one() {
    let commands: [&[&str]; 4] = [
        &["notify"],
        &["notify", "list", "-o", "json"],
        &["notify", "retry", "7"],
        &["notify", "--help"],
    ];
    for command in commands {
        let said = hansho(&[&["--lang", "en"], command].concat(), b"").ended(2);
        assert_eq!(said.err, "hansho: `hansho notify` was renamed; write `hansho notifications`\n");
        let said = hansho(&[&["--lang", "ja"], command].concat(), b"").ended(2);
        assert!(said.err.contains("`hansho notifications`"), "{}", said.err);
    }
    let help = hansho(&["--help"], b"").ended(0).out;
    assert!(help.contains("  notifications "), "{help}");
    assert!(!help.contains("  notify "), "{help}");
}

/// Settings are edited while the service runs: what comes goes by the new ones, what was told
/// ends where it began, and what cannot be used changes nothing.
#[test]
fn a_reload_restores_sinks_routes_and_tokens_or_none_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("old"), "s3cret-old\n").expect("a token");
    fs::write(folder.path().join("new"), "s3cret-new\n").expect("a token");
    let token = |name: &str| format!("token = \"file:{}\"", folder.path().join(name).display());
    let tokens = format!("[[api.tokens]]\nname = \"当番\"\n{}\nscope = \"act\"\n", token("old"));
    let mut scene = OnCallScene::start(&tokens);
    scene.post_events(&burst("a", 0));
    scene.await_reported("firing");
    let night = "[[sinks]]\nname = \"night\"\ntype = \"file\"\npath = \"night.jsonl\"\n\
                 [routing]\ndefault = [\"night\"]\n";
    let (status, said) = scene.reload(|text| {
        text.replace(&token("old"), &token("new")).replace("\"ja\"", "\"en\"") + night
    });
    assert_eq!(status, 200, "{said}");
    assert!(said.contains("are active already\non-call settings reloaded\n"), "{said}");
    assert!(said.ends_with("needs a restart: language\n"), "{said}");

    scene.post_events(&burst("b", 1));
    let reported = scene.await_in("night.jsonl", "認証失敗多発", "firing");
    assert_eq!(reported["key"]["user.name"], "b");
    assert_eq!(scene.reported().len(), 1, "nobody hears anything anew");
    scene.token = Some("s3cret-old");
    assert_eq!(scene.hansho(&["status"]).1, Some(2));
    scene.token = Some("s3cret-new");
    let (said, _) = scene.hansho(&["status"]);
    assert!(said.contains("night") && said.contains("pager"), "{said}");

    let (status, said) = scene.reload(|text| text.replace("default = [\"night", "default = [\"x"));
    assert_eq!(status, 400, "{said}");
    assert!(said.contains("hansho.toml:") && said.contains("is not the name of a sink"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    let reported = scene.await_in("night.jsonl", "hansho.reload_failed", "firing");
    assert!(
        reported["message"].as_str().is_some_and(|it| it.contains("is not the name of a sink")),
        "{reported}"
    );
    assert_eq!(scene.hansho(&["status"]).1, Some(0), "what was in force goes on");
    let (status, said) = scene.reload(|text| text.replace("default = [\"x", "default = [\"night"));
    assert_eq!((status, said.contains("reloaded")), (200, false), "{said}");
    scene.await_in("night.jsonl", "hansho.reload_failed", "resolved");

    scene.post_events(&failures("z", [START_MS + 19 * 60_000]));
    assert_eq!(scene.await_reported("resolved")["key"]["user.name"], "a");
    let reported = scene.await_in("night.jsonl", "認証失敗多発", "resolved");
    assert_eq!(reported["key"]["user.name"], "b");
}

/// Who is told again and again what stands is known by name: that goes on, and so do the news.
#[test]
fn a_cluster_receives_what_stands_over_a_reload_that_moves_it() {
    let cluster = HttpRecorder::start().expect("a server");
    let urls = cluster.url("");
    let sink = format!(
        "[[sinks]]\nname = \"am\"\ntype = \"alertmanager\"\nallow_private = true\n\
         urls = [{urls:?}]\n"
    );
    let scene = OnCallScene::start(&sink);
    let receives = |user: &str| {
        let user = format!("\"{user}\"");
        let is_of =
            |requests: &[RecordedRequest]| requests.iter().any(|it| it.text().contains(&user));
        cluster.wait_until(DEADLINE, is_of).expect("it is told");
    };
    scene.post_events(&burst("a", 0));
    receives("a");
    let first = "[[sinks]]\nname = \"first\"\ntype = \"stdout\"\n";
    let (status, said) = scene.reload(|text| text.replace(&sink, &format!("{first}{sink}")));
    assert_eq!(status, 200, "{said}");
    scene.post_events(&burst("b", 1));
    receives("b");
    // What stands is said again at once, for the cluster may be another one.
    let both = |requests: &[RecordedRequest]| {
        requests.iter().any(|it| it.text().contains("\"a\"") && it.text().contains("\"b\""))
            || requests.iter().filter(|it| it.text().contains("\"a\"")).count() > 1
    };
    cluster.wait_until(DEADLINE, both).expect("it is confirmed");
    let metrics = scene.request("GET", "/metrics", "", "").1;
    assert!(metrics.contains("outbox_pending{receiver=\"first\"}"), "{metrics}");
}

/// What a sink never took goes to who stands in for it when it is taken out, also where the
/// service only learns so by being started anew.
#[test]
fn what_waits_for_a_sink_that_is_taken_out_goes_to_its_stand_in() {
    for restarts in [false, true] {
        let broken = HttpRecorder::start().expect("a server");
        broken.answer(Recorded::Status(503));
        let sink = format!("{BROKEN_SINK}url = {:?}\nfallback = \"pager\"\n", broken.url("/"));
        let mut scene = OnCallScene::start(&format!("{sink}[routing]\ndefault = [\"broken\"]\n"));
        scene.post_events(&burst("a", 0));
        broken.wait_for(1, DEADLINE).expect("it is tried");
        assert_eq!(scene.reported(), Vec::<Value>::new());
        let edit = |text: String| text.replace(&sink, "").replace("\"broken\"", "\"pager\"");
        if restarts {
            scene.service.kill9();
            let path = scene.service.home().join("hansho.toml");
            let text = fs::read_to_string(&path).expect("a configuration");
            fs::write(&path, edit(text)).expect("it is edited");
            scene.service.restart().expect("it starts again");
        } else {
            let (status, said) = scene.reload(edit);
            assert_eq!(status, 200, "{said}");
        }
        let reported = scene.await_reported("firing");
        assert_eq!(reported["key"]["user.name"], "a");
        let address = format!("127.0.0.1:{}", scene.port);
        scene.service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
        let (said, _) = scene.hansho(&["notifications", "list"]);
        assert!(said.contains("0 given up") || said.contains("nothing"), "{said}");
        scene.post_events(&failures("z", [START_MS + 9 * 60_000]));
        scene.await_reported("resolved");
    }
}

/// What is written down is there, under that method and no other; what is refused is refused
/// as it says.
#[test]
fn the_api_is_as_it_is_written_down() {
    let scene = OnCallScene::start("");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let document: Value = serde_json::from_slice(&fs::read(path).expect("a document")).unwrap();
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 13);
    for (path, methods) in paths {
        let actual = path.replace("{id}", "7").replace("{number}", "7").replace("{action}", "ack");
        for method in ["GET", "POST"] {
            let documented = methods.get(method.to_lowercase());
            let (status, body) = scene.request(method, &actual, "", "{\"by\":\"a\"}");
            let Some(documented) = documented else {
                assert_eq!(status, 405, "{method} {path}");
                continue;
            };
            let known = documented["responses"].get(status.to_string());
            assert!(known.is_some(), "{method} {path} answers {status}: {body}");
            let answer: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(answer.get("error").is_some(), status != 200, "{method} {path} {body}");
        }
    }
    assert_eq!(scene.request("GET", "/api/v1/nothing", "", "").0, 404);
}
