//! Checked rules: the output of the compiler and the input of the engine.
//!
//! Everything here is resolved and typed: names are indices, quantities are in base units, defaults
//! are filled in. Every [`RuleSet`] is executable.

mod predicate;
mod test;
mod trigger;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::calendar::Calendar;
use model::decimal::Decimal;
use model::message::{DisplayUnit, MessageTemplate};
use model::schema::Schema;
use model::severity::Severity;

pub use predicate::{
    ArithmeticOp, ComparisonOp, ConstantValue, IpNetwork, Predicate, PredicateOperand, TextTest,
};
pub use test::{Expected, ExpectedKind, Given, GivenValue, Test, TestClaim};
pub use trigger::{
    AbsenceRoster, BoolOp, Compare, Condition, EventSelection, Measure, MeasureFormula, Trigger,
    Window,
};

/// All rules of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleSet {
    /// In the order of their names: a stream's index is its rank in the order of events.
    pub streams: Vec<Arc<Schema>>,
    /// In the order of their names.
    pub alerts: Vec<Alert>,
    /// In the order of their names.
    pub watches: Vec<Watch>,
    /// Ordered by name, including those that no alert refers to: on-call configuration may.
    pub calendars: BTreeMap<String, Arc<Calendar>>,
}

/// A measure that is shown and exported, without an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Its name.
    pub name: String,
    /// Its windows and the value they make, as one comparison that nothing satisfies.
    pub condition: Condition,
    /// Components of its key.
    pub by: Vec<KeyPart>,
}

impl Watch {
    /// Converts the watch into an alert that never fires, which is how the engine runs it.
    pub fn as_alert(&self) -> Alert {
        Alert {
            name: self.name.clone(),
            severity: Severity::Low,
            trigger: Trigger::Condition(self.condition.clone()),
            rungs: Vec::new(),
            overrides: None,
            by: self.by.clone(),
            for_ms: 0,
            keep_ms: 0,
            clear: None,
            hold_ms: 0,
            during: None,
            notify_each: false,
            is_shadow: true,
            keys_max: None,
            message: MessageTemplate::default(),
            message_fields: Vec::new(),
            tops: Vec::new(),
            runbook: None,
            labels: Vec::new(),
        }
    }

    /// Unit of the value.
    pub fn unit(&self) -> DisplayUnit {
        self.condition.compares.first().map_or(DisplayUnit::Number, |compare| compare.unit)
    }
}

/// One alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its name, part of every episode's identity.
    pub name: String,
    /// Severity; of a ladder the lowest rung's.
    pub severity: Severity,
    /// Condition under which it is true.
    pub trigger: Trigger,
    /// Severities above the first with the levels from which they apply, ascending in severity.
    /// Only where the trigger is one comparison.
    pub rungs: Vec<SeverityLevel>,
    /// Levels of single keys.
    pub overrides: Option<ThresholdOverrides>,
    /// Components of its key; each [`EventSelection`] gives the field of each component.
    pub by: Vec<KeyPart>,
    /// Time for which the condition must hold, in milliseconds.
    pub for_ms: i64,
    /// Time for which the condition must be false before the episode ends, in milliseconds.
    pub keep_ms: i64,
    /// Level that replaces the trigger's while the episode is open.
    pub clear: Option<Decimal>,
    /// Time for which an unknown value keeps its last truth, in milliseconds.
    pub hold_ms: i64,
    /// Calendar outside of which the condition is never true.
    pub during: Option<During>,
    /// True when every further match of an open episode is notified.
    pub notify_each: bool,
    /// True when the alert is evaluated and recorded without notifications.
    pub is_shadow: bool,
    /// Number of keys it may hold state for, if the rule sets it.
    pub keys_max: Option<u32>,
    /// Template of the message.
    pub message: MessageTemplate,
    /// Names of the triggering event's fields that the message shows, in the order of
    /// [`EventSelection::message_fields`].
    pub message_fields: Vec<String>,
    /// `{top 3 src.ip}`: fields whose commonest values the message shows.
    pub tops: Vec<TopField>,
    /// URL of the runbook.
    pub runbook: Option<String>,
    /// Free labels, in the order written.
    pub labels: Vec<(String, String)>,
}

/// The commonest values of a field over the newest events of the key in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopField {
    /// Index in [`Alert::message_fields`].
    pub field: usize,
    /// Number of values shown.
    pub most: usize,
}

/// Severity and the level from which it applies, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeverityLevel {
    /// The severity.
    pub severity: Severity,
    /// Its level.
    pub level: Decimal,
}

/// Levels of some keys that replace those of the rule.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdOverrides {
    /// Index in [`Alert::by`] of the component that is looked up.
    pub key: usize,
    /// Rows in order: the first that matches applies; a key that none matches has the rule's own
    /// levels.
    pub rows: Vec<OverrideRow>,
}

/// Levels of some keys; cells that the table leaves empty hold the rule's own.
#[derive(Clone, Debug, PartialEq)]
pub struct OverrideRow {
    /// The key component as text; `None` is `*` and matches every key.
    pub key: Option<String>,
    /// Level that replaces the trigger's.
    pub level: Decimal,
    /// Levels that replace those of [`Alert::rungs`], in their order.
    pub rungs: Vec<Decimal>,
    /// Level that replaces [`Alert::clear`].
    pub clear: Option<Decimal>,
}

/// `during CAL`, `during not CAL`.
#[derive(Clone, Debug, PartialEq)]
pub struct During {
    /// The calendar.
    pub calendar: Arc<Calendar>,
    /// True inside the calendar, or outside it.
    pub inside: bool,
}

/// A component of an alert's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// The field's name as written.
    pub name: String,
    /// Written `name?`: a missing field is the null key instead of a skipped event.
    pub optional: bool,
}

/// Interval of rule state checkpoints, in milliseconds of event time: a restart replays a few
/// minutes, and a checkpoint holds the changes of one interval.
pub const REMEMBERED_EVERY_MS: i64 = 60_000;
/// Reach, in milliseconds, from which rule state is checkpointed; shorter state is replayed.
pub const REMEMBERED_BEYOND_MS: i64 = 600_000;

impl Alert {
    /// Time for which it keeps the last sighting of each value or key, in milliseconds; `None`
    /// where it keeps any other state.
    pub fn remembered_ms(&self) -> Option<i64> {
        let remembers = match &self.trigger {
            Trigger::New { .. } | Trigger::Absent { .. } => self.tops.is_empty(),
            _ => false,
        };
        remembers.then(|| self.trigger.reach_ms())
    }

    /// Length of the past that decides the next result, in milliseconds: a restart replays the
    /// events of this long before the settled instant.
    pub fn horizon_ms(&self) -> i64 {
        // A `keep` may run since the end of a truth that `hold` extended until then.
        let held_ms = self.trigger.reach_ms().saturating_add(self.hold_ms);
        held_ms.saturating_add(self.running_ms())
    }

    /// Greatest age of a `for` or `keep` that still runs, in milliseconds.
    pub fn running_ms(&self) -> i64 {
        self.for_ms.max(self.keep_ms)
    }

    /// The comparison whose value and level are shown; event triggers and absence have none.
    pub fn shown(&self) -> Option<&Compare> {
        match &self.trigger {
            Trigger::Condition(condition) => condition.compares.first(),
            _ => None,
        }
    }

    /// Unit of the shown value.
    pub fn unit(&self) -> DisplayUnit {
        self.shown().map_or(DisplayUnit::Number, |compare| compare.unit)
    }
}
