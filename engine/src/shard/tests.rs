use model::calendar::{Calendar, WeeklyHours, ZoneOffsets};
use model::decimal::Decimal;
use model::event::{Event, Value};
use model::key::{KeyValue, encode_key};
use model::observation::EventOrigin;
use model::severity::Severity;
use model::time::MINUTE_MS;
use model::transition::TransitionKind;
use rules_dsl::rule::{
    AbsenceRoster, Alert, ComparisonOp, ConstantValue, During, EventSelection, Measure, Predicate,
    RuleSet, SeverityLevel, Trigger,
};

use super::*;
use crate::program::ObserveCounts;
use crate::sample::{alert, rule_set, selection, single};

/// One shard over streams 0 and 1, fed by hand.
struct ShardBench {
    shard: Shard,
    marks: Watermarks,
    offset: i64,
}

impl ShardBench {
    fn new(alerts: Vec<Alert>, restored: &ShardRestore, keys_per_rule_max: u32) -> ShardBench {
        ShardBench::of(&rule_set(&["a", "b"], alerts), restored, keys_per_rule_max)
    }

    fn of(rules: &RuleSet, restored: &ShardRestore, keys_per_rule_max: u32) -> ShardBench {
        let program = Arc::new(Program::compile(rules).unwrap());
        let settings = ShardSettings {
            index: 0,
            shards: 1,
            early: true,
            keys_per_rule_max,
            remembering: None,
        };
        let shard = Shard::new(program, settings, restored);
        ShardBench { shard, marks: Watermarks::unsettled(2), offset: 0 }
    }

    fn fresh(alerts: Vec<Alert>) -> ShardBench {
        ShardBench::new(alerts, &ShardRestore::default(), KEYS_PER_RULE_MAX)
    }

    /// Observations of events (time, host) of a stream.
    fn observed(&mut self, stream: u32, events: &[(i64, &str)]) -> ObservationBatch {
        let mut batches = [ObservationBatch::default()];
        for (time, host) in events {
            let origin = EventOrigin { stream, partition: 0, offset: self.offset, index: 0 };
            self.offset += 1;
            let values = [Value::Text(host)];
            let event = Event { time: Timestamp(*time), values: &values, items: &[] };
            let mut counts = ObserveCounts::default();
            self.shard.program().observe(&event, origin, &mut batches, &mut counts);
            let first = &mut self.marks.first[stream as usize];
            *first = Some(first.map_or(Timestamp(*time), |at| at.min(Timestamp(*time))));
        }
        let [batch] = batches;
        batch
    }

    /// Events (time, host) of a stream, then its mark; what was told, settled and early.
    fn step(&mut self, stream: u32, events: &[(i64, &str)], mark: i64) -> (String, String) {
        let batch = self.observed(stream, events);
        self.marks.settled[stream as usize] = Timestamp(mark);
        let mut out = StepOutput::default();
        self.shard.step(&batch, &self.marks, &mut out);
        let early = out
            .early
            .iter()
            .map(|early| format!("!{}{}", host(&early.facts.key), early.facts.at.0));
        let settled: Vec<String> = out.transitions.iter().map(brief).collect();
        (settled.join(" "), early.collect::<Vec<_>>().join(" "))
    }

    fn settled(&mut self, stream: u32, events: &[(i64, &str)], mark: i64) -> String {
        self.step(stream, events, mark).0
    }
}

fn host(key: &[(String, KeyValue)]) -> String {
    key.iter().map(|(_, value)| value.to_string()).collect()
}

/// `+a5(5)` fired, `-a19(5)` resolved, `^` changed, `=` again: key, instant, since.
fn brief(transition: &Transition) -> String {
    let sign = match transition.kind {
        TransitionKind::Firing => '+',
        TransitionKind::Resolved => '-',
        TransitionKind::Changed => '^',
        TransitionKind::Again => '=',
    };
    format!(
        "{sign}{}{}({})",
        host(&transition.facts.key),
        transition.facts.at.0,
        transition.facts.since.0
    )
}

