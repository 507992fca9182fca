//! Batches: what something else could explain waits a moment for it.
//!
//! A host that fails brings down what runs on it first, and is known to be down seconds later.
//! So nobody is told of an incident that an inhibition is about before a while has passed since
//! its event, by its severity. What no inhibition is about never waits.

use model::notification::NotificationKind;
use model::time::Timestamp;

use super::IncidentEngine;
use crate::incident::Incident;
use crate::inhibition::may_be_explained;

/// Until when nobody is told of an incident; `None` is not to wait. It counts from the event:
/// what was on its way for long, or is found after a restart, waits no longer.
pub(super) fn batch(
    engine: &IncidentEngine,
    incident: &Incident,
    now: Timestamp,
) -> Option<Timestamp> {
    let batch_ms = engine.settings.levels.level(incident.severity).batch_ms;
    // Clocks of machines may be ahead.
    let until = incident.times.event.min(now).plus(batch_ms);
    let waits = until > now && may_be_explained(&engine.settings.inhibitions, incident);
    waits.then_some(until)
}

/// Tells of an incident that it rose or matched again; of one that waits that it opened,
/// once it waits no more: it may have risen to what does not.
pub(super) fn notify_news(
    engine: &mut IncidentEngine,
    incident: &mut Incident,
    kind: NotificationKind,
    at: Timestamp,
    now: Timestamp,
) {
    if incident.batch.is_none() {
        return engine.notify(incident, kind, at, now);
    }
    incident.batch = batch(engine, incident, now);
    if incident.batch.is_none() {
        engine.notify(incident, NotificationKind::Firing, incident.times.event, now);
    }
}

/// Tells of an incident what was kept from people until now.
pub(super) fn end_batch(engine: &mut IncidentEngine, incident: &mut Incident, now: Timestamp) {
    if incident.batch.take().is_some() {
        engine.notify(incident, NotificationKind::Firing, incident.times.event, now);
    }
}
