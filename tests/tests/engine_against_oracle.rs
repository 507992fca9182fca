//! The engine against the naive interpreter over drawn rules and logs.
//!
//! `HANSHO_CASES` sets how many are drawn, `HANSHO_SEED` draws one again.

use std::collections::BTreeMap;

use model::key::KeyValue;
use model::transition::{Early, Transition, TransitionKind};
use rules_dsl::rule::{Alert, Measure};
use tests::drawn::{Case, Random, Width, case};
use tests::drive::{Course, Told, oracle_input, run};
use tests::oracle::transitions;

/// Cases drawn unless `HANSHO_CASES` says otherwise.
const CASES: u64 = 2_000;
const WIDTH: Width = Width { streams: 2, partitions: 3, records: 24 };

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn draw(seed: u64) -> Case {
    case(&mut Random::new(seed), WIDTH)
}

/// What is wrong with a case; nothing if all is well.
fn fault(case: &Case, seed: u64) -> Option<String> {
    let (events, end) = oracle_input(case);
    for drain in [false, true] {
        let want = transitions(&case.rules, &events, end, drain);
        for shards in [1, 2, 3] {
            let mut random = Random::new(seed ^ shards as u64);
            let course = Course { shards, early: shards != 2, drain };
            let told = match run(case, &mut random, course) {
                Ok(told) => told,
                Err(error) => return Some(error.to_string()),
            };
            if told.late_after_settle > 0 {
                return Some(format!("{shards} shards: {} late", told.late_after_settle));
            }
            if let Some(difference) = difference(&want, &told.transitions) {
                return Some(format!("{shards} shards, drain {drain}: {difference}"));
            }
            if let Some(wrong) = wrong_notice(&told, drain) {
                return Some(format!("{shards} shards: {wrong}"));
            }
        }
    }
    None
}

fn difference(want: &[Transition], got: &[Transition]) -> Option<String> {
    let longest = want.len().max(got.len());
    (0..longest).find(|at| want.get(*at) != got.get(*at)).map(|at| {
        let show = |of: Option<&Transition>| of.map_or("nothing more".to_owned(), brief);
        format!("transition {at}\n  want {}\n  got  {}", show(want.get(at)), show(got.get(at)))
    })
}

fn brief(t: &Transition) -> String {
    let key: Vec<String> = t.key.iter().map(|(_, value)| value.to_string()).collect();
    format!(
        "{} {} {key:?} at {} since {} value {:?} peak {:?} {:?} count {} fields {:?} {}",
        t.kind.name(),
        t.alert,
        t.at.0,
        t.since.0,
        t.value.map(|value| value.to_string()),
        t.peak.map(|value| value.to_string()),
        t.reason,
        t.count,
        t.fields,
        t.episode
    )
}

type Owner<'a> = (&'a str, &'a [(String, KeyValue)]);

/// Each notice lies in exactly one settled episode, and no episode has two.
fn wrong_notice(told: &Told, drained: bool) -> Option<String> {
    let mut episodes: BTreeMap<Owner<'_>, Vec<(i64, i64, u32)>> = BTreeMap::new();
    for transition in &told.transitions {
        let own = episodes.entry((&transition.alert, &transition.key)).or_default();
        match (transition.kind, own.last_mut()) {
            (TransitionKind::Firing, _) => own.push((transition.since.0, i64::MAX, 0)),
            (_, Some(last)) => last.1 = transition.at.0,
            (_, None) => return Some("an end without a beginning".to_owned()),
        }
    }
    let last = told.transitions.last().map(|transition| transition.at.0);
    for Early { alert, key, at, .. } in &told.early {
        let own = episodes.entry((alert, key)).or_default();
        let mut within = own.iter_mut().filter(|(from, to, _)| (*from..*to).contains(&at.0));
        match (within.next(), within.next()) {
            (Some((_, _, notices)), None) => *notices += 1,
            (None, None) if !drained && last < Some(at.0) => {}
            _ => {
                return Some(format!("notice of {alert} {key:?} at {} is in no episode", at.0));
            }
        }
    }
    let twice = episodes.iter().find(|(_, own)| own.iter().any(|episode| episode.2 > 1));
    twice.map(|(owner, own)| format!("two notices for one episode of {owner:?}: {own:?}"))
}

/// Leaves out whatever the fault does not need.
fn smallest(mut case: Case, seed: u64) -> Case {
    let mut changed = true;
    while changed {
        changed = false;
        for smaller in smaller(&case) {
            if fault(&smaller, seed).is_some() {
                (case, changed) = (smaller, true);
                break;
            }
        }
    }
    case
}

