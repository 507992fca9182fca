//! Lifecycle of one episode: from the truth of a condition to firing and resolved.
//!
//! The edges are those of LANGUAGE §3.8 and §3.9: a condition true on `[a, b)` fires at a + `for`
//! if b is later than that. Its episode ends when the condition has been false for `keep`, unless
//! it turns true again at exactly that instant or before.

use std::cmp::Ordering;

use model::decimal::Decimal;
use model::severity::Severity;
use model::transition::EndReason;
use rules_dsl::rule::{Alert, ComparisonOp};
use smallvec::{SmallVec, smallvec};

use crate::measure_value::MeasureValue;
use crate::snapshot::{SnapshotEncode, packed};

/// The state of one (alert, key).
#[derive(Debug, Default)]
pub struct Episode {
    phase: EpisodePhase,
}

#[derive(Debug, Default)]
enum EpisodePhase {
    #[default]
    Inactive,
    Pending(ActiveSpan),
    Firing {
        course: ActiveSpan,
        false_since: Option<i64>,
    },
}

/// State kept while a condition is true.
#[derive(Clone, Copy, Debug)]
struct ActiveSpan {
    since: i64,
    peak: Option<Decimal>,
    /// Severity of the highest level that the value meets. For an open episode it is the last one
    /// emitted; an edit of the rule alone does not change it.
    severity: Severity,
    /// The highest level so far: 0 is the rule's own, others are those of its ladder.
    highest: usize,
}

impl ActiveSpan {
    const fn begun(since: i64, alert: &Alert) -> ActiveSpan {
        ActiveSpan { since, peak: None, severity: alert.severity, highest: 0 }
    }
}

/// Evaluation of a condition at an instant.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// True when the condition holds.
    pub truth: bool,
    /// Reason to end an open episode at once, if the condition does not hold.
    pub ends: Option<EndReason>,
    /// Measured value, where it is known.
    pub value: Option<MeasureValue>,
    /// Highest level that the value meets, if any.
    pub rung: Option<usize>,
}

/// Truth of a condition that is one comparison, whose value is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeasuredTruth<'a> {
    /// True when the comparison holds.
    pub(crate) truth: bool,
    /// Measured value.
    pub(crate) value: &'a MeasureValue,
    /// Highest level that the value meets, if any.
    pub(crate) met: Option<usize>,
}

/// Change of an episode at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpisodeEvent {
    /// The episode starts to fire.
    Fired { since: i64, severity: Severity },
    /// The severity of the open episode changes.
    Changed { since: i64, severity: Severity },
    /// A further event matches while the episode is open.
    Matched { since: i64, severity: Severity },
    /// The episode resolves.
    Ended { since: i64, severity: Severity, peak: Option<Decimal>, reason: EndReason },
}

/// Events of one instant: the same event may start an episode and end it.
pub type EpisodeEvents = SmallVec<[EpisodeEvent; 2]>;

impl Episode {
    /// Restores an episode that was open when its state was lost. One of single events is taken to
    /// be false since `since`, the earliest instant its last event can have.
    pub(crate) fn reopened(
        since: i64,
        peak: Option<Decimal>,
        severity: Severity,
        alert: &Alert,
    ) -> Episode {
        let false_since = alert.trigger.is_momentary().then_some(since);
        let highest = rung_of(alert, severity);
        let course = ActiveSpan { since, peak, severity, highest };
        Episode { phase: EpisodePhase::Firing { course, false_since } }
    }

    /// Evaluates a condition at the instant `now`; instants never decrease.
    pub(crate) fn evaluate(
        &mut self,
        now: i64,
        verdict: &Evaluation,
        alert: &Alert,
    ) -> Option<EpisodeEvent> {
        self.follow(now, verdict.truth, alert);
        self.widen_peak(verdict, alert);
        let moved = self.move_severity(verdict, alert);
        match self.phase {
            EpisodePhase::Pending(mut course) if now - course.since >= alert.for_ms => {
                if alert.rungs.is_empty() {
                    course.severity = alert.severity;
                }
                self.phase = EpisodePhase::Firing { course, false_since: None };
                Some(EpisodeEvent::Fired { since: course.since, severity: course.severity })
            }
            EpisodePhase::Firing { course, false_since: None } if moved => {
                Some(EpisodeEvent::Changed { since: course.since, severity: course.severity })
            }
            _ => self.end(now, verdict.ends, alert),
        }
    }

