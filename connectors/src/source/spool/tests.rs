use proptest::prelude::*;

use super::*;

fn read(reader: &mut SpoolReader, budget: usize) -> (Vec<(i64, i64, Vec<u8>)>, ReadState) {
    let mut records = Vec::new();
    let progress = reader.drain(budget, |record| {
        let record = record.unwrap();
        records.push((record.offset, record.timestamp.unwrap().0, record.payload.to_vec()));
    });
    (records, progress.unwrap().state)
}

fn open(folder: &Path) -> Spool {
    Spool::open(folder, 1 << 30).unwrap()
}

#[test]
fn what_was_appended_is_read_from_any_offset_and_once_more_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("spool").join("auth");
    let spool = open(&folder);
    let (mut reader, start) = spool.reader(7);
    assert_eq!((start, read(&mut reader, 9)), (0, (vec![], ReadState::Empty)));
    spool.append([&b"a"[..], b"", b"c\n"], Timestamp(5)).unwrap();
    let all = [(0, 5, b"a".to_vec()), (1, 5, b"".to_vec()), (2, 5, b"c\n".to_vec())];
    assert_eq!(read(&mut reader, 2), (all[..2].to_vec(), ReadState::More));
    assert_eq!(read(&mut reader, 2), (all[2..].to_vec(), ReadState::Empty));
    drop(spool);
    let spool = open(&folder);
    spool.append([&b"d"[..]], Timestamp(6)).unwrap();
    assert!(read(&mut reader, 9).0.is_empty(), "it was the old one's");
    let (mut reader, start) = spool.reader(2);
    assert_eq!(start, 2);
    assert_eq!(read(&mut reader, 9).0, [all[2].clone(), (3, 6, b"d".to_vec())]);
}

#[test]
fn segments_go_once_nobody_reads_them_again_and_a_full_spool_takes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let spool = Spool::open(home.path(), 60 << 20).unwrap();
    let record = vec![b'x'; MAX_RECORD_BYTES];
    let mut appended = 0;
    while spool.append([&record[..]], Timestamp(0)).is_ok() {
        appended += 1;
    }
    assert_eq!(appended, 59);
    assert!(matches!(spool.append([&record[..]], Timestamp(0)), Err(SpoolError::Full)));
    let files = || fs::read_dir(home.path()).unwrap().count();
    assert_eq!(files(), 4);
    for (before, left) in [(15, 4), (16, 3), (47, 2), (1_000, 1)] {
        spool.forget_before(before).unwrap();
        assert_eq!(files(), left, "before {before}");
    }
    spool.append([&record[..]], Timestamp(0)).unwrap();
    let (mut reader, start) = spool.reader(3);
    assert_eq!((start, read(&mut reader, 99).0.len()), (48, 12));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever a crash left of the last append, whole records stay and nothing else is read.
    #[test]
    fn a_torn_end_is_cut(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..5),
        cut in 1_usize..45,
        noise in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        let home = tempfile::tempdir().unwrap();
        open(home.path()).append(payloads.iter().map(Vec::as_slice), Timestamp(1)).unwrap();
        let path = path_of(home.path(), 0);
        let mut bytes = fs::read(&path).unwrap();
        let last = payloads[payloads.len() - 1].len() + HEAD_BYTES;
        bytes.truncate(bytes.len() - cut.min(last));
        bytes.extend_from_slice(&noise);
        fs::write(&path, bytes).unwrap();
        let spool = open(home.path());
        spool.append([&b"next"[..]], Timestamp(2)).unwrap();
        let kept = read(&mut spool.reader(0).0, 99).0;
        let kept: Vec<Vec<u8>> = kept.into_iter().map(|(_, _, payload)| payload).collect();
        let mut want = payloads[..payloads.len() - 1].to_vec();
        want.push(b"next".to_vec());
        // By chance the noise may be the very bytes that were cut off.
        if kept.len() <= payloads.len() {
            prop_assert_eq!(kept, want);
        }
    }
}
