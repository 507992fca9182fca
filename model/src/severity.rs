//! The manual's four severities.

use std::fmt;

/// Severity of an alert; the first is the most severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// L1, 緊急: respond within 30 minutes.
    Critical,
    /// L2, 重要: respond within 2 hours.
    High,
    /// L3, 通常: respond within 24 hours.
    Medium,
    /// L4, 軽微: respond as planned.
    Low,
}

impl Severity {
    /// All four, most severe first.
    pub const ALL: [Severity; 4] =
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];

    /// Returns the manual's level, 1 (most severe) to 4.
    pub const fn level(self) -> u8 {
        match self {
            Severity::Critical => 1,
            Severity::High => 2,
            Severity::Medium => 3,
            Severity::Low => 4,
        }
    }

    /// Returns the English name, as in rules and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
        }
    }

    /// Returns the manual's Japanese name.
    pub const fn name_ja(self) -> &'static str {
        match self {
            Severity::Critical => "緊急",
            Severity::High => "重要",
            Severity::Medium => "通常",
            Severity::Low => "軽微",
        }
    }

    /// Returns the severity of a name: English, Japanese or `L1` to `L4`.
    pub fn from_word(word: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| {
            let level = word.strip_prefix('L').and_then(|digits| digits.parse::<u8>().ok());
            word == severity.name() || word == severity.name_ja() || level == Some(severity.level())
        })
    }

    /// Returns the manual's default response time in milliseconds; `None` is "as planned".
    pub const fn default_response_ms(self) -> Option<i64> {
        match self {
            Severity::Critical => Some(30 * crate::time::MINUTE_MS),
            Severity::High => Some(2 * crate::time::HOUR_MS),
            Severity::Medium => Some(24 * crate::time::HOUR_MS),
            Severity::Low => None,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
