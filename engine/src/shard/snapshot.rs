//! Snapshot of a shard, and the shard restored from it.
//!
//! State derived from the program is not stored: consumers of signals, running timers, limits.
//! Statistics are not stored either: they belong to one process.

use std::sync::Arc;

use model::time::Timestamp;

use super::stream_group::{StreamGroup, StreamGroupSnapshot};
use super::{Shard, ShardRestore, ShardSettings};
use crate::program::Program;
use crate::snapshot::SnapshotEncode;

/// Version of the snapshot's encoding. INVARIANT: it changes with every change of the encoding.
const VERSION: u32 = 1;

impl Shard {
    /// Serialises the whole state. Valid only between two steps: then it is as of one instant.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        head(&self.program, self.states.settings()).pack(&mut out);
        self.settled.pack(&mut out);
        self.domains.iter().map(StreamGroup::standing).collect::<Vec<_>>().pack(&mut out);
        self.domains.iter().for_each(|domain| domain.pack_waiting(&self.states, &mut out));
        self.states.pack(&mut out);
        out
    }

    /// Restores a shard from a snapshot. Observations that it had taken in must not be sent again,
    /// and all later ones must. Everything up to `published`, by stream, was emitted since: none of
    /// it is emitted or counted again.
    ///
    /// Returns `None` where the snapshot is of other rules, another division of the work or another
    /// version, or is malformed.
    pub fn resume(
        program: &Arc<Program>,
        settings: ShardSettings,
        mut snapshot: &[u8],
        published: &[Timestamp],
    ) -> Option<Shard> {
        let from = &mut snapshot;
        if <(u64, Vec<u64>)>::unpack(from)? != head(program, settings) {
            return None;
        }
        let mut shard = Shard::new(Arc::clone(program), settings, &ShardRestore::default());
        let settled: Vec<Timestamp> = SnapshotEncode::unpack(from)?;
        let standings: Vec<StreamGroupSnapshot> = SnapshotEncode::unpack(from)?;
        shard.settled = settled;
        for (slot, published) in shard.settled.iter_mut().zip(published) {
            *slot = (*slot).max(*published);
        }
        for (domain, standing) in shard.domains.iter_mut().zip(&standings) {
            domain.resume(standing, published);
        }
        for domain in &mut shard.domains {
            domain.unpack_waiting(&mut shard.states, from)?;
        }
        shard.states.unpack(&mut shard.domains, from)?;
        from.is_empty().then_some(shard)
    }
}

/// Header: values that must be equal on restore.
fn head(program: &Program, settings: ShardSettings) -> (u64, Vec<u64>) {
    let ShardSettings { index, shards, early, keys_per_rule_max, remembering } = settings;
    let grid = remembering.map_or([0, 0], |how| [how.every_ms as u64, how.beyond_ms as u64]);
    let division = [index as u64, shards as u64, u64::from(early), u64::from(keys_per_rule_max)];
    let of = [u64::from(VERSION)].into_iter().chain(division).chain(grid);
    (program.lineage(), of.collect())
}

#[cfg(test)]
mod tests {
    use model::decimal::Decimal;
    use model::event::{Event, Value};
    use model::observation::{EventOrigin, ObservationBatch, Watermarks};

    use super::*;
    use crate::program::ObserveCounts;
    use crate::rule_state::StateCheckpointPolicy;
    use crate::sample;
    use crate::shard::StepOutput;

