//! Sets of severities.

use model::severity::Severity;

/// A set of severities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeveritySet(u8);

impl SeveritySet {
    /// All four severities.
    pub const ALL: SeveritySet = SeveritySet(0b1111);

    /// Returns true when the set contains a severity.
    pub const fn contains(self, severity: Severity) -> bool {
        self.0 & bit(severity) != 0
    }

    /// Returns true when the sets intersect.
    pub const fn meets(self, other: SeveritySet) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns true when a severity is above every one in the set.
    pub const fn are_below(self, severity: Severity) -> bool {
        // The more severe, the lower its bit.
        self.0 & (bit(severity) | (bit(severity) - 1)) == 0
    }

    /// Adds a severity.
    pub const fn insert(&mut self, severity: Severity) {
        self.0 |= bit(severity);
    }
}

impl FromIterator<Severity> for SeveritySet {
    fn from_iter<I: IntoIterator<Item = Severity>>(severities: I) -> SeveritySet {
        SeveritySet(severities.into_iter().fold(0, |set, severity| set | bit(severity)))
    }
}

const fn bit(severity: Severity) -> u8 {
    1 << (severity.level() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_know_their_severities() {
        use Severity::{Critical, High, Low, Medium};
        let cases: [(&[Severity], [bool; 4]); 5] = [
            (&[], [true, true, true, true]),
            (&[Low], [true, true, true, false]),
            (&[Medium, Low], [true, true, false, false]),
            (&[Medium, Critical], [false, false, false, false]),
            (&[High], [true, false, false, false]),
        ];
        for (list, want) in cases {
            let set: SeveritySet = list.iter().copied().collect();
            let mut grown = SeveritySet::default();
            list.iter().for_each(|severity| grown.insert(*severity));
            assert_eq!(grown, set, "{list:?}");
            assert_eq!(Severity::ALL.map(|severity| set.are_below(severity)), want, "{list:?}");
            for severity in Severity::ALL {
                assert_eq!(set.contains(severity), list.contains(&severity), "{list:?}");
                let alone: SeveritySet = [severity].into_iter().collect();
                assert_eq!(set.meets(alone), list.contains(&severity), "{list:?}");
            }
            assert_eq!(set.meets(SeveritySet::ALL), !list.is_empty());
        }
    }
}
