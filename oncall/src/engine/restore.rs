//! Restore of the engine from its rows, and the rows changed since the last write.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::meta::current_name;
use model::notification::Notification;
use model::time::Timestamp;

use super::rows::{OnCallRow, RowKey, RowUpdate};
use super::{IncidentEngine, flapping, reconfigure};
use crate::outbox::OutboxEntry;

/// See [`IncidentEngine::restore`].
pub(super) fn restore(
    engine: &mut IncidentEngine,
    rows: impl IntoIterator<Item = OnCallRow>,
    now: Timestamp,
) {
    let mut outgoing = Vec::new();
    let mut fallbacks = BTreeMap::new();
    for row in rows {
        match with_current_names(row) {
            OnCallRow::Position(position) => engine.position = position,
            OnCallRow::Case(incident) => {
                engine.put_back(*incident);
            }
            // Receiver numbers are only known once all rows are read.
            OnCallRow::Outgoing(name, row) => outgoing.push((name, row)),
            OnCallRow::Fallbacks(known) => fallbacks = known,
            OnCallRow::Dead(dead) => {
                engine.next_number = engine.next_number.max(dead.number + 1);
                engine.dead.insert(dead.number, dead);
            }
            OnCallRow::Silence(silence) => {
                engine.next_number = engine.next_number.max(silence.id + 1);
                engine.silences.insert(silence.id, silence);
            }
            OnCallRow::Digest(pending) => {
                engine.next_number = engine.next_number.max(pending.number + 1);
                engine.storms.restore(pending);
            }
            OnCallRow::Flapping(flapping) => {
                engine.next_number = engine.next_number.max(flapping.number + 1);
                engine.flaps.restore(flapping);
            }
            OnCallRow::Audit(audit) => {
                engine.next_number = engine.next_number.max(audit.number + 1);
                engine.audit.push_back(audit);
            }
        }
    }
    for (name, row) in outgoing {
        let receiver = reconfigure::number_of(engine, &name, &fallbacks);
        engine.outbox.restore(OutboxEntry { receiver, ..row });
    }
    flapping::recall_turns(engine);
    reconfigure::apply_fallbacks(engine, &fallbacks, now);
}

/// See [`IncidentEngine::take_changes`].
pub(super) fn take_changes(engine: &mut IncidentEngine) -> Vec<RowUpdate> {
    let outgoing = engine.outbox.take_changes();
    let named = |row: OutboxEntry| OnCallRow::Outgoing(engine.name_of(row.receiver), row);
    let outgoing = outgoing
        .into_iter()
        .map(|(number, row)| RowUpdate { key: RowKey::Outgoing(number), row: row.map(named) });
    let mut changes: Vec<RowUpdate> = outgoing.collect();
    for key in std::mem::take(&mut engine.changed) {
        changes.push(RowUpdate { key, row: row(engine, key) });
    }
    changes
}

fn row(engine: &IncidentEngine, key: RowKey) -> Option<OnCallRow> {
    match key {
        RowKey::Position => Some(OnCallRow::Position(engine.position)),
        RowKey::Case(id) => engine.incidents.get(&id).cloned().map(Box::new).map(OnCallRow::Case),
        RowKey::Outgoing(number) => engine
            .outbox
            .row(number)
            .map(|row| OnCallRow::Outgoing(engine.name_of(row.receiver), row)),
        RowKey::Dead(number) => engine.dead.get(&number).cloned().map(OnCallRow::Dead),
        RowKey::Silence(id) => engine.silences.get(&id).cloned().map(OnCallRow::Silence),
        RowKey::Fallbacks => Some(reconfigure::fallbacks(engine))
            .filter(|known| !known.is_empty())
            .map(OnCallRow::Fallbacks),
        RowKey::Flapping(number) => engine.flaps.get(number).cloned().map(OnCallRow::Flapping),
        RowKey::Digest(number) => engine.storms.get(number).cloned().map(OnCallRow::Digest),
        RowKey::Audit(number) => {
            engine.audit.iter().rev().find(|it| it.number == number).cloned().map(OnCallRow::Audit)
        }
    }
}

/// Returns a row with today's names of the alerts of the service about itself: stores of earlier
/// versions contain the former ones. Matchers of silences read both.
fn with_current_names(row: OnCallRow) -> OnCallRow {
    let current = |name: String| current_name(&name).to_owned();
    match row {
        OnCallRow::Case(mut incident) => {
            incident.alert = current(incident.alert);
            OnCallRow::Case(incident)
        }
        OnCallRow::Outgoing(name, mut row) => {
            rename_alerts(&mut row.notification);
            OnCallRow::Outgoing(name, row)
        }
        OnCallRow::Dead(mut dead) => {
            rename_alerts(&mut dead.notification);
            OnCallRow::Dead(dead)
        }
        OnCallRow::Digest(mut pending) => {
            let mut news = BTreeMap::new();
            for (alert, count) in pending.news {
                *news.entry(current(alert)).or_insert(0) += count;
            }
            pending.news = news;
            pending.service = current(pending.service);
            OnCallRow::Digest(pending)
        }
        OnCallRow::Flapping(mut flapping) => {
            flapping.alert = current(flapping.alert);
            OnCallRow::Flapping(flapping)
        }
        other @ (OnCallRow::Position(_)
        | OnCallRow::Silence(_)
        | OnCallRow::Audit(_)
        | OnCallRow::Fallbacks(_)) => other,
    }
}

/// Replaces former names of alerts in a notification and its digest.
fn rename_alerts(notification: &mut Arc<Notification>) {
    if current_name(&notification.facts.alert) == notification.facts.alert
        && notification.digest.is_none()
    {
        return;
    }
    let notification = Arc::make_mut(notification);
    notification.facts.alert = current_name(&notification.facts.alert).to_owned();
    if let Some(digest) = &mut notification.digest {
        for (alert, _) in &mut Arc::make_mut(digest).alerts {
            *alert = current_name(alert).to_owned();
        }
    }
}
