//! A log that was made shorter says what the whole one says, wherever it was cut.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ::tests::generators::SplitMix;
use connectors::journal::StateDir;
use engine::program_upgrade::ended_by_change;
use engine::shard::{CalendarEnd, RestoredEpisode};
use model::alert_facts::{AlertFacts, Measurement};
use model::decimal::Decimal;
use model::meta::{MetaAlert, MetaTransition};
use model::severity::Severity;
use model::transition::{EpisodeId, TransitionKind};
use oncall::episode_fold::{AlertText, EpisodeFold, IncidentUpdate, LogRecord, OpenEpisode};

use super::*;
use crate::alert_log::peaks::peak_line;
use crate::alert_log::record::{RecordId, canonical, record_id, transition_of};
use crate::alert_log::replay::AlertLogReplay;
use crate::alert_log::replay::tests::{RULES, history, rules, transition};
use crate::alert_log::rule_change::read_change;
use crate::io::OpenedLog;
use crate::rules::kept::PreviousRules;

const SEEDS: u64 = 600;

/// Second set of rules, after those of [`RULES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SecondRules {
    None,
    Kept,
    Changed,
    Removed,
}

/// A log that grows as a service writes it.
struct GrownLog {
    random: SplitMix,
    lines: Vec<Vec<u8>>,
    records: Vec<LoggedRecord>,
    open: BTreeMap<u8, i64>,
    /// By key: the instant at which the next record may be.
    next_at: BTreeMap<u8, i64>,
    now: i64,
    /// Up to where all was told when rules were changed.
    floor: i64,
}

impl GrownLog {
    fn new(seed: u64) -> GrownLog {
        let random = SplitMix::new(seed);
        let (open, next_at) = (BTreeMap::new(), BTreeMap::new());
        GrownLog {
            random,
            lines: Vec::new(),
            records: Vec::new(),
            open,
            next_at,
            now: 100,
            floor: 0,
        }
    }

    fn push(&mut self, recorded: AlertRecord) {
        let is_known = |known: &LoggedRecord| record_id(&known.recorded) == record_id(&recorded);
        if self.records.iter().any(is_known) {
            return;
        }
        let detected = Timestamp(self.now * 10);
        let sequence = self.records.len() as u64;
        let logged = LoggedRecord {
            sequence,
            recorded,
            detected,
            is_shadow: self.random.chance(10),
            events: Vec::new(),
        };
        let mut line = Vec::new();
        write_line(&mut line, &logged);
        self.lines.push(line);
        self.records.push(logged);
    }

    fn severity(&mut self) -> Severity {
        self.random.one_of(&Severity::ALL, Severity::Low)
    }

    /// A step of one of three users, or of the service itself; each instant is settled once
    /// `now` has passed it.
    fn step(&mut self) {
        self.now += self.random.within(0, 2);
        let user = b'a' + self.random.within(0, 2) as u8;
        let name = char::from(user).to_string();
        let at = self.now.max(self.next_at.get(&user).copied().unwrap_or(0));
        let severity = self.severity();
        let settled = |kind, since| match transition(kind, &name, at, since).recorded {
            AlertRecord::Transition(of, message) => AlertRecord::Transition(
                Transition { facts: AlertFacts { severity, ..of.facts }, ..of },
                message,
            ),
            other => other,
        };
        let since = self.open.get(&user).copied();
        let recorded = match (self.random.within(0, 11), since) {
            (0 | 1, _) => return self.say(),
            (2, Some(since)) => return self.peak(&name, since),
            (2 | 3, _) => return self.early(&name, at, severity),
            (_, None) => {
                self.open.insert(user, at);
                self.next_at.insert(user, at + 1);
                settled(TransitionKind::Firing, at)
            }
            (4 | 5, Some(since)) => settled(TransitionKind::Changed, since),
            (6..9, Some(since)) => settled(TransitionKind::Again, since),
            (_, Some(since)) => {
                self.open.remove(&user);
                let is_calendar = self.random.chance(5);
                let reason = if is_calendar { EndReason::Calendar } else { EndReason::Cleared };
                match settled(TransitionKind::Resolved, since) {
                    AlertRecord::Transition(of, message) => {
                        AlertRecord::Transition(Transition { reason: Some(reason), ..of }, message)
                    }
                    other => other,
                }
            }
        };
        self.now = at;
        self.push(recorded);
    }

