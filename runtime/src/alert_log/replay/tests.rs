use engine::program_upgrade::SettledStreams;
use model::alert_facts::{AlertFacts, Measurement};
use model::key::{KeyValue, encode_key};
use model::message::Language;
use model::severity::Severity;
use model::transition::EpisodeId;
use oncall::episode_fold::OffsetRange;
use rules_dsl::source::SourceFile;

use super::*;
use crate::alert_log::peaks::{LoggedPeaks, peak_line};
use crate::alert_log::record::write_line;
use crate::rules::loaded::LoadedRules;

pub(in crate::alert_log) const RULES: &str =
    "stream auth from \"auth\" { ts: time, user.name: str }
alert burst count(auth) >= 2 within 1m by user.name high";

fn program() -> Program {
    let file = SourceFile { name: "burst.rules".to_owned(), text: RULES.to_owned() };
    let files = [file];
    let compiled = rules_dsl::compile(&files);
    let said: Vec<String> =
        compiled.diagnostics.iter().map(|d| d.render(&files, Language::En)).collect();
    Program::compile(&compiled.rules.unwrap_or_else(|| panic!("{said:?}"))).unwrap()
}

pub(in crate::alert_log) fn transition(
    kind: TransitionKind,
    user: &str,
    at: i64,
    since: i64,
) -> LoggedRecord {
    let transition = Transition {
        kind,
        facts: AlertFacts {
            alert: "burst".to_owned(),
            severity: Severity::High,
            key: vec![("user.name".to_owned(), KeyValue::Text(user.to_owned()))],
            at: Timestamp(at),
            since: Timestamp(since),
        },
        measured: Measurement {
            value: Some(Decimal::from_int(2)),
            threshold: Some(Decimal::from_int(2)),
        },
        peak: None,
        reason: None,
        episode: EpisodeId(u128::from(user.as_bytes()[0]) << 64 | since as u128),
        count: 2,
        fields: Vec::new(),
        tops: Vec::new(),
    };
    let recorded = AlertRecord::Transition(transition, "m".to_owned());
    LoggedRecord {
        sequence: 0,
        recorded,
        detected: Timestamp(9),
        is_shadow: user == "shadow",
        events: Vec::new(),
    }
}

/// A line with the number of its record.
fn numbered(sequence: u64, logged: &LoggedRecord) -> Vec<u8> {
    let mut line = Vec::new();
    write_line(&mut line, &LoggedRecord { sequence, ..logged.clone() });
    line
}

/// A line without one, as an earlier build wrote it.
fn line(logged: &LoggedRecord) -> Vec<u8> {
    let line = String::from_utf8(numbered(0, logged)).unwrap();
    line.replacen("\"sequence\":0,", "", 1).into_bytes()
}

pub(in crate::alert_log) fn history(lines: Vec<Vec<u8>>) -> AlertLogReplay {
    AlertLogReplay::read(Path::new("alerts.jsonl"), lines).unwrap()
}

#[test]
fn an_open_episode_is_its_fold_as_of_the_published_instant() {
    use TransitionKind::{Firing, Resolved};
    let log = [
        transition(Firing, "a", 100, 100),
        transition(Firing, "b", 150, 150),
        transition(Resolved, "a", 200, 100),
        transition(Resolved, "b", 300, 150),
        transition(Firing, "a", 400, 400),
    ];
    let history = history(log.iter().map(line).collect());
    let cases: [(i64, &[(&str, i64)]); 6] = [
        (99, &[]),
        (100, &[("a", 100)]),
        (199, &[("a", 100), ("b", 150)]),
        (200, &[("b", 150)]),
        (399, &[]),
        (400, &[("a", 400)]),
    ];
    for (published, want) in cases {
        let restored = history.resumed(&[Timestamp(published)], &program(), None).restored;
        let open: Vec<_> = restored.open.iter().map(|o| (o.key.clone(), o.since.0)).collect();
        let key = |user: &str| encode_key([&KeyValue::Text(user.to_owned())]);
        let want: Vec<_> = want.iter().map(|(user, since)| (key(user), *since)).collect();
        assert_eq!(open, want, "as of {published}");
    }
    assert_eq!(history.record_ids().len(), 5);
    assert_eq!(history.logged().len(), 5);
}

fn as_of(open: &RestoredEpisode, instant: i64) -> RestoredEpisode {
    RestoredEpisode { as_of: Timestamp(instant), ..open.clone() }
}

