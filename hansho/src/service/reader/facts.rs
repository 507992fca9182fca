//! What the reader knows of a stream.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::program::Program;
use model::schema::Schema;

use crate::rule_files::Rules;

/// What the reader knows of a stream. Its topic has the same number.
pub(in crate::service) struct StreamFacts {
    pub(super) lateness_ms: i64,
    /// How much of its past its rules depend on.
    pub(in crate::service) horizon_ms: i64,
    /// The streams it settles with: itself and those that rules join with it, be it over a
    /// third.
    pub(in crate::service) companions: Vec<usize>,
}

/// The facts of every stream of the rules.
pub(in crate::service) fn stream_facts(rules: &Rules) -> Vec<StreamFacts> {
    let facts = |(stream, schema): (usize, &Arc<Schema>)| {
        let plans = rules.program.rules().iter().filter(|rule| rule.streams.contains(&stream));
        let horizon_ms = plans.map(|plan| plan.horizon_ms()).max().unwrap_or(0);
        let companions = joined_with(stream, &rules.program);
        StreamFacts { lateness_ms: schema.lateness_ms, horizon_ms, companions }
    };
    rules.set.streams.iter().enumerate().map(facts).collect()
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
