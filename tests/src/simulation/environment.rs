//! The environment of a node: when records arrive, which partitions are there, and how receivers
//! answer. Time is in milliseconds and runs as event time does.

use std::ops::Range;

use engine::rule_state::StateCheckpointPolicy;
use model::notification::{DeliveryResult, FailureReason};
use model::severity::Severity;
use oncall::engine::OnCallSettings;
use oncall::outbox::OutboxLimits;
use oncall::route::{NotifyOn, Receiver, RoutingTable};
use oncall::severity_policy::{SeverityPolicies, SeverityPolicy};
use oncall::severity_set::SeveritySet;
use runtime::notify::channel::RECORDS_PENDING_MAX;
use runtime::pipeline::shard_worker::RingLimits;

use crate::generators::{DrawnCase, PartitionLog, SplitMix};
use crate::harness::lateness_ms;

/// From when on no partition is away and every one has appeared.
const SETTLED_DOWN_MS: i64 = 400;

/// The environment of one run.
pub(super) struct SimulatedEnvironment {
    /// By log.
    pub(super) places: Vec<PartitionPlan>,
    /// Time for which a partition must be known empty before time passes there; `None` where all
    /// input lies there from the beginning and time never passes by itself.
    pub(super) idle_ms: Option<i64>,
    /// True when early notices are asked for.
    pub(super) early: bool,
    pub(super) on_call: OnCallSettings,
    pub(super) sinks: Vec<ReceiverBehaviour>,
    pub(super) limits: OutboxLimits,
    /// Length of the past that the rules depend on.
    pub(super) horizon_ms: i64,
    /// Interval of rule state checkpoints.
    pub(super) state_checkpoints: Option<StateCheckpointPolicy>,
    pub(super) inspect_every_ms: i64,
    pub(super) skew_max_ms: i64,
    pub(super) snapshot_every_ms: i64,
    pub(super) commit_every_ms: i64,
    pub(super) assignment_wait_ms: i64,
    pub(super) rings: RingLimits,
    /// How many records of the alert log may wait for on-call.
    pub(super) records_max: usize,
    /// How often each shard is stepped, in percent: one of them may lag far behind.
    pub(super) paces: Vec<u64>,
    /// Number of times a crash loses the end of the state log, in percent.
    pub(super) cuts_percent: u64,
    /// Number of times a crash comes just before rules are edited: they are while recovery replays.
    pub(super) edits_percent: u64,
    /// Number of times a crash loses all commits, as an expired group does, in percent.
    pub(super) forgets_percent: u64,
    /// Time for which records stay in the alert log at least.
    pub(super) keep_ms: i64,
    /// Instant at which the rules on the disk are edited; never where time passes by itself.
    pub(super) edited_at_ms: i64,
}

/// Plan of one partition.
pub(super) struct PartitionPlan {
    /// Instants from which each record can be read.
    pub(super) arrivals: Vec<i64>,
    /// From when on it exists.
    pub(super) appears_ms: i64,
    /// While it is assigned to another.
    pub(super) away: Range<i64>,
    /// While its broker does not answer.
    pub(super) mute: Range<i64>,
}

/// Behaviour of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReceiverBehaviour {
    Well,
    /// Fails, refuses and forgets to answer now and then.
    Flaky,
    /// Fails until then.
    Down(i64),
    /// Refuses everything.
    Gone,
}

