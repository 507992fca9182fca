//! The hand-over from the reading thread to a shard, in every interleaving of at most two
//! interruptions (loom).
//!
//! The very files of `runtime::pipeline` are compiled here over loom's atomics: once as they
//! stand, once with every ordering weakened to `Relaxed`. The ring between them is one of rtrb's
//! making, modelled: a slot, then the number of slots, stored last and loaded first.

// One file under two orderings is what is compared.
#![allow(dead_code, clippy::duplicate_mod)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use loom::thread;
use model::observation::Watermarks;
use model::time::Timestamp;

/// As it stands.
#[path = "."]
mod road {
    mod sync {
        pub(super) use loom::sync::atomic::{AtomicBool, AtomicI64, Ordering};
    }
    #[path = "../../runtime/src/pipeline/handoff.rs"]
    pub(crate) mod handoff;
    #[path = "../../runtime/src/pipeline/shared_watermarks.rs"]
    pub(crate) mod shared_watermarks;
}

/// With every ordering weakened: what it loses shows that the orderings are needed.
#[path = "."]
mod weak {
    mod sync {
        pub(super) use loom::sync::atomic::{AtomicBool, AtomicI64};

        pub(super) struct Ordering;

        #[allow(non_upper_case_globals)]
        impl Ordering {
            pub(in super::super) const Acquire: loom::sync::atomic::Ordering = Self::Relaxed;
            pub(in super::super) const Release: loom::sync::atomic::Ordering = Self::Relaxed;
            pub(in super::super) const Relaxed: loom::sync::atomic::Ordering =
                loom::sync::atomic::Ordering::Relaxed;
        }
    }
    #[path = "../../runtime/src/pipeline/handoff.rs"]
    pub(crate) mod handoff;
    #[path = "../../runtime/src/pipeline/shared_watermarks.rs"]
    pub(crate) mod shared_watermarks;
}

const EVENTS: usize = 2;
/// Threads are interrupted at most this often at a place of their own not choosing: faults of
/// this kind need one or two (Musuvathi and Qadeer 2007), and all orders would take for ever.
const PREEMPTIONS_MAX: usize = 2;

/// A ring that is never full: one thread pushes, one pops.
struct UnboundedRing {
    slots: [AtomicI64; EVENTS],
    pushed: AtomicUsize,
}

impl UnboundedRing {
    fn new() -> UnboundedRing {
        UnboundedRing { slots: [AtomicI64::new(0), AtomicI64::new(0)], pushed: AtomicUsize::new(0) }
    }

    fn push(&self, time: i64) {
        let at = self.pushed.load(Ordering::Relaxed);
        self.slots[at].store(time, Ordering::Relaxed);
        self.pushed.store(at + 1, Ordering::Release);
    }

    fn get(&self, at: usize) -> Option<i64> {
        let is_there = at < self.pushed.load(Ordering::Acquire);
        is_there.then(|| self.slots[at].load(Ordering::Relaxed))
    }
}

/// In which order the two threads do their parts.
#[derive(Clone, Copy, PartialEq)]
enum ThreadOrder {
    Right,
    /// The reading thread stores the mark before it pushes what the mark speaks of.
    MarkFirst,
    /// The reading thread closes before its last push.
    CloseFirst,
    /// The shard asks whether it is to close after it has emptied its ring.
    AskLast,
}

/// Two events, a mark after each and the end, against a shard that takes them: it must have
/// every event that a mark speaks of when it applies the mark, and everything at the end.
macro_rules! model {
    ($road:ident, $order:expr) => {{
        let mut every = loom::model::Builder::new();
        every.preemption_bound = Some(PREEMPTIONS_MAX);
        every.check(|| {
            let shared = Arc::new($road::handoff::ShardHandoff::new(1));
            let ring = Arc::new(UnboundedRing::new());
            let reader = {
                let (shared, ring) = (Arc::clone(&shared), Arc::clone(&ring));
                thread::spawn(move || {
                    for time in 1..=EVENTS as i64 {
                        let mark =
                            || shared.watermarks.publish(0, Timestamp(time), Some(Timestamp(1)));
                        if $order == ThreadOrder::CloseFirst && time == EVENTS as i64 {
                            shared.close(true);
                        }
                        if $order == ThreadOrder::MarkFirst {
                            mark();
                        }
                        ring.push(time);
                        mark();
                    }
                    shared.close(true);
                })
            };
            let (mut marks, mut taken) = (Watermarks::unsettled(1), 0);
            loop {
                let asked_first = $order != ThreadOrder::AskLast && shared.is_closing();
                let had = marks.clone();
                let before = taken;
                let mut next = taken;
                let pop = || {
                    let found = ring.get(next);
                    next += usize::from(found.is_some());
                    found
                };
                shared.receive(&mut marks, pop, |time: i64| {
                    taken += 1;
                    assert_eq!(time, taken as i64, "the slot was not written yet");
                });
                let Timestamp(settled) = marks.settled[0];
                assert!(settled <= taken as i64, "settled {settled}, and {taken} events came");
                assert!(settled < 1 || marks.first[0].is_some(), "began without a first event");
                let is_closing =
                    asked_first || ($order == ThreadOrder::AskLast && shared.is_closing());
                if is_closing && taken == before && marks == had {
                    break;
                }
                thread::yield_now();
            }
            assert!(shared.drains(), "closing was seen, and not how");
            assert_eq!((taken, marks.settled[0]), (EVENTS, Timestamp(EVENTS as i64)), "the end");
            reader.join().unwrap();
        });
    }};
}

#[test]
fn a_shard_has_every_event_that_its_marks_speak_of() {
    model!(road, ThreadOrder::Right);
}

#[test]
fn every_weaker_order_is_found() {
    let is_found = |run: &dyn Fn()| catch_unwind(AssertUnwindSafe(run)).is_err();
    assert!(is_found(&|| model!(road, ThreadOrder::MarkFirst)), "mark before push");
    assert!(is_found(&|| model!(road, ThreadOrder::CloseFirst)), "close before the last push");
    assert!(is_found(&|| model!(road, ThreadOrder::AskLast)), "closing read after the ring");
    assert!(is_found(&|| model!(weak, ThreadOrder::Right)), "relaxed marks and flags");
}