    fn early(&mut self, name: &str, at: i64, severity: Severity) {
        let at = (at + self.random.within(-2, 4)).max(self.floor + 1);
        let AlertRecord::Transition(of, message) =
            transition(TransitionKind::Firing, name, at, at).recorded
        else {
            return;
        };
        let Transition { facts, measured, episode, count, fields, .. } = of;
        let facts = AlertFacts { severity, ..facts };
        let early = EarlyAlert { facts, measured, episode, count, fields };
        self.push(AlertRecord::Early(early, message));
    }

    fn peak(&mut self, name: &str, since: i64) {
        let (peak, open) = (Decimal::from_int(self.random.within(3, 99)), opened(name, since));
        self.lines.push(peak_line(&open, peak));
    }

    /// Something of the service itself begins or ends.
    fn say(&mut self) {
        let rule = char::from(b'a' + self.random.within(0, 1) as u8).to_string();
        let alert = MetaAlert::RefusedKeys { rule };
        let of = |logged: &LoggedRecord| match &logged.recorded {
            AlertRecord::Meta(step, _) if step.alert == alert => Some(step.clone()),
            _ => None,
        };
        let last = self.records.iter().rev().find_map(of).filter(|step| !step.is_over);
        let at = Timestamp(self.now);
        let since = last.as_ref().map_or(at, |step| step.since);
        let id = EpisodeId(since.0 as u128 * 2 + u128::from(alert.rule() == Some("a")));
        let (is_over, measured) = (last.is_some(), Measurement::default());
        let step = MetaTransition { alert, is_over, at, since, measured, id };
        self.push(AlertRecord::Meta(step, "m".to_owned()));
    }

    /// Other rules come into force, and what their change ends is told.
    fn change(&mut self, number: u64, second: SecondRules) -> SettledStreams {
        let settled: SettledStreams = [("auth".to_owned(), Timestamp(self.now))].into();
        let line = format!(
            "{{\"rules_in_force\":\"{number:016x}\",\"settled_ms\":{{\"auth\":{}}},\"at_ms\":1,\
             \"by\":\"api\",\"files\":[]}}",
            self.now
        );
        self.lines.push(line.into_bytes());
        self.floor = self.now;
        self.now += 1;
        if matches!(second, SecondRules::Changed | SecondRules::Removed) {
            for (user, since) in std::mem::take(&mut self.open) {
                let key = opened(&char::from(user).to_string(), since).key;
                let of_user = |logged: &&LoggedRecord| {
                    transition_of(logged).is_some_and(|of| canonical(&of.facts.key) == key)
                };
                let newest = self.records.iter().rev().find(of_user).and_then(transition_of);
                let ended = ended_by_change(newest.unwrap(), None, Timestamp(self.now));
                self.push(AlertRecord::Transition(ended, "m".to_owned()));
                self.next_at.insert(user, self.now);
            }
        }
        settled
    }
}

fn opened(name: &str, since: i64) -> RestoredEpisode {
    let AlertRecord::Transition(of, _) =
        transition(TransitionKind::Firing, name, since, since).recorded
    else {
        unreachable!("a transition is one");
    };
    RestoredEpisode {
        key: canonical(&of.facts.key),
        alert: of.facts.alert,
        since: of.facts.since,
        peak: None,
        as_of: of.facts.at,
        severity: of.facts.severity,
        fields: Vec::new(),
    }
}

/// Updates that on-call makes of records: what is told of the last ones, and what is open.
fn reported<'a>(
    log: impl Iterator<Item = &'a LoggedRecord>,
    from: u64,
) -> (Vec<IncidentUpdate>, BTreeMap<EpisodeId, OpenEpisode>) {
    let mut incidents = EpisodeFold::default();
    let text = AlertText::default();
    let mut notices = Vec::new();
    for logged in log {
        let published = PublishedKind::of(&logged.recorded);
        let (step, is_shadow) = (published.step(), logged.is_shadow);
        let record = LogRecord { step, text: &text, is_shadow };
        notices.extend(incidents.apply(&record).filter(|_| logged.sequence >= from));
    }
    let open = incidents.open().map(|(_, it)| (it.id, it.clone())).collect();
    (notices, open)
}

