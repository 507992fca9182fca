//! The reading thread's work: records to observations, and how far time has passed.

use std::sync::Arc;

use connectors::codec::{CodecError, DecodeError, Decoder};
use engine::program::{ObserveCounts, Program};
use engine::resume::{ResumeIndex, ResumePoint};
use engine::watermark::{Admission, Front};
use model::event::Record;
use model::observation::{Batch, Origin};
use model::schema::Schema;
use model::time::Timestamp;

use runtime::telemetry::rule_metrics::ReadFigures;

/// A batch is handed over when it holds this many rows, or this many bytes of keys.
pub const BATCH_ROWS: usize = 1024;
pub const BATCH_BYTES: usize = 256 * 1024;
/// Events that a record of a codec with many of them is taken for when a turn is planned. All of
/// a turn waits in the batches, and they are to stay small.
const EVENTS_A_RECORD: usize = 256;

/// Decodes, admits and filters the records of all partitions a thread reads.
pub struct Intake {
    program: Arc<Program>,
    streams: Vec<StreamIntake>,
    batches: Vec<Batch>,
    counts: IntakeCounts,
}

struct StreamIntake {
    decoder: Decoder,
    first: Option<Timestamp>,
    accepted: u64,
    /// How far the stream was said to be settled: what comes for an instant before it is
    /// dropped, and begins nothing.
    settled: Timestamp,
}

/// One partition as the reading thread knows it.
pub struct Partition {
    /// Index of its stream.
    pub stream: usize,
    /// Its number within the stream.
    pub number: i32,
    /// The offset after the last record read.
    pub next_offset: i64,
    front: Front,
    resume: ResumeIndex,
}

/// Where the reading of a partition stands.
#[derive(Debug)]
pub struct Place {
    /// The offset after the last record read.
    pub offset: i64,
    /// The partition's front.
    pub front: Option<Timestamp>,
    /// Where its past lies.
    pub past: ResumeIndex,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It counts.
    Accepted,
    /// It is older than its partition's watermark.
    Late {
        /// How far behind the partition's front it came, in milliseconds.
        behind_ms: i64,
    },
    /// It is dated too far after its record's timestamp.
    Future {
        /// The time it claims.
        time: Timestamp,
    },
}

/// What became of all records.
#[derive(Clone, Debug, Default)]
pub struct IntakeCounts {
    /// Events that were decoded; of some codecs a record holds many.
    pub events: u64,
    /// Events older than their partition's watermark.
    pub late_dropped: u64,
    /// Records that cannot be decoded.
    pub undecodable: u64,
    /// Events dated too far in the future.
    pub refused_future: u64,
    /// What filters and keys made of the rest.
    pub observed: ObserveCounts,
    /// The largest event time that counted.
    pub latest: Option<Timestamp>,
}

impl Partition {
    /// A partition read from `from` on.
    pub(crate) fn new(
        stream: usize,
        number: i32,
        lateness_ms: i64,
        horizon_ms: i64,
        from: ResumePoint,
    ) -> Partition {
        Partition {
            stream,
            number,
            next_offset: from.offset,
            front: Front::new(lateness_ms, from.front),
            resume: ResumeIndex::new(horizon_ms),
        }
    }

    /// The partition's front.
    pub(crate) fn front(&self) -> Option<Timestamp> {
        self.front.front()
    }

    /// Where its reading stands.
    pub(crate) fn place(&self) -> Place {
        let (offset, front) = (self.next_offset, self.front.front());
        Place { offset, front, past: self.resume.clone() }
    }

    /// Goes on from where the reading stood.
    pub(crate) fn put(&mut self, place: Place) {
        self.next_offset = place.offset;
        self.front.put(place.front);
        self.resume = place.past;
    }

    /// Judges the next event, and moves the front.
    fn admit(&mut self, time: Timestamp, recorded: Option<Timestamp>) -> Fate {
        match self.front.admit(time, recorded) {
            Admission::Accepted => Fate::Accepted,
            Admission::Late => {
                let front = self.front.front().unwrap_or(time);
                Fate::Late { behind_ms: front.0.saturating_sub(time.0) }
            }
            Admission::Future => Fate::Future { time },
        }
    }

    /// The last instant it can add nothing to, were its front at `front`.
    pub(crate) fn settled_at(&self, front: Timestamp) -> Timestamp {
        self.front.settled_at(front)
    }

    /// How far time had come in it where everything up to `settled` is told.
    pub(crate) const fn reached_at(&self, settled: Timestamp) -> Timestamp {
        self.front.reached_at(settled)
    }

    /// Where to read it again to know everything later than `instant`.
    pub(crate) fn resume_after(&mut self, instant: Timestamp) -> ResumePoint {
        let end = ResumePoint { offset: self.next_offset, front: self.front.front() };
        self.resume.resume_after(instant, end)
    }
}

