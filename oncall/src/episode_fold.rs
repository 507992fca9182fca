//! Incidents: what people act on, one per episode, folded from the alert log.
//!
//! The log may repeat itself after a crash and may hold an early notice ahead of the
//! settled `firing` it announces. The fold answers both: what was applied changes nothing
//! when it comes again, and a `firing` binds to the incident its early notice opened.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use model::alert_facts::{AlertFacts, Measurement};
use model::key::encode_key;
use model::notification::NotificationKind;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{
    EarlyAlert, EndReason, EpisodeId, NamedKeyPart, Transition, TransitionKind,
};
use serde::{Deserialize, Serialize};

use crate::severity_set::SeveritySet;

/// Closed (alert, key) lines remembered against repetition, by default.
///
/// Beyond it the line closed longest ago is forgotten and counted. A repetition of its
/// records would then notify again, with the same ids, so that a receiver that knows them
/// drops it.
pub const CLOSED_MAX: usize = 1 << 18;

/// One record of the alert log.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord<'a> {
    /// Kind of change.
    pub step: AlertLogEntry<'a>,
    /// Texts about it for people.
    pub text: &'a AlertText,
    /// True when its rule was only watched when it was written: recorded, and told nobody.
    pub is_shadow: bool,
}

/// Entry of an alert log.
#[derive(Clone, Copy, Debug)]
pub enum AlertLogEntry<'a> {
    /// A settled step of an episode.
    Transition(&'a Transition),
    /// An announcement ahead of settling.
    Early(&'a EarlyAlert),
}

/// Texts and context of a record when it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertText {
    /// The rendered message.
    pub message: String,
    /// The rule in words.
    pub reading: String,
    /// Address of the runbook.
    pub runbook: Option<String>,
    /// The rule's labels.
    pub labels: Vec<(String, String)>,
    /// Instant at which the service saw it.
    pub detected: Timestamp,
    /// Offsets of the events of its window.
    #[serde(default)]
    pub events: Vec<OffsetRange>,
}

/// Offsets of one partition, from one on up to and without another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetRange {
    /// The topic, file or spool.
    pub source: String,
    /// The partition.
    pub partition: i32,
    /// The first offset.
    pub from: i64,
    /// The offset after the last.
    pub to: i64,
}

/// Something to tell people about an incident, before anyone is chosen to hear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentUpdate {
    /// The incident: the id of the record that opened it.
    pub incident: EpisodeId,
    /// Kind of news.
    pub kind: NotificationKind,
    /// The instant deadlines run from: when the incident opened, or last rose.
    pub responds_from: Timestamp,
    /// Alert, severity, key and times of the record.
    pub facts: AlertFacts,
    /// Measure and threshold of the record.
    pub measured: Measurement,
    /// Every severity people were told of by now.
    pub notified: SeveritySet,
    /// Why it ended; only when resolved.
    pub reason: Option<EndReason>,
    /// Texts about it for people.
    pub text: AlertText,
}

/// An open incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenEpisode {
    /// The id of the record that opened it, for every receiver.
    pub id: EpisodeId,
    /// The instant of that record.
    pub opened: Timestamp,
    /// Its severity now.
    pub severity: Severity,
    /// Every severity people were told of.
    pub notified: SeveritySet,
    /// Instant at which it opened, or last rose above all of them.
    pub responds_from: Timestamp,
    /// The settled episode; `None` while only an early notice is known.
    pub episode: Option<EpisodeId>,
}

/// Counts of irregular records that the fold met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FoldCounts {
    /// Records that had been applied before, or were older than what was.
    pub repeated: u64,
    /// Records that contradict the open incident: a log that is not the engine's.
    pub contradictions: u64,
    /// Closed lines forgotten at the limit.
    pub forgotten: u64,
}

/// Series of an episode: alert name and canonical key bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SeriesKey {
    alert: String,
    key: Vec<u8>,
}

/// State of one series.
#[derive(Debug, Default)]
struct EpisodeSeries {
    /// The newest settled instant applied.
    mark: Option<Timestamp>,
    /// The settled records applied at that instant.
    at_mark: Vec<(EpisodeId, TransitionKind, Severity)>,
    open: Option<OpenEpisode>,
    /// Ids of early notices whose incidents earlier episodes took, with their instants.
    spent: Vec<(Timestamp, EpisodeId)>,
}

/// The fold: every open incident, and what guards against repetition.
#[derive(Debug)]
pub struct EpisodeFold {
    lines: HashMap<SeriesKey, EpisodeSeries>,
    /// Identities in the order they closed, with their mark then; some are stale.
    closed: VecDeque<(SeriesKey, Timestamp)>,
    closed_max: usize,
    open_count: usize,
    counts: FoldCounts,
}

