//! The state log: what rules remember for longer than anybody wants to replay (ARCHITECTURE D10).
//!
//! An entry holds sightings, upserts that no later event makes untrue ([`engine::rule_state`]);
//! another says that the state of a rule is complete from here on, and a third up to where
//! everything is written. An entry is durable before the reader may commit that far. The log is a
//! cache of the streams: where it is lost or not whole, they are replayed from further back.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use connectors::journal::JournalError;
use engine::program::{Program, RulePlan};
use engine::rule_state::{
    LastSeen, MemoryId, RuleStateDelta, RuleStateRestore, StateCheckpointPolicy, known_at,
};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::io::{LineLog, LogStore};
use crate::telemetry::metrics::NodeMetrics;

/// Its file.
pub const STATE_LOG: &str = "state.jsonl";
/// A log of fewer bytes is not compacted unless the settings say otherwise: 8 MiB.
pub const COMPACT_BYTES_MIN: u64 = 8 << 20;
/// A log is made shorter when it is so many times as long as what was left of it.
const GROWTH: u64 = 2;
/// Sightings of one line at most.
const SIGHTINGS_A_LINE: usize = 1_000;

/// The state log of a node, open to be written.
pub struct StateLog {
    log: Box<dyn LineLog>,
    how: Option<StateCheckpointPolicy>,
    compact_bytes_min: u64,
    rules: Vec<RememberingRule>,
    is_unsynced: bool,
    /// The length at which it is compacted.
    due_at: u64,
}

/// A rule that remembers.
struct RememberingRule {
    name: String,
    recall: RuleStateRestore,
    streams: Vec<usize>,
    /// Up to here the log says that everything is written.
    marked: Timestamp,
}

/// Contents of the log when the service started.
#[derive(Default)]
pub(crate) struct StateLogContents {
    rules: BTreeMap<MemoryId, StateLogEntry>,
}

/// Entries of one rule in the log.
struct StateLogEntry {
    /// From here on nothing is missing.
    from: Timestamp,
    /// Up to here everything is written.
    until: Timestamp,
    sightings: Vec<LastSeen>,
}

/// State that the shards and the reader of a run start from.
#[derive(Default)]
pub(crate) struct RestoredState {
    /// Rule state where the rules continue.
    pub(crate) memories: Vec<RuleStateDelta>,
    /// By rule that remembers: the instants whose memories are, or will be, in the log.
    pub(crate) kept: KeptFrom,
}

/// By rule: from where up to where the log has what it remembered.
pub(crate) type KeptFrom = BTreeMap<MemoryId, (Timestamp, Timestamp)>;

