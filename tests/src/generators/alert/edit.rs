//! Drawn edits of drawn rules: in what judges, and in what makes the state.

use model::decimal::Decimal;
use model::severity::Severity;
use rules_dsl::rule::{Alert, RuleSet, Trigger};

use super::{SingleLevel, alert, during, easier, overrides, rungs, single_level};
use crate::generators::SplitMix;
use crate::generators::trigger::clear_fields;

/// The rules after somebody edited some of them: removed, added, or worded otherwise.
pub fn edited(random: &mut SplitMix, rules: &RuleSet) -> RuleSet {
    let streams = rules.streams.len();
    let mut alerts = Vec::new();
    for (index, old) in rules.alerts.iter().enumerate() {
        match random.within(0, 9) {
            0 => {}
            1 => alerts.push(alert(random, index as i64, streams)),
            2..4 => alerts.push(old.clone()),
            _ => alerts.push(reworded(random, old)),
        }
    }
    if alerts.is_empty() || random.chance(20) {
        alerts.push(alert(random, rules.alerts.len() as i64, streams));
    }
    RuleSet { alerts, ..rules.clone() }
}

/// True when two alerts differ in nothing that makes their state.
pub fn same_state(a: &Alert, b: &Alert) -> bool {
    let bare = |of: &Alert| {
        let mut trigger = of.trigger.clone();
        clear_fields(&mut trigger);
        if let Trigger::Condition(condition) | Trigger::Any { and: Some(condition), .. } =
            &mut trigger
        {
            condition.compares.iter_mut().for_each(|it| it.level = Default::default());
        }
        (of.name.clone(), of.by.clone(), trigger)
    };
    bare(a) == bare(b)
}

/// An alert of the same state that judges otherwise.
fn reworded(random: &mut SplitMix, old: &Alert) -> Alert {
    let mut new = old.clone();
    let is_momentary = old.trigger.is_momentary();
    for _ in 0..random.within(1, 3) {
        match random.within(0, 9) {
            0..3 => relevel(random, &mut new),
            3 if new.rungs.is_empty() => {
                new.severity = random.one_of(&Severity::ALL, Severity::Low);
            }
            4 if !is_momentary => {
                new.for_ms = random.within(0, 15);
                show_nothing(&mut new);
            }
            5 => new.keep_ms = random.within(0, 20),
            6 => new.hold_ms = random.within(0, 17),
            7 => new.during = random.chance(60).then(|| during(random)),
            8 => new.notify_each = is_momentary && !new.notify_each,
            _ => show_nothing(&mut new),
        }
    }
    new
}

/// Draws levels anew, and the ladder and table that go with them.
fn relevel(random: &mut SplitMix, alert: &mut Alert) {
    if let Trigger::Condition(condition) | Trigger::Any { and: Some(condition), .. } =
        &mut alert.trigger
    {
        for compare in &mut condition.compares {
            let drawn = SingleLevel { comparison: compare.comparison, level: compare.level };
            let moved = drawn.eased(random.within(-4, 4));
            // A rule without keys that becomes true of no events at all is told at the next
            // one: nothing is known of it before.
            let of_nothing = |level: &Decimal| compare.comparison.holds(Decimal::ZERO.cmp(level));
            let same = |level: &Decimal| of_nothing(level) == of_nothing(&compare.level);
            compare.level = moved.filter(same).unwrap_or(compare.level);
        }
    }
    let Some(level) = single_level(&alert.trigger) else { return };
    if !matches!(alert.trigger, Trigger::Condition(_)) {
        return;
    }
    alert.clear = random.chance(30).then(|| easier(random, level)).flatten();
    alert.rungs = rungs(random, level);
    if !alert.rungs.is_empty() {
        alert.severity = Severity::Low;
        let above = random.one_of(
            &[
                [Severity::Medium, Severity::Critical],
                [Severity::Medium, Severity::High],
                [Severity::High, Severity::Critical],
            ],
            [Severity::Medium, Severity::Critical],
        );
        alert.rungs.iter_mut().zip(above).for_each(|(rung, severity)| rung.severity = severity);
    }
    let has_table = !alert.by.is_empty() && random.chance(20);
    let (rungs, clears) = (alert.rungs.len(), alert.clear.is_some());
    alert.overrides = has_table.then(|| overrides(random, level, rungs, clears));
}

/// A message that shows nothing of the event.
fn show_nothing(alert: &mut Alert) {
    clear_fields(&mut alert.trigger);
    alert.message_fields.clear();
}
