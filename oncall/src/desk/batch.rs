//! Batches: what something else could explain waits a moment for it.
//!
//! A host that fails brings down what runs on it first, and is known to be down seconds later.
//! So nobody is told of an incident that an inhibition is about before a while has passed since
//! its event, by its severity. What no inhibition is about never waits.

use model::notification::NotificationKind;
use model::time::Timestamp;

use super::Desk;
use crate::case::Case;
use crate::inhibition::may_be_explained;

/// Until when nobody is told of an incident; `None` is not to wait. It counts from the event:
/// what was on its way for long, or is found after a restart, waits no longer.
pub(super) fn batch(desk: &Desk, case: &Case, now: Timestamp) -> Option<Timestamp> {
    let batch_ms = desk.settings.levels.level(case.severity).batch_ms;
    // Clocks of machines may be ahead.
    let until = case.times.event.min(now).plus(batch_ms);
    let waits = until > now && may_be_explained(&desk.settings.inhibitions, case);
    waits.then_some(until)
}

/// Tells of an incident that it rose or matched again; of one that waits that it opened,
/// once it waits no more: it may have risen to what does not.
pub(super) fn tell_news(
    desk: &mut Desk,
    case: &mut Case,
    kind: NotificationKind,
    at: Timestamp,
    now: Timestamp,
) {
    if case.batch.is_none() {
        return desk.tell(case, kind, at, now);
    }
    case.batch = batch(desk, case, now);
    if case.batch.is_none() {
        desk.tell(case, NotificationKind::Firing, case.times.event, now);
    }
}

/// Tells of an incident what was kept from people until now.
pub(super) fn end_batch(desk: &mut Desk, case: &mut Case, now: Timestamp) {
    if case.batch.take().is_some() {
        desk.tell(case, NotificationKind::Firing, case.times.event, now);
    }
}
