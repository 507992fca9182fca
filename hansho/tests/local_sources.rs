//! The service without Kafka: events from HTTP and from a file that is followed, over
//! `kill -9` and rotation, told as a replay of the same events tells them.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use common::{failures, hansho, rules};
use serde_json::Value;
use tests::service::{ServiceHome, free_port, get};

/// No scenario waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(60);

/// An instant in the past, so that nothing here waits for a window to pass.
const START_MS: i64 = 1_767_225_600_000;

fn service(port: u16, stream: &str) -> ServiceHome {
    service_of(&rules("burst.rules"), port, stream)
}

fn service_of(rules: &Path, port: u16, stream: &str) -> ServiceHome {
    let config = format!(
        "rules = [{:?}]\nstate_dir = \"{{home}}/state\"\n[api]\nlisten = \"127.0.0.1:{port}\"\n\
         [limits]\nidle_timeout = \"1h\"\nsnapshot_interval = \"1ms\"\n\
         [ingest]\ntoken = \"file:{{home}}/token\"\n\
         [streams.auth]\n{stream}\n\
         [[sinks]]\nname = \"out\"\ntype = \"file\"\npath = \"{{home}}/told.jsonl\"\n\
         [[sinks]]\nname = \"show\"\ntype = \"stdout\"\n",
        rules.display()
    );
    let mut service = ServiceHome::new(env!("CARGO_BIN_EXE_hansho")).expect("a home");
    let home = service.home().display().to_string();
    fs::write(service.home().join("token"), "s3cret\n").expect("a token");
    let path = service.home().join("hansho.toml");
    fs::write(&path, config.replace("{home}", &home)).expect("a configuration");
    service.start(&["run", "--config", &path.display().to_string()]).expect("it starts");
    service
}

/// One POST: the status and the body.
fn post(port: u16, path: &str, token: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

/// Waits until the spools are open, then posts lines that must be taken.
fn post_taken(service: &mut ServiceHome, port: u16, lines: &str) {
    let address = format!("127.0.0.1:{port}");
    service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
    let taken = post(port, "/ingest/auth", "s3cret", lines).expect("an answer");
    assert_eq!(taken, (200, format!("{{\"accepted\":{}}}\n", lines.lines().count())));
}

/// The settled transitions in the alert log, as `replay` says them.
fn reported(home: &Path) -> Vec<Value> {
    let log = fs::read_to_string(home.join("state/alerts.jsonl")).expect("an alert log");
    let record = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["record"].take();
    log.lines()
        .map(record)
        .filter(|record| record["kind"] != "early" && !record.is_null())
        .collect()
}

/// That the log holds what a replay of these events says, each once, of their sinks likewise.
fn check_reported_as_replayed(service: &ServiceHome, events: &str) {
    let rules = rules("burst.rules").display().to_string();
    let want = hansho(&["replay", "--rules", &rules, "--input", "auth=-"], events.as_bytes())
        .ended(0)
        .lines();
    let by = |records: &[Value]| {
        let id =
            |record: &Value| format!("{} {} {}", record["kind"], record["at"], record["episode"]);
        let mut ids: Vec<String> = records.iter().map(id).collect();
        ids.sort();
        ids
    };
    assert!(!want.is_empty());
    assert_eq!(by(&reported(service.home())), by(&want));
    let sink = fs::read_to_string(service.home().join("told.jsonl")).expect("a sink");
    let mut ids: Vec<String> = sink
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].to_string())
        .collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert!(all >= want.len() && ids.len() == want.len(), "{sink}");
}

#[test]
fn what_was_answered_with_200_is_evaluated_once_over_kills() {
    let port = free_port().expect("a port");
    let mut service = service(port, "type = \"http\"");
    let minute = |minute: i64| START_MS + minute * 60_000;
    let parts = [
        failures("a", (0..6).map(|n| minute(0) + n * 1_000)),
        failures("a", (6..12).map(|n| minute(0) + n * 1_000)),
        failures("b", (0..12).map(|n| minute(1) + n * 1_000)),
        failures("z", [minute(9)]),
    ];
    for part in &parts {
        post_taken(&mut service, port, part);
        assert_eq!(post(port, "/ingest/auth", "guess", part).map(|(status, _)| status), Some(401));
        service.kill9();
        service.restart().expect("it starts again");
    }
    wait_for_end(&mut service, "b");
    check_reported_as_replayed(&service, &parts.concat());
}

