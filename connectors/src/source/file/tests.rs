use std::io::{Cursor, Write};

use super::*;

/// Hands out a reader's bytes a few at a time, so that every cut of a line is met.
struct DribbleReader(Cursor<Vec<u8>>, usize);

impl Read for DribbleReader {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let room_len = room.len().min(self.1);
        self.0.read(&mut room[..room_len])
    }
}

type NumberedLine = &'static [(i64, &'static str)];
type NumberedLines = Vec<(i64, Result<Vec<u8>, u64>)>;

fn drain_all(source: &mut FileSource, budget: usize) -> Result<NumberedLines, SourceError> {
    let mut lines = NumberedLines::new();
    loop {
        let before = lines.len();
        let progress = source.drain(budget, |outcome| {
            lines.push(match outcome {
                Ok(record) => (record.offset, Ok(record.payload.to_vec())),
                Err(long) => (long.offset, Err(long.bytes)),
            });
        })?;
        assert_eq!(progress.read, lines.len() - before);
        match progress.state {
            ReadState::More => assert_eq!(progress.read, budget),
            state => {
                assert_eq!(state, ReadState::End);
                return Ok(lines);
            }
        }
    }
}

fn lines_of(bytes: &[u8], step: usize, budget: usize) -> NumberedLines {
    let reader = Box::new(DribbleReader(Cursor::new(bytes.to_vec()), step));
    drain_all(&mut FileSource::from_reader(reader, "test", 3), budget).unwrap()
}

#[test]
fn lines_are_numbered_and_handed_over_whole() {
    let cases: [(&[u8], NumberedLine); 9] = [
        (b"", &[]),
        (b"\n\n", &[]),
        (b"a", &[(0, "a")]),
        (b"a\nb\n", &[(0, "a"), (1, "b")]),
        (b"a\r\nb\r\n", &[(0, "a"), (1, "b")]),
        (b"a\n\n \t\nb", &[(0, "a"), (3, "b")]),
        (b"\xEF\xBB\xBF{}\n{}", &[(0, "{}"), (1, "{}")]),
        (b"\xEF\xBB\xBF\n\xEF\xBB\xBF{}", &[(1, "\u{feff}{}")]),
        ("半鐘\n\0\n".as_bytes(), &[(0, "半鐘"), (1, "\0")]),
    ];
    for (bytes, expected) in cases {
        let expected: NumberedLines =
            expected.iter().map(|(offset, text)| (*offset, Ok(text.as_bytes().to_vec()))).collect();
        for (step, budget) in [(1, 1), (2, 2), (3, 100), (1 << 20, 1)] {
            assert_eq!(lines_of(bytes, step, budget), expected, "{bytes:?} by {step}");
        }
    }
}

#[test]
fn a_line_too_long_is_reported_and_costs_bounded_memory() {
    let most = MAX_RECORD_BYTES;
    for (length, end) in [
        (most, "\n"),
        (most, "\r\n"),
        (most, ""),
        (most + 1, "\n"),
        (most + 1, ""),
        (most + 9, "\n"),
        (2 << 20, "\n"),
        (5 << 20, ""),
    ] {
        let mut bytes = b"first\n".to_vec();
        bytes.resize(bytes.len() + length, b'x');
        bytes.extend_from_slice(end.as_bytes());
        bytes.extend_from_slice(if end.is_empty() { b"" } else { b"last" });
        let reader = Box::new(Cursor::new(bytes));
        let mut source = FileSource::from_reader(reader, "test", 0);
        let lines = drain_all(&mut source, 10).unwrap();
        assert_eq!(lines[0], (0, Ok(b"first".to_vec())));
        let expected = if length > most { Err(length as u64) } else { Ok(length) };
        assert_eq!(lines[1].1.as_ref().map(Vec::len).map_err(|bytes| *bytes), expected);
        assert_eq!(lines.get(2).is_some(), !end.is_empty());
        assert!(source.buffer.len() <= BUFFER_BYTES_MAX);
    }
}

#[test]
fn compressed_files_read_like_plain_ones() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    // Two members in one file are what appending to a compressed log leaves.
    let members = |pack: &dyn Fn(&str) -> Vec<u8>| [pack("a\nb"), pack("c\nd\n")].concat();
    let expected: NumberedLines = [(0, "a"), (1, "bc"), (2, "d")]
        .map(|(offset, text)| (offset, Ok(text.as_bytes().to_vec())))
        .into();
    for (name, bytes) in [
        ("plain.jsonl", b"a\nbc\nd\n".to_vec()),
        ("log.gz", members(&gzip)),
        ("log.zst", members(&zstd)),
    ] {
        let mut source = FileSource::open(&write(name, &bytes), 0).unwrap();
        assert_eq!(drain_all(&mut source, 2).unwrap(), expected, "{name}");
    }
    let whole = gzip(&"a line\n".repeat(50));
    let cut = write("cut.gz", &whole[..whole.len() - 12]);
    let error = drain_all(&mut FileSource::open(&cut, 0).unwrap(), 10).unwrap_err();
    assert!(error.to_string().contains("cut.gz:"), "{error}");
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), &folder.path().join("none.jsonl")] {
        let path = path.to_str().unwrap();
        let Err(error) = FileSource::open(path, 0) else {
            panic!("{path} opened");
        };
        assert!(error.to_string().contains(path), "{error}");
    }
}
