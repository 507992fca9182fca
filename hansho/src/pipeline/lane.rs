//! One shard's thread and the rings that lead to it and away from it.

use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use engine::shard::statistics::RuleCounts;
use engine::shard::{OpenEpisode, Out, Shard, ShardCounts, Watched};
use model::observation::{Batch, Marks};
use model::time::Timestamp;
use rtrb::{Consumer, Producer, RingBuffer};

use super::clock::monotonic;
use super::handoff::Shared;

/// Batches on their way to one shard.
pub const INBOUND_BATCHES: usize = 16;
/// What one shard has told and nobody has taken yet.
pub const OUTBOUND_TOLD: usize = 64;
/// How long an idle shard sleeps if nobody wakes it: a missed wake-up costs no more.
const IDLE_SLEEP: Duration = Duration::from_millis(5);

/// How often a shard looks through its states for open episodes.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What a shard found in one go.
#[derive(Debug, Default)]
pub struct Told {
    /// Transitions and early notices.
    pub out: Out,
    /// By stream: everything up to here has been told by this shard.
    pub settled: Vec<Timestamp>,
    /// The episodes open as of then, where the shard has looked: a restart needs their peaks.
    pub open: Option<Vec<OpenEpisode>>,
    /// What watches show as of then, where the shard has looked.
    pub watched: Option<Vec<Watched>>,
    /// What every rule made of its input, where the shard has looked.
    pub rules: Option<Vec<RuleCounts>>,
    /// What the shard holds and has refused.
    pub counts: ShardCounts,
    /// Where the reader asked for it: the shard as of a moment before the last of this.
    pub cut: Option<Cut>,
}

/// What reader and shard knew when all that was delivered until then was taken in.
#[derive(Debug)]
pub struct Cut {
    /// The reader's part, which all shards get.
    pub known: Arc<Vec<u8>>,
    /// The shard's part: see [`Shard::snapshot`].
    pub shard: Vec<u8>,
}

/// What is on its way to a shard.
enum Parcel {
    Batch(Batch),
    /// A snapshot is wanted as of here.
    Cut(Arc<Vec<u8>>),
}

/// The reading thread's end of a lane.
pub struct Inbound {
    full: Producer<Parcel>,
    spare: Consumer<Batch>,
    /// The reader's part of the newest snapshot it was asked for.
    asked: Option<Arc<Vec<u8>>>,
    thread: Thread,
}

/// The telling thread's end of a lane.
pub struct Outbound {
    told: Consumer<Told>,
}

impl Inbound {
    /// Hands a batch over; false when there is no room and it stays with the caller.
    pub(crate) fn deliver(&mut self, batch: &mut Batch) -> bool {
        if batch.is_empty() {
            return true;
        }
        if self.full.is_full() {
            self.wake();
            return false;
        }
        let fresh = self.spare.pop().unwrap_or_default();
        self.full.push(Parcel::Batch(mem::replace(batch, fresh))).is_ok()
    }

    /// Asks for a snapshot, once; false when there is no room.
    pub(crate) fn cut(&mut self, known: &Arc<Vec<u8>>) -> bool {
        let is_asked = self.asked.as_ref().is_some_and(|asked| Arc::ptr_eq(asked, known));
        if !is_asked && self.full.push(Parcel::Cut(Arc::clone(known))).is_ok() {
            self.asked = Some(Arc::clone(known));
            return true;
        }
        is_asked
    }

    pub(crate) fn wake(&self) {
        self.thread.unpark();
    }
}

impl Outbound {
    pub(crate) fn take(&mut self) -> Option<Told> {
        self.told.pop().ok()
    }

    /// Whether the shard has ended and everything it told was taken.
    pub(crate) fn is_finished(&self) -> bool {
        // The producer is dropped when the shard's thread ends, after its last push.
        self.told.is_abandoned() && self.told.is_empty()
    }
}

/// The shard's own end: it owns everything it touches.
struct Runner {
    shard: Shard,
    full: Consumer<Parcel>,
    spare: Producer<Batch>,
    told: Producer<Told>,
    shared: Arc<Shared>,
    marks: Marks,
    next_marks: Marks,
    /// A snapshot that is still to be told.
    cut: Option<Cut>,
    /// What found no room in the outbound ring.
    unsaid: Option<Told>,
    /// When it last looked at its open episodes, and whether it has told something since.
    looked_at: Instant,
    is_unseen: bool,
    has_drained: bool,
}