#[test]
fn an_episode_fires_when_settled_and_ends_by_timer() {
    let mut bench = ShardBench::fresh(vec![alert("x")]);
    assert_eq!(bench.settled(0, &[(5, "a"), (1, "a"), (3, "a"), (4, "b")], 4), "");
    assert_eq!(bench.settled(0, &[], 5), "+a5(5)");
    assert_eq!(bench.shard.counts().states, 2);
    // Two are left from 11 on, and `keep` ends at exactly 21.
    assert_eq!(bench.settled(0, &[], 20), "");
    assert_eq!(bench.settled(0, &[], 21), "-a21(5)");
    assert_eq!((bench.shard.counts().states, bench.shard.counts().keys), (0, 0));
}

#[test]
fn transitions_of_a_step_are_ordered() {
    let mut bench = ShardBench::fresh(vec![alert("x"), alert("y")]);
    let events = [(1, "b"), (1, "b"), (2, "b"), (1, "a"), (1, "a"), (2, "a")];
    let rules = "+a2(2) +b2(2) +a2(2) +b2(2) -a21(2) -b21(2) -a21(2) -b21(2)";
    assert_eq!(bench.settled(0, &events, 30), rules);
}

#[test]
fn an_observation_of_a_settled_instant_is_dropped_and_counted() {
    let mut bench = ShardBench::fresh(vec![alert("x")]);
    bench.settled(0, &[(1, "a"), (2, "a")], 9);
    assert_eq!(bench.step(0, &[(9, "a")], 9), (String::new(), String::new()));
    assert_eq!(bench.shard.counts().late_after_settle, 1);
    assert_eq!(bench.settled(0, &[(10, "a")], 10), "+a10(10)");
}

#[test]
fn a_rising_trigger_is_announced_once_before_it_settles() {
    let mut bench = ShardBench::fresh(vec![alert("x")]);
    assert_eq!(bench.step(0, &[(5, "a"), (3, "a")], 0).1, "");
    // The third event in time is the second to come: true at 5, not at 4.
    assert_eq!(bench.step(0, &[(4, "a")], 0).1, "!a5");
    assert_eq!(bench.step(0, &[(6, "a")], 0).1, "");
    assert_eq!(bench.settled(0, &[], 6), "+a5(5)");
    assert_eq!(bench.step(0, &[(7, "a")], 6).1, "");
    // Another key, and the same key once its episode is over.
    assert_eq!(bench.step(0, &[(8, "b"), (8, "b"), (8, "b")], 40).1, "!b8");
    assert_eq!(bench.step(0, &[(50, "a"), (51, "a"), (52, "a")], 40).1, "!a52");
}

#[test]
fn events_of_one_id_and_one_time_are_one() {
    let mut rules = rule_set(&["a", "b"], vec![alert("x")]);
    // The host is the id: two events of a host in one instant are one event sent twice.
    Arc::make_mut(&mut rules.streams[0]).id = Some(0);
    let mut bench = ShardBench::of(&rules, &ShardRestore::default(), KEYS_PER_RULE_MAX);
    let twice = [(1, "a"), (1, "a"), (2, "a"), (2, "a"), (1, "a")];
    assert_eq!(bench.step(0, &twice, 0), (String::new(), String::new()), "two events");
    assert_eq!(bench.step(0, &[(3, "a"), (3, "a")], 3), ("+a3(3)".to_owned(), "!a3".to_owned()));
    assert_eq!(bench.shard.counts().repeated, 4);
    assert_eq!(bench.settled(0, &[(4, "a")], 30), "-a22(3)");
    assert_eq!(bench.shard.counts().keys, 0, "what was dropped holds no key");
    // Without an id every event counts.
    let mut bench = ShardBench::fresh(vec![alert("x")]);
    assert_eq!(bench.settled(0, &[(1, "a"), (1, "a"), (1, "a")], 1), "+a1(1)");
}

