//! Alerts as written.

use model::severity::Severity;

use super::measure::{Measure, Window};
use super::terminal::{FieldPath, NodeSpan, Quantity, QuotedText, SpannedName};
use crate::rule::ComparisonOp;

/// `alert NAME TRIGGER { clause } GRADE { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its name.
    pub name: SpannedName,
    /// Condition under which it is true.
    pub trigger: Trigger,
    /// Its clauses.
    pub clauses: AlertClauses,
    /// Severity, or severities with their levels.
    pub grade: AlertSeverity,
    /// `message "…"`
    pub message: Option<QuotedText>,
    /// `runbook "…"`
    pub runbook: Option<QuotedText>,
    /// `labels { … }`
    pub labels: Vec<(FieldPath, QuotedText)>,
}

/// Trigger of an alert. A `within` written after it is in [`AlertClauses::window`].
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// `認証失敗 10回/分`, `a >= 1 and b < 2`
    Condition(Condition),
    /// `any 操作 and count(ログイン) < 1 within 12h`
    Any {
        /// A stream or filter.
        events: SpannedName,
        /// Condition at the event.
        and: Option<Condition>,
    },
    /// `5 認証失敗 then 認証成功`, `a then b then c`
    Sequence {
        /// Number of events of the first step; one unless written.
        count: Option<Quantity>,
        /// Streams or filters, at least two.
        steps: Vec<SpannedName>,
    },
    /// `注文 then not 決済`
    ThenNot {
        /// Events that oblige.
        first: SpannedName,
        /// Events that discharge it.
        then: SpannedName,
    },
    /// `absent node`
    Absent {
        /// A stream or filter.
        events: SpannedName,
    },
    /// `new geo.country in 認証成功`, `new src.ip, user.agent in …`
    New {
        /// Fields whose values together are looked up; at least one.
        fields: Vec<FieldPath>,
        /// A stream or filter.
        events: SpannedName,
    },
}

/// Comparisons joined by `and` and `or`, of which `and` binds closer.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// At least two.
    And(Vec<Condition>),
    /// At least two.
    Or(Vec<Condition>),
    /// One comparison.
    Compare(Box<Compare>),
}

/// A measure compared with a level.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    /// Value that is compared.
    pub measure: Measure,
    /// With what; a ladder may say it instead.
    pub level: Option<Threshold>,
    /// Window written after the level: `エラー 5%/分 min 20`. Where the trigger is one
    /// comparison this stays empty, and what is written is in [`AlertClauses::window`].
    pub window: Window,
}

/// Clauses of an alert; each at most once, in any order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertClauses {
    /// `within D`, `step D`, `min N` after the trigger.
    pub window: Window,
    /// `by k1, k2?`
    pub by: Vec<KeyComponent>,
    /// `for D`
    pub hold_for: Option<Quantity>,
    /// `clear X`
    pub clear: Option<Quantity>,
    /// `keep D`
    pub keep: Option<Quantity>,
    /// `during CAL`, `during not CAL`
    pub during: Option<During>,
    /// `except LIST(field)`
    pub except: Option<TableLookup>,
    /// `override TABLE(key)`
    pub overrides: Option<TableLookup>,
    /// `notify each`
    pub notify_each: Option<NodeSpan>,
    /// `nodata …`
    pub nodata: Option<HoldClause>,
    /// `shadow`
    pub shadow: Option<NodeSpan>,
    /// `limit N keys`
    pub limit_keys: Option<Quantity>,
    /// `limit N values`, of `new`
    pub limit_values: Option<Quantity>,
    /// `seen D`, of `absent`
    pub seen: Option<Quantity>,
    /// `in LIST`, of `absent`
    pub roster: Option<SpannedName>,
    /// `learn D`, of `new`
    pub learn: Option<Quantity>,
}

/// `during not 営業時間`
#[derive(Clone, Debug, PartialEq)]
pub struct During {
    /// Written `during not`.
    pub negated: bool,
    /// The calendar.
    pub calendar: SpannedName,
}

/// A list or table and the field looked up in it: `cpu_limits(host)`
#[derive(Clone, Debug, PartialEq)]
pub struct TableLookup {
    /// The list or table.
    pub name: SpannedName,
    /// The field.
    pub field: FieldPath,
}

/// Severity of an alert, or a ladder of them.
#[derive(Clone, Debug, PartialEq)]
pub enum AlertSeverity {
    /// One severity.
    Severity(Severity),
    /// `ladder { medium 80%  critical 95% }`
    Ladder(Vec<SeverityLevel>, NodeSpan),
}

/// A severity and the level from which it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct SeverityLevel {
    /// The severity.
    pub severity: Severity,
    /// Its level; it takes no window.
    pub level: Threshold,
}

/// The level of a trigger.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// Comparison with the measure; `>=` when nothing is written.
    pub comparison: Option<ComparisonOp>,
    /// With what.
    pub quantity: Quantity,
    /// The window written after a slash: how many of which unit.
    pub per: Option<Quantity>,
}

/// A component of the key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyComponent {
    /// The field.
    pub field: FieldPath,
    /// Written `field?`.
    pub optional: bool,
}

/// Truth while the value is unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum HoldClause {
    /// `nodata hold D`
    Hold(Quantity),
    /// `nodata clear`
    Clear,
}
