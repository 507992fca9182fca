//! The environment of a node: when records arrive, which partitions are there, and how receivers
//! answer. Time is in milliseconds and runs as event time does.

use std::ops::Range;

use engine::memory::Remembering;
use model::notification::{DeliveryResult, FailureReason};
use model::severity::Severity;
use oncall::desk::Settings;
use oncall::levels::{Level, Levels};
use oncall::outbox::OutboxLimits;
use oncall::route::{On, Receiver, Routing};
use oncall::severities::Severities;
use runtime::notify::channel::RECORDS_PENDING_MAX;
use runtime::pipeline::RingLimits;

use crate::drawn::{Case, Log, Random};
use crate::drive::lateness_ms;

/// From when on no partition is away and every one has appeared.
const SETTLED_DOWN_MS: i64 = 400;

/// The environment of one run.
pub(super) struct Environment {
    /// By log.
    pub(super) places: Vec<Place>,
    /// How long a partition must be known empty before time passes there; `None` where all
    /// input lies there from the beginning and time never passes by itself.
    pub(super) idle_ms: Option<i64>,
    /// Whether early notices are asked for.
    pub(super) early: bool,
    pub(super) on_call: Settings,
    pub(super) sinks: Vec<Sink>,
    pub(super) limits: OutboxLimits,
    /// How much of the past the rules depend on.
    pub(super) horizon_ms: i64,
    /// How often rules checkpoint what they remember for long.
    pub(super) state_checkpoints: Option<Remembering>,
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
    /// How often a crash loses the end of the state log, in percent.
    pub(super) cuts_percent: u64,
    /// How often a crash comes just before rules are edited: they are while recovery replays.
    pub(super) edits_percent: u64,
    /// How often a crash loses all commits, as an expired group does, in percent.
    pub(super) forgets_percent: u64,
    /// How long records stay in the alert log at least.
    pub(super) keep_ms: i64,
    /// When the rules on the disk are edited; never where time passes by itself.
    pub(super) edited_at_ms: i64,
}

/// What happens to one partition.
pub(super) struct Place {
    /// When each record can be read.
    pub(super) arrivals: Vec<i64>,
    /// From when on it exists.
    pub(super) appears_ms: i64,
    /// While it is assigned to another.
    pub(super) away: Range<i64>,
    /// While its broker does not answer.
    pub(super) mute: Range<i64>,
}

/// How a receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    Well,
    /// Fails, refuses and forgets to answer now and then.
    Flaky,
    /// Fails until then.
    Down(i64),
    /// Refuses everything.
    Gone,
}

