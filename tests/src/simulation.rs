//! A service that dies: the production state machines under crashes drawn from a seed.
//!
//! What survives a crash is the logs, the alert log, the state log, the commits and the rows of
//! on-call. A worker reads partitions that come and go, steps its shards, appends what
//! they tell, lets on-call fold and send it, commits, and drops from the alert log what nobody
//! needs; it may die before and after each append, row, commit and compaction, and its
//! successor starts from what survived (ARCHITECTURE D8, D9, D10, D13). In some runs other rules
//! are put in force meanwhile. A [`Design`] other than the right one leaves out a part of that, to
//! show that the checker ([`verdict`]) notices.

mod compaction;
mod memory;
mod people;
mod recovery;
mod reload;
mod snapshot;
pub mod verdict;
mod views;
mod worker;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use engine::memory::MemoryId;
use engine::program::ProgramError;
use engine::shard::ShardCounts;
use model::decimal::Decimal;
use model::notification::Notification;
use model::time::Timestamp;
use model::transition::{EarlyAlert, EpisodeId, Transition};
use oncall::desk::{Row, RowKey};
use rules_dsl::rule::RuleSet;

use crate::drawn::{Case, Random};
use memory::Kept;
use reload::{InForce, Replaced};
use snapshot::Snapshot;
use views::Views;
use worker::Worker;
use world::World;

/// Crashes of one run at most: each run comes to its end.
const CRASHES_MAX: u64 = 12;

/// How the service is designed: the right way, or wrong in one respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// ARCHITECTURE D8, D9, D13 and LANGUAGE §3.6.
    Right,
    /// Reads on at the committed position: windows begin empty.
    NoReplay,
    /// Is silent until the committed positions are reached, not until the settled instant.
    SilentByOffset,
    /// Commits what is settled before it is appended.
    CommitBeforeAppend,
    /// Knows nothing of the episodes that were open.
    ForgottenLifecycle,
    /// Takes the newest record of each key for its state, not the state as of the commit.
    LatestLifecycle,
    /// Reads again one horizon before the newest event read, not before the settled instant.
    RewoundByTime,
    /// Does not keep the peaks of open episodes.
    ForgottenPeaks,
    /// Leaves a partition that is empty out of the minimum at once.
    IdleLeftOut,
    /// Lets time pass in a partition that does not answer or is not ours, if it was empty before.
    UnreachableIsEmpty,
    /// Lets time pass in a partition that was not asked again, if it was empty before.
    HeldBackIsEmpty,
    /// Writes an attempt's result down before the attempt is made.
    RecordedBeforeSend,
    /// Writes on-call's position in the alert log down before the outbox's rows.
    PositionBeforeOutbox,
    /// Takes an attempt for done when it is made: the next of its incident may overtake it.
    AnsweredBeforeLanding,
    /// Drops old records of episodes that are open from the alert log.
    CompactsOpenEpisode,
    /// Drops records of closed episodes that a successor derives again.
    CompactsBeyondCommit,
    /// Reads on where memories are whole, and does not take them up.
    ForgottenMemory,
    /// Takes up what rules knew last, not what they knew where reading begins.
    NewestMemory,
    /// Writes what rules have learnt after the commit that relies on it.
    CommitBeforeMemory,
    /// Knows after a crash of no other rules than those it began with.
    ForgottenRules,
    /// Leaves open what was announced under rules that were replaced before it settled.
    ForgottenNotices,
    /// Writes a snapshot of shards before what they told and had learnt is in the logs.
    SnapshotBeforeAppend,
    /// Takes shards up from a snapshot, and reads on where the newest commit says.
    SnapshotWithNewestCommit,
    /// Forgets, with a snapshot, where the past of a partition would have to be read again.
    SnapshotWithoutPast,
}

impl Design {
    /// All the wrong ones.
    pub const WRONG: [Design; 23] = [
        Design::NoReplay,
        Design::SilentByOffset,
        Design::CommitBeforeAppend,
        Design::ForgottenLifecycle,
        Design::LatestLifecycle,
        Design::RewoundByTime,
        Design::ForgottenPeaks,
        Design::IdleLeftOut,
        Design::UnreachableIsEmpty,
        Design::HeldBackIsEmpty,
        Design::RecordedBeforeSend,
        Design::PositionBeforeOutbox,
        Design::AnsweredBeforeLanding,
        Design::CompactsOpenEpisode,
        Design::CompactsBeyondCommit,
        Design::ForgottenMemory,
        Design::NewestMemory,
        Design::CommitBeforeMemory,
        Design::ForgottenRules,
        Design::ForgottenNotices,
        Design::SnapshotBeforeAppend,
        Design::SnapshotWithNewestCommit,
        Design::SnapshotWithoutPast,
    ];
}

