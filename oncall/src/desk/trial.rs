//! What a receiver is tried with, and what it would be sent: nothing of either is on record
//! but that somebody asked.

use model::alert_facts::{AlertFacts, Measurement};
use model::notification::{Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EpisodeId;

use super::{Desk, Refused, telling};
use crate::hash::fnv_64;

/// The alert a trial is of; no rule may be called so.
pub const TRIAL_ALERT: &str = "hansho.test";

const NO_RECEIVER: Refused =
    Refused::Words("there is no such receiver; `hansho status` lists them");

/// See [`Desk::trial`].
pub(super) fn trial(
    desk: &mut Desk,
    receiver: &str,
    severity: Severity,
    message: &str,
    by: &str,
    now: Timestamp,
) -> Result<(usize, [Notification; 2]), Refused> {
    let number = desk.settings.routing.number(receiver).ok_or(NO_RECEIVER)?;
    let turn = desk.number();
    let half = |salt: &str| u128::from(fnv_64(format!("{salt} {turn} {now}").as_bytes()));
    let incident = EpisodeId((half("trial") << 64) | half(receiver));
    let of = |kind: NotificationKind| Notification {
        id: format!("{incident}-{}", kind.name()),
        kind,
        incident,
        facts: AlertFacts {
            alert: TRIAL_ALERT.to_owned(),
            severity,
            key: Vec::new(),
            at: now,
            since: now,
        },
        detected: now,
        deadline: None,
        measured: Measurement::default(),
        reason: None,
        message: message.to_owned(),
        reading: String::new(),
        runbook: None,
        labels: Vec::new(),
        by: Some(by.to_owned()),
        missed: None,
        digest: None,
    };
    desk.write_down(by, format!("notifications test {receiver}"), now);
    Ok((number, [of(NotificationKind::Firing), of(NotificationKind::Resolved)]))
}

/// See [`Desk::rendition`].
pub(super) fn rendition(
    desk: &Desk,
    incident: EpisodeId,
    receiver: &str,
    now: Timestamp,
) -> Result<(usize, Notification), Refused> {
    let number = desk.settings.routing.number(receiver).ok_or(NO_RECEIVER)?;
    let case = desk.cases.get(&incident).ok_or(Refused::Unknown)?;
    let kind = match case.is_open() {
        true => NotificationKind::Firing,
        false => NotificationKind::Resolved,
    };
    Ok((number, telling::notification(case, kind, now, receiver)))
}
