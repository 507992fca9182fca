//! What a successor knows of the past.

use std::collections::BTreeMap;

use connectors::commit::CommitPoint;
use engine::program::Program;
use engine::shard::{OpenEpisode, Restored};
use model::key::encode_key;
use model::time::Timestamp;
use model::transition::TransitionKind;

use super::{Design, Survivors, Told};
use crate::drawn::Case;

/// The commits, read back from their texts; by log.
pub(super) fn commits(survivors: &Survivors) -> BTreeMap<usize, CommitPoint> {
    let read = |(at, text): (&usize, &String)| (*at, CommitPoint::parse(text).unwrap());
    survivors.commits.iter().map(read).collect()
}

/// By stream: up to where an earlier life has told everything.
pub(super) fn published(case: &Case, commits: &BTreeMap<usize, CommitPoint>) -> Vec<Timestamp> {
    let mut published = vec![Timestamp(i64::MIN); case.rules.streams.len()];
    for (at, commit) in commits {
        let stream = case.logs[*at].stream as usize;
        published[stream] = published[stream].max(Timestamp(commit.settled));
    }
    published
}

/// What the log says of the past: D9, the fold of transitions as of the committed instant.
pub(super) fn restored(
    published: &[Timestamp],
    program: &Program,
    survivors: &Survivors,
    design: Design,
) -> Restored {
    let mut open: BTreeMap<(String, Vec<u8>), OpenEpisode> = BTreeMap::new();
    for (_, told) in survivors.log() {
        let Told::Settled(transition) = told else {
            continue;
        };
        let is_told = transition.at <= published_of(program, published, &transition.alert);
        if !is_told && design != Design::LatestLifecycle {
            continue;
        }
        let key = encode_key(transition.key.iter().map(|(_, value)| value));
        let owner = (transition.alert.clone(), key.clone());
        if transition.kind == TransitionKind::Resolved {
            open.remove(&owner);
            continue;
        }
        let kept = survivors.peaks.get(&transition.episode).copied().flatten();
        let episode = OpenEpisode {
            alert: transition.alert.clone(),
            key,
            since: transition.since,
            peak: kept.filter(|_| design != Design::ForgottenPeaks).or(transition.value),
            severity: transition.severity,
            fields: transition.fields.clone(),
        };
        open.insert(owner, episode);
    }
    let published = match design {
        Design::SilentByOffset => Vec::new(),
        _ => published.to_vec(),
    };
    match design {
        Design::ForgottenLifecycle => Restored { published, ..Restored::default() },
        _ => Restored { published, open: open.into_values().collect(), ..Restored::default() },
    }
}

/// The instant up to which an alert had been told: the least of its streams'.
pub(super) fn published_of(program: &Program, published: &[Timestamp], alert: &str) -> Timestamp {
    let rule = program.rules().iter().find(|rule| rule.alert.name == alert);
    let streams = rule.into_iter().flat_map(|rule| &rule.streams);
    let settled = streams.filter_map(|stream| published.get(*stream).copied());
    settled.min().unwrap_or(Timestamp(i64::MIN))
}