#[test]
fn the_newest_peak_of_an_episode_is_the_one_kept() {
    let firing = transition(TransitionKind::Firing, "a", 100, 100);
    let open = RestoredEpisode {
        alert: "burst".to_owned(),
        key: encode_key([&KeyValue::Text("a".to_owned())]),
        since: Timestamp(100),
        peak: None,
        as_of: Timestamp(150),
        severity: Severity::High,
        fields: Vec::new(),
    };
    let earlier = RestoredEpisode { since: Timestamp(50), ..open.clone() };
    let lines = vec![
        line(&firing),
        peak_line(&as_of(&open, 170), Decimal::from_int(3)),
        peak_line(&as_of(&open, 150), Decimal::parse("7.5").unwrap()),
        peak_line(&as_of(&earlier, 60), Decimal::from_int(99)),
    ];
    // Other rules wait until all that is in a peak has been judged again.
    assert_eq!(history(lines.clone()).published_some(&program()), [Timestamp(150)]);
    let restored = history(lines).resumed(&[Timestamp(100)], &program(), None).restored;
    let peaks: Vec<_> = restored.open.iter().map(|open| open.peak).collect();
    assert_eq!(peaks, [Decimal::parse("7.5").ok()]);
}

#[test]
fn a_peak_that_has_not_moved_keeps_its_instant() {
    let firing = transition(TransitionKind::Firing, "ann", 10, 0);
    let mut lines = vec![line(&firing)];
    let open = |peak, until| {
        let mut open = history(vec![line(&firing)]).resumed(&[Timestamp(100)], &program(), None);
        let mut open = open.restored.open.remove(0);
        open.peak = Some(Decimal::from_int(peak));
        [as_of(&open, until)]
    };
    lines.extend(LoggedPeaks::new(BTreeMap::new(), 1).moved(0, &open(7, 170)));
    // The next life has judged less when it shows what it took up.
    let mut next = LoggedPeaks::new(history(lines.clone()).peaks(), 2);
    lines.extend(next.moved(1, &open(7, 100)));
    assert_eq!(history(lines.clone()).published_some(&program()), [Timestamp(170)]);
    lines.extend(next.moved(1, &open(8, 180)));
    lines.extend(next.moved(1, &open(8, 190)));
    assert_eq!(history(lines.clone()).published_some(&program()), [Timestamp(180)]);
    assert_eq!(lines.len(), 3, "what moved, and nothing else");
}

/// A crash keeps the beginning of what was not synced: it may keep a peak and not the record of
/// its episode. A compaction drops such a peak, so nobody may count on it.
#[test]
fn a_peak_without_a_record_of_its_episode_is_written_again() {
    let firing = transition(TransitionKind::Firing, "ann", 10, 0);
    let whole = history(vec![line(&firing)]).resumed(&[Timestamp(100)], &program(), None);
    let open = as_of(&whole.restored.open[0], 50);
    let peak = peak_line(&open, Decimal::from_int(7));
    let shown = [RestoredEpisode { peak: Some(Decimal::from_int(7)), ..open }];
    for (lines, due) in [(vec![peak.clone()], 1), (vec![line(&firing), peak], 0)] {
        let mut peaks = LoggedPeaks::new(history(lines).peaks(), 1);
        assert_eq!(peaks.moved(0, &shown).len(), due);
    }
}

#[test]
fn a_line_keeps_that_nobody_was_to_be_reported() {
    for user in ["shadow", "b"] {
        let logged = transition(TransitionKind::Firing, user, 100, 100);
        let kept = history(vec![line(&logged)]);
        let kept: Vec<bool> = kept.logged().iter().map(|logged| logged.is_shadow).collect();
        assert_eq!(kept, [user == "shadow"]);
    }
}

#[test]
fn a_line_keeps_where_the_events_lie() {
    let range =
        |partition| OffsetRange { source: "auth \"1\"".to_owned(), partition, from: 12, to: 40 };
    for events in [vec![], vec![range(0), range(3)]] {
        let of = transition(TransitionKind::Firing, "a", 100, 100);
        let logged = LoggedRecord { events: events.clone(), ..of };
        let kept = history(vec![line(&logged)]);
        let kept: Vec<_> = kept.logged().iter().map(|logged| logged.events.clone()).collect();
        assert_eq!(kept, [events]);
    }
}

#[test]
fn a_line_that_is_no_record_is_named() {
    let good = line(&transition(TransitionKind::Firing, "a", 100, 100));
    let error = AlertLogReplay::read(Path::new("alerts.jsonl"), vec![good, b"{}".to_vec()]).err();
    let said = error.map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("alerts.jsonl:2:"), "{said}");
}

#[test]
fn a_record_keeps_its_number_whatever_is_missing_before_it() {
    let logged = transition(TransitionKind::Firing, "a", 100, 100);
    let read = |lines: Vec<Vec<u8>>| AlertLogReplay::read(Path::new("alerts.jsonl"), lines);
    let numbers = |history: &AlertLogReplay| -> Vec<u64> {
        history.logged().iter().map(|logged| logged.sequence).collect()
    };
    let old = history(vec![line(&logged), line(&logged), numbered(2, &logged)]);
    assert_eq!((numbers(&old), old.next_sequence()), (vec![0, 1, 2], 3));
    let gaps = history(vec![numbered(4, &logged), numbered(9, &logged), line(&logged)]);
    assert_eq!((numbers(&gaps), gaps.next_sequence()), (vec![4, 9, 10], 11));
    assert_eq!(history(Vec::new()).next_sequence(), 0);
    let published: SettledStreams = [("auth".to_owned(), Timestamp(-5))].into();
    let head = LogHead { next_sequence: 40, published };
    let short = history(vec![head.line(), numbered(4, &logged)]);
    assert_eq!((numbers(&short), short.next_sequence()), (vec![4], 40));
    assert_eq!(short.published(), &head.published);
    for (first, second) in [(3, 3), (3, 2)] {
        let error = read(vec![numbered(first, &logged), numbered(second, &logged)]).err();
        let said = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains("alerts.jsonl:2:") && said.contains("is the least"), "{said}");
    }
}