fn of_itself(history: &AlertLogReplay) -> (BTreeMap<MetaAlert, bool>, Option<Timestamp>) {
    let open = history.metas().map(|step| (step.alert.clone(), step.is_over));
    let mut open: BTreeMap<MetaAlert, bool> = open.collect();
    open.retain(|_, is_over| !*is_over);
    (open, history.metas().map(|step| step.at).max())
}

/// A log that was made shorter somewhere, and the whole one.
struct CompactionScene {
    seed: u64,
    second: SecondRules,
    program: Program,
    after: Option<PreviousRules>,
    /// All is told up to here; what follows the cut is later.
    received: u64,
    recorded_until: i64,
    /// A recovery evaluates from here on again.
    replayed_from: Timestamp,
    /// Other instants at which a service may begin.
    starts: [i64; 3],
    /// The number of the first record behind the cut.
    cut_at: u64,
    whole: AlertLogReplay,
    short: AlertLogReplay,
    dropped: usize,
    left: usize,
}

impl CompactionScene {
    fn draw(seed: u64) -> CompactionScene {
        let mut drawn = GrownLog::new(seed);
        let seconds =
            [SecondRules::None, SecondRules::Kept, SecondRules::Changed, SecondRules::Removed];
        let second = drawn.random.one_of(&seconds, SecondRules::None);
        let text = match second {
            SecondRules::None => RULES.to_owned(),
            SecondRules::Kept => RULES.replace(">= 2", ">= 3"),
            SecondRules::Changed => RULES.replace("within 1m", "within 2m"),
            SecondRules::Removed => RULES.replace("burst", "other"),
        };
        drawn.change(1, SecondRules::None);
        (0..drawn.random.within(0, 60)).for_each(|_| drawn.step());
        let mut program = Program::compile(&rules(&text).set).unwrap();
        let mut after = None;
        if second != SecondRules::None {
            let settled = drawn.change(2, second);
            let rules = rules(RULES);
            program = program.succeed(&rules.program, &settled);
            after = Some(PreviousRules { rules, settled });
        }
        if second != SecondRules::Removed {
            (0..drawn.random.within(0, 60)).for_each(|_| drawn.step());
        }
        drawn.cut(seed, second, (program, after))
    }

    fn context(&self) -> String {
        format!("seed {}, {:?}, told until {}", self.seed, self.second, self.recorded_until)
    }
}

impl GrownLog {
    /// Makes the log shorter as it is somewhere behind the change of rules.
    fn cut(
        mut self,
        seed: u64,
        second: SecondRules,
        (program, after): (Program, Option<PreviousRules>),
    ) -> CompactionScene {
        let behind = self.lines.iter().rposition(|line| read_change(line).is_some()).unwrap_or(0);
        let cut = self.random.within(behind as i64 + 1, self.lines.len() as i64) as usize;
        let (before, rest) = self.lines.split_at(cut);
        let is_record = |line: &&Vec<u8>| line.starts_with(NUMBERED);
        let cut_at = before.iter().filter(is_record).count();
        let later = self.records.iter().skip(cut_at).filter_map(|logged| match &logged.recorded {
            AlertRecord::Transition(of, _) => Some(of.facts.at.0),
            AlertRecord::Early(of, _) => Some(of.facts.at.0),
            AlertRecord::Meta(..) => None,
        });
        let latest = later.min().unwrap_or(self.now + 100) - 1;
        let recorded_until = self.random.within(self.floor, latest);
        let oldest = if self.random.chance(70) { self.now * 10 } else { 0 };
        let detected_before = Timestamp(self.random.within(oldest, self.now * 10 + 20));
        let again_ms = self.random.one_of(&[0, 40, 1_000_000], 0);
        let published = [Timestamp(recorded_until)];
        let replayed_from = Timestamp(recorded_until - again_ms);
        let all = self.records.len() as i64;
        let received = if self.random.chance(70) { all } else { self.random.within(0, all) } as u64;
        let rule = RetentionRule {
            program: &program,
            published: &published,
            detected_before,
            folded: received,
            replayed_from: vec![replayed_from],
        };
        let shorter = rule.apply(before.to_vec(), &["auth".to_owned()]).unwrap();
        let left = shorter.lines.iter().chain(rest).cloned().collect();
        let short = AlertLogReplay::read(Path::new("alerts.jsonl"), left).unwrap();
        let starts = [
            recorded_until,
            recorded_until + 1,
            self.random.within(recorded_until, self.now + 200),
        ];
        let (dropped, left) = (shorter.dropped, shorter.lines.len());
        let (whole, cut_at) = (history(self.lines), cut_at as u64);
        CompactionScene {
            seed,
            second,
            program,
            after,
            recorded_until,
            replayed_from,
            received,
            starts,
            cut_at,
            whole,
            short,
            dropped,
            left,
        }
    }
}

