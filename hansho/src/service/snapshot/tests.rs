use engine::resume::{ResumeIndex, ResumePoint};
use rules_dsl::source::SourceFile;

use super::*;

fn program(level: u32) -> Program {
    let text = format!(
        "stream a from \"a\" {{ ts: time, user: str }}\n\
         alert often count(a) >= {level} within 1h by user low\n"
    );
    let compiled = rules_dsl::compile(&[SourceFile { name: "a.rules".to_owned(), text }]);
    Program::compile(&compiled.rules.unwrap()).unwrap()
}

fn known() -> Known {
    let mut past = ResumeIndex::new(60_000);
    let at = |offset| ResumePoint { offset, front: Some(Timestamp(offset)) };
    (0..50).for_each(|offset| past.note(Timestamp(offset * 1_000), at(offset)));
    let place = |offset| Place { offset, front: Some(Timestamp(9)), past: past.clone() };
    Known {
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
    write(&state_dir.file(SNAPSHOT), &origin(program), &bytes, &shards).unwrap();
    (folder, state_dir)
}

#[test]
fn what_is_written_is_found() {
    let program = program(3);
    let (_folder, state_dir) = written(&program);
    let found = Snapshot::find(&state_dir, &program).unwrap();
    assert_eq!(format!("{:?}", found.known), format!("{:?}", known()));
    assert_eq!(found.shards.0, [b"first".to_vec(), b"second".to_vec()]);
    assert_eq!(found.offsets(0), BTreeMap::from([(0, 50)]));
    assert_eq!(found.offsets(1), BTreeMap::from([(3, 70)]));
}

#[test]
fn one_of_other_rules_or_with_any_byte_changed_or_lost_is_refused() {
    let of = program(3);
    let (_folder, state_dir) = written(&of);
    assert!(Snapshot::find(&state_dir, &program(4)).is_none());
    let path = state_dir.file(SNAPSHOT);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(&path, &changed).unwrap();
        assert!(Snapshot::find(&state_dir, &of).is_none(), "byte {at}");
        fs::write(&path, &whole[..at]).unwrap();
        assert!(Snapshot::find(&state_dir, &of).is_none(), "cut at {at}");
    }
    fs::remove_file(&path).unwrap();
    assert!(Snapshot::find(&state_dir, &of).is_none());
}

#[test]
fn a_snapshot_is_written_when_all_shards_have_given_their_part_of_one() {
    let program = program(3);
    let folder = tempfile::tempdir().unwrap();
    let state_dir = StateDir::open(folder.path()).unwrap();
    let state = Arc::new(Telemetry::new());
    let mut snapshots = Snapshots::new(&state_dir, &program, 2, &state);
    let mut bytes = Vec::new();
    known().pack(&mut bytes);
    let (earlier, later) = (Arc::new(bytes.clone()), Arc::new(bytes));
    let cut =
        |known: &Arc<Vec<u8>>, shard: u8| Cut { known: Arc::clone(known), shard: vec![shard] };
    snapshots.take_in(0, cut(&earlier, 1));
    snapshots.settle();
    snapshots.take_in(0, cut(&later, 3));
    snapshots.take_in(1, cut(&earlier, 2));
    snapshots.settle();
    snapshots.finish();
    assert!(!state_dir.file(SNAPSHOT).exists(), "parts of two are none");
    snapshots.take_in(1, cut(&later, 4));
    snapshots.settle();
    snapshots.finish();
    let found = Snapshot::find(&state_dir, &program).unwrap();
    assert_eq!(found.shards.0, [vec![3], vec![4]]);
    let length = fs::metadata(state_dir.file(SNAPSHOT)).unwrap().len();
    assert_eq!(state.metrics.snapshot_bytes(), length);
}

#[test]
fn a_large_one_is_written_less_often() {
    let minute = Duration::from_secs(60);
    assert_eq!(wait_after(minute, 0), minute);
    assert_eq!(wait_after(minute, 60 << 20), minute);
    assert_eq!(wait_after(minute, 600 << 20), Duration::from_secs(600));
}