    #[test]
    fn a_snapshot_of_anything_else_is_refused() {
        let rule_set = |level| {
            let mut alert = sample::alert("x");
            sample::single(&mut alert).1.level = Decimal::from_int(level);
            sample::rule_set(&["s"], vec![alert])
        };
        let program = |level| Arc::new(Program::compile(&rule_set(level)).unwrap());
        let settings = ShardSettings {
            index: 1,
            shards: 2,
            early: true,
            keys_per_rule_max: 10,
            remembering: Some(StateCheckpointPolicy::DEFAULT),
        };
        let (rules, others) = (program(3), program(4));
        let shard = Shard::new(Arc::clone(&rules), settings, &ShardRestore::default());
        let snapshot = shard.snapshot();
        let resume = |program: &Arc<Program>, settings, bytes: &[u8]| {
            Shard::resume(program, settings, bytes, &[]).map(|shard| shard.snapshot())
        };
        assert_eq!(resume(&rules, settings, &snapshot).as_ref(), Some(&snapshot));
        assert_eq!(resume(&others, settings, &snapshot), None);
        let replaced = Program::compile(&rule_set(3)).unwrap();
        let settled = [("s".to_owned(), Timestamp(5))].into();
        let others = Arc::new(replaced.succeed(&others, &settled));
        assert_eq!(resume(&others, settings, &snapshot), None);
        for settings in [
            ShardSettings { index: 0, ..settings },
            ShardSettings { shards: 3, ..settings },
            ShardSettings { early: false, ..settings },
            ShardSettings { keys_per_rule_max: 11, ..settings },
            ShardSettings { remembering: None, ..settings },
        ] {
            assert_eq!(resume(&rules, settings, &snapshot), None, "{settings:?}");
        }
        let longer: Vec<u8> = snapshot.iter().copied().chain([0]).collect();
        assert_eq!(resume(&rules, settings, &longer), None);
        assert_eq!(resume(&rules, settings, &snapshot[..snapshot.len() - 1]), None);
    }

    /// What it knew of an open episode then is less than the earlier run knew when it ended.
    #[test]
    fn nothing_is_emitted_again_and_no_episode_shown_before_it_is_where_the_earlier_run_was() {
        let program = Arc::new(
            Program::compile(&sample::rule_set(&["s"], vec![sample::alert("x")])).unwrap(),
        );
        let settings = ShardSettings {
            index: 0,
            shards: 1,
            early: false,
            keys_per_rule_max: 10,
            remembering: None,
        };
        let step = |shard: &mut Shard, times: &[i64], mark: i64| {
            let mut batches = [ObservationBatch::default()];
            for (offset, time) in (0..).zip(times) {
                let origin =
                    EventOrigin { stream: 0, partition: 0, offset: *time + offset, index: 0 };
                let values = [Value::Text("a")];
                let event = Event { time: Timestamp(*time), values: &values, items: &[] };
                program.observe(&event, origin, &mut batches, &mut ObserveCounts::default());
            }
            let marks = Watermarks {
                settled: vec![Timestamp(mark)],
                first: vec![times.first().copied().map(Timestamp)],
            };
            let mut out = StepOutput::default();
            shard.step(&batches[0], &marks, &mut out);
            let at =
                out.transitions.iter().map(|emitted| (emitted.kind.name(), emitted.facts.at.0));
            (at.collect::<Vec<_>>(), shard.open_episodes().len())
        };
        let mut shard = Shard::new(Arc::clone(&program), settings, &ShardRestore::default());
        assert_eq!(step(&mut shard, &[1, 3, 5], 4), (vec![], 0));
        let snapshot = shard.snapshot();
        assert_eq!(step(&mut shard, &[], 5), (vec![("firing", 5)], 1));
        let published = [Timestamp(7)];
        let mut again = Shard::resume(&program, settings, &snapshot, &published).unwrap();
        assert_eq!(again.settled(), published);
        assert_eq!(step(&mut again, &[], 6), (vec![], 0));
        assert_eq!(again.rule_counts()[0].fired, 0);
        step(&mut again, &[2], 6);
        assert_eq!(again.counts().late_after_settle, 0, "whoever read it first has counted it");
        assert_eq!(step(&mut again, &[], 7), (vec![], 1));
        step(&mut again, &[2], 7);
        assert_eq!((again.counts().late_after_settle, again.rule_counts()[0].late), (1, 1));
        assert_eq!(step(&mut again, &[], 40), (vec![("resolved", 21)], 0));
    }
}