/// Numbers stay, what is left is as it was, and what may be derived again is known.
fn check_records(scene: &CompactionScene) {
    let CompactionScene { whole, short, .. } = scene;
    assert_eq!(short.next_sequence(), whole.next_sequence(), "{}", scene.context());
    let by_number: BTreeMap<u64, RecordId> =
        whole.logged().iter().map(|it| (it.sequence, record_id(&it.recorded))).collect();
    for logged in short.logged() {
        assert_eq!(by_number.get(&logged.sequence), Some(&record_id(&logged.recorded)));
    }
    let recorded_until = Timestamp(scene.recorded_until);
    assert_eq!(short.published().get("auth"), Some(&recorded_until));
    let known = short.record_ids();
    let unreceived = whole.logged().iter().filter(|logged| logged.sequence >= scene.received);
    for logged in unreceived {
        assert!(known.contains(&record_id(&logged.recorded)), "{}", scene.context());
    }
    for logged in whole.logged() {
        let may_be_derived = match transition_of(logged) {
            Some(of) => {
                scene.program.rule(&of.facts.alert).is_some() && of.facts.at > recorded_until
            }
            None => false,
        };
        let is_known = known.contains(&record_id(&logged.recorded));
        assert!(is_known || !may_be_derived, "{}", scene.context());
    }
}

/// Whoever starts finds the same open, the same ends untold, the same peaks.
fn check_past(scene: &CompactionScene) {
    let CompactionScene { whole, short, program, after, .. } = scene;
    assert_eq!(short.changes().last(), whole.changes().last());
    let after_short = after.as_ref().filter(|_| short.changes().len() > 1);
    for start in scene.starts {
        let published = [Timestamp(start)];
        let want = whole.resumed(&published, program, after.as_ref());
        let got = short.resumed(&published, program, after_short);
        assert_eq!(got.restored.open, want.restored.open, "{} {start}", scene.context());
        let replayed = |ends: Vec<CalendarEnd>| -> Vec<CalendarEnd> {
            ends.into_iter().filter(|end| end.at >= scene.replayed_from).collect()
        };
        let ends = [got.restored.calendar_ends, want.restored.calendar_ends].map(replayed);
        assert_eq!(ends[0], ends[1], "{} {start}", scene.context());
        let unreported = |ended: &[Transition], history: &AlertLogReplay| -> Vec<Transition> {
            let known = history.record_ids();
            let id = |t: &Transition| (t.episode, Some(t.kind), t.facts.at, t.facts.severity);
            ended.iter().filter(|t| !known.contains(&id(t))).cloned().collect()
        };
        let ends = [unreported(&got.ended, short), unreported(&want.ended, whole)];
        assert_eq!(ends[0], ends[1], "{} {start}", scene.context());
        let until = |history: &AlertLogReplay| -> Vec<Timestamp> {
            let until = history.published_some(program).into_iter().zip(published);
            until.map(|(until, published)| until.max(published)).collect()
        };
        assert_eq!(until(short), until(whole), "{} {start}", scene.context());
    }
}

#[test]
fn a_shorter_log_says_what_the_whole_one_says() {
    let (mut dropped, mut left, mut without_rules) = (0, 0, 0);
    for seed in 0..SEEDS {
        let scene = CompactionScene::draw(seed);
        check_records(&scene);
        check_past(&scene);
        let CompactionScene { whole, short, cut_at, .. } = &scene;
        assert_eq!(of_itself(short), of_itself(whole), "{}", scene.context());
        // On-call tells of the rest what it would have, and holds the same open.
        let on_call = |history: &AlertLogReplay| reported(history.logged().iter(), *cut_at);
        assert_eq!(on_call(short), on_call(whole), "{}", scene.context());
        dropped += scene.dropped;
        left += scene.left;
        without_rules += usize::from(short.changes().len() < whole.changes().len());
    }
    println!("{dropped} lines dropped, {left} left; {without_rules} logs name fewer rules");
    assert!(2 * dropped > left && without_rules > 0, "{dropped} of {left}, {without_rules}");
}

