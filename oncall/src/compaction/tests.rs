use std::collections::BTreeMap;

use model::alert_facts::{AlertFacts, Measurement};
use model::key::KeyValue;
use model::transition::{EarlyAlert, EpisodeId, NamedKeyPart, Transition};
use proptest::prelude::*;

use super::*;
use crate::episode_fold::{IncidentUpdate, OpenEpisode};

/// A record of the log as the test draws it.
#[derive(Clone, Debug)]
enum DrawnRecord {
    Settled(Transition),
    Early(EarlyAlert),
}

#[derive(Clone, Debug)]
struct WrittenLog {
    record: DrawnRecord,
    is_shadow: bool,
}

impl WrittenLog {
    fn step(&self) -> AlertLogEntry<'_> {
        match &self.record {
            DrawnRecord::Settled(transition) => AlertLogEntry::Transition(transition),
            DrawnRecord::Early(early) => AlertLogEntry::Early(early),
        }
    }

    fn at(&self) -> i64 {
        match &self.record {
            DrawnRecord::Settled(transition) => transition.facts.at.0,
            DrawnRecord::Early(early) => early.facts.at.0,
        }
    }
}

impl WrittenLog {
    fn began(&self) -> i64 {
        began(self.step()).0
    }
}

fn named(key: u8) -> Vec<NamedKeyPart> {
    vec![("k".to_owned(), KeyValue::Int(key.into()))]
}

/// An id as the engine makes them: of the key and an instant, alike for both kinds of record,
/// and far from those of other instants, as hashes are: the numbers next to a spent one are free.
fn id(key: u8, at: i64) -> EpisodeId {
    EpisodeId(u128::from(key) << 64 | (at as u128) << 16)
}

fn settled(key: u8, kind: TransitionKind, since: i64, at: i64, severity: Severity) -> WrittenLog {
    let transition = Transition {
        kind,
        facts: AlertFacts {
            alert: "a".to_owned(),
            severity,
            key: named(key),
            at: Timestamp(at),
            since: Timestamp(since),
        },
        measured: Measurement::default(),
        peak: None,
        reason: None,
        episode: id(key, since),
        count: 0,
        fields: Vec::new(),
        tops: Vec::new(),
    };
    WrittenLog { record: DrawnRecord::Settled(transition), is_shadow: false }
}

fn early(key: u8, at: i64, severity: Severity) -> WrittenLog {
    let early = EarlyAlert {
        facts: AlertFacts {
            alert: "a".to_owned(),
            severity,
            key: named(key),
            at: Timestamp(at),
            since: Timestamp(at),
        },
        measured: Measurement::default(),
        episode: id(key, at),
        count: 0,
        fields: Vec::new(),
    };
    WrittenLog { record: DrawnRecord::Early(early), is_shadow: false }
}

fn compacted(log: &[WrittenLog], is_done: impl Fn(usize, &WrittenLog) -> bool) -> Vec<WrittenLog> {
    let candidates = log.iter().enumerate().map(|(index, written)| CompactionRecord {
        step: written.step(),
        is_shadow: written.is_shadow,
        is_done: is_done(index, written),
    });
    let stays = kept(candidates);
    assert_eq!(stays.len(), log.len());
    log.iter().zip(stays).filter(|(_, stays)| *stays).map(|(written, _)| written.clone()).collect()
}

fn fold(incidents: &mut EpisodeFold, log: &[WrittenLog]) -> Vec<IncidentUpdate> {
    let text = AlertText::default();
    let notices = log.iter().filter_map(|written| {
        let is_shadow = written.is_shadow;
        incidents.apply(&LogRecord { step: written.step(), text: &text, is_shadow })
    });
    notices.collect()
}

fn open(incidents: &EpisodeFold) -> BTreeMap<EpisodeId, OpenEpisode> {
    incidents.open().map(|(_, incident)| (incident.id, incident.clone())).collect()
}

#[test]
fn what_is_closed_goes_and_what_is_open_is_thinned() {
    use Severity::{Critical, High, Low, Medium};
    use TransitionKind::{Again, Changed, Firing, Resolved};
    let since = 30;
    let log = [
        early(1, 10, Low),
        settled(1, Firing, 10, 10, Low),
        settled(1, Resolved, 10, 20, Low),
        early(1, since, Medium),
        settled(1, Firing, since, since, Medium),
        settled(1, Changed, since, 31, Low),
        settled(1, Again, since, 32, Low),
        settled(1, Changed, since, 33, High),
        settled(1, Again, since, 34, High),
        settled(1, Changed, since, 35, Medium),
        settled(1, Again, since, 36, Medium),
        settled(1, Changed, since, 37, Critical),
        settled(2, Firing, 5, 5, High),
        settled(2, Resolved, 5, 38, High),
    ];
    let at = |until: i64| -> Vec<(u8, i64)> {
        let left = compacted(&log, |_, written| written.at() <= until);
        let key = |written: &WrittenLog| match &written.record {
            DrawnRecord::Settled(of) => (of.episode.0 >> 64) as u8,
            DrawnRecord::Early(of) => (of.episode.0 >> 64) as u8,
        };
        left.iter().map(|written| (key(written), written.at())).collect()
    };
    let ones = |instants: &[i64]| instants.iter().map(|at| (1, *at)).collect::<Vec<_>>();
    let two = [(2, 5), (2, 38)];
    let all = at(0);
    assert_eq!(all.len(), log.len(), "nothing goes that is not done");
    // What opened it, its firing, the rise to high, the newest of each kind.
    let thinned = [ones(&[30, 30, 33, 35, 36, 37]), two.to_vec()].concat();
    assert_eq!(at(36), thinned);
    assert_eq!(at(37), [ones(&[30, 30, 33, 36, 37]), two.to_vec()].concat());
    // What is not done stays as it is.
    assert_eq!(at(20), [ones(&[30, 30, 31, 32, 33, 34, 35, 36, 37]), two.to_vec()].concat());
    assert_eq!(at(38), ones(&[30, 30, 33, 36, 37]), "what is closed goes as a whole");
}

