//! Compaction of an alert log: selects the records that can be removed without effect.
//!
//! Two consumers fold the log: recovery into open episodes, on-call into incidents. Both are
//! followed here per (alert, key), by means of on-call's own fold. Where nothing is open and no
//! later record can refer to stored state, all records so far are removed. Of an open incident
//! there remain the record that opened it, its `firing`, the records that raised its severity, and
//! the newest of each kind: a bounded number. A record that is not [`CompactionRecord::is_done`]
//! stays, and so do all later records of its key.

use std::collections::HashMap;

use model::key::encode_key;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::TransitionKind;

use crate::episode_fold::{AlertLogEntry, AlertText, EpisodeFold, LogRecord};
use crate::severity_set::SeveritySet;

/// Record of the log, as compaction reads it.
#[derive(Clone, Copy, Debug)]
pub struct CompactionRecord<'a> {
    /// Kind of change.
    pub step: AlertLogEntry<'a>,
    /// True when its rule was in shadow when it was written.
    pub is_shadow: bool,
    /// True when the record has no further effect: recovery does not derive it again, and its
    /// notifications were delivered or dropped.
    pub is_done: bool,
}

/// Returns for each record of a log whether it is kept.
pub fn kept<'a>(log: impl IntoIterator<Item = CompactionRecord<'a>>) -> Vec<bool> {
    let mut fold = CompactionFold {
        incidents: EpisodeFold::with_limit(usize::MAX),
        lines: HashMap::new(),
        kept: Vec::new(),
    };
    log.into_iter().for_each(|candidate| fold.take(&candidate));
    fold.finish()
}

/// Fold over all identities, with the decisions so far.
struct CompactionFold<'a> {
    incidents: EpisodeFold,
    lines: HashMap<(&'a str, Vec<u8>), IdentityRecords>,
    kept: Vec<bool>,
}

/// Records of one identity that can still be removed.
#[derive(Default)]
struct IdentityRecords {
    segment: Vec<SettledRecord>,
    quiet: Option<QuietPoint>,
    /// Instant of the newest settled record.
    mark: Option<Timestamp>,
    /// Start of the open episode, and its index in the segment.
    opened: Option<(Timestamp, usize)>,
    /// Latest start of a closed episode.
    spent: Option<Timestamp>,
    /// True once a record that is not done was met.
    is_frozen: bool,
    /// True when it contains records that no engine writes: then it is removed as a whole or not at
    /// all.
    is_odd: bool,
}

/// Point in a segment at which no episode was open.
#[derive(Clone, Copy)]
struct QuietPoint {
    /// Number of records before it.
    len: usize,
    /// Instant after which new records cannot refer to state before the point.
    barrier: Timestamp,
}

/// Record without further effect.
struct SettledRecord {
    index: usize,
    at: Timestamp,
    severity: Severity,
    /// `None` for an early alert.
    kind: Option<TransitionKind>,
    is_shadow: bool,
    /// True unless it was a duplicate or outdated.
    is_effective: bool,
}

impl<'a> CompactionFold<'a> {
    fn take(&mut self, candidate: &CompactionRecord<'a>) {
        let index = self.kept.len();
        self.kept.push(true);
        let (alert, key) = match candidate.step {
            AlertLogEntry::Transition(of) => (of.facts.alert.as_str(), &of.facts.key),
            AlertLogEntry::Early(of) => (of.facts.alert.as_str(), &of.facts.key),
        };
        let began = began(candidate.step);
        let key = encode_key(key.iter().map(|(_, value)| value));
        let line = self.lines.entry((alert, key)).or_default();
        let is_settled = matches!(candidate.step, AlertLogEntry::Transition(_));
        for seen in line.passed(began, is_settled) {
            set(&mut self.kept, seen.index, false);
        }
        line.is_frozen |= !candidate.is_done;
        if line.is_frozen {
            line.meets(began);
        } else {
            line.record(index, candidate, &mut self.incidents);
        }
    }

    fn finish(mut self) -> Vec<bool> {
        for line in self.lines.values_mut() {
            // Every future record is later than all done ones.
            let gone = line.drain_quiet();
            let thinned = line.thinned();
            gone.iter().map(|seen| seen.index).chain(thinned).for_each(|index| {
                set(&mut self.kept, index, false);
            });
        }
        self.kept
    }
}

impl IdentityRecords {
    /// Removes the records that the next record cannot refer to.
    fn passed(&mut self, began: Timestamp, is_settled: bool) -> Vec<SettledRecord> {
        match self.quiet {
            // State of a settled record replaces that of all records before it.
            Some(quiet) if began > quiet.barrier && is_settled => self.drain_quiet(),
            _ => Vec::new(),
        }
    }

