//! Runs a drawn case through the engine as the pipeline would, in any interleaving.

pub mod reload;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::program::{ObserveCounts, Program, ProgramError};
use engine::shard::statistics::RuleCounts;
use engine::shard::{
    KEYS_PER_RULE_MAX, Shard, ShardRestore, ShardSettings, StepOutput, WatchSample,
};
use engine::watermark::{EventAdmission, PartitionWatermark};
use model::event::Event;
use model::observation::{EventOrigin, ObservationBatch, Watermarks};
use model::time::Timestamp;
use model::transition::{EarlyAlert, Transition};

use crate::generators::{DrawnCase, PartitionLog, PartitionRecord, SplitMix};
use crate::oracle::{AcceptedEvent, accepted};

/// Options of a run of a case.
#[derive(Clone, Copy, Debug)]
pub struct RunCourse {
    /// Number of shards.
    pub shards: usize,
    /// True when early notices are asked for.
    pub early: bool,
    /// True when time goes on after the end until no timer is left.
    pub drain: bool,
    /// True when shards are replaced now and then by what their snapshots say.
    pub snapshots: bool,
}

/// Cuts of batches: one course reads a record at a time, another whole partitions.
#[derive(Clone, Copy, Debug)]
struct BatchCuts {
    records_max: i64,
    step_percent: u64,
}

/// Output of a run.
#[derive(Debug, Default)]
pub struct RunOutput {
    /// All settled transitions, by (instant, alert, key).
    pub transitions: Vec<Transition>,
    /// All early notices, as they came.
    pub early: Vec<EarlyAlert>,
    /// Values of watches at the end.
    pub watched: Vec<WatchSample>,
    /// Observations whose instant was settled before them.
    pub late_after_settle: u64,
    /// Counts of every rule, in the order of their names.
    pub rules: Vec<RuleCounts>,
}

/// The event a logged record is.
pub fn event(record: &PartitionRecord) -> Event<'_> {
    Event { time: Timestamp(record.time), values: &record.values, items: &[] }
}

/// Input of the oracle: all accepted events, and the instant at which input ends.
pub fn oracle_input(case: &DrawnCase) -> (Vec<AcceptedEvent<'static>>, Timestamp) {
    let mut events = Vec::new();
    for log in &case.logs {
        let accepted = verdicts(case, log).into_iter().enumerate().filter(|(_, is_in)| *is_in);
        events.extend(accepted.map(|(offset, _)| accepted_event(log, offset)));
    }
    let end = events.iter().map(|event| event.time).max();
    (events, end.unwrap_or(Timestamp(i64::MIN)))
}

/// Of each record of a log, whether its partition accepts it.
pub fn verdicts(case: &DrawnCase, log: &PartitionLog) -> Vec<bool> {
    let records: Vec<(i64, Option<i64>)> =
        log.records.iter().map(|record| (record.time, record.recorded)).collect();
    accepted(&records, lateness_ms(case, log))
}

/// The record at an offset of a log, as the oracle takes it.
pub fn accepted_event(log: &PartitionLog, offset: usize) -> AcceptedEvent<'static> {
    let record = &log.records[offset];
    let (time, values) = (Timestamp(record.time), record.values.clone());
    AcceptedEvent { time, origin: origin(log, offset), values }
}

/// The case with what its partitions accept, arriving in another order within their lateness.
///
/// Events of one instant keep their order: it is part of what they mean (LANGUAGE §3.2).
pub fn rearranged(case: &DrawnCase, random: &mut SplitMix) -> DrawnCase {
    let mut case = case.clone();
    for at in 0..case.logs.len() {
        let lateness_ms = lateness_ms(&case, &case.logs[at]);
        let mut verdicts = verdicts(&case, &case.logs[at]).into_iter();
        let log = &mut case.logs[at];
        log.records.retain(|_| verdicts.next().unwrap_or(false));
        // What comes before an event is at most the lateness younger than it.
        let mut arrivals: BTreeMap<i64, i64> = BTreeMap::new();
        for record in &log.records {
            arrivals
                .entry(record.time)
                .or_insert_with(|| record.time + random.within(0, lateness_ms));
        }
        log.records.sort_by_key(|record| arrivals.get(&record.time).copied());
    }
    case
}

/// Greatest lateness of a log's events, in milliseconds.
pub fn lateness_ms(case: &DrawnCase, log: &PartitionLog) -> i64 {
    let stream = case.rules.streams.get(log.stream as usize);
    stream.map_or(0, |schema| schema.lateness_ms)
}

/// Origin of an entry of a log: two of them share a record, as if a codec had found both in it.
pub const fn origin(log: &PartitionLog, entry: usize) -> EventOrigin {
    let (offset, index) = ((entry / 2) as i64, (entry % 2) as u32);
    EventOrigin { stream: log.stream, partition: log.partition, offset, index }
}

/// Runs a case; the order of partitions and the cuts of batches are drawn.
///
/// # Errors
/// Rules that do not compile.
pub fn run(
    case: &DrawnCase,
    random: &mut SplitMix,
    course: RunCourse,
) -> Result<RunOutput, ProgramError> {
    let program = Arc::new(Program::compile(&case.rules)?);
    let mut runner = ShardRunner::new(case, program, course, &ShardRestore::default());
    runner.read_on(random, i64::MAX);
    runner.finish(course.drain);
    Ok(runner.emitted())
}

const fn settings(course: RunCourse, index: usize) -> ShardSettings {
    ShardSettings {
        index,
        shards: course.shards,
        early: course.early,
        keys_per_rule_max: KEYS_PER_RULE_MAX,
        remembering: None,
    }
}

