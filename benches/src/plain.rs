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

/// What the decoder takes from a short line, read by serde_json.
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
    pub user: Named<'a>,
    /// Where from.
    pub src: Addressed,
    /// 0 to 99.
    pub score: i64,
}

/// What the decoder takes from a long line, read by serde_json.
#[derive(Debug, Deserialize)]
pub struct LongLine<'a> {
    /// RFC 3339 text.
    #[serde(rename = "@timestamp")]
    pub timestamp: &'a str,
    /// What happened.
    #[serde(borrow)]
    pub event: Happening<'a>,
    /// Whose account.
    pub user: Named<'a>,
    /// Where from.
    pub source: Addressed,
}

/// The event of a long line.
#[derive(Debug, Deserialize)]
pub struct Happening<'a> {
    /// Always `login`.
    pub action: &'a str,
    /// `failure` or `success`.
    pub outcome: &'a str,
    /// 0 to 99.
    pub risk_score: i64,
}

/// Something with a name.
#[derive(Debug, Deserialize)]
pub struct Named<'a> {
    /// The name.
    pub name: &'a str,
}

/// Something with an address.
#[derive(Debug, Deserialize)]
pub struct Addressed {
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
    src: Source<'a>,
}

#[derive(Debug, Deserialize)]
struct Source<'a> {
    ip: &'a str,
}

impl LongLine<'_> {
    /// The event time in milliseconds since the Unix epoch.
    pub fn time_ms(&self) -> i64 {
        Timestamp::parse_rfc3339(self.timestamp).map_or(0, |time| time.0)
    }
}

/// Fires when a key has `level` events within [`WINDOW_MS`], and is then silent until it has
/// had fewer.
#[derive(Debug, Default)]
pub struct CountWindows {
    keys: HashMap<String, (VecDeque<i64>, bool)>,
}

impl CountWindows {
    /// Takes in the next event; whether its key begins to fire.
    pub fn observe(&mut self, key: &str, time: i64, level: usize) -> bool {
        let (times, is_firing) = of_key(&mut self.keys, key);
        while times.front().is_some_and(|first| *first < time - WINDOW_MS) {
            times.pop_front();
        }
        // Those that left earlier than now may have ended the alert; one that leaves just
        // now is replaced in the same instant.
        *is_firing &= times.len() >= level;
        while times.front().is_some_and(|first| *first <= time - WINDOW_MS) {
            times.pop_front();
        }
        times.push_back(time);
        rises(is_firing, times.len() >= level)
    }
}

/// Fires when the mean of a key's values within [`WINDOW_MS`] reaches a level.
#[derive(Debug, Default)]
pub struct MeanWindows {
    keys: HashMap<String, (Mean, bool)>,
}

#[derive(Debug, Default)]
struct Mean {
    values: VecDeque<(i64, f64)>,
    sum: f64,
}

impl MeanWindows {
    /// Takes in the next event; whether its key begins to fire.
    pub fn observe(&mut self, key: &str, (time, value): (i64, f64), level: f64) -> bool {
        let (Mean { values, sum }, is_firing) = of_key(&mut self.keys, key);
        while let Some((_, old)) = values.pop_front_if(|(at, _)| *at <= time - WINDOW_MS) {
            *sum -= old;
        }
        values.push_back((time, value));
        *sum += value;
        rises(is_firing, *sum / values.len() as f64 >= level)
    }
}

/// Fires when a key has `level` different texts within [`WINDOW_MS`].
#[derive(Debug, Default)]
pub struct DistinctWindows {
    keys: HashMap<String, (Distinct, bool)>,
}

#[derive(Debug, Default)]
struct Distinct {
    texts: VecDeque<(i64, String)>,
    times_in: HashMap<String, u32>,
}

impl DistinctWindows {
    /// Takes in the next event; whether its key begins to fire.
    pub fn observe(&mut self, key: &str, (time, text): (i64, &str), level: usize) -> bool {
        let (distinct, is_firing) = of_key(&mut self.keys, key);
        distinct.evict(time - WINDOW_MS - 1);
        *is_firing &= distinct.times_in.len() >= level;
        distinct.evict(time - WINDOW_MS);
        distinct.texts.push_back((time, text.to_owned()));
        *distinct.times_in.entry(text.to_owned()).or_default() += 1;
        rises(is_firing, distinct.times_in.len() >= level)
    }
}

impl Distinct {
    fn evict(&mut self, up_to: i64) {
        while let Some((_, text)) = self.texts.pop_front_if(|(at, _)| *at <= up_to) {
            if let Some(count) = self.times_in.get_mut(&text) {
                *count -= 1;
                if *count == 0 {
                    self.times_in.remove(&text);
                }
            }
        }
    }
}

/// Fires when the 95th percentile of a key's values within [`WINDOW_MS`] reaches a level.
#[derive(Debug, Default)]
pub struct P95Windows {
    keys: HashMap<String, (Sorted, bool)>,
}

#[derive(Debug, Default)]
struct Sorted {
    values: VecDeque<(i64, i64)>,
    ascending: Vec<i64>,
}

impl P95Windows {
    /// Takes in the next event; whether its key begins to fire.
    pub fn observe(&mut self, key: &str, (time, value): (i64, i64), level: i64) -> bool {
        let (Sorted { values, ascending }, is_firing) = of_key(&mut self.keys, key);
        while let Some((_, old)) = values.pop_front_if(|(at, _)| *at <= time - WINDOW_MS) {
            ascending.remove(ascending.partition_point(|known| *known < old));
        }
        values.push_back((time, value));
        ascending.insert(ascending.partition_point(|known| *known < value), value);
        let rank = (ascending.len() * 95).div_ceil(100);
        rises(is_firing, ascending[rank - 1] >= level)
    }
}

fn of_key<'a, W: Default>(keys: &'a mut HashMap<String, W>, key: &str) -> &'a mut W {
    // Two look-ups for a new key, but no text made for a known one.
    if !keys.contains_key(key) {
        keys.insert(key.to_owned(), W::default());
    }
    keys.get_mut(key).expect("a key that is there")
}

fn rises(is_firing: &mut bool, holds: bool) -> bool {
    let was_firing = std::mem::replace(is_firing, holds);
    holds && !was_firing
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
    fn counts_fire_at_the_level_and_again_after_falling_below() {
        let mut windows = CountWindows::default();
        let at = [0, 10, 20, WINDOW_MS, WINDOW_MS + 15, 2 * WINDOW_MS];
        let fired: Vec<bool> = at.iter().map(|time| windows.observe("a", *time, 3)).collect();
        // At one window the first event leaves as the fourth comes; at +15 the second has
        // left before, so that the alert ended and begins anew.
        assert_eq!(fired, [false, false, true, false, true, false]);
    }

    #[test]
    fn keys_and_texts_are_kept_apart() {
        let mut windows = DistinctWindows::default();
        let events = [("a", 0, "x"), ("a", 1, "x"), ("b", 2, "y"), ("a", 3, "y")];
        let fired = events.map(|(key, time, text)| windows.observe(key, (time, text), 2));
        assert_eq!(fired, [false, false, false, true]);
    }
}
