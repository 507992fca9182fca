//! Group wait: delay of a first notification, so that a cause that opens meanwhile can inhibit it.
//!
//! A failing host takes its services down first and is detected as down seconds later. So no
//! receiver is notified of an incident that is a possible target of an inhibition before a delay
//! has passed since its event; the delay depends on its severity. Other incidents never wait.

use model::notification::NotificationKind;
use model::time::Timestamp;

use super::IncidentEngine;
use crate::incident::Incident;
use crate::inhibition::may_be_explained;

/// Returns the end of the group wait; `None` for no wait. It counts from the event: an incident
/// that was delayed on its way, or is found after a restart, does not wait again.
pub(super) fn batch(
    engine: &IncidentEngine,
    incident: &Incident,
    now: Timestamp,
) -> Option<Timestamp> {
    let batch_ms = engine.settings.levels.level(incident.severity).batch_ms;
    // The clock of another machine may be ahead.
    let until = incident.times.event.min(now).plus(batch_ms);
    let waits = until > now && may_be_explained(&engine.settings.inhibitions, incident);
    waits.then_some(until)
}

/// Notifies of a severity change or a further match. During the group wait the wait is computed
/// anew for the current severity; if it ends thereby, the first notification is sent.
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

/// Ends the group wait and sends the first notification.
pub(super) fn end_batch(engine: &mut IncidentEngine, incident: &mut Incident, now: Timestamp) {
    if incident.batch.take().is_some() {
        engine.notify(incident, NotificationKind::Firing, incident.times.event, now);
    }
}
