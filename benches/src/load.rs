//! Login attempts and the lines that tell of them, drawn from a seed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use model::time::Timestamp;

/// Source addresses, and so keys, of the load.
pub const SOURCES: usize = 20_000;
/// Accounts that are tried.
pub const USERS: usize = 1_000;
/// Bytes of a short line, its line end not counted.
pub const SHORT_BYTES: usize = 168;
/// Bytes of a long line, its line end not counted.
pub const LONG_BYTES: usize = 450;

/// The exponent of Zipf's law: how much the few loudest sources outdo the rest.
const ZIPF_EXPONENT: f64 = 1.1;
/// Attempts that fail, percent.
const FAILED_PERCENT: u64 = 40;
/// Every so many sources one is hot: its scores lie above all others.
const HOT_EVERY: u32 = 16;
/// 2026-01-05T00:00:00Z, in milliseconds since the Unix epoch.
const START_MS: i64 = 1_767_571_200_000;

/// One login attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginAttempt {
    /// Milliseconds since the Unix epoch; attempts are 1 ms apart.
    pub time_ms: i64,
    /// Source that tries, below the number of sources.
    pub source: u32,
    /// Whose account, below [`USERS`].
    pub user: u32,
    /// True when it fails.
    pub is_failure: bool,
    /// 80 to 99 for hot sources, 0 to 59 for all others.
    pub score: u32,
}

/// Endless attempts from sources that follow Zipf's law.
#[derive(Clone, Debug)]
pub struct LoginAttempts {
    random: LoadRandom,
    /// By source: the probability of it or a louder one.
    cumulative: Vec<f64>,
    time_ms: i64,
}

/// Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (SplitMix64).
#[derive(Clone, Debug)]
struct LoadRandom(u64);

impl LoginAttempts {
    /// Attempts from so many sources; the same seed gives the same ones.
    pub fn new(sources: usize, seed: u64) -> LoginAttempts {
        let mut total = 0.0;
        let weight = |rank: usize| (rank as f64).powf(-ZIPF_EXPONENT);
        let mut cumulative = Vec::with_capacity(sources);
        for rank in 1..=sources {
            total += weight(rank);
            cumulative.push(total);
        }
        cumulative.iter_mut().for_each(|sum| *sum /= total);
        LoginAttempts { random: LoadRandom(seed), cumulative, time_ms: START_MS }
    }
}

impl Iterator for LoginAttempts {
    type Item = LoginAttempt;

    fn next(&mut self) -> Option<LoginAttempt> {
        self.time_ms += 1;
        let share = self.random.bits() as f64 / 2_f64.powi(64);
        let rank = self.cumulative.partition_point(|sum| *sum < share);
        let source = rank.min(self.cumulative.len() - 1) as u32;
        let score = match source % HOT_EVERY {
            0 => 80 + self.random.below(20),
            _ => self.random.below(60),
        };
        Some(LoginAttempt {
            time_ms: self.time_ms,
            source,
            user: self.random.below(USERS as u64) as u32,
            is_failure: self.random.below(100) < FAILED_PERCENT,
            score: score as u32,
        })
    }
}

impl LoginAttempt {
    /// `failure` or `success`.
    pub const fn outcome(&self) -> &'static str {
        if self.is_failure { "failure" } else { "success" }
    }

    /// Address of the source, in 10.0.0.0/8.
    pub fn address(&self) -> IpAddr {
        // An odd factor spreads neighbouring sources over the network and keeps them apart.
        let host = self.source.wrapping_mul(0x9e_3779) & 0xff_ffff;
        Ipv4Addr::from_bits(0x0a00_0000 | host).into()
    }

    /// A flat line of [`SHORT_BYTES`], dated by a Unix number.
    pub fn short_line(&self) -> String {
        let LoginAttempt { time_ms, score, .. } = self;
        let (outcome, user, address) = (self.outcome(), user_name(self.user), self.address());
        let mut line = format!(
            r#"{{"ts":{time_ms},"action":"login","outcome":"{outcome}","user":{{"name":"{user}"}},"#
        );
        let tail = format!(r#""src":{{"ip":"{address}"}},"score":{score},"session":""#);
        line.push_str(&tail);
        pad(&mut line, r#""}"#, SHORT_BYTES);
        line
    }

    /// A nested line of [`LONG_BYTES`] as log shippers write them, dated by a text.
    pub fn long_line(&self) -> String {
        let (outcome, user, address) = (self.outcome(), user_name(self.user), self.address());
        let (time, score, port) = (Timestamp(self.time_ms), self.score, 40_000 + self.user);
        let mut line = [
            &format!(r#"{{"@timestamp":"{time}","event":{{"kind":"event","#),
            r#""category":["authentication"],"action":"login","#,
            &format!(r#""outcome":"{outcome}","risk_score":{score}}},"user":{{"name":"{user}","#),
            &format!(r#""roles":["staff","vpn"]}},"source":{{"ip":"{address}","port":{port},"#),
            r#""geo":{"country":"JP","city":"東京"}},"host":{"name":"web-03","os":"linux"},"#,
            r#""tags":["prod","auth"],"trace.id":"7fd1c0","message":"login \""#,
            &format!(r#"{user}\" {outcome} "#),
        ]
        .concat();
        pad(&mut line, r#""}"#, LONG_BYTES);
        line
    }
}

/// The name of an account.
pub fn user_name(user: u32) -> String {
    format!("user-{user:05}")
}

/// Writes a file of short lines.
///
/// # Errors
/// A file that cannot be written.
pub fn write_short_lines(
    path: &Path,
    attempts: impl IntoIterator<Item = LoginAttempt>,
) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for attempt in attempts {
        writeln!(out, "{}", attempt.short_line())?;
    }
    out.flush()
}

/// Fills a line that ends inside a text, and ends it.
fn pad(line: &mut String, end: &str, bytes: usize) {
    let filled = bytes - end.len();
    assert!(line.len() <= filled, "a line of {} bytes is too long", line.len());
    line.extend(std::iter::repeat_n('f', filled - line.len()));
    line.push_str(end);
}

impl LoadRandom {
    /// 64 random bits.
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; the bias of the remainder is of no matter here.
    fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn lines_are_objects_of_the_stated_length() {
        for attempt in LoginAttempts::new(SOURCES, 1).take(500) {
            let (short, long) = (attempt.short_line(), attempt.long_line());
            assert_eq!((short.len(), long.len()), (SHORT_BYTES, LONG_BYTES));
            for line in [short, long] {
                serde_json::from_str::<serde_json::Value>(&line).unwrap();
            }
        }
    }

    #[test]
    fn a_seed_gives_one_load_and_sources_have_one_address() {
        let drawn = |seed| LoginAttempts::new(SOURCES, seed).take(1_000).collect::<Vec<_>>();
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let any = drawn(1)[0];
        let all = (0..SOURCES as u32).map(|source| LoginAttempt { source, ..any }.address());
        assert_eq!(all.collect::<HashSet<_>>().len(), SOURCES);
    }
}
