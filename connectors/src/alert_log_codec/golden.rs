//! The lines of the alert log and of `replay`, byte for byte as they stand on disk.

use model::decimal::Decimal;
use model::key::KeyValue;
use model::message::Language;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId, TopValues};

use super::*;

/// One line each, as written by the first release of this form.
const GOLDEN: &str = include_str!("golden.jsonl");

fn number(digits: &str) -> Option<Decimal> {
    Some(Decimal::parse(digits).unwrap())
}

fn awkward() -> String {
    let controls: String = ('\0'..' ').chain(['"', '\\', '/', '\u{7f}', '\u{202e}']).collect();
    format!("失敗{controls}")
}

/// A key with a component of every type, not in the order of its names.
fn key() -> Vec<NamedKeyPart> {
    let text = |text: &str| KeyValue::Text(text.to_owned());
    vec![
        ("user.name".to_owned(), text(&awkward())),
        ("src.ip".to_owned(), KeyValue::Ip("203.0.113.9".parse().unwrap())),
        ("dst.ip".to_owned(), KeyValue::Ip("2001:db8::1".parse().unwrap())),
        ("code".to_owned(), KeyValue::Int(i64::MIN)),
        ("ok".to_owned(), KeyValue::Bool(false)),
        ("a\"b".to_owned(), KeyValue::Null),
    ]
}

fn transition(kind: TransitionKind, severity: Severity) -> Transition {
    Transition {
        kind,
        facts: AlertFacts {
            alert: format!("認証{}", awkward()),
            severity,
            key: key(),
            at: Timestamp(1_767_225_654_005),
            since: Timestamp(1_767_225_654_000),
        },
        measured: Measurement {
            value: number("12345678901234567890.123456789"),
            threshold: number("0.05"),
        },
        peak: None,
        reason: None,
        episode: EpisodeId(0xab),
        count: u64::MAX,
        fields: vec![("host".to_owned(), KeyValue::Text("h".to_owned())), key().remove(1)],
        tops: vec![TopValues { field: "t".to_owned(), values: vec![(KeyValue::Int(1), 2)] }],
    }
}

fn bare(kind: TransitionKind) -> Transition {
    let transition = transition(kind, Severity::Low);
    Transition {
        facts: AlertFacts {
            alert: String::new(),
            key: Vec::new(),
            at: Timestamp::EARLIEST,
            since: Timestamp::LATEST,
            ..transition.facts
        },
        measured: Measurement::default(),
        episode: EpisodeId(u128::MAX),
        count: 0,
        fields: Vec::new(),
        tops: Vec::new(),
        ..transition
    }
}

fn transitions() -> Vec<Transition> {
    use TransitionKind::{Again, Changed, Firing, Resolved};
    let mut all = vec![
        transition(Firing, Severity::Critical),
        transition(Changed, Severity::High),
        transition(Again, Severity::Medium),
        bare(Firing),
        bare(Resolved),
    ];
    let reasons = ["cleared", "no data", "calendar", "forgotten", "rule changed"];
    for (reason, peak) in reasons.into_iter().zip(["-1", "0", "99.5", "1e20", "-0.000000001"]) {
        let reason = EndReason::from_name(reason);
        let value = peak.strip_prefix('-').and_then(number);
        all.push(Transition {
            reason,
            peak: number(peak),
            measured: Measurement { value, ..transition(Resolved, Severity::Low).measured },
            ..transition(Resolved, Severity::Low)
        });
    }
    all
}

fn early() -> Vec<EarlyAlert> {
    let of = |it: Transition| {
        let Transition { facts, measured, episode, count, fields, .. } = it;
        EarlyAlert {
            facts: AlertFacts { since: facts.at, ..facts },
            measured,
            episode,
            count,
            fields,
        }
    };
    let kind = TransitionKind::Firing;
    vec![of(transition(kind, Severity::High)), of(bare(kind))]
}

fn meta() -> Vec<MetaTransition> {
    let names = MetaAlert::NAMES.into_iter();
    let texts = ["rule", "topic", "sink"].map(|name| (name, KeyValue::Text("失\"敗".to_owned())));
    let keys = texts.into_iter().map(|(name, value)| vec![(name.to_owned(), value)]);
    let lost = vec![
        ("topic".to_owned(), KeyValue::Text("t".to_owned())),
        ("partition".to_owned(), KeyValue::Int(3)),
    ];
    let keys: Vec<Vec<NamedKeyPart>> = keys.chain([Vec::new(), lost]).collect();
    let alert = |name: &str| keys.iter().find_map(|key| MetaAlert::from_parts(name, key)).unwrap();
    let step = |(index, name): (usize, &str)| MetaTransition {
        alert: alert(name),
        is_over: index % 2 == 1,
        at: Timestamp(1_767_225_654_005),
        since: Timestamp(1_767_225_654_000),
        measured: Measurement {
            value: number("0.75").filter(|_| index % 3 > 0),
            threshold: number("12").filter(|_| index % 3 > 1),
        },
        id: EpisodeId(index as u128),
    };
    names.enumerate().map(step).collect()
}

/// Every line, and what it reads back as in the log form.
fn lines() -> Vec<(String, Option<AlertRecord>)> {
    let mut lines = Vec::new();
    let mut push = |write: &dyn Fn(&mut Vec<u8>), read| {
        let mut out = Vec::new();
        write(&mut out);
        lines.push((String::from_utf8(out).unwrap(), read));
    };
    for it in transitions() {
        let message = awkward();
        push(&|out| write_transition(out, &it, &message, LineForm::Replay), None);
        // What is not in the line is not read back.
        let read = Transition { tops: Vec::new(), ..it.clone() };
        let read = Some(AlertRecord::Transition(read, message.clone()));
        push(&|out| write_transition(out, &it, &message, LineForm::Log), read);
    }
    for it in early() {
        push(&|out| write_early(out, &it, "", LineForm::Replay), None);
        let read = Some(AlertRecord::Early(it.clone(), "m".to_owned()));
        push(&|out| write_early(out, &it, "m", LineForm::Log), read);
    }
    for it in meta() {
        let message = it.message(Some("訳"), Language::Ja);
        let read = Some(AlertRecord::Meta(it.clone(), message.clone()));
        push(&|out| write_meta(out, &it, &message), read);
    }
    lines
}

#[test]
fn lines_are_written_and_read_as_they_always_were() {
    let lines = lines();
    let golden: Vec<&str> = GOLDEN.lines().collect();
    let written: Vec<&str> = lines.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(written, golden);
    for (line, want) in lines {
        let read = read_record(line.as_bytes()).unwrap();
        assert_eq!(read, want.unwrap_or_else(|| read.clone()), "{line}");
    }
}

#[test]
fn a_line_with_a_former_name_is_read_as_the_alert_of_today() {
    for (former, current) in model::meta::FORMER_NAMES {
        let name = |name: &str| format!("\"alert\":\"{name}\"");
        let line = GOLDEN.lines().find(|line| line.contains(&name(current))).unwrap();
        let earlier = line.replace(&name(current), &name(former));
        let (read, want) = (read_record(earlier.as_bytes()), read_record(line.as_bytes()));
        assert_eq!(read.unwrap(), want.unwrap(), "{former}");
    }
}
