//! The other side: what one writes by hand for one rule, with serde_json and the standard
//! collections.
//!
//! It is a yardstick, not a product: it takes events in the order of their times, judges a
//! window only when an event of its key comes, and keeps every key for ever.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;

use model::time::{MINUTE_MS, Timestamp};
use serde::Deserialize;

/// The window of all rules of the benches, in milliseconds.
pub const WINDOW_MS: i64 = MINUTE_MS;
/// Time for which a condition must be false before its episode ends, in milliseconds: what the
/// language takes where a rule says nothing.
const KEEP_MS: i64 = WINDOW_MS;

/// Fields of a short line, read by serde_json.
#[derive(Debug, Deserialize)]
pub struct ShortLine<'a> {
    /// Milliseconds since the Unix epoch.
    pub ts: i64,
    /// Always `login`.
    pub action: &'a str,
    /// `failure` or `success`.
    pub outcome: &'a str,
    /// Whose account.
    #[serde(borrow)]
    pub user: NamedEntity<'a>,
    /// Where from.
    pub src: AddressedEntity,
    /// 0 to 99.
    pub score: i64,
}

/// Fields of a long line, read by serde_json.
#[derive(Debug, Deserialize)]
pub struct LongLine<'a> {
    /// RFC 3339 text.
    #[serde(rename = "@timestamp")]
    pub timestamp: &'a str,
    /// Kind of change.
    #[serde(borrow)]
    pub event: EcsEvent<'a>,
    /// Whose account.
    pub user: NamedEntity<'a>,
    /// Where from.
    pub source: AddressedEntity,
}

/// The event of a long line.
#[derive(Debug, Deserialize)]
pub struct EcsEvent<'a> {
    /// Always `login`.
    pub action: &'a str,
    /// `failure` or `success`.
    pub outcome: &'a str,
    /// 0 to 99.
    pub risk_score: i64,
}

/// Something with a name.
#[derive(Debug, Deserialize)]
pub struct NamedEntity<'a> {
    /// The name.
    pub name: &'a str,
}

/// Something with an address.
#[derive(Debug, Deserialize)]
pub struct AddressedEntity {
    /// The address.
    pub ip: IpAddr,
}

/// As much of a short line as counting failures needs.
#[derive(Debug, Deserialize)]
struct FailureLine<'a> {
    ts: i64,
    action: &'a str,
    outcome: &'a str,
    #[serde(borrow)]
    src: SourceAddress<'a>,
}

#[derive(Debug, Deserialize)]
struct SourceAddress<'a> {
    ip: &'a str,
}

impl LongLine<'_> {
    /// The event time in milliseconds since the Unix epoch.
    pub fn time_ms(&self) -> i64 {
        Timestamp::parse_rfc3339(self.timestamp).map_or(0, |time| time.0)
    }
}

/// Condition of a key when it was last evaluated.
#[derive(Debug)]
struct ConditionPhase {
    is_true: bool,
    false_since: i64,
}

/// Fires when a key has `level` events within [`WINDOW_MS`].
#[derive(Debug, Default)]
pub struct CountWindows {
    keys: HashMap<String, (VecDeque<i64>, ConditionPhase)>,
}

impl CountWindows {
    /// Takes in the next event; whether its key begins to fire.
    pub fn observe(&mut self, key: &str, time: i64, level: usize) -> bool {
        let (times, episode) = of_key(&mut self.keys, key);
        while let Some(old) = times.pop_front_if(|first| *first <= time - WINDOW_MS) {
            episode.falls_unless(times.len() >= level, old + WINDOW_MS);
        }
        times.push_back(time);
        episode.fires(times.len() >= level, time)
    }
}

/// Fires when the mean of a key's values within [`WINDOW_MS`] reaches a level; looks when an
/// event comes, so that the values of a key must all lie on one side of the level.
#[derive(Debug, Default)]
pub struct MeanWindows {
    keys: HashMap<String, (MeanEntry, ConditionPhase)>,
}

#[derive(Debug, Default)]
struct MeanEntry {
    values: VecDeque<(i64, f64)>,
    sum: f64,
}

impl MeanWindows {
    /// Takes in the next event; whether its key begins to fire.
    pub fn observe(&mut self, key: &str, time: i64, value: f64, level: f64) -> bool {
        let (MeanEntry { values, sum }, episode) = of_key(&mut self.keys, key);
        while let Some((_, old)) = values.pop_front_if(|(at, _)| *at <= time - WINDOW_MS) {
            *sum -= old;
        }
        values.push_back((time, value));
        *sum += value;
        episode.fires(*sum / values.len() as f64 >= level, time)
    }
}

/// Fires when a key has `level` different texts within [`WINDOW_MS`].
#[derive(Debug, Default)]
pub struct DistinctWindows {
    keys: HashMap<String, (DistinctEntry, ConditionPhase)>,
}

#[derive(Debug, Default)]
struct DistinctEntry {
    texts: VecDeque<(i64, String)>,
    times_in: HashMap<String, u32>,
}

