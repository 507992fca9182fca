//! The engine against the naive interpreter over drawn rules and logs.
//!
//! `HANSHO_CASES` sets how many are drawn, `HANSHO_SEED` draws one again; `HANSHO_NOTICES` sets
//! how many are run for early notices alone.

use std::collections::BTreeMap;

use connectors::alert_log_codec::{LineForm, write_transition};
use model::alert_facts::AlertFacts;
use model::event::Value;
use model::key::KeyValue;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{Transition, TransitionKind};
use rules_dsl::rule::{AbsenceRoster, Alert, BoolOp, Condition, Measure, MeasureFormula, Trigger};
use tests::generators::{DrawWidth, DrawnCase, SplitMix, case};
use tests::harness::{RunCourse, RunOutput, oracle_input, rearranged, run};
use tests::oracle::{transitions, watched};
use tests::seeds;

/// Cases drawn unless `HANSHO_CASES` says otherwise.
const CASES: u64 = 20_000;
/// So many meet everything that is counted.
const CASES_WHOLE: u64 = 2_000;
/// Cases run for their early notices alone unless `HANSHO_NOTICES` says otherwise.
const NOTICE_RUNS: u64 = 100_000;
/// Cases that are smaller are tried at most this often: a fault is shown in bounded time.
const SHRINKS_MAX: u32 = 2_000;
const WIDTH: DrawWidth = DrawWidth { streams: 2, partitions: 3, records: 24 };

fn draw(seed: u64) -> DrawnCase {
    case(&mut SplitMix::new(seed), WIDTH)
}

/// Error of a case; nothing if all is well.
fn fault(case: &DrawnCase, seed: u64) -> Option<String> {
    let (events, end) = oracle_input(case);
    let drains: &[bool] =
        if events.is_empty() || opens_after(case, end) { &[false] } else { &[false, true] };
    for drain in drains.iter().copied() {
        let want = transitions(&case.rules, &events, end, drain);
        let want_shown = watched(&case.rules, &events, end);
        for shards in [1, 2, 3] {
            let mut random = SplitMix::new(seed ^ shards as u64);
            let course = RunCourse { shards, early: shards != 2, drain, snapshots: shards == 3 };
            let emitted = match run(case, &mut random, course) {
                Ok(emitted) => emitted,
                Err(error) => return Some(error.to_string()),
            };
            if emitted.late_after_settle > 0 {
                return Some(format!("{shards} shards: {} late", emitted.late_after_settle));
            }
            if let Some(difference) = difference(&want, &emitted.transitions) {
                return Some(format!("{shards} shards, drain {drain}: {difference}"));
            }
            let shown = emitted.watched.iter().map(|one| {
                let key: Vec<KeyValue> = one.key.iter().map(|(_, value)| value.clone()).collect();
                (one.watch.clone(), key, one.value)
            });
            let mut shown: Vec<_> = shown.collect();
            shown.sort();
            if !drain && shown != want_shown {
                return Some(format!(
                    "{shards} shards: watches show {shown:?}, not {want_shown:?}"
                ));
            }
            if let Some(wrong) = wrong_notice(&emitted, drain) {
                return Some(format!("{shards} shards: {wrong}"));
            }
        }
    }
    None
}

/// True when a calendar opens after the end of input and before what runs has run out: nothing says
/// whether that is still judged.
fn opens_after(case: &DrawnCase, end: Timestamp) -> bool {
    const RUN_OUT_MS: i64 = 100_000;
    case.rules.alerts.iter().filter_map(|alert| alert.during.as_ref()).any(|during| {
        let mut at = end;
        while let Some(edge) = during.calendar.next_edge(at).filter(|it| it.0 < end.0 + RUN_OUT_MS)
        {
            if during.calendar.is_open(edge) == during.inside {
                return true;
            }
            at = edge;
        }
        false
    })
}

