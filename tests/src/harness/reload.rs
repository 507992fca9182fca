//! A program in the place of another, at a drawn moment: as the service does, by reading again.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::program::{Program, ProgramError};
use engine::program_upgrade::{SettledStreams, ended_by_change};
use engine::shard::{RestoredEpisode, ShardRestore, StepOutput, calendar_ends, order_of};
use engine::watermark::PartitionWatermark;
use model::key::encode_key;
use model::time::Timestamp;
use model::transition::{EpisodeId, Transition};
use rules_dsl::rule::RuleSet;

use super::{RunCourse, ShardRunner};
use crate::generators::{DrawnCase, PartitionLog, SplitMix};

/// Output of a run, and the place where the rules were changed.
#[derive(Debug)]
pub struct ReloadedRun {
    /// All settled transitions, by (instant, alert, key).
    pub transitions: Vec<Transition>,
    /// By stream: the last instant the first rules judged.
    pub settled: Vec<Timestamp>,
    /// Observations whose instant was settled before them.
    pub late_after_settle: u64,
}

/// The instants settled in every stream, by its name.
pub fn settled_streams(rules: &RuleSet, settled: &[Timestamp]) -> SettledStreams {
    rules.streams.iter().map(|schema| schema.name.clone()).zip(settled.iter().copied()).collect()
}

/// Runs a case up to a drawn moment, then with other rules over the same streams.
///
/// # Errors
/// Rules that do not compile.
pub fn run_across(
    case: &DrawnCase,
    after: &RuleSet,
    random: &mut SplitMix,
    course: RunCourse,
) -> Result<ReloadedRun, ProgramError> {
    let first = Arc::new(Program::compile(&case.rules)?);
    let mut before = ShardRunner::new(case, Arc::clone(&first), course, &ShardRestore::default());
    let records: usize = case.logs.iter().map(|log| log.records.len()).sum();
    let stops_after = random.within(0, records as i64);
    before.read_on(random, stops_after);
    (0..course.shards).for_each(|shard| before.step(shard));

    let settled = before.marks.settled.clone();
    let by_name = settled_streams(&case.rules, &settled);
    let second = Arc::new(Program::compile(after)?.succeed(&first, &by_name));
    let open: Vec<RestoredEpisode> =
        before.shards.iter().flat_map(|(shard, _)| shard.open_episodes()).collect();
    let emitted = before.emitted();
    let (ended, open) =
        ended(&emitted.transitions, open, |alert| first.ends_at(alert, &second, &by_name));

    let case = DrawnCase { rules: after.clone(), logs: case.logs.clone() };
    let calendar_ends = calendar_ends(&emitted.transitions);
    let restored =
        ShardRestore { published: settled.clone(), open, calendar_ends, ..ShardRestore::default() };
    let mut runner = ShardRunner::new(&case, second, course, &restored);
    runner.read_on(random, i64::MAX);
    runner.finish(false);
    let emitted_after = runner.emitted();
    let mut transitions = emitted.transitions;
    transitions.extend(ended);
    transitions.extend(emitted_after.transitions);
    transitions.sort_by(|a, b| order_of(a).cmp(&order_of(b)));
    let late_after_settle = emitted.late_after_settle + emitted_after.late_after_settle;
    Ok(ReloadedRun { transitions, settled, late_after_settle })
}

/// Runs a case up to a drawn moment, then on with other rules that the shards adopt; `None`
/// where these may not be adopted.
///
/// # Errors
/// Rules that do not compile.
pub fn run_adopting(
    case: &DrawnCase,
    after: &RuleSet,
    random: &mut SplitMix,
    course: RunCourse,
) -> Result<Option<ReloadedRun>, ProgramError> {
    let program = Arc::new(Program::compile(&case.rules)?);
    let mut runner = ShardRunner::new(case, program, course, &ShardRestore::default());
    if !runner.adopt(after, random)? {
        return Ok(None);
    }
    let settled = runner.marks.settled.clone();
    runner.read_on(random, i64::MAX);
    runner.finish(false);
    let emitted = runner.emitted();
    let (transitions, late_after_settle) = (emitted.transitions, emitted.late_after_settle);
    Ok(Some(ReloadedRun { transitions, settled, late_after_settle }))
}

/// Runs a case with rules that are adopted one after the other at drawn moments; what is told
/// under the last of them by shards that went on, and by ones that read again from there.
/// `None` where some may not be adopted.
///
/// # Errors
/// Rules that do not compile.
pub fn run_adopting_each(
    case: &DrawnCase,
    afters: &[RuleSet],
    random: &mut SplitMix,
    course: RunCourse,
) -> Result<Option<[Vec<Transition>; 2]>, ProgramError> {
    let program = Arc::new(Program::compile(&case.rules)?);
    let mut resumed = ShardRunner::new(case, program, course, &ShardRestore::default());
    for after in afters {
        if !resumed.adopt(after, random)? {
            return Ok(None);
        }
    }
    let open = resumed.shards.iter().flat_map(|(shard, _)| shard.open_episodes()).collect();
    let calendar_ends = calendar_ends(resumed.shards.iter().flat_map(|(_, out)| &out.transitions));
    let published = resumed.marks.settled.clone();
    let restored = ShardRestore { published, open, calendar_ends, ..ShardRestore::default() };
    let read_again = ShardRunner::new(case, Arc::clone(&resumed.program), course, &restored);
    resumed.shards.iter_mut().for_each(|(_, out)| *out = StepOutput::default());
    Ok(Some([resumed, read_again].map(|mut runner| {
        runner.read_on(random, i64::MAX);
        runner.finish(false);
        runner.emitted().transitions
    })))
}

impl ShardRunner<'_> {
    /// Reads up to a drawn moment, then lets the shards adopt other rules; false where these
    /// may not be adopted.
    fn adopt(&mut self, after: &RuleSet, random: &mut SplitMix) -> Result<bool, ProgramError> {
        let next = Program::compile(after)?;
        if !next.may_be_adopted(&self.program) {
            return Ok(false);
        }
        let left = |(log, reader): (&PartitionLog, &(usize, PartitionWatermark))| {
            log.records.len() - reader.0
        };
        let left: usize = self.case.logs.iter().zip(&self.readers).map(left).sum();
        let records = random.within(0, left as i64);
        self.read_on(random, records);
        (0..self.shards.len()).for_each(|shard| self.step(shard));
        let settled = settled_streams(&self.case.rules, &self.marks.settled);
        let next = Arc::new(next.succeed(&self.program, &settled));
        self.shards.iter_mut().for_each(|(shard, _)| shard.adopt(&next));
        self.program = next;
        Ok(true)
    }
}

/// The ends of the open episodes whose rule was changed, and the episodes that go on.
fn ended(
    emitted: &[Transition],
    open: Vec<RestoredEpisode>,
    ends_at: impl Fn(&str) -> Option<Timestamp>,
) -> (Vec<Transition>, Vec<RestoredEpisode>) {
    let newest: BTreeMap<EpisodeId, &Transition> =
        emitted.iter().map(|transition| (transition.episode, transition)).collect();
    let mut ended = Vec::new();
    let mut kept = Vec::new();
    for episode in open {
        let id = engine::identity::episode_id(&episode.alert, &episode.key, episode.since);
        match ends_at(&episode.alert).zip(newest.get(&id)) {
            Some((at, emitted)) => {
                debug_assert_eq!(
                    encode_key(emitted.facts.key.iter().map(|(_, it)| it)),
                    episode.key
                );
                ended.push(ended_by_change(emitted, episode.peak, at));
            }
            None => kept.push(episode),
        }
    }
    (ended, kept)
}
