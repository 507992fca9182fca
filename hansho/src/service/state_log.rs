//! The state log: what rules remember for longer than anybody wants to read again.
//!
//! A line holds sightings, facts that no later event makes untrue ([`engine::memory`]); another
//! says that what a rule remembers is written anew from here on, and a third up to where
//! everything is written. What it says is on the disk before the reader may commit that far. It
//! is a cache of the streams: where it is lost or not whole, they are read from further back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use connectors::journal::{Journal, JournalError, StateDir};
use engine::memory::{Memory, MemoryId, Recall, Remembering, Sighting, known_at};
use engine::program::{Program, RulePlan};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use runtime::telemetry::metrics::Metrics;

/// Its file.
pub const STATE_LOG: &str = "state.jsonl";
/// A log of fewer bytes is not made shorter: 8 MiB.
pub const STATE_LOG_LEFT_BYTES: u64 = 8 << 20;
/// A log is made shorter when it is so many times as long as what was left of it.
const GROWTH: u64 = 2;
/// What is remembered, and how often it is told.
pub(super) const REMEMBERING: Remembering = Remembering::DEFAULT;
/// Sightings of one line at most.
const SIGHTINGS_A_LINE: usize = 1_000;

/// The state log of a service, open to be written.
pub(super) struct StateLog {
    journal: Journal,
    rules: Vec<Remembered>,
    is_unsynced: bool,
    /// The length at which it is made shorter.
    due_at: u64,
}

/// A rule that remembers.
struct Remembered {
    name: String,
    recall: Recall,
    streams: Vec<usize>,
    /// Up to here the log says that everything is written.
    marked: Timestamp,
}

/// What the log held when the service started.
#[derive(Default)]
pub(super) struct Memories {
    rules: BTreeMap<MemoryId, Kept>,
}

/// What the log holds of a rule.
struct Kept {
    /// From here on nothing is missing.
    from: Timestamp,
    /// Up to here everything is written.
    until: Timestamp,
    sightings: Vec<Sighting>,
}

/// What shards and reader of a life begin with.
#[derive(Default)]
pub(super) struct Recalled {
    /// What rules knew where they begin.
    pub(super) memories: Vec<Memory>,
    /// By rule that remembers: the instants whose memories are, or will be, in the log.
    pub(super) kept: KeptFrom,
}

/// By rule: from where up to where the log has what it remembered.
pub(super) type KeptFrom = BTreeMap<MemoryId, (Timestamp, Timestamp)>;

/// A line of the log.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    /// What a rule remembers is written anew, and whole from an instant on.
    Begun {
        memory_of: String,
        id: String,
        /// Points of another grid are other instants.
        every_ms: i64,
        from_ms: i64,
    },
    /// Key, value and instant, the first two in hexadecimal digits.
    Seen { id: String, seen: Vec<(String, String, i64)> },
    /// Up to where everything is written.
    Whole { whole_until_ms: BTreeMap<String, i64> },
}

