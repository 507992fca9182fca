use std::collections::{BTreeMap, BTreeSet};

use model::key::KeyValue;
use proptest::prelude::*;

use super::*;

/// A record of the alert log, short enough to write many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// key, at
    Early(char, i64),
    /// key, since
    Firing(char, i64),
    /// key, since, at
    Resolved(char, i64, i64),
    /// key, since, at
    Changed(char, i64, i64),
}
use Written::{Changed, Early as Soon, Firing, Resolved};

/// An id as the engine makes them: of the key and an instant, alike for both kinds of record.
fn id(key: char, at: i64) -> EpisodeId {
    EpisodeId(u128::from(u32::from(key)) * 1_000_000 + at.unsigned_abs() as u128 * 100)
}

fn named(key: char) -> Vec<KeyPart> {
    vec![("user.name".to_owned(), KeyValue::Text(key.to_string()))]
}

fn transition(kind: TransitionKind, key: char, since: i64, at: i64) -> Transition {
    Transition {
        kind,
        alert: "a".to_owned(),
        severity: Severity::Critical,
        key: named(key),
        at: Timestamp(at),
        since: Timestamp(since),
        value: None,
        threshold: None,
        peak: None,
        reason: (kind == TransitionKind::Resolved).then_some(Reason::Cleared),
        episode: id(key, since),
        count: 10,
        fields: Vec::new(),
        tops: Vec::new(),
    }
}

fn apply(fold: &mut Incidents, entry: Written) -> Vec<Notice> {
    let text = AlertText { message: format!("{entry:?}"), ..AlertText::default() };
    let settled = match entry {
        Soon(key, at) => {
            let early = Early {
                alert: "a".to_owned(),
                severity: Severity::Critical,
                key: named(key),
                at: Timestamp(at),
                value: None,
                threshold: None,
                episode: id(key, at),
                count: 10,
                fields: Vec::new(),
            };
            return fold.apply(&LogRecord { step: Step::Early(&early), text: &text });
        }
        Firing(key, since) => transition(TransitionKind::Firing, key, since, since),
        Resolved(key, since, at) => transition(TransitionKind::Resolved, key, since, at),
        Changed(key, since, at) => transition(TransitionKind::Changed, key, since, at),
    };
    fold.apply(&LogRecord { step: Step::Transition(&settled), text: &text })
}

/// What each notice tells: `F` or `R`, and the incident's id.
fn told(fold: &mut Incidents, log: &[Written]) -> Vec<(char, EpisodeId)> {
    let notices = log.iter().flat_map(|entry| apply(fold, *entry));
    let letter = |kind| {
        if kind == NotificationKind::Firing { 'F' } else { 'R' }
    };
    notices.map(|notice| (letter(notice.kind), notice.incident)).collect()
}

#[track_caller]
fn check(log: &[Written], want: &[(char, EpisodeId)], want_counts: (u64, u64), want_open: usize) {
    let mut fold = Incidents::default();
    assert_eq!(told(&mut fold, log), want, "{log:?}");
    let counts = fold.counts();
    assert_eq!((counts.repeated, counts.contradictions), want_counts, "{log:?}");
    assert_eq!((fold.open_count(), fold.open().count()), (want_open, want_open), "{log:?}");
}

#[test]
fn an_episode_is_one_incident() {
    check(&[Firing('x', 1)], &[('F', id('x', 1))], (0, 0), 1);
    check(
        &[Firing('x', 1), Resolved('x', 1, 5), Firing('x', 7)],
        &[('F', id('x', 1)), ('R', id('x', 1)), ('F', id('x', 7))],
        (0, 0),
        1,
    );
    // Keys are apart, and an instant may hold a whole episode.
    check(
        &[Firing('x', 1), Resolved('x', 1, 1), Firing('y', 1)],
        &[('F', id('x', 1)), ('R', id('x', 1)), ('F', id('y', 1))],
        (0, 0),
        1,
    );
    check(&[Firing('x', 1), Changed('x', 1, 3)], &[('F', id('x', 1))], (0, 0), 1);
}