fn smaller(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    let edit = |change: &dyn Fn(&mut Case)| {
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
        for at in 0..of.records.len() {
            all.push(edit(&|case| drop(case.logs[log].records.remove(at))));
        }
    }
    for (at, alert) in case.rules.alerts.iter().enumerate() {
        let plainer: [&dyn Fn(&mut Alert); 5] = [
            &|alert| alert.for_ms = 0,
            &|alert| alert.keep_ms = 0,
            &|alert| alert.hold_ms = 0,
            &|alert| alert.clear = None,
            &|alert| alert.trigger.min_events = 0,
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

fn show(case: &Case) -> String {
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

/// What the drawn cases met, so that none of it is left out unseen.
#[derive(Default)]
struct Met(BTreeMap<&'static str, u64>);

impl Met {
    const ALL: [&'static str; 34] = [
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "last",
        "distinct",
        "quantile",
        "ratio",
        ">=",
        ">",
        "<=",
        "<",
        "==",
        "!=",
        "for",
        "keep 0",
        "keep",
        "clear",
        "hold 0",
        "hold",
        "min events",
        "step",
        "no key",
        "optional key",
        "two streams",
        "disorder",
        "late",
        "refused future",
        "tie",
        "partitions",
        "fired",
        "resolved: cleared",
        "resolved: no data",
    ];

    fn note(&mut self, what: &'static str, met: bool) {
        *self.0.entry(what).or_insert(0) += u64::from(met);
    }

    fn case(&mut self, case: &Case) {
        let (events, end) = oracle_input(case);
        let told = transitions(&case.rules, &events, end, true);
        for alert in &case.rules.alerts {
            let own: Vec<_> = told.iter().filter(|t| t.alert == alert.name).collect();
            if !own.is_empty() {
                self.alert(alert);
            }
            for transition in own {
                let reason = transition.reason.map(|reason| reason.name());
                self.note("fired", reason.is_none());
                self.note("resolved: cleared", reason == Some("cleared"));
                self.note("resolved: no data", reason == Some("no data"));
            }
        }
        self.logs(case, events.len());
    }

    fn alert(&mut self, alert: &Alert) {
        let trigger = &alert.trigger;
        self.note(measure_name(&trigger.measure), true);
        self.note(trigger.comparison.symbol(), true);
        let mut streams: Vec<usize> = trigger.measure.selections().map(|of| of.stream).collect();
        streams.dedup();
        for (what, met) in [
            ("for", alert.for_ms > 0),
            ("keep 0", alert.keep_ms == 0),
            ("keep", alert.keep_ms > 0),
            ("clear", alert.clear.is_some()),
            ("hold 0", alert.hold_ms == 0),
            ("hold", alert.hold_ms > 0),
            ("min events", trigger.min_events > 0),
            ("step", trigger.step_ms > 0),
            ("no key", alert.by.is_empty()),
            ("optional key", alert.by.iter().any(|part| part.optional)),
            ("two streams", streams.len() > 1),
        ] {
            self.note(what, met);
        }
    }

    fn logs(&mut self, case: &Case, accepted: usize) {
        let pairs = |test: fn(i64, i64) -> bool| {
            let mut logs = case.logs.iter();
            logs.any(|log| log.records.windows(2).any(|w| test(w[0].time, w[1].time)))
        };
        let mut records = case.logs.iter().flat_map(|log| &log.records);
        let future = |time: i64, at: Option<i64>| at.is_some_and(|at| time > at + 300_000);
        self.note("disorder", pairs(|a, b| b < a));
        self.note("tie", pairs(|a, b| b == a));
        self.note("partitions", case.logs.iter().any(|log| log.partition > 0));
        self.note("refused future", records.any(|record| future(record.time, record.recorded)));
        let all: usize = case.logs.iter().map(|log| log.records.len()).sum();
        self.note("late", accepted < all);
    }
}

const fn measure_name(measure: &Measure) -> &'static str {
    match measure {
        Measure::Count(_) => "count",
        Measure::Sum(_) => "sum",
        Measure::Avg(_) => "avg",
        Measure::Min(_) => "min",
        Measure::Max(_) => "max",
        Measure::Last(_) => "last",
        Measure::Distinct(_) => "distinct",
        Measure::Quantile { .. } => "quantile",
        Measure::Ratio(..) => "ratio",
    }
}

#[test]
fn the_engine_tells_what_the_oracle_tells() {
    let seeds = match number("HANSHO_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HANSHO_CASES").unwrap_or(CASES),
    };
    let is_whole = seeds.end - seeds.start >= CASES;
    let mut met = Met::default();
    for seed in seeds {
        let case = draw(seed);
        if fault(&case, seed).is_some() {
            let case = smallest(case, seed);
            let fault = fault(&case, seed).unwrap_or_default();
            let again = "cargo test -p tests --test engine_against_oracle";
            panic!("{fault}\n{}again: HANSHO_SEED={seed} {again}", show(&case));
        }
        met.case(&case);
    }
    for what in Met::ALL {
        let times = met.0.get(what).copied().unwrap_or(0);
        println!("{what}: {times}");
        assert!(times > 0 || !is_whole, "no case met {what}");
    }
}