impl SimulatedEnvironment {
    pub(super) fn draw(case: &DrawnCase, random: &mut SplitMix) -> SimulatedEnvironment {
        let is_live = random.chance(50);
        let idle_ms = is_live.then(|| random.one_of(&[0, 5, 20], 5));
        let (has_stragglers, adds) = (random.chance(40), random.chance(30));
        let places = case.logs.iter().map(|log| {
            let slack_ms = idle_ms.map(|idle_ms| idle_ms + lateness_ms(case, log));
            PartitionPlan::draw(log, slack_ms, (has_stragglers, adds), random)
        });
        let places = places.collect();
        let names = ["pager", "chat", "mail"];
        let receivers: Vec<Receiver> = names[..random.within(1, 3) as usize]
            .iter()
            .map(|name| Receiver {
                name: (*name).to_owned(),
                severities: match random.within(0, 2) {
                    0 => [Severity::Critical].into_iter().collect(),
                    _ => SeveritySet::ALL,
                },
                on: NotifyOn { resolve: random.chance(80), ..NotifyOn::ALL },
                spacing_ms: random.one_of(&[0, 0, 5], 0),
                is_router: false,
                fallback: None,
            })
            .collect();
        let sinks = receivers.iter().map(|_| ReceiverBehaviour::draw(random)).collect();
        let limits = OutboxLimits {
            pending_max: random.one_of(&[2, 1000, 1000, 1000], 1000),
            in_flight_max: random.one_of(&[1, 2, 4], 4),
        };
        let routing = RoutingTable::to_all(receivers);
        let (levels, storm_max) = (quiet_levels(), usize::MAX);
        let on_call =
            OnCallSettings { routing, levels, storm_max, flap_max: 0, ..OnCallSettings::default() };
        let early = random.chance(70);
        // A partition that stays far behind would hold back all others for ever: one that has ended
        // where time does not pass, or whose front a record's timestamp keeps in the past.
        let is_far_behind = |log: &PartitionLog| {
            let recorded = log.records.iter().filter_map(|of| Some((of.time, of.recorded?)));
            recorded.into_iter().any(|(time, recorded)| recorded < time - 1_000)
        };
        let may_hold_back = is_live && !case.logs.iter().any(is_far_behind);
        let every_ms = random.one_of(&[1, 3, 10], 3);
        let checkpoints = StateCheckpointPolicy { every_ms, beyond_ms: every_ms };
        let longest_ms =
            case.logs.iter().flat_map(|log| log.records.iter().map(|of| of.time)).max();
        let edited_at_ms = random.within(0, longest_ms.unwrap_or(0).max(1));
        SimulatedEnvironment {
            places,
            idle_ms,
            early,
            on_call,
            sinks,
            limits,
            horizon_ms: 0,
            state_checkpoints: random.chance(75).then_some(checkpoints),
            inspect_every_ms: random.one_of(&[1, 1, 4, 20], 1),
            skew_max_ms: if may_hold_back && random.chance(50) { 5 } else { 1_000_000 },
            snapshot_every_ms: random.one_of(&[1, 5, 20], 5),
            commit_every_ms: random.one_of(&[1, 2, 5, 20], 2),
            assignment_wait_ms: random.one_of(&[0, 20, 400], 20),
            rings: RingLimits::default(),
            records_max: RECORDS_PENDING_MAX,
            paces: Vec::new(),
            cuts_percent: 10,
            edits_percent: 0,
            forgets_percent: 0,
            keep_ms: random.one_of(&[0, 5, 50], 5),
            edited_at_ms: if is_live { i64::MAX } else { edited_at_ms },
        }
    }

    /// Draws where the node is strained: rings that are full, machines that lag behind, more that
    /// is lost in a crash. It is drawn apart, so that all else of a seed stays what it was.
    pub(super) fn strain(&mut self, random: &mut SplitMix, shards: usize) {
        let inbound_batches = random.one_of(&[1, 2, 16, 16], 16);
        let outbound_outputs = random.one_of(&[1, 2, 64, 64], 64);
        // Where time passes by itself, an event that waits for room may come late to its shard.
        if self.idle_ms.is_none() {
            self.rings = RingLimits { inbound_batches, outbound_outputs };
        }
        self.records_max = random.one_of(&[1, 4, RECORDS_PENDING_MAX, RECORDS_PENDING_MAX], 1);
        self.paces = vec![60; shards];
        if random.chance(40) {
            self.paces[random.within(0, shards as i64 - 1) as usize] = 8;
        }
        self.cuts_percent = random.one_of(&[10, 10, 10, 60], 10);
        self.edits_percent = random.one_of(&[0, 40], 0);
        // Where time passes by itself only the commits say how far it had, and what rules remember
        // is restored as of them.
        let may_forget = self.idle_ms.is_none() && self.state_checkpoints.is_none();
        self.forgets_percent = if may_forget { random.one_of(&[0, 30], 0) } else { 0 };
    }

