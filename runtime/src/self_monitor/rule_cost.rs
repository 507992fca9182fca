//! The share of each rule in the work of all.

use model::time::{MINUTE_MS, Timestamp};

/// Time for which the work is measured at a time.
const MEASURED_MS: i64 = MINUTE_MS;
/// Work below which nobody takes too much: 100,000 units a second are a few hundredths of a
/// core.
const WORK_MIN: u64 = 6_000_000;

/// The work of all rules when it was last looked at.
#[derive(Debug, Default)]
pub struct RuleCostShares {
    since: Option<Timestamp>,
    work: Vec<u64>,
}

impl RuleCostShares {
    /// The part of each rule, 0 to 1, in the time since it was last asked; `None` while that
    /// is shorter than what is measured at a time. Of little work nobody takes a part.
    pub(crate) fn measure(&mut self, work: Vec<u64>, now: Timestamp) -> Option<Vec<f64>> {
        let since = *self.since.get_or_insert(now);
        if now.0.saturating_sub(since.0) < MEASURED_MS && work.len() == self.work.len() {
            return None;
        }
        let before = self.work.iter().copied().chain(std::iter::repeat(0));
        let done: Vec<u64> =
            work.iter().zip(before).map(|(now, before)| now.saturating_sub(before)).collect();
        let is_first = self.work.len() != work.len();
        (self.work, self.since) = (work, Some(now));
        let all: u64 = done.iter().sum();
        let part = |done: &u64| if all < WORK_MIN { 0.0 } else { *done as f64 / all as f64 };
        (!is_first).then(|| done.iter().map(part).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_the_work_of_the_last_minute() {
        let mut shares = RuleCostShares::default();
        let mut at = |seconds: i64, work: [u64; 2]| {
            shares.measure(work.to_vec(), Timestamp(seconds * 1_000))
        };
        assert_eq!(at(0, [WORK_MIN, 0]), None);
        assert_eq!(at(59, [5 * WORK_MIN, WORK_MIN]), None);
        assert_eq!(at(60, [4 * WORK_MIN, WORK_MIN]), Some(vec![0.75, 0.25]));
        assert_eq!(at(119, [4 * WORK_MIN, 9 * WORK_MIN]), None);
        assert_eq!(at(120, [4 * WORK_MIN, 2 * WORK_MIN - 1]), Some(vec![0.0, 0.0]), "little");
        assert_eq!(shares.measure(vec![9 * WORK_MIN], Timestamp(180_000)), None, "other rules");
    }
}
