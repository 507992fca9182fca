//! Standard input, appended to its spool.

use std::io::{self, BufRead, Read};

use model::time::Timestamp;

use super::MAX_RECORD_BYTES;
use super::spool::Spool;

/// Maximum number of lines that are appended and synced together.
const LINES_MAX: usize = 4096;

/// Appends lines to a spool until the input ends; a line counts as received once it is synced.
///
/// # Errors
/// The input cannot be read, or the spool is full or fails.
pub fn pump(
    input: &mut impl BufRead,
    spool: &Spool,
    now: impl Fn() -> Timestamp,
) -> io::Result<u64> {
    let mut taken = 0;
    loop {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        // Waits for the first line; lines that are available without waiting join its batch.
        let mut at_hand = input.fill_buf()?.len();
        if at_hand == 0 {
            return Ok(taken);
        }
        while at_hand > 0 && lines.len() < LINES_MAX {
            let mut line = Vec::new();
            let read = take_line(input, &mut line)?;
            at_hand = at_hand.saturating_sub(read);
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                lines.push(line);
            }
        }
        taken += lines.len() as u64;
        let lines = lines.iter().map(Vec::as_slice);
        spool.append(lines, now()).map_err(|error| io::Error::other(error.to_string()))?;
    }
}

/// Reads a line, and keeps no more of it than makes it too long; the bytes read.
fn take_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let bytes_max = MAX_RECORD_BYTES as u64 + 1;
    let mut read = input.take(bytes_max).read_until(b'\n', line)?;
    let mut rest = Vec::new();
    while read as u64 >= bytes_max && line.last() != Some(&b'\n') && rest.last() != Some(&b'\n') {
        rest.clear();
        match input.take(bytes_max).read_until(b'\n', &mut rest)? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_in_the_spool_once() {
        let home = tempfile::tempdir().unwrap();
        let spool = Spool::open(home.path(), 1 << 30).unwrap();
        let mut text: String = (0..10_000).map(|n| format!("line {n}\n\n")).collect();
        text.push_str("no end");
        let taken = pump(&mut text.as_bytes(), &spool, || Timestamp(7)).unwrap();
        let (mut reader, _) = spool.reader(0);
        let mut lines = Vec::new();
        let all = reader.drain(usize::MAX, |record| {
            lines.push(String::from_utf8(record.unwrap().payload.to_vec()).unwrap());
        });
        assert_eq!((all.unwrap().read as u64, taken), (10_001, 10_001));
        let want = (0..10_000).map(|n| format!("line {n}")).chain(["no end".to_owned()]);
        assert!(lines.into_iter().eq(want));
    }

    #[test]
    fn a_full_spool_ends_the_reading_by_name() {
        let home = tempfile::tempdir().unwrap();
        let spool = Spool::open(home.path(), 10).unwrap();
        let error = pump(&mut &b"a line\n"[..], &spool, || Timestamp(7)).unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
    }
}
