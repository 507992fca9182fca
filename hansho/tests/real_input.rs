//! Real logs and real machines, against answers that other engines gave; drawn ones of the same
//! shape, against answers counted instant by instant.
//!
//! The real ones may not be copied into this repository: `HANSHO_DATA` names their folder, and
//! the tests that need it are ignored until they are asked for.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use common::{hansho, real_logs, rules};
use model::time::Timestamp;
use serde_json::Value;
use tests::generators::SplitMix;

fn answers(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("answers.json")).expect("answers");
    serde_json::from_str(&text).expect("answers in JSON")
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {of}"))
}

/// The lines of a file dealt to so many partitions at random, each in its order; as arguments.
fn cut(file: &Path, parts: usize, seed: u64, folder: &Path) -> Vec<String> {
    let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
    let mut random = SplitMix::new(seed);
    let mut partitions = vec![String::new(); parts];
    for line in std::fs::read_to_string(file).expect("lines").lines() {
        let partition = &mut partitions[random.bits() as usize % parts];
        partition.push_str(line);
        partition.push('\n');
    }
    let write = |(number, lines): (usize, &String)| {
        let path = folder.join(format!("{seed}.{number}.{name}"));
        std::fs::write(&path, lines).expect("room for a partition");
        ["--input".to_owned(), path.display().to_string()]
    };
    partitions.iter().enumerate().flat_map(write).collect()
}

/// Workers, partitions a file is cut into, and the seed of the cut.
const CUTS: [(&str, usize, u64); 5] =
    [("1", 1, 0), ("2", 1, 1), ("1", 2, 2), ("2", 4, 3), ("3", 4, 4)];

/// Onset, `since`, peak and end of an episode.
type EpisodeSpan = (String, String, f64, String);

/// The episodes a replay tells, by alert and key; every one of them has ended.
fn episodes(
    rules_of: &Path,
    key: &str,
    more: &[&str],
) -> BTreeMap<(String, String), Vec<EpisodeSpan>> {
    let rules_of = rules_of.to_str().expect("a path in UTF-8");
    let said = hansho(&[&["replay", "--rules", rules_of, "--drain"], more].concat(), b"").ended(0);
    let (mut open, mut ended) = (BTreeMap::new(), BTreeMap::<_, Vec<EpisodeSpan>>::new());
    for line in said.lines() {
        let identity = (text(&line, "alert").to_owned(), text(&line["key"], key).to_owned());
        let (at, since) = (text(&line, "at").to_owned(), text(&line, "since").to_owned());
        match text(&line, "kind") {
            "firing" => assert_eq!(open.insert(identity, (at, since)), None, "{line}"),
            "resolved" => {
                let (fired, was) = open.remove(&identity).expect("it was firing");
                assert_eq!(was, since, "{line}");
                assert_eq!(line["reason"], "cleared", "{line}");
                let peak = line["peak"].as_f64().expect("a peak");
                ended.entry(identity).or_default().push((fired, since, peak, at));
            }
            kind => panic!("a {kind} in {line}"),
        }
    }
    assert!(open.is_empty(), "these never end: {open:?}");
    assert!(!said.err.contains("undecodable"), "{}", said.err);
    ended
}

#[test]
#[ignore = "needs real logs: set HANSHO_DATA"]
fn an_sshd_log_gives_the_seven_episodes_of_its_answers() {
    let folder = real_logs("openssh");
    let answers = &answers(&folder)["count(Failed password) >= 10 within 1m by source ip"];
    let mut want = BTreeMap::new();
    for (address, answer) in answers["per_ip"].as_object().expect("addresses") {
        let all = answer["episodes"].as_array().expect("episodes").iter().map(|episode| {
            let onset = text(episode, "onset").to_owned();
            let peak = episode["peak"].as_f64().expect("a peak");
            (onset.clone(), onset, peak, text(episode, "end").to_owned())
        });
        let all: Vec<EpisodeSpan> = all.collect();
        if !all.is_empty() {
            want.insert(("認証失敗多発".to_owned(), address.clone()), all);
        }
    }
    assert_eq!(want.values().map(Vec::len).sum::<usize>(), 7);
    let dealt = tempfile::tempdir().expect("a folder");
    for (workers, parts, seed) in CUTS {
        let inputs = cut(&folder.join("OpenSSH_2k.log"), parts, seed, dealt.path());
        let more = ["--year", "2015", "--workers", workers].into_iter();
        let more: Vec<&str> = more.chain(inputs.iter().map(String::as_str)).collect();
        let reported = episodes(&rules("openssh.rules"), "src.ip", &more);
        assert_eq!(reported, want, "{parts} partitions, seed {seed}");
    }
}

