//! Peaks of open episodes in the alert log: an extreme must outlive the samples that reached it,
//! which are not replayed.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use engine::shard::RestoredEpisode;
use model::decimal::Decimal;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The furthest value an open episode has reached: an upsert, the newest is true.
#[derive(Serialize, Deserialize)]
struct PeakLine<'a> {
    #[serde(borrow)]
    peak_of: Cow<'a, str>,
    key_bytes: Cow<'a, str>,
    since_ms: i64,
    peak: Cow<'a, str>,
    /// The instant up to which everything evaluated is in it. Lines of an earlier build lack it.
    #[serde(default)]
    as_of_ms: Option<i64>,
}

/// Identity of an open episode: alert, key bytes and `since`.
pub type EpisodeName = (String, Vec<u8>, Timestamp);

/// The name of an open episode.
pub fn episode_name(open: &RestoredEpisode) -> EpisodeName {
    (open.alert.clone(), open.key.clone(), open.since)
}

/// A peak, and the last instant it may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedPeak {
    /// The furthest value.
    pub peak: Decimal,
    /// The last instant it may be of; lines of an earlier build do not say.
    pub as_of: Option<Timestamp>,
}

/// A line that keeps an open episode's peak, without its end.
pub fn peak_line(open: &RestoredEpisode, peak: Decimal) -> Vec<u8> {
    let line = PeakLine {
        peak_of: open.alert.as_str().into(),
        key_bytes: open.key.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        since_ms: open.since.0,
        peak: peak.to_string().into(),
        as_of_ms: Some(open.as_of.0),
    };
    // A struct of texts and numbers always serializes.
    serde_json::to_vec(&line).unwrap_or_default()
}

/// Opening of every line of a peak: nothing else in the log does.
const PEAK_HEAD: &[u8] = b"{\"peak_of\":";

/// Reads a peak, where the line is one.
pub(crate) fn read_peak(line: &[u8]) -> Option<(EpisodeName, RecordedPeak)> {
    let line = Some(line).filter(|line| line.starts_with(PEAK_HEAD))?;
    let line: PeakLine<'_> = serde_json::from_slice(line).ok()?;
    let pairs = line.key_bytes.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let key = pairs.map(byte).collect::<Option<Vec<u8>>>()?;
    let name = (line.peak_of.into_owned(), key, Timestamp(line.since_ms));
    let (peak, as_of) = (Decimal::parse(&line.peak).ok()?, line.as_of_ms.map(Timestamp));
    Some((name, RecordedPeak { peak, as_of }))
}

/// The peaks of open episodes as the log has them.
pub struct LoggedPeaks {
    /// Those of an earlier run that no shard has shown again.
    before: BTreeMap<EpisodeName, Decimal>,
    by_shard: Vec<HashMap<EpisodeName, Decimal>>,
}

impl LoggedPeaks {
    /// Peaks that a log holds at the start of a run with so many shards.
    pub fn new(before: BTreeMap<EpisodeName, Decimal>, shards: usize) -> LoggedPeaks {
        LoggedPeaks { before, by_shard: vec![HashMap::new(); shards] }
    }

    /// The lines that are due where peaks of a shard's open episodes have moved.
    ///
    /// A run that replays has evaluated less than the one before it: a peak that has not moved
    /// is not written again, as its instant would be too early.
    pub fn moved(&mut self, shard: usize, open: &[RestoredEpisode]) -> Vec<Vec<u8>> {
        let Some(logged) = self.by_shard.get_mut(shard) else { return Vec::new() };
        let (mut now, mut lines) = (HashMap::new(), Vec::new());
        for episode in open {
            let (name, Some(peak)) = (episode_name(episode), episode.peak) else { continue };
            let before = self.before.remove(&name).or_else(|| logged.get(&name).copied());
            if before != Some(peak) {
                lines.push(peak_line(episode, peak));
            }
            now.insert(name, peak);
        }
        *logged = now;
        lines
    }
}