#[test]
fn a_settled_firing_binds_to_its_early_notice() {
    let both = [('F', id('x', 3)), ('R', id('x', 3))];
    check(&[Soon('x', 3), Firing('x', 1), Resolved('x', 1, 5)], &both, (0, 0), 0);
    check(&[Soon('x', 3), Soon('x', 4), Firing('x', 3), Resolved('x', 3, 5)], &both, (1, 0), 0);
    // The notice comes after its episode was settled: nobody is paged again.
    check(&[Firing('x', 3), Soon('x', 4), Resolved('x', 3, 5), Soon('x', 4)], &both, (2, 0), 0);
}

#[test]
fn what_was_applied_changes_nothing() {
    let both = [('F', id('x', 1)), ('R', id('x', 1))];
    let (fire, end) = (Firing('x', 1), Resolved('x', 1, 5));
    check(&[fire, fire, end, end], &both, (2, 0), 0);
    check(&[fire, end, fire, end], &both, (2, 0), 0);
    check(&[fire, Changed('x', 1, 3), fire, end], &both, (1, 0), 0);
    check(&[Soon('x', 1), fire, end, Soon('x', 1), fire, end], &both, (3, 0), 0);
}

#[test]
fn a_log_that_contradicts_itself_is_counted() {
    check(&[Resolved('x', 1, 5)], &[], (0, 1), 0);
    check(&[Firing('x', 2), Resolved('x', 1, 5)], &[('F', id('x', 2))], (0, 1), 1);
    let both = [('F', id('x', 1)), ('F', id('x', 3))];
    check(&[Firing('x', 1), Firing('x', 3)], &both, (0, 1), 1);
    // A resolution without its firing still reaches those the early notice paged, unless
    // the notice belongs to a later episode.
    check(&[Soon('x', 3), Resolved('x', 1, 5)], &[('F', id('x', 3)), ('R', id('x', 3))], (0, 0), 0);
    check(&[Soon('x', 5), Resolved('x', 1, 5)], &[('F', id('x', 5))], (0, 1), 1);
}

#[test]
fn an_early_notice_taken_by_an_earlier_episode_does_not_swallow_its_own() {
    let next = EpisodeId(id('x', 7).0 + 1);
    check(
        &[Soon('x', 7), Firing('x', 1), Resolved('x', 1, 5), Firing('x', 7)],
        &[('F', id('x', 7)), ('R', id('x', 7)), ('F', next)],
        (0, 0),
        1,
    );
}

#[test]
fn a_notice_carries_what_the_record_said() {
    let mut fold = Incidents::default();
    apply(&mut fold, Soon('x', 3));
    apply(&mut fold, Firing('x', 1));
    let ended = apply(&mut fold, Resolved('x', 1, 5)).pop().unwrap();
    assert_eq!(ended.opened, Timestamp(3));
    assert_eq!((ended.since, ended.at), (Timestamp(1), Timestamp(5)));
    assert_eq!(ended.reason, Some(Reason::Cleared));
    assert_eq!(ended.text.message, "Resolved('x', 1, 5)");
    assert_eq!(ended.key, named('x'));
}

#[test]
fn the_line_closed_longest_ago_is_forgotten_first() {
    let mut fold = Incidents::with_limit(2);
    for key in ['x', 'y', 'z'] {
        told(&mut fold, &[Firing(key, 1), Resolved(key, 1, 5)]);
    }
    assert_eq!(fold.counts().forgotten, 1);
    assert_eq!(told(&mut fold, &[Firing('y', 1), Firing('z', 1)]), []);
    // Forgotten, it pages again under the id it had.
    assert_eq!(told(&mut fold, &[Firing('x', 1)]), [('F', id('x', 1))]);
}

