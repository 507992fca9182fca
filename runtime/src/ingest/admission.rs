//! From records to observations: decoding, admission by the partition's own time, filters.

use std::sync::Arc;

use connectors::codec::{CodecError, DecodeError, Decoder};
use engine::program::{ObserveCounts, Program};
use engine::resume::{ResumeIndex, ResumePoint};
use engine::watermark::{EventAdmission, PartitionWatermark};
use model::event::{Event, Record};
use model::observation::{EventOrigin, ObservationBatch};
use model::schema::Schema;
use model::time::Timestamp;

use crate::telemetry::rule_metrics::ReadFigures;

/// Rows at which a batch is handed over.
pub const BATCH_ROWS: usize = 1024;
/// Bytes of keys at which a batch is handed over.
pub const BATCH_BYTES: usize = 256 * 1024;
/// Events that a record of a codec with many of them is taken for when a turn is planned. All of
/// a turn waits in the batches, and they are to stay small.
const EVENTS_A_RECORD: usize = 256;

/// Decodes, admits and filters the records of all partitions a thread reads.
pub struct RecordIngester {
    program: Arc<Program>,
    streams: Vec<StreamIngester>,
    batches: Vec<ObservationBatch>,
    counts: IngestCounts,
}

struct StreamIngester {
    decoder: Decoder,
    progress: StreamProgress,
}

struct StreamProgress {
    first: Option<Timestamp>,
    accepted: u64,
    /// Instant up to which the stream was published as settled: an event at or before it is
    /// dropped, and does not count as the stream's first.
    settled: Timestamp,
}

/// Admission of one event, with everything it moves.
struct EventAdmitter<'a> {
    program: &'a Program,
    progress: &'a mut StreamProgress,
    batches: &'a mut [ObservationBatch],
    counts: &'a mut IngestCounts,
}

impl EventAdmitter<'_> {
    /// Admits the event at `place`: where its record begins, and its number in the record.
    fn admit(
        &mut self,
        partition: &mut PartitionProgress,
        event: &Event<'_>,
        recorded: Option<Timestamp>,
        place: (ResumePoint, u32),
    ) -> AdmissionOutcome {
        let outcome = partition.admit(event.time, recorded);
        let EventAdmitter { program, progress, batches, counts } = self;
        counts.events += 1;
        match outcome {
            AdmissionOutcome::Accepted => {
                let (start, index) = place;
                let origin = EventOrigin {
                    stream: partition.stream as u32,
                    partition: partition.number,
                    offset: start.offset,
                    index,
                };
                program.observe(event, origin, batches, &mut counts.observed);
                partition.resume.record(event.time, start);
                counts.latest = counts.latest.max(Some(event.time));
                progress.accepted += 1;
                if event.time > progress.settled {
                    let first = progress.first.map_or(event.time, |first| first.min(event.time));
                    progress.first = Some(first);
                }
            }
            AdmissionOutcome::Late { .. } => counts.late_dropped += 1,
            AdmissionOutcome::Future { .. } => counts.refused_future += 1,
        }
        outcome
    }
}

/// One partition as the reading thread knows it.
pub struct PartitionProgress {
    /// Index of its stream.
    pub stream: usize,
    /// Its number within the stream.
    pub number: i32,
    /// The offset after the last record read.
    pub next_offset: i64,
    front: PartitionWatermark,
    resume: ResumeIndex,
}

/// Checkpoint of the reading of a partition.
#[derive(Debug)]
pub struct PartitionCheckpoint {
    /// The offset after the last record read.
    pub offset: i64,
    /// The partition's front.
    pub front: Option<Timestamp>,
    /// Index of offsets by event time.
    pub past: ResumeIndex,
}

/// Outcome of the admission of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionOutcome {
    /// It counts.
    Accepted,
    /// It is older than its partition's watermark.
    Late {
        /// Lateness behind the partition's newest event, in milliseconds.
        behind_ms: i64,
    },
    /// It is dated too far after its record's timestamp.
    Future {
        /// The time it claims.
        time: Timestamp,
    },
}