/// What outlives a crash.
#[derive(Clone, Debug, Default)]
pub struct Survivors {
    /// Transitions and early notices, as they were appended.
    pub alert_log: Vec<Told>,
    /// Numbers of those that were dropped from it since.
    gone: BTreeSet<usize>,
    /// So many of its first records everybody has been told of.
    aged: usize,
    /// By record of the alert log: when the service saw it.
    pub detected: Vec<Timestamp>,
    /// The newest peak of each open episode, true by itself.
    pub peaks: BTreeMap<EpisodeId, Option<Decimal>>,
    /// By stream: up to where something may be in one of them.
    peaks_as_of: Vec<Timestamp>,
    /// The state log: by rule what it remembers for long.
    state_log: BTreeMap<MemoryId, Kept>,
    /// The record in the alert log of rules that came into force.
    replaced: Option<Replaced>,
    /// By log: the text of its last commit.
    commits: BTreeMap<usize, String>,
    /// What shards and readers knew at a commit: a cache.
    snapshot: Option<Snapshot>,
    /// What on-call keeps beside the alert log.
    pub rows: BTreeMap<RowKey, Row>,
    /// What receivers got, in order: the receiver's number and the notification.
    pub received: Vec<(usize, Notification)>,
    /// Crashes so far.
    pub crashes: u64,
    /// Transitions derived again and known from the log.
    pub repeated: u64,
    /// How often anything out of the ordinary happened.
    pub deeds: BTreeMap<&'static str, u64>,
}

impl Survivors {
    fn note(&mut self, deed: &'static str) {
        *self.deeds.entry(deed).or_insert(0) += 1;
    }
}

/// A record of the alert log.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A settled transition.
    Settled(Transition),
    /// An early notice.
    Early(EarlyAlert),
    /// The end of an early notice that no episode took up.
    Withdrawn(Transition),
}

/// The worker died.
#[derive(Debug)]
struct Crash;

/// The dice of one run.
struct Fate {
    random: Random,
    crash_percent: u64,
    crashes_left: u64,
}

impl Fate {
    /// A place at which a worker may die.
    fn survive(&mut self) -> Result<(), Crash> {
        if self.crashes_left > 0 && self.random.chance(self.crash_percent) {
            self.crashes_left -= 1;
            return Err(Crash);
        }
        Ok(())
    }
}

/// A run's course: every choice follows from the seed.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    /// The seed of cuts, orders, crashes and the world around the service.
    pub seed: u64,
    /// Number of shards.
    pub shards: usize,
    /// How the service is designed.
    pub design: Design,
    /// The rules that replace those of the case at some moment.
    pub after: Option<&'a RuleSet>,
    /// Whether snapshots are written and taken up.
    pub snapshots: bool,
}

/// A run that came to its end.
struct Ended {
    survivors: Survivors,
    views: Views,
    world: World,
    last: LastWords,
}

/// What the last life held when everything had been said and every window had passed.
#[derive(Debug, Default)]
struct LastWords {
    counts: ShardCounts,
    /// Episodes that stay open whatever time passes, and their different keys.
    open: u64,
    open_keys: u64,
    /// The same of shards that never saw an event.
    fresh: ShardCounts,
    /// Deliveries still pending.
    pending: usize,
}

/// Runs a case to its end through any number of crashes.
fn run(case: &Case, course: Course<'_>) -> Result<Ended, ProgramError> {
    let mut random = Random::new(course.seed);
    let world = World::draw(case, &mut random);
    let crash_percent = random.one_of(&[0, 2, 8, 20], 2);
    let mut fate = Fate { random, crash_percent, crashes_left: CRASHES_MAX };
    let mut survivors = Survivors::default();
    let mut views = Views::new(case)?;
    let mut now_ms = 0;
    loop {
        let rules = InForce::of(case, course, &survivors)?;
        let mut worker = Worker::start(case, &world, &rules, course, &mut survivors, now_ms);
        views.begin(&worker.published);
        // Shards that were taken up from a snapshot have settled something.
        views.settle(worker.marks());
        match worker.work(&mut survivors, &mut views, &mut fate) {
            Ok(last) => return Ok(Ended { survivors, views, world, last }),
            Err(Crash) => {
                worker.die(&mut survivors, &mut fate);
                survivors.crashes += 1;
                now_ms = worker.now_ms + fate.random.within(0, 10);
            }
        }
    }
}
