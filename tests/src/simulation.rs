//! A service that dies: the production state machines under crashes drawn from a seed.
//!
//! What survives a crash is the logs, the alert log and the last commit. A worker reads
//! partitions, steps its shards, appends what they tell, and commits; it may die before and
//! after each append and each commit, and its successor starts from what survived
//! (ARCHITECTURE D8, D9). A [`Design`] other than the right one leaves out a part of that,
//! to show that the checker notices.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use engine::program::{ObserveCounts, Program, ProgramError};
use engine::resume::{ResumeIndex, ResumePoint};
use engine::shard::{KEYS_PER_RULE_MAX, OpenEpisode, Out, Restored, Shard, ShardSettings};
use engine::watermark::{Admission, Front};
use model::decimal::Decimal;
use model::key::encode_key;
use model::observation::{Batch, Marks};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{Early, EpisodeId, Transition, TransitionKind};

use crate::drawn::{Case, Log, Random};
use crate::drive::{event, lateness_ms, origin};

/// Crashes of one run at most: each run comes to its end.
const CRASHES_MAX: u64 = 12;

/// How restarts are designed: the right way, or wrong in one respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// ARCHITECTURE D8 and D9.
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
}

/// What outlives a crash.
#[derive(Clone, Debug, Default)]
pub struct Survivors {
    /// Transitions and early notices, as they were appended.
    pub alert_log: Vec<Told>,
    /// The state log: the newest peak of each open episode, true by itself.
    pub peaks: BTreeMap<EpisodeId, Option<Decimal>>,
    commit: Option<Commit>,
    /// Crashes so far.
    pub crashes: u64,
    /// Transitions derived again and known from the log.
    pub repeated: u64,
}

/// A record of the alert log.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A settled transition.
    Settled(Transition),
    /// An early notice.
    Early(Early),
}

/// What is written in one piece: D8.
#[derive(Clone, Debug)]
struct Commit {
    positions: Vec<usize>,
    replay_from: Vec<ResumePoint>,
    settled: Vec<Timestamp>,
    first: Vec<Option<Timestamp>>,
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
pub struct Course {
    /// The seed of cuts, orders and crashes.
    pub seed: u64,
    /// Number of shards.
    pub shards: usize,
    /// How restarts are designed.
    pub design: Design,
}

/// Runs a case to its end through any number of crashes.
///
/// `on_commit` sees what is durable and the settled instants by stream at every commit.
///
/// # Errors
/// Rules that do not compile.
pub fn run(
    case: &Case,
    course: Course,
    mut on_commit: impl FnMut(&Survivors, &[Timestamp]),
) -> Result<Survivors, ProgramError> {
    let program = Arc::new(Program::compile(&case.rules)?);
    let mut random = Random::new(course.seed);
    let crash_percent = random.one_of(&[0, 2, 8, 20], 2);
    let mut fate = Fate { random, crash_percent, crashes_left: CRASHES_MAX };
    let mut survivors = Survivors::default();
    loop {
        let mut worker = Worker::start(case, &program, course, &survivors);
        match worker.work(&mut survivors, &mut fate, &mut on_commit) {
            Ok(()) => return Ok(survivors),
            Err(Crash) => survivors.crashes += 1,
        }
    }
}

/// One life of the service.
struct Worker<'a> {
    case: &'a Case,
    program: &'a Arc<Program>,
    design: Design,
    readers: Vec<Reader>,
    batches: Vec<Batch>,
    shards: Vec<(Shard, Out)>,
    marks: Marks,
    silent_until: Vec<usize>,
    known: HashSet<(EpisodeId, Option<TransitionKind>, Timestamp, Severity)>,
}

/// The reader of one partition.
struct Reader {
    next: usize,
    front: Front,
    resume: ResumeIndex,
}

