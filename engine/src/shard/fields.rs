//! Fields of a key's events, for the messages that show them.

use std::cmp::Reverse;
use std::collections::VecDeque;

use hashbrown::HashMap;
use model::key::{KeyValue, decode_key};
use model::transition::TopValues;
use rules_dsl::rule::Alert;

use crate::snapshot::packed;

/// Number of newest events of a key from which a message may show the commonest values.
pub const TOP_EVENTS_MAX: usize = 64;

/// Fields of an alert's events, in the encoding of keys.
#[derive(Debug, Default)]
pub(super) struct EncodedFields {
    /// Instant of the newest observation.
    pub(super) at: i64,
    pub(super) newest: Vec<u8>,
    pub(super) fired: Vec<u8>,
    /// Fields of the newest events, where a message shows the commonest values.
    recent: VecDeque<(i64, Box<[u8]>)>,
}

impl EncodedFields {
    pub(super) fn take_in(&mut self, now: i64, encoded: &[u8], keeps_recent: bool) {
        self.at = now;
        self.newest.clear();
        self.newest.extend_from_slice(encoded);
        if keeps_recent {
            if self.recent.len() >= TOP_EVENTS_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back((now, encoded.into()));
        }
    }

    /// The commonest values of the newest events that lie in the window at `now`.
    pub(super) fn tops(&self, now: i64, alert: &Alert) -> Vec<TopValues> {
        let outside = now.saturating_sub(alert.trigger.window_ms());
        let inside = self.recent.iter().filter(|(at, _)| *at > outside);
        let events: Vec<Vec<KeyValue>> =
            inside.filter_map(|(_, encoded)| decode_key(encoded)).collect();
        let top = |top: &rules_dsl::rule::TopField| {
            let mut counts: HashMap<&KeyValue, u64> = HashMap::new();
            let values = events.iter().filter_map(|fields| fields.get(top.field));
            for value in values.filter(|value| **value != KeyValue::Null) {
                *counts.entry(value).or_insert(0) += 1;
            }
            let mut values: Vec<(KeyValue, u64)> =
                counts.into_iter().map(|(value, events)| (value.clone(), events)).collect();
            values.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
            values.truncate(top.most);
            let field = alert.message_fields.get(top.field).cloned().unwrap_or_default();
            TopValues { field, values }
        };
        alert.tops.iter().map(top).collect()
    }
}

packed!(EncodedFields { at, newest, fired, recent });
