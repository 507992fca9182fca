//! Recorded events on the road: files in, settled transitions out, in one order.

mod inputs;
mod merge;

use std::sync::Arc;

use connectors::source::ReadState;
use engine::program::Program;
use engine::shard::{KEYS_PER_RULE_MAX, Restored};
use model::observation::Batch;
use model::transition::Transition;
use rules_dsl::rule::RuleSet;

use crate::commands::Exit;
use crate::pipeline::intake::{Fate, Intake, IntakeCounts};
use crate::pipeline::{Inlet, Outlet, RoadSettings, Told, open_road};
use inputs::Inputs;
use merge::Merge;

/// Lines read from one input before another may be further behind.
const LINES_A_TURN: usize = 1024;

/// Who wants to know what becomes of recorded events.
pub trait Listener {
    /// An event of a stream was taken.
    fn took(&mut self, _stream: usize, _fate: Fate) {}
    /// These observations are about to be judged.
    fn observed(&mut self, _batches: &[Batch]) {}
    /// A shard told something; its transitions come again, in order.
    fn told(&mut self, _shard: usize, _told: &mut Told) {}
    /// A settled transition, in the order of all of them.
    fn transition(&mut self, transition: &Transition) -> Result<(), Exit>;
}

/// How recorded events are read and judged.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Threads that judge.
    pub workers: usize,
    /// Year of dates that carry none.
    pub year: Option<i64>,
    /// Whether what runs at the end of input is to run out.
    pub drain: bool,
}

/// One run: this thread reads and listens, the shards judge.
pub struct Recorded<L> {
    streams: usize,
    inputs: Inputs,
    inlet: Inlet,
    outlet: Outlet,
    intake: Intake,
    merge: Merge,
    drain: bool,
    listener: L,
}

impl<L: Listener> Recorded<L> {
    /// Opens every `[STREAM=]FILE`.
    pub(crate) fn open(
        set: &RuleSet,
        program: &Arc<Program>,
        files: &[String],
        course: Course,
        listener: L,
    ) -> Result<Recorded<L>, Exit> {
        let inputs = Inputs::open(files, &set.streams, program.horizon_ms())?;
        let Course { workers, year, drain } = course;
        let settings = RoadSettings {
            workers,
            early: false,
            keys_per_rule_max: KEYS_PER_RULE_MAX,
            remembering: None,
        };
        let (inlet, outlet) = open_road(program, settings, &Restored::default());
        let intake = Intake::new(program, &set.streams, year, inlet.shards())
            .map_err(|error| Exit::Usage.because(error))?;
        let merge = Merge::new(inlet.shards());
        let streams = set.streams.len();
        Ok(Recorded { streams, inputs, inlet, outlet, intake, merge, drain, listener })
    }

    /// Reads all of it, to the end of every input.
    pub(crate) fn run(mut self) -> Result<(L, IntakeCounts), Exit> {
        while let Some(input) = self.inputs.furthest_behind() {
            let budget = self.intake.records_a_turn(input.stream(), LINES_A_TURN);
            let state = input.read(&mut self.intake, budget, &mut self.listener)?;
            input.has_ended |= state == ReadState::End;
            self.listener.observed(self.intake.batches());
            self.deliver()?;
            for (stream, settled) in self.inputs.settled(self.streams) {
                self.inlet.mark(stream, settled, self.intake.first(stream));
            }
            self.inlet.wake();
        }
        self.settle_all();
        while !self.outlet.is_finished() {
            if !self.collect()? {
                std::thread::yield_now();
            }
        }
        for transition in self.merge.rest() {
            self.listener.transition(&transition)?;
        }
        let joined = self.outlet.join();
        joined.map_err(|shard| Exit::Unreachable.because(format!("shard {shard} failed")))?;
        self.inputs.report_undecodable();
        Ok((self.listener, self.intake.counts().clone()))
    }

    /// Hands all batches over, listening meanwhile to what the shards tell.
    fn deliver(&mut self) -> Result<(), Exit> {
        while !self.inlet.deliver(self.intake.batches()) {
            if !self.collect()? {
                std::thread::yield_now();
            }
        }
        self.collect().map(|_| ())
    }

    /// The end of all input: every instant up to the largest event time is settled.
    fn settle_all(&mut self) {
        let latest = self.intake.counts().latest;
        for stream in 0..self.streams {
            if let Some(latest) = latest {
                self.inlet.mark(stream, latest, self.intake.first(stream));
            }
        }
        self.inlet.close(self.drain && latest.is_some());
    }

    fn collect(&mut self) -> Result<bool, Exit> {
        let Recorded { merge, listener, outlet, .. } = self;
        let any = outlet.collect(|shard, mut told| {
            listener.told(shard, &mut told);
            merge.add(shard, told);
        });
        for transition in merge.settled() {
            listener.transition(&transition)?;
        }
        Ok(any)
    }
}