/// Counts of all records by outcome.
#[derive(Clone, Debug, Default)]
pub struct IngestCounts {
    /// Events that were decoded; of some codecs a record holds many.
    pub events: u64,
    /// Events older than their partition's watermark.
    pub late_dropped: u64,
    /// Records that cannot be decoded.
    pub undecodable: u64,
    /// Events dated too far in the future.
    pub refused_future: u64,
    /// Counts of filters and keys.
    pub observed: ObserveCounts,
    /// The largest event time that counted.
    pub latest: Option<Timestamp>,
}

impl PartitionProgress {
    /// A partition read from `from` on.
    pub(crate) fn new(
        stream: usize,
        number: i32,
        lateness_ms: i64,
        horizon_ms: i64,
        from: ResumePoint,
    ) -> PartitionProgress {
        PartitionProgress {
            stream,
            number,
            next_offset: from.offset,
            front: PartitionWatermark::new(lateness_ms, from.front),
            resume: ResumeIndex::new(horizon_ms),
        }
    }

    /// The partition's front.
    pub(crate) fn front(&self) -> Option<Timestamp> {
        self.front.front()
    }

    /// Checkpoint of its reading.
    pub(crate) fn checkpoint(&self) -> PartitionCheckpoint {
        let (offset, front) = (self.next_offset, self.front.front());
        PartitionCheckpoint { offset, front, past: self.resume.clone() }
    }

    /// Goes on from where the reading stood.
    pub(crate) fn restore(&mut self, checkpoint: PartitionCheckpoint) {
        self.next_offset = checkpoint.offset;
        self.front.put(checkpoint.front);
        self.resume = checkpoint.past;
    }

    /// Judges the next event, and moves the front.
    fn admit(&mut self, time: Timestamp, recorded: Option<Timestamp>) -> AdmissionOutcome {
        match self.front.admit(time, recorded) {
            EventAdmission::Accepted => AdmissionOutcome::Accepted,
            EventAdmission::Late => {
                let front = self.front.front().unwrap_or(time);
                AdmissionOutcome::Late { behind_ms: front.0.saturating_sub(time.0) }
            }
            EventAdmission::Future => AdmissionOutcome::Future { time },
        }
    }

    /// The last instant it can add nothing to, were its front at `front`.
    pub(crate) fn settled_at(&self, front: Timestamp) -> Timestamp {
        self.front.settled_at(front)
    }

    /// Point up to which time had come in it where everything up to `settled` is told.
    pub(crate) const fn reached_at(&self, settled: Timestamp) -> Timestamp {
        self.front.reached_at(settled)
    }

    /// Offset from which a replay covers everything later than `instant`.
    pub(crate) fn resume_after(&mut self, instant: Timestamp) -> ResumePoint {
        let end = ResumePoint { offset: self.next_offset, front: self.front.front() };
        self.resume.resume_after(instant, end)
    }
}

impl RecordIngester {
    /// The ingester of a program whose streams have these schemas, for so many shards.
    ///
    /// # Errors
    /// A schema with a time format that cannot be read.
    pub(crate) fn new(
        program: &Arc<Program>,
        schemas: &[Arc<Schema>],
        year: Option<i64>,
        shards: usize,
    ) -> Result<RecordIngester, CodecError> {
        let stream = |schema: &Arc<Schema>| -> Result<StreamIngester, CodecError> {
            let decoder = Decoder::new(Arc::clone(schema), year)?;
            let settled = Timestamp(i64::MIN);
            let progress = StreamProgress { first: None, accepted: 0, settled };
            Ok(StreamIngester { decoder, progress })
        };
        Ok(RecordIngester {
            program: Arc::clone(program),
            streams: schemas.iter().map(stream).collect::<Result<_, _>>()?,
            batches: (0..shards).map(|_| ObservationBatch::default()).collect(),
            counts: IngestCounts::default(),
        })
    }

