//! The road of an event, on one screen.
//!
//! ```text
//!  source ──► decoder ──► front ──► program ──► ring ──► shard ──► ring ──► what was told
//!  records    fields      late?     filters,    SPSC,    windows,  SPSC     transitions,
//!             rules use   future?   keys        by key   episodes           early notices
//!  └────────── intake, on the reading thread ──────┘     └ one thread each ┘  └ outlet ┘
//! ```
//!
//! An [`intake::Intake`] turns records into batches of observations, one batch a shard.
//! [`Inlet::deliver`] hands them over, then says how far time has passed; a shard reads the
//! time first and its ring second, so that every observation the time speaks of is there.
//! No thread waits on a full ring: what does not fit stays where it is until it does.

pub mod clock;
mod handoff;
pub mod intake;
pub mod lane;
pub mod marks;

/// What threads share; a model checker puts its own in the place of it.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
}

use std::sync::Arc;
use std::thread::JoinHandle;

use engine::memory::Remembering;
use engine::program::Program;
use engine::shard::{Restored, Shard, ShardSettings};
use model::observation::Batch;
use model::time::Timestamp;

use handoff::Shared;
pub use lane::Told;
use lane::{Inbound, Outbound};

/// How the work is divided.
#[derive(Clone, Copy, Debug)]
pub struct RoadSettings {
    /// Shards, each a thread.
    pub workers: usize,
    /// Whether rising triggers are announced ahead of settling.
    pub early: bool,
    /// Keys one rule may hold state for.
    pub keys_per_rule_max: u32,
    /// Whether rules tell what they remember for long, and how often.
    pub remembering: Option<Remembering>,
}

/// The reading thread's end: observations and marks go in.
pub struct Inlet {
    lanes: Vec<Inbound>,
    shared: Arc<Shared>,
}

/// The telling thread's end: what the shards found comes out.
pub struct Outlet {
    lanes: Vec<Outbound>,
    threads: Vec<JoinHandle<Shard>>,
}

impl RoadSettings {
    /// The settings of every shard.
    pub(crate) fn shards(self) -> impl Iterator<Item = ShardSettings> {
        let shards = self.workers.max(1);
        (0..shards).map(move |index| ShardSettings {
            index,
            shards,
            early: self.early,
            keys_per_rule_max: self.keys_per_rule_max,
            remembering: self.remembering,
        })
    }
}

/// Starts the shards of a program.
pub(crate) fn open_road(
    program: &Arc<Program>,
    settings: RoadSettings,
    restored: &Restored,
) -> (Inlet, Outlet) {
    let shard = |settings| Shard::new(Arc::clone(program), settings, restored);
    go_on(settings.shards().map(shard).collect())
}

/// Starts the threads of shards, in their order. Those that stopped before know no marks: what
/// was said of time is to be said again.
pub(crate) fn go_on(shards: Vec<Shard>) -> (Inlet, Outlet) {
    let streams = shards.first().map_or(0, |shard| shard.program().stream_count());
    let shared = Arc::new(Shared::new(streams));
    let mut inlet = Inlet { lanes: Vec::new(), shared: Arc::clone(&shared) };
    let mut outlet = Outlet { lanes: Vec::new(), threads: Vec::new() };
    for shard in shards {
        let (inbound, outbound, thread) = lane::start(shard, Arc::clone(&shared));
        inlet.lanes.push(inbound);
        outlet.lanes.push(outbound);
        outlet.threads.push(thread);
    }
    (inlet, outlet)
}

impl Inlet {
    /// Number of shards, and so of batches to fill.
    pub(crate) fn shards(&self) -> usize {
        self.lanes.len()
    }

    /// Hands over every batch for which there is room; true when all have gone.
    ///
    /// Delivered batches come back empty, with the memory of older ones.
    pub(crate) fn deliver(&mut self, batches: &mut [Batch]) -> bool {
        let lanes = self.lanes.iter_mut().zip(batches);
        lanes.fold(true, |all, (lane, batch)| lane.deliver(batch) && all)
    }

    /// Asks every shard for a snapshot as of all that was delivered, to go with what its reader
    /// knew then; true when all have been asked.
    pub(crate) fn cut(&mut self, known: &Arc<Vec<u8>>) -> bool {
        self.lanes.iter_mut().all(|lane| lane.cut(known))
    }

    /// Says how far time has passed in a stream; only after its observations are delivered.
    pub(crate) fn mark(&self, stream: usize, settled: Timestamp, first: Option<Timestamp>) {
        self.shared.marks.publish(stream, settled, first);
    }

    /// Wakes the shards after deliveries and marks.
    pub(crate) fn wake(&self) {
        self.lanes.iter().for_each(Inbound::wake);
    }

    /// Tells the shards that nothing follows: they settle what the marks allow, with `drains`
    /// also what their timers still have to say, and end.
    pub(crate) fn close(&self, drains: bool) {
        self.shared.close(drains);
        self.wake();
    }
}

impl Outlet {
    /// Takes what the shards have told so far; true when there was something.
    pub(crate) fn collect(&mut self, mut each: impl FnMut(usize, Told)) -> bool {
        let mut any = false;
        for (shard, lane) in self.lanes.iter_mut().enumerate() {
            while let Some(told) = lane.take() {
                any = true;
                each(shard, told);
            }
        }
        any
    }

    /// Whether every shard has said its last word.
    pub(crate) fn is_finished(&self) -> bool {
        self.lanes.iter().all(Outbound::is_finished)
    }

    /// Waits for the shard threads after their last word, and takes the shards back.
    ///
    /// # Errors
    /// The number of the shard whose thread panicked.
    pub(crate) fn join(self) -> Result<Vec<Shard>, usize> {
        let threads = self.threads.into_iter().enumerate();
        threads.map(|(shard, thread)| thread.join().map_err(|_| shard)).collect()
    }
}
