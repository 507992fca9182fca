//! A desk as its rows say, and the rows that changed since.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::meta::current_name;
use model::notification::Notification;
use model::time::Timestamp;

use super::Desk;
use super::rows::{Change, Row, RowKey};
use crate::outbox::Outgoing;

impl Desk {
    /// Takes over what was written before a restart, in the order of keys; before the alert
    /// log is read. Where the settings are others, it is as if they had been changed now.
    pub fn restore(&mut self, rows: impl IntoIterator<Item = Row>, now: Timestamp) {
        let mut outgoing = Vec::new();
        let mut fallbacks = BTreeMap::new();
        for row in rows {
            match with_current_names(row) {
                Row::Position(position) => self.position = position,
                Row::Case(case) => {
                    self.put_back(*case);
                }
                // Whom they are for is only known when all is read.
                Row::Outgoing(name, row) => outgoing.push((name, row)),
                Row::Fallbacks(known) => fallbacks = known,
                Row::Dead(dead) => {
                    self.next_number = self.next_number.max(dead.number + 1);
                    self.dead.insert(dead.number, dead);
                }
                Row::Silence(silence) => {
                    self.next_number = self.next_number.max(silence.id + 1);
                    self.silences.insert(silence.id, silence);
                }
                Row::Digest(pending) => {
                    self.next_number = self.next_number.max(pending.number + 1);
                    self.storms.restore(pending);
                }
                Row::Flapping(flapping) => {
                    self.next_number = self.next_number.max(flapping.number + 1);
                    self.flaps.restore(flapping);
                }
                Row::Audit(audit) => {
                    self.next_number = self.next_number.max(audit.number + 1);
                    self.audit.push_back(audit);
                }
            }
        }
        for (name, row) in outgoing {
            let receiver = self.number_of(&name, &fallbacks);
            self.outbox.restore(Outgoing { receiver, ..row });
        }
        self.recall_turns();
        self.take_up(&fallbacks, now);
    }

    /// What has changed since this was last asked, to be written down in one piece.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let outgoing = self.outbox.take_changes();
        let named = |row: Outgoing| Row::Outgoing(self.name_of(row.receiver), row);
        let outgoing = outgoing
            .into_iter()
            .map(|(number, row)| Change { key: RowKey::Outgoing(number), row: row.map(named) });
        let mut changes: Vec<Change> = outgoing.collect();
        for key in std::mem::take(&mut self.changed) {
            changes.push(Change { key, row: self.row(key) });
        }
        changes
    }

    fn row(&self, key: RowKey) -> Option<Row> {
        match key {
            RowKey::Position => Some(Row::Position(self.position)),
            RowKey::Case(id) => self.cases.get(&id).cloned().map(Box::new).map(Row::Case),
            RowKey::Outgoing(number) => {
                self.outbox.row(number).map(|row| Row::Outgoing(self.name_of(row.receiver), row))
            }
            RowKey::Dead(number) => self.dead.get(&number).cloned().map(Row::Dead),
            RowKey::Silence(id) => self.silences.get(&id).cloned().map(Row::Silence),
            RowKey::Fallbacks => {
                Some(self.fallbacks()).filter(|known| !known.is_empty()).map(Row::Fallbacks)
            }
            RowKey::Flapping(number) => self.flaps.get(number).cloned().map(Row::Flapping),
            RowKey::Digest(number) => self.storms.get(number).cloned().map(Row::Digest),
            RowKey::Audit(number) => {
                self.audit.iter().rev().find(|it| it.number == number).cloned().map(Row::Audit)
            }
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
