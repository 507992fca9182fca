use std::fs;

use connectors::journal::StateDir;
use model::message::Language;

use super::*;
use crate::rules::loaded::LoadedRules;

const CHECKPOINTS: StateCheckpointPolicy = StateCheckpointPolicy::DEFAULT;

const RULES: &str = r#"
stream a { ts: time("unix_ms"), user: str, place: str } lateness 1ms
alert fresh  new place in a within 30d  by user  learn 1ms  low
alert gone   absent a within 1h seen 7d  by user  low
alert many   count(a) >= 3 within 10m  by user  low
"#;
const HOUR_MS: i64 = 3_600_000;

/// A folder and the rules of a service.
struct StateFolder {
    folder: tempfile::TempDir,
    program: std::sync::Arc<Program>,
}

impl StateFolder {
    fn new() -> StateFolder {
        let folder = tempfile::tempdir().unwrap();
        let program = LoadedRules::from_text(RULES, Language::En).unwrap().program;
        StateFolder { folder, program }
    }

    /// Opens the log as a service does that has told everything up to an instant.
    fn begin(&self, reported: i64) -> (StateLog, RestoredState) {
        let state_dir = StateDir::open(self.folder.path()).unwrap();
        let opened = StateLog::open(&state_dir, Some(CHECKPOINTS), COMPACT_BYTES_MIN);
        let (mut log, memories) = opened.unwrap();
        let recalled = log.restore(&self.program, memories, &[Timestamp(reported)]).unwrap();
        (log, recalled)
    }

    fn id(&self, name: &str) -> MemoryId {
        self.program.rule(name).unwrap().recall(CHECKPOINTS).unwrap().id
    }
}

fn sighting(value: i128, at: i64) -> LastSeen {
    LastSeen { key: vec![1, 0xff], value, at }
}

fn memory(id: MemoryId, sightings: &[LastSeen]) -> RuleStateDelta {
    RuleStateDelta { id, until: Timestamp(0), sightings: sightings.to_vec() }
}

#[test]
fn what_was_known_is_restored_as_of_what_is_reported() {
    let place = StateFolder::new();
    assert_eq!(place.program.rule("many").unwrap().recall(CHECKPOINTS), None);
    let (mut log, recalled) = place.begin(i64::MIN);
    assert_eq!(recalled.memories, []);
    let [fresh, gone] = ["fresh", "gone"].map(|name| place.id(name));
    // A value is negative where its fingerprint's first bit is set.
    log.append_state(&memory(fresh, &[sighting(-7, 5), sighting(8, 6)])).unwrap();
    log.append_state(&memory(gone, &[sighting(0, 6)])).unwrap();
    log.append_state(&memory(fresh, &[sighting(-7, HOUR_MS), sighting(9, HOUR_MS)])).unwrap();
    log.settle(&[Timestamp(2 * HOUR_MS)]).unwrap();
    drop(log);
    // As of an instant before the last sightings.
    let (log, recalled) = place.begin(HOUR_MS - 1);
    let known = |recalled: &RestoredState, id: MemoryId| {
        let memory = recalled.memories.iter().find(|memory| memory.id == id).unwrap();
        (memory.until.0, memory.sightings.clone())
    };
    let minutes = |before: i64| HOUR_MS - before * 60_000;
    // A minute is for what `fresh` keeps, and the point of the grid lies before.
    assert_eq!(known(&recalled, fresh), (minutes(2), vec![sighting(-7, 5), sighting(8, 6)]));
    assert_eq!(known(&recalled, gone), (minutes(1), vec![sighting(0, 6)]));
    drop(log);
    let (_log, recalled) = place.begin(2 * HOUR_MS);
    let all = vec![sighting(-7, HOUR_MS), sighting(8, 6), sighting(9, HOUR_MS)];
    assert_eq!(known(&recalled, fresh), (2 * HOUR_MS - 120_000, all));
}

#[test]
fn a_log_that_is_not_whole_is_written_anew() {
    let place = StateFolder::new();
    let (mut log, _) = place.begin(i64::MIN);
    log.append_state(&memory(place.id("fresh"), &[sighting(1, 5)])).unwrap();
    log.settle(&[Timestamp(HOUR_MS)]).unwrap();
    drop(log);
    // Told further than the log says: its end is gone.
    let (mut log, recalled) = place.begin(3 * HOUR_MS);
    assert_eq!(recalled.memories, []);
    log.settle(&[Timestamp(4 * HOUR_MS)]).unwrap();
    drop(log);
    // Now it is whole from there on, and from nowhere before.
    let (log, recalled) = place.begin(3 * HOUR_MS + 120_000);
    let empty = RuleStateDelta { sightings: Vec::new(), ..recalled.memories[0].clone() };
    assert_eq!((recalled.memories.len(), &recalled.memories[0]), (2, &empty));
    drop(log);
    assert_eq!(place.begin(3 * HOUR_MS).1.memories, []);
}

#[test]
fn a_log_that_is_not_understood_is_put_aside() {
    for damage in ["not a line\n", "{\"id\":\"07\",\"seen\":[]}\n", "{\"id\":\"x\",\"seen\":[]}\n"]
    {
        let place = StateFolder::new();
        let (mut log, _) = place.begin(i64::MIN);
        log.settle(&[Timestamp(HOUR_MS)]).unwrap();
        drop(log);
        let path = place.folder.path().join(STATE_LOG);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.clone() + damage).unwrap();
        assert_eq!(place.begin(HOUR_MS).1.memories, [], "{damage}");
        let aside = fs::read_to_string(path.with_extension("damaged")).unwrap();
        assert_eq!(aside, text + damage);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"memory_of\":\"fresh\""), "{text}");
    }
}

#[test]
fn a_shorter_log_says_the_same_to_whoever_may_read_it() {
    let place = StateFolder::new();
    let fresh = place.id("fresh");
    let write = |log: &mut StateLog| {
        for hour in 0..100 {
            let at = |value: i128| hour * HOUR_MS + value as i64;
            let seen: Vec<LastSeen> = (0..50).map(|value| sighting(value, at(value))).collect();
            log.append_state(&memory(fresh, &seen)).unwrap();
        }
        log.settle(&[Timestamp(100 * HOUR_MS)]).unwrap();
    };
    let (mut log, _) = place.begin(i64::MIN);
    write(&mut log);
    let whole = log.log.length();
    drop(log);
    let committed = 98 * HOUR_MS;
    let known = |reported: i64| place.begin(reported).1.memories;
    let before: Vec<_> = [committed, 99 * HOUR_MS, 100 * HOUR_MS].map(known).into();
    let (mut log, _) = place.begin(committed);
    log.due_at = 0;
    log.compact_if_due(&[Timestamp(committed)], &NodeMetrics::new());
    let shorter = log.log.length();
    assert!(shorter * 20 < whole, "{shorter} of {whole}");
    assert!(log.due_at >= COMPACT_BYTES_MIN);
    drop(log);
    let after: Vec<_> = [committed, 99 * HOUR_MS, 100 * HOUR_MS].map(known).into();
    assert_eq!(before, after);
}
