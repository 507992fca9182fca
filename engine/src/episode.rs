//! The life of one episode: from a condition's truth to firing and resolved.
//!
//! The edges are those of LANGUAGE §3.8 and §3.9: a condition true on `[a, b)` fires at
//! a + `for` if b is later than that, and its episode ends when the condition has been
//! false for `keep`, unless it turns true again at exactly that instant or before.

use model::decimal::Decimal;
use model::transition::Reason;
use rules_dsl::rule::{Alert, Comparison};

use crate::aggregate::Measured;

/// The state of one (alert, key).
#[derive(Debug, Default)]
pub struct Episode {
    truth: bool,
    unknown_since: Option<i64>,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Inactive,
    Pending {
        since: i64,
        peak: Option<Decimal>,
    },
    Firing {
        since: i64,
        false_since: Option<i64>,
        peak: Option<Decimal>,
    },
}

/// What an instant did to an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to tell.
    Quiet,
    /// It fires.
    Fired { since: i64 },
    /// It ends.
    Ended { since: i64, peak: Option<Decimal>, reason: Reason },
}

impl Episode {
    /// An episode that was open when its state was lost.
    pub(crate) const fn reopened(since: i64, peak: Option<Decimal>) -> Episode {
        let phase = Phase::Firing { since, false_since: None, peak };
        Episode { truth: true, unknown_since: None, phase }
    }

    /// Judges the instant `now`; instants never go back.
    pub(crate) fn judge(&mut self, now: i64, measured: Option<Measured>, alert: &Alert) -> Step {
        let expired = self.follow(now, measured, alert);
        self.widen_peak(measured, alert);
        match self.phase {
            Phase::Pending { since, peak } if now - since >= alert.for_ms => {
                self.phase = Phase::Firing { since, false_since: None, peak };
                Step::Fired { since }
            }
            Phase::Firing { since, false_since: Some(at), peak }
                if expired || now - at >= alert.keep_ms =>
            {
                self.phase = Phase::Inactive;
                let reason = if expired { Reason::NoData } else { Reason::Cleared };
                Step::Ended { since, peak, reason }
            }
            _ => Step::Quiet,
        }
    }

    /// Judges an instant of which an earlier run has told everything: an open episode stays
    /// open and none begins, whatever the windows, which are not whole yet, seem to say.
    ///
    /// What is true, false or unknown at the end of the rehearsal, and since when, is exact
    /// wherever it still matters: a horizon of the past holds `for`, `keep` and `hold`.
    pub(crate) fn rehearse(
        &mut self,
        now: i64,
        measured: Option<Measured>,
        is_whole: bool,
        alert: &Alert,
    ) {
        self.follow(now, measured, alert);
        // The peak of an open episode is what the earlier run kept of it and what is seen
        // again through windows that are whole.
        if self.open_since().is_none_or(|since| is_whole && now >= since) {
            self.widen_peak(measured, alert);
        }
    }

    /// Follows what is true at `now`; says whether an unknown value was held to its end.
    fn follow(&mut self, now: i64, measured: Option<Measured>, alert: &Alert) -> bool {
        let expired = self.learn_truth(now, measured, alert);
        match &mut self.phase {
            Phase::Inactive if self.truth => {
                self.phase = Phase::Pending { since: now, peak: None };
            }
            Phase::Inactive => {}
            Phase::Pending { .. } if self.truth => {}
            Phase::Pending { .. } => self.phase = Phase::Inactive,
            Phase::Firing { false_since, .. } if self.truth => *false_since = None,
            Phase::Firing { false_since, .. } => {
                false_since.get_or_insert(now);
            }
        }
        expired
    }

    fn widen_peak(&mut self, measured: Option<Measured>, alert: &Alert) {
        if let (Phase::Pending { peak, .. } | Phase::Firing { peak, .. }, true) =
            (&mut self.phase, self.truth)
        {
            let value = measured.and_then(Measured::decimal);
            *peak = further(alert.trigger.comparison, *peak, value);
        }
    }

    /// Settles what the comparison is at `now`; true when an unknown value was held to its end.
    fn learn_truth(&mut self, now: i64, measured: Option<Measured>, alert: &Alert) -> bool {
        let Some(measured) = measured else {
            let unknown_for = now - *self.unknown_since.get_or_insert(now);
            let expired = unknown_for >= alert.hold_ms;
            self.truth &= !expired;
            return expired;
        };
        let level = match alert.clear {
            Some(clear) if self.is_firing() => clear,
            _ => alert.trigger.level,
        };
        self.unknown_since = None;
        self.truth = alert.trigger.comparison.holds(measured.compare(level));
        false
    }

    /// The instants at which something happens though no value changes: the end of a hold,
    /// and of `for` or `keep`.
    pub(crate) fn next_dues(&self, alert: &Alert) -> [Option<i64>; 2] {
        let held_until = match (self.unknown_since, &self.phase) {
            (None, _) | (_, Phase::Inactive) => None,
            (Some(unknown), _) => Some(unknown.saturating_add(alert.hold_ms)),
        };
        let own = match self.phase {
            Phase::Inactive | Phase::Firing { false_since: None, .. } => None,
            Phase::Pending { since, .. } => Some(since.saturating_add(alert.for_ms)),
            Phase::Firing { false_since: Some(at), .. } => Some(at.saturating_add(alert.keep_ms)),
        };
        [held_until, own]
    }

    /// The open episode's `since`.
    pub(crate) const fn open_since(&self) -> Option<i64> {
        match self.phase {
            Phase::Firing { since, .. } => Some(since),
            Phase::Inactive | Phase::Pending { .. } => None,
        }
    }

    /// The open episode's furthest value so far.
    pub(crate) const fn peak(&self) -> Option<Decimal> {
        match self.phase {
            Phase::Firing { peak, .. } => peak,
            Phase::Inactive | Phase::Pending { .. } => None,
        }
    }

    /// Whether it fires.
    pub(crate) const fn is_firing(&self) -> bool {
        self.open_since().is_some()
    }

    /// Whether the condition is true now: only then can it turn false by itself.
    pub(crate) const fn is_true(&self) -> bool {
        self.truth
    }

    /// Whether neither an episode nor a pending one is there.
    pub(crate) const fn is_inactive(&self) -> bool {
        matches!(self.phase, Phase::Inactive)
    }

    /// Forgets a pending condition: its key has gone silent.
    pub(crate) fn forget_pending(&mut self) {
        if !self.is_firing() {
            *self = Episode::default();
        }
    }
}

/// The one of two values further in the direction a comparison asks for.
fn further(comparison: Comparison, a: Option<Decimal>, b: Option<Decimal>) -> Option<Decimal> {
    match (a, b) {
        (Some(a), Some(b)) if comparison.is_low() => Some(a.min(b)),
        (Some(a), Some(b)) => Some(a.max(b)),
        (some, None) | (None, some) => some,
    }
}

#[cfg(test)]
mod tests;
