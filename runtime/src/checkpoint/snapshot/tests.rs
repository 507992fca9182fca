use std::fs;

use connectors::journal::StateDir;
use engine::resume::{ResumeIndex, ResumePoint};
use rules_dsl::source::SourceFile;

use super::*;
use crate::ingest::admission::PartitionCheckpoint;

fn program(level: u32) -> Program {
    let text = format!(
        "stream a from \"a\" {{ ts: time, user: str }}\n\
         alert often count(a) >= {level} within 1h by user low\n"
    );
    let compiled = rules_dsl::compile(&[SourceFile { name: "a.rules".to_owned(), text }]);
    Program::compile(&compiled.rules.unwrap()).unwrap()
}

fn known() -> ReaderCheckpoint {
    let mut past = ResumeIndex::new(60_000);
    let at = |offset| ResumePoint { offset, front: Some(Timestamp(offset)) };
    (0..50).for_each(|offset| past.record(Timestamp(offset * 1_000), at(offset)));
    let place =
        |offset| PartitionCheckpoint { offset, front: Some(Timestamp(9)), past: past.clone() };
    ReaderCheckpoint {
        marked: vec![Timestamp(-5), Timestamp(7)],
        firsts: vec![None, Some(Timestamp(3))],
        partitions: BTreeMap::from([((0, 0), place(50)), ((1, 3), place(70))]),
    }
}

/// A state directory with a snapshot of two shards.
fn written(program: &Program) -> (tempfile::TempDir, StateDir) {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = StateDir::open(folder.path()).unwrap();
    let mut bytes = Vec::new();
    known().pack(&mut bytes);
    let shards = [b"first".to_vec(), b"second".to_vec()];
    let pieces = Snapshot::encode(program, &bytes, shards.to_vec());
    state_dir.replace(SNAPSHOT, &pieces).unwrap();
    (folder, state_dir)
}

#[test]
fn what_is_written_is_found() {
    let program = program(3);
    let (_folder, state_dir) = written(&program);
    let found = Snapshot::load(&state_dir, &program).unwrap();
    assert_eq!(format!("{:?}", found.reader), format!("{:?}", known()));
    assert_eq!(found.shards.0, [b"first".to_vec(), b"second".to_vec()]);
    assert_eq!(found.offsets(0), BTreeMap::from([(0, 50)]));
    assert_eq!(found.offsets(1), BTreeMap::from([(3, 70)]));
}

#[test]
fn one_of_other_rules_or_with_any_byte_changed_or_lost_is_refused() {
    let of = program(3);
    let (_folder, state_dir) = written(&of);
    assert!(Snapshot::load(&state_dir, &program(4)).is_none());
    let path = state_dir.file(SNAPSHOT);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(&path, &changed).unwrap();
        assert!(Snapshot::load(&state_dir, &of).is_none(), "byte {at}");
        fs::write(&path, &whole[..at]).unwrap();
        assert!(Snapshot::load(&state_dir, &of).is_none(), "cut at {at}");
    }
    fs::remove_file(&path).unwrap();
    assert!(Snapshot::load(&state_dir, &of).is_none());
}

#[test]
fn a_snapshot_is_written_when_all_shards_have_given_their_part_of_one() {
    let program = program(3);
    let folder = tempfile::tempdir().unwrap();
    let state_dir: Arc<dyn LogStore> = Arc::new(StateDir::open(folder.path()).unwrap());
    let telemetry = Arc::new(NodeTelemetry::new());
    let mut snapshots = SnapshotWriter::new(&state_dir, &program, 2, &telemetry);
    let mut bytes = Vec::new();
    known().pack(&mut bytes);
    let (earlier, later) = (Arc::new(bytes.clone()), Arc::new(bytes));
    let part = |reader: &Arc<Vec<u8>>, shard: u8| SnapshotBarrier {
        reader: Arc::clone(reader),
        shard: vec![shard],
    };
    snapshots.add(0, part(&earlier, 1));
    snapshots.write_whole();
    snapshots.add(0, part(&later, 3));
    snapshots.add(1, part(&earlier, 2));
    snapshots.write_whole();
    snapshots.finish();
    assert!(state_dir.read(SNAPSHOT).unwrap().is_none(), "parts of two are none");
    snapshots.add(1, part(&later, 4));
    snapshots.write_whole();
    snapshots.finish();
    let found = Snapshot::load(&*state_dir, &program).unwrap();
    assert_eq!(found.shards.0, [vec![3], vec![4]]);
    let length = state_dir.read(SNAPSHOT).unwrap().unwrap().len() as u64;
    assert_eq!(telemetry.metrics.snapshot_bytes(), length);
}

#[test]
fn a_large_one_is_written_less_often() {
    let minute = 60_000;
    assert_eq!(wait_after(minute, 0), minute);
    assert_eq!(wait_after(minute, 60 << 20), minute);
    assert_eq!(wait_after(minute, 600 << 20), 600_000);
}
