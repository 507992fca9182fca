use super::*;

fn read(path: &Path) -> (Journal, Vec<String>) {
    let (journal, lines) = Journal::open(path).unwrap();
    let text = |line: Vec<u8>| String::from_utf8(line).unwrap();
    (journal, lines.into_iter().map(text).collect())
}

#[test]
fn what_was_synced_is_read_back_and_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let (mut journal, lines) = read(&path);
    assert!(lines.is_empty());
    journal.append(b"one").unwrap();
    journal.append(b"").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"", "appended lines wait for sync");
    journal.sync().unwrap();
    journal.append("三".as_bytes()).unwrap();
    journal.sync().unwrap();
    journal.sync().unwrap();
    drop(journal);
    let (mut journal, lines) = read(&path);
    assert_eq!(lines, ["one", "", "三"]);
    assert_eq!(journal.cut_bytes(), 0);
    journal.append(b"four").unwrap();
    journal.sync().unwrap();
    assert_eq!(read(&path).1, ["one", "", "三", "four"]);
}

#[test]
fn a_torn_last_line_is_cut_and_counted_wherever_it_was_torn() {
    let whole = b"{\"a\":1}\n{\"b\":2}\n";
    for length in 0..=whole.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        fs::write(&path, &whole[..length]).unwrap();
        let kept = whole[..length].iter().filter(|byte| **byte == b'\n').count();
        let (mut journal, lines) = read(&path);
        assert_eq!(lines, ["{\"a\":1}", "{\"b\":2}"][..kept]);
        assert_eq!(journal.cut_bytes() as usize, length - 8 * kept);
        journal.append(b"next").unwrap();
        journal.sync().unwrap();
        let (journal, lines) = read(&path);
        assert_eq!(lines.last().map(String::as_str), Some("next"));
        assert_eq!((lines.len(), journal.cut_bytes()), (kept + 1, 0));
    }
}

#[test]
fn a_line_break_is_refused_and_much_is_written_early() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let (mut journal, _) = read(&path);
    let error = journal.append(b"one\ntwo").unwrap_err();
    assert!(error.to_string().contains("log.jsonl"), "{error}");
    let line = vec![b'x'; MAX_BUFFERED_BYTES];
    journal.append(&line).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len() as usize, line.len() + 1);
    assert_eq!(read(&path).1.len(), 1);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /dev/full")]
fn a_full_disk_is_named_and_breaks_no_line() {
    // Every write to this device ends with "no space left".
    let full = Path::new("/dev/full");
    let file = OpenOptions::new().append(true).open(full).unwrap();
    let mut journal = Journal {
        path: full.to_owned(),
        file,
        buffer: Vec::new(),
        length: 0,
        cut_bytes: 0,
        dirty: false,
        broken: false,
    };
    journal.append(b"line").unwrap();
    let error = journal.sync().unwrap_err();
    assert!(error.to_string().starts_with("cannot write /dev/full:"), "{error}");
    assert_eq!(journal.buffer, b"line\n", "the line is kept");
    // The device cannot be cut either, so nothing may follow.
    assert!(matches!(journal.sync(), Err(JournalError::Broken { .. })));
}

#[test]
fn a_file_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("log.jsonl");
    let error = Journal::open(&path).unwrap_err();
    assert!(error.to_string().contains("missing/log.jsonl"), "{error}");
    assert!(Journal::open(folder.path()).is_err());
}

#[test]
fn one_process_owns_a_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a").join("state");
    let state = StateDir::open(&path).unwrap();
    assert_eq!(state.file("x"), path.join("x"));
    let error = StateDir::open(&path).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }));
    assert!(error.to_string().contains("a/state"), "{error}");
    drop(state);
    StateDir::open(&path).unwrap();
}

#[test]
fn a_file_written_anew_has_the_new_lines_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let (mut journal, _) = read(&path);
    for line in ["one", "two", "three"] {
        journal.append(line.as_bytes()).unwrap();
    }
    // What waits is among the old lines; what a crash left beside them is not.
    fs::write(path.with_extension("tmp"), "torn").unwrap();
    assert_eq!(journal.lines().unwrap(), Vec::<Vec<u8>>::new());
    journal.sync().unwrap();
    let lines = journal.lines().unwrap();
    assert_eq!((lines.len(), journal.length()), (3, 14));
    journal.rewrite(lines[1..].iter().map(Vec::as_slice)).unwrap();
    assert_eq!((journal.length(), read(&path).1), (10, vec!["two".to_owned(), "three".to_owned()]));
    journal.append(b"four").unwrap();
    assert_eq!(journal.length(), 15);
    journal.sync().unwrap();
    assert_eq!(journal.lines().unwrap(), [&b"two"[..], b"three", b"four"]);
    assert_eq!(read(&path).1, ["two", "three", "four"]);
    assert!(!path.with_extension("tmp").exists());
    journal.rewrite([]).unwrap();
    assert_eq!((journal.length(), read(&path).1.len()), (0, 0));
}

/// Until the new file has the name of the old one, the old one is what a start reads.
#[test]
fn a_file_that_cannot_be_written_anew_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let (mut journal, _) = read(&path);
    journal.append(b"one").unwrap();
    // A folder of that name cannot be written.
    fs::create_dir(path.with_extension("tmp")).unwrap();
    let error = journal.rewrite([&b"other"[..]]).unwrap_err();
    assert!(error.to_string().contains("log.tmp"), "{error}");
    journal.append(b"two").unwrap();
    journal.sync().unwrap();
    assert_eq!(read(&path).1, ["one", "two"]);
    // A crash at any byte of the new file leaves it beside the old one.
    fs::remove_dir(path.with_extension("tmp")).unwrap();
    for bytes in 0..6 {
        fs::write(path.with_extension("tmp"), &b"other\n"[..bytes]).unwrap();
        assert_eq!(read(&path).1, ["one", "two"]);
    }
}
