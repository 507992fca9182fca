//! Length of the past that a stream's rules need for a replay.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::program::{Program, RulePlan};
use engine::rule_state::{RuleStateRestore, StateCheckpointPolicy};
use model::schema::Schema;
use model::time::Timestamp;

use crate::checkpoint::state_log::KeptFrom;
use crate::rules::loaded::LoadedRules;

/// Requirements of a stream's rules on its replay.
pub(crate) struct ReplayRequirements {
    pub(crate) lateness_ms: i64,
    /// Requirements of each of its rules.
    needs: Vec<RuleReplayNeed>,
    /// The streams it settles with: itself and those that rules join with it, be it over a
    /// third.
    pub(crate) companions: Vec<usize>,
}

/// Length of the past that a rule needs.
struct RuleReplayNeed {
    horizon_ms: i64,
    /// Restore that shortens the replay, and the instants (from, until) whose memories are kept.
    recall: Option<(RuleStateRestore, (Timestamp, Timestamp))>,
}

/// The requirements of every stream, given what the state log keeps.
pub(crate) fn replay_requirements(
    rules: &LoadedRules,
    how: Option<StateCheckpointPolicy>,
    kept: &KeptFrom,
) -> Vec<ReplayRequirements> {
    let of = |(stream, schema): (usize, &Arc<Schema>)| {
        let plans = rules.program.rules().iter().filter(|rule| rule.streams.contains(&stream));
        let needs = plans.map(|plan| RuleReplayNeed::of(plan, how, kept)).collect();
        let companions = joined_with(stream, &rules.program);
        ReplayRequirements { lateness_ms: schema.lateness_ms, needs, companions }
    };
    rules.set.streams.iter().enumerate().map(of).collect()
}

impl ReplayRequirements {
    /// Length of the past its rules depend on, without saved state.
    pub(crate) fn horizon_ms(&self) -> i64 {
        self.needs.iter().map(|need| need.horizon_ms).max().unwrap_or(0)
    }

    /// Length of the past that is usually replayed, in ms.
    pub(crate) fn reread_ms(&self) -> i64 {
        let needs = self.needs.iter().filter(|need| need.recall.is_none());
        needs.map(|need| need.horizon_ms).max().unwrap_or(0)
    }

    /// The instant after which it is replayed by whoever has published everything up to
    /// `settled`.
    pub(crate) fn read_after(&self, settled: Timestamp) -> Timestamp {
        let all = self
            .needs
            .iter()
            .map(|need| need.restored_at(settled).unwrap_or(settled.minus(need.horizon_ms + 1)));
        all.min().unwrap_or(settled.minus(1))
    }

    /// True when that suffices only together with the state log.
    pub(crate) fn relies_on_state_log(&self, settled: Timestamp) -> bool {
        self.needs.iter().any(|need| need.restored_at(settled).is_some())
    }

    /// True when the state log lacks what some rule remembers.
    pub(crate) fn lacks_state(&self, settled: Timestamp) -> bool {
        let mut needs = self.needs.iter().filter(|need| need.recall.is_some());
        needs.any(|need| need.restored_at(settled).is_none())
    }
}

impl RuleReplayNeed {
    fn of(plan: &RulePlan, how: Option<StateCheckpointPolicy>, kept: &KeptFrom) -> RuleReplayNeed {
        let recall = how.and_then(|how| plan.recall(how)).map(|recall| {
            let nothing = (Timestamp(i64::MAX), Timestamp(i64::MIN));
            (recall, kept.get(&recall.id).copied().unwrap_or(nothing))
        });
        RuleReplayNeed { horizon_ms: plan.horizon_ms(), recall }
    }

    /// The instant as of which its state is restored, if the state log keeps that.
    fn restored_at(&self, settled: Timestamp) -> Option<Timestamp> {
        let (recall, (from, until)) = self.recall?;
        let point = recall.point(settled);
        (from <= point && point <= until).then_some(point)
    }
}

/// A stream and all that rules join with it, however indirectly; ascending.
fn joined_with(stream: usize, program: &Program) -> Vec<usize> {
    let mut joined = BTreeSet::from([stream]);
    loop {
        let plans = program.rules().iter().map(|plan| &plan.streams);
        let touching = plans.filter(|streams| streams.iter().any(|of| joined.contains(of)));
        let grown: BTreeSet<usize> = touching.flatten().copied().chain([stream]).collect();
        if grown == joined {
            return joined.into_iter().collect();
        }
        joined = grown;
    }
}

#[cfg(test)]
impl ReplayRequirements {
    /// Of a stream that settles by itself.
    pub(crate) fn alone(lateness_ms: i64, horizon_ms: i64) -> ReplayRequirements {
        let needs = vec![RuleReplayNeed { horizon_ms, recall: None }];
        ReplayRequirements { lateness_ms, needs, companions: vec![0] }
    }
}
