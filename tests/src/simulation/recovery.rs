//! What a successor knows of the past.

use std::collections::BTreeMap;

use connectors::commit::CommitPoint;
use engine::program::Program;
use engine::shard::{OpenEpisode, Restored};
use model::key::encode_key;
use model::time::Timestamp;
use model::transition::{Transition, TransitionKind};

use super::reload::{InForce, Replaced};
use super::{Design, Survivors, Told};
use crate::drawn::Case;

/// The commits, read back from their texts; by log.
pub(super) fn commits(survivors: &Survivors) -> BTreeMap<usize, CommitPoint> {
    let read = |(at, text): (&usize, &String)| (*at, CommitPoint::parse(text).unwrap());
    survivors.commits.iter().map(read).collect()
}

/// By stream: up to where an earlier life has told everything.
pub(super) fn published(
    case: &Case,
    commits: &BTreeMap<usize, CommitPoint>,
    replaced: Option<&Replaced>,
) -> Vec<Timestamp> {
    let by_others = replaced.map(|replaced| replaced.settled.clone());
    let mut published =
        by_others.unwrap_or_else(|| vec![Timestamp(i64::MIN); case.rules.streams.len()]);
    for (at, commit) in commits {
        let stream = case.logs[*at].stream as usize;
        published[stream] = published[stream].max(Timestamp(commit.settled));
    }
    published
}

/// An open episode, and what was told of it last.
pub(super) struct Open {
    pub(super) episode: OpenEpisode,
    pub(super) told: Transition,
}

/// What the log says of the past: D9, the fold of transitions as of the committed instant, and
/// what ended because rules were changed. What was told before they were is told, all of it.
pub(super) fn restored(
    published: &[Timestamp],
    (case, in_force): (&Case, &InForce),
    survivors: &Survivors,
    design: Design,
) -> (Restored, Vec<Transition>) {
    let told_before = survivors.replaced.as_ref().map_or(0, |replaced| replaced.told_before);
    let mut open: BTreeMap<(String, Vec<u8>), Open> = BTreeMap::new();
    let settled = |(number, told): (usize, &Told)| match told {
        Told::Settled(transition) => Some((number, transition.clone())),
        Told::Early(_) | Told::Withdrawn(_) => None,
    };
    let log: Vec<(usize, Transition)> = survivors.log().filter_map(settled).collect();
    let (before, since): (Vec<_>, Vec<_>) =
        log.into_iter().partition(|(number, _)| *number < told_before);
    for (_, transition) in before {
        fold(&mut open, transition, survivors, design);
    }
    let ended = in_force.end(case, survivors, &mut open);
    for (_, transition) in since {
        let told = published_of(&in_force.program, published, &transition.facts.alert);
        if transition.facts.at <= told || design == Design::LatestLifecycle {
            fold(&mut open, transition, survivors, design);
        }
    }
    let published = match design {
        Design::SilentByOffset => Vec::new(),
        _ => published.to_vec(),
    };
    let open = match design {
        Design::ForgottenLifecycle => Vec::new(),
        _ => open.into_values().map(|open| open.episode).collect(),
    };
    (Restored { published, open, ..Restored::default() }, ended)
}

fn fold(
    open: &mut BTreeMap<(String, Vec<u8>), Open>,
    transition: Transition,
    survivors: &Survivors,
    design: Design,
) {
    let key = encode_key(transition.facts.key.iter().map(|(_, value)| value));
    let owner = (transition.facts.alert.clone(), key.clone());
    if transition.kind == TransitionKind::Resolved {
        // An end by a change may come after another episode has begun.
        let is_it = |open: &Open| open.episode.since == transition.facts.since;
        if open.get(&owner).is_some_and(is_it) {
            open.remove(&owner);
        }
        return;
    }
    let kept = survivors.peaks.get(&transition.episode).copied().flatten();
    let episode = OpenEpisode {
        alert: transition.facts.alert.clone(),
        key,
        since: transition.facts.since,
        peak: kept.filter(|_| design != Design::ForgottenPeaks).or(transition.measured.value),
        severity: transition.facts.severity,
        fields: transition.fields.clone(),
    };
    open.insert(owner, Open { episode, told: transition });
}

/// The instant up to which an alert had been told: the least of its streams'.
pub(super) fn published_of(program: &Program, published: &[Timestamp], alert: &str) -> Timestamp {
    let rule = program.rules().iter().find(|rule| rule.alert.name == alert);
    let streams = rule.into_iter().flat_map(|rule| &rule.streams);
    let settled = streams.filter_map(|stream| published.get(*stream).copied());
    settled.min().unwrap_or(Timestamp(i64::MIN))
}