#[test]
fn a_file_is_followed_over_kills_and_a_rotation() {
    let port = free_port().expect("a port");
    let mut service = service(port, "type = \"file\"\npath = \"{home}/auth.jsonl\"");
    let path = service.home().join("auth.jsonl");
    let append = |text: &str| {
        let file = OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    };
    let minute = |minute: i64| START_MS + minute * 60_000;
    let parts = [
        failures("a", (0..6).map(|n| minute(0) + n * 1_000)),
        failures("a", (6..12).map(|n| minute(0) + n * 1_000)),
        failures("b", (0..12).map(|n| minute(1) + n * 1_000)),
        failures("z", [minute(9)]),
    ];
    append(&parts[0]);
    let address = format!("127.0.0.1:{port}");
    service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
    service.kill9();
    // While nothing runs: more lines, a rotation, and a new file with half a line.
    append(&parts[1]);
    fs::rename(&path, service.home().join("auth.jsonl.1")).expect("renamed");
    let (half, rest) = parts[2].split_at(parts[2].len() / 2);
    append(half);
    service.restart().expect("it starts again");
    service.wait_for_ok(&address, "/livez", DEADLINE).expect("it lives");
    append(rest);
    append(&parts[3]);
    wait_for_end(&mut service, "b");
    service.kill9();
    service.restart().expect("it starts again");
    service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
    check_reported_as_replayed(&service, &parts.concat());
}

/// The log and the API say where the events of an incident lie: of a file, which bytes.
#[test]
fn an_incident_says_where_its_events_lie() {
    let port = free_port().expect("a port");
    let mut service = service(port, "type = \"file\"\npath = \"{home}/auth.jsonl\"");
    let path = service.home().join("auth.jsonl");
    let at = |second: i64| START_MS + second * 1_000;
    let before = failures("b", (0..9).map(at));
    let events = failures("a", (200..210).map(at));
    let lines = [before, events.clone(), failures("z", [at(900)])].concat();
    fs::write(&path, &lines).expect("written");
    wait_for_end(&mut service, "a");
    let address = format!("127.0.0.1:{port}");
    let incidents = get(&address, "/api/v1/incidents?state=firing,resolved").expect("incidents").1;
    let incidents: Value = serde_json::from_str(&incidents).expect("JSON");
    let id = incidents["incidents"][0]["id"].as_str().expect("an incident");
    let incident = get(&address, &format!("/api/v1/incidents/{id}")).expect("an answer").1;
    let incident: Value = serde_json::from_str(&incident).expect("JSON");
    let ranges = incident["text"]["events"].as_array().expect("ranges");
    let [range] = ranges.as_slice() else { panic!("{incident}") };
    assert_eq!(range["source"].as_str(), path.to_str());
    let place = |name: &str| range[name].as_u64().expect("an offset") as usize;
    let held = lines.get(place("from")..place("to")).expect("whole lines");
    assert!(held.contains(&events), "{range}: {held}");
}

