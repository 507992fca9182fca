//! What the reader knows of a stream.

use std::sync::Arc;

use model::schema::Schema;

use crate::rule_files::Rules;

/// What the reader knows of a stream. Its topic has the same number.
pub(in crate::service) struct StreamFacts {
    pub(super) lateness_ms: i64,
    /// How much of its past its rules depend on.
    pub(in crate::service) horizon_ms: i64,
    /// The streams it settles with: itself and those joined with it in a rule.
    pub(in crate::service) companions: Vec<usize>,
}

/// The facts of every stream of the rules.
pub(in crate::service) fn stream_facts(rules: &Rules) -> Vec<StreamFacts> {
    let facts = |(stream, schema): (usize, &Arc<Schema>)| {
        let plans = rules.program.rules().iter().filter(|rule| rule.streams.contains(&stream));
        let mut companions = vec![stream];
        let mut horizon_ms = 0;
        for plan in plans {
            companions.extend(&plan.streams);
            horizon_ms = horizon_ms.max(plan.horizon_ms());
        }
        companions.sort_unstable();
        companions.dedup();
        StreamFacts { lateness_ms: schema.lateness_ms, horizon_ms, companions }
    };
    rules.set.streams.iter().enumerate().map(facts).collect()
}