impl Intake {
    /// The intake of a program whose streams have these schemas, for so many shards.
    ///
    /// # Errors
    /// A schema with a time format that cannot be read.
    pub(crate) fn new(
        program: &Arc<Program>,
        schemas: &[Arc<Schema>],
        year: Option<i64>,
        shards: usize,
    ) -> Result<Intake, CodecError> {
        let stream = |schema: &Arc<Schema>| -> Result<StreamIntake, CodecError> {
            let decoder = Decoder::new(Arc::clone(schema), year)?;
            let settled = Timestamp(i64::MIN);
            Ok(StreamIntake { decoder, first: None, accepted: 0, settled })
        };
        Ok(Intake {
            program: Arc::clone(program),
            streams: schemas.iter().map(stream).collect::<Result<_, _>>()?,
            batches: (0..shards).map(|_| Batch::default()).collect(),
            counts: IntakeCounts::default(),
        })
    }

    /// Takes the next record of a partition, unless it was read before, and says of each of its
    /// events what became of it. Each is admitted by itself, in the order they stand in.
    ///
    /// # Errors
    /// A record that cannot be decoded; none of its events counts.
    pub(crate) fn take(
        &mut self,
        partition: &mut Partition,
        record: &Record<'_>,
        mut each: impl FnMut(Fate),
    ) -> Result<(), DecodeError> {
        let Intake { program, streams, batches, counts } = self;
        let Some(stream) = streams.get_mut(partition.stream) else {
            return Ok(());
        };
        if record.offset < partition.next_offset {
            return Ok(());
        }
        partition.next_offset = record.offset + 1;
        // Where the record is read again, all of its events are.
        let before = ResumePoint { offset: record.offset, front: partition.front.front() };
        let mut origin = Origin {
            stream: partition.stream as u32,
            partition: partition.number,
            offset: record.offset,
            index: 0,
        };
        let StreamIntake { decoder, first, accepted, settled } = stream;
        let decoded = decoder.decode(record, |event| {
            let fate = partition.admit(event.time, record.timestamp);
            counts.events += 1;
            match fate {
                Fate::Accepted => {
                    program.observe(event, origin, batches, &mut counts.observed);
                    partition.resume.note(event.time, before);
                    counts.latest = counts.latest.max(Some(event.time));
                    *accepted += 1;
                    if event.time > *settled {
                        *first = Some(first.map_or(event.time, |first| first.min(event.time)));
                    }
                }
                Fate::Late { .. } => counts.late_dropped += 1,
                Fate::Future { .. } => counts.refused_future += 1,
            }
            origin.index += 1;
            each(fate);
        });
        counts.undecodable += u64::from(decoded.is_err());
        decoded
    }

    /// How many records of a stream to read at a turn: `records` of one event each, and fewer
    /// of those that hold many.
    pub(crate) fn records_a_turn(&self, stream: usize, records: usize) -> usize {
        let is_many = self.streams.get(stream).is_some_and(|stream| stream.decoder.is_many());
        if is_many { records.div_ceil(EVENTS_A_RECORD) } else { records }
    }

    /// Notes a record that never became a payload to decode.
    pub(crate) fn skip(&mut self, partition: &mut Partition, offset: i64) {
        partition.next_offset = partition.next_offset.max(offset + 1);
        self.counts.undecodable += 1;
    }

    /// The batches to deliver, one a shard.
    pub(crate) fn batches(&mut self) -> &mut [Batch] {
        &mut self.batches
    }

    /// Whether a batch is large enough to be handed over before more is read.
    pub(crate) fn is_full(&self) -> bool {
        let is_large = |b: &Batch| b.rows.len() >= BATCH_ROWS || b.bytes.len() >= BATCH_BYTES;
        self.batches.iter().any(is_large)
    }

    /// The time of a stream's earliest event that counted.
    pub(crate) fn first(&self, stream: usize) -> Option<Timestamp> {
        self.streams.get(stream).and_then(|stream| stream.first)
    }

    /// Notes how far a stream was said to be settled, now or by an earlier run.
    pub(crate) fn note_settled(&mut self, stream: usize, settled: Timestamp) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.settled = stream.settled.max(settled);
        }
    }

    /// Takes up a stream's earliest event time from an earlier run.
    pub(crate) fn restore_first(&mut self, stream: usize, first: Option<Timestamp>) {
        if let (Some(stream), Some(first)) = (self.streams.get_mut(stream), first) {
            stream.first = Some(stream.first.map_or(first, |have| have.min(first)));
        }
    }

    /// What became of all records so far.
    pub(crate) const fn counts(&self) -> &IntakeCounts {
        &self.counts
    }

    /// By rule, in the order of the program: events of its streams that counted, and how many
    /// of those it selected lack a field of its key.
    pub(crate) fn rule_figures(&self) -> impl Iterator<Item = ReadFigures> {
        let accepted = |stream: &usize| self.streams.get(*stream).map_or(0, |of| of.accepted);
        self.program.rules().iter().map(move |rule| ReadFigures {
            evaluated: rule.streams.iter().map(accepted).sum(),
            observed: self.counts.observed.observed_of(rule),
            skipped_missing_key: self.counts.observed.skipped_of(rule),
        })
    }
}

#[cfg(test)]
mod tests;