/// A line of the log.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum StateLogLine {
    /// Rule state is written anew, and complete from an instant on.
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
    pub(crate) fn open(
        store: &dyn LogStore,
        how: Option<StateCheckpointPolicy>,
        compact_bytes_min: u64,
    ) -> Result<(StateLog, StateLogContents), JournalError> {
        let (mut log, lines) = store.open(STATE_LOG)?;
        let every_ms = how.map_or(0, |how| how.every_ms);
        let memories = StateLogContents::read(&lines, every_ms).unwrap_or_else(|why| {
            warn!(why, "state log not understood; replaying without it");
            StateLogContents::default()
        });
        if memories.rules.is_empty() && !lines.is_empty() {
            drop(log);
            if let Err(error) = store.set_aside(STATE_LOG) {
                warn!(%error, "state log cannot be put aside");
            }
            log = store.open(STATE_LOG)?.0;
        }
        let state_log = StateLog {
            log,
            how,
            compact_bytes_min,
            rules: Vec::new(),
            is_unsynced: false,
            due_at: compact_bytes_min,
        };
        Ok((state_log, memories))
    }

    /// Takes up what the rules of a program knew as of what is published; the memory of a rule
    /// that the log does not have is written anew.
    ///
    /// # Errors
    /// The log cannot be written.
    pub(crate) fn restore(
        &mut self,
        program: &Program,
        mut memories: StateLogContents,
        published: &[Timestamp],
    ) -> Result<RestoredState, JournalError> {
        let mut recalled = RestoredState::default();
        self.rules.clear();
        for (rule, recall) in recalls(program, self.how) {
            let reported = least(&rule.streams, published);
            let (id, point) = (recall.id, recall.point(reported));
            let kept = memories.rules.remove(&id);
            let whole = kept.filter(|kept| reported.0 > i64::MIN && kept.has(point));
            let (from, marked) = match whole {
                Some(kept) => {
                    let sightings = known_at(&kept.sightings, point);
                    let (rule, known) = (&rule.alert.name, sightings.len());
                    info!(rule, known, as_of = %point, "state restored from the state log");
                    recalled.memories.push(RuleStateDelta { id, until: point, sightings });
                    (kept.from, kept.until)
                }
                None => {
                    self.append(&StateLogLine::Begun {
                        memory_of: rule.alert.name.clone(),
                        id: digits(id),
                        every_ms: self.every_ms(),
                        from_ms: reported.0,
                    })?;
                    (reported, Timestamp(i64::MIN))
                }
            };
            recalled.kept.insert(id, (from, Timestamp(i64::MAX)));
            let (name, streams) = (rule.alert.name.clone(), rule.streams.clone());
            self.rules.push(RememberingRule { name, recall, streams, marked });
        }
        self.sync()?;
        Ok(recalled)
    }

    /// Adds what shards have learnt; it is in memory until [`StateLog::settle`].
    ///
    /// # Errors
    /// The log cannot be written.
    pub(crate) fn append_state(&mut self, memory: &RuleStateDelta) -> Result<(), JournalError> {
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
    pub(crate) fn settle(&mut self, settled: &[Timestamp]) -> Result<(), JournalError> {
        let mut whole_until_ms = BTreeMap::new();
        for rule in &mut self.rules {
            let until = least(&rule.streams, settled);
            let until = if until.0 > i64::MIN { rule.recall.recorded_until(until) } else { until };
            if until > rule.marked {
                rule.marked = until;
                whole_until_ms.insert(digits(rule.recall.id), until.0);
            }
        }
        if !whole_until_ms.is_empty() {
            self.append(&StateLogLine::Whole { whole_until_ms })?;
        }
        self.sync()
    }

    /// Makes the log shorter if it has outgrown what it must hold: sightings that no successor
    /// of who has `committed` takes up any more go. Whatever fails leaves it as it is.
    pub(crate) fn compact_if_due(&mut self, committed: &[Timestamp], metrics: &NodeMetrics) {
        let before = self.log.length();
        metrics.record_state_log(before);
        if before < self.due_at {
            return;
        }
        match self.compact(committed) {
            Ok(()) => {
                info!(before, bytes = self.log.length(), "state log compacted");
            }
            Err(why) => warn!(why, "state log cannot be compacted; it grows meanwhile"),
        }
        metrics.record_state_log(self.log.length());
        self.due_at = (self.log.length() * GROWTH).max(self.compact_bytes_min);
    }

    fn compact(&mut self, committed: &[Timestamp]) -> Result<(), String> {
        let said = |error: JournalError| error.to_string();
        self.sync().map_err(said)?;
        let lines = self.log.lines().map_err(said)?;
        let memories = StateLogContents::read(&lines, self.every_ms())?;
        let mut left = Vec::new();
        let mut whole_until_ms = BTreeMap::new();
        for (id, kept) in memories.rules {
            let Some(rule) = self.rules.iter().find(|rule| rule.recall.id == id) else { continue };
            let reported = least(&rule.streams, committed);
            let point = Some(reported)
                .filter(|reported| reported.0 > i64::MIN)
                .map(|at| rule.recall.point(at));
            let point = point.unwrap_or(Timestamp(i64::MIN));
            let later = kept.sightings.iter().filter(|it| it.at > point.0).cloned();
            let sightings: Vec<LastSeen> =
                known_at(&kept.sightings, point).into_iter().chain(later).collect();
            left.push(StateLogLine::Begun {
                memory_of: rule.name.clone(),
                id: digits(id),
                every_ms: self.every_ms(),
                from_ms: kept.from.0,
            });
            left.extend(sightings.chunks(SIGHTINGS_A_LINE).map(|some| seen(id, some)));
            whole_until_ms.insert(digits(id), kept.until.0);
        }
        left.push(StateLogLine::Whole { whole_until_ms });
        let left: Vec<Vec<u8>> = left.iter().map(bytes).collect();
        self.log.rewrite(&left).map_err(said)
    }

    fn every_ms(&self) -> i64 {
        self.how.map_or(0, |how| how.every_ms)
    }

    fn append(&mut self, line: &StateLogLine) -> Result<(), JournalError> {
        self.is_unsynced = true;
        self.log.append(&bytes(line))
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if mem::take(&mut self.is_unsynced) { self.log.sync() } else { Ok(()) }
    }
}