impl StateLog {
    /// Opens the log and reads it. One that cannot be understood is put aside: its rules are
    /// read again.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn open(state_dir: &StateDir) -> Result<(StateLog, Memories), JournalError> {
        let path = state_dir.file(STATE_LOG);
        let (mut journal, lines) = Journal::open(&path)?;
        let memories = Memories::read(&lines).unwrap_or_else(|why| {
            let path = path.display();
            warn!(%path, why, "the state log is not understood; all is read again");
            Memories::default()
        });
        if memories.rules.is_empty() && !lines.is_empty() {
            set_aside(&path);
            journal = Journal::open(&path)?.0;
        }
        let state_log = StateLog {
            journal,
            rules: Vec::new(),
            is_unsynced: false,
            due_at: STATE_LOG_LEFT_BYTES,
        };
        Ok((state_log, memories))
    }

    /// Takes up what the rules of a program knew as of what is published; the memory of a rule
    /// that the log does not have is written anew.
    ///
    /// # Errors
    /// The log cannot be written.
    pub(super) fn take_up(
        &mut self,
        program: &Program,
        mut memories: Memories,
        published: &[Timestamp],
    ) -> Result<Recalled, JournalError> {
        let mut recalled = Recalled::default();
        self.rules.clear();
        for (rule, recall) in recalls(program) {
            let told = least(&rule.streams, published);
            let (id, point) = (recall.id, recall.point(told));
            let kept = memories.rules.remove(&id);
            let whole = kept.filter(|kept| told.0 > i64::MIN && kept.has(point));
            let (from, marked) = match whole {
                Some(kept) => {
                    let sightings = known_at(&kept.sightings, point);
                    let (rule, known) = (&rule.alert.name, sightings.len());
                    info!(rule, known, as_of = %point, "what it remembers is taken up");
                    recalled.memories.push(Memory { id, until: point, sightings });
                    (kept.from, kept.until)
                }
                None => {
                    self.append(&Line::Begun {
                        memory_of: rule.alert.name.clone(),
                        id: digits(id),
                        every_ms: REMEMBERING.every_ms,
                        from_ms: told.0,
                    })?;
                    (told, Timestamp(i64::MIN))
                }
            };
            recalled.kept.insert(id, (from, Timestamp(i64::MAX)));
            let (name, streams) = (rule.alert.name.clone(), rule.streams.clone());
            self.rules.push(Remembered { name, recall, streams, marked });
        }
        self.sync()?;
        Ok(recalled)
    }

    /// Adds what shards have learnt; it is in memory until [`StateLog::settle`].
    ///
    /// # Errors
    /// The log cannot be written.
    pub(super) fn learn(&mut self, memory: &Memory) -> Result<(), JournalError> {
        for sightings in memory.sightings.chunks(SIGHTINGS_A_LINE) {
            self.append(&seen(memory.id, sightings))?;
        }
        Ok(())
    }

    /// Says that what was learnt up to where all shards have settled is written, and waits for
    /// the disk.
    ///
    /// # Errors
    /// The log cannot be written.
    pub(super) fn settle(&mut self, settled: &[Timestamp]) -> Result<(), JournalError> {
        let mut whole_until_ms = BTreeMap::new();
        for rule in &mut self.rules {
            let until = least(&rule.streams, settled);
            let until = if until.0 > i64::MIN { rule.recall.told_until(until) } else { until };
            if until > rule.marked {
                rule.marked = until;
                whole_until_ms.insert(digits(rule.recall.id), until.0);
            }
        }
        if !whole_until_ms.is_empty() {
            self.append(&Line::Whole { whole_until_ms })?;
        }
        self.sync()
    }

    /// Makes the log shorter if it has outgrown what it must hold: sightings that no successor
    /// of who has `committed` takes up any more go. Whatever fails leaves it as it is.
    pub(super) fn tend(&mut self, committed: &[Timestamp], metrics: &Metrics) {
        let before = self.journal.length();
        metrics.note_state_log(before);
        if before < self.due_at {
            return;
        }
        match self.shorten(committed) {
            Ok(()) => {
                info!(before, bytes = self.journal.length(), "the state log was made shorter");
            }
            Err(why) => warn!(why, "the state log cannot be made shorter; it grows on meanwhile"),
        }
        metrics.note_state_log(self.journal.length());
        self.due_at = (self.journal.length() * GROWTH).max(STATE_LOG_LEFT_BYTES);
    }

    fn shorten(&mut self, committed: &[Timestamp]) -> Result<(), String> {
        let said = |error: JournalError| error.to_string();
        self.sync().map_err(said)?;
        let lines = self.journal.lines().map_err(said)?;
        let memories = Memories::read(&lines)?;
        let mut left = Vec::new();
        let mut whole_until_ms = BTreeMap::new();
        for (id, kept) in memories.rules {
            let Some(rule) = self.rules.iter().find(|rule| rule.recall.id == id) else { continue };
            let told = least(&rule.streams, committed);
            let point = Some(told).filter(|told| told.0 > i64::MIN).map(|at| rule.recall.point(at));
            let point = point.unwrap_or(Timestamp(i64::MIN));
            let later = kept.sightings.iter().filter(|it| it.at > point.0).cloned();
            let sightings: Vec<Sighting> =
                known_at(&kept.sightings, point).into_iter().chain(later).collect();
            left.push(Line::Begun {
                memory_of: rule.name.clone(),
                id: digits(id),
                every_ms: REMEMBERING.every_ms,
                from_ms: kept.from.0,
            });
            left.extend(sightings.chunks(SIGHTINGS_A_LINE).map(|some| seen(id, some)));
            whole_until_ms.insert(digits(id), kept.until.0);
        }
        left.push(Line::Whole { whole_until_ms });
        let left: Vec<Vec<u8>> = left.iter().map(bytes).collect();
        self.journal.rewrite(left.iter().map(Vec::as_slice)).map_err(said)
    }

    fn append(&mut self, line: &Line) -> Result<(), JournalError> {
        self.is_unsynced = true;
        self.journal.append(&bytes(line))
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if std::mem::take(&mut self.is_unsynced) { self.journal.sync() } else { Ok(()) }
    }
}