impl Default for EpisodeFold {
    fn default() -> EpisodeFold {
        EpisodeFold::with_limit(CLOSED_MAX)
    }
}

impl EpisodeFold {
    /// A fold that remembers at most `closed_max` closed lines.
    pub fn with_limit(closed_max: usize) -> EpisodeFold {
        EpisodeFold {
            lines: HashMap::new(),
            closed: VecDeque::new(),
            closed_max,
            open_count: 0,
            counts: FoldCounts::default(),
        }
    }

    /// Applies the next record of the log and returns what is to be told, in order.
    ///
    /// Records of one (alert, key) come ordered by `at`, early notices aside; any part of
    /// the log may come again. Of what changes during an incident people hear what was
    /// worth a page: a severity above every one they were told of, and each further match
    /// where the rule asks for it. A rule in shadow tells them nothing, but for the end of
    /// what they were told of before it went there.
    pub fn apply(&mut self, record: &LogRecord<'_>) -> Option<IncidentUpdate> {
        let notice = match record.step {
            AlertLogEntry::Early(early) => self.apply_early(early, record),
            AlertLogEntry::Transition(transition) => self.apply_settled(transition, record),
        }?;
        let is_notified = match notice.kind {
            NotificationKind::Resolved => notice.notified != SeveritySet::default(),
            _ => !record.is_shadow,
        };
        is_notified.then_some(notice)
    }

    /// The incidents that are open now, in no order, each with its alert's name.
    pub fn open(&self) -> impl Iterator<Item = (&str, &OpenEpisode)> {
        self.lines.iter().filter_map(|(identity, line)| {
            line.open.as_ref().map(|incident| (identity.alert.as_str(), incident))
        })
    }

    /// Number of open episodes.
    pub fn open_count(&self) -> usize {
        self.open_count
    }

    /// Counts of the fold so far.
    pub fn counts(&self) -> FoldCounts {
        self.counts
    }

    fn apply_early(
        &mut self,
        early: &EarlyAlert,
        record: &LogRecord<'_>,
    ) -> Option<IncidentUpdate> {
        let line = self.lines.entry(identity(&early.facts.alert, &early.facts.key)).or_default();
        let is_settled = line.mark.is_some_and(|mark| early.facts.at <= mark);
        let notified = match &mut line.open {
            _ if is_settled => None,
            Some(incident) => incident
                .rise(early.facts.severity, early.facts.at, record)
                .then(|| incident.notice(NotificationKind::Changed, record)),
            None => {
                let incident =
                    line.open_with(early.episode, early.facts.at, early.facts.severity, record);
                self.open_count += 1;
                Some(incident.notice(NotificationKind::Firing, record))
            }
        };
        self.counts.repeated += u64::from(notified.is_none());
        notified
    }

    fn apply_settled(
        &mut self,
        transition: &Transition,
        record: &LogRecord<'_>,
    ) -> Option<IncidentUpdate> {
        let identity = identity(&transition.facts.alert, &transition.facts.key);
        let line = self.lines.entry(identity.clone()).or_default();
        if !line.advance(transition) {
            self.counts.repeated += 1;
            return None;
        }
        match transition.kind {
            TransitionKind::Firing => self.fire(&identity, transition, record),
            TransitionKind::Resolved => self.resolve(identity, transition, record),
            TransitionKind::Changed | TransitionKind::Again => {
                self.apply_transition(&identity, transition, record)
            }
        }
    }

    fn fire(
        &mut self,
        who: &SeriesKey,
        of: &Transition,
        record: &LogRecord<'_>,
    ) -> Option<IncidentUpdate> {
        let line = self.lines.get_mut(who)?;
        match &mut line.open {
            Some(incident) if incident.episode.is_none() => {
                incident.episode = Some(of.episode);
                return incident.follow(of, record);
            }
            // The engine never fires twice without resolving. Telling people of the new
            // episode is the safe answer to a log that says so.
            Some(_) => self.counts.contradictions += 1,
            None => self.open_count += 1,
        }
        let incident = line.open_with(of.episode, of.facts.at, of.facts.severity, record);
        incident.episode = Some(of.episode);
        Some(incident.notice(NotificationKind::Firing, record))
    }