#[test]
fn what_may_turn_false_again_is_not_announced() {
    let changes: [fn(&mut Alert); 4] = [
        |alert| alert.for_ms = 1,
        |alert| single(alert).1.comparison = ComparisonOp::Below,
        |alert| single(alert).1.comparison = ComparisonOp::Equal,
        |alert| single(alert).0.min_events = 2,
    ];
    for change in changes {
        let mut changed = alert("x");
        change(&mut changed);
        let shown = format!("{changed:?}");
        let events = [(5, "a"), (5, "a"), (5, "a")];
        assert_eq!(ShardBench::fresh(vec![changed]).step(0, &events, 0).1, "", "{shown}");
    }
}

#[test]
fn keys_beyond_the_limit_are_refused_and_old_ones_resume() {
    let mut bench = ShardBench::new(vec![alert("x")], &ShardRestore::default(), 1);
    let names: Vec<String> = (0..600).map(|number| format!("h{number}")).collect();
    let events: Vec<(i64, &str)> = names.iter().map(|name| (1, name.as_str())).collect();
    bench.settled(0, &events, 1);
    let counts = bench.shard.counts();
    assert!(counts.states <= 256 && counts.states > 100, "{counts:?}");
    assert_eq!(counts.states + counts.refused_keys, 600);
    assert_eq!(bench.settled(0, &[(2, "h0"), (3, "h0")], 3), "+h03(3)");
    // The keys that were held have gone, and make room.
    bench.settled(0, &[], 30);
    assert_eq!(bench.shard.counts().states, 0);
    assert_eq!(bench.shard.counts().keys, 0);
}

/// Half of the room is for those who are there: whoever might be refused is told when settled.
#[test]
fn a_key_that_may_be_refused_is_neither_watched_nor_announced() {
    let any = Trigger::Any { of: selection(0), and: None };
    let mut bench = ShardBench::new(vec![of_trigger(any)], &ShardRestore::default(), 4 * 256);
    let group = |name: &str| {
        crate::key_group::group_of(crate::key_group::key_hash(&encode_key(&[KeyValue::Text(
            name.to_owned(),
        )])))
    };
    let names = (0..9_000).map(|number| format!("h{number}")).filter(|name| group(name) == 7);
    let names: Vec<String> = names.take(8).collect();
    let at = |time: i64| names.iter().map(|n| (time, n.as_str())).collect::<Vec<_>>();
    let [a, b] = [0, 1].map(|at: usize| format!("!{}1", names[at]));
    assert_eq!(bench.step(0, &at(1), 0).1, format!("{a} {b}"), "two of four");
    let settled = bench.settled(0, &[], 1);
    assert_eq!(settled.split(' ').count(), 4, "{settled}");
    let counts = bench.shard.rule_counts()[0];
    assert_eq!((counts.refused_keys, counts.keys, counts.matched), (4, 4, 8));
    assert_eq!(bench.shard.counts().keys, 4, "what was refused leaves nothing behind");
    // Whoever is there is announced again as soon as its episode is over.
    bench.settled(0, &[], 11);
    assert_eq!(bench.shard.counts().keys, 0);
    assert_eq!(bench.step(0, &at(20), 12).1.split(' ').count(), 2);
}

#[test]
fn every_rule_counts_what_it_made_of_its_input() {
    let mut quiet = alert("y");
    single(&mut quiet).1.level = Decimal::from_int(100);
    let mut bench = ShardBench::fresh(vec![alert("x"), quiet]);
    bench.settled(0, &[(1, "a"), (2, "a"), (2, "b"), (3, "a")], 3);
    bench.settled(0, &[(3, "a"), (4, "a")], 4);
    let [x, y] = bench.shard.rule_counts()[..] else { panic!("two rules") };
    // Judged at 1, 2 (both keys), 3 and 4; true at 3 and 4.
    let want = RuleCounts {
        matched: 5,
        late: 1,
        evaluations: 5,
        truths: 2,
        fired: 1,
        last_fired: Some(Timestamp(3)),
        keys: 2,
        work: 5 + 5 * 2,
        ..RuleCounts::default()
    };
    assert_eq!(x, want);
    assert_eq!(y, RuleCounts { truths: 0, fired: 0, last_fired: None, ..want });
    bench.settled(0, &[], 100);
    assert!(bench.shard.rule_counts().iter().all(|rule| rule.keys == 0));
}