    /// Evaluates a trigger at the instant `now`; it is true only at single events.
    pub(crate) fn mark(&mut self, now: i64, verdict: &Evaluation, alert: &Alert) -> EpisodeEvents {
        let mut steps = smallvec![];
        match &mut self.phase {
            EpisodePhase::Firing { course, false_since } if verdict.truth => {
                *false_since = Some(now);
                if alert.notify_each {
                    let ActiveSpan { since, severity, .. } = *course;
                    steps.push(EpisodeEvent::Matched { since, severity });
                }
            }
            EpisodePhase::Inactive if verdict.truth => {
                let course = ActiveSpan::begun(now, alert);
                self.phase = EpisodePhase::Firing { course, false_since: Some(now) };
                steps.push(EpisodeEvent::Fired { since: now, severity: course.severity });
            }
            _ => {}
        }
        steps.extend(self.end(now, verdict.ends.filter(|_| !verdict.truth), alert));
        steps
    }

    /// Returns true when the instant `now` emits nothing because the truth of the condition is
    /// unchanged; then at most the peak moves.
    #[inline]
    pub(crate) fn stays(
        &mut self,
        now: i64,
        known: MeasuredTruth<'_>,
        comparison: ComparisonOp,
        alert: &Alert,
    ) -> bool {
        let MeasuredTruth { truth, value, met } = known;
        let course = match &mut self.phase {
            EpisodePhase::Inactive => return !truth,
            EpisodePhase::Firing { false_since: Some(at), .. } => {
                return !truth && now - *at < alert.keep_ms;
            }
            EpisodePhase::Pending(course) if now - course.since >= alert.for_ms => return false,
            EpisodePhase::Pending(course) | EpisodePhase::Firing { course, .. } => course,
        };
        let moves = |met: usize| met > course.highest || severity_of(alert, met) != course.severity;
        if !truth || met.is_some_and(moves) {
            return false;
        }
        let is_further = course.peak.is_none_or(|peak| match value.compare(peak) {
            Ordering::Less => comparison.is_low(),
            Ordering::Equal => false,
            Ordering::Greater => !comparison.is_low(),
        });
        if is_further {
            course.peak = further(comparison, course.peak, value.decimal());
        }
        true
    }

    /// Ends an episode that has been false for long enough, or for a `reason` to end at once.
    fn end(&mut self, now: i64, reason: Option<EndReason>, alert: &Alert) -> Option<EpisodeEvent> {
        let EpisodePhase::Firing { course, false_since: Some(at) } = self.phase else {
            return None;
        };
        let cleared = || (now - at >= alert.keep_ms).then_some(EndReason::Cleared);
        let reason = reason.or_else(cleared)?;
        self.phase = EpisodePhase::Inactive;
        let ActiveSpan { since, severity, peak, .. } = course;
        Some(EpisodeEvent::Ended { since, severity, peak, reason })
    }

    /// Replays an instant that a previous run has published: an open episode stays open and none
    /// starts. Windows that are not yet whole may evaluate wrongly.
    ///
    /// At the end of the replay, the truth of the condition and the instant since which it holds
    /// are exact wherever they still matter: the replayed horizon covers `for`, `keep` and `hold`.
    pub(crate) fn rehearse(
        &mut self,
        now: i64,
        verdict: &Evaluation,
        is_whole: bool,
        alert: &Alert,
    ) {
        let has_begun = self.open_since().is_none_or(|since| is_whole && now >= since);
        if alert.trigger.is_momentary() {
            if let EpisodePhase::Firing { false_since, .. } = &mut self.phase
                && has_begun
                && verdict.truth
            {
                *false_since = Some(now);
            }
            return;
        }
        self.follow(now, verdict.truth, alert);
        // Peak and severity of an open episode combine the state that the previous run saved with
        // the values that whole windows show on replay.
        if has_begun {
            self.widen_peak(verdict, alert);
            self.move_severity(verdict, alert);
        }
    }

    /// Updates the phase by the truth at `now`.
    fn follow(&mut self, now: i64, truth: bool, alert: &Alert) {
        match &mut self.phase {
            EpisodePhase::Inactive if truth => {
                self.phase = EpisodePhase::Pending(ActiveSpan::begun(now, alert));
            }
            EpisodePhase::Inactive => {}
            EpisodePhase::Pending(_) if truth => {}
            EpisodePhase::Pending(_) => self.phase = EpisodePhase::Inactive,
            EpisodePhase::Firing { false_since, .. } if truth => *false_since = None,
            EpisodePhase::Firing { false_since, .. } => {
                false_since.get_or_insert(now);
            }
        }
    }

    fn widen_peak(&mut self, verdict: &Evaluation, alert: &Alert) {
        if let Some(value) = &verdict.value
            && let Some(compare) = alert.shown()
            && let Some(course) = self.course().filter(|_| verdict.truth)
        {
            course.peak = further(compare.comparison, course.peak, value.decimal());
        }
    }

