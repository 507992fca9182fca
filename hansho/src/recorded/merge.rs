//! The transitions of all shards in one order.

use std::collections::VecDeque;

use engine::shard::order_of;
use model::time::Timestamp;
use model::transition::Transition;

use crate::pipeline::Told;

/// Holds transitions until every shard has passed their instant.
pub struct Merge {
    shards: Vec<Queue>,
}

#[derive(Default)]
struct Queue {
    /// In the order of [`order_of`], except that a step never reaches back behind the last.
    waiting: VecDeque<Transition>,
    /// Everything before or at this instant has come.
    settled: Option<Timestamp>,
}

impl Merge {
    /// A merge of so many shards.
    pub(crate) fn new(shards: usize) -> Merge {
        Merge { shards: (0..shards).map(|_| Queue::default()).collect() }
    }

    /// Adds what a shard told.
    pub(crate) fn add(&mut self, shard: usize, told: Told) {
        let Some(queue) = self.shards.get_mut(shard) else {
            return;
        };
        queue.settled = told.settled.iter().min().copied();
        let in_order = match (queue.waiting.back(), told.out.transitions.first()) {
            (Some(last), Some(first)) => order_of(last) <= order_of(first),
            _ => true,
        };
        queue.waiting.extend(told.out.transitions);
        if !in_order {
            // Rules that read different streams settle at different times.
            queue.waiting.make_contiguous().sort_by(|a, b| order_of(a).cmp(&order_of(b)));
        }
    }

    /// Takes out what every shard has passed, in order.
    pub(crate) fn settled(&mut self) -> Vec<Transition> {
        let passed = self.shards.iter().map(|queue| queue.settled).min().flatten();
        passed.map_or_else(Vec::new, |passed| self.take_until(passed))
    }

    /// Takes out what is left, in order.
    pub(crate) fn rest(&mut self) -> Vec<Transition> {
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
