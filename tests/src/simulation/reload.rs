//! Other rules in the place of those in force: the record of it, and what follows from it.
//!
//! A reload is a record behind all that the old rules told. Who begins with it, at once or after
//! a crash, judges every later instant by the new rules, and tells the ends of episodes whose
//! rule was changed unless the log has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::program::{Program, ProgramError};
use engine::succession::ended_by_change;
use model::time::Timestamp;
use model::transition::Transition;
use rules_dsl::rule::RuleSet;

use super::recovery::{Open, published_of};
use super::{Course, Design, Survivors, Told};
use crate::drawn::{Case, same_state};
use crate::drive::oracle_input;
use crate::drive::reload::settled_streams;
use crate::oracle::{Change, transitions_across};

/// The record of a reload in the alert log.
#[derive(Clone, Debug)]
pub(super) struct Replaced {
    /// By stream: the last instant the rules before judged.
    pub(super) settled: Vec<Timestamp>,
    /// How many records stand before it.
    pub(super) told_before: usize,
    /// How many crashes came before it, itself one of them.
    pub(super) crashes: u64,
}

/// The rules of one life.
pub(super) struct InForce {
    pub(super) program: Arc<Program>,
    /// What they came after.
    before: Option<Arc<Program>>,
}

impl InForce {
    /// The rules that the alert log says are in force.
    pub(super) fn of(
        case: &Case,
        course: Course<'_>,
        survivors: &Survivors,
    ) -> Result<InForce, ProgramError> {
        let first = Arc::new(Program::compile(&case.rules)?);
        let is_known = |replaced: &&Replaced| {
            course.design != Design::ForgottenRules || survivors.crashes <= replaced.crashes
        };
        let replaced = survivors.replaced.as_ref().filter(is_known);
        let (Some(after), Some(replaced)) = (course.after, replaced) else {
            return Ok(InForce { program: first, before: None });
        };
        let settled = settled_streams(&case.rules, &replaced.settled);
        let program = Arc::new(Program::compile(after)?.succeed(&first, &settled));
        Ok(InForce { program, before: Some(first) })
    }

    /// The ends of episodes that the change of rules ended: they leave what is open.
    pub(super) fn end(
        &self,
        case: &Case,
        survivors: &Survivors,
        open: &mut BTreeMap<(String, Vec<u8>), Open>,
    ) -> Vec<Transition> {
        let (Some(before), Some(replaced)) = (&self.before, &survivors.replaced) else {
            return Vec::new();
        };
        let settled = settled_streams(&case.rules, &replaced.settled);
        let mut ended = Vec::new();
        open.retain(|(alert, _), open| {
            let at = before.ends_at(alert, &self.program, &settled);
            ended.extend(at.map(|at| ended_by_change(&open.told, open.episode.peak, at)));
            at.is_none()
        });
        ended
    }
}

/// Whether the rules in force may be replaced: all that the log holds of them, peaks included,
/// they have judged.
pub(super) fn may_be_replaced(
    program: &Program,
    survivors: &Survivors,
    settled: &[Timestamp],
) -> bool {
    let mut log = survivors.log().filter_map(|(_, told)| match told {
        Told::Settled(transition) => Some(transition),
        Told::Early(_) | Told::Withdrawn(_) => None,
    });
    let mut peaks = survivors.peaks_as_of.iter().zip(settled);
    log.all(|told| told.facts.at <= published_of(program, settled, &told.facts.alert))
        && peaks.all(|(as_of, settled)| as_of <= settled)
}

/// What the naive interpreter makes of a run, whose rules may have been replaced.
pub(super) fn wanted(
    case: &Case,
    course: Course<'_>,
    survivors: &Survivors,
) -> Option<Vec<Transition>> {
    let (after, replaced) = course.after.zip(survivors.replaced.as_ref())?;
    let (events, end) = oracle_input(case);
    let (kept, settled) = (kept(&case.rules, after), replaced.settled.as_slice());
    let change = Change { before: &case.rules, after, kept: &kept, settled };
    Some(transitions_across(change, &events, end))
}

/// The alerts whose state goes on.
fn kept(before: &RuleSet, after: &RuleSet) -> BTreeSet<String> {
    let goes_on =
        |new: &&rules_dsl::rule::Alert| before.alerts.iter().any(|old| same_state(old, new));
    after.alerts.iter().filter(goes_on).map(|alert| alert.name.clone()).collect()
}

impl Survivors {
    /// Counts what ended by a change of rules.
    pub(super) fn deeds_of(&mut self, ended: &[Transition]) {
        ended.iter().for_each(|_| self.note("ended by a change of rules"));
    }
}
