//! Real logs and real machines, against answers that other engines gave.
//!
//! The data may not be copied into this repository. Where it is absent the tests say so and
//! pass; with `CI=true` that is a failure.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::{hansho, rules};
use serde_json::Value;
use tests::drawn::Random;

/// A folder of the shared data, or nothing where there is none.
fn shared_file(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "CI needs the real data, and {} is absent", path.display());
    eprintln!("skipped: {} is absent", path.display());
    None
}

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
    let mut random = Random::new(seed);
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
type Episode = (String, String, f64, String);

/// The episodes a replay tells, by alert and key; every one of them has ended.
fn episodes(rules_of: &Path, key: &str, more: &[&str]) -> BTreeMap<(String, String), Vec<Episode>> {
    let rules_of = rules_of.to_str().expect("a path in UTF-8");
    let said = hansho(&[&["replay", "--rules", rules_of, "--drain"], more].concat(), b"").ended(0);
    let (mut open, mut ended) = (BTreeMap::new(), BTreeMap::<_, Vec<Episode>>::new());
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
fn an_sshd_log_gives_the_seven_episodes_of_its_answers() {
    let Some(folder) = shared_file("openssh") else { return };
    let answers = &answers(&folder)["count(Failed password) >= 10 within 1m by source ip"];
    let mut want = BTreeMap::new();
    for (address, answer) in answers["per_ip"].as_object().expect("addresses") {
        let all = answer["episodes"].as_array().expect("episodes").iter().map(|episode| {
            let onset = text(episode, "onset").to_owned();
            let peak = episode["peak"].as_f64().expect("a peak");
            (onset.clone(), onset, peak, text(episode, "end").to_owned())
        });
        let all: Vec<Episode> = all.collect();
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
        let told = episodes(&rules("openssh.rules"), "src.ip", &more);
        assert_eq!(told, want, "{parts} partitions, seed {seed}");
    }
}

#[test]
fn cpu_series_cross_their_level_as_long_as_their_answers_say() {
    let Some(folder) = shared_file("nab") else { return };
    let holds = [("超過", 0), ("超過5分", 300), ("超過15分", 900), ("超過30分", 1800)];
    let (mut want, mut files) = (BTreeMap::new(), Vec::new());
    for (series, answer) in answers(&folder).as_object().expect("series") {
        files.push(folder.join(format!("{series}.jsonl")));
        for (alert, seconds) in holds {
            let all = &answer[&format!("value > 80 held for {seconds}s")];
            let all = all.as_array().expect("crossings").iter().map(|crossing| {
                ["fire", "pending", "end"].map(|name| text(crossing, name).to_owned())
            });
            let all: Vec<[String; 3]> = all.collect();
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
        let told = episodes(&rules("nab.rules"), "host", &more);
        let told: BTreeMap<_, Vec<[String; 3]>> = told
            .into_iter()
            .map(|(identity, all)| {
                let instants = |(at, since, _, end): Episode| [at, since, end];
                (identity, all.into_iter().map(instants).collect())
            })
            .collect();
        for (identity, all) in &want {
            assert_eq!(told.get(identity), Some(all), "{identity:?}");
        }
        let names =
            |of: &BTreeMap<(String, String), _>| of.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&told), names(&want));
    }
}