    /// Ingests the next record of a partition, unless it was read before; `each` gets the outcome
    /// of each of its events. Each is admitted by itself, in the order they stand in.
    ///
    /// # Errors
    /// A record that cannot be decoded; none of its events counts.
    pub(crate) fn ingest(
        &mut self,
        partition: &mut PartitionProgress,
        record: &Record<'_>,
        mut each: impl FnMut(AdmissionOutcome),
    ) -> Result<(), DecodeError> {
        let RecordIngester { program, streams, batches, counts } = self;
        let Some(stream) = streams.get_mut(partition.stream) else {
            return Ok(());
        };
        if record.offset < partition.next_offset {
            return Ok(());
        }
        partition.next_offset = record.offset + 1;
        // Where the record is read again, all of its events are.
        let start = ResumePoint { offset: record.offset, front: partition.front.front() };
        let mut index = 0;
        let StreamIngester { decoder, progress } = stream;
        let mut admission = EventAdmitter { program, progress, batches, counts };
        let decoded = decoder.decode(record, |event| {
            each(admission.admit(partition, event, record.timestamp, (start, index)));
            index += 1;
        });
        counts.undecodable += u64::from(decoded.is_err());
        decoded
    }

    /// Ingests the next event of a partition that needs no decoding; `recorded` is the timestamp
    /// of the record it stands for.
    pub fn ingest_event(
        &mut self,
        partition: &mut PartitionProgress,
        event: &Event<'_>,
        recorded: Option<Timestamp>,
    ) -> AdmissionOutcome {
        let RecordIngester { program, streams, batches, counts } = self;
        let Some(stream) = streams.get_mut(partition.stream) else {
            return AdmissionOutcome::Accepted;
        };
        let offset = partition.next_offset;
        partition.next_offset += 1;
        let start = ResumePoint { offset, front: partition.front.front() };
        let progress = &mut stream.progress;
        let mut admission = EventAdmitter { program, progress, batches, counts };
        admission.admit(partition, event, recorded, (start, 0))
    }

    /// Number of records of a stream to read at a turn: `records` of one event each, and fewer of
    /// those that hold many.
    pub(crate) fn records_a_turn(&self, stream: usize, records: usize) -> usize {
        let is_many = self.streams.get(stream).is_some_and(|stream| stream.decoder.is_many());
        if is_many { records.div_ceil(EVENTS_A_RECORD) } else { records }
    }

    /// Notes a record that never became a payload to decode.
    pub(crate) fn skip(&mut self, partition: &mut PartitionProgress, offset: i64) {
        partition.next_offset = partition.next_offset.max(offset + 1);
        self.counts.undecodable += 1;
    }

    /// The batches to deliver, one a shard.
    pub(crate) fn batches(&mut self) -> &mut [ObservationBatch] {
        &mut self.batches
    }

    /// True when a batch is large enough to be handed over before more is read.
    pub(crate) fn is_full(&self) -> bool {
        let is_large =
            |b: &ObservationBatch| b.rows.len() >= BATCH_ROWS || b.bytes.len() >= BATCH_BYTES;
        self.batches.iter().any(is_large)
    }

    /// The time of a stream's earliest event that counted.
    pub(crate) fn first(&self, stream: usize) -> Option<Timestamp> {
        self.streams.get(stream).and_then(|stream| stream.progress.first)
    }

    /// Notes how far a stream was said to be settled, now or by an earlier run.
    pub(crate) fn record_settled(&mut self, stream: usize, settled: Timestamp) {
        if let Some(StreamIngester { progress, .. }) = self.streams.get_mut(stream) {
            progress.settled = progress.settled.max(settled);
        }
    }

    /// Takes up a stream's earliest event time from an earlier run.
    pub(crate) fn restore_first(&mut self, stream: usize, first: Option<Timestamp>) {
        if let (Some(stream), Some(first)) = (self.streams.get_mut(stream), first) {
            let known = &mut stream.progress.first;
            *known = Some(known.map_or(first, |known| known.min(first)));
        }
    }

    /// Counts of all records so far.
    pub(crate) const fn counts(&self) -> &IngestCounts {
        &self.counts
    }

    /// By rule, in the order of the program: events of its streams that counted, and how many
    /// of those it selected lack a field of its key.
    pub(crate) fn rule_figures(&self) -> impl Iterator<Item = ReadFigures> {
        let accepted =
            |stream: &usize| self.streams.get(*stream).map_or(0, |of| of.progress.accepted);
        self.program.rules().iter().map(move |rule| ReadFigures {
            evaluated: rule.streams.iter().map(accepted).sum(),
            observed: self.counts.observed.observed_of(rule),
            skipped_missing_key: self.counts.observed.skipped_of(rule),
        })
    }
}

#[cfg(test)]
mod tests;