struct ShardRunner<'a> {
    case: &'a DrawnCase,
    program: Arc<Program>,
    course: RunCourse,
    readers: Vec<(usize, PartitionWatermark)>,
    batches: Vec<ObservationBatch>,
    shards: Vec<(Shard, StepOutput)>,
    marks: Watermarks,
    largest: Timestamp,
}

impl<'a> ShardRunner<'a> {
    fn new(
        case: &'a DrawnCase,
        program: Arc<Program>,
        course: RunCourse,
        restored: &ShardRestore,
    ) -> ShardRunner<'a> {
        let shard = |index| {
            let shard = Shard::new(Arc::clone(&program), settings(course, index), restored);
            (shard, StepOutput::default())
        };
        let readers =
            case.logs.iter().map(|log| (0, PartitionWatermark::new(lateness_ms(case, log), None)));
        ShardRunner {
            case,
            course,
            readers: readers.collect(),
            batches: vec![ObservationBatch::default(); course.shards],
            shards: (0..course.shards).map(shard).collect(),
            marks: Watermarks::unsettled(program.stream_count()),
            largest: Timestamp(i64::MIN),
            program,
        }
    }

    /// Reads so many more records, or all there are, in a drawn order, and steps the shards
    /// now and then.
    fn read_on(&mut self, random: &mut SplitMix, mut records: i64) {
        let cuts = BatchCuts {
            records_max: random.one_of(&[1, 4, 4, 100], 4),
            step_percent: random.one_of(&[3, 40, 40, 100], 40),
        };
        while records > 0 {
            let open: Vec<usize> = self.unfinished();
            let Some(at) = open.get(random.bits() as usize % open.len().max(1)).copied() else {
                return;
            };
            for _ in 0..random.within(1, cuts.records_max).min(records) {
                self.read(at);
                records -= 1;
            }
            for shard in 0..self.shards.len() {
                if random.chance(cuts.step_percent) {
                    self.step(shard);
                    if self.course.snapshots && random.chance(30) {
                        self.replace(shard);
                    }
                }
            }
        }
    }

    /// The partitions with something left to read.
    fn unfinished(&self) -> Vec<usize> {
        let logs = self.case.logs.iter().zip(&self.readers).enumerate();
        let left = logs.filter(|(_, (log, reader))| reader.0 < log.records.len());
        left.map(|(at, _)| at).collect()
    }

    /// Reads the next record of a partition and moves the marks.
    fn read(&mut self, at: usize) {
        let (Some(log), Some((next, front))) = (self.case.logs.get(at), self.readers.get_mut(at))
        else {
            return;
        };
        let Some(record) = log.records.get(*next) else {
            return;
        };
        let origin = origin(log, *next);
        *next += 1;
        let time = Timestamp(record.time);
        if front.admit(time, record.recorded.map(Timestamp)) == EventAdmission::Accepted {
            let mut counts = ObserveCounts::default();
            self.program.observe(&event(record), origin, &mut self.batches, &mut counts);
            self.largest = self.largest.max(time);
            if let Some(first) = self.marks.first.get_mut(log.stream as usize) {
                *first = Some(first.map_or(time, |first| first.min(time)));
            }
        }
        self.mark(log.stream);
    }

    fn mark(&mut self, stream: u32) {
        let logs = self.case.logs.iter().zip(&self.readers);
        let own = logs.filter(|(log, _)| log.stream == stream);
        let settled = own.map(|(_, (_, front))| match front.front() {
            Some(reached) => front.settled_at(reached),
            None => Timestamp(i64::MIN),
        });
        if let (Some(mark), Some(least)) =
            (self.marks.settled.get_mut(stream as usize), settled.min())
        {
            *mark = least;
        }
    }

    fn step(&mut self, shard: usize) {
        if let (Some((shard, out)), Some(batch)) =
            (self.shards.get_mut(shard), self.batches.get_mut(shard))
        {
            shard.step(batch, &self.marks, out);
            batch.clear();
        }
    }

    /// Puts what the snapshot of a shard says in the place of the shard.
    fn replace(&mut self, index: usize) {
        let of_shard = settings(self.course, index);
        if let Some((shard, _)) = self.shards.get_mut(index) {
            let snapshot = shard.snapshot();
            let again = Shard::resume(&self.program, of_shard, &snapshot, &[]);
            *shard = again.expect("a snapshot of the same rules and settings");
        }
    }

    /// Settles what is due up to the largest event time; drained, then all that runs runs out.
    fn finish(&mut self, drain: bool) {
        let ends = [Some(self.largest), drain.then_some(Timestamp(i64::MAX))];
        for end in ends.into_iter().flatten() {
            self.marks.settled.fill(end);
            for shard in 0..self.shards.len() {
                self.step(shard);
            }
        }
    }

    fn emitted(self) -> RunOutput {
        let rules = vec![RuleCounts::default(); self.program.rules().len()];
        let mut emitted = RunOutput { rules, ..RunOutput::default() };
        for (mut shard, out) in self.shards {
            emitted.watched.extend(shard.watched());
            emitted.transitions.extend(out.transitions);
            emitted.early.extend(out.early);
            emitted.late_after_settle += shard.counts().late_after_settle;
            emitted.rules.iter_mut().zip(shard.rule_counts()).for_each(|(all, of)| all.add(&of));
        }
        emitted.transitions.sort_by(|a, b| {
            (a.facts.at, &a.facts.alert, &a.facts.key).cmp(&(
                b.facts.at,
                &b.facts.alert,
                &b.facts.key,
            ))
        });
        emitted
    }
}