fn difference(want: &[Transition], got: &[Transition]) -> Option<String> {
    let longest = want.len().max(got.len());
    (0..longest).find(|at| want.get(*at) != got.get(*at)).map(|at| {
        let show = |of: Option<&Transition>| of.map_or("nothing more".to_owned(), brief);
        format!("transition {at}\n  want {}\n  got  {}", show(want.get(at)), show(got.get(at)))
    })
}

fn brief(t: &Transition) -> String {
    let key: Vec<String> = t.facts.key.iter().map(|(_, value)| value.to_string()).collect();
    format!(
        "{} {} {} {key:?} at {} since {} value {:?} level {:?} peak {:?} {:?} count {} \
         fields {:?} {}",
        t.kind.name(),
        t.facts.alert,
        t.facts.severity.name(),
        t.facts.at.0,
        t.facts.since.0,
        t.measured.value.map(|value| value.to_string()),
        t.measured.threshold.map(|level| level.to_string()),
        t.peak.map(|value| value.to_string()),
        t.reason,
        t.count,
        t.fields,
        t.episode
    )
}

type StateOwner<'a> = (&'a str, &'a [(String, KeyValue)]);

/// Each notice lies in exactly one settled episode, and no episode has two, but for a higher
/// level of a ladder.
fn wrong_notice(emitted: &RunOutput, drained: bool) -> Option<String> {
    let mut episodes: BTreeMap<StateOwner<'_>, Vec<(i64, i64, Vec<Severity>)>> = BTreeMap::new();
    for transition in &emitted.transitions {
        let own = episodes.entry((&transition.facts.alert, &transition.facts.key)).or_default();
        match (transition.kind, own.last_mut()) {
            (TransitionKind::Firing, _) => {
                own.push((transition.facts.since.0, i64::MAX, Vec::new()))
            }
            (TransitionKind::Resolved, Some(last)) => last.1 = transition.facts.at.0,
            (_, Some(_)) => {}
            (_, None) => return Some("an end without a beginning".to_owned()),
        }
    }
    let last = emitted.transitions.last().map(|transition| transition.facts.at.0);
    for AlertFacts { alert, key, at, severity, .. } in
        emitted.early.iter().map(|early| &early.facts)
    {
        let own = episodes.entry((alert, key)).or_default();
        let mut within = own.iter_mut().filter(|(from, to, _)| {
            // Without `keep` the episode of a single event begins and ends in its instant.
            (*from..*to).contains(&at.0) || *from == at.0
        });
        match (within.next(), within.next()) {
            (Some((_, _, notices)), None) => notices.push(*severity),
            (None, None) if !drained && last < Some(at.0) => {}
            _ => {
                return Some(format!("notice of {alert} {key:?} at {} is in no episode", at.0));
            }
        }
    }
    let twice = episodes.iter().find(|(_, own)| {
        own.iter().any(|episode| {
            // The most serious is the least of the four.
            !episode.2.is_sorted_by(|earlier, later| earlier > later)
        })
    });
    twice.map(|(owner, own)| format!("two notices for one episode of {owner:?}: {own:?}"))
}

/// Leaves out whatever the fault does not need, as far as the tries go.
fn smallest(mut case: DrawnCase, is_faulty: impl Fn(&DrawnCase) -> bool) -> DrawnCase {
    let mut tries = 0;
    let mut changed = true;
    while changed {
        changed = false;
        for smaller in smaller(&case) {
            tries += 1;
            if tries > SHRINKS_MAX {
                return case;
            }
            if is_faulty(&smaller) {
                (case, changed) = (smaller, true);
                break;
            }
        }
    }
    case
}

