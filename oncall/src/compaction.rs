//! Which records of an alert log may go without anybody noticing.
//!
//! The log is folded twice, into open episodes and into incidents, and both folds are
//! followed here: by on-call's own, per (alert, key). Where nothing is open and nothing that
//! follows can meet what was remembered, all records so far may go. Of an incident that stays
//! open there remain what opened it, its `firing`, the records that raised it, and the newest
//! of each kind: no more than a fixed number. A record that is not [`CompactionRecord::is_done`]
//! stays, and so does all of its key after it.

use std::collections::HashMap;

use model::key::encode_key;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::TransitionKind;

use crate::episode_fold::{AlertLogEntry, AlertText, EpisodeFold, LogRecord};
use crate::severity_set::SeveritySet;

/// A record, as compaction sees it.
#[derive(Clone, Copy, Debug)]
pub struct CompactionRecord<'a> {
    /// Kind of change.
    pub step: AlertLogEntry<'a>,
    /// True when its rule was only watched when it was written.
    pub is_shadow: bool,
    /// True when nothing comes of it any more: no successor derives it again, and everybody who was
    /// to be told of it has been, or was given up.
    pub is_done: bool,
}

/// By record of a log: whether it stays.
pub fn kept<'a>(log: impl IntoIterator<Item = CompactionRecord<'a>>) -> Vec<bool> {
    let mut fold = CompactionFold {
        incidents: EpisodeFold::with_limit(usize::MAX),
        lines: HashMap::new(),
        kept: Vec::new(),
    };
    log.into_iter().for_each(|candidate| fold.take(&candidate));
    fold.finish()
}

/// All identities and what was decided so far.
struct CompactionFold<'a> {
    incidents: EpisodeFold,
    lines: HashMap<(&'a str, Vec<u8>), IdentityRecords>,
    kept: Vec<bool>,
}

/// The records of one identity that may still go.
#[derive(Default)]
struct IdentityRecords {
    segment: Vec<SettledRecord>,
    quiet: Option<QuietPoint>,
    /// The instant of the newest settled record.
    mark: Option<Timestamp>,
    /// Start of the open episode, and its place in the segment.
    opened: Option<(Timestamp, usize)>,
    /// The latest of those that were closed.
    spent: Option<Timestamp>,
    /// A record that is not done has come.
    is_frozen: bool,
    /// It has what no engine writes: it goes as a whole or not at all.
    is_odd: bool,
}

/// A place in a segment at which nothing was open.
#[derive(Clone, Copy)]
struct QuietPoint {
    /// Records before it.
    len: usize,
    /// Instant after which records meet nothing that is remembered.
    barrier: Timestamp,
}

/// A record that is done.
struct SettledRecord {
    index: usize,
    at: Timestamp,
    severity: Severity,
    /// `None` for an early notice.
    kind: Option<TransitionKind>,
    is_shadow: bool,
    /// It was neither a repetition nor overtaken.
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
            // Whatever is yet to come is later than all that is done.
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
    /// Drops what the next record cannot meet any more.
    fn passed(&mut self, began: Timestamp, is_settled: bool) -> Vec<SettledRecord> {
        match self.quiet {
            // A settled record is remembered in the place of all before it.
            Some(quiet) if began > quiet.barrier && is_settled => self.drain_quiet(),
            _ => Vec::new(),
        }
    }

    /// It meets what was remembered: as long as it stays, so does that.
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
            // What was overtaken goes with what overtook it.
            Some(quiet) if !is_effective && quiet.len + 1 == self.segment.len() => quiet.len += 1,
            _ => self.meets(began(step)),
        }
        if open > open_before {
            self.opened = Some((at, self.segment.len() - 1));
        }
        if open < open_before {
            // An early notice may have opened what an earlier episode took, and its id is
            // spent until its own instant has passed.
            self.spent = self.spent.max(self.opened.take().map(|(at, _)| at));
            let barrier = self.spent.map_or(at, |spent| spent.max(at));
            self.quiet = Some(QuietPoint { len: self.segment.len(), barrier });
        }
    }

    /// The records of an open incident without which it is the same.
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

/// Instant at which what a record tells of began: ids are of that instant.
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
