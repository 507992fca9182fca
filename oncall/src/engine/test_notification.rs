//! Test notifications and previews. Only the audit log records a test; a preview leaves no trace.

use model::alert_facts::AlertFacts;
use model::notification::{Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EpisodeId;

use super::{CommandError, IncidentEngine, notify};
use crate::hash::fnv_64;

/// Name of the alert in test notifications; no rule may use it.
pub const TRIAL_ALERT: &str = "hansho.test";

const NO_RECEIVER: CommandError =
    CommandError::Words("there is no such receiver; `hansho status` lists them");

/// See [`IncidentEngine::trial`].
pub(super) fn trial(
    engine: &mut IncidentEngine,
    receiver: &str,
    severity: Severity,
    message: &str,
    by: &str,
    now: Timestamp,
) -> Result<(usize, [Notification; 2]), CommandError> {
    let number = engine.settings.routing.number(receiver).ok_or(NO_RECEIVER)?;
    let turn = engine.number();
    let half = |salt: &str| u128::from(fnv_64(format!("{salt} {turn} {now}").as_bytes()));
    let incident = EpisodeId((half("trial") << 64) | half(receiver));
    let facts = AlertFacts {
        alert: TRIAL_ALERT.to_owned(),
        severity,
        key: Vec::new(),
        at: now,
        since: now,
    };
    let of = |kind: NotificationKind| Notification {
        message: message.to_owned(),
        by: Some(by.to_owned()),
        ..Notification::of_facts(
            format!("{incident}-{}", kind.name()),
            kind,
            incident,
            facts.clone(),
        )
    };
    engine.write_down(by, format!("notifications test {receiver}"), now);
    Ok((number, [of(NotificationKind::Firing), of(NotificationKind::Resolved)]))
}

/// See [`IncidentEngine::rendition`].
pub(super) fn rendition(
    engine: &IncidentEngine,
    incident: EpisodeId,
    receiver: &str,
    now: Timestamp,
) -> Result<(usize, Notification), CommandError> {
    let number = engine.settings.routing.number(receiver).ok_or(NO_RECEIVER)?;
    let incident = engine.incidents.get(&incident).ok_or(CommandError::Unknown)?;
    let kind = match incident.is_open() {
        true => NotificationKind::Firing,
        false => NotificationKind::Resolved,
    };
    Ok((number, notify::notification(incident, kind, now, receiver)))
}
