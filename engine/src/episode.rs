//! The life of one episode: from a condition's truth to firing and resolved.
//!
//! The edges are those of LANGUAGE §3.8 and §3.9: a condition true on `[a, b)` fires at
//! a + `for` if b is later than that, and its episode ends when the condition has been
//! false for `keep`, unless it turns true again at exactly that instant or before.

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
    /// The severity of the highest level the value meets; of an open episode the one last
    /// told, which an edit of the rule does not move by itself.
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
    /// True when it holds.
    pub truth: bool,
    /// Why an open episode ends at once, if the condition does not hold.
    pub ends: Option<EndReason>,
    /// Measured value, where it is known.
    pub value: Option<MeasureValue>,
    /// The highest level the value meets, if it meets any.
    pub rung: Option<usize>,
}

/// Truth of a condition that is one comparison, whose value is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeasuredTruth<'a> {
    /// True when it holds.
    pub(crate) truth: bool,
    /// What was measured.
    pub(crate) value: &'a MeasureValue,
    /// The highest level the value meets, if it meets any.
    pub(crate) met: Option<usize>,
}

/// Change of an episode at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpisodeEvent {
    /// It fires.
    Fired { since: i64, severity: Severity },
    /// Its severity moves.
    Changed { since: i64, severity: Severity },
    /// It matched once more.
    Matched { since: i64, severity: Severity },
    /// It ends.
    Ended { since: i64, severity: Severity, peak: Option<Decimal>, reason: EndReason },
}

/// The steps of one instant: an event may begin an episode and end it.
pub type EpisodeEvents = SmallVec<[EpisodeEvent; 2]>;

impl Episode {
    /// An episode that was open when its state was lost. One of single events has been false
    /// ever since its last one, the first at the earliest.
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

    /// Judges the instant `now` of a condition; instants never go back.
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

    /// Judges the instant `now` of a trigger that is true at single events: there, and
    /// nowhere else.
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

    /// True when nothing is told of the instant `now`, at which a condition is as true as it was:
    /// then the peak is all that moves.
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

    /// Judges an instant of which an earlier run has told everything: an open episode stays
    /// open and none begins, whatever the windows, which are not whole yet, seem to say.
    ///
    /// What is true, false or unknown at the end of the rehearsal, and since when, is exact
    /// wherever it still matters: a horizon of the past holds `for`, `keep` and `hold`.
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
        // The peak of an open episode is what the earlier run kept of it and what is seen
        // again through windows that are whole; so is its severity.
        if has_begun {
            self.widen_peak(verdict, alert);
            self.move_severity(verdict, alert);
        }
    }

    /// Follows what is true at `now`.
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

    /// Takes the severity of the level that is met; true when it is another than before.
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

    /// The instant at which something happens though nothing changes: the end of `for` or
    /// `keep`.
    pub(crate) const fn next_due(&self, alert: &Alert) -> Option<i64> {
        match self.phase {
            EpisodePhase::Inactive | EpisodePhase::Firing { false_since: None, .. } => None,
            EpisodePhase::Pending(course) => Some(course.since.saturating_add(alert.for_ms)),
            EpisodePhase::Firing { false_since: Some(at), .. } => {
                Some(at.saturating_add(alert.keep_ms))
            }
        }
    }

    /// The open episode's `since`.
    pub(crate) const fn open_since(&self) -> Option<i64> {
        match self.phase {
            EpisodePhase::Firing { course, .. } => Some(course.since),
            EpisodePhase::Inactive | EpisodePhase::Pending(_) => None,
        }
    }

    /// The open episode's furthest value so far.
    pub(crate) const fn peak(&self) -> Option<Decimal> {
        match self.phase {
            EpisodePhase::Firing { course, .. } => course.peak,
            EpisodePhase::Inactive | EpisodePhase::Pending(_) => None,
        }
    }

    /// True when it fires.
    pub(crate) const fn is_firing(&self) -> bool {
        self.open_since().is_some()
    }

    /// The severity the open episode has come to.
    pub(crate) const fn severity(&self) -> Option<Severity> {
        match self.phase {
            EpisodePhase::Firing { course, .. } => Some(course.severity),
            EpisodePhase::Inactive | EpisodePhase::Pending(_) => None,
        }
    }

    /// The highest level the open episode has ever met.
    pub(crate) const fn highest(&self) -> Option<usize> {
        match self.phase {
            EpisodePhase::Firing { course, .. } => Some(course.highest),
            EpisodePhase::Inactive | EpisodePhase::Pending(_) => None,
        }
    }

    /// True when neither an episode nor a pending one is there.
    pub(crate) const fn is_inactive(&self) -> bool {
        matches!(self.phase, EpisodePhase::Inactive)
    }
}

/// The severity of a level: 0 is the rule's own, others are those of its ladder.
pub(crate) fn severity_of(alert: &Alert, rung: usize) -> Severity {
    let above = rung.checked_sub(1).and_then(|at| alert.rungs.get(at));
    above.map_or(alert.severity, |rung| rung.severity)
}

/// The level of a severity; the lowest where the ladder has none of it.
pub(crate) fn rung_of(alert: &Alert, severity: Severity) -> usize {
    alert.rungs.iter().position(|rung| rung.severity == severity).map_or(0, |at| at + 1)
}

/// The one of two values further in the direction a comparison asks for.
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
