//! The transitions of all shards in one order.

use std::collections::VecDeque;

use engine::shard::order_of;
use model::time::Timestamp;
use model::transition::Transition;

use crate::pipeline::shard_worker::ShardOutput;

/// Holds transitions until every shard has passed their instant.
pub(super) struct TransitionMerge {
    shards: Vec<ShardQueue>,
}

#[derive(Default)]
struct ShardQueue {
    /// In the order of [`order_of`], except that a step never reaches back behind the last.
    waiting: VecDeque<Transition>,
    /// Everything before or at this instant has come.
    settled: Option<Timestamp>,
}

impl TransitionMerge {
    /// A merge of so many shards.
    pub(super) fn new(shards: usize) -> TransitionMerge {
        TransitionMerge { shards: (0..shards).map(|_| ShardQueue::default()).collect() }
    }

    /// Adds what a shard found.
    pub(super) fn add(&mut self, shard: usize, output: ShardOutput) {
        let Some(queue) = self.shards.get_mut(shard) else {
            return;
        };
        queue.settled = output.settled.iter().min().copied();
        let in_order = match (queue.waiting.back(), output.out.transitions.first()) {
            (Some(last), Some(first)) => order_of(last) <= order_of(first),
            _ => true,
        };
        queue.waiting.extend(output.out.transitions);
        if !in_order {
            // Rules that read different streams settle at different times.
            queue.waiting.make_contiguous().sort_by(|a, b| order_of(a).cmp(&order_of(b)));
        }
    }

    /// Takes out what every shard has passed, in order.
    pub(super) fn settled(&mut self) -> Vec<Transition> {
        let passed = self.shards.iter().map(|queue| queue.settled).min().flatten();
        passed.map_or_else(Vec::new, |passed| self.take_until(passed))
    }

    /// Takes out what is left, in order.
    pub(super) fn rest(&mut self) -> Vec<Transition> {
        self.take_until(Timestamp(i64::MAX))
    }

    fn take_until(&mut self, until: Timestamp) -> Vec<Transition> {
        let mut taken = Vec::new();
        for queue in &mut self.shards {
            let count = queue.waiting.partition_point(|transition| transition.facts.at <= until);
            taken.extend(queue.waiting.drain(..count));
        }
        // An (alert, key) lives in one shard, so equal ones keep the order they came in.
        taken.sort_by(|a, b| order_of(a).cmp(&order_of(b)));
        taken
    }
}
