//! The state of one run: what survives a crash, what happens around the node, and the checker's
//! notes. The simulated traits share it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use connectors::commit::CommitPoint;
use model::time::Timestamp;
use runtime::io::ClockReading;

use super::disk::SimulatedDisk;
use super::environment::SimulatedEnvironment;
use super::expected::ExpectedHistory;
use super::notifiers::AttemptInFlight;
use super::{CrashSignal, DurableState, FaultPlan, NodeDesign};
use crate::generators::DrawnCase;

/// The state of one run, shared by everything that is simulated.
pub(super) struct RunState {
    pub(super) case: DrawnCase,
    pub(super) environment: SimulatedEnvironment,
    pub(super) design: NodeDesign,
    pub(super) fate: FaultPlan,
    pub(super) now_ms: i64,
    /// True when the node has crashed: no effect is made any more.
    pub(super) is_dead: bool,
    /// True when the node was stopped in order, and is to be started again.
    pub(super) is_stopped: bool,
    /// True when all input was read: time passes by itself everywhere.
    pub(super) is_finishing: bool,
    pub(super) disk: SimulatedDisk,
    /// By log: the text of its durable commit.
    pub(super) commits: BTreeMap<usize, String>,
    pub(super) flights: Vec<AttemptInFlight>,
    pub(super) attempts: u32,
    pub(super) survivors: DurableState,
    pub(super) expected: ExpectedHistory,
    /// Instants at which other rules were activated, by stream.
    pub(super) replaced: Option<Vec<Timestamp>>,
    /// By log: which of its records its partition accepts.
    pub(super) accepted: Vec<Vec<bool>>,
    /// By log and record: its bytes.
    pub(super) payloads: Vec<Vec<Vec<u8>>>,
    pub(super) run: RunNotes,
}

/// State of the checker about the current run.
#[derive(Debug, Default)]
pub(super) struct RunNotes {
    /// By stream: the published watermark.
    pub(super) watermarks: Vec<Timestamp>,
    /// By stream: up to where an earlier run has committed.
    pub(super) committed: Vec<Timestamp>,
    /// By stream: the earliest event that counts.
    pub(super) firsts: Vec<Option<i64>>,
    /// Logs whose partition is assigned, with where each is read next.
    pub(super) next: BTreeMap<usize, usize>,
    /// By log: the next record that this run has not read.
    pub(super) read_to: BTreeMap<usize, usize>,
    /// Point up to which each stream was settled by the newest commit, until that was checked.
    pub(super) unchecked: Option<Vec<Timestamp>>,
    /// Logs that were assigned before and are not now.
    pub(super) revoked: BTreeSet<usize>,
}

/// True when every effect is printed.
static IS_TRACED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("HANSHO_TRACE").is_some());

/// A handle on the state of a run.
#[derive(Clone)]
pub(super) struct RunHandle(Arc<Mutex<RunState>>);

