//! Facts that every record of an alert shares, from the engine to the receivers.

use crate::decimal::Decimal;
use crate::severity::Severity;
use crate::time::Timestamp;
use crate::transition::NamedKeyPart;

/// Identity, severity and times of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AlertFacts {
    /// Name of the alert.
    pub alert: String,
    /// Severity of the alert.
    pub severity: Severity,
    /// Key, named, in the order of the rule.
    pub key: Vec<NamedKeyPart>,
    /// Instant at which the record holds.
    pub at: Timestamp,
    /// Instant at which the condition became true; an early alert knows only its own.
    pub since: Timestamp,
}

/// Measure of an alert and the threshold that it met, in base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Measurement {
    /// Measure; `None` is unknown.
    pub value: Option<Decimal>,
    /// Threshold last met.
    pub threshold: Option<Decimal>,
}
