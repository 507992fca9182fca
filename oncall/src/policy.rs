//! Escalation policies: steps of receivers to notify until a person acknowledges.

use model::time::Timestamp;

use crate::incident::Escalation;
use crate::severity_policy::SeverityPolicy;

/// Maximum number of steps in a policy.
pub const STEPS_MAX: usize = 16;
/// Maximum number of repetitions of a policy.
pub const ROUNDS_MAX: u32 = 10;

/// Escalation policy: ordered steps and their repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscalationPolicy {
    /// Name by which severities refer to it.
    pub name: String,
    /// Steps, ordered by delay.
    pub steps: Vec<EscalationStep>,
    /// Number of repetitions of all steps while nobody has acknowledged.
    pub repeat: u32,
}

/// Escalation step: receivers to notify after a delay without acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscalationStep {
    /// Delay in milliseconds on the clock of the severity.
    pub after_ms: i64,
    /// Names of receivers; empty means the receivers notified before.
    pub receivers: Vec<String>,
}

impl EscalationPolicy {
    /// Returns the default policy of a severity without one: notifies the same receivers again at
    /// two thirds of the response time and at its end.
    pub fn by_deadline(level: &SeverityPolicy) -> EscalationPolicy {
        let step = |after_ms| EscalationStep { after_ms, receivers: Vec::new() };
        let steps = level.respond_within_ms.map(|ms| vec![step(ms / 3 * 2), step(ms)]);
        EscalationPolicy {
            name: "deadline".to_owned(),
            steps: steps.unwrap_or_default(),
            repeat: 0,
        }
    }

    /// Returns the first step; delays count from `from`.
    pub fn begin(&self, level: &SeverityPolicy, from: Timestamp) -> Option<Escalation> {
        self.at(level, Escalation { from, step: 0, round: 0, due: from })
    }

    /// Returns the step after `done`, or the first of the next round; `None` after the last round.
    pub fn after(&self, level: &SeverityPolicy, done: Escalation) -> Option<Escalation> {
        let next = Escalation { step: done.step + 1, ..done };
        if next.step < self.steps.len() {
            return self.at(level, next);
        }
        let last_ms = self.steps.last().map_or(0, |step| step.after_ms);
        if done.round >= self.repeat || last_ms == 0 {
            return None;
        }
        let from = level.clock.after(done.from, last_ms)?;
        self.at(level, Escalation { from, step: 0, round: done.round + 1, due: from })
    }

    fn at(&self, level: &SeverityPolicy, of: Escalation) -> Option<Escalation> {
        let step = self.steps.get(of.step)?;
        let due = level.clock.after(of.from, step.after_ms)?;
        Some(Escalation { due, ..of })
    }
}

#[cfg(test)]
mod tests {
    use model::severity::Severity;
    use model::time::MINUTE_MS;

    use super::*;
    use crate::severity_policy::SeverityPolicies;

    fn dues(policy: &EscalationPolicy) -> Vec<(i64, usize)> {
        let levels = SeverityPolicies::default();
        let level = levels.level(Severity::Critical);
        let first = policy.begin(level, Timestamp(0));
        std::iter::successors(first, |done| policy.after(level, *done))
            .map(|escalation| (escalation.due.0 / MINUTE_MS, escalation.step))
            .collect()
    }

    #[test]
    fn steps_follow_each_other_and_begin_again() {
        let step = |minutes: i64, who: &str| EscalationStep {
            after_ms: minutes * MINUTE_MS,
            receivers: vec![who.to_owned()],
        };
        let steps = vec![step(0, "a"), step(10, "b"), step(20, "c")];
        let policy =
            |repeat| EscalationPolicy { name: "core".to_owned(), steps: steps.clone(), repeat };
        assert_eq!(dues(&policy(0)), [(0, 0), (10, 1), (20, 2)]);
        assert_eq!(dues(&policy(1)), [(0, 0), (10, 1), (20, 2), (20, 0), (30, 1), (40, 2)]);
        let once =
            EscalationPolicy { name: "once".to_owned(), steps: vec![step(0, "a")], repeat: 5 };
        assert_eq!(dues(&once), [(0, 0)], "what takes no time is not repeated for ever");
    }

    #[test]
    fn who_names_no_policy_is_reminded_by_the_deadline() {
        let levels = SeverityPolicies::default();
        let policy = |severity| EscalationPolicy::by_deadline(levels.level(severity));
        assert_eq!(dues(&policy(Severity::Critical)), [(20, 0), (30, 1)]);
        assert_eq!(policy(Severity::Low).steps, []);
    }
}