#[test]
#[ignore = "needs real logs: set HANSHO_DATA"]
fn cpu_series_cross_their_level_as_long_as_their_answers_say() {
    let folder = real_logs("nab");
    let holds = [("超過", 0), ("超過5分", 300), ("超過15分", 900), ("超過30分", 1800)];
    let (mut want, mut files) = (BTreeMap::new(), Vec::new());
    for (series, answer) in answers(&folder).as_object().expect("series") {
        files.push(folder.join(format!("{series}.jsonl")));
        for (alert, seconds) in holds {
            let crossings = &answer[&format!("value > 80 held for {seconds}s")];
            let instants = crossings.as_array().expect("crossings").iter().map(|crossing| {
                ["fire", "pending", "end"].map(|name| text(crossing, name).to_owned())
            });
            let all: Vec<[String; 3]> = instants.collect();
            if !all.is_empty() {
                want.insert((alert.to_owned(), series.clone()), all);
            }
        }
    }
    let fired = |alert: &str| {
        let mine = want.iter().filter(|((of, _), _)| of == alert);
        mine.map(|(_, all)| all.len()).sum::<usize>()
    };
    assert_eq!(holds.map(|(alert, _)| fired(alert)), [816, 140, 13, 2]);
    let dealt = tempfile::tempdir().expect("a folder");
    for (workers, parts, seed) in CUTS {
        let deal = |file: &PathBuf| cut(file, parts, seed, dealt.path());
        let inputs: Vec<String> = files.iter().flat_map(deal).collect();
        let more: Vec<&str> =
            ["--workers", workers].into_iter().chain(inputs.iter().map(String::as_str)).collect();
        let reported = instants(episodes(&rules("nab.rules"), "host", &more));
        for (identity, all) in &want {
            assert_eq!(reported.get(identity), Some(all), "{identity:?}");
        }
        let names =
            |of: &BTreeMap<(String, String), _>| of.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&reported), names(&want));
    }
}

/// 2015-12-10T00:00:00Z.
const DRAWN_START_S: i64 = 1_449_705_600;
/// Length of a drawn log, seconds.
const DRAWN_S: i64 = 1_800;
/// Logs drawn.
const DRAWN_LOGS: u64 = 5;

fn drawn_time(second: i64) -> String {
    Timestamp((DRAWN_START_S + second) * 1_000).to_string()
}

/// An sshd log in order of time: four addresses that fail, each in bursts, and what else such a
/// log says. The seconds at which each address fails are its answers' raw material.
fn drawn_sshd(random: &mut SplitMix) -> (String, BTreeMap<String, Vec<i64>>) {
    let (mut log, mut failed) = (String::new(), BTreeMap::<String, Vec<i64>>::new());
    let mut percent = [0; 4];
    for second in 0..DRAWN_S {
        let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        for (number, percent) in percent.iter_mut().enumerate() {
            if random.chance(2) {
                *percent = random.one_of(&[0, 5, 12, 17, 25, 60], 0);
            }
            let address = format!("203.0.113.{}", 10 + number);
            let line = match (random.chance(*percent), random.bits() % 3) {
                (true, 0) => format!("Failed password for root from {address} port 40022 ssh2"),
                (true, 1) => {
                    format!("Failed password for invalid user a b from {address} port 2222 ssh2")
                }
                (true, _) => format!(
                    "message repeated 3 times: [ Failed password for root from {address} port \
                     22 ssh2]"
                ),
                (false, 0) => format!("Accepted password for alice from {address} port 22 ssh2"),
                (false, 1) => format!("Connection closed by {address} [preauth]"),
                (false, _) => continue,
            };
            if line.contains("Failed") {
                failed.entry(address).or_default().push(second);
            }
            let _ = writeln!(log, "Dec 10 {clock} host sshd[{second}]: {line}");
        }
    }
    (log, failed)
}