/// What was refused before a restart was counted before it.
#[test]
fn what_is_read_again_is_not_refused_again() {
    for (published, want) in [(i64::MIN, 2), (1, 1), (5, 0)] {
        let any = Trigger::Any { of: selection(0), and: None };
        let restored = restored(published, Vec::new());
        let mut bench = ShardBench::new(vec![of_trigger(any)], &restored, 1);
        let group = |n: &u32| {
            let key = encode_key(&[KeyValue::Text(format!("h{n}"))]);
            crate::key_group::group_of(crate::key_group::key_hash(&key)) == 0
        };
        let names: Vec<String> =
            (0..9_000).filter(group).take(2).map(|n| format!("h{n}")).collect();
        let [a, b] = [names[0].as_str(), names[1].as_str()];
        bench.settled(0, &[(1, a), (1, b), (5, a), (5, b)], 6);
        assert_eq!(bench.shard.counts().refused_keys, want, "published {published}");
    }
}

#[test]
fn the_low_side_without_a_key_begins_one_window_after_the_first_event() {
    let mut low = alert("x");
    low.by.clear();
    single(&mut low).0.measure = Measure::Count(EventSelection { key: Vec::new(), ..selection(0) });
    single(&mut low).1.comparison = ComparisonOp::Below;
    single(&mut low).1.level = Decimal::from_int(2);
    low.keep_ms = 0;
    let mut bench = ShardBench::fresh(vec![low.clone()]);
    assert_eq!(bench.settled(0, &[(5, "a"), (7, "a")], 14), "");
    assert_eq!(bench.settled(0, &[(15, "a")], 15), "");
    // 7 and 15 are inside until 17; then only 15.
    assert_eq!(bench.settled(0, &[(20, "a")], 40), "+17(17) -20(17) +25(25)");
    // The first event need not be one the rule selects.
    single(&mut low).0.measure = Measure::Count(EventSelection {
        key: Vec::new(),
        predicate: Predicate::Exists(9),
        ..selection(0)
    });
    let mut bench = ShardBench::fresh(vec![low]);
    assert_eq!(bench.settled(0, &[(5, "a")], 15), "+15(15)");
}

#[test]
fn rules_settle_with_the_slowest_stream_they_read() {
    let mut ratio = alert("y");
    single(&mut ratio).0.measure = Measure::Ratio(selection(0), selection(1));
    single(&mut ratio).1.level = Decimal::ONE;
    let mut bench = ShardBench::fresh(vec![alert("x"), ratio]);
    assert_eq!(bench.settled(0, &[(1, "a"), (2, "a"), (3, "a")], 9), "+a3(3)");
    // Joined streams share the instant up to which everything is told.
    assert_eq!(bench.shard.settled(), [Timestamp(i64::MIN); 2]);
    // What is known of an episode is as of what its own rule has evaluated.
    let as_of =
        |bench: &ShardBench| bench.shard.open_episodes().iter().map(|it| it.as_of.0).collect();
    let instants: Vec<i64> = as_of(&bench);
    assert_eq!(instants, [9]);
    assert_eq!(bench.settled(1, &[(2, "a")], 4), "+a2(2)");
    assert_eq!(bench.shard.settled(), [Timestamp(4); 2]);
    let mut instants: Vec<i64> = as_of(&bench);
    instants.sort_unstable();
    assert_eq!(instants, [4, 9]);
}

