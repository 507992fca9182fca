use std::collections::BTreeMap;
use std::sync::Arc;

use model::event::{Event, Value};
use model::observation::{EventOrigin, ObservationBatch, Watermarks};
use model::transition::{Transition, TransitionKind};
use proptest::prelude::*;
use rules_dsl::rule::{AbsenceRoster, RuleSet, Trigger};

use super::*;
use crate::program::{ObserveCounts, Program};
use crate::sample::{alert, rule_set, selection};
use crate::shard::{
    KEYS_PER_RULE_MAX, RestoredEpisode, Shard, ShardRestore, ShardSettings, StepOutput,
};

const HOW: StateCheckpointPolicy = StateCheckpointPolicy { every_ms: 7, beyond_ms: 7 };
const HOSTS: [&str; 3] = ["a", "b", "c"];
/// First of the events: rules that learn know since when.
const FIRST: i64 = 1;

/// An event of the drawn log: its instant, host and value.
type DrawnSighting = (i64, usize, i64);

/// How many shards read a log, after which instant and up to which.
#[derive(Clone, Copy)]
struct Span {
    shards: usize,
    read_after: i64,
    end: i64,
}

/// Output of shards for a log from an instant on, up to its end.
fn run(
    rules: &RuleSet,
    events: &[DrawnSighting],
    restored: &ShardRestore,
    span: Span,
) -> StepOutput {
    let Span { shards, read_after, end } = span;
    let program = Arc::new(Program::compile(rules).unwrap());
    let mut marks = Watermarks::unsettled(1);
    marks.first[0] = Some(Timestamp(FIRST));
    let mut batches = vec![ObservationBatch::default(); shards];
    for (offset, (time, host, value)) in (0..).zip(events).filter(|(_, it)| it.0 > read_after) {
        let text = value.to_string();
        let values = [Value::Text(HOSTS[*host]), Value::Text(&text)];
        let event = Event { time: Timestamp(*time), values: &values, items: &[] };
        let origin = EventOrigin { stream: 0, partition: 0, offset, index: 0 };
        program.observe(&event, origin, &mut batches, &mut ObserveCounts::default());
    }
    marks.settled[0] = Timestamp(end);
    let mut out = StepOutput::default();
    for (index, batch) in batches.iter().enumerate() {
        let settings = ShardSettings {
            index,
            shards,
            early: false,
            keys_per_rule_max: KEYS_PER_RULE_MAX,
            remembering: Some(HOW),
        };
        let mut shard = Shard::new(Arc::clone(&program), settings, restored);
        shard.step(batch, &marks, &mut out);
    }
    let order = |it: &Transition| (it.facts.at, it.facts.alert.clone(), it.facts.key.clone());
    out.transitions.sort_by_key(order);
    out
}

/// Episodes open after some transitions.
fn open(emitted: &[Transition]) -> Vec<RestoredEpisode> {
    let mut open = BTreeMap::new();
    for of in emitted {
        let key = model::key::encode_key(of.facts.key.iter().map(|(_, value)| value));
        let place = (of.facts.alert.clone(), key.clone());
        if of.kind == TransitionKind::Resolved {
            open.remove(&place);
            continue;
        }
        let episode = RestoredEpisode {
            alert: of.facts.alert.clone(),
            key,
            since: of.facts.since,
            peak: None,
            as_of: Timestamp(i64::MIN),
            severity: of.facts.severity,
            fields: Vec::new(),
        };
        open.insert(place, episode);
    }
    open.into_values().collect()
}

/// Rule state at the checkpoints from which a successor settled up to `settled` starts.
fn memories(rules: &RuleSet, emitted: &StepOutput, settled: i64) -> Vec<RuleStateDelta> {
    let program = Program::compile(rules).unwrap();
    let recalls = program.rules().iter().map(|rule| rule.recall(HOW).unwrap());
    let memory = |recall: RuleStateRestore| {
        let until = recall.point(Timestamp(settled));
        let own = emitted.memories.iter().filter(|memory| memory.id == recall.id);
        let sightings = known_at(own.flat_map(|memory| &memory.sightings), until);
        RuleStateDelta { id: recall.id, until, sightings }
    };
    recalls.map(memory).collect()
}

fn rules(values_max: u32, learn_ms: i64, seen_ms: i64, keep_ms: i64) -> RuleSet {
    let mut new = alert("new");
    new.trigger =
        Trigger::New { of: selection(0), fields: vec![1], within_ms: 30, learn_ms, values_max };
    (new.keep_ms, new.hold_ms) = (keep_ms, 0);
    let mut absent = alert("absent");
    let roster = AbsenceRoster::Seen(seen_ms);
    absent.trigger = Trigger::Absent { of: selection(0), within_ms: 12, roster };
    (absent.keep_ms, absent.hold_ms, absent.for_ms) = (0, 0, 2);
    rule_set(&["s"], vec![absent, new])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Wherever a run is cut, a successor that takes its memory up and reads only what came
    /// after that tells what it would have, on any number of shards, also where there was no
    /// room for some value.
    #[test]
    fn what_is_restored_is_what_was_known(
        drawn in prop::collection::vec((0_i64..6, 0_usize..3, 0_i64..6), 1..80),
        cut in 0_i64..300,
        settings in (1_u32..5, 0_i64..20, 13_i64..40, 0_i64..9),
        shards in (1_usize..4, 1_usize..4),
    ) {
        let rules = rules(settings.0, settings.1, settings.2, settings.3);
        let events = drawn.into_iter().scan(FIRST, |now, (later, host, value)| {
            *now += later;
            Some((*now, host, value))
        });
        let events: Vec<DrawnSighting> = events.collect();
        let nothing = ShardRestore::default();
        let all = Span { shards: shards.0, read_after: i64::MIN, end: 400 };
        let whole = run(&rules, &events, &nothing, all);
        let before = run(&rules, &events, &nothing, Span { end: cut, ..all });
        let memories = memories(&rules, &before, cut);
        let read_after = memories.iter().map(|memory| memory.until.0).min().unwrap();
        let published = vec![Timestamp(cut)];
        let open = open(&before.transitions);
        let restored = ShardRestore { published, open, memories, ..ShardRestore::default() };
        let rest = Span { shards: shards.1, read_after, end: 400 };
        let after = run(&rules, &events, &restored, rest);
        let emitted = [before.transitions, after.transitions].concat();
        prop_assert_eq!(emitted, whole.transitions);
    }
}

#[test]
fn only_long_memories_are_emitted() {
    let program = Program::compile(&rules(9, 0, 13, 0)).unwrap();
    let recalled = |beyond_ms: i64| {
        let how = StateCheckpointPolicy { every_ms: 7, beyond_ms };
        program.rules().iter().filter(|rule| rule.recall(how).is_some()).count()
    };
    // `new` reaches back 30 ms, `absent` 13 and 12.
    assert_eq!((recalled(25), recalled(26), recalled(30), recalled(31)), (2, 1, 1, 0));
    let counting = Program::compile(&rule_set(&["s"], vec![alert("count")])).unwrap();
    assert_eq!(counting.rules()[0].recall(HOW), None);
}
