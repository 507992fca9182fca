//! Alerts as written.

use model::severity::Severity;

use super::measure::{Measure, Window};
use super::terminal::{At, Name, Path, Quantity, Quoted};
use crate::rule::Comparison;

/// `alert NAME TRIGGER { clause } GRADE { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its name.
    pub name: Name,
    /// Condition under which it is true.
    pub trigger: Trigger,
    /// Its clauses.
    pub clauses: Clauses,
    /// Severity, or severities with their levels.
    pub grade: Grade,
    /// `message "…"`
    pub message: Option<Quoted>,
    /// `runbook "…"`
    pub runbook: Option<Quoted>,
    /// `labels { … }`
    pub labels: Vec<(Path, Quoted)>,
}

/// Trigger of an alert. A `within` written after it is in [`Clauses::window`].
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// `認証失敗 10回/分`, `a >= 1 and b < 2`
    Condition(Condition),
    /// `any 操作 and count(ログイン) < 1 within 12h`
    Any {
        /// A stream or filter.
        events: Name,
        /// Condition at the event.
        and: Option<Condition>,
    },
    /// `5 認証失敗 then 認証成功`, `a then b then c`
    Sequence {
        /// Number of events of the first step; one unless written.
        count: Option<Quantity>,
        /// Streams or filters, at least two.
        steps: Vec<Name>,
    },
    /// `注文 then not 決済`
    ThenNot {
        /// Events that oblige.
        first: Name,
        /// Events that discharge it.
        then: Name,
    },
    /// `absent node`
    Absent {
        /// A stream or filter.
        events: Name,
    },
    /// `new geo.country in 認証成功`, `new src.ip, user.agent in …`
    New {
        /// Fields whose values together are looked up; at least one.
        fields: Vec<Path>,
        /// A stream or filter.
        events: Name,
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
    /// comparison this stays empty, and what is written is in [`Clauses::window`].
    pub window: Window,
}

/// Clauses of an alert; each at most once, in any order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clauses {
    /// `within D`, `step D`, `min N` after the trigger.
    pub window: Window,
    /// `by k1, k2?`
    pub by: Vec<Key>,
    /// `for D`
    pub hold_for: Option<Quantity>,
    /// `clear X`
    pub clear: Option<Quantity>,
    /// `keep D`
    pub keep: Option<Quantity>,
    /// `during CAL`, `during not CAL`
    pub during: Option<During>,
    /// `except LIST(field)`
    pub except: Option<Lookup>,
    /// `override TABLE(key)`
    pub overrides: Option<Lookup>,
    /// `notify each`
    pub notify_each: Option<At>,
    /// `nodata …`
    pub nodata: Option<HoldClause>,
    /// `shadow`
    pub shadow: Option<At>,
    /// `limit N keys`
    pub limit_keys: Option<Quantity>,
    /// `limit N values`, of `new`
    pub limit_values: Option<Quantity>,
    /// `seen D`, of `absent`
    pub seen: Option<Quantity>,
    /// `in LIST`, of `absent`
    pub roster: Option<Name>,
    /// `learn D`, of `new`
    pub learn: Option<Quantity>,
}

/// `during not 営業時間`
#[derive(Clone, Debug, PartialEq)]
pub struct During {
    /// Written `during not`.
    pub negated: bool,
    /// The calendar.
    pub calendar: Name,
}

/// A list or table and the field looked up in it: `cpu_limits(host)`
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// The list or table.
    pub name: Name,
    /// The field.
    pub field: Path,
}

/// Severity of an alert, or a ladder of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Grade {
    /// One severity.
    Severity(Severity),
    /// `ladder { medium 80%  critical 95% }`
    Ladder(Vec<SeverityLevel>, At),
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
    pub comparison: Option<Comparison>,
    /// With what.
    pub quantity: Quantity,
    /// The window written after a slash: how many of which unit.
    pub per: Option<Quantity>,
}

/// A component of the key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The field.
    pub field: Path,
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
