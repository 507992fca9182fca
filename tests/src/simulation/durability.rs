//! What a commit covers is on the disk: checked at each commit, whatever a crash would make of it.
//!
//! A commit says up to which instant everything is published. By then the alert log holds, synced,
//! every transition up to there, the peaks of the episodes that are open there, and the record of
//! the rules that evaluate.

use connectors::alert_log_codec::AlertRecord;
use engine::shard::{RestoredEpisode, Shard};
use model::key::encode_key;
use model::time::Timestamp;
use model::transition::TransitionKind;
use runtime::alert_log::replay::LogEntry;

use super::disk::{SimulatedDisk, record_of};

/// Checks a commit that says how far each stream is settled.
///
/// # Errors
/// What it covers and the disk does not hold.
pub(super) fn check(
    disk: &SimulatedDisk,
    settled: &[Timestamp],
    shards: &[&Shard],
) -> Result<(), String> {
    let Some(first) = shards.first() else { return Ok(()) };
    let until = |alert: &str| {
        let streams = first.program().rule(alert).map(|rule| &rule.streams);
        streams.and_then(|streams| streams.iter().map(|stream| settled[*stream]).min())
    };
    for line in disk.unsynced_alerts() {
        let why = match LogEntry::read(line, 0)? {
            LogEntry::Change(_) => Some("a change of rules"),
            LogEntry::Peak((alert, ..), kept) if kept.as_of <= until(&alert) => Some("a peak"),
            LogEntry::Record(record) => match &record.recorded {
                AlertRecord::Transition(of, _)
                    if Some(of.facts.at) <= until(&of.facts.alert) && of.reason.is_none() =>
                {
                    Some("a transition")
                }
                _ => None,
            },
            LogEntry::Head(_) | LogEntry::Peak(..) => None,
        };
        if let Some(what) = why {
            let line = String::from_utf8_lossy(line);
            return Err(format!("a commit up to {settled:?} covers {what} not synced: {line}"));
        }
    }
    for shard in shards {
        let episodes = shard.open_episodes();
        for open in episodes.iter().filter(|open| Some(open.as_of) == until(&open.alert)) {
            check_peak(disk, open)?;
        }
    }
    Ok(())
}

/// True when a line is the end of an episode.
fn is_end_of(line: &[u8], open: &RestoredEpisode) -> bool {
    record_of(line).is_some_and(|record| match &record.recorded {
        AlertRecord::Transition(of, _) => {
            of.kind == TransitionKind::Resolved
                && of.facts.alert == open.alert
                && of.facts.since == open.since
                && encode_key(of.facts.key.iter().map(|(_, value)| value)) == open.key
        }
        _ => false,
    })
}

/// The log holds the peak of an episode that is open at the settled instant, or its end.
fn check_peak(disk: &SimulatedDisk, open: &RestoredEpisode) -> Result<(), String> {
    let Some(peak) = open.peak else { return Ok(()) };
    let name = (open.alert.clone(), open.key.clone(), open.since);
    let newest = disk.synced_peaks().find_map(|line| match LogEntry::read(line, 0) {
        Ok(LogEntry::Peak(of, kept)) if of == name => Some(kept.peak),
        _ => None,
    });
    // An earlier life may have come further, and logged the end with its peak.
    if newest == Some(peak) || disk.synced_alerts().any(|line| is_end_of(line, open)) {
        return Ok(());
    }
    Err(format!("a commit covers the peak {peak} of {open:?}; the alert log has {newest:?}"))
}