fn smaller(case: &DrawnCase) -> Vec<DrawnCase> {
    let mut all = Vec::new();
    let edit = |change: &dyn Fn(&mut DrawnCase)| {
        let mut smaller = case.clone();
        change(&mut smaller);
        smaller
    };
    if case.rules.alerts.len() > 1 {
        for at in 0..case.rules.alerts.len() {
            all.push(edit(&|case| drop(case.rules.alerts.remove(at))));
        }
    }
    for (log, of) in case.logs.iter().enumerate() {
        all.push(edit(&|case| drop(case.logs.remove(log))));
        if of.records.len() > 3 {
            let half = of.records.len() / 2;
            all.push(edit(&|case| drop(case.logs[log].records.drain(..half))));
            all.push(edit(&|case| drop(case.logs[log].records.drain(half..))));
        }
        for at in 0..of.records.len() {
            all.push(edit(&|case| drop(case.logs[log].records.remove(at))));
        }
    }
    for (at, alert) in case.rules.alerts.iter().enumerate() {
        let plainer: [&dyn Fn(&mut Alert); 8] = [
            &|alert| alert.for_ms = 0,
            &|alert| alert.keep_ms = 0,
            &|alert| alert.hold_ms = 0,
            &|alert| alert.clear = None,
            &|alert| alert.during = None,
            &|alert| alert.overrides = None,
            &|alert| alert.notify_each = false,
            &plainest,
        ];
        for change in plainer {
            let smaller = edit(&|case| change(&mut case.rules.alerts[at]));
            if smaller.rules.alerts[at] != *alert {
                all.push(smaller);
            }
        }
    }
    all
}

/// Takes `min` from every window.
fn plainest(alert: &mut Alert) {
    if let Trigger::Condition(condition) = &mut alert.trigger {
        condition.windows.iter_mut().for_each(|window| window.min_events = 0);
    }
}

fn show(case: &DrawnCase) -> String {
    let mut text = String::new();
    for alert in &case.rules.alerts {
        text += &format!("{alert:?}\n");
    }
    for log in &case.logs {
        let lateness = case.rules.streams[log.stream as usize].lateness_ms;
        text += &format!("s{} partition {} lateness {lateness}\n", log.stream, log.partition);
        for record in &log.records {
            text += &format!("  {} {:?} {:?}\n", record.time, record.recorded, record.values);
        }
    }
    text
}

