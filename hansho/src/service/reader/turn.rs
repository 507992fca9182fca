//! A reader that goes on for rules in another wording: it reads nothing again.

use std::sync::Arc;

use engine::succession::SettledStreams;
use model::time::Timestamp;

use super::Reader;
use crate::pipeline::Inlet;
use crate::rule_files::Rules;
use crate::service::progress::Told;

impl Reader {
    /// By stream name: the last instant the rules in force have judged.
    pub(in crate::service) fn settled_streams(&self) -> SettledStreams {
        self.names.iter().cloned().zip(self.settled_by_stream()).collect()
    }

    /// Goes on for rules that the shards at the other end have adopted. Partitions, fronts and
    /// what waits are as they were; of time the shards are told again what they were told.
    pub(in crate::service) fn adopt(&mut self, rules: &Rules, told: Arc<Told>, inlet: &Inlet) {
        self.rules_hash = rules.program.hash();
        self.source.trust_commits();
        self.told = told;
        self.mark_again(inlet);
    }

    /// Says again how far time has passed, to shards that go on.
    pub(in crate::service) fn mark_again(&self, inlet: &Inlet) {
        for (stream, settled) in self.marked.iter().enumerate() {
            if *settled > Timestamp(i64::MIN) {
                inlet.mark(stream, *settled, self.intake.first(stream));
            }
        }
        inlet.wake();
    }
}