impl Memories {
    /// By rule: the instants whose memories the log has.
    pub(super) fn kept(&self) -> KeptFrom {
        self.rules.iter().map(|(id, kept)| (*id, (kept.from, kept.until))).collect()
    }

    fn read(lines: &[Vec<u8>]) -> Result<Memories, String> {
        let mut rules: BTreeMap<MemoryId, Kept> = BTreeMap::new();
        let mut foreign = BTreeSet::new();
        for (number, line) in (1..).zip(lines) {
            let damaged = |why: String| format!("line {number}: {why}");
            let line = serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))?;
            match line {
                Line::Begun { id, every_ms, from_ms, .. } => {
                    let id = id_of(&id).ok_or_else(|| damaged(format!("no id: {id}")))?;
                    rules.remove(&id);
                    if every_ms != REMEMBERING.every_ms {
                        foreign.insert(id);
                        continue;
                    }
                    foreign.remove(&id);
                    let (from, until) = (Timestamp(from_ms), Timestamp(i64::MIN));
                    rules.insert(id, Kept { from, until, sightings: Vec::new() });
                }
                Line::Seen { id, seen } => {
                    let id = id_of(&id).ok_or_else(|| damaged(format!("no id: {id}")))?;
                    if foreign.contains(&id) {
                        continue;
                    }
                    let kept = rules.get_mut(&id);
                    let kept =
                        kept.ok_or_else(|| damaged("of a rule that has not begun".into()))?;
                    for sighting in seen {
                        let read = sighting_of(&sighting);
                        kept.sightings.push(read.ok_or_else(|| damaged(format!("{sighting:?}")))?);
                    }
                }
                Line::Whole { whole_until_ms } => {
                    for (id, until) in whole_until_ms {
                        let kept = id_of(&id).and_then(|id| rules.get_mut(&id));
                        if let Some(kept) = kept {
                            kept.until = kept.until.max(Timestamp(until));
                        }
                    }
                }
            }
        }
        Ok(Memories { rules })
    }
}

impl Kept {
    /// Whether what was known at an instant can be taken up.
    fn has(&self, point: Timestamp) -> bool {
        self.from <= point && point <= self.until
    }
}

/// The rules that remember, and how they are taken up.
fn recalls(program: &Program) -> impl Iterator<Item = (&RulePlan, Recall)> {
    program.rules().iter().filter_map(|rule| Some((rule, rule.recall(REMEMBERING)?)))
}

fn least(streams: &[usize], of: &[Timestamp]) -> Timestamp {
    let instants = streams.iter().map(|stream| of.get(*stream).copied());
    instants.min().flatten().unwrap_or(Timestamp(i64::MIN))
}

fn set_aside(path: &Path) {
    let aside = path.with_extension("damaged");
    if let Err(error) = fs::rename(path, &aside) {
        warn!(path = %path.display(), %error, "the state log cannot be put aside");
    }
}

fn seen(id: MemoryId, sightings: &[Sighting]) -> Line {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let seen = sightings
        .iter()
        .map(|Sighting { key, value, at }| (hex(key), format!("{:x}", *value as u128), *at));
    Line::Seen { id: digits(id), seen: seen.collect() }
}

fn sighting_of((key, value, at): &(String, String, i64)) -> Option<Sighting> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let is_whole = key.len() % 2 == 0;
    let key = key.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>();
    let value = u128::from_str_radix(value, 16).ok()? as i128;
    Some(Sighting { key: key.filter(|_| is_whole)?, value, at: *at })
}

fn digits(id: MemoryId) -> String {
    format!("{:032x}", id.0)
}

fn id_of(digits: &str) -> Option<MemoryId> {
    u128::from_str_radix(digits, 16).ok().map(MemoryId)
}

fn bytes(line: &Line) -> Vec<u8> {
    // A struct of texts and numbers always serializes.
    serde_json::to_vec(line).unwrap_or_default()
}

#[cfg(test)]
mod tests;
