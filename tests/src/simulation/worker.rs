//! One life of the service: it reads, steps its shards, tells and commits.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use connectors::commit::CommitPoint;
use engine::announced::Announced;
use engine::program::{ObserveCounts, Program};
use engine::resume::{ResumeIndex, ResumePoint};
use engine::shard::{KEYS_PER_RULE_MAX, Out, Restored, Shard, ShardCounts, ShardSettings};
use engine::watermark::{Admission, Front, Silence};
use model::observation::{Batch, Marks};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EpisodeId, TransitionKind};

use super::compaction::compact;
use super::memory::{keep, mark, read_after, remembering, take_up};
use super::people::People;
use super::recovery::{self, commits, published, restored};
use super::reload::{InForce, Replaced, may_be_replaced};
use super::snapshot;
use super::views::Views;
use super::world::World;
use super::{Course, Crash, Design, Fate, LastWords, Survivors, Told};
use crate::drawn::{Case, Log};
use crate::drive::{event, lateness_ms, origin};

/// Longer than any window, hold or idle time that is drawn: everything has passed by then.
const LONG_AFTER_MS: i64 = 1_000_000;

/// One life of the service.
pub(super) struct Worker<'a> {
    case: &'a Case,
    world: &'a World,
    pub(super) program: &'a Arc<Program>,
    pub(super) course: Course<'a>,
    pub(super) now_ms: i64,
    /// By stream: what an earlier life has told.
    pub(super) published: Vec<Timestamp>,
    /// By stream: up to where that was committed, with when the stream began.
    committed: Vec<Timestamp>,
    pub(super) readers: Vec<Reader>,
    batches: Vec<Batch>,
    pub(super) shards: Vec<(Shard, Out)>,
    pub(super) marks: Marks,
    silent_until: Vec<usize>,
    known: HashSet<(EpisodeId, Option<TransitionKind>, Timestamp, Severity)>,
    people: People<'a>,
    announced: Announced,
}

/// The reader of one partition.
pub(super) struct Reader {
    pub(super) next: usize,
    pub(super) front: Front,
    silence: Silence,
    /// Up to here an earlier life has told everything.
    told: Option<Timestamp>,
    pub(super) resume: ResumeIndex,
    /// Whether the partition has been assigned once, and whether it is now.
    pub(super) is_held: bool,
    is_ours: bool,
}

impl Reader {
    /// Nothing follows what was read.
    fn note_empty(&mut self, now_ms: i64) {
        if let Some(told) = self.told.take() {
            self.silence.resume(self.front.reached_at(told));
        }
        self.silence.note_empty(self.front.front(), Timestamp(now_ms), now_ms);
    }
}

