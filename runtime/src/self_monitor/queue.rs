//! Reports of machines about the node itself, on their way to the alert log.

use std::sync::{Mutex, PoisonError};

use model::decimal::Decimal;
use model::meta::MetaAlert;

use crate::io::WakeHandle;

/// Something that is so now.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfReport {
    /// Subject of the alert.
    pub alert: MetaAlert,
    /// True while the alert's condition holds.
    pub is_so: bool,
    /// Increase of its count, where it is counted.
    pub more: Option<Decimal>,
    /// Text of an error or a place.
    pub detail: Option<String>,
}

/// Reports of all machines, taken by the log writer.
#[derive(Debug, Default)]
pub struct SelfMonitorQueue {
    waiting: Mutex<QueuedReports>,
}

#[derive(Debug, Default)]
struct QueuedReports {
    /// Wakes the log writer.
    wake: WakeHandle,
    reports: Vec<SelfReport>,
    /// True when some were taken whose alerts may not be in the alert log yet.
    are_taken: bool,
}

impl SelfMonitorQueue {
    /// Reports something; said again and again, it is one alert.
    pub fn see(&self, alert: MetaAlert, more: Option<u64>, detail: Option<String>) {
        let more = more.map(|more| Decimal::from_int(i64::try_from(more).unwrap_or(i64::MAX)));
        self.push(SelfReport { alert, is_so: true, more, detail });
    }

    /// Reports that something is no longer so.
    pub fn end(&self, alert: MetaAlert) {
        self.push(SelfReport { alert, is_so: false, more: None, detail: None });
    }

    /// Said twice before it is taken, it is one report: what waits is bounded by what there is
    /// to report about.
    fn push(&self, report: SelfReport) {
        self.with(|waiting| {
            let mut newest_first = waiting.reports.iter_mut().rev();
            let newest = newest_first.find(|known| known.alert == report.alert);
            let Some(known) = newest.filter(|known| known.is_so == report.is_so) else {
                waiting.reports.push(report);
                return;
            };
            let units = |of: Option<Decimal>| of.map_or(0, Decimal::units);
            let more = units(known.more).saturating_add(units(report.more));
            known.more = known.more.or(report.more).map(|_| Decimal::from_units(more));
            known.detail = report.detail.or(known.detail.take());
        });
        let wake = self.with(|waiting| waiting.wake.clone());
        wake.wake();
    }

    /// Wakes this log writer from now on when something is reported.
    pub(crate) fn wake_with(&self, wake: WakeHandle) {
        self.with(|waiting| waiting.wake = wake);
    }

    /// Takes what was reported; [`SelfMonitorQueue::logged`] follows.
    pub fn take(&self) -> Vec<SelfReport> {
        self.with(|waiting| {
            waiting.are_taken |= !waiting.reports.is_empty();
            std::mem::take(&mut waiting.reports)
        })
    }

    /// Records that the reports taken are in the alert log.
    pub fn logged(&self) {
        self.with(|waiting| waiting.are_taken = false);
    }

    /// True when nothing reported would be forgotten by a crash: only then may be committed what
    /// would not be noticed again.
    pub fn are_logged(&self) -> bool {
        self.with(|waiting| waiting.reports.is_empty() && !waiting.are_taken)
    }

    /// Number of reports that wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.with(|waiting| waiting.reports.len())
    }

    fn with<T>(&self, change: impl FnOnce(&mut QueuedReports) -> T) -> T {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
