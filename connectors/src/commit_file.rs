//! Commit file: commit points of all local sources, replaced atomically.
//!
//! The file has for each source the data that a Kafka commit has in its metadata, and for a
//! followed file the files to which its offsets refer.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::commit::{CommitPoint, checksum};
use crate::journal::{JournalError, replace_file};
use crate::source::tail::TailSegment;

/// First line with the version of the format; a change of the lines after it changes the number.
const HEAD: &str = "hansho commits 1";

/// Commit of the local source of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalCommit {
    /// Name of the stream.
    pub stream: String,
    /// Commit point of its partition.
    pub point: CommitPoint,
    /// Files that contain all records from `replay_from` on; only for a followed file.
    pub parts: Vec<TailSegment>,
}

/// Error of reading a commit file.
#[derive(Debug)]
pub enum CommitFileError {
    /// Failed I/O operation.
    Io(PathBuf, io::Error),
    /// Content that [`write_commits`] did not write.
    Damaged(PathBuf),
}

/// Replaces the commits atomically: a crash leaves the old or the new ones.
///
/// # Errors
/// [`JournalError::Io`] names the file.
pub fn write_commits(path: &Path, commits: &[LocalCommit]) -> Result<(), JournalError> {
    let mut text = format!("{HEAD}\n");
    for LocalCommit { stream, point, parts } in commits {
        let part =
            |TailSegment { device, inode, base }: &TailSegment| format!("{device}:{inode}:{base}");
        let parts = parts.iter().map(part).collect::<Vec<_>>().join(",");
        text.push_str(&format!("{} parts={parts} stream={stream}\n", point.encode()));
    }
    text.push_str(&format!("sum={:016x}\n", checksum(text.as_bytes())));
    replace_file(path, &[text.as_bytes()])
}

/// Reads the commits that [`write_commits`] wrote; none where there is no file.
///
/// # Errors
/// [`CommitFileError`] for a file that cannot be read or is damaged.
pub fn read_commits(path: &Path) -> Result<Vec<LocalCommit>, CommitFileError> {
    match fs::read(path) {
        Ok(bytes) => {
            let text = std::str::from_utf8(&bytes).ok();
            text.and_then(parse).ok_or_else(|| CommitFileError::Damaged(path.to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(CommitFileError::Io(path.to_owned(), error)),
    }
}

fn parse(text: &str) -> Option<Vec<LocalCommit>> {
    let at =
        text.rfind("sum=").filter(|at| *at > 0 && text.as_bytes().get(at - 1) == Some(&b'\n'))?;
    let (body, sum) = text.split_at_checked(at)?;
    if sum != format!("sum={:016x}\n", checksum(body.as_bytes())) {
        return None;
    }
    let commits = body.strip_prefix(HEAD)?.strip_prefix('\n')?;
    commits.lines().map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<LocalCommit> {
    let (point, rest) = line.split_once(" parts=")?;
    let (parts, stream) = rest.split_once(" stream=")?;
    let part = |part: &str| {
        let mut numbers = part.split(':');
        let (device, inode) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        Some(TailSegment { device, inode, base: numbers.next()?.parse().ok()? })
    };
    let parts = parts.split(',').filter(|part| !part.is_empty()).map(part);
    let (stream, point) = (stream.to_owned(), CommitPoint::parse(point).ok()?);
    Some(LocalCommit { stream, point, parts: parts.collect::<Option<_>>()? })
}

impl fmt::Display for CommitFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitFileError::Io(path, error) => {
                write!(f, "cannot read {}: {error}", path.display())
            }
            CommitFileError::Damaged(path) => write!(
                f,
                "{} is damaged; move it away to read local sources from their beginning",
                path.display()
            ),
        }
    }
}

impl std::error::Error for CommitFileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_read_back_or_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("commits");
        assert_eq!(read_commits(&path).unwrap(), []);
        let point = CommitPoint {
            position: 80,
            replay_from: 50,
            front: None,
            settled: 1_700_000_000_000,
            first: Some(-1),
            rules: 7,
            remembers: true,
        };
        let parts = vec![
            TailSegment { device: 1, inode: u64::MAX, base: 0 },
            TailSegment { device: 1, inode: 3, base: 44 },
        ];
        let commit = |stream: &str, parts| LocalCommit { stream: stream.to_owned(), point, parts };
        let commits = [commit("認証 sum=", parts), commit("b", Vec::new())];
        write_commits(&path, &commits[..1]).unwrap();
        write_commits(&path, &commits).unwrap();
        assert_eq!(read_commits(&path).unwrap(), commits);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            for bad in [&changed[..], &whole[..at]] {
                fs::write(&path, bad).unwrap();
                let error = read_commits(&path).unwrap_err().to_string();
                assert!(error.contains("commits is damaged"), "{error}");
            }
        }
    }
}