/// What a snapshot holds is not read again, after a kill and after a stop.
#[test]
fn a_service_resumes_from_its_snapshot() {
    let port = free_port().expect("a port");
    let address = format!("127.0.0.1:{port}");
    let mut service = service(port, "type = \"file\"\npath = \"{home}/auth.jsonl\"");
    let path = service.home().join("auth.jsonl");
    let append = |text: &str| {
        let file = OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    };
    let figure = |name: &str| {
        let metrics = get(&address, "/metrics").map(|(_, text)| text).unwrap_or_default();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        line.unwrap_or(0_f64)
    };
    let until = |service: &ServiceHome, name: &str, is_enough: &dyn Fn(f64) -> bool| {
        let deadline = std::time::Instant::now() + DEADLINE;
        while !is_enough(figure(name)) {
            assert!(std::time::Instant::now() < deadline, "{}", service.lines().join("\n"));
            let _ = service.wait_for_line("never said", Duration::from_millis(20));
        }
    };
    let at = |second: i64| START_MS + second * 1_000;
    let parts = [
        failures("a", (0..8).map(at)),
        failures("a", [at(8)]),
        failures("a", [at(9)]) + &failures("z", [at(900)]),
    ];
    let decoded = "hansho_events_decoded_total";
    append(&parts[0]);
    until(&service, decoded, &|events| events >= 8.0);
    until(&service, "hansho_snapshot_bytes", &|bytes| bytes > 0.0);
    service.kill9();
    append(&parts[1]);
    service.restart().expect("it starts again");
    until(&service, decoded, &|events| events > 0.0);
    until(&service, "hansho_last_commit_timestamp_seconds", &|at| at > 0.0);
    assert_eq!(figure(decoded) as u64, 1, "{}", service.lines().join("\n"));
    assert!(service.terminate(DEADLINE).is_some_and(|status| status.success()));
    append(&parts[2]);
    service.restart().expect("it starts again");
    wait_for_end(&mut service, "a");
    assert_eq!(figure(decoded) as u64, 2, "{}", service.lines().join("\n"));
    check_reported_as_replayed(&service, &parts.concat());
}

/// Rules are put in force by a running service and by one that was killed meanwhile: what was
/// judged stays so, and an alert that is new knows what came long before.
#[test]
fn a_reload_reads_again_what_is_kept_of_files_and_of_what_was_posted() {
    let path = "type = \"file\"\npath = \"{home}/auth.jsonl\"";
    for (stream, dies) in [("type = \"http\"", false), (path, false), ("type = \"http\"", true)] {
        let port = free_port().expect("a port");
        let address = format!("127.0.0.1:{port}");
        let folder = tempfile::tempdir().expect("a folder");
        let rule_file = folder.path().join("all.rules");
        let old = fs::read_to_string(rules("burst.rules")).expect("rules");
        fs::write(&rule_file, &old).expect("rules");
        let mut service = service_of(&rule_file, port, stream);
        let log = service.home().join("auth.jsonl");
        let send = |service: &mut ServiceHome, lines: &str| {
            if stream != path {
                return post_taken(service, port, lines);
            }
            let file = OpenOptions::new().append(true).create(true).open(&log);
            file.and_then(|mut file| file.write_all(lines.as_bytes())).expect("written");
            service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
        };
        let minute = |minute: i64| START_MS + minute * 60_000;
        // Under the old rule no restart would read the first six again.
        let parts = [
            failures("a", (0..6).map(|n| minute(-10) + n * 1_000)) + &failures("z", [minute(-1)]),
            failures("a", (0..4).map(|n| minute(0) + n * 1_000)),
            failures("b", (0..12).map(|n| minute(1) + n * 1_000)),
            failures("z", [minute(200)]),
        ];
        send(&mut service, &parts[0]);
        let eight = "\nalert eight count(認証失敗) >= 8 within 1h by user.name high\n";
        fs::write(&rule_file, format!("{old}{eight}")).expect("rules");
        let reloaded = post(port, "/-/reload", "", "").map(|(status, _)| status);
        assert_eq!(reloaded, Some(200));
        if dies {
            service.kill9();
            service.restart().expect("it starts again");
        }
        let follow = |line: &String| line.contains("rules activated");
        let has_followed = service.lines().iter().any(follow);
        if !has_followed {
            service.wait_for_line("rules activated", DEADLINE).expect("a reload");
        }
        parts[1..].iter().for_each(|part| send(&mut service, part));
        wait_for_end(&mut service, "b");
        let of_eight = |kind: &str| {
            let of = |record: &&Value| record["kind"] == kind && record["alert"] == "eight";
            reported(service.home()).iter().filter(of).count()
        };
        // Of `a` there are eight only with the six before the reload.
        let deadline = std::time::Instant::now() + DEADLINE;
        while of_eight("resolved") < 2 {
            assert!(std::time::Instant::now() < deadline, "{}", service.lines().join("\n"));
            let _ = service.wait_for_line("never said", Duration::from_millis(20));
        }
        assert_eq!((of_eight("firing"), of_eight("resolved")), (2, 2), "{stream} {dies}");
        let burst: Vec<Value> = reported(service.home())
            .into_iter()
            .filter(|record| record["alert"] == "認証失敗多発")
            .collect();
        assert_eq!(burst.len(), 2, "{stream} {dies}: {burst:?}");
    }
}

