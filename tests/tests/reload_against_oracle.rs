//! Rules that are edited while their streams are read, against the naive interpreter.
//!
//! `HANSHO_CASES` sets how many are drawn, `HANSHO_SEED` draws one again.

use std::collections::BTreeSet;

use engine::program::Program;
use engine::shard::order_of;
use model::transition::{EndReason, Transition};
use rules_dsl::rule::{RuleSet, Trigger};
use tests::generators::{DrawWidth, DrawnCase, SplitMix, case, edited, same_state};
use tests::harness::reload::{ReloadedRun, run_across, run_adopting, run_adopting_each};
use tests::harness::{RunCourse, oracle_input};
use tests::oracle::{RuleSetChange, transitions_across};

/// Cases drawn unless `HANSHO_CASES` says otherwise.
const CASES: u64 = 2_000;
const WIDTH: DrawWidth = DrawWidth { streams: 2, partitions: 3, records: 24 };

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn draw(seed: u64) -> (DrawnCase, RuleSet) {
    let mut random = SplitMix::new(seed);
    let mut case = case(&mut random, WIDTH);
    // A memory that is full refuses what comes later: the same answers are promised where
    // nothing is refused.
    for alert in &mut case.rules.alerts {
        if let Trigger::New { values_max, .. } = &mut alert.trigger {
            *values_max = 100;
        }
    }
    let mut after = edited(&mut random, &case.rules);
    for alert in &mut after.alerts {
        if let Trigger::New { values_max, .. } = &mut alert.trigger {
            *values_max = 100;
        }
    }
    (case, after)
}

/// The alerts whose state goes on.
fn kept(before: &RuleSet, after: &RuleSet) -> BTreeSet<String> {
    let resumes =
        |new: &&rules_dsl::rule::Alert| before.alerts.iter().any(|old| same_state(old, new));
    after.alerts.iter().filter(resumes).map(|alert| alert.name.clone()).collect()
}

/// Coverage of a case.
#[derive(Default)]
struct ReloadCoverage {
    transitions: Vec<Transition>,
    /// Number of times shards went on with the rules after as they were.
    adopted: usize,
}

/// Coverage of a case, or its error.
fn check(case: &DrawnCase, after: &RuleSet, seed: u64) -> Result<ReloadCoverage, String> {
    let kept = kept(&case.rules, after);
    let compile = |rules| Program::compile(rules).map_err(|error| error.to_string());
    let count = compile(&case.rules)?.rules_kept(&compile(after)?);
    let watches = after.watches.len();
    if count != kept.len() + watches {
        return Err(format!("{count} states kept, not those of {kept:?} and {watches} watches"));
    }
    let mut shown = ReloadCoverage::default();
    for shards in [1, 2, 3] {
        let mut random = SplitMix::new(seed ^ shards as u64);
        let course = RunCourse { shards, early: shards != 2, drain: false, snapshots: shards == 3 };
        let emitted =
            run_across(case, after, &mut random, course).map_err(|error| error.to_string())?;
        let fault = |fault| format!("{shards} shards, {fault}");
        shown.transitions = compare(case, after, &kept, emitted).map_err(fault)?;
        let emitted = run_adopting(case, after, &mut random, course);
        if let Some(emitted) = emitted.map_err(|error| error.to_string())? {
            let fault = |fault| format!("{shards} shards that went on, {fault}");
            compare(case, after, &kept, emitted).map_err(fault)?;
            shown.adopted += 1;
        }
    }
    Ok(shown)
}

/// That the oracle tells what was told; what it is.
fn compare(
    case: &DrawnCase,
    after: &RuleSet,
    kept: &BTreeSet<String>,
    emitted: ReloadedRun,
) -> Result<Vec<Transition>, String> {
    if emitted.late_after_settle > 0 {
        return Err(format!("{} late", emitted.late_after_settle));
    }
    let (events, end) = oracle_input(case);
    let (before, settled) = (&case.rules, emitted.settled.as_slice());
    let want = transitions_across(RuleSetChange { before, after, kept, settled }, &events, end);
    let longest = want.len().max(emitted.transitions.len());
    let differs = |at: &usize| want.get(*at) != emitted.transitions.get(*at);
    let Some(at) = (0..longest).find(differs) else { return Ok(want) };
    let (want, got) = (want.get(at), emitted.transitions.get(at));
    let least = want.into_iter().chain(got).min_by(|a, b| order_of(a).cmp(&order_of(b)));
    let name = least.map_or("", |transition| &transition.facts.alert);
    let of = |rules: &RuleSet| rules.alerts.iter().find(|it| it.name == name).cloned();
    Err(format!(
        "changed at {settled:?}, transition {at}\n  want {want:?}\n  got  {got:?}\nbefore {:?}\n\
         after {:?}",
        of(before),
        of(after)
    ))
}

#[test]
fn every_instant_is_evaluated_by_the_rules_active_at_it() {
    let seeds = match number("HANSHO_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HANSHO_CASES").unwrap_or(CASES),
    };
    let (mut emitted, mut changed, mut adopted) = (0, 0, 0);
    for seed in seeds {
        let (case, after) = draw(seed);
        match check(&case, &after, seed) {
            Ok(shown) => {
                emitted += shown.transitions.len();
                adopted += shown.adopted;
                let by_change = |t: &&Transition| t.reason == Some(EndReason::RuleChanged);
                changed += shown.transitions.iter().filter(by_change).count();
            }
            Err(fault) => panic!(
                "{fault}\nlogs {:?}\nagain: HANSHO_SEED={seed} cargo test -p tests --test \
                 reload_against_oracle",
                case.logs
            ),
        }
    }
    println!("{emitted} transitions, {changed} of them by a change; {adopted} runs that went on");
    let is_whole = number("HANSHO_SEED").is_none();
    assert!(!is_whole || (emitted > 0 && changed > 0 && adopted > 0), "nothing happened");
}

/// However often rules are adopted, whoever reads again from there tells the same.
#[test]
fn shards_that_resume_emit_what_those_emit_that_read_again() {
    let (mut emitted, mut adopted) = (0, 0);
    for seed in 0..number("HANSHO_CASES").unwrap_or(CASES) {
        let (case, first) = draw(seed);
        let mut random = SplitMix::new(seed);
        let mut afters = vec![first];
        for _ in 0..random.within(1, 3) {
            let next = edited(&mut random, &afters[afters.len() - 1]);
            afters.push(next);
        }
        let shards = random.within(1, 3) as usize;
        let course = RunCourse { shards, early: false, drain: false, snapshots: false };
        // As many of them as may be adopted.
        for many in (2..=afters.len()).rev() {
            let mut random = SplitMix::new(seed);
            let run = run_adopting_each(&case, &afters[..many], &mut random, course);
            let Some([resumed, read_again]) = run.unwrap() else { continue };
            assert_eq!(resumed, read_again, "HANSHO_SEED={seed} {many} {:#?}", &afters[..many]);
            (emitted, adopted) = (emitted + resumed.len(), adopted + 1);
            break;
        }
    }
    println!("{emitted} transitions after {adopted} runs of adopted rules");
    assert!(emitted > 0 && adopted > 0, "nothing happened");
}
