//! The state log: what rules remember for long, written as facts, and taken up by a successor.

use engine::memory::{Memory, MemoryId, Recall, Remembering, Sighting, known_at};
use engine::program::{Program, RulePlan};
use model::time::Timestamp;

use super::recovery::published_of;
use super::{Design, Survivors};
use crate::drawn::Random;

/// What the state log holds of one rule.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// From here on, nothing is missing.
    from: Timestamp,
    /// Up to here everything is written.
    until: Timestamp,
    sightings: Vec<Sighting>,
}

/// What the rules of a run remember, drawn apart so that all else of a seed stays what it was.
pub(super) fn remembering(seed: u64) -> Option<Remembering> {
    let mut random = Random::new(!seed);
    let every_ms = random.one_of(&[1, 3, 10], 3);
    random.chance(75).then_some(Remembering { every_ms, beyond_ms: every_ms })
}

/// The rules that are taken up, and where by whom has told everything up to `settled`.
fn recalls(
    program: &Program,
    how: Option<Remembering>,
) -> impl Iterator<Item = (&RulePlan, Recall)> {
    let rules = program.rules().iter();
    rules.filter_map(move |rule| Some((rule, rule.recall(how?)?)))
}

/// What a successor takes up, and whether that is everything. Of a rule whose memory is not whole,
/// writing begins anew.
pub(super) fn take_up(
    survivors: &mut Survivors,
    program: &Program,
    how: Option<Remembering>,
    published: &[Timestamp],
    design: Design,
) -> (Vec<Memory>, bool) {
    let (mut memories, mut is_whole) = (Vec::new(), true);
    for (rule, recall) in recalls(program, how) {
        let told = published_of(program, published, &rule.alert.name);
        let point = recall.point(told);
        let kept = survivors.state_log.get(&recall.id);
        match kept.filter(|kept| told.0 > i64::MIN && kept.from <= point && point <= kept.until) {
            Some(kept) => {
                let sightings = match design {
                    Design::ForgottenMemory => Vec::new(),
                    Design::NewestMemory => known_at(&kept.sightings, Timestamp(i64::MAX)),
                    _ => known_at(&kept.sightings, point),
                };
                memories.push(Memory { id: recall.id, until: point, sightings });
                survivors.note("memory taken up");
            }
            None => {
                is_whole = false;
                let (from, until) = (told, Timestamp(i64::MIN));
                let kept = Kept { from, until, sightings: Vec::new() };
                survivors.state_log.insert(recall.id, kept);
            }
        }
    }
    (memories, is_whole)
}

/// Writes a sighting down.
pub(super) fn keep(survivors: &mut Survivors, id: MemoryId, sighting: Sighting) {
    if let Some(kept) = survivors.state_log.get_mut(&id) {
        kept.sightings.push(sighting);
    }
}

/// Notes that everything is written up to where the rules have settled.
pub(super) fn mark(
    survivors: &mut Survivors,
    program: &Program,
    how: Option<Remembering>,
    settled: &[Timestamp],
) {
    for (rule, recall) in recalls(program, how) {
        let settled = published_of(program, settled, &rule.alert.name);
        if let Some(kept) = survivors.state_log.get_mut(&recall.id) {
            kept.until = kept.until.max(settled);
        }
    }
}

/// After which instant a stream is to be read again by who continues at `settled`.
pub(super) fn read_after(
    survivors: &Survivors,
    program: &Program,
    how: Option<Remembering>,
    (stream, settled): (u32, Timestamp),
) -> Timestamp {
    let rules = program.rules().iter().filter(|rule| rule.streams.contains(&(stream as usize)));
    let after = rules.map(|rule| {
        let recalled = how.and_then(|how| rule.recall(how)).and_then(|recall| {
            let kept = survivors.state_log.get(&recall.id)?;
            Some(recall.point(settled)).filter(|point| kept.from <= *point)
        });
        recalled.unwrap_or(settled.minus(rule.horizon_ms() + 1))
    });
    after.min().unwrap_or(settled.minus(1))
}

/// Drops what no successor takes up any more: of each value all but the newest sighting up to
/// the point at which the earliest of them begins.
pub(super) fn compact(
    survivors: &mut Survivors,
    program: &Program,
    how: Option<Remembering>,
    published: &[Timestamp],
) {
    for (rule, recall) in recalls(program, how) {
        let told = published_of(program, published, &rule.alert.name);
        if let Some(kept) = survivors.state_log.get_mut(&recall.id).filter(|_| told.0 > i64::MIN) {
            let point = recall.point(told);
            let later = kept.sightings.iter().filter(|it| it.at > point.0).cloned();
            kept.sightings = known_at(&kept.sightings, point).into_iter().chain(later).collect();
        }
    }
}