/// Waits until a sink was told that the episode of a user is over.
fn wait_for_end(service: &mut ServiceHome, user: &str) {
    let is_end = |line: &str| {
        line.contains("\"kind\":\"resolved\"")
            && line.contains(&format!("\"user.name\":\"{user}\""))
    };
    let is_reported = service.lines().iter().any(|line| is_end(line));
    if !is_reported {
        service.wait_for_line("\"kind\":\"resolved\"", DEADLINE).expect("an end");
    }
    let deadline = std::time::Instant::now() + DEADLINE;
    while !service.lines().iter().any(|line| is_end(line)) {
        assert!(std::time::Instant::now() < deadline, "{}", service.lines().join("\n"));
        // Any answer of the service is news.
        let _ = service.wait_for_line("never said", Duration::from_millis(20));
    }
}

/// Days later the log holds what is open and says of the rest that it was told: also where how
/// far the file was read is forgotten, and all of it is read again, nothing is told twice.
#[test]
fn an_old_log_is_made_shorter_and_nothing_is_reported_again() {
    let port = free_port().expect("a port");
    let mut service = service(port, "type = \"file\"\npath = \"{home}/auth.jsonl\"");
    let (path, state) = (service.home().join("auth.jsonl"), service.home().join("state"));
    let append = |text: &str| {
        let file = OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    };
    let minute = |minute: i64| START_MS + minute * 60_000;
    append(&failures("a", (0..12).map(|n| minute(0) + n * 1_000)));
    append(&failures("b", (0..12).map(|n| minute(1) + n * 1_000)));
    append(&failures("z", [minute(9)]));
    wait_for_end(&mut service, "b");
    // It fires, and its end is not settled.
    append(&failures("c", (0..12).map(|n| minute(20) + n * 1_000)));
    append(&failures("c", [minute(21) + 5_000]));
    let log = state.join("alerts.jsonl");
    let users = |text: &str, kind: &str| -> Vec<String> {
        let records = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["record"].take());
        let of_kind = records.filter(|record| record["kind"] == kind);
        of_kind.map(|record| record["key"]["user.name"].to_string()).collect()
    };
    let wait_for = |service: &mut ServiceHome, what: &str, is_so: &dyn Fn(&str) -> bool| {
        let deadline = std::time::Instant::now() + DEADLINE;
        while !is_so(&fs::read_to_string(&log).expect("a log")) {
            let text = fs::read_to_string(&log).expect("a log");
            assert!(std::time::Instant::now() < deadline, "no {what} in {text}");
            let _ = service.wait_for_line("never said", Duration::from_millis(20));
        }
    };
    wait_for(&mut service, "c", &|text| users(text, "firing").contains(&"\"c\"".to_owned()));
    service.terminate(DEADLINE).expect("it ends");

    // Three days pass.
    let text = fs::read_to_string(&log).expect("a log");
    let aged = text.lines().map(|line| {
        let Some((head, rest)) = line.split_once("\"detected_ms\":") else {
            return format!("{line}\n");
        };
        let (ms, rest) = rest.split_once(',').expect("more");
        let ms: i64 = ms.parse().expect("a number");
        format!("{head}\"detected_ms\":{},{rest}\n", ms - 3 * 86_400_000)
    });
    fs::write(&log, aged.collect::<String>()).expect("written");
    service.restart().expect("it starts again");
    wait_for(&mut service, "head", &|text| text.starts_with("{\"next_sequence\":"));
    service.kill9();
    let text = fs::read_to_string(&log).expect("a log");
    let closed: BTreeSet<String> = users(&text, "resolved").into_iter().collect();
    assert!(closed.is_empty(), "{text}");
    let fired: Vec<String> = users(&text, "firing");
    assert_eq!(fired, ["\"c\""], "{text}");

    fs::remove_file(state.join("commits")).expect("commits");
    service.restart().expect("it starts again");
    append(&failures("d", (0..12).map(|n| minute(40) + n * 1_000)));
    append(&failures("z", [minute(60)]));
    wait_for_end(&mut service, "d");
    service.kill9();
    let text = fs::read_to_string(&log).expect("a log");
    let all = |kind: &str| -> BTreeSet<String> { users(&text, kind).into_iter().collect() };
    let cd: BTreeSet<String> = ["\"c\"", "\"d\""].map(str::to_owned).into();
    assert_eq!((all("firing"), all("resolved")), (cd.clone(), cd), "{text}");
    let numbers: Vec<u64> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).expect("JSON")["sequence"].as_u64())
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a < b) && numbers[0] > 0, "{numbers:?}");
}