impl<'a> Worker<'a> {
    pub(super) fn start(
        case: &'a Case,
        world: &'a World,
        rules: &'a InForce,
        course: Course<'a>,
        survivors: &mut Survivors,
        now_ms: i64,
    ) -> Worker<'a> {
        let commits = commits(survivors);
        let program = &rules.program;
        let published = published(case, &commits, survivors.replaced.as_ref());
        let (mut restored, ended) = restored(&published, (case, rules), survivors, course.design);
        let how = remembering(course.seed);
        let (memories, is_whole) = take_up(survivors, program, how, &published, course.design);
        restored.memories = memories;
        let early = world.early;
        let how = (course, early, is_whole);
        let (snapshot, resumed) = snapshot::take_up(program, how, survivors, &published).unzip();
        let shard = |index| (shard(program, course, early, index, &restored), Out::default());
        let mut shards: Vec<(Shard, Out)> =
            resumed.unwrap_or_else(|| (0..course.shards).map(shard).collect());
        if let Some((_, out)) = shards.first_mut() {
            survivors.deeds_of(&ended);
            out.transitions.extend(ended);
        }
        let mut readers: Vec<Reader> =
            (0..case.logs.len()).map(|at| reader(at, (case, program), course, &commits)).collect();
        let mut marks = Marks::unsettled(program.stream_count());
        if let Some(snapshot) = &snapshot {
            marks = snapshot.marks().clone();
            for (at, reader) in readers.iter_mut().enumerate() {
                let lateness_ms = lateness_ms(case, &case.logs[at]);
                snapshot.put(at, reader, (commits.get(&at), lateness_ms), course.design);
            }
        }
        for (at, commit) in &commits {
            let first = marks.first.get_mut(case.logs[*at].stream as usize);
            if let (Some(first), Some(told)) = (first, commit.first.map(Timestamp)) {
                *first = Some(first.map_or(told, |first| first.min(told)));
            }
        }
        let mut announced = Announced::default();
        survivors.log().for_each(|(_, told)| note(&mut announced, told));
        announced.go_on();
        let position = |at: usize| commits.get(&at).map_or(0, |commit| commit.position as usize);
        Worker {
            case,
            world,
            program,
            course,
            now_ms,
            published,
            committed: recovery::published(case, &commits, None),
            readers,
            batches: vec![Batch::default(); course.shards],
            shards,
            marks,
            silent_until: match course.design {
                Design::SilentByOffset => (0..case.logs.len()).map(position).collect(),
                _ => Vec::new(),
            },
            known: survivors.log().map(|(_, told)| identity(told)).collect(),
            announced,
            people: People::start(case, world, course.design, survivors, now_ms),
        }
    }

    /// Works until everything has been read, told and delivered.
    pub(super) fn work(
        &mut self,
        survivors: &mut Survivors,
        views: &mut Views,
        fate: &mut Fate,
    ) -> Result<LastWords, Crash> {
        while !self.has_read_all() || !self.world.is_quiet(self.now_ms) {
            self.now_ms += fate.random.one_of(&[0, 1, 1, 2, 5], 1);
            self.follow_group(survivors);
            self.read_turn(survivors, views, fate);
            self.step_some(views, fate);
            let commits = fate.random.chance(30);
            if commits && self.course.design == Design::CommitBeforeAppend {
                self.commit(survivors, views, fate)?;
            }
            self.append(survivors, fate)?;
            if commits && self.course.design != Design::CommitBeforeAppend {
                self.commit(survivors, views, fate)?;
                if self.course.snapshots {
                    self.snapshot(survivors, views, fate)?;
                }
            }
            self.people.turn(survivors, fate, self.now_ms)?;
            if self.people.pending() == 0 {
                survivors.age();
            }
            self.reload(survivors, views, fate)?;
            if fate.random.chance(10) {
                let rules = (self.case, self.program.as_ref());
                compact(rules, self.course, survivors, fate)?;
            }
        }
        self.settle_all(views);
        self.append(survivors, fate)?;
        self.commit(survivors, views, fate)?;
        self.people.finish(survivors, fate, &mut self.now_ms)?;
        Ok(self.last_words())
    }

    /// Now and then other rules are put in force: the record is written, and the next life
    /// begins with it.
    fn reload(
        &mut self,
        survivors: &mut Survivors,
        views: &mut Views,
        fate: &mut Fate,
    ) -> Result<(), Crash> {
        let is_due = self.course.after.is_some()
            && self.world.idle_ms.is_none()
            && survivors.replaced.is_none();
        if !is_due || !fate.random.chance(25) {
            return Ok(());
        }
        (0..self.shards.len()).for_each(|shard| self.step(shard));
        views.settle(&self.marks);
        self.append(survivors, fate)?;
        let settled = self.marks.settled.iter().zip(&self.published);
        let settled: Vec<Timestamp> = settled.map(|(mark, told)| *mark.max(told)).collect();
        if !may_be_replaced(self.program, survivors, &settled) {
            return Ok(());
        }
        self.keep_peaks(survivors);
        fate.survive()?;
        let (told_before, crashes) = (survivors.alert_log.len(), survivors.crashes + 1);
        survivors.replaced = Some(Replaced { settled, told_before, crashes });
        survivors.note("rules replaced");
        Err(Crash)
    }

    pub(super) const fn marks(&self) -> &Marks {
        &self.marks
    }

    pub(super) fn die(&mut self, survivors: &mut Survivors, fate: &mut Fate) {
        self.people.die(survivors, fate);
    }

    fn has_read_all(&self) -> bool {
        let mut logs = self.case.logs.iter().zip(&self.readers);
        logs.all(|(log, reader)| reader.next >= log.records.len())
    }

    /// Takes partitions up and gives them away.
    fn follow_group(&mut self, survivors: &mut Survivors) {
        let (now_ms, idle_ms) = (self.now_ms, self.world.idle_ms.unwrap_or(0));
        for (place, reader) in self.world.places.iter().zip(&mut self.readers) {
            let is_there = place.appears_ms <= now_ms;
            let is_ours = is_there && !place.away.contains(&now_ms);
            if is_there && !reader.is_held {
                reader.is_held = true;
                reader.is_ours = true;
                if place.is_added() {
                    survivors.note("partition added");
                }
            }
            if reader.is_ours && !is_ours {
                survivors.note("partition taken away");
                if self.course.design != Design::UnreachableIsEmpty {
                    reader.silence.end(reader.front.front(), idle_ms);
                }
            }
            if !reader.is_ours && is_ours {
                survivors.note("partition given back");
            }
            reader.is_ours = is_ours;
        }
    }

    /// Asks some partitions for what follows. One that lies there whole is read on its own.
    fn read_turn(&mut self, survivors: &mut Survivors, views: &mut Views, fate: &mut Fate) {
        if self.world.idle_ms.is_none() {
            let open: Vec<usize> = (0..self.readers.len())
                .filter(|at| {
                    let reader = &self.readers[*at];
                    reader.is_ours && reader.next < self.case.logs[*at].records.len()
                })
                .collect();
            if let Some(at) = open.get(fate.random.bits() as usize % open.len().max(1)) {
                self.ask(*at, survivors, views, fate);
            }
        } else {
            for at in 0..self.readers.len() {
                let is_asked = fate.random.chance(60);
                let reader = &mut self.readers[at];
                if is_asked && reader.is_ours {
                    self.ask(at, survivors, views, fate);
                } else if self.course.design == Design::HeldBackIsEmpty && reader.is_ours
                    || self.course.design == Design::UnreachableIsEmpty && !reader.is_ours
                {
                    self.let_pass(at);
                }
            }
        }
        for stream in 0..self.marks.settled.len() {
            self.mark(stream);
        }
    }

    /// A wrong design takes the last answer for one of now.
    fn let_pass(&mut self, at: usize) {
        let (now_ms, reader) = (self.now_ms, &mut self.readers[at]);
        if reader.silence.is_empty() {
            reader.silence.note_empty(reader.front.front(), Timestamp(now_ms), now_ms);
        }
    }

    fn ask(&mut self, at: usize, survivors: &mut Survivors, views: &mut Views, fate: &mut Fate) {
        let place = &self.world.places[at];
        let idle_ms = self.world.idle_ms.unwrap_or(0);
        if place.mute.contains(&self.now_ms) {
            survivors.note("no answer from a broker");
            if self.course.design == Design::UnreachableIsEmpty {
                self.let_pass(at);
            } else {
                let reader = &mut self.readers[at];
                reader.silence.end(reader.front.front(), idle_ms);
            }
            return;
        }
        for _ in 0..fate.random.within(1, 4) {
            self.read(at, survivors, views);
        }
        let reader = &mut self.readers[at];
        let follows = place.arrivals.get(reader.next).is_some_and(|at| *at <= self.now_ms);
        let front = reader.front.front();
        match self.world.idle_ms {
            Some(_) if !follows => reader.note_empty(self.now_ms),
            _ => reader.silence.end(front, idle_ms),
        }
    }

    fn read(&mut self, at: usize, survivors: &mut Survivors, views: &mut Views) {
        let (log, reader) = (&self.case.logs[at], &mut self.readers[at]);
        let offset = reader.next;
        let arrived = self.world.places[at].arrivals.get(offset);
        let (Some(record), Some(_)) =
            (log.records.get(offset), arrived.filter(|at| **at <= self.now_ms))
        else {
            return;
        };
        reader.next += 1;
        let here = ResumePoint { offset: offset as i64, front: reader.front.front() };
        let time = Timestamp(record.time);
        if reader.front.admit(time, record.recorded.map(Timestamp)) == Admission::Accepted {
            reader.resume.note(time, here);
            let mut counts = ObserveCounts::default();
            let origin = origin(log, offset);
            self.program.observe(&event(record), origin, &mut self.batches, &mut counts);
            let stream = log.stream as usize;
            let first = self.marks.first[stream];
            if time > self.marks.settled[stream].max(self.committed[stream]) {
                self.marks.first[stream] = Some(first.map_or(time, |first| first.min(time)));
            } else if first.is_none_or(|first| time < first) {
                // Rules that join streams may still take it, where others drop it.
                views.begin_late(stream, time);
            }
            views.hear(self.case, self.world, (at, offset));
        } else {
            survivors.note("late or from the future");
        }
        views.has_read(at, offset);
    }

    /// Says how far time has passed in a stream; it never goes back.
    fn mark(&mut self, stream: usize) {
        let idle_ms = self.world.idle_ms.unwrap_or(0);
        let logs = self.case.logs.iter().zip(&self.readers);
        let held: Vec<&Reader> = logs
            .filter(|(log, reader)| log.stream as usize == stream && reader.is_held)
            .map(|(_, reader)| reader)
            .collect();
        let busy: Vec<&Reader> =
            held.iter().copied().filter(|reader| !reader.silence.is_empty()).collect();
        let settled = |reader: &&Reader| {
            let reached = reader.silence.reached(reader.front.front(), idle_ms);
            reached.map(|reached| reader.front.settled_at(reached))
        };
        let least = match (self.course.design, busy.is_empty()) {
            (Design::IdleLeftOut, true) => held.iter().map(settled).max(),
            (Design::IdleLeftOut, false) => busy.iter().map(settled).min(),
            _ => held.iter().map(settled).min(),
        };
        if let (Some(mark), Some(Some(least))) = (self.marks.settled.get_mut(stream), least) {
            *mark = least.max(*mark);
        }
    }

    fn step_some(&mut self, views: &mut Views, fate: &mut Fate) {
        if self.world.idle_ms.is_some() {
            // Who is late is known where all shards take their step together.
            if fate.random.chance(60) {
                (0..self.shards.len()).for_each(|shard| self.step(shard));
                views.settle(&self.marks);
            }
            return;
        }
        for shard in 0..self.shards.len() {
            if fate.random.chance(60) {
                self.step(shard);
            }
        }
    }

    pub(super) fn step(&mut self, shard: usize) {
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
            out.memories.append(&mut told.memories);
        }
    }

    /// All input is read. What lay there whole is settled up to its largest event time; where
    /// time passes by itself nothing comes for longer than anything waits.
    fn settle_all(&mut self, views: &mut Views) {
        match self.world.idle_ms {
            None => {
                let latest = self.case.logs.iter().flat_map(|log| accepted_times(self.case, log));
                if let Some(end) = latest.max() {
                    self.marks.settled.fill(Timestamp(end));
                }
            }
            Some(_) => {
                for after_ms in [0, LONG_AFTER_MS] {
                    self.now_ms += after_ms;
                    for reader in &mut self.readers {
                        reader.note_empty(self.now_ms);
                    }
                }
                for stream in 0..self.marks.settled.len() {
                    self.mark(stream);
                }
            }
        }
        (0..self.shards.len()).for_each(|shard| self.step(shard));
        views.settle(&self.marks);
    }

    /// Ends what was announced and has settled with nothing to show for it.
    fn withdraw(&mut self, survivors: &mut Survivors, fate: &mut Fate) -> Result<(), Crash> {
        if self.course.design == Design::ForgottenNotices {
            return Ok(());
        }
        let settled = self.settled_by_all();
        for end in self.announced.withdrawn(self.program, &settled) {
            survivors.note("notice withdrawn");
            self.write(Told::Withdrawn(end), survivors, fate)?;
        }
        Ok(())
    }

    /// Writes the peaks of open episodes.
    fn keep_peaks(&self, survivors: &mut Survivors) {
        let as_of = &mut survivors.peaks_as_of;
        as_of.resize(self.program.stream_count(), Timestamp(i64::MIN));
        for settled in self.shards.iter().map(|(shard, _)| shard.settled()) {
            as_of.iter_mut().zip(settled).for_each(|(as_of, at)| *as_of = (*as_of).max(*at));
        }
        for (shard, _) in &self.shards {
            for open in shard.open_episodes() {
                let id = engine::identity::episode_id(&open.alert, &open.key, open.since);
                survivors.peaks.insert(id, open.peak);
            }
        }
    }

    /// Writes what rules have learnt.
    pub(super) fn remember(
        &mut self,
        survivors: &mut Survivors,
        fate: &mut Fate,
    ) -> Result<(), Crash> {
        for (_, out) in &mut self.shards {
            for memory in out.memories.drain(..) {
                for sighting in memory.sightings {
                    fate.survive()?;
                    keep(survivors, memory.id, sighting);
                }
            }
        }
        fate.survive()
    }

    /// Appends what the shards told.
    pub(super) fn append(
        &mut self,
        survivors: &mut Survivors,
        fate: &mut Fate,
    ) -> Result<(), Crash> {
        for shard in 0..self.shards.len() {
            let out = self.shards.get_mut(shard).map(|(_, out)| std::mem::take(out));
            let Out { transitions, early, memories } = out.unwrap_or_default();
            for told in early.into_iter().map(Told::Early) {
                self.write(told, survivors, fate)?;
            }
            for told in transitions.into_iter().map(Told::Settled) {
                self.write(told, survivors, fate)?;
            }
            if let Some((_, out)) = self.shards.get_mut(shard) {
                out.memories = memories;
            }
        }
        self.withdraw(survivors, fate)
    }

    /// Appends a record; what the log holds already is only counted.
    fn write(
        &mut self,
        told: Told,
        survivors: &mut Survivors,
        fate: &mut Fate,
    ) -> Result<(), Crash> {
        fate.survive()?;
        if self.known.insert(identity(&told)) {
            note(&mut self.announced, &told);
            survivors.alert_log.push(told);
            survivors.detected.push(Timestamp(self.now_ms));
        } else {
            survivors.repeated += 1;
        }
        fate.survive()
    }

    /// By stream: how far all shards have settled.
    fn settled_by_all(&self) -> Vec<Timestamp> {
        let least = |stream: usize| {
            let shards = self.shards.iter().map(|(shard, _)| shard.settled().get(stream).copied());
            shards.min().flatten().unwrap_or(Timestamp(i64::MIN))
        };
        (0..self.program.stream_count()).map(least).collect()
    }

    /// Writes peaks, then the commit: everything told is in the log by then.
    fn commit(
        &mut self,
        survivors: &mut Survivors,
        views: &mut Views,
        fate: &mut Fate,
    ) -> Result<(), Crash> {
        fate.survive()?;
        let settled = self.settled_by_all();
        self.keep_peaks(survivors);
        let is_late = self.course.design == Design::CommitBeforeMemory;
        if !is_late {
            self.remember(survivors, fate)?;
        }
        let how = remembering(self.course.seed);
        mark(survivors, self.program, how, &settled);
        fate.survive()?;
        views.commits.push((survivors.alert_log.len(), settled.clone()));
        let away: Vec<usize> = self
            .case
            .logs
            .iter()
            .zip(&self.readers)
            .filter(|(_, reader)| reader.is_held && !reader.is_ours)
            .map(|(log, _)| log.stream as usize)
            .collect();
        let logs = self.case.logs.iter().zip(&mut self.readers).enumerate();
        for (at, (log, reader)) in logs.filter(|(_, (_, reader))| reader.is_held) {
            let stream = log.stream as usize;
            // Streams that settle together are committed together.
            let joined = joined_with(self.program, stream);
            if away.iter().any(|away| joined.contains(away)) {
                continue;
            }
            let (told, joint) = (settled[stream], joined.iter().map(|of| settled[*of]).min());
            let joint = joint.unwrap_or(told);
            // Nor is anything committed before it is read again as far as an earlier life read it.
            let is_behind = joined.iter().any(|of| self.marks.settled[*of] < self.published[*of]);
            if joint == Timestamp(i64::MIN) || is_behind {
                continue;
            }
            let end = ResumePoint { offset: reader.next as i64, front: reader.front.front() };
            let from = match self.course.design {
                Design::RewoundByTime => reader.front.front().unwrap_or(told),
                _ => joint,
            };
            let known_before = read_after(survivors, self.program, how, (log.stream, from));
            let resume = reader.resume.resume_after(known_before, end);
            let point = CommitPoint {
                position: reader.next as i64,
                replay_from: resume.offset,
                front: resume.front.map(|front| front.0),
                settled: told.0,
                first: self.marks.first[stream].map(|first| first.0),
                rules: self.program.hash(),
                remembers: false,
            };
            survivors.commits.insert(at, point.encode());
        }
        if is_late {
            self.remember(survivors, fate)?;
        }
        fate.survive()
    }

    /// What is held when all has been told and every window has passed.
    fn last_words(&mut self) -> LastWords {
        let latest = self.marks.settled.iter().map(|mark| mark.0).max().unwrap_or(0);
        self.marks.settled.fill(Timestamp(latest.max(0) + LONG_AFTER_MS));
        // A stream without events keeps rules from beginning; here all have begun.
        for first in &mut self.marks.first {
            first.get_or_insert(Timestamp(latest.max(0)));
        }
        let (course, early) = (self.course, self.world.early);
        let mut last = LastWords { pending: self.people.pending(), ..LastWords::default() };
        let (mut counts, mut fresh, mut keys) = (Vec::new(), Vec::new(), HashSet::new());
        for (index, (old, _)) in self.shards.iter_mut().enumerate() {
            let mut new = shard(self.program, course, early, index, &Restored::default());
            for (shard, sum) in [(&mut *old, &mut counts), (&mut new, &mut fresh)] {
                shard.step(&Batch::default(), &self.marks, &mut Out::default());
                sum.push(shard.counts());
            }
            let open = old.open_episodes();
            last.open += open.len() as u64;
            keys.extend(open.into_iter().map(|open| open.key));
        }
        let sum = |all: Vec<ShardCounts>| all.into_iter().sum();
        (last.counts, last.fresh, last.open_keys) = (sum(counts), sum(fresh), keys.len() as u64);
        last
    }
}

