//! Observer of a replay.

use std::fmt;

use model::observation::ObservationBatch;
use model::time::Timestamp;
use model::transition::Transition;

use crate::ingest::admission::AdmissionOutcome;
use crate::pipeline::shard_worker::ShardOutput;

/// Observes what becomes of recorded events.
pub trait ReplayObserver {
    /// Why it ends a replay.
    type Error;
    /// An event of a stream was admitted or not.
    fn admitted(&mut self, _stream: usize, _outcome: AdmissionOutcome) {}
    /// These observations are about to be evaluated.
    fn observed(&mut self, _batches: &[ObservationBatch]) {}
    /// A stream is settled up to an instant, its batches delivered; `first` is the time of its
    /// earliest event so far.
    fn settled(&mut self, _stream: usize, _settled: Timestamp, _first: Option<Timestamp>) {}
    /// A line, counted from 1, could not be decoded.
    fn undecodable(&mut self, input: &str, line: i64, why: &dyn fmt::Display);
    /// A shard found something; its transitions come again, in order.
    fn output(&mut self, _shard: usize, _output: &mut ShardOutput) {}
    /// A settled transition, in the order of all of them.
    ///
    /// # Errors
    /// Ends the replay.
    fn transition(&mut self, transition: &Transition) -> Result<(), Self::Error>;
}