impl<'a> Worker<'a> {
    fn start(
        case: &'a Case,
        program: &'a Arc<Program>,
        course: Course,
        survivors: &Survivors,
    ) -> Worker<'a> {
        let commit = survivors.commit.as_ref();
        let design = course.design;
        let restored = restored(commit, program, survivors, design);
        let shard = |index| {
            let settings = ShardSettings {
                index,
                shards: course.shards,
                early: true,
                keys_per_rule_max: KEYS_PER_RULE_MAX,
            };
            (Shard::new(Arc::clone(program), settings, &restored), Out::default())
        };
        let reader = |(at, log): (usize, &Log)| {
            let nowhere = ResumePoint { offset: 0, front: None };
            let mut from = commit.and_then(|c| c.replay_from.get(at).copied()).unwrap_or(nowhere);
            let position = commit.and_then(|c| c.positions.get(at).copied()).unwrap_or(0);
            if design == Design::NoReplay {
                from.offset = position as i64;
            }
            Reader {
                next: from.offset as usize,
                front: Front::new(lateness_ms(case, log), from.front),
                resume: ResumeIndex::new(program.horizon_ms()),
            }
        };
        let mut marks = Marks::unsettled(program.stream_count());
        if let Some(commit) = commit {
            marks.first.clone_from(&commit.first);
        }
        Worker {
            case,
            program,
            design,
            readers: case.logs.iter().enumerate().map(reader).collect(),
            batches: vec![Batch::default(); course.shards],
            shards: (0..course.shards).map(shard).collect(),
            marks,
            silent_until: match (design, commit) {
                (Design::SilentByOffset, Some(commit)) => commit.positions.clone(),
                _ => Vec::new(),
            },
            known: survivors.alert_log.iter().map(identity).collect(),
        }
    }

    fn work(
        &mut self,
        survivors: &mut Survivors,
        fate: &mut Fate,
        on_commit: &mut impl FnMut(&Survivors, &[Timestamp]),
    ) -> Result<(), Crash> {
        loop {
            let left: Vec<usize> = self.unfinished();
            let choice = fate.random.bits() as usize % left.len().max(1);
            let Some(at) = left.get(choice).copied() else {
                break;
            };
            for _ in 0..fate.random.within(1, 4) {
                self.read(at);
            }
            for shard in 0..self.shards.len() {
                if fate.random.chance(60) {
                    self.step(shard);
                }
            }
            let commits = fate.random.chance(30);
            if commits && self.design == Design::CommitBeforeAppend {
                self.commit(survivors, fate, on_commit)?;
            }
            self.append(survivors, fate)?;
            if commits && self.design != Design::CommitBeforeAppend {
                self.commit(survivors, fate, on_commit)?;
            }
        }
        self.finish();
        self.append(survivors, fate)
    }

    /// The partitions with something left to read.
    fn unfinished(&self) -> Vec<usize> {
        let logs = self.case.logs.iter().zip(&self.readers).enumerate();
        let left = logs.filter(|(_, (log, reader))| reader.next < log.records.len());
        left.map(|(at, _)| at).collect()
    }

    fn read(&mut self, at: usize) {
        let (Some(log), Some(reader)) = (self.case.logs.get(at), self.readers.get_mut(at)) else {
            return;
        };
        let Some(record) = log.records.get(reader.next) else {
            return;
        };
        let offset = reader.next;
        reader.next += 1;
        let here = ResumePoint { offset: offset as i64, front: reader.front.front() };
        let time = Timestamp(record.time);
        if reader.front.admit(time, record.recorded.map(Timestamp)) == Admission::Accepted {
            reader.resume.note(time, here);
            let mut counts = ObserveCounts::default();
            let origin = origin(log, offset);
            self.program.observe(&event(record), origin, &mut self.batches, &mut counts);
            if let Some(first) = self.marks.first.get_mut(log.stream as usize) {
                *first = Some(first.map_or(time, |first| first.min(time)));
            }
        }
        self.mark(log.stream);
    }

    fn mark(&mut self, stream: u32) {
        let logs = self.case.logs.iter().zip(&self.readers);
        let own = logs.filter(|(log, _)| log.stream == stream);
        let settled = own.map(|(_, reader)| match reader.front.front() {
            Some(reached) => reader.front.settled_at(reached),
            None => Timestamp(i64::MIN),
        });
        let mark = self.marks.settled.get_mut(stream as usize);
        if let (Some(mark), Some(least)) = (mark, settled.min()) {
            *mark = least;
        }
    }

    fn step(&mut self, shard: usize) {
        let speaks =
            self.readers.iter().zip(&self.silent_until).all(|(reader, at)| reader.next >= *at);
        if let (Some((shard, out)), Some(batch)) =
            (self.shards.get_mut(shard), self.batches.get_mut(shard))
        {
            let mut told = Out::default();
            shard.step(batch, &self.marks, &mut told);
            batch.clear();
            if speaks {
                out.transitions.append(&mut told.transitions);
                out.early.append(&mut told.early);
            }
        }
    }

    /// All input is read: everything up to the largest event time is settled.
    fn finish(&mut self) {
        let times = self.case.logs.iter().flat_map(|log| {
            let records: Vec<(i64, Option<i64>)> =
                log.records.iter().map(|record| (record.time, record.recorded)).collect();
            let verdicts = crate::oracle::accepted(&records, lateness_ms(self.case, log));
            let accepted = records.into_iter().zip(verdicts).filter(|(_, is_in)| *is_in);
            accepted.map(|((time, _), _)| time)
        });
        if let Some(end) = times.max() {
            self.marks.settled.fill(Timestamp(end));
        }
        for shard in 0..self.shards.len() {
            self.step(shard);
        }
    }

    /// Appends what the shards told; what the log holds already is only counted.
    fn append(&mut self, survivors: &mut Survivors, fate: &mut Fate) -> Result<(), Crash> {
        for (_, out) in &mut self.shards {
            let early = out.early.drain(..).map(Told::Early);
            let settled = out.transitions.drain(..).map(Told::Settled);
            for told in early.chain(settled) {
                fate.survive()?;
                if self.known.insert(identity(&told)) {
                    survivors.alert_log.push(told);
                } else {
                    survivors.repeated += 1;
                }
                fate.survive()?;
            }
        }
        Ok(())
    }

    /// Writes peaks, then the commit: everything told is in the log by then.
    fn commit(
        &mut self,
        survivors: &mut Survivors,
        fate: &mut Fate,
        on_commit: &mut impl FnMut(&Survivors, &[Timestamp]),
    ) -> Result<(), Crash> {
        fate.survive()?;
        let streams = 0..self.program.stream_count();
        let least = |stream: usize| {
            let shards = self.shards.iter().map(|(shard, _)| shard.settled().get(stream).copied());
            shards.min().flatten().unwrap_or(Timestamp(i64::MIN))
        };
        let settled: Vec<Timestamp> = streams.map(least).collect();
        for (shard, _) in &self.shards {
            for open in shard.open_episodes() {
                let id = engine::identity::episode_id(&open.alert, &open.key, open.since);
                survivors.peaks.insert(id, open.peak);
            }
        }
        fate.survive()?;
        let horizon_ms = self.program.horizon_ms();
        let logs = self.case.logs.iter().zip(&mut self.readers);
        let replay_from = logs.map(|(log, reader)| {
            let end = ResumePoint { offset: reader.next as i64, front: reader.front.front() };
            let told = settled.get(log.stream as usize).copied();
            let from = match self.design {
                Design::RewoundByTime => reader.front.front(),
                _ => told,
            };
            let known_before = from.unwrap_or(Timestamp(i64::MIN)).minus(horizon_ms);
            reader.resume.resume_after(known_before, end)
        });
        let replay_from: Vec<ResumePoint> = replay_from.collect();
        on_commit(survivors, &settled);
        survivors.commit = Some(Commit {
            positions: self.readers.iter().map(|reader| reader.next).collect(),
            replay_from,
            settled,
            first: self.marks.first.clone(),
        });
        fate.survive()
    }
}

