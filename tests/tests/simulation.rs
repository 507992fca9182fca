//! Crashes at every place: the log of a service that dies often equals the oracle's.
//!
//! `HANSHO_SEEDS` sets how many runs there are, `HANSHO_SEED` repeats one.

use std::collections::{BTreeMap, BTreeSet};

use model::notification::NotificationKind;
use model::time::Timestamp;
use model::transition::{EpisodeId, Transition, TransitionKind};
use oncall::incident::{AlertText, Incidents, LogRecord, Step};
use rules_dsl::rule::{Alert, Trigger};
use tests::drawn::{Case, Random, Width, case};
use tests::drive::oracle_input;
use tests::oracle::transitions;
use tests::simulation::{Course, Design, Survivors, Told, run};

/// Runs of the right design unless `HANSHO_SEEDS` says otherwise.
const SEEDS: u64 = 5_000;
/// Runs within which a wrong design must be found.
const SEEDS_TO_FIND: u64 = 600;
const WIDTH: Width = Width { streams: 2, partitions: 3, records: 24 };

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What one run did, or what is wrong with it.
fn simulate(seed: u64, design: Design) -> Result<Survivors, String> {
    let mut random = Random::new(seed);
    let mut case = case(&mut random, WIDTH);
    case.rules.alerts.iter_mut().for_each(widened);
    let course = Course { seed: random.bits(), shards: random.within(1, 3) as usize, design };
    check(&case, course)
}

/// A memory that is full refuses what comes later, and after a restart another value may come
/// later: the same answers are promised where nothing is refused.
fn widened(alert: &mut Alert) {
    if let Trigger::New { values_max, .. } = &mut alert.trigger {
        *values_max = 100;
    }
}

fn check(case: &Case, course: Course) -> Result<Survivors, String> {
    let (events, end) = oracle_input(case);
    let want = transitions(&case.rules, &events, end, false);
    let mut early_commits = Vec::new();
    let survivors = run(case, course, |survivors, settled| {
        early_commits.extend(unacknowledged(case, &want, survivors, settled));
    });
    let survivors = survivors.map_err(|error| error.to_string())?;
    if let Some(first) = early_commits.first() {
        return Err(format!("committed before it was in the log: {first}"));
    }
    let told = survivors.alert_log.iter().filter_map(|told| match told {
        Told::Settled(transition) => Some(transition.clone()),
        Told::Early(_) => None,
    });
    let (lost, invented) = compare(&want, &told.collect::<Vec<_>>());
    if let Some(first) = lost.iter().chain(&invented).next() {
        return Err(format!("lost {}, invented {}: {first}", lost.len(), invented.len()));
    }
    pages(&want, &survivors)?;
    Ok(survivors)
}

/// Transitions the log lacks, and those it has beyond the oracle's.
fn compare(want: &[Transition], told: &[Transition]) -> (Vec<String>, Vec<String>) {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for (list, by) in [(want, -1), (told, 1)] {
        for transition in list {
            *counts.entry(format!("{transition:?}")).or_insert(0) += by;
        }
    }
    let of = |wanted: fn(i64) -> bool| {
        counts.iter().filter(|(_, n)| wanted(**n)).map(|(text, _)| text.clone()).collect()
    };
    (of(|n| n < 0), of(|n| n > 0))
}

/// Transitions up to the settled instants that the log does not hold.
fn unacknowledged(
    case: &Case,
    want: &[Transition],
    survivors: &Survivors,
    settled: &[Timestamp],
) -> Vec<String> {
    let id = |t: &Transition| (t.episode, t.kind.name(), t.at, t.severity);
    let held: BTreeSet<_> = survivors
        .alert_log
        .iter()
        .filter_map(|told| match told {
            Told::Settled(transition) => Some(id(transition)),
            Told::Early(_) => None,
        })
        .collect();
    let until = |name: &str| {
        let alert = case.rules.alerts.iter().find(|alert| alert.name == name);
        let streams = alert.into_iter().flat_map(|alert| alert.trigger.selections());
        streams.map(|of| settled[of.stream]).min()
    };
    let due = want.iter().filter(|t| Some(t.at) <= until(&t.alert));
    due.filter(|t| !held.contains(&id(t))).map(|t| format!("{t:?}")).collect()
}