/// Rules in another wording judge what follows, and nothing is read again for them; rules of
/// another state are still read for.
#[test]
fn a_reload_of_wording_reads_nothing_again() {
    let port = free_port().expect("a port");
    let address = format!("127.0.0.1:{port}");
    let folder = tempfile::tempdir().expect("a folder");
    let rule_file = folder.path().join("all.rules");
    let old = fs::read_to_string(rules("burst.rules")).expect("rules");
    fs::write(&rule_file, &old).expect("rules");
    let mut service = service_of(&rule_file, port, "type = \"file\"\npath = \"{home}/auth.jsonl\"");
    let path = service.home().join("auth.jsonl");
    let append = |text: &str| {
        let file = OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    };
    let read = || -> u64 {
        let (_, page) = tests::service::get(&address, "/metrics").expect("a page");
        let line = page.lines().find_map(|line| line.strip_prefix("hansho_events_read_total "));
        line.expect("a figure").parse().expect("a number")
    };
    let reload = |from: &str, to: &str| {
        let text = fs::read_to_string(&rule_file).expect("rules");
        assert!(text.contains(from), "{text}");
        fs::write(&rule_file, text.replace(from, to)).expect("rules");
        assert_eq!(post(port, "/-/reload", "", "").map(|(status, _)| status), Some(200));
    };
    let minute = |minute: i64| START_MS + minute * 60_000;
    append(&failures("a", (0..12).map(|n| minute(0) + n * 1_000)));
    // Five of these are a burst only once the level is five.
    append(&failures("z", [minute(9)]));
    append(&failures("b", (0..4).map(|n| minute(9) + n * 1_000)));
    wait_for_end(&mut service, "a");
    let read_all = |service: &ServiceHome, records: u64| {
        let deadline = std::time::Instant::now() + DEADLINE;
        while read() < records {
            assert!(std::time::Instant::now() < deadline, "{}", service.lines().join("\n"));
            let _ = service.wait_for_line("never said", Duration::from_millis(20));
        }
    };
    read_all(&service, 17);
    assert_eq!(read(), 17);
    reload("10回/分", "5回/分");
    service.wait_for_line("nothing is replayed", DEADLINE).expect("a reload");
    append(&failures("b", [minute(9) + 5_000]));
    append(&failures("z", [minute(20)]));
    wait_for_end(&mut service, "b");
    read_all(&service, 19);
    assert_eq!(read(), 19, "what was read before is not read again");
    let of_b = |kind: &str| {
        let of = |record: &&Value| record["kind"] == kind && record["key"]["user.name"] == "b";
        reported(service.home()).iter().filter(of).count()
    };
    assert_eq!((of_b("firing"), of_b("resolved")), (1, 1));

    reload("5回/分", "5回/2分");
    read_all(&service, 2 * 19);
    // Whoever starts again derives all of it from the log and the file.
    service.kill9();
    service.restart().expect("it starts again");
    service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
    append(&failures("c", (0..5).map(|n| minute(30) + n * 1_000)));
    append(&failures("z", [minute(40)]));
    wait_for_end(&mut service, "c");
    let burst = |user: &str| {
        let of = |record: &Value| record["key"]["user.name"] == user;
        reported(service.home()).into_iter().filter(of).count()
    };
    assert_eq!(["a", "b", "c"].map(burst), [2, 2, 2]);
}