fn identity(told: &Told) -> (EpisodeId, Option<TransitionKind>, Timestamp, Severity) {
    match told {
        Told::Settled(transition) => {
            (transition.episode, Some(transition.kind), transition.at, transition.severity)
        }
        Told::Early(early) => (early.episode, None, early.at, early.severity),
    }
}

/// What the log says of the past: D9, the fold of transitions as of the committed instant.
fn restored(
    commit: Option<&Commit>,
    program: &Program,
    survivors: &Survivors,
    design: Design,
) -> Restored {
    let Some(commit) = commit else {
        return Restored::default();
    };
    let mut open: BTreeMap<(String, Vec<u8>), OpenEpisode> = BTreeMap::new();
    for told in &survivors.alert_log {
        let Told::Settled(transition) = told else {
            continue;
        };
        let is_told = transition.at <= published_of(program, commit, &transition.alert);
        if !is_told && design != Design::LatestLifecycle {
            continue;
        }
        let key = encode_key(transition.key.iter().map(|(_, value)| value));
        let owner = (transition.alert.clone(), key.clone());
        if transition.kind == TransitionKind::Resolved {
            open.remove(&owner);
            continue;
        }
        let kept = survivors.peaks.get(&transition.episode).copied().flatten();
        let episode = OpenEpisode {
            alert: transition.alert.clone(),
            key,
            since: transition.since,
            peak: kept.filter(|_| design != Design::ForgottenPeaks).or(transition.value),
            severity: transition.severity,
            fields: transition.fields.clone(),
        };
        open.insert(owner, episode);
    }
    let published = match design {
        Design::SilentByOffset => Vec::new(),
        _ => commit.settled.clone(),
    };
    match design {
        Design::ForgottenLifecycle => Restored { published, open: Vec::new() },
        _ => Restored { published, open: open.into_values().collect() },
    }
}

/// The instant up to which an alert had been told: the least of its streams'.
fn published_of(program: &Program, commit: &Commit, alert: &str) -> Timestamp {
    let rule = program.rules().iter().find(|rule| rule.alert.name == alert);
    let streams = rule.into_iter().flat_map(|rule| &rule.streams);
    let settled = streams.filter_map(|stream| commit.settled.get(*stream).copied());
    settled.min().unwrap_or(Timestamp(i64::MIN))
}