    /// True when nothing will come or go any more.
    pub(super) fn is_quiet(&self, now_ms: i64) -> bool {
        let last = |place: &PartitionPlan| {
            let arrived = place.arrivals.last().copied().unwrap_or(0);
            arrived.max(place.appears_ms).max(place.away.end).max(place.mute.end)
        };
        self.places.iter().all(|place| last(place) <= now_ms)
    }
}

/// Levels that ask for nothing in time: what people hear is what the alert log says.
fn quiet_levels() -> SeverityPolicies {
    Severity::ALL.into_iter().fold(SeverityPolicies::default(), |levels, severity| {
        let level = levels.level(severity).clone();
        levels.with(
            severity,
            SeverityPolicy { respond_within_ms: None, remind_every_ms: None, ..level },
        )
    })
}

impl PartitionPlan {
    /// With `slack_ms` records come one after the other within it, but for stragglers.
    fn draw(
        log: &PartitionLog,
        slack_ms: Option<i64>,
        (has_stragglers, adds): (bool, bool),
        random: &mut SplitMix,
    ) -> PartitionPlan {
        let mut arrived = 0;
        let arrivals = log.records.iter().map(|record| {
            let Some(slack_ms) = slack_ms else { return 0 };
            let delay_ms = match random.within(0, 19) {
                0 if has_stragglers => random.within(20, 200),
                0..7 => random.within(0, slack_ms / 2),
                _ => random.within(0, 2),
            };
            arrived = arrived.max(record.time + delay_ms);
            arrived
        });
        let arrivals = arrivals.collect();
        let is_added = adds && slack_ms.is_some() && random.chance(40);
        let appears_ms = if is_added { random.within(1, SETTLED_DOWN_MS / 2) } else { 0 };
        let stretch = |random: &mut SplitMix| match random.chance(25) {
            true => {
                let from = random.within(0, SETTLED_DOWN_MS / 2);
                from..from + random.within(1, SETTLED_DOWN_MS / 3)
            }
            false => 0..0,
        };
        PartitionPlan { arrivals, appears_ms, away: stretch(random), mute: stretch(random) }
    }

    /// True when it came when the service already ran.
    pub(super) fn is_added(&self) -> bool {
        self.appears_ms > 0
    }
}

impl ReceiverBehaviour {
    fn draw(random: &mut SplitMix) -> ReceiverBehaviour {
        match random.within(0, 19) {
            0..8 => ReceiverBehaviour::Well,
            8..15 => ReceiverBehaviour::Flaky,
            15..18 => ReceiverBehaviour::Down(random.within(0, 600_000)),
            18 => ReceiverBehaviour::Down(random.within(86_000_000, 90_000_000)),
            _ => ReceiverBehaviour::Gone,
        }
    }

    /// Answer of a receiver, and whether it has the message now.
    pub(super) fn answer(self, now_ms: i64, random: &mut SplitMix) -> (bool, DeliveryResult) {
        let (reason, why) = (FailureReason::Server, "drawn".to_owned());
        let failed =
            |after_ms| (false, DeliveryResult::Retry { reason, why: "drawn".to_owned(), after_ms });
        match self {
            ReceiverBehaviour::Well => (true, DeliveryResult::Sent { receipt: None }),
            ReceiverBehaviour::Gone => (false, DeliveryResult::Reject { reason, why }),
            ReceiverBehaviour::Down(until_ms) if now_ms < until_ms => failed(None),
            ReceiverBehaviour::Down(_) => (true, DeliveryResult::Sent { receipt: None }),
            ReceiverBehaviour::Flaky => match random.within(0, 9) {
                0 | 1 => failed(None),
                2 => failed(Some(random.within(0, 20_000))),
                3 => (false, DeliveryResult::Reject { reason, why }),
                // It has the message, and its answer is lost.
                4 => (true, DeliveryResult::Retry { reason, why, after_ms: None }),
                _ => (true, DeliveryResult::Sent { receipt: None }),
            },
        }
    }
}