/// Choices drawn from bytes, so that a failing case shrinks to few and small ones.
struct Choices(Vec<u8>);

impl Choices {
    fn below(&mut self, bound: i64) -> i64 {
        self.0.pop().map_or(0, |byte| i64::from(byte) % bound)
    }
}

/// What an engine appends that crashes now and then: after a crash it derives anew what is
/// settled later than its newest settled record, less that record's own instant, and may
/// announce episodes early again, on another event than before.
fn crashing_log(draw: &mut Choices) -> (Vec<Written>, BTreeSet<(char, i64, i64)>) {
    let mut episodes = BTreeSet::new();
    let mut settled = Vec::new();
    for key in ['x', 'y'] {
        let mut at = 0;
        for _ in 0..1 + draw.below(4) {
            let since = at + 1 + draw.below(4);
            at = since + 1 + draw.below(6);
            episodes.insert((key, since, at));
            settled.push((since, Firing(key, since)));
            settled.push((at, Resolved(key, since, at)));
        }
    }
    settled.sort_by_key(|(at, entry)| (*at, matches!(entry, Firing(..))));
    let mut log: Vec<Written> = Vec::new();
    let (mut place, mut crashes) = (0_usize, 0);
    while place < settled.len() {
        let newest = place.checked_sub(1).map_or(0, |last| settled[last].0);
        for (key, since, end) in &episodes {
            let early = since + draw.below(end - since);
            if draw.below(4) == 1 && early > newest {
                log.push(Soon(*key, early));
            }
        }
        if crashes < 8 && draw.below(4) == 1 {
            crashes += 1;
            place = settled.iter().position(|(at, _)| *at >= newest).unwrap_or(0);
        }
        log.push(settled[place].1);
        place += 1;
    }
    (log, episodes)
}

proptest! {
    #[test]
    fn crashes_of_the_engine_open_one_incident_per_episode(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let (log, episodes) = crashing_log(&mut Choices(bytes));
        let mut fold = Incidents::default();
        let notices: Vec<Notice> =
            log.iter().flat_map(|entry| apply(&mut fold, *entry)).collect();
        let (fired, ended): (Vec<&Notice>, Vec<&Notice>) =
            notices.iter().partition(|notice| notice.kind == NotificationKind::Firing);
        let key = |notice: &Notice| match &notice.key[0].1 {
            KeyValue::Text(text) => text.chars().next().unwrap(),
            other => panic!("{other:?}"),
        };
        let told: Vec<(char, i64, i64)> =
            ended.iter().map(|n| (key(n), n.since.0, n.at.0)).collect();
        prop_assert_eq!(told.len(), episodes.len(), "{:?}", log);
        prop_assert_eq!(&told.into_iter().collect::<BTreeSet<_>>(), &episodes, "{:?}", log);
        let opened: BTreeMap<EpisodeId, char> =
            fired.iter().map(|n| (n.incident, key(n))).collect();
        prop_assert_eq!(opened.len(), fired.len(), "an id opened twice: {:?}", log);
        let closed: BTreeMap<EpisodeId, char> =
            ended.iter().map(|n| (n.incident, key(n))).collect();
        prop_assert_eq!(opened, closed, "{:?}", log);
        prop_assert_eq!(fold.counts().contradictions, 0, "{:?}", log);
    }

    #[test]
    fn reading_the_log_again_from_anywhere_changes_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        from in any::<prop::sample::Index>(),
    ) {
        let (log, _) = crashing_log(&mut Choices(bytes));
        let mut fold = Incidents::default();
        told(&mut fold, &log);
        // Early notices of the last instants may be of episodes that are still to come.
        let again = log[from.index(log.len())..].iter().copied();
        let settled: Vec<Written> = again.filter(|entry| !matches!(entry, Soon(..))).collect();
        prop_assert_eq!(told(&mut fold, &settled), []);
    }
}
