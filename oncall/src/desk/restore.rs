//! A desk as its rows say, and the rows that changed since.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::meta::current_name;
use model::notification::Notification;
use model::time::Timestamp;

use super::rows::{Change, Row, RowKey};
use super::{Desk, flapping, reconfigure};
use crate::outbox::Outgoing;

/// See [`Desk::restore`].
pub(super) fn restore(desk: &mut Desk, rows: impl IntoIterator<Item = Row>, now: Timestamp) {
    let mut outgoing = Vec::new();
    let mut fallbacks = BTreeMap::new();
    for row in rows {
        match with_current_names(row) {
            Row::Position(position) => desk.position = position,
            Row::Case(case) => {
                desk.put_back(*case);
            }
            // Whom they are for is only known when all is read.
            Row::Outgoing(name, row) => outgoing.push((name, row)),
            Row::Fallbacks(known) => fallbacks = known,
            Row::Dead(dead) => {
                desk.next_number = desk.next_number.max(dead.number + 1);
                desk.dead.insert(dead.number, dead);
            }
            Row::Silence(silence) => {
                desk.next_number = desk.next_number.max(silence.id + 1);
                desk.silences.insert(silence.id, silence);
            }
            Row::Digest(pending) => {
                desk.next_number = desk.next_number.max(pending.number + 1);
                desk.storms.restore(pending);
            }
            Row::Flapping(flapping) => {
                desk.next_number = desk.next_number.max(flapping.number + 1);
                desk.flaps.restore(flapping);
            }
            Row::Audit(audit) => {
                desk.next_number = desk.next_number.max(audit.number + 1);
                desk.audit.push_back(audit);
            }
        }
    }
    for (name, row) in outgoing {
        let receiver = reconfigure::number_of(desk, &name, &fallbacks);
        desk.outbox.restore(Outgoing { receiver, ..row });
    }
    flapping::recall_turns(desk);
    reconfigure::take_up(desk, &fallbacks, now);
}

/// See [`Desk::take_changes`].
pub(super) fn take_changes(desk: &mut Desk) -> Vec<Change> {
    let outgoing = desk.outbox.take_changes();
    let named = |row: Outgoing| Row::Outgoing(desk.name_of(row.receiver), row);
    let outgoing = outgoing
        .into_iter()
        .map(|(number, row)| Change { key: RowKey::Outgoing(number), row: row.map(named) });
    let mut changes: Vec<Change> = outgoing.collect();
    for key in std::mem::take(&mut desk.changed) {
        changes.push(Change { key, row: row(desk, key) });
    }
    changes
}

fn row(desk: &Desk, key: RowKey) -> Option<Row> {
    match key {
        RowKey::Position => Some(Row::Position(desk.position)),
        RowKey::Case(id) => desk.cases.get(&id).cloned().map(Box::new).map(Row::Case),
        RowKey::Outgoing(number) => {
            desk.outbox.row(number).map(|row| Row::Outgoing(desk.name_of(row.receiver), row))
        }
        RowKey::Dead(number) => desk.dead.get(&number).cloned().map(Row::Dead),
        RowKey::Silence(id) => desk.silences.get(&id).cloned().map(Row::Silence),
        RowKey::Fallbacks => {
            Some(reconfigure::fallbacks(desk)).filter(|known| !known.is_empty()).map(Row::Fallbacks)
        }
        RowKey::Flapping(number) => desk.flaps.get(number).cloned().map(Row::Flapping),
        RowKey::Digest(number) => desk.storms.get(number).cloned().map(Row::Digest),
        RowKey::Audit(number) => {
            desk.audit.iter().rev().find(|it| it.number == number).cloned().map(Row::Audit)
        }
    }
}

/// Returns a row with today's names of the alerts of the service about itself: stores of earlier
/// versions contain the former ones. Matchers of silences read both.
fn with_current_names(row: Row) -> Row {
    let current = |name: String| current_name(&name).to_owned();
    match row {
        Row::Case(mut case) => {
            case.alert = current(case.alert);
            Row::Case(case)
        }
        Row::Outgoing(name, mut row) => {
            rename_alerts(&mut row.notification);
            Row::Outgoing(name, row)
        }
        Row::Dead(mut dead) => {
            rename_alerts(&mut dead.notification);
            Row::Dead(dead)
        }
        Row::Digest(mut pending) => {
            let mut news = BTreeMap::new();
            for (alert, count) in pending.news {
                *news.entry(current(alert)).or_insert(0) += count;
            }
            pending.news = news;
            pending.service = current(pending.service);
            Row::Digest(pending)
        }
        Row::Flapping(mut flapping) => {
            flapping.alert = current(flapping.alert);
            Row::Flapping(flapping)
        }
        other @ (Row::Position(_) | Row::Silence(_) | Row::Audit(_) | Row::Fallbacks(_)) => other,
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