    /// Sets the severity of the level that is met; true when it changed.
    fn move_severity(&mut self, verdict: &Evaluation, alert: &Alert) -> bool {
        let (Some(course), Some(rung)) = (self.course(), verdict.rung) else {
            return false;
        };
        if !verdict.truth {
            return false;
        }
        course.highest = course.highest.max(rung);
        let severity = severity_of(alert, rung);
        std::mem::replace(&mut course.severity, severity) != severity
    }

    const fn course(&mut self) -> Option<&mut ActiveSpan> {
        match &mut self.phase {
            EpisodePhase::Inactive => None,
            EpisodePhase::Pending(course) | EpisodePhase::Firing { course, .. } => Some(course),
        }
    }

    /// Instant of the next change while the truth stays the same: the end of `for` or `keep`.
    pub(crate) const fn next_due(&self, alert: &Alert) -> Option<i64> {
        match self.phase {
            EpisodePhase::Inactive | EpisodePhase::Firing { false_since: None, .. } => None,
            EpisodePhase::Pending(course) => Some(course.since.saturating_add(alert.for_ms)),
            EpisodePhase::Firing { false_since: Some(at), .. } => {
                Some(at.saturating_add(alert.keep_ms))
            }
        }
    }

    /// Instant since which the condition of the open episode is true.
    pub(crate) const fn open_since(&self) -> Option<i64> {
        match self.phase {
            EpisodePhase::Firing { course, .. } => Some(course.since),
            EpisodePhase::Inactive | EpisodePhase::Pending(_) => None,
        }
    }

    /// Furthest value of the open episode so far.
    pub(crate) const fn peak(&self) -> Option<Decimal> {
        match self.phase {
            EpisodePhase::Firing { course, .. } => course.peak,
            EpisodePhase::Inactive | EpisodePhase::Pending(_) => None,
        }
    }

    /// True when the episode is open.
    pub(crate) const fn is_firing(&self) -> bool {
        self.open_since().is_some()
    }

    /// Current severity of the open episode.
    pub(crate) const fn severity(&self) -> Option<Severity> {
        match self.phase {
            EpisodePhase::Firing { course, .. } => Some(course.severity),
            EpisodePhase::Inactive | EpisodePhase::Pending(_) => None,
        }
    }

    /// Highest level that the open episode has met so far.
    pub(crate) const fn highest(&self) -> Option<usize> {
        match self.phase {
            EpisodePhase::Firing { course, .. } => Some(course.highest),
            EpisodePhase::Inactive | EpisodePhase::Pending(_) => None,
        }
    }

    /// True when the episode is neither pending nor firing.
    pub(crate) const fn is_inactive(&self) -> bool {
        matches!(self.phase, EpisodePhase::Inactive)
    }
}

/// Severity of a level: 0 is the rule's own, others are those of its ladder.
pub(crate) fn severity_of(alert: &Alert, rung: usize) -> Severity {
    let above = rung.checked_sub(1).and_then(|at| alert.rungs.get(at));
    above.map_or(alert.severity, |rung| rung.severity)
}

/// Level of a severity; 0 where the ladder does not have it.
pub(crate) fn rung_of(alert: &Alert, severity: Severity) -> usize {
    alert.rungs.iter().position(|rung| rung.severity == severity).map_or(0, |at| at + 1)
}

/// Returns the value further in the direction of a comparison.
fn further(comparison: ComparisonOp, a: Option<Decimal>, b: Option<Decimal>) -> Option<Decimal> {
    match (a, b) {
        (Some(a), Some(b)) if comparison.is_low() => Some(a.min(b)),
        (Some(a), Some(b)) => Some(a.max(b)),
        (some, None) | (None, some) => some,
    }
}

packed!(Episode { phase });
packed!(ActiveSpan { since, peak, severity, highest });

impl SnapshotEncode for EpisodePhase {
    fn pack(&self, out: &mut Vec<u8>) {
        let (course, false_since) = match self {
            EpisodePhase::Inactive => (None, None),
            EpisodePhase::Pending(course) => (Some(course), None),
            EpisodePhase::Firing { course, false_since } => (Some(course), Some(false_since)),
        };
        (course.copied(), false_since.copied()).pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<EpisodePhase> {
        match SnapshotEncode::unpack(from)? {
            (None, None::<Option<i64>>) => Some(EpisodePhase::Inactive),
            (Some(course), None) => Some(EpisodePhase::Pending(course)),
            (Some(course), Some(false_since)) => Some(EpisodePhase::Firing { course, false_since }),
            (None, Some(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests;
