//! Resend of open incidents, for receivers that forget alerts that are not repeated.

use model::notification::{Notification, NotificationKind};
use model::time::{MINUTE_MS, Timestamp};

use super::{IncidentEngine, notify};
use crate::incident::{DeliveryState, Incident};

/// Time for which a resolution is resent, in milliseconds, so that a receiver that missed one gets
/// the next.
pub const ENDED_SAID_MS: i64 = 15 * MINUTE_MS;

/// See [`IncidentEngine::standing`].
pub(super) fn standing(
    engine: &IncidentEngine,
    receiver: usize,
    now: Timestamp,
) -> Vec<Notification> {
    let name = engine.name_of(receiver);
    let has = |incident: &&Incident| {
        matches!(incident.receivers.get(&name), Some(DeliveryState::Delivered { .. }))
    };
    let incidents = engine.incidents.values().filter(has);
    let standing = incidents.filter_map(|incident| {
        let kind = match incident.is_open() {
            true => NotificationKind::Firing,
            false => NotificationKind::Resolved,
        };
        let ended = incident.times.resolved.filter(|_| !incident.is_open());
        let is_old = ended.is_some_and(|at| now.0.saturating_sub(at.0) > ENDED_SAID_MS);
        let is_said = !is_old && engine.receives(receiver, kind);
        is_said.then(|| notify::notification(incident, kind, ended.unwrap_or(now), &name))
    });
    standing.collect()
}
