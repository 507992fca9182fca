//! Policy of a severity: response deadline, clock, reminders, group wait and escalation.

use model::severity::Severity;
use model::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

use crate::clock::EscalationClock;

/// Maximum group wait, in milliseconds.
pub const BATCH_MS_MAX: i64 = 10 * MINUTE_MS;

/// Policy of one severity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityPolicy {
    /// Time allowed for a response, in milliseconds; `None` is "as planned".
    pub respond_within_ms: Option<i64>,
    /// Clock on which that time and the escalation delays count.
    pub clock: EscalationClock,
    /// Interval between reminders of an open incident, in milliseconds; `None` sends none.
    pub remind_every_ms: Option<i64>,
    /// Delay after its event, in milliseconds, in which a cause that opens can inhibit it; 0
    /// disables the delay.
    pub batch_ms: i64,
    /// Name of the escalation policy; `None` notifies the same receivers again.
    pub policy: Option<String>,
}

/// Policies of all severities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityPolicies {
    by_severity: [SeverityPolicy; 4],
}

/// Two severities in the wrong order: the more serious one must be at least as urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeverityOrderError {
    /// The more serious one.
    pub above: Severity,
    /// The less serious one, which would have the shorter time.
    pub below: Severity,
    /// Setting in the wrong order.
    pub what: &'static str,
}

impl Default for SeverityPolicies {
    /// Values of the manual: response within 30 minutes, 2 hours, 24 hours, as planned; reminders
    /// every 30 minutes, 4 hours, 24 hours, never.
    fn default() -> SeverityPolicies {
        SeverityPolicies {
            by_severity: Severity::ALL.map(|severity| SeverityPolicy {
                respond_within_ms: severity.default_response_ms(),
                clock: EscalationClock::Always,
                remind_every_ms: match severity {
                    Severity::Critical => Some(30 * MINUTE_MS),
                    Severity::High => Some(4 * HOUR_MS),
                    Severity::Medium => Some(24 * HOUR_MS),
                    Severity::Low => None,
                },
                batch_ms: match severity {
                    Severity::Critical => 0,
                    _ => 30 * SECOND_MS,
                },
                policy: None,
            }),
        }
    }
}

impl SeverityPolicies {
    /// Policy of a severity.
    pub fn level(&self, severity: Severity) -> &SeverityPolicy {
        let [critical, high, medium, low] = &self.by_severity;
        match severity {
            Severity::Critical => critical,
            Severity::High => high,
            Severity::Medium => medium,
            Severity::Low => low,
        }
    }

    /// Replaces the policy of one severity.
    pub fn with(mut self, severity: Severity, level: SeverityPolicy) -> SeverityPolicies {
        let place = usize::from(severity.level() - 1);
        if let Some(slot) = self.by_severity.get_mut(place) {
            *slot = level;
        }
        self
    }

    /// Returns the deadline for a response, counted from an instant; `None` for "as planned".
    pub fn deadline(&self, severity: Severity, from: Timestamp) -> Option<Timestamp> {
        let level = self.level(severity);
        level.clock.after(from, level.respond_within_ms?)
    }

    /// Checks that a more serious severity is never less urgent.
    ///
    /// # Errors
    /// The first pair of neighbouring severities in the wrong order.
    pub fn monotonic(&self) -> Result<(), SeverityOrderError> {
        let pairs = Severity::ALL.into_iter().zip(Severity::ALL.into_iter().skip(1));
        for (above, below) in pairs {
            let (higher, lower) = (self.level(above), self.level(below));
            let later = |higher: Option<i64>, lower: Option<i64>| {
                higher.unwrap_or(i64::MAX) > lower.unwrap_or(i64::MAX)
            };
            let wrong = |what| Err(SeverityOrderError { above, below, what });
            if later(higher.respond_within_ms, lower.respond_within_ms) {
                return wrong("respond_within");
            }
            if later(higher.remind_every_ms, lower.remind_every_ms) {
                return wrong("repeat_interval");
            }
            if higher.batch_ms > lower.batch_ms {
                return wrong("group_wait");
            }
            if higher.clock != EscalationClock::Always && lower.clock == EscalationClock::Always {
                return wrong("clock");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::calendar::Calendar;

    use super::*;

    #[test]
    fn a_more_serious_level_is_never_slower() {
        let slow = |severity, change: fn(&mut SeverityPolicy)| {
            let mut level = SeverityPolicies::default().level(severity).clone();
            change(&mut level);
            SeverityPolicies::default().with(severity, level).monotonic()
        };
        assert_eq!(SeverityPolicies::default().monotonic(), Ok(()));
        assert_eq!(slow(Severity::High, |it| it.respond_within_ms = Some(HOUR_MS)), Ok(()));
        type LadderCase = (Severity, fn(&mut SeverityPolicy), &'static str);
        let cases: [LadderCase; 5] = [
            (Severity::Critical, |it| it.respond_within_ms = Some(3 * HOUR_MS), "respond_within"),
            (Severity::High, |it| it.respond_within_ms = None, "respond_within"),
            (Severity::High, |it| it.remind_every_ms = None, "repeat_interval"),
            (Severity::High, |it| it.batch_ms = MINUTE_MS, "group_wait"),
            (
                Severity::Critical,
                |it| it.clock = EscalationClock::While(Calendar::default()),
                "clock",
            ),
        ];
        for (severity, change, want) in cases {
            let wrong = slow(severity, change).unwrap_err();
            assert_eq!((wrong.above, wrong.what), (severity, want));
        }
    }
}