    /// Keeps the quiet segment if a record that stays refers to it.
    fn meets(&mut self, began: Timestamp) {
        self.quiet.take_if(|quiet| began <= quiet.barrier);
    }

    fn drain_quiet(&mut self) -> Vec<SettledRecord> {
        let Some(QuietPoint { len, .. }) = self.quiet.take() else { return Vec::new() };
        self.is_odd = false;
        if let Some((_, began)) = &mut self.opened {
            *began = began.saturating_sub(len);
        }
        let rest = self.segment.split_off(len.min(self.segment.len()));
        std::mem::replace(&mut self.segment, rest)
    }

    /// Folds a record that is done.
    fn record(
        &mut self,
        index: usize,
        candidate: &CompactionRecord<'_>,
        incidents: &mut EpisodeFold,
    ) {
        let text = AlertText::default();
        let CompactionRecord { step, is_shadow, .. } = *candidate;
        let (open_before, before) = (incidents.open_count(), incidents.counts());
        incidents.apply(&LogRecord { step, text: &text, is_shadow });
        let (open, counts) = (incidents.open_count(), incidents.counts());
        self.is_odd |= counts.contradictions > before.contradictions;
        let (at, severity, kind) = match step {
            AlertLogEntry::Transition(of) => (of.facts.at, of.facts.severity, Some(of.kind)),
            AlertLogEntry::Early(of) => (of.facts.at, of.facts.severity, None),
        };
        let is_effective = match kind {
            Some(_) => counts.repeated == before.repeated,
            None => self.mark.is_none_or(|mark| at > mark),
        };
        if kind.is_some() && is_effective {
            self.mark = Some(at);
        }
        self.segment.push(SettledRecord { index, at, severity, kind, is_shadow, is_effective });
        match &mut self.quiet {
            // An outdated record is removed with the one that made it outdated.
            Some(quiet) if !is_effective && quiet.len + 1 == self.segment.len() => quiet.len += 1,
            _ => self.meets(began(step)),
        }
        if open > open_before {
            self.opened = Some((at, self.segment.len() - 1));
        }
        if open < open_before {
            // An early alert may have opened an incident bound to an earlier episode; its id is in
            // use until its own instant has passed.
            self.spent = self.spent.max(self.opened.take().map(|(at, _)| at));
            let barrier = self.spent.map_or(at, |spent| spent.max(at));
            self.quiet = Some(QuietPoint { len: self.segment.len(), barrier });
        }
    }

    /// Returns the records of an open incident that can be removed without changing it.
    fn thinned(&self) -> Vec<usize> {
        let Some((_, began)) = self.opened.filter(|_| !self.is_odd) else { return Vec::new() };
        let incident = self.segment.get(began..).unwrap_or_default();
        let newest = |wanted: fn(&SettledRecord) -> bool| {
            let found = incident.iter().rev().find(|seen| seen.is_effective && wanted(seen));
            found.map(|seen| seen.index)
        };
        let stays = [
            incident.first().map(|seen| seen.index),
            newest(|_| true),
            newest(|seen| seen.kind == Some(TransitionKind::Changed)),
            newest(|seen| seen.kind == Some(TransitionKind::Again)),
        ];
        let mut notified = SeveritySet::default();
        let mut gone = Vec::new();
        for seen in incident {
            let is_rise = seen.is_effective && !seen.is_shadow && notified.are_below(seen.severity);
            if is_rise {
                notified.insert(seen.severity);
            }
            let may_go = match seen.kind {
                None => true,
                Some(TransitionKind::Changed | TransitionKind::Again) => {
                    seen.is_effective && self.mark != Some(seen.at)
                }
                Some(TransitionKind::Firing | TransitionKind::Resolved) => false,
            };
            if may_go && !is_rise && !stays.contains(&Some(seen.index)) {
                gone.push(seen.index);
            }
        }
        gone
    }
}

/// Start of the episode of a record: ids derive from that instant.
const fn began(step: AlertLogEntry<'_>) -> Timestamp {
    match step {
        AlertLogEntry::Transition(of) => of.facts.since,
        AlertLogEntry::Early(of) => of.facts.at,
    }
}

fn set(kept: &mut [bool], index: usize, to: bool) {
    if let Some(slot) = kept.get_mut(index) {
        *slot = to;
    }
}

#[cfg(test)]
mod tests;
