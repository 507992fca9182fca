//! The node about itself: meta alerts, from what its machines notice to the alert log.

pub mod monitor;

pub mod queue;
mod rule_cost;

pub(crate) use rule_cost::RuleCostShares;