/// LoadedRules of `burst` alerts with these levels and windows, by a hash of their text.
pub(in crate::alert_log) fn rules(text: &str) -> LoadedRules {
    LoadedRules::from_text(text, Language::En).unwrap_or_else(|error| panic!("{error}"))
}

/// However often rules are reworded before they evaluate anything, those that evaluated the past
/// stay known.
#[test]
fn rewordings_without_an_instant_between_them_are_one_change() {
    let wording = |level: i64| rules(&RULES.replace(">= 2", &format!(">= {level}")));
    let settled = |at: i64| SettledStreams::from([("auth".to_owned(), Timestamp(at))]);
    let hash = |level: i64| wording(level).program.hash();
    let after = |at: i64, before: &LoadedRules, next: &LoadedRules| {
        RuleChange::after(before, next, settled(at)).line(Timestamp(0), "api", Vec::new())
    };
    let first = RuleChange::first(&wording(2)).line(Timestamp(0), "start", Vec::new());
    let mut lines = vec![first];
    lines.extend((2..40).map(|level| after(100, &wording(level), &wording(level + 1))));
    let known = |lines: &[Vec<u8>]| -> Vec<u64> {
        history(lines.to_vec()).changes().iter().map(|change| change.rules).collect()
    };
    assert_eq!(known(&lines), [hash(2), hash(40)]);
    // One that comes after others have evaluated something, or that is more than a rewording.
    lines.push(after(101, &wording(40), &wording(3)));
    let other = rules(&RULES.replace("within 1m", "within 2m"));
    lines.push(after(101, &wording(3), &other));
    assert_eq!(known(&lines), [hash(2), hash(40), hash(3), other.program.hash()]);
}

#[test]
fn what_other_rules_left_open_resumes_or_ends_once() {
    use TransitionKind::{Firing, Resolved};
    let settled: SettledStreams = [("auth".to_owned(), Timestamp(200))].into();
    let line_of_change =
        br#"{"rules_in_force":"7","settled_ms":{"auth":200},"at_ms":1,"by":"api","files":[]}"#;
    let log = |after: &[LoggedRecord]| {
        let before = [
            transition(Firing, "a", 100, 100),
            transition(Firing, "b", 150, 150),
            transition(Resolved, "b", 180, 150),
        ];
        let mut lines: Vec<Vec<u8>> = before.iter().map(line).collect();
        lines.push(line_of_change.to_vec());
        lines.extend(after.iter().map(line));
        history(lines)
    };
    let kept = rules(&RULES.replace(">= 2", ">= 3"));
    let changed = rules(&RULES.replace("within 1m", "within 2m"));
    let removed = rules(&RULES.replace("burst", "other"));
    for (next, ends) in [(kept, false), (changed, true), (removed, true)] {
        let replaced = || PreviousRules { rules: rules(RULES), settled: settled.clone() };
        let program = Program::compile(&next.set).unwrap();
        let program = program.succeed(&replaced().rules.program, &settled);
        // A commit of the old rules says less than the record of the new ones.
        let resumed = |history: &AlertLogReplay| {
            history.resumed(&[Timestamp(200)], &program, Some(&replaced()))
        };
        let first = resumed(&log(&[]));
        assert_eq!(first.restored.open.len(), usize::from(!ends));
        let [ended] = first.ended.as_slice() else {
            assert!(!ends && first.ended.is_empty(), "{:?}", first.ended);
            continue;
        };
        assert_eq!((ended.facts.at, ended.reason), (Timestamp(201), Some(EndReason::RuleChanged)));
        // Whoever starts again derives the same; another episode that began since is open.
        let reported = |transition: Transition| LoggedRecord {
            sequence: 0,
            recorded: AlertRecord::Transition(transition, "m".to_owned()),
            detected: Timestamp(9),
            is_shadow: false,
            events: Vec::new(),
        };
        let history = log(&[reported(ended.clone()), transition(Firing, "a", 201, 201)]);
        let again = history.resumed(&[Timestamp(250)], &program, Some(&replaced()));
        assert_eq!(again.ended, first.ended);
        let begun: Vec<Timestamp> = again.restored.open.iter().map(|it| it.since).collect();
        let has_rule = program.rule("burst").is_some();
        assert_eq!(begun, if has_rule { vec![Timestamp(201)] } else { vec![] });
        assert_eq!(
            history.published_some(&program),
            [Timestamp(if has_rule { 201 } else { i64::MIN })]
        );
    }
}