/// Folds the log as on-call does: one incident for each episode, none without, and no
/// severity told twice or after a higher one.
fn pages(want: &[Transition], survivors: &Survivors) -> Result<(), String> {
    let mut incidents = Incidents::default();
    let mut highest: BTreeMap<EpisodeId, u8> = BTreeMap::new();
    let mut ended = 0_usize;
    let text = AlertText::default();
    for told in &survivors.alert_log {
        let step = match told {
            Told::Settled(transition) => Step::Transition(transition),
            Told::Early(early) => Step::Early(early),
        };
        let record = LogRecord { step, text: &text, is_shadow: false };
        let Some(notice) = incidents.apply(&record) else { continue };
        let last = highest.get(&notice.incident).copied();
        match notice.kind {
            NotificationKind::Resolved => ended += 1,
            NotificationKind::Again => {}
            NotificationKind::Firing | NotificationKind::Changed => {
                let is_first = notice.kind == NotificationKind::Firing;
                let level = notice.severity.level();
                if is_first != last.is_none() || last.is_some_and(|last| level >= last) {
                    return Err(format!("{last:?}, then paged {notice:?}"));
                }
                highest.insert(notice.incident, level);
            }
        }
    }
    let firing = want.iter().filter(|t| t.kind == TransitionKind::Firing).count();
    let open = incidents.open().filter(|(_, incident)| incident.episode.is_none()).count();
    let counts = incidents.counts();
    // An early notice of the last, unsettled stretch has no episode before the end.
    if highest.len() != firing + open || counts.contradictions > 0 {
        return Err(format!(
            "{} incidents for {firing} episodes, {open} unsettled, {counts:?}",
            highest.len()
        ));
    }
    let resolved = want.iter().filter(|t| t.kind == TransitionKind::Resolved).count();
    if ended != resolved {
        return Err(format!("{ended} ends told of {resolved}"));
    }
    Ok(())
}

#[test]
fn crashes_change_nothing() {
    let seeds = match number("HANSHO_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HANSHO_SEEDS").unwrap_or(SEEDS),
    };
    let mut sums = [0; 4];
    for seed in seeds {
        match simulate(seed, Design::Right) {
            Ok(survivors) => {
                let early = |told: &&Told| matches!(told, Told::Early(_));
                let early = survivors.alert_log.iter().filter(early).count();
                let settled = survivors.alert_log.len() - early;
                let of = [survivors.crashes, survivors.repeated, settled as u64, early as u64];
                sums.iter_mut().zip(of).for_each(|(sum, more)| *sum += more);
            }
            Err(fault) => {
                let again = "cargo test -p tests --test simulation crashes_change_nothing";
                panic!("{fault}\nagain: HANSHO_SEED={seed} {again}");
            }
        }
    }
    let [crashes, repeated, settled, early] = sums;
    println!("crashes {crashes}, derived again {repeated}, settled {settled}, early {early}");
    let is_whole = number("HANSHO_SEED").is_none();
    assert!(!is_whole || sums.iter().all(|sum| *sum > 0), "nothing happened: {sums:?}");
}

#[test]
fn wrong_designs_are_found() {
    let designs = [
        Design::NoReplay,
        Design::SilentByOffset,
        Design::CommitBeforeAppend,
        Design::ForgottenLifecycle,
        Design::LatestLifecycle,
        Design::RewoundByTime,
        Design::ForgottenPeaks,
    ];
    for design in designs {
        let found = (0..SEEDS_TO_FIND).find(|seed| simulate(*seed, design).is_err());
        println!("{design:?}: found by seed {found:?}");
        assert!(found.is_some(), "{design:?} passed {SEEDS_TO_FIND} seeds");
    }
}