fn shard(
    program: &Arc<Program>,
    course: Course<'_>,
    early: bool,
    index: usize,
    restored: &Restored,
) -> Shard {
    Shard::new(Arc::clone(program), settings(course, early, index), restored)
}

pub(super) fn settings(course: Course<'_>, early: bool, index: usize) -> ShardSettings {
    ShardSettings {
        index,
        shards: course.shards,
        early,
        keys_per_rule_max: KEYS_PER_RULE_MAX,
        remembering: remembering(course.seed),
    }
}

/// Where a partition is read from, by its commit.
fn reader(
    at: usize,
    (case, program): (&Case, &Program),
    course: Course<'_>,
    commits: &BTreeMap<usize, CommitPoint>,
) -> Reader {
    let log = &case.logs[at];
    // Other rules need more of the past than a commit says that is not of theirs.
    let is_held = commits.contains_key(&at);
    let commit = commits.get(&at).filter(|commit| commit.rules == program.hash());
    let next = commit.map_or(0, |commit| match course.design {
        Design::NoReplay => commit.position,
        _ => commit.replay_from,
    });
    let front = commit.and_then(|commit| commit.front).map(Timestamp);
    let told = commits.get(&at).map(|commit| Timestamp(commit.settled));
    Reader {
        told: told.filter(|told| told.0 > i64::MIN),
        next: next as usize,
        front: Front::new(lateness_ms(case, log), front),
        silence: Silence::default(),
        resume: ResumeIndex::new(horizon_ms(program, log.stream)),
        is_held,
        is_ours: is_held,
    }
}