impl Environment {
    pub(super) fn draw(case: &Case, random: &mut Random) -> Environment {
        let is_live = random.chance(50);
        let idle_ms = is_live.then(|| random.one_of(&[0, 5, 20], 5));
        let (has_stragglers, adds) = (random.chance(40), random.chance(30));
        let places = case.logs.iter().map(|log| {
            let slack_ms = idle_ms.map(|idle_ms| idle_ms + lateness_ms(case, log));
            Place::draw(log, slack_ms, (has_stragglers, adds), random)
        });
        let places = places.collect();
        let names = ["pager", "chat", "mail"];
        let receivers: Vec<Receiver> = names[..random.within(1, 3) as usize]
            .iter()
            .map(|name| Receiver {
                name: (*name).to_owned(),
                severities: match random.within(0, 2) {
                    0 => [Severity::Critical].into_iter().collect(),
                    _ => Severities::ALL,
                },
                on: On { resolve: random.chance(80), ..On::ALL },
                spacing_ms: random.one_of(&[0, 0, 5], 0),
                is_router: false,
                fallback: None,
            })
            .collect();
        let sinks = receivers.iter().map(|_| Sink::draw(random)).collect();
        let limits = OutboxLimits {
            pending_max: random.one_of(&[2, 1000, 1000, 1000], 1000),
            in_flight_max: random.one_of(&[1, 2, 4], 4),
        };
        let routing = Routing::to_all(receivers);
        let (levels, storm_max) = (quiet_levels(), usize::MAX);
        let on_call = Settings { routing, levels, storm_max, flap_max: 0, ..Settings::default() };
        let early = random.chance(70);
        // A partition that stays far behind would hold back all others for ever: one that has ended
        // where time does not pass, or whose front a record's timestamp keeps in the past.
        let is_far_behind = |log: &Log| {
            let recorded = log.records.iter().filter_map(|of| Some((of.time, of.recorded?)));
            recorded.into_iter().any(|(time, recorded)| recorded < time - 1_000)
        };
        let may_hold_back = is_live && !case.logs.iter().any(is_far_behind);
        let every_ms = random.one_of(&[1, 3, 10], 3);
        let checkpoints = Remembering { every_ms, beyond_ms: every_ms };
        let longest_ms =
            case.logs.iter().flat_map(|log| log.records.iter().map(|of| of.time)).max();
        let edited_at_ms = random.within(0, longest_ms.unwrap_or(0).max(1));
        Environment {
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
    pub(super) fn strain(&mut self, random: &mut Random, shards: usize) {
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
        // Where time passes by itself, how far it had is only in the commits.
        self.forgets_percent =
            if self.idle_ms.is_none() { random.one_of(&[0, 0, 30], 0) } else { 0 };
    }

    /// Whether nothing will come or go any more.
    pub(super) fn is_quiet(&self, now_ms: i64) -> bool {
        let last = |place: &Place| {
            let arrived = place.arrivals.last().copied().unwrap_or(0);
            arrived.max(place.appears_ms).max(place.away.end).max(place.mute.end)
        };
        self.places.iter().all(|place| last(place) <= now_ms)
    }
}

/// Levels that ask for nothing in time: what people hear is what the alert log says.
fn quiet_levels() -> Levels {
    Severity::ALL.into_iter().fold(Levels::default(), |levels, severity| {
        let level = levels.level(severity).clone();
        levels.with(severity, Level { respond_within_ms: None, remind_every_ms: None, ..level })
    })
}

impl Place {
    /// With `slack_ms` records come one after the other within it, but for stragglers.
    fn draw(
        log: &Log,
        slack_ms: Option<i64>,
        (has_stragglers, adds): (bool, bool),
        random: &mut Random,
    ) -> Place {
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
        let stretch = |random: &mut Random| match random.chance(25) {
            true => {
                let from = random.within(0, SETTLED_DOWN_MS / 2);
                from..from + random.within(1, SETTLED_DOWN_MS / 3)
            }
            false => 0..0,
        };
        Place { arrivals, appears_ms, away: stretch(random), mute: stretch(random) }
    }

    /// Whether it came when the service already ran.
    pub(super) fn is_added(&self) -> bool {
        self.appears_ms > 0
    }
}

impl Sink {
    fn draw(random: &mut Random) -> Sink {
        match random.within(0, 19) {
            0..8 => Sink::Well,
            8..15 => Sink::Flaky,
            15..18 => Sink::Down(random.within(0, 600_000)),
            18 => Sink::Down(random.within(86_000_000, 90_000_000)),
            _ => Sink::Gone,
        }
    }

    /// Whether it has the message now, and what it says of that.
    pub(super) fn answer(self, now_ms: i64, random: &mut Random) -> (bool, DeliveryResult) {
        let (reason, why) = (FailureReason::Server, "drawn".to_owned());
        let failed =
            |after_ms| (false, DeliveryResult::Retry { reason, why: "drawn".to_owned(), after_ms });
        match self {
            Sink::Well => (true, DeliveryResult::Sent { receipt: None }),
            Sink::Gone => (false, DeliveryResult::Reject { reason, why }),
            Sink::Down(until_ms) if now_ms < until_ms => failed(None),
            Sink::Down(_) => (true, DeliveryResult::Sent { receipt: None }),
            Sink::Flaky => match random.within(0, 9) {
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