/// Coverage of the drawn cases, so that nothing is left out unseen.
#[derive(Default)]
struct CaseCoverage(BTreeMap<&'static str, u64>);

impl CaseCoverage {
    const ALL: &'static [&'static str] = &[
        "watch",
        "watch by key",
        "watch shown",
        "id",
        "repeated event",
        "count",
        "sum",
        "avg",
        "stddev",
        "min",
        "max",
        "last",
        "delta",
        "increase",
        "rate",
        "distinct",
        "quantile",
        "ratio",
        ">=",
        ">",
        "<=",
        "<",
        "==",
        "!=",
        "and",
        "or",
        "shared window",
        "arithmetic",
        "vs",
        "any",
        "any and",
        "sequence",
        "long sequence",
        "then not",
        "absent",
        "absent seen",
        "absent listed",
        "new",
        "new pair",
        "learn",
        "values limit",
        "for",
        "keep 0",
        "keep",
        "clear",
        "hold 0",
        "hold",
        "min events",
        "step",
        "ladder",
        "override",
        "during",
        "during not",
        "notify each",
        "shadow",
        "no key",
        "optional key",
        "two streams",
        "disorder",
        "late",
        "refused future",
        "tie",
        "partitions",
        "firing",
        "changed",
        "again",
        "resolved: cleared",
        "resolved: no data",
        "resolved: calendar",
        "resolved: forgotten",
    ];

    fn record(&mut self, what: &'static str, met: bool) {
        *self.0.entry(what).or_insert(0) += u64::from(met);
    }

    fn case(&mut self, case: &DrawnCase) {
        let (events, end) = oracle_input(case);
        let emitted = transitions(&case.rules, &events, end, true);
        for alert in &case.rules.alerts {
            let own: Vec<_> = emitted.iter().filter(|t| t.facts.alert == alert.name).collect();
            if !own.is_empty() {
                self.alert(alert);
            }
            for transition in own {
                let reason = transition.reason.map(|reason| reason.name());
                let kind = transition.kind.name();
                for what in ["firing", "changed", "again"] {
                    self.record(what, kind == what);
                }
                self.record("resolved: cleared", reason == Some("cleared"));
                self.record("resolved: no data", reason == Some("no data"));
                self.record("resolved: calendar", reason == Some("calendar"));
                self.record("resolved: forgotten", reason == Some("forgotten"));
            }
        }
        self.watches(case, watched(&case.rules, &events, end).len());
        self.logs(case, events.len());
    }

    fn alert(&mut self, alert: &Alert) {
        let mut streams: Vec<usize> =
            alert.trigger.selections().iter().map(|of| of.stream).collect();
        streams.sort_unstable();
        streams.dedup();
        let during = |inside| alert.during.as_ref().is_some_and(|it| it.inside == inside);
        for (what, met) in [
            ("for", alert.for_ms > 0),
            ("keep 0", alert.keep_ms == 0),
            ("keep", alert.keep_ms > 0),
            ("clear", alert.clear.is_some()),
            ("hold 0", alert.hold_ms == 0),
            ("hold", alert.hold_ms > 0),
            ("ladder", !alert.rungs.is_empty()),
            ("override", alert.overrides.is_some()),
            ("during", during(true)),
            ("during not", during(false)),
            ("notify each", alert.notify_each),
            ("shadow", alert.is_shadow),
            ("no key", alert.by.is_empty()),
            ("optional key", alert.by.iter().any(|part| part.optional)),
            ("two streams", streams.len() > 1),
        ] {
            self.record(what, met);
        }
        self.trigger(&alert.trigger);
        if let Some(condition) = alert.trigger.condition() {
            self.condition(condition);
        }
    }

    fn trigger(&mut self, trigger: &Trigger) {
        match trigger {
            Trigger::Condition(_) => {}
            Trigger::Any { and, .. } => {
                self.record(if and.is_some() { "any and" } else { "any" }, true);
            }
            Trigger::Sequence { steps, first_count, .. } => {
                self.record("sequence", true);
                self.record("long sequence", steps.len() > 2 && *first_count > 1);
            }
            Trigger::ThenNot { .. } => self.record("then not", true),
            Trigger::Absent { roster, .. } => self.record(
                match roster {
                    AbsenceRoster::Whole => "absent",
                    AbsenceRoster::Seen(_) => "absent seen",
                    AbsenceRoster::Listed(_) => "absent listed",
                },
                true,
            ),
            Trigger::New { fields, learn_ms, values_max, .. } => {
                self.record(if fields.len() > 1 { "new pair" } else { "new" }, true);
                self.record("learn", *learn_ms > 0);
                self.record("values limit", *values_max < 100);
            }
        }
    }

    fn watches(&mut self, case: &DrawnCase, shown: usize) {
        self.record("watch", !case.rules.watches.is_empty());
        self.record("watch by key", case.rules.watches.iter().any(|watch| !watch.by.is_empty()));
        self.record("watch shown", shown > 0);
    }

    fn condition(&mut self, condition: &Condition) {
        for window in &condition.windows {
            self.record(measure_name(&window.measure), true);
            self.record("min events", window.min_events > 0);
            self.record("step", window.step_ms > 0);
            self.record("vs", window.ago_ms > 0);
        }
        for compare in &condition.compares {
            self.record(compare.comparison.symbol(), true);
            self.record("arithmetic", matches!(compare.value, MeasureFormula::Arithmetic(..)));
        }
        self.record("and", matches!(condition.joint, BoolOp::And(_)));
        self.record("or", matches!(condition.joint, BoolOp::Or(_)));
        self.record("shared window", condition.compares.len() > condition.windows.len());
    }

    fn logs(&mut self, case: &DrawnCase, accepted: usize) {
        let pairs = |test: fn(i64, i64) -> bool| {
            let mut logs = case.logs.iter();
            logs.any(|log| log.records.windows(2).any(|w| test(w[0].time, w[1].time)))
        };
        let mut records = case.logs.iter().flat_map(|log| &log.records);
        let future = |time: i64, at: Option<i64>| at.is_some_and(|at| time > at + 300_000);
        self.record("disorder", pairs(|a, b| b < a));
        self.record("tie", pairs(|a, b| b == a));
        self.record("partitions", case.logs.iter().any(|log| log.partition > 0));
        self.record("refused future", records.any(|record| future(record.time, record.recorded)));
        let all: usize = case.logs.iter().map(|log| log.records.len()).sum();
        self.record("late", accepted < all);
        let has_id = case.rules.streams.iter().any(|schema| schema.id.is_some());
        self.record("id", has_id);
        let mut records =
            case.logs.iter().flat_map(|log| log.records.iter().map(|r| (log.stream, &r.values)));
        let mut seen: Vec<(u32, &Vec<Value<'_>>)> = Vec::new();
        let repeats = records.any(|record| {
            let is_known = seen.contains(&record);
            seen.push(record);
            is_known
        });
        self.record("repeated event", has_id && repeats);
    }
}

const fn measure_name(measure: &Measure) -> &'static str {
    match measure {
        Measure::Count(_) => "count",
        Measure::Sum(_) => "sum",
        Measure::Avg(_) => "avg",
        Measure::Stddev(_) => "stddev",
        Measure::Min(_) => "min",
        Measure::Max(_) => "max",
        Measure::Last(_) => "last",
        Measure::Delta(_) => "delta",
        Measure::Increase(_) => "increase",
        Measure::Rate(_) => "rate",
        Measure::Distinct(_) => "distinct",
        Measure::Quantile { .. } => "quantile",
        Measure::Ratio(..) => "ratio",
    }
}

