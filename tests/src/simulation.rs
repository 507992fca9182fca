//! The node under a simulator: the shipped machines of `runtime`, with crashes drawn from a seed.
//!
//! A seed draws rules, records and an environment: when records arrive, which partitions come and
//! go, how receivers answer. A scheduler steps the machines of [`runtime::node`] in a drawn order;
//! everything outside of them is simulated: logs that lose what was not synced (`disk`), sources
//! (`sources`), notifiers (`notifiers`), clocks. The node may crash before and after each
//! effect, and recovers from what survived. The checker ([`verdict`]) compares what the alert log
//! and the receivers have with a naive interpreter.
//!
//! A [`NodeDesign`] other than the right one patches an input or an effect of the node: a sync that
//! lies, a line that is dropped, two effects that are swapped. Each must be found: that shows that
//! the checker notices, and what each promise of the node is for. Nothing wrong is compiled into
//! the node itself.

mod disk;
mod durability;
mod environment;
mod expected;
mod notifiers;
mod run_handle;
mod schedule;
mod sources;
pub mod verdict;

use std::collections::BTreeMap;

use model::notification::Notification;
use rules_dsl::rule::RuleSet;
use runtime::alert_log::record::LoggedRecord;

use crate::generators::SplitMix;

/// Crashes of one run at most: each run comes to its end.
const CRASHES_MAX: u64 = 12;
/// Wordings of the edited rules.
const EDITIONS: u64 = 3;
/// Times that a run is stopped in order and started again, at most.
const STOPS_MAX: u64 = 3;

/// Design of the node: the right way, or wrong in one respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeDesign {
    /// ARCHITECTURE D8, D9, D13 and LANGUAGE §3.6: nothing is patched.
    Right,
    /// Sources start at the committed position: windows begin empty.
    NoReplay,
    /// Silent until the committed positions are reached, not until the settled instant: commits
    /// lose the instant, and records are dropped from the alert log until then.
    SilentByOffset,
    /// The sync of the alert log lies: a commit may be durable before it.
    CommitBeforeAppend,
    /// The alert log hides the firing of open episodes.
    ForgottenLifecycle,
    /// Commits say that everything in the alert log is settled: the newest record of each key is
    /// taken for its state.
    LatestLifecycle,
    /// Commits say to replay one horizon before the newest event read, not before the settled
    /// instant.
    RewoundByTime,
    /// The alert log drops the peaks of open episodes.
    ForgottenPeaks,
    /// A partition that is empty leaves the minimum at once.
    IdleLeftOut,
    /// A partition that does not answer, or is not ours, is taken for empty.
    UnreachableIsEmpty,
    /// A partition that was not asked again is taken for empty, if it was empty before.
    HeldBackIsEmpty,
    /// An attempt's outcome is written before the attempt is made.
    RecordedBeforeSend,
    /// On-call's position in the alert log is written before the outbox's rows.
    PositionBeforeOutbox,
    /// An attempt's outcome is known when it is made: the next of its incident may overtake it.
    AnsweredBeforeLanding,
    /// Compaction drops records of episodes that are open.
    CompactsOpenEpisode,
    /// Compaction believes commits that are not durable, and does not say how far it went.
    CompactsBeyondCommit,
    /// The state log loses sightings.
    ForgottenMemory,
    /// The state log dates sightings back: the newest state is restored, not that of where
    /// replay begins.
    NewestMemory,
    /// The sync of the state log lies: what says that it is whole is durable before what it holds.
    CommitBeforeMemory,
    /// The alert log hides that rules were replaced.
    ForgottenRules,
    /// The alert log loses the ends of early alerts that no episode took up.
    ForgottenNotices,
    /// Snapshots are durable before the logs are.
    SnapshotBeforeAppend,
    /// Sources start at the newest commit, whatever the snapshot says.
    SnapshotWithNewestCommit,
    /// Snapshots lose where the past of a partition lies.
    SnapshotWithoutPast,
}

impl NodeDesign {
    /// All the wrong ones.
    pub const WRONG: [NodeDesign; 23] = [
        NodeDesign::NoReplay,
        NodeDesign::SilentByOffset,
        NodeDesign::CommitBeforeAppend,
        NodeDesign::ForgottenLifecycle,
        NodeDesign::LatestLifecycle,
        NodeDesign::RewoundByTime,
        NodeDesign::ForgottenPeaks,
        NodeDesign::IdleLeftOut,
        NodeDesign::UnreachableIsEmpty,
        NodeDesign::HeldBackIsEmpty,
        NodeDesign::RecordedBeforeSend,
        NodeDesign::PositionBeforeOutbox,
        NodeDesign::AnsweredBeforeLanding,
        NodeDesign::CompactsOpenEpisode,
        NodeDesign::CompactsBeyondCommit,
        NodeDesign::ForgottenMemory,
        NodeDesign::NewestMemory,
        NodeDesign::CommitBeforeMemory,
        NodeDesign::ForgottenRules,
        NodeDesign::ForgottenNotices,
        NodeDesign::SnapshotBeforeAppend,
        NodeDesign::SnapshotWithNewestCommit,
        NodeDesign::SnapshotWithoutPast,
    ];
}

/// State that survives a crash, as the checker sees it.
#[derive(Clone, Debug, Default)]
pub struct DurableState {
    /// Every record that ever was in the alert log, in order; compaction drops none of them here.
    pub alert_log: Vec<LoggedRecord>,
    /// Deliveries in order: the receiver's number and the notification.
    pub received: Vec<(usize, Notification)>,
    /// Crashes so far.
    pub crashes: u64,
    /// Number of occurrences of everything out of the ordinary.
    pub occurrences: BTreeMap<&'static str, u64>,
}

impl DurableState {
    /// Number of times the node was started again.
    fn restarts(&self) -> u64 {
        self.crashes + self.occurrences.get("stopped in order").copied().unwrap_or(0)
    }

    fn count(&mut self, what: &'static str) {
        *self.occurrences.entry(what).or_insert(0) += 1;
    }
}

/// The effect was not made, or its maker will not know that it was: the node is dead.
#[derive(Debug)]
struct CrashSignal;

/// The dice of one run.
#[derive(Debug)]
struct FaultPlan {
    random: SplitMix,
    crash_percent: u64,
    crashes_left: u64,
    /// Drawn apart from all else: stops, edits, and what is lost besides.
    mishaps: SplitMix,
    stops_left: u64,
}

impl FaultPlan {
    /// A moment at which the node may crash.
    fn survives(&mut self) -> bool {
        if self.crashes_left > 0 && self.random.chance(self.crash_percent) {
            self.crashes_left -= 1;
            return false;
        }
        true
    }

    /// The wording in which edited rules are found.
    fn edition(&mut self) -> u64 {
        self.mishaps.within(0, EDITIONS as i64 - 1) as u64
    }

    /// A moment at which edited rules may be edited again.
    fn edits(&mut self) -> bool {
        self.mishaps.chance(2)
    }

    /// A moment at which the node may be stopped in order.
    fn stops(&mut self) -> bool {
        let stops = self.stops_left > 0 && self.mishaps.chance(3);
        self.stops_left -= u64::from(stops);
        stops
    }
}

/// A run's options: every choice follows from the seed.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// The seed of cuts, orders, crashes and the environment of the node.
    pub seed: u64,
    /// Number of shards.
    pub shards: usize,
    /// Design of the node.
    pub design: NodeDesign,
    /// The rules that replace those of the case at some moment.
    pub after: Option<&'a RuleSet>,
    /// True when snapshots are written and resumed from.
    pub snapshots: bool,
}