impl DistinctWindows {
    /// Takes in the next event; whether its key begins to fire.
    pub fn observe(&mut self, key: &str, time: i64, text: &str, level: usize) -> bool {
        let (DistinctEntry { texts, times_in }, episode) = of_key(&mut self.keys, key);
        while let Some((at, old)) = texts.pop_front_if(|(at, _)| *at <= time - WINDOW_MS) {
            let count = times_in.get_mut(&old).expect("a text in the window is counted");
            *count -= 1;
            if *count == 0 {
                times_in.remove(&old);
                episode.falls_unless(times_in.len() >= level, at + WINDOW_MS);
            }
        }
        texts.push_back((time, text.to_owned()));
        *times_in.entry(text.to_owned()).or_default() += 1;
        episode.fires(times_in.len() >= level, time)
    }
}

/// Fires when the 95th percentile of a key's values within [`WINDOW_MS`] reaches a level;
/// looks only when an event comes, as [`MeanWindows`] does.
#[derive(Debug, Default)]
pub struct P95Windows {
    keys: HashMap<String, (SortedEntry, ConditionPhase)>,
}

#[derive(Debug, Default)]
struct SortedEntry {
    values: VecDeque<(i64, i64)>,
    ascending: Vec<i64>,
}

impl P95Windows {
    /// Takes in the next event; whether its key begins to fire.
    pub fn observe(&mut self, key: &str, time: i64, value: i64, level: i64) -> bool {
        let (SortedEntry { values, ascending }, episode) = of_key(&mut self.keys, key);
        while let Some((_, old)) = values.pop_front_if(|(at, _)| *at <= time - WINDOW_MS) {
            ascending.remove(ascending.partition_point(|known| *known < old));
        }
        values.push_back((time, value));
        ascending.insert(ascending.partition_point(|known| *known < value), value);
        let rank = (ascending.len() * 95).div_ceil(100);
        episode.fires(ascending[rank - 1] >= level, time)
    }
}

impl Default for ConditionPhase {
    fn default() -> ConditionPhase {
        ConditionPhase { is_true: false, false_since: i64::MIN }
    }
}

impl ConditionPhase {
    /// Notes that the condition turned false, if it was true and does not hold any more.
    fn falls_unless(&mut self, holds: bool, now: i64) {
        if self.is_true && !holds {
            *self = ConditionPhase { is_true: false, false_since: now };
        }
    }

    /// Notes whether the condition holds; whether that begins an episode.
    fn fires(&mut self, holds: bool, now: i64) -> bool {
        self.falls_unless(holds, now);
        let is_new = holds && !self.is_true && now > self.false_since.saturating_add(KEEP_MS);
        self.is_true |= holds;
        is_new
    }
}

fn of_key<'a, W: Default>(keys: &'a mut HashMap<String, W>, key: &str) -> &'a mut W {
    // Two look-ups, but no text is made for a known key.
    if !keys.contains_key(key) {
        keys.insert(key.to_owned(), W::default());
    }
    keys.get_mut(key).expect("a key that is there")
}

/// Reads a file of short lines and counts how often an address reaches 10 failures a minute.
pub fn replay(path: &Path) -> u64 {
    let mut reader = BufReader::with_capacity(1 << 18, File::open(path).expect("the load"));
    let (mut line, mut windows, mut firings) = (Vec::new(), CountWindows::default(), 0);
    while reader.read_until(b'\n', &mut line).expect("the load") > 0 {
        let event: FailureLine<'_> = serde_json::from_slice(&line).expect("a short line");
        if event.action == "login" && event.outcome == "failure" {
            firings += u64::from(windows.observe(event.src.ip, event.ts, 10));
        }
        line.clear();
    }
    firings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_fire_at_the_level_and_again_once_the_episode_has_ended() {
        const W: i64 = WINDOW_MS;
        let cases = [
            // At W the oldest leaves as another comes: no instant is false.
            ([0, 10, 20, W], [false, false, true, false]),
            // False since W; true again at the last instant that continues the episode.
            ([0, 0, 0, 2 * W - 2], [false, false, true, false]),
        ];
        for (times, want) in cases {
            let mut windows = CountWindows::default();
            assert_eq!(times.map(|time| windows.observe("a", time, 3)), want, "{times:?}");
        }
        for (again, want) in [(2 * W, false), (2 * W + 1, true)] {
            let mut windows = CountWindows::default();
            let before = [0, 1, 2, again - 2, again - 1];
            let fired = before.map(|time| windows.observe("a", time, 3));
            assert_eq!(fired, [false, false, true, false, false]);
            assert_eq!(windows.observe("a", again, 3), want, "again at {again}");
        }
    }

    #[test]
    fn keys_and_texts_are_kept_apart() {
        let mut windows = DistinctWindows::default();
        let events = [("a", 0, "x"), ("a", 1, "x"), ("b", 2, "y"), ("a", 3, "y")];
        let fired = events.map(|(key, time, text)| windows.observe(key, time, text, 2));
        assert_eq!(fired, [false, false, false, true]);
    }
}