impl CaseCoverage {
    fn add(&mut self, more: &CaseCoverage) {
        for (what, times) in &more.0 {
            *self.0.entry(what).or_insert(0) += times;
        }
    }
}

/// Says what fails for a seed, cut down, and how to see it again.
fn report(seed: u64, test: &str, fault: impl Fn(&DrawnCase) -> Option<String>) -> ! {
    let case = smallest(draw(seed), |case| fault(case).is_some());
    let fault = fault(&case).unwrap_or_default();
    let again = "cargo test -p tests --test engine_against_oracle";
    panic!("{fault}\n{}again: HANSHO_SEED={seed} {again} {test}", show(&case));
}

#[test]
fn the_engine_emits_what_the_oracle_emits() {
    let seeds = seeds::chosen("HANSHO_CASES", CASES);
    let is_whole = seeds.end - seeds.start >= CASES_WHOLE;
    let many = seeds.end - seeds.start;
    let sums = seeds::all(seeds, |met: &mut CaseCoverage, seed| {
        let case = draw(seed);
        met.case(&case);
        fault(&case, seed).map_or(Ok(()), Err)
    });
    let sums = sums.unwrap_or_else(|(seed, _)| {
        report(seed, "the_engine_tells_what_the_oracle_tells", |case| fault(case, seed))
    });
    let mut met = CaseCoverage::default();
    sums.iter().for_each(|sum| met.add(sum));
    println!("{many} pairs of rules and logs, no difference; of these met");
    for what in CaseCoverage::ALL.iter().copied() {
        let times = met.0.get(what).copied().unwrap_or(0);
        println!("{what}: {times}");
        assert!(times > 0 || !is_whole, "no case met {what}");
    }
}

/// Beyond those CI draws. An episode that ends without data leaves a key that is not judged: what
/// its counts were held for is over then.
#[test]
fn a_seed_that_was_red_stays_green() {
    let seed = 91_570;
    assert_eq!(fault(&draw(seed), seed), None, "HANSHO_SEED={seed}");
}

