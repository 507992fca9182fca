//! What stands: for receivers that forget what is not said again.

use model::notification::{Notification, NotificationKind};
use model::time::{MINUTE_MS, Timestamp};

use super::{Desk, telling};
use crate::case::{Case, Told};

/// How long it is said that something is over, in milliseconds: whoever missed it once hears
/// it then.
pub const ENDED_SAID_MS: i64 = 15 * MINUTE_MS;

/// See [`Desk::standing`].
pub(super) fn standing(desk: &Desk, receiver: usize, now: Timestamp) -> Vec<Notification> {
    let name = desk.name_of(receiver);
    let has = |case: &&Case| matches!(case.receivers.get(&name), Some(Told::Delivered { .. }));
    let cases = desk.cases.values().filter(has);
    let standing = cases.filter_map(|case| {
        let kind = match case.is_open() {
            true => NotificationKind::Firing,
            false => NotificationKind::Resolved,
        };
        let ended = case.times.resolved.filter(|_| !case.is_open());
        let is_old = ended.is_some_and(|at| now.0.saturating_sub(at.0) > ENDED_SAID_MS);
        let is_said = !is_old && desk.hears(receiver, kind);
        is_said.then(|| telling::notification(case, kind, ended.unwrap_or(now), &name))
    });
    standing.collect()
}
