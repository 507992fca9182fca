//! Rate limit: a digest replaces the notifications beyond it.
//!
//! Every incident is recorded, and critical incidents are notified individually. Of the others a
//! receiver gets a limited number per minute, [`STORM_MAX`](super::STORM_MAX) by default.
//! Notifications beyond the limit are counted by service and sent as one digest every
//! [`DIGEST_MS`].

use std::collections::BTreeMap;
use std::sync::Arc;

use model::alert_facts::AlertFacts;
use model::notification::{Digest, Notification, NotificationKind};
use model::severity::Severity;
use model::time::{SECOND_MS, Timestamp};
use model::transition::EpisodeId;

use super::rate_counts::{COUNTED_MAX, PendingDigest};
use super::{IncidentEngine, RowKey};
use crate::hash::{fnv_64, mix};
use crate::incident::Incident;
use crate::outbox::expiry;

/// Collection time of a digest, in milliseconds.
pub const DIGEST_MS: i64 = 30 * SECOND_MS;
/// Maximum number of alerts named in a digest; others are only counted.
pub const NAMED_MAX: usize = 10;

/// Returns true when a digest replaces this notification.
pub(super) fn sums_up(
    engine: &mut IncidentEngine,
    incident: &Incident,
    receiver: usize,
    kind: NotificationKind,
    now: Timestamp,
) -> bool {
    let receivers = engine.settings.routing.receivers();
    let is_exempt = incident.severity == Severity::Critical
        || kind == NotificationKind::Acknowledged
        || receivers.get(receiver).is_some_and(|it| it.is_router);
    let most = engine.settings.storm_max;
    if is_exempt || !engine.storms.is_too_much(receiver, most, now) {
        return false;
    }
    let pending = pending_of(engine, incident, receiver, now);
    let is_known = pending.news.contains_key(&incident.alert);
    if is_known || pending.news.len() < COUNTED_MAX {
        *pending.news.entry(incident.alert.clone()).or_default() += 1;
    } else {
        pending.unnamed += 1;
    }
    true
}

/// Counts the resolution of an incident in the pending digest of a receiver.
pub(super) fn sum_up_the_end(
    engine: &mut IncidentEngine,
    incident: &Incident,
    receiver: usize,
    now: Timestamp,
) {
    pending_of(engine, incident, receiver, now).ended += 1;
}

fn pending_of<'a>(
    engine: &'a mut IncidentEngine,
    incident: &Incident,
    receiver: usize,
    now: Timestamp,
) -> &'a mut PendingDigest {
    let (name, service) = (engine.name_of(receiver), service_of(incident));
    let alike = |it: &&PendingDigest| it.receiver == name && it.service == service;
    let number = match engine.storms.pending.values().find(alike) {
        Some(pending) => pending.number,
        None => engine.number(),
    };
    engine.changed.insert(RowKey::Digest(number));
    let pending = engine.storms.pending.entry(number).or_insert_with(|| PendingDigest {
        number,
        receiver: name,
        service,
        severity: incident.severity,
        since: incident.times.event,
        due: now.plus(DIGEST_MS),
        news: BTreeMap::new(),
        unnamed: 0,
        ended: 0,
    });
    pending.severity = pending.severity.min(incident.severity);
    pending
}

/// Pushes the digests that are due to the outbox.
pub(super) fn notify_digests(engine: &mut IncidentEngine, now: Timestamp) {
    let due = engine.storms.pending.values().filter(|pending| pending.due <= now);
    let due: Vec<u64> = due.map(|pending| pending.number).collect();
    for number in due {
        let Some(pending) = engine.storms.pending.remove(&number) else { continue };
        engine.changed.insert(RowKey::Digest(number));
        // A digest for a removed receiver is dropped.
        let Some(receiver) = engine.settings.routing.number(&pending.receiver) else { continue };
        let notification = digest(&pending);
        let expires = expiry(&notification);
        if let Some(refusal) = engine.outbox.push(receiver, notification, now, expires) {
            engine.bury_refused(receiver, refusal, now);
        }
    }
}

/// Service by which digests are grouped: a label, a component of the key, or else the alert name.
fn service_of(incident: &Incident) -> String {
    let subject = incident.subject();
    let named = ["service", "service.name"].iter().find_map(|name| subject.value(name));
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| incident.alert.clone())
}

pub(super) fn digest(of: &PendingDigest) -> Notification {
    let id = fnv_64(format!("{} {}", of.service, of.due.0).as_bytes());
    let incident = EpisodeId(u128::from(id) << 64 | u128::from(mix(id)));
    let to = fnv_64(of.receiver.as_bytes());
    let mut alerts: Vec<(String, u64)> = of.news.clone().into_iter().collect();
    alerts.sort_by(|(one, a), (other, b)| b.cmp(a).then_with(|| one.cmp(other)));
    let news = of.unnamed + alerts.iter().map(|(_, count)| count).sum::<u64>();
    alerts.truncate(NAMED_MAX);
    let named: Vec<String> = alerts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let notification_id = format!("{incident}-digest-{to:016x}");
    let facts = AlertFacts {
        alert: of.service.clone(),
        severity: of.severity,
        key: Vec::new(),
        at: of.due,
        since: of.since,
    };
    Notification {
        // Names and figures only: it reads the same in every language.
        message: named.join(", "),
        digest: Some(Arc::new(Digest { news, ended: of.ended, alerts, is_flapping: false })),
        ..Notification::of_facts(notification_id, NotificationKind::Digest, incident, facts)
    }
}