impl StateLogContents {
    /// By rule: the instants whose memories the log has.
    pub(crate) fn kept(&self) -> KeptFrom {
        self.rules.iter().map(|(id, kept)| (*id, (kept.from, kept.until))).collect()
    }

    fn read(lines: &[Vec<u8>], points_every_ms: i64) -> Result<StateLogContents, String> {
        let mut rules: BTreeMap<MemoryId, StateLogEntry> = BTreeMap::new();
        let mut foreign = BTreeSet::new();
        for (number, line) in (1..).zip(lines) {
            let damaged = |why: String| format!("line {number}: {why}");
            let line = serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))?;
            match line {
                StateLogLine::Begun { id, every_ms, from_ms, .. } => {
                    let id = id_of(&id).ok_or_else(|| damaged(format!("no id: {id}")))?;
                    rules.remove(&id);
                    if every_ms != points_every_ms {
                        foreign.insert(id);
                        continue;
                    }
                    foreign.remove(&id);
                    let (from, until) = (Timestamp(from_ms), Timestamp(i64::MIN));
                    rules.insert(id, StateLogEntry { from, until, sightings: Vec::new() });
                }
                StateLogLine::Seen { id, seen } => {
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
                StateLogLine::Whole { whole_until_ms } => {
                    for (id, until) in whole_until_ms {
                        let kept = id_of(&id).and_then(|id| rules.get_mut(&id));
                        if let Some(kept) = kept {
                            kept.until = kept.until.max(Timestamp(until));
                        }
                    }
                }
            }
        }
        Ok(StateLogContents { rules })
    }
}

impl StateLogEntry {
    /// True when what was known at an instant can be taken up.
    fn has(&self, point: Timestamp) -> bool {
        self.from <= point && point <= self.until
    }
}

/// The rules that remember, and how they are taken up.
fn recalls(
    program: &Program,
    how: Option<StateCheckpointPolicy>,
) -> impl Iterator<Item = (&RulePlan, RuleStateRestore)> {
    program.rules().iter().filter_map(move |rule| Some((rule, rule.recall(how?)?)))
}

fn least(streams: &[usize], of: &[Timestamp]) -> Timestamp {
    let instants = streams.iter().map(|stream| of.get(*stream).copied());
    instants.min().flatten().unwrap_or(Timestamp(i64::MIN))
}

fn seen(id: MemoryId, sightings: &[LastSeen]) -> StateLogLine {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let seen = sightings
        .iter()
        .map(|LastSeen { key, value, at }| (hex(key), format!("{:x}", *value as u128), *at));
    StateLogLine::Seen { id: digits(id), seen: seen.collect() }
}

fn sighting_of((key, value, at): &(String, String, i64)) -> Option<LastSeen> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let is_whole = key.len() % 2 == 0;
    let key = key.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>();
    let value = u128::from_str_radix(value, 16).ok()? as i128;
    Some(LastSeen { key: key.filter(|_| is_whole)?, value, at: *at })
}

fn digits(id: MemoryId) -> String {
    format!("{:032x}", id.0)
}

fn id_of(digits: &str) -> Option<MemoryId> {
    u128::from_str_radix(digits, 16).ok().map(MemoryId)
}

fn bytes(line: &StateLogLine) -> Vec<u8> {
    // A struct of texts and numbers always serializes.
    serde_json::to_vec(line).unwrap_or_default()
}

impl std::fmt::Debug for StateLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateLog").field("bytes", &self.log.length()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