/// Compaction of the logs in a directory, of which on-call has folded nothing.
fn compactor(state_dir: &Arc<StateDir>) -> AlertLogCompactor {
    let rules = rules(RULES);
    AlertLogCompactor {
        store: Arc::clone(state_dir) as Arc<dyn LogStore>,
        telemetry: Arc::new(NodeTelemetry::new()),
        notified: NotifyPosition::default(),
        retention: LogRetention::default(),
        names: rules.set.streams.iter().map(|schema| schema.name.clone()).collect(),
        requirements: replay_requirements(&rules, None, &KeptFrom::new()),
        program: rules.program,
        due_at: 0,
    }
}

/// The log of a service and the rules beside it, as a start or a running service finds them.
#[test]
fn a_log_is_made_shorter_at_a_start_and_when_it_has_outgrown_that() {
    let home = tempfile::tempdir().unwrap();
    let state_dir = Arc::new(StateDir::open(home.path()).unwrap());
    let path = state_dir.file("alerts.jsonl");
    let (mut log, _): OpenedLog = state_dir.open("alerts.jsonl").unwrap();
    let mut drawn = GrownLog::new(7);
    drawn.change(0xa, SecondRules::None);
    drawn.change(0xb, SecondRules::None);
    (0..200).for_each(|_| drawn.step());
    for line in &drawn.lines {
        log.append(line).unwrap();
    }
    for name in ["rules-000000000000000a.json", "rules-000000000000000b.json", "rules-x.json"] {
        fs::write(state_dir.file(name), "").unwrap();
    }
    let mut compactor = compactor(&state_dir);
    compactor.notified.set(u64::MAX);
    let (keep_ms, bytes_min) = (compactor.retention.keep_ms, compactor.retention.compact_bytes_min);
    let reported = [Timestamp(drawn.now + 1_000_000)];
    let late = Timestamp(drawn.now * 10 + keep_ms);
    let before = log.length();
    compactor.compact_if_due(&mut *log, &reported, late);
    let after = log.length();
    assert!(after < before / 2, "{before} to {after}");
    let names = |name: &str| state_dir.file(name).exists();
    assert!(!names("rules-000000000000000a.json"), "no line names it");
    assert!(names("rules-000000000000000b.json") && names("rules-x.json"));
    let history = AlertLogReplay::read(&path, log.lines().unwrap()).unwrap();
    assert_eq!(history.next_sequence(), drawn.records.len() as u64);
    // Until it is long enough it is left alone.
    let (mut number, mut line) = (history.next_sequence(), Vec::new());
    let mut closed = |log: &mut dyn LineLog| {
        let since = number as i64 + 1_000;
        for kind in [TransitionKind::Firing, TransitionKind::Resolved] {
            line.clear();
            write_line(
                &mut line,
                &LoggedRecord { sequence: number, ..transition(kind, "z", since, since) },
            );
            log.append(&line).unwrap();
            number += 1;
        }
    };
    while log.length() < bytes_min {
        closed(&mut *log);
        let length = log.length();
        if length < bytes_min {
            compactor.compact_if_due(&mut *log, &reported, late);
            assert_eq!(log.length(), length);
        }
    }
    compactor.compact_if_due(&mut *log, &reported, late);
    assert!(log.length() < after * 2, "{}", log.length());
    let text = compactor.telemetry.metrics.render().unwrap();
    assert!(text.contains("hansho_alert_log_compacted_lines_total"), "{text}");
}

/// A log that cannot be read as one is not touched.
#[test]
fn what_cannot_be_made_shorter_stays() {
    let home = tempfile::tempdir().unwrap();
    let state_dir = Arc::new(StateDir::open(home.path()).unwrap());
    let (mut log, _): OpenedLog = state_dir.open("alerts.jsonl").unwrap();
    log.append(b"{}").unwrap();
    let mut compactor = compactor(&state_dir);
    compactor.compact_if_due(&mut *log, &[Timestamp(0)], Timestamp(i64::MAX));
    log.sync().unwrap();
    assert_eq!(log.lines().unwrap(), [b"{}"]);
}