/// A log as an engine writes it that crashes now and then: of each key settled records in
/// order, early notices ahead of them, some overtaken.
fn logs() -> impl Strategy<Value = Vec<WrittenLog>> {
    let draw = (0..3u8, 0..10u8, 0..4i64, 0..4usize, 0..8u8);
    proptest::collection::vec(draw, 0..120).prop_map(|drawn| {
        let mut log: Vec<WrittenLog> = Vec::new();
        let mut now = [10i64; 3];
        let mut open: [Option<i64>; 3] = [None; 3];
        for (key, what, later, severity, shadow) in drawn {
            let severity = Severity::ALL[severity];
            let (now, open) = (&mut now[usize::from(key)], &mut open[usize::from(key)]);
            let at = *now + later;
            let mut written = match (what, *open) {
                (0..3, _) => early(key, at + later - 3, severity),
                (3..6, None) => {
                    // Some have to last before they fire.
                    let since = at - i64::from(later > 1);
                    settled(key, TransitionKind::Firing, since, at, severity)
                }
                (6, None) => early(key, at + 1, severity),
                (3..5, Some(since)) => settled(key, TransitionKind::Changed, since, at, severity),
                (5..7, Some(since)) => settled(key, TransitionKind::Again, since, at, severity),
                (_, Some(since)) => settled(key, TransitionKind::Resolved, since, at, severity),
                (_, None) => continue,
            };
            written.is_shadow = shadow == 0;
            let text = format!("{:?}", written.record);
            if log.iter().any(|it| format!("{:?}", it.record) == text) {
                continue;
            }
            if let DrawnRecord::Settled(of) = &written.record {
                *now = at;
                match of.kind {
                    TransitionKind::Firing => *open = Some(of.facts.since.0),
                    // Another episode may begin where one ends, but not where it began.
                    TransitionKind::Resolved => {
                        (*open, *now) = (None, at.max(of.facts.since.0 + 1))
                    }
                    _ => {}
                }
            }
            log.push(written);
        }
        log
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Wherever a log is compacted, on-call tells and knows what it would have.
    #[test]
    fn on_call_notifies_the_same(
        log in logs(),
        cut in 0..120usize,
        back in 0..30i64,
        aged in 0..160usize,
    ) {
        let (before, after) = log.split_at(cut.min(log.len()));
        // Whatever comes later has begun later than the instant up to which all was told, for
        // what is done is old.
        let next = after.iter().map(WrittenLog::began).min().unwrap_or(1_000);
        let notified = next - 1 - (back - 10).max(0);
        let left = compacted(before, |index, written| written.at() <= notified && index < aged);
        let (mut whole, mut short) = (EpisodeFold::default(), EpisodeFold::default());
        fold(&mut whole, before);
        fold(&mut short, &left);
        prop_assert_eq!(open(&whole), open(&short), "{:#?}\nleft {:#?}", before, left);
        prop_assert_eq!(whole.counts().contradictions, 0);
        // What was compacted is compacted again.
        let twice = compacted(&left, |_, written| written.at() <= notified);
        let mut again = EpisodeFold::default();
        fold(&mut again, &twice);
        prop_assert_eq!(open(&whole), open(&again));
        let notified_after = fold(&mut whole, after);
        prop_assert_eq!(&notified_after, &fold(&mut short, after), "{:#?}\nleft {:#?}", log, left);
        prop_assert_eq!(&notified_after, &fold(&mut again, after));
        prop_assert_eq!(open(&whole), open(&short));
    }
}

/// An open incident takes no more than a fixed number of records, closed ones none.
#[test]
fn what_stays_is_bounded_by_what_is_open() {
    let mut log = Vec::new();
    for at in (0..4_000).step_by(4) {
        log.push(early(1, at + 1, Severity::High));
        log.push(settled(1, TransitionKind::Firing, at, at, Severity::High));
        log.push(early(1, at + 3, Severity::Medium));
        log.push(settled(1, TransitionKind::Resolved, at, at + 2, Severity::High));
    }
    assert_eq!(compacted(&log, |_, _| true).len(), 0);
    log.push(settled(2, TransitionKind::Firing, 0, 0, Severity::Low));
    for at in 1..10_000 {
        let severity = Severity::ALL[at as usize * 7 % 11 % 4];
        let kind = [TransitionKind::Changed, TransitionKind::Again][at as usize % 2];
        log.push(settled(2, kind, 0, at, severity));
        log.push(early(2, at + 1, severity));
    }
    let left = compacted(&log, |_, _| true).len();
    // It rises three times at most.
    assert!(left <= 8, "{left}");
}
