//! Window plans: the state kept for each key of a rule, and how it is read.

use model::message::MessagePart;
use rules_dsl::rule::{AbsenceRoster, Alert, ComparisonOp, Measure, Trigger, Window};

use crate::condition::waits_for_ms;
use crate::window::WindowPlan;

/// Plans of an alert's windows.
pub(super) fn windows(alert: &Alert) -> Vec<WindowPlan> {
    let shows_value = matches!(alert.trigger, Trigger::Condition(_));
    let shows_count = alert.message.parts.contains(&MessagePart::Count);
    let windows = alert.trigger.condition().into_iter().flat_map(|condition| &condition.windows);
    let plan = |(at, window): (usize, &Window)| {
        // One sample for each key is what makes `last` cheap: it counts only if it is shown.
        let is_cheap = matches!(window.measure, Measure::Last(_));
        WindowPlan::new(window, at == 0 && shows_value && (shows_count || !is_cheap))
    };
    windows.enumerate().map(plan).collect()
}

/// True when entries that leave can neither turn the trigger on, nor make it unknown before the
/// window is empty.
pub(super) fn only_gains(trigger: &Trigger) -> bool {
    let Trigger::Condition(condition) = trigger else {
        return false;
    };
    condition.single().is_some_and(|(window, compare)| {
        let is_rising = matches!(compare.comparison, ComparisonOp::AtLeast | ComparisonOp::Above);
        let gains = match window.measure {
            Measure::Count(_) | Measure::Distinct(_) | Measure::Max(_) => is_rising,
            Measure::Min(_) => compare.comparison.is_low(),
            _ => false,
        };
        gains && window.step_ms == 0 && window.ago_ms == 0 && window.min_events <= 1
    })
}

pub(super) fn glance(alert: &Alert) -> Option<ComparisonOp> {
    let Trigger::Condition(condition) = &alert.trigger else {
        return None;
    };
    let (_, compare) = condition.single().filter(|_| alert.during.is_none())?;
    Some(compare.comparison)
}

pub(super) fn is_seeded(alert: &Alert) -> bool {
    match &alert.trigger {
        Trigger::Condition(condition) => {
            let mut compares = condition.compares.iter();
            alert.by.is_empty() && compares.any(|it| waits_for_ms(condition, it).is_some())
        }
        Trigger::Absent { roster, .. } => !matches!(roster, AbsenceRoster::Seen(_)),
        _ => false,
    }
}

pub(super) const fn has_roster(trigger: &Trigger) -> bool {
    matches!(trigger, Trigger::Absent { roster: AbsenceRoster::Listed(_), .. })
}
