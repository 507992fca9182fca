use std::io::Write;

use super::*;

fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The lines and their offsets, and why reading stopped.
fn read(tail: &mut FileTail) -> (String, ReadState) {
    let mut said = Vec::new();
    let progress = tail.drain(100, |record| match record {
        Ok(Record { offset, payload, .. }) => {
            said.push(format!("{offset}:{}", String::from_utf8_lossy(payload)));
        }
        Err(OversizedRecord { offset, bytes }) => said.push(format!("{offset}:{bytes} bytes")),
    });
    (said.join(" "), progress.unwrap().state)
}

fn resume(path: &Path, parts: &[TailSegment], from: i64) -> (FileTail, TailResume) {
    FileTail::resume(path, parts, from).unwrap()
}

#[test]
fn a_file_is_followed_line_by_line_over_a_rotation() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.log");
    let (mut tail, resumed) = resume(&path, &[], 0);
    assert_eq!(
        (resumed, read(&mut tail)),
        (TailResume::Whole, (String::new(), ReadState::Waiting))
    );
    append(&path, "one\n\ntwo\r\nthr");
    assert_eq!(read(&mut tail), ("0:one 5:two".to_owned(), ReadState::Waiting));
    append(&path, "ee\n");
    assert_eq!(read(&mut tail), ("10:three".to_owned(), ReadState::Empty));
    append(&path, "four\nfi");
    fs::rename(&path, home.path().join("a.log.1")).unwrap();
    assert_eq!(read(&mut tail), ("16:four".to_owned(), ReadState::Waiting));
    append(&home.path().join("a.log.1"), "ve");
    append(&path, "six\n");
    assert_eq!(read(&mut tail), ("21:five 26:six".to_owned(), ReadState::Empty));
    assert_eq!(tail.parts_from(25).len(), 2);
    assert_eq!(tail.parts_from(26).len(), 1);
    // Cut short and written anew.
    fs::write(&path, "7\n").unwrap();
    assert_eq!(read(&mut tail), ("30:7".to_owned(), ReadState::Empty));
}

#[test]
fn a_restart_resumes_at_the_line_after_any_offset_wherever_the_file_is_now() {
    let home = tempfile::tempdir().unwrap();
    let (path, old) = (home.path().join("a.log"), home.path().join("a.log.1"));
    append(&path, "one\ntwo\n");
    let (mut tail, _) = resume(&path, &[], 0);
    read(&mut tail);
    let before = tail.parts_from(0);
    fs::rename(&path, &old).unwrap();
    append(&path, "three\n");
    read(&mut tail);
    let after = tail.parts_from(0);
    // An offset is where a line begins, or one more than that of the last one read.
    let cases = [
        (0, "0:one 4:two 8:three"),
        (1, "4:two 8:three"),
        (4, "4:two 8:three"),
        (5, "8:three"),
        (8, "8:three"),
        (9, ""),
    ];
    for (from, want) in cases {
        for parts in [&before, &after] {
            if from < 9 || parts.len() == 2 {
                let (mut tail, resumed) = resume(&path, parts, from);
                assert_eq!(
                    (resumed, read(&mut tail).0.as_str()),
                    (TailResume::Whole, want),
                    "{from}"
                );
            }
        }
    }
    fs::remove_file(&old).unwrap();
    let (mut tail, resumed) = resume(&path, &after, 4);
    assert_eq!((resumed, read(&mut tail).0.as_str()), (TailResume::Lost(8), "8:three"));
    let (mut tail, resumed) = resume(&path, &before, 4);
    assert_eq!((resumed, read(&mut tail).0.as_str()), (TailResume::Lost(4), "4:three"));
}

#[test]
fn a_line_too_long_is_reported_and_costs_bounded_memory() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.log");
    let long = "x".repeat(3 * MAX_RECORD_BYTES);
    append(&path, &format!("one\n{long}\ntwo\n"));
    let (mut tail, _) = resume(&path, &[], 0);
    let two = 4 + long.len() + 1;
    let want = format!("0:one 4:{} bytes {two}:two", long.len());
    assert_eq!(read(&mut tail), (want, ReadState::Empty));
    assert!(tail.buffer.capacity() < 3 * MAX_RECORD_BYTES);
    assert!(FileTail::resume(home.path(), &[], 0).unwrap().0.drain(1, |_| ()).is_err());
}