fn open(since: i64) -> RestoredEpisode {
    RestoredEpisode {
        alert: "x".to_owned(),
        key: encode_key(&[KeyValue::Text("a".to_owned())]),
        since: Timestamp(since),
        peak: Some(Decimal::from_int(9)),
        as_of: Timestamp(30),
        severity: Severity::High,
        fields: Vec::new(),
    }
}

fn restored(published: i64, open: Vec<RestoredEpisode>) -> ShardRestore {
    ShardRestore { published: vec![Timestamp(published); 2], open, ..ShardRestore::default() }
}

#[test]
fn a_restart_publishes_what_was_not_yet_and_nothing_twice() {
    let events = [(1, "a"), (3, "a"), (5, "a"), (15, "b"), (15, "b"), (16, "b")];
    let cases = [
        (4, vec![], "+a5(5) +b16(16) -a21(5) -b35(16)"),
        (5, vec![open(5)], "+b16(16) -a21(5) -b35(16)"),
        (20, vec![open(5)], "-a21(5) -b35(16)"),
        (21, vec![], "-b35(16)"),
    ];
    for (published, open, want) in cases {
        let b = RestoredEpisode {
            key: encode_key(&[KeyValue::Text("b".to_owned())]),
            ..self::open(16)
        };
        let b = (published >= 16).then_some(b);
        let restored = restored(published, open.into_iter().chain(b).collect());
        let mut bench = ShardBench::new(vec![alert("x")], &restored, KEYS_PER_RULE_MAX);
        assert_eq!(bench.shard.settled()[0], Timestamp(published));
        let emitted = bench.settled(0, &events, 40);
        assert_eq!(emitted, want, "published {published}");
    }
}

/// Found by the simulation: windows are not whole while the past is read again, and an
/// episode that was open all along must not end, nor another begin, because of that.
#[test]
fn an_open_episode_outlives_windows_that_are_not_whole() {
    let mut mean = alert("x");
    mean.keep_ms = 4;
    let restored = restored(30, vec![open(2)]);
    let mut bench = ShardBench::new(vec![mean], &restored, KEYS_PER_RULE_MAX);
    // Read again from 17 on: one event at 17 looks false for 4 ms, then three are inside
    // until 27. It turned false at 27 and ends at 31, as it would have.
    let events = [(17, "a"), (22, "a"), (23, "a")];
    assert_eq!(bench.settled(0, &events, 30), "");
    assert_eq!(bench.shard.open_episodes(), [open(2)]);
    assert_eq!(bench.settled(0, &[], 40), "-a31(2)");
}

#[test]
fn an_open_episode_without_any_event_left_ends_as_soon_as_it_may() {
    let mut bench =
        ShardBench::new(vec![alert("x")], &restored(30, vec![open(2)]), KEYS_PER_RULE_MAX);
    assert_eq!(bench.settled(0, &[], 100), "-a41(2)");
    let foreign = RestoredEpisode { alert: "gone".to_owned(), ..open(2) };
    let mut bench =
        ShardBench::new(vec![alert("x")], &restored(30, vec![foreign]), KEYS_PER_RULE_MAX);
    assert_eq!(bench.settled(0, &[], 100), "");
    assert_eq!(bench.shard.counts().states, 0);
}