/// How much of the past the rules of a stream need.
fn horizon_ms(program: &Program, stream: u32) -> i64 {
    let rules = program.rules().iter().filter(|rule| rule.streams.contains(&(stream as usize)));
    rules.map(|rule| rule.alert.horizon_ms()).max().unwrap_or(0)
}

fn accepted_times(case: &Case, log: &Log) -> Vec<i64> {
    let records: Vec<(i64, Option<i64>)> =
        log.records.iter().map(|record| (record.time, record.recorded)).collect();
    let verdicts = crate::oracle::accepted(&records, lateness_ms(case, log));
    let accepted = records.into_iter().zip(verdicts).filter(|(_, is_in)| *is_in);
    accepted.map(|((time, _), _)| time).collect()
}

fn note(announced: &mut Announced, told: &Told) {
    match told {
        Told::Settled(transition) | Told::Withdrawn(transition) => announced.settle(transition),
        Told::Early(early) => announced.announce(early),
    }
}

fn identity(told: &Told) -> (EpisodeId, Option<TransitionKind>, Timestamp, Severity) {
    match told {
        Told::Settled(transition) | Told::Withdrawn(transition) => (
            transition.episode,
            Some(transition.kind),
            transition.facts.at,
            transition.facts.severity,
        ),
        Told::Early(early) => (early.episode, None, early.facts.at, early.facts.severity),
    }
}

/// A stream and all that rules join with it; two streams are joined by one rule or by none.
fn joined_with(program: &Program, stream: usize) -> Vec<usize> {
    let plans = program.rules().iter().filter(|rule| rule.streams.contains(&stream));
    plans.flat_map(|rule| &rule.streams).copied().chain([stream]).collect()
}
