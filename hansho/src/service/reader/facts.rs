//! What the reader knows of a stream.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::memory::{Recall, Remembering};
use engine::program::{Program, RulePlan};
use model::schema::Schema;
use model::time::Timestamp;

use crate::rule_files::Rules;
use crate::service::state_log::KeptFrom;

/// What the reader knows of a stream. Its topic has the same number.
pub(in crate::service) struct StreamFacts {
    pub(super) lateness_ms: i64,
    /// What of its past its rules depend on.
    needs: Vec<Need>,
    /// The streams it settles with: itself and those that rules join with it, be it over a
    /// third.
    pub(in crate::service) companions: Vec<usize>,
}

/// How much of the past a rule depends on.
struct Need {
    horizon_ms: i64,
    /// Where it need not read all of that again, and the instants (from, until) whose memories
    /// are kept.
    recall: Option<(Recall, (Timestamp, Timestamp))>,
}

/// The facts of every stream of the rules, of which some remember.
pub(in crate::service) fn stream_facts(
    rules: &Rules,
    how: Remembering,
    kept: &KeptFrom,
) -> Vec<StreamFacts> {
    let facts = |(stream, schema): (usize, &Arc<Schema>)| {
        let plans = rules.program.rules().iter().filter(|rule| rule.streams.contains(&stream));
        let needs = plans.map(|plan| Need::of(plan, how, kept)).collect();
        let companions = joined_with(stream, &rules.program);
        StreamFacts { lateness_ms: schema.lateness_ms, needs, companions }
    };
    rules.set.streams.iter().enumerate().map(facts).collect()
}

impl StreamFacts {
    /// How much of its past its rules depend on, where none of them remembers.
    pub(in crate::service) fn horizon_ms(&self) -> i64 {
        self.needs.iter().map(|need| need.horizon_ms).max().unwrap_or(0)
    }

    /// How much of its past is usually read again.
    pub(super) fn reread_ms(&self) -> i64 {
        let needs = self.needs.iter().filter(|need| need.recall.is_none());
        needs.map(|need| need.horizon_ms).max().unwrap_or(0)
    }

    /// After which instant it is to be read again by whoever has told everything up to
    /// `settled`.
    pub(in crate::service) fn read_after(&self, settled: Timestamp) -> Timestamp {
        let all = self
            .needs
            .iter()
            .map(|need| need.recalled_at(settled).unwrap_or(settled.minus(need.horizon_ms + 1)));
        all.min().unwrap_or(settled.minus(1))
    }

    /// Whether that is enough only for whoever takes memories up.
    pub(super) fn relies_on_memory(&self, settled: Timestamp) -> bool {
        self.needs.iter().any(|need| need.recalled_at(settled).is_some())
    }

    /// Whether the memory of some rule that has one is not kept.
    pub(in crate::service) fn has_forgotten(&self, settled: Timestamp) -> bool {
        let mut needs = self.needs.iter().filter(|need| need.recall.is_some());
        needs.any(|need| need.recalled_at(settled).is_none())
    }
}

impl Need {
    fn of(plan: &RulePlan, how: Remembering, kept: &KeptFrom) -> Need {
        let recall = plan.recall(how).map(|recall| {
            let nothing = (Timestamp(i64::MAX), Timestamp(i64::MIN));
            (recall, kept.get(&recall.id).copied().unwrap_or(nothing))
        });
        Need { horizon_ms: plan.horizon_ms(), recall }
    }

    /// The instant as of which its memory is taken up, if that is kept.
    fn recalled_at(&self, settled: Timestamp) -> Option<Timestamp> {
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
impl StreamFacts {
    /// Of a stream that settles by itself.
    pub(super) fn alone(lateness_ms: i64, horizon_ms: i64) -> StreamFacts {
        let needs = vec![Need { horizon_ms, recall: None }];
        StreamFacts { lateness_ms, needs, companions: vec![0] }
    }
}