/// A comparison keeps the truth that `clear` gave it while its value is unknown, also where a
/// calendar has ended the episode since: a restart must know that one was open.
#[test]
fn a_restart_at_any_minute_knows_what_clear_held_true() {
    let span = WeeklyHours { weekdays: 0b111_1111, from_minute: 14, until_minute: 16 };
    let calendar =
        Calendar { spans: vec![span], zone: ZoneOffsets::default(), closed_days: Vec::new() };
    let minutes = |n: i64| n * MINUTE_MS;
    let mut held = alert("x");
    (held.keep_ms, held.hold_ms) = (0, minutes(20));
    held.clear = Some(Decimal::from_int(2));
    held.during = Some(During { calendar: Arc::new(calendar), inside: false });
    let (window, _) = single(&mut held);
    (window.window_ms, window.min_events) = (minutes(10), 2);
    let rules = rule_set(&["a", "b"], vec![held]);
    // Three from 9 on, two from 11 on, unknown from 12 on: true until 32, but for the calendar.
    let events = [1, 2, 9].map(|at| (minutes(at), "a"));
    let run = |restored: &ShardRestore, from: i64, until: i64| {
        let mut bench = ShardBench::of(&rules, restored, KEYS_PER_RULE_MAX);
        let (batch, mut out) = (bench.observed(0, &events), StepOutput::default());
        bench.marks.settled[0] = Timestamp(minutes(until));
        bench.shard.step(&batch, &bench.marks, &mut out);
        let emitted = out.transitions.iter().filter(|it| it.facts.at.0 > minutes(from));
        let emitted: Vec<_> =
            emitted.map(|it| (it.kind, it.facts.at.0 / MINUTE_MS, it.reason)).collect();
        (emitted, bench.shard.open_episodes(), out.transitions)
    };
    let (whole, ..) = run(&ShardRestore::default(), 0, 40);
    let at: Vec<i64> = whole.iter().map(|(_, at, _)| *at).collect();
    assert_eq!(at, [9, 14, 16, 32]);
    for minute in 1..40 {
        let (_, open, published) = run(&ShardRestore::default(), 0, minute);
        let restored = ShardRestore {
            published: vec![Timestamp(minutes(minute)); 2],
            open,
            calendar_ends: calendar_ends(&published),
            ..ShardRestore::default()
        };
        let rest: Vec<_> = whole.iter().filter(|(_, at, _)| *at > minute).copied().collect();
        assert_eq!(run(&restored, minute, 40).0, rest, "restarted after minute {minute}");
    }
}

/// One alert of each kind of event trigger, by host where nothing else is said.
fn of_trigger(trigger: Trigger) -> Alert {
    Alert { trigger, ..alert("x") }
}

#[test]
fn event_triggers_fire_at_their_instants_and_are_kept() {
    let of = || selection(0);
    let any = Trigger::Any { of: of(), and: None };
    let twice = Trigger::Sequence { steps: vec![of(), of()], first_count: 1, within_ms: 10 };
    let followed = Trigger::ThenNot { first: of(), then: of(), within_ms: 7 };
    let seen = Trigger::Absent { of: of(), within_ms: 5, roster: AbsenceRoster::Seen(8) };
    let cases = [
        (any, "+a1(1) +b2(2) -b12(2) -a15(1) +a20(20) -a30(20)"),
        // 1 and 5, but not 5 and 20.
        (twice, "+a5(5) -a15(5)"),
        // The event at 5 discharges the one at 1, and is not discharged itself.
        (followed, "+b9(9) +a12(12) -b19(9) -a22(12) +a27(27) -a37(27)"),
        // Missed from 5 ms after the last one; forgotten 3 ms later.
        (seen, "+b7(7) +a10(10) -b10(7) -a13(10) +a25(25) -a28(25)"),
    ];
    for (trigger, want) in cases {
        let shown = format!("{trigger:?}");
        let mut alert = of_trigger(trigger);
        if matches!(alert.trigger, Trigger::Any { .. }) {
            alert.keep_ms = 10;
        }
        let mut bench = ShardBench::fresh(vec![alert]);
        let emitted = bench.settled(0, &[(1, "a"), (2, "b"), (5, "a"), (20, "a")], 100);
        assert_eq!(emitted, want, "{shown}");
        assert_eq!((bench.shard.counts().states, bench.shard.counts().keys), (0, 0), "{shown}");
    }
}

