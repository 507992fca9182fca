//! A reader that continues under rules in another wording: nothing is replayed.

use std::sync::Arc;

use model::time::Timestamp;

use super::reader::Reader;
use crate::alert_log::durable_progress::DurableProgress;
use crate::io::Sources;
use crate::pipeline::PipelineInput;
use crate::rules::loaded::LoadedRules;

impl<S: Sources> Reader<S> {
    /// Continues under rules that the shards of another pipeline have adopted. Partitions, fronts
    /// and waiting observations stay; watermarks are published again.
    pub(crate) fn adopt(
        &mut self,
        rules: &LoadedRules,
        durable: Arc<DurableProgress>,
        pipeline: &PipelineInput,
    ) {
        self.rules_hash = rules.program.hash();
        self.durable = durable;
        self.reopen();
        self.publish_again(pipeline);
    }

    /// Publishes the watermarks again, to shards that are resumed.
    pub(crate) fn publish_again(&self, pipeline: &PipelineInput) {
        for (stream, settled) in self.marked.iter().enumerate() {
            if *settled > Timestamp(i64::MIN) {
                pipeline.publish(stream, *settled, self.ingester.first(stream));
            }
        }
        pipeline.wake();
    }
}
