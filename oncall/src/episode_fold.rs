//! Episode fold: open episodes and incident updates, folded from the alert log.
//!
//! After a crash the log may contain duplicates, and it may contain an early alert ahead of the
//! settled `firing`. The fold is idempotent: records applied before have no effect. A `firing`
//! binds to the incident that its early alert opened.

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

/// Default maximum number of closed (alert, key) series kept for deduplication.
///
/// Beyond it the series closed longest ago is evicted and counted. A duplicate of its records would
/// then notify again with the same ids, so that a receiver that deduplicates drops it.
pub const CLOSED_MAX: usize = 1 << 18;

/// Record of the alert log, as the fold reads it.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord<'a> {
    /// Kind of change.
    pub step: AlertLogEntry<'a>,
    /// Texts and context of the record.
    pub text: &'a AlertText,
    /// True when its rule was in shadow when it was written: recorded without notification.
    pub is_shadow: bool,
}

/// Entry of an alert log.
#[derive(Clone, Copy, Debug)]
pub enum AlertLogEntry<'a> {
    /// A settled step of an episode.
    Transition(&'a Transition),
    /// An early alert, ahead of the watermark.
    Early(&'a EarlyAlert),
}

/// Texts and context of a record when it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertText {
    /// Rendered message.
    pub message: String,
    /// Description of the rule in plain language.
    pub reading: String,
    /// URL of the runbook.
    pub runbook: Option<String>,
    /// Labels of the rule.
    pub labels: Vec<(String, String)>,
    /// Instant at which the service detected it.
    pub detected: Timestamp,
    /// Offsets of the events in its window.
    #[serde(default)]
    pub events: Vec<OffsetRange>,
}

/// Half-open range of offsets of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetRange {
    /// Topic, file or spool.
    pub source: String,
    /// Number of the partition.
    pub partition: i32,
    /// First offset.
    pub from: i64,
    /// Offset after the last one.
    pub to: i64,
}

/// Change of an incident that causes notifications, before routing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentUpdate {
    /// Id of the incident, which is that of the record that opened it.
    pub incident: EpisodeId,
    /// Kind of the notification.
    pub kind: NotificationKind,
    /// Instant from which deadlines count: when the incident opened, or its severity last rose.
    pub responds_from: Timestamp,
    /// Alert, severity, key and times of the record.
    pub facts: AlertFacts,
    /// Measure and threshold of the record.
    pub measured: Measurement,
    /// Severities notified so far.
    pub notified: SeveritySet,
    /// Reason for the resolution; only when resolved.
    pub reason: Option<EndReason>,
    /// Texts and context of the record.
    pub text: AlertText,
}

/// Open episode, which is one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenEpisode {
    /// Id of the record that opened it; the same for every receiver.
    pub id: EpisodeId,
    /// Instant of that record.
    pub opened: Timestamp,
    /// Current severity.
    pub severity: Severity,
    /// Severities notified so far.
    pub notified: SeveritySet,
    /// Instant at which it opened, or its severity last rose above all notified ones.
    pub responds_from: Timestamp,
    /// Id of the settled episode; `None` while only an early alert is known.
    pub episode: Option<EpisodeId>,
}

/// Counts of irregular records that the fold met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FoldCounts {
    /// Duplicate records, and records older than the newest applied one.
    pub repeated: u64,
    /// Records that contradict the open episode: no engine writes such a log.
    pub contradictions: u64,
    /// Closed series evicted at the limit.
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
    /// Newest settled instant applied.
    mark: Option<Timestamp>,
    /// Settled records applied at that instant.
    at_mark: Vec<(EpisodeId, TransitionKind, Severity)>,
    open: Option<OpenEpisode>,
    /// Ids and instants of early alerts whose incidents were bound to earlier episodes.
    spent: Vec<(Timestamp, EpisodeId)>,
}

/// Fold of the alert log: open episodes, and the state that detects duplicates.
#[derive(Debug)]
pub struct EpisodeFold {
    lines: HashMap<SeriesKey, EpisodeSeries>,
    /// Series in the order of closing, with their newest instant then; an entry is stale if the
    /// series has advanced since.
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
    /// Returns an empty fold that keeps at most `closed_max` closed series.
    pub fn with_limit(closed_max: usize) -> EpisodeFold {
        EpisodeFold {
            lines: HashMap::new(),
            closed: VecDeque::new(),
            closed_max,
            open_count: 0,
            counts: FoldCounts::default(),
        }
    }

    /// Applies the next record of the log and returns the update to notify of, if any.
    ///
    /// Records of one (alert, key) are ordered by `at`, early alerts aside; any part of the log may
    /// be repeated. During an incident, an update is returned for a severity above all notified
    /// ones, and for each further match if the rule requests it. A rule in shadow yields no update,
    /// except for the resolution of an incident that was notified before the rule went into shadow.
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

    /// Returns the open episodes with the names of their alerts, in no order.
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
            // The engine never fires twice without resolving. For a log that does, it is safe to
            // notify of the new episode.
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
    /// Advances the newest settled instant to a record; false for a duplicate or an older record.
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
            // The id of an episode with a `for` derives from the instant at which its condition
            // became true.
            self.spent.retain(|(opened, _)| *opened >= to.facts.since);
        }
        self.at_mark.push(seen);
        true
    }

    // INVARIANT: incidents of one series never share an id; a receiver would drop the second as a
    // duplicate. If the id of an early alert was used by an incident of an earlier episode, the
    // next free number serves.
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
    /// Sets the severity as of an instant; true when it must be notified, because it is above all
    /// notified severities.
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

    /// Builds the update of a kind from a record of the incident.
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