/// The slot of a state that has gone is given to another one; a timer it left behind in the
/// domain of its rule must not ring for that one, whose domain is behind or ahead of it.
#[test]
fn a_timer_left_behind_rings_for_nobody_elses_state() {
    let unpaid = Trigger::ThenNot { first: selection(0), then: selection(1), within_ms: 10 };
    let roster = AbsenceRoster::Seen(30);
    let absent = Trigger::Absent { of: selection(1), within_ms: 7, roster };
    let of = |name: &str, trigger| Alert { name: name.to_owned(), ..of_trigger(trigger) };
    let mut bench = ShardBench::fresh(vec![of("a unpaid", unpaid), of("b absent", absent)]);
    // Due at 14, discharged at 5; the slot goes to the absence, which comes to be due at 14.
    assert_eq!(bench.settled(0, &[(4, "a")], 13), "");
    assert_eq!(bench.settled(1, &[(5, "a"), (7, "a")], 13), "");
    bench.marks.settled[0] = Timestamp(14);
    assert_eq!(bench.settled(1, &[(14, "a")], 14), "", "heard of just in time");
    assert_eq!(bench.settled(1, &[], 30), "+a21(21)");
}

#[test]
fn a_roster_is_missed_whether_or_not_it_was_ever_seen_of() {
    let text = |text: &str| ConstantValue::Text(text.to_owned());
    let roster = AbsenceRoster::Listed(vec![text("a"), text("never")]);
    let mut listed = of_trigger(Trigger::Absent { of: selection(0), within_ms: 5, roster });
    listed.keep_ms = 0;
    let mut bench = ShardBench::fresh(vec![listed]);
    let emitted = bench.settled(0, &[(1, "other"), (4, "a"), (20, "other"), (22, "a")], 22);
    assert_eq!(emitted, "+never6(6) +a9(9) -a22(9)");
    // Nobody else has a state, and these keep theirs.
    assert_eq!(bench.shard.counts().states, 2);
}

#[test]
fn a_calendar_opens_and_closes_episodes() {
    // Open in the first minute of 1970, which was a Thursday.
    let span = WeeklyHours { weekdays: 0b000_1000, from_minute: 0, until_minute: 1 };
    let calendar =
        Calendar { spans: vec![span], zone: ZoneOffsets::default(), closed_days: Vec::new() };
    let during = |inside| Some(During { calendar: Arc::new(calendar.clone()), inside });
    let whole =
        Trigger::Absent { of: selection(0), within_ms: 40_000, roster: AbsenceRoster::Whole };
    let mut absent = of_trigger(whole);
    absent.by.clear();
    if let Trigger::Absent { of, .. } = &mut absent.trigger {
        of.key.clear();
    }
    absent.keep_ms = 0;
    for (inside, want) in [(true, "+40001(40001) -60000(40001)"), (false, "+60000(60000)")] {
        let alert = Alert { during: during(inside), ..absent.clone() };
        let mut bench = ShardBench::fresh(vec![alert]);
        assert_eq!(bench.settled(0, &[(1, "a")], 70_000), want, "inside {inside}");
    }
    // Drained, a closing is a timer and an opening is none.
    let outside = Alert { during: during(false), ..absent };
    let mut bench = ShardBench::fresh(vec![outside]);
    assert_eq!(bench.settled(0, &[(1, "a")], 50_000), "");
    assert_eq!(bench.settled(0, &[], i64::MAX), "");
}

#[test]
fn drained_no_timer_of_another_state_opens_a_calendar() {
    let span = WeeklyHours { weekdays: 0b000_1000, from_minute: 0, until_minute: 1 };
    let calendar =
        Calendar { spans: vec![span], zone: ZoneOffsets::default(), closed_days: Vec::new() };
    let whole =
        Trigger::Absent { of: selection(0), within_ms: 40_000, roster: AbsenceRoster::Whole };
    let mut outside = of_trigger(whole);
    outside.by.clear();
    if let Trigger::Absent { of, .. } = &mut outside.trigger {
        of.key.clear();
    }
    outside.during = Some(During { calendar: Arc::new(calendar), inside: false });
    // Its timer runs out at 90,001, when the calendar would have opened at 60,000.
    let late = Trigger::ThenNot { first: selection(0), then: selection(0), within_ms: 90_000 };
    let mut other = of_trigger(late);
    other.name = "y".to_owned();
    other.keep_ms = 0;
    let mut bench = ShardBench::fresh(vec![outside, other]);
    assert_eq!(bench.settled(0, &[(1, "a")], i64::MAX), "+a90001(90001) -a90001(90001)");
}