impl RunHandle {
    pub(super) fn new(state: RunState) -> RunHandle {
        RunHandle(Arc::new(Mutex::new(state)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, RunState> {
        self.0.lock().unwrap()
    }

    pub(super) fn into_state(self) -> RunState {
        Arc::into_inner(self.0).expect("the node is gone").into_inner().unwrap()
    }
}

impl RunState {
    pub(super) fn trace(&self, what: impl FnOnce() -> String) {
        if *IS_TRACED {
            eprintln!("[{}] {}", self.now_ms, what());
        }
    }

    /// The clocks: both run as event time does.
    pub(super) const fn now(&self) -> ClockReading {
        ClockReading { wall: Timestamp(self.now_ms), monotonic_ms: self.now_ms }
    }

    /// Makes one effect, unless the node crashes right before it; it may crash right after.
    pub(super) fn effect<T>(
        &mut self,
        make: impl FnOnce(&mut RunState) -> T,
    ) -> Result<T, CrashSignal> {
        if self.is_dead {
            return Err(CrashSignal);
        }
        if !self.fate.survives() {
            self.is_dead = true;
            return Err(CrashSignal);
        }
        let made = make(self);
        if !self.fate.survives() {
            self.is_dead = true;
            return Err(CrashSignal);
        }
        Ok(made)
    }

    /// The durable commit of a log.
    pub(super) fn commit_of(&self, at: usize) -> Option<CommitPoint> {
        self.commits.get(&at).map(|text| CommitPoint::parse(text).unwrap())
    }

    /// By stream: up to where everything is published, as the commits and the record of a change
    /// of rules say.
    pub(super) fn published(&self) -> Vec<Timestamp> {
        let never = || vec![Timestamp(i64::MIN); self.case.rules.streams.len()];
        let mut published = self.replaced.clone().unwrap_or_else(never);
        for (at, log) in self.case.logs.iter().enumerate() {
            if let Some(commit) = self.commit_of(at) {
                let slot = &mut published[log.stream as usize];
                *slot = (*slot).max(Timestamp(commit.settled));
            }
        }
        published
    }

    /// Starts the notes of another run: sources are opened.
    pub(super) fn begin_run(&mut self) {
        let streams = self.case.rules.streams.len();
        let published = self.published();
        self.expected.begin(&published);
        let mut run = RunNotes {
            watermarks: Vec::new(),
            committed: vec![Timestamp(i64::MIN); streams],
            firsts: vec![None; streams],
            ..RunNotes::default()
        };
        for (at, log) in self.case.logs.iter().enumerate() {
            let Some(commit) = self.commit_of(at) else { continue };
            let stream = log.stream as usize;
            run.committed[stream] = run.committed[stream].max(Timestamp(commit.settled));
            if let Some(first) = commit.first {
                let known = &mut run.firsts[stream];
                *known = Some(known.map_or(first, |known| known.min(first)));
            }
        }
        self.trace(|| format!("OPEN published {published:?} commits {:?}", self.commits));
        self.run = run;
    }

    /// The node is gone: what was under way is lost, or not.
    pub(super) fn crash(&mut self) {
        self.survivors.crashes += 1;
        self.trace(|| "CRASH".to_owned());
        self.disk.crash(&mut self.fate.random, &mut self.survivors);
        if self.fate.mishaps.chance(self.environment.cuts_percent) {
            self.disk.cut_state_log(&mut self.fate.mishaps, &mut self.survivors);
        }
        if self.fate.mishaps.chance(self.environment.forgets_percent) && !self.commits.is_empty() {
            self.commits.clear();
            self.survivors.count("commits lost");
        }
        self.land_in_crash();
        self.now_ms += self.fate.random.within(0, 10);
        let edited_at_ms = &mut self.environment.edited_at_ms;
        if *edited_at_ms < i64::MAX
            && self.now_ms < *edited_at_ms
            && self.fate.mishaps.chance(self.environment.edits_percent)
        {
            *edited_at_ms = self.now_ms + self.fate.mishaps.within(0, 5);
            self.survivors.count("edited while it recovers");
        }
    }

    /// Ends a node that was stopped in order: nothing is lost but the outcomes under way.
    pub(super) fn stop(&mut self) {
        self.survivors.count("stopped in order");
        self.trace(|| "STOP".to_owned());
        self.disk.flush(&mut self.survivors);
        self.land_in_crash();
        self.now_ms += self.fate.mishaps.within(0, 10);
    }

    /// A record was drained that its partition may accept.
    pub(super) fn record_read(&mut self, at: usize, offset: usize) {
        let log = &self.case.logs[at];
        let (stream, time) = (log.stream as usize, log.records[offset].time);
        if self.accepted[at][offset] {
            let settled = self.run.watermarks.get(stream).copied();
            let settled = settled.unwrap_or(Timestamp(i64::MIN)).max(self.run.committed[stream]);
            let first = self.run.firsts[stream];
            if Timestamp(time) > settled {
                self.run.firsts[stream] = Some(first.map_or(time, |first| first.min(time)));
            } else if first.is_none_or(|first| time < first) {
                // Rules that join streams may still take it, where others drop it.
                self.expected.begin_late(stream, Timestamp(time));
            }
            let had_fault = self.expected.fault.is_some();
            self.expected.read(&self.case, &self.environment, (at, offset));
            if !had_fault && self.expected.fault.is_some() {
                self.trace(|| {
                    format!("FAULT {:?} watermarks {:?}", self.expected.fault, self.run.watermarks)
                });
            }
        } else {
            self.survivors.count("late or from the future");
        }
        self.expected.has_read(at, offset);
    }

    /// True when every record of every log was read.
    pub(super) fn has_read_all(&self) -> bool {
        let logs = self.case.logs.iter().enumerate();
        let is_read = |at: usize, records: usize| {
            self.run.next.get(&at).map_or(records == 0, |next| *next >= records)
        };
        logs.into_iter().all(|(at, log)| is_read(at, log.records.len()))
    }
}
