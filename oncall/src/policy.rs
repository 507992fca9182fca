//! Policies: who is told, one after the other, while nobody responds.

use model::time::Timestamp;

use crate::incident::Escalation;
use crate::severity_policy::SeverityPolicy;

/// Steps a policy may have.
pub const STEPS_MAX: usize = 16;
/// Number of times a policy may begin again.
pub const ROUNDS_MAX: u32 = 10;

/// Steps in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscalationPolicy {
    /// Its name.
    pub name: String,
    /// Its steps, the earliest first.
    pub steps: Vec<EscalationStep>,
    /// Number of times they are gone through again when nobody has responded.
    pub repeat: u32,
}

/// Receivers to notify when nobody has responded for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscalationStep {
    /// For how long, in milliseconds on the severity's clock.
    pub after_ms: i64,
    /// Receivers by name; empty is those who were told already.
    pub receivers: Vec<String>,
}

impl EscalationPolicy {
    /// The policy of a severity that names none: those who were told hear of it again at two
    /// thirds of the time they have, and when it is over.
    pub fn by_deadline(level: &SeverityPolicy) -> EscalationPolicy {
        let step = |after_ms| EscalationStep { after_ms, receivers: Vec::new() };
        let steps = level.respond_within_ms.map(|ms| vec![step(ms / 3 * 2), step(ms)]);
        EscalationPolicy {
            name: "deadline".to_owned(),
            steps: steps.unwrap_or_default(),
            repeat: 0,
        }
    }

    /// The first step of an incident that people can know of since an instant.
    pub fn begin(&self, level: &SeverityPolicy, from: Timestamp) -> Option<Escalation> {
        self.at(level, Escalation { from, step: 0, round: 0, due: from })
    }

    /// The step after one; the first of the next round where there is none; `None` where all
    /// has been tried.
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