#[test]
fn a_condition_that_is_true_of_nothing_keeps_no_key_once_its_event_has_passed() {
    let mut condition = crate::sample::condition(Measure::Count(selection(1)), 1);
    condition.compares[0].comparison = ComparisonOp::Below;
    let mut alert = of_trigger(Trigger::Any { of: selection(0), and: Some(condition) });
    alert.keep_ms = 10;
    let mut bench = ShardBench::fresh(vec![alert]);
    bench.settled(1, &[(3, "b")], 100);
    assert_eq!(bench.settled(0, &[(1, "a"), (4, "b")], 100), "+a1(1) -a11(1)");
    assert_eq!((bench.shard.counts().states, bench.shard.counts().keys), (0, 0));
}

#[test]
fn a_restart_restores_what_single_events_left_open() {
    let any = Trigger::Any { of: selection(0), and: None };
    let alert = Alert { notify_each: true, ..of_trigger(any) };
    let events = [(1, "a"), (8, "a"), (20, "a"), (40, "a")];
    // What was published up to an instant, and what is told from there on.
    let cases = [
        (0, vec![], "+a1(1) =a8(1) -a18(1) +a20(20) -a30(20) +a40(40) -a50(40)"),
        (1, vec![open(1)], "=a8(1) -a18(1) +a20(20) -a30(20) +a40(40) -a50(40)"),
        (9, vec![open(1)], "-a18(1) +a20(20) -a30(20) +a40(40) -a50(40)"),
        (18, vec![], "+a20(20) -a30(20) +a40(40) -a50(40)"),
        (29, vec![open(20)], "-a30(20) +a40(40) -a50(40)"),
    ];
    for (published, open, want) in cases {
        let restored = restored(published, open);
        let mut bench = ShardBench::new(vec![alert.clone()], &restored, KEYS_PER_RULE_MAX);
        assert_eq!(bench.settled(0, &events, 100), want, "published {published}");
    }
}

/// Since when it was open says nothing of when it was last heard of: a calendar opened it.
#[test]
fn a_restart_forgets_an_absent_key_when_it_would_have() {
    let absent = |roster| Trigger::Absent { of: selection(0), within_ms: 5, roster };
    let seen = of_trigger(absent(AbsenceRoster::Seen(30)));
    let listed =
        of_trigger(absent(AbsenceRoster::Listed(vec![ConstantValue::Text("a".to_owned())])));
    let late_since = || restored(22, vec![open(20)]);
    for (alert, want) in [(seen, "-a32(20)"), (listed, "")] {
        let mut bench = ShardBench::new(vec![alert], &late_since(), KEYS_PER_RULE_MAX);
        assert_eq!(bench.settled(0, &[(2, "a")], 100), want);
    }
}

#[test]
fn a_restart_knows_the_severity_an_episode_had() {
    let rung =
        |level| SeverityLevel { severity: Severity::Critical, level: Decimal::from_int(level) };
    let ladder = Alert { rungs: vec![rung(4)], clear: Some(Decimal::from_int(1)), ..alert("x") };
    let serious = RestoredEpisode { severity: Severity::Critical, ..open(3) };
    // At 8 only `clear` holds it open; at 10 the lowest level is met again, and no more.
    for (open, want) in [(open(3), "-a30(3)"), (serious, "^a10(3) -a30(3)")] {
        let mut bench =
            ShardBench::new(vec![ladder.clone()], &restored(8, vec![open]), KEYS_PER_RULE_MAX);
        assert_eq!(bench.settled(0, &[(7, "a"), (9, "a"), (10, "a")], 100), want);
    }
}