/// The episodes of ten failures a minute, counted at every second.
fn counted(failed: &[i64]) -> Vec<EpisodeSpan> {
    let (mut episodes, mut open) = (Vec::new(), None);
    for now in 0..DRAWN_S + 61 {
        let count = failed.iter().filter(|second| (now - 59..=now).contains(*second)).count();
        open = match (open.take(), count >= 10) {
            (None, true) => Some((now, count)),
            (Some((since, peak)), true) => Some((since, count.max(peak))),
            (Some((since, peak)), false) => {
                let since = drawn_time(since);
                episodes.push((since.clone(), since, peak as f64, drawn_time(now)));
                None
            }
            (None, false) => None,
        };
    }
    episodes
}

#[test]
fn a_drawn_sshd_log_gives_the_episodes_that_are_counted_by_the_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = 0;
    for seed in 0..DRAWN_LOGS {
        let (log, failed) = drawn_sshd(&mut SplitMix::new(seed));
        let file = folder.path().join("sshd.log");
        std::fs::write(&file, log).expect("room for a log");
        let counted = failed
            .into_iter()
            .map(|(address, seconds)| (("認証失敗多発".to_owned(), address), counted(&seconds)));
        let want: BTreeMap<_, _> = counted.filter(|(_, all)| !all.is_empty()).collect();
        all += want.values().map(Vec::len).sum::<usize>();
        for (workers, parts, cut_seed) in CUTS {
            let inputs = cut(&file, parts, cut_seed, folder.path());
            let more = ["--year", "2015", "--workers", workers].into_iter();
            let more: Vec<&str> = more.chain(inputs.iter().map(String::as_str)).collect();
            let reported = episodes(&rules("openssh.rules"), "src.ip", &more);
            assert_eq!(reported, want, "log {seed}, {parts} partitions");
        }
    }
    assert!(all >= 20, "only {all} episodes: the drawn logs show nothing");
}

/// Samples five minutes apart that stay where they are for a while; the last is low.
fn drawn_cpu(random: &mut SplitMix) -> Vec<i64> {
    let mut level = 50;
    let mut samples: Vec<i64> = (0..400)
        .map(|_| {
            if random.chance(30) {
                level = random.within(60, 100);
            }
            level
        })
        .collect();
    samples.push(10);
    samples
}

#[test]
fn drawn_cpu_series_cross_their_level_for_as_long_as_their_samples_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let holds = [("超過", 0), ("超過5分", 300), ("超過15分", 900), ("超過30分", 1800)];
    let (mut want, mut files) = (BTreeMap::<_, Vec<[String; 3]>>::new(), Vec::new());
    for host in 0..4 {
        let samples = drawn_cpu(&mut SplitMix::new(host));
        let (name, mut lines, mut above) = (format!("host-{host}"), String::new(), None);
        for (sample, second) in samples.into_iter().zip((0..).step_by(300)) {
            let ts = drawn_time(second);
            let _ = writeln!(lines, r#"{{"ts":"{ts}","host":"{name}","cpu":{sample}}}"#);
            let since = *above.get_or_insert(second);
            if sample > 80 {
                continue;
            }
            above = None;
            // True on [since, second): a hold that ends with it has not been met.
            for (alert, held) in holds.into_iter().filter(|(_, held)| since + held < second) {
                let episode = [since + held, since, second].map(drawn_time);
                want.entry((alert.to_owned(), name.clone())).or_default().push(episode);
            }
        }
        files.push(folder.path().join(format!("{name}.jsonl")));
        std::fs::write(&files[host as usize], lines).expect("room for a series");
    }
    let is_met = |alert: &str| want.keys().any(|(of, _)| of == alert);
    assert!(holds.iter().all(|(alert, _)| is_met(alert)), "{want:?}");
    for (workers, parts, seed) in CUTS {
        let deal = |file: &PathBuf| cut(file, parts, seed, folder.path());
        let inputs: Vec<String> = files.iter().flat_map(deal).collect();
        let more: Vec<&str> =
            ["--workers", workers].into_iter().chain(inputs.iter().map(String::as_str)).collect();
        let reported = instants(episodes(&rules("nab.rules"), "host", &more));
        assert_eq!(reported, want, "{parts} partitions, seed {seed}");
    }
}

/// Instants of firing, `since` and end, without the peaks.
fn instants(
    of: BTreeMap<(String, String), Vec<EpisodeSpan>>,
) -> BTreeMap<(String, String), Vec<[String; 3]>> {
    let without_peak = |all: Vec<EpisodeSpan>| {
        all.into_iter().map(|(at, since, _, end)| [at, since, end]).collect()
    };
    of.into_iter().map(|(identity, all)| (identity, without_peak(all))).collect()
}