    fn apply_transition(
        &mut self,
        who: &SeriesKey,
        of: &Transition,
        record: &LogRecord<'_>,
    ) -> Option<IncidentUpdate> {
        let open = self.lines.get_mut(who)?.open.as_mut();
        let Some(incident) = open.filter(|incident| incident.episode == Some(of.episode)) else {
            self.counts.contradictions += 1;
            return None;
        };
        let risen = incident.follow(of, record);
        match of.kind {
            TransitionKind::Again => Some(incident.notice(NotificationKind::Again, record)),
            _ => risen,
        }
    }

    fn resolve(
        &mut self,
        who: SeriesKey,
        of: &Transition,
        record: &LogRecord<'_>,
    ) -> Option<IncidentUpdate> {
        let line = self.lines.get_mut(&who)?;
        let ends = line.open.take_if(|incident| match incident.episode {
            Some(episode) => episode == of.episode,
            None => incident.opened < of.facts.at,
        });
        let Some(incident) = ends else {
            self.counts.contradictions += 1;
            return None;
        };
        if incident.opened >= of.facts.at {
            line.spent.push((incident.opened, incident.id));
        }
        self.open_count -= 1;
        self.closed.push_back((who, of.facts.at));
        self.forget();
        Some(incident.notice(NotificationKind::Resolved, record))
    }

    fn forget(&mut self) {
        while self.closed.len() > self.closed_max {
            let Some((identity, mark)) = self.closed.pop_front() else {
                return;
            };
            if let Entry::Occupied(line) = self.lines.entry(identity)
                && line.get().open.is_none()
                && line.get().mark == Some(mark)
            {
                line.remove();
                self.counts.forgotten += 1;
            }
        }
    }
}

impl EpisodeSeries {
    /// Moves the mark to a settled record; false when it is not new.
    fn advance(&mut self, to: &Transition) -> bool {
        let seen = (to.episode, to.kind, to.facts.severity);
        if self.mark > Some(to.facts.at)
            || (self.mark == Some(to.facts.at) && self.at_mark.contains(&seen))
        {
            return false;
        }
        if self.mark != Some(to.facts.at) {
            self.mark = Some(to.facts.at);
            self.at_mark.clear();
            // An episode that had to last before it fired has the id of when it began.
            self.spent.retain(|(opened, _)| *opened >= to.facts.since);
        }
        self.at_mark.push(seen);
        true
    }

    // INVARIANT: no two incidents of an identity share an id, or the second would look like
    // a repetition to every receiver. An early notice whose incident was taken by an earlier
    // episode has spent its id; the next number, as good as any, serves its own episode.
    fn open_with(
        &mut self,
        wanted: EpisodeId,
        opened: Timestamp,
        severity: Severity,
        record: &LogRecord<'_>,
    ) -> &mut OpenEpisode {
        let mut id = wanted;
        while self.spent.iter().any(|(_, spent)| *spent == id) {
            id = EpisodeId(id.0.wrapping_add(1));
        }
        let (notified, responds_from) = (SeveritySet::default(), opened);
        let mut incident =
            OpenEpisode { id, opened, severity, notified, responds_from, episode: None };
        incident.rise(severity, opened, record);
        self.open.insert(incident)
    }
}

impl OpenEpisode {
    /// Takes a severity it has at an instant; true when people are to be told, for it is
    /// above all that they know of.
    fn rise(&mut self, to: Severity, at: Timestamp, record: &LogRecord<'_>) -> bool {
        self.severity = to;
        let is_rise = !record.is_shadow && self.notified.are_below(to);
        if is_rise {
            self.notified.insert(to);
            self.responds_from = at;
        }
        is_rise
    }

    fn follow(&mut self, to: &Transition, record: &LogRecord<'_>) -> Option<IncidentUpdate> {
        self.rise(to.facts.severity, to.facts.at, record)
            .then(|| self.notice(NotificationKind::Changed, record))
    }

    /// Notice of a kind about a record of the incident.
    fn notice(&self, kind: NotificationKind, record: &LogRecord<'_>) -> IncidentUpdate {
        let (facts, measured, reason) = match record.step {
            AlertLogEntry::Transition(of) => (&of.facts, of.measured, of.reason),
            AlertLogEntry::Early(of) => (&of.facts, of.measured, None),
        };
        IncidentUpdate {
            incident: self.id,
            kind,
            responds_from: self.responds_from,
            facts: facts.clone(),
            measured,
            notified: self.notified,
            reason,
            text: record.text.clone(),
        }
    }
}

fn identity(alert: &str, key: &[NamedKeyPart]) -> SeriesKey {
    let key = encode_key(key.iter().map(|(_, value)| value));
    SeriesKey { alert: alert.to_owned(), key }
}

#[cfg(test)]
mod tests;