/// Starts the thread of a shard, which ends with it.
pub(crate) fn start(shard: Shard, shared: Arc<Shared>) -> (Inbound, Outbound, JoinHandle<Shard>) {
    let (full, take_full) = RingBuffer::new(INBOUND_BATCHES);
    let (give_spare, spare) = RingBuffer::new(INBOUND_BATCHES);
    let (tell, told) = RingBuffer::new(OUTBOUND_TOLD);
    let streams = shard.program().stream_count();
    let runner = Runner {
        shard,
        full: take_full,
        spare: give_spare,
        told: tell,
        shared,
        marks: Marks::unsettled(streams),
        next_marks: Marks::unsettled(streams),
        cut: None,
        unsaid: None,
        looked_at: monotonic(),
        is_unseen: false,
        has_drained: false,
    };
    let thread = thread::spawn(move || runner.run());
    let inbound = Inbound { full, spare, asked: None, thread: thread.thread().clone() };
    (inbound, Outbound { told }, thread)
}

impl Runner {
    fn run(mut self) -> Shard {
        loop {
            // Read before the marks and the ring: what was stored after is seen in the next
            // round.
            let is_closing = self.shared.is_closing();
            let said_all = self.say_unsaid();
            if said_all && self.work(is_closing) {
                continue;
            }
            if said_all && is_closing && self.unsaid.is_none() {
                if self.has_drained || !self.shared.drains() {
                    return self.shard;
                }
                self.drain();
                continue;
            }
            thread::park_timeout(IDLE_SLEEP);
        }
    }

    /// Takes in what is there and settles what can be; false when nothing was.
    fn work(&mut self, is_closing: bool) -> bool {
        let mut out = Out::default();
        let mut any = false;
        let Runner { shared, shard, full, spare, marks, next_marks, cut, .. } = self;
        shared.receive(
            next_marks,
            || full.pop().ok(),
            |parcel| {
                any = true;
                match parcel {
                    Parcel::Batch(mut batch) => {
                        shard.step(&batch, marks, &mut out);
                        batch.clear();
                        // A full ring of spares means memory enough: this one is let go.
                        drop(spare.push(batch));
                    }
                    Parcel::Cut(known) => *cut = Some(Cut { known, shard: shard.snapshot() }),
                }
            },
        );
        if self.next_marks != self.marks {
            any = true;
            mem::swap(&mut self.marks, &mut self.next_marks);
            self.shard.step(&Batch::default(), &self.marks, &mut out);
        }
        let is_time = is_closing || self.looked_at.elapsed() >= LOOK_INTERVAL;
        if any || (self.is_unseen && is_time) {
            self.is_unseen = !is_time;
            if is_time {
                self.looked_at = monotonic();
            }
            self.unsaid = Some(self.told(out, is_time));
            self.say_unsaid();
        }
        any
    }

    /// Goes on until every running timer has run.
    fn drain(&mut self) {
        self.has_drained = true;
        self.marks.settled.fill(Timestamp(i64::MAX));
        let mut out = Out::default();
        self.shard.step(&Batch::default(), &self.marks, &mut out);
        // At the end of time no window has anything in it.
        self.unsaid = Some(Told { watched: None, ..self.told(out, true) });
        self.say_unsaid();
    }

    /// What was found, and where it `looks`, what is held.
    fn told(&mut self, out: Out, looks: bool) -> Told {
        Told {
            out,
            settled: self.shard.settled().to_vec(),
            open: looks.then(|| self.shard.open_episodes()),
            watched: looks.then(|| self.shard.watched()),
            rules: looks.then(|| self.shard.rule_counts()),
            counts: self.shard.counts(),
            cut: self.cut.take(),
        }
    }

    /// Pushes what is still to be said; false while there is no room for it.
    fn say_unsaid(&mut self) -> bool {
        let Some(told) = self.unsaid.take() else {
            return true;
        };
        match self.told.push(told) {
            Ok(()) => true,
            Err(rtrb::PushError::Full(told)) => {
                self.unsaid = Some(told);
                false
            }
        }
    }
}