/// The lines a run writes.
fn lines(case: &DrawnCase, seed: u64, shards: usize, drain: bool) -> Vec<u8> {
    let course = RunCourse { shards, early: false, drain, snapshots: false };
    let emitted = run(case, &mut SplitMix::new(seed), course).unwrap();
    assert_eq!(emitted.late_after_settle, 0);
    let mut bytes = Vec::new();
    for transition in &emitted.transitions {
        write_transition(&mut bytes, transition, "", LineForm::Log);
        bytes.push(b'\n');
    }
    bytes
}

/// Difference in the bytes of a case by workers, cuts or order of arrival.
fn unsteady(case: &DrawnCase, seed: u64) -> Option<String> {
    let mut random = SplitMix::new(seed);
    let drain = random.chance(50);
    let want = lines(case, random.bits(), 1, drain);
    for shards in [1, 2, 3, 8] {
        let arrived = if random.chance(50) { rearranged(case, &mut random) } else { case.clone() };
        let got = lines(&arrived, random.bits(), shards, drain);
        if got != want {
            let [want, got] = [want, got].map(|bytes| String::from_utf8(bytes).unwrap());
            return Some(format!("{shards} shards write\n{got}1 shard wrote\n{want}"));
        }
    }
    None
}

#[test]
fn workers_cuts_and_arrival_change_no_byte() {
    let seeds = seeds::chosen("HANSHO_CASES", CASES);
    let many = seeds.end - seeds.start;
    let written = seeds::all(seeds, |written: &mut u64, seed| {
        let case = draw(seed);
        *written += u64::from(!lines(&case, seed, 1, true).is_empty());
        unsteady(&case, seed).map_or(Ok(()), Err)
    });
    let written = written.unwrap_or_else(|(seed, _)| {
        report(seed, "workers_cuts_and_arrival_change_no_byte", |case| unsteady(case, seed))
    });
    let written: u64 = written.iter().sum();
    println!("{many} cases, {written} of them with lines: the same bytes from 1, 2, 3, 8 workers");
    assert!(written > 0 || many == 1);
}

/// A case whose rules all rise, so that each is announced early: the first of its seeds.
fn rising(seed: u64) -> DrawnCase {
    let mut random = SplitMix::new(seed);
    loop {
        let mut case = draw(random.bits());
        for alert in &mut case.rules.alerts {
            (alert.for_ms, alert.during, alert.is_shadow) = (0, None, false);
        }
        case.rules.watches.clear();
        case.rules.alerts.retain(|alert| match &alert.trigger {
            Trigger::Condition(condition) => condition.only_rises(),
            Trigger::Any { and, .. } => and.is_none(),
            _ => false,
        });
        if !case.rules.alerts.is_empty() {
            return case;
        }
    }
}

#[test]
fn an_early_notice_lies_in_one_episode_and_pages_once() {
    let seeds = seeds::chosen("HANSHO_NOTICES", NOTICE_RUNS);
    let runs = seeds.end - seeds.start;
    let notices = seeds::all(seeds, |sum: &mut [u64; 2], seed| {
        let case = rising(seed);
        let mut random = SplitMix::new(seed ^ 1);
        let shards = random.within(1, 3) as usize;
        let course = RunCourse { shards, early: true, drain: true, snapshots: random.chance(50) };
        let emitted = run(&case, &mut random, course).map_err(|error| error.to_string())?;
        *sum = [sum[0] + emitted.early.len() as u64, sum[1] + emitted.transitions.len() as u64];
        wrong_notice(&emitted, true).map_or(Ok(()), |why| Err(format!("{why}\n{}", show(&case))))
    });
    let sums = notices.unwrap_or_else(|(seed, why)| {
        let test = "an_early_notice_lies_in_one_episode_and_pages_once";
        let again = "cargo test -p tests --test engine_against_oracle";
        panic!("{why}again: HANSHO_SEED={seed} {again} {test}");
    });
    let sum = |at: usize| sums.iter().map(|sum| sum[at]).sum::<u64>();
    println!("{runs} runs: {} early notices, {} transitions", sum(0), sum(1));
    assert!(sum(0) > 0 || runs == 1);
}
