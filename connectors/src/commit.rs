//! Commit point of a partition, encoded as the metadata of an offset commit.
//!
//! The offset alone does not determine the replay start. Windows reach back, and published
//! transitions are known by instant, not by offset; so the metadata contains the rest.

use std::fmt;
use std::sync::Arc;

/// Maximum length of an encoded commit point, in bytes. Kafka accepts 4096.
pub const MAX_COMMIT_TEXT_BYTES: usize = 256;

/// Prefix with the version of the format; a change of the fields after it changes the number.
const HEAD: &str = "hansho 1";
/// Text of an unknown instant.
const UNKNOWN: &str = "-";
/// Field of a commit that relies on rule state; absent in the others.
const MEMORY: &str = " memory=1";

/// Progress of one partition, with the data that recovery needs to resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitPoint {
    /// Next offset to read.
    pub position: i64,
    /// Offset from which recovery replays, so that its windows are complete: at most `position`.
    pub replay_from: i64,
    /// Maximum event time of the partition before `replay_from`, in ms; `None` if no event was
    /// accepted.
    pub front: Option<i64>,
    /// Instant up to which every transition is acknowledged, in ms.
    pub settled: i64,
    /// First accepted event time of the stream, in ms.
    pub first: Option<i64>,
    /// Hash of the active rule set.
    pub rules: u64,
    /// True when `replay_from` relies on stored rule state: without that state, recovery has to
    /// replay from an earlier offset.
    pub remembers: bool,
}

/// Function that returns the replay start of a partition, given its number and its commit.
pub type ReplayStartFn = Arc<dyn Fn(i32, &CommitPoint) -> ReplayStart + Send + Sync>;

/// Replay start of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayStart {
    /// Offset `replay_from` of the commit.
    Committed,
    /// First record with a log timestamp from this instant on, in ms: more of the past is needed.
    Since(i64),
    /// This offset: earlier state is restored.
    Offset(i64),
}

/// Error of a text that is no commit point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// No metadata: another program committed, or the broker keeps none.
    Absent,
    /// Another version, or the metadata of another program.
    Foreign,
    /// The checksum or a field is invalid.
    Damaged,
}

impl CommitPoint {
    /// Encodes the point as one line of plain text of at most [`MAX_COMMIT_TEXT_BYTES`].
    pub fn encode(&self) -> String {
        let body = format!(
            "{HEAD} position={} replay_from={} front={} settled={} first={} rules={:016x}",
            self.position,
            self.replay_from,
            OptionalInstant(self.front),
            self.settled,
            OptionalInstant(self.first),
            self.rules,
        );
        let body = body + if self.remembers { MEMORY } else { "" };
        let sum = checksum(body.as_bytes());
        format!("{body} sum={sum:016x}")
    }

    /// Decodes the output of [`CommitPoint::encode`], and nothing else.
    ///
    /// # Errors
    /// [`CommitError`] for every other text, even if one character differs.
    pub fn parse(text: &str) -> Result<CommitPoint, CommitError> {
        if text.is_empty() {
            return Err(CommitError::Absent);
        }
        if text.len() > MAX_COMMIT_TEXT_BYTES {
            return Err(CommitError::Foreign);
        }
        let body = text.strip_prefix(HEAD).ok_or(CommitError::Foreign)?;
        let point = parse_fields(body).ok_or(CommitError::Damaged)?;
        // The encoding is canonical: the comparison checks the checksum, signs and leading zeros.
        let sound = point.encode() == text && (0..=point.position).contains(&point.replay_from);
        if sound { Ok(point) } else { Err(CommitError::Damaged) }
    }
}

fn parse_fields(body: &str) -> Option<CommitPoint> {
    let mut words = body.split(' ').skip(1);
    let mut field = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
    let instant = |text: &str| match text {
        UNKNOWN => Some(None),
        digits => digits.parse().ok().map(Some),
    };
    Some(CommitPoint {
        position: field("position")?.parse().ok()?,
        replay_from: field("replay_from")?.parse().ok()?,
        front: instant(field("front")?)?,
        settled: field("settled")?.parse().ok()?,
        first: instant(field("first")?)?,
        rules: u64::from_str_radix(field("rules")?, 16).ok()?,
        remembers: field("memory").is_some(),
    })
}

/// Formats an instant in ms, or the text of an unknown one.
struct OptionalInstant(Option<i64>);

impl fmt::Display for OptionalInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ms) => ms.fmt(f),
            None => f.write_str(UNKNOWN),
        }
    }
}

/// FNV-1a, 64 bit (Fowler, Noll, Vo): detects damage, not forgery.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CommitError::Absent => "the commit carries no metadata",
            CommitError::Foreign => "the commit's metadata is not this version's",
            CommitError::Damaged => "the commit's metadata is damaged",
        })
    }
}

impl std::error::Error for CommitError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points() -> impl Strategy<Value = CommitPoint> {
        let offsets = (0..=i64::MAX).prop_flat_map(|position| (Just(position), 0..=position));
        let instants = (any::<Option<i64>>(), any::<i64>(), any::<Option<i64>>());
        (offsets, instants, any::<(u64, bool)>()).prop_map(
            |((position, replay_from), (front, settled, first), (rules, remembers))| CommitPoint {
                remembers,
                position,
                replay_from,
                front,
                settled,
                first,
                rules,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(point in points()) {
            let text = point.encode();
            prop_assert!(text.len() <= MAX_COMMIT_TEXT_BYTES, "{text}");
            prop_assert_eq!(CommitPoint::parse(&text), Ok(point));
        }

        #[test]
        fn one_changed_byte_is_refused(point in points(), at in any::<usize>(), with in 32u8..127) {
            let mut bytes = point.encode().into_bytes();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != with);
            bytes[at] = with;
            let text = String::from_utf8(bytes).unwrap();
            prop_assert!(CommitPoint::parse(&text).is_err(), "{text}");
        }

        #[test]
        fn a_cut_text_is_refused(point in points(), at in any::<usize>()) {
            let text = point.encode();
            prop_assert!(CommitPoint::parse(&text[..at % text.len()]).is_err());
        }

        #[test]
        fn any_text_is_answered(text in ".{0,300}") {
            prop_assert!(CommitPoint::parse(&text).is_err());
        }
    }

    #[test]
    fn the_text_is_stable() {
        let point = CommitPoint {
            position: 80,
            replay_from: 50,
            front: None,
            settled: 1_700_000_000_000,
            first: Some(-1),
            rules: 7,
            remembers: false,
        };
        let text = "hansho 1 position=80 replay_from=50 front=- settled=1700000000000 first=-1 \
                    rules=0000000000000007 sum=";
        assert_eq!(point.encode().split_at(text.len()).0, text);
        assert_eq!(CommitPoint::parse(""), Err(CommitError::Absent));
        assert_eq!(CommitPoint::parse("hansho 2 position=80"), Err(CommitError::Foreign));
        let remembers = CommitPoint { remembers: true, ..point }.encode();
        assert!(remembers.contains(" rules=0000000000000007 memory=1 sum="), "{remembers}");
        let backwards = CommitPoint { replay_from: 81, ..point };
        assert_eq!(CommitPoint::parse(&backwards.encode()), Err(CommitError::Damaged));
    }
}
