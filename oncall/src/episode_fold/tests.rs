use std::collections::{BTreeMap, BTreeSet};

use model::alert_facts::{AlertFacts, Measurement};
use model::key::KeyValue;
use proptest::prelude::*;

use super::*;

/// A record of the alert log, short enough to write many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WrittenRecord {
    /// key, at, severity
    Early(char, i64, Severity),
    /// key, since
    Firing(char, i64),
    /// key, since, at
    Resolved(char, i64, i64),
    /// key, since, at, severity
    Changed(char, i64, i64, Severity),
    /// key, since, at
    Again(char, i64, i64),
    /// One of the others while its rule was only watched.
    Shadow(&'static WrittenRecord),
}
use Severity::{Critical, High, Low, Medium};
use WrittenRecord::{Again, Changed, Early as SoonAs, Firing, Resolved, Shadow};

/// An announcement of the severity the others have, too.
fn soon(key: char, at: i64) -> WrittenRecord {
    SoonAs(key, at, High)
}

/// An id as the engine makes them: of the key and an instant, alike for both kinds of record.
fn id(key: char, at: i64) -> EpisodeId {
    EpisodeId(u128::from(u32::from(key)) * 1_000_000 + at.unsigned_abs() as u128 * 100)
}

fn named(key: char) -> Vec<NamedKeyPart> {
    vec![("user.name".to_owned(), KeyValue::Text(key.to_string()))]
}

fn transition(
    kind: TransitionKind,
    key: char,
    since: i64,
    at: i64,
    severity: Severity,
) -> Transition {
    Transition {
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
        reason: (kind == TransitionKind::Resolved).then_some(EndReason::Cleared),
        episode: id(key, since),
        count: 10,
        fields: Vec::new(),
        tops: Vec::new(),
    }
}

fn apply(fold: &mut EpisodeFold, entry: WrittenRecord) -> Option<IncidentUpdate> {
    let text = AlertText { message: format!("{entry:?}"), ..AlertText::default() };
    let (entry, is_shadow) = match entry {
        Shadow(entry) => (*entry, true),
        entry => (entry, false),
    };
    let settled = match entry {
        SoonAs(key, at, severity) => {
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
                count: 10,
                fields: Vec::new(),
            };
            return fold.apply(&LogRecord {
                step: AlertLogEntry::Early(&early),
                text: &text,
                is_shadow,
            });
        }
        Firing(key, since) => transition(TransitionKind::Firing, key, since, since, High),
        Resolved(key, since, at) => transition(TransitionKind::Resolved, key, since, at, High),
        Changed(key, since, at, to) => transition(TransitionKind::Changed, key, since, at, to),
        Shadow(_) => unreachable!("a shadow of a shadow"),
        Again(key, since, at) => transition(TransitionKind::Again, key, since, at, High),
    };
    fold.apply(&LogRecord { step: AlertLogEntry::Transition(&settled), text: &text, is_shadow })
}

/// Updates by the first letter of their kind, with the incident's id.
fn notified(fold: &mut EpisodeFold, log: &[WrittenRecord]) -> Vec<(char, EpisodeId)> {
    let notices = log.iter().flat_map(|entry| apply(fold, *entry));
    let letter = |kind| match kind {
        NotificationKind::Firing => 'F',
        NotificationKind::Changed => 'C',
        NotificationKind::Again => 'A',
        NotificationKind::Resolved => 'R',
        other => panic!("the fold tells no {other:?}"),
    };
    notices.map(|notice| (letter(notice.kind), notice.incident)).collect()
}

#[track_caller]
fn check(
    log: &[WrittenRecord],
    want: &[(char, EpisodeId)],
    want_counts: (u64, u64),
    want_open: usize,
) {
    let mut fold = EpisodeFold::default();
    assert_eq!(notified(&mut fold, log), want, "{log:?}");
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
}

#[test]
fn a_settled_firing_binds_to_its_early_notice() {
    let both = [('F', id('x', 3)), ('R', id('x', 3))];
    check(&[soon('x', 3), Firing('x', 1), Resolved('x', 1, 5)], &both, (0, 0), 0);
    check(&[soon('x', 3), soon('x', 4), Firing('x', 3), Resolved('x', 3, 5)], &both, (1, 0), 0);
    // The notice comes after its episode was settled: nobody is paged again.
    check(&[Firing('x', 3), soon('x', 4), Resolved('x', 3, 5), soon('x', 4)], &both, (2, 0), 0);
}

#[test]
fn what_was_applied_changes_nothing() {
    let both = [('F', id('x', 1)), ('R', id('x', 1))];
    let (fire, end) = (Firing('x', 1), Resolved('x', 1, 5));
    check(&[fire, fire, end, end], &both, (2, 0), 0);
    check(&[fire, end, fire, end], &both, (2, 0), 0);
    check(&[fire, Changed('x', 1, 3, Low), fire, end], &both, (1, 0), 0);
    check(&[soon('x', 1), fire, end, soon('x', 1), fire, end], &both, (3, 0), 0);
}

#[test]
fn a_log_that_contradicts_itself_is_counted() {
    check(&[Resolved('x', 1, 5)], &[], (0, 1), 0);
    check(&[Firing('x', 2), Resolved('x', 1, 5)], &[('F', id('x', 2))], (0, 1), 1);
    let both = [('F', id('x', 1)), ('F', id('x', 3))];
    check(&[Firing('x', 1), Firing('x', 3)], &both, (0, 1), 1);
    // A resolution without its firing still reaches those the early notice paged, unless
    // the notice belongs to a later episode.
    check(&[soon('x', 3), Resolved('x', 1, 5)], &[('F', id('x', 3)), ('R', id('x', 3))], (0, 0), 0);
    check(&[soon('x', 5), Resolved('x', 1, 5)], &[('F', id('x', 5))], (0, 1), 1);
}

#[test]
fn an_early_notice_taken_by_an_earlier_episode_does_not_swallow_its_own() {
    let next = EpisodeId(id('x', 7).0 + 1);
    check(
        &[soon('x', 7), Firing('x', 1), Resolved('x', 1, 5), Firing('x', 7)],
        &[('F', id('x', 7)), ('R', id('x', 7)), ('F', next)],
        (0, 0),
        1,
    );
}

#[test]
fn a_severity_pages_once_when_it_is_above_all_that_people_were_notified() {
    let x = id('x', 1);
    let cases: [(&[WrittenRecord], &str, usize); 7] = [
        (&[Firing('x', 1), Changed('x', 1, 3, Critical), Resolved('x', 1, 5)], "FCR", 0),
        // Down is no page, and neither is up again to what was told.
        (&[Firing('x', 1), Changed('x', 1, 3, Low), Changed('x', 1, 4, High)], "F", 1),
        (&[Firing('x', 1), Changed('x', 1, 3, Low), Changed('x', 1, 3, Critical)], "FC", 1),
        // The first page of a rung is the early one or the settled one, never both.
        (&[soon('x', 1), SoonAs('x', 3, Critical), Firing('x', 1)], "FC", 1),
        (&[Firing('x', 1), SoonAs('x', 3, Critical), Changed('x', 1, 3, Critical)], "FC", 1),
        (&[Firing('x', 1), Changed('x', 1, 3, Critical), SoonAs('x', 4, Critical)], "FC", 1),
        (&[SoonAs('x', 1, Medium), Firing('x', 1), Changed('x', 1, 3, Critical)], "FCC", 1),
    ];
    for (log, want, want_open) in cases {
        let mut fold = EpisodeFold::default();
        let got = notified(&mut fold, log);
        assert!(got.iter().all(|(_, incident)| *incident == x), "{log:?}");
        let letters: String = got.iter().map(|(letter, _)| letter).collect();
        assert_eq!((letters.as_str(), fold.open_count()), (want, want_open), "{log:?}");
    }
}

#[test]
fn each_further_match_is_notified_where_the_rule_asks_for_it() {
    let x = id('x', 1);
    check(
        &[Firing('x', 1), Again('x', 1, 2), Again('x', 1, 2), Again('x', 1, 3)],
        &[('F', x), ('A', x), ('A', x)],
        (1, 0),
        1,
    );
    // What goes on without having begun is of a log that is not the engine's.
    check(&[Again('x', 1, 2)], &[], (0, 1), 0);
    check(&[Firing('x', 3), Changed('x', 1, 4, Critical)], &[('F', id('x', 3))], (0, 1), 1);
}

#[test]
fn a_rule_in_shadow_notifies_only_the_end_of_what_was_notified_before() {
    let cases: [(&[WrittenRecord], &str, usize); 6] = [
        (
            &[Shadow(&Firing('x', 1)), Shadow(&Again('x', 1, 3)), Shadow(&Resolved('x', 1, 5))],
            "",
            0,
        ),
        (&[Shadow(&SoonAs('x', 1, High)), Shadow(&Changed('x', 1, 3, Critical))], "", 1),
        (&[Firing('x', 1), Shadow(&Changed('x', 1, 3, Critical)), Resolved('x', 1, 5)], "FR", 0),
        (&[Firing('x', 1), Shadow(&Resolved('x', 1, 5))], "FR", 0),
        // Out of the shadow: what goes on is told, what ends was never heard of.
        (&[Shadow(&Firing('x', 1)), Again('x', 1, 2), Changed('x', 1, 3, Critical)], "AC", 1),
        (&[Shadow(&Firing('x', 1)), Resolved('x', 1, 5)], "", 0),
    ];
    for (log, want, want_open) in cases {
        let mut fold = EpisodeFold::default();
        let letters: String = notified(&mut fold, log).iter().map(|(letter, _)| letter).collect();
        assert_eq!((letters.as_str(), fold.open_count()), (want, want_open), "{log:?}");
    }
}

#[test]
fn a_rise_starts_the_clock_again() {
    let mut fold = EpisodeFold::default();
    let log = [
        SoonAs('x', 2, Medium),
        Firing('x', 1),
        Changed('x', 1, 3, Low),
        Changed('x', 1, 4, Critical),
        Again('x', 1, 6),
        Resolved('x', 1, 9),
    ];
    let notices: Vec<IncidentUpdate> =
        log.iter().flat_map(|entry| apply(&mut fold, *entry)).collect();
    let got: Vec<(i64, Severity, SeveritySet)> =
        notices.iter().map(|n| (n.responds_from.0, n.facts.severity, n.notified)).collect();
    let set = |list: &[Severity]| list.iter().copied().collect::<SeveritySet>();
    let all = set(&[Medium, High, Critical]);
    let want = [
        (2, Medium, set(&[Medium])),
        (1, High, set(&[Medium, High])),
        (4, Critical, all),
        (4, High, all),
        (4, High, all),
    ];
    assert_eq!(got, want);
}

#[test]
fn a_notice_carries_what_the_record_said() {
    let mut fold = EpisodeFold::default();
    apply(&mut fold, soon('x', 3));
    apply(&mut fold, Firing('x', 1));
    let ended = apply(&mut fold, Resolved('x', 1, 5)).unwrap();
    assert_eq!(ended.responds_from, Timestamp(3));
    assert_eq!((ended.facts.since, ended.facts.at), (Timestamp(1), Timestamp(5)));
    assert_eq!(ended.reason, Some(EndReason::Cleared));
    assert_eq!(ended.text.message, "Resolved('x', 1, 5)");
    assert_eq!(ended.facts.key, named('x'));
}

#[test]
fn the_line_closed_longest_ago_is_forgotten_first() {
    let mut fold = EpisodeFold::with_limit(2);
    for key in ['x', 'y', 'z'] {
        notified(&mut fold, &[Firing(key, 1), Resolved(key, 1, 5)]);
    }
    assert_eq!(fold.counts().forgotten, 1);
    assert_eq!(notified(&mut fold, &[Firing('y', 1), Firing('z', 1)]), []);
    // Forgotten, it pages again under the id it had.
    assert_eq!(notified(&mut fold, &[Firing('x', 1)]), [('F', id('x', 1))]);
}

/// Choices drawn from bytes, so that a failing case shrinks to few and small ones.
struct DrawnChoices(Vec<u8>);

impl DrawnChoices {
    fn below(&mut self, bound: i64) -> i64 {
        self.0.pop().map_or(0, |byte| i64::from(byte) % bound)
    }
}

/// Log of an engine that crashes now and then: after a crash it derives anew what is settled later
/// than its newest settled record, less that record's own instant, and may announce episodes early
/// again, on another event than before.
fn crashing_log(draw: &mut DrawnChoices) -> (Vec<WrittenRecord>, BTreeSet<(char, i64, i64)>) {
    let mut episodes = BTreeSet::new();
    let mut settled = Vec::new();
    for key in ['x', 'y'] {
        let mut at = 0;
        for _ in 0..1 + draw.below(4) {
            let since = at + 1 + draw.below(4);
            at = since + 1 + draw.below(6);
            episodes.insert((key, since, at));
            settled.push((since, Firing(key, since)));
            let mut rises = since;
            while rises + 1 < at && draw.below(2) == 1 {
                rises += 1 + draw.below(at - rises - 1);
                let severity = Severity::ALL[draw.below(4).unsigned_abs() as usize];
                settled.push((rises, Changed(key, since, rises, severity)));
            }
            settled.push((at, Resolved(key, since, at)));
        }
    }
    settled.sort_by_key(|(at, _)| *at);
    let mut log: Vec<WrittenRecord> = Vec::new();
    let (mut place, mut crashes) = (0_usize, 0);
    while place < settled.len() {
        let newest = place.checked_sub(1).map_or(0, |last| settled[last].0);
        for (key, since, end) in &episodes {
            let early = since + draw.below(end - since);
            if draw.below(4) == 1 && early > newest {
                log.push(soon(*key, early));
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
        let (log, episodes) = crashing_log(&mut DrawnChoices(bytes));
        let mut fold = EpisodeFold::default();
        let notices: Vec<IncidentUpdate> =
            log.iter().flat_map(|entry| apply(&mut fold, *entry)).collect();
        let of = |kind| notices.iter().filter(move |n| n.kind == kind).collect::<Vec<_>>();
        let (fired, ended) = (of(NotificationKind::Firing), of(NotificationKind::Resolved));
        let mut highest = BTreeMap::new();
        for page in notices.iter().filter(|n| n.kind != NotificationKind::Resolved) {
            let below = highest.insert(page.incident, page.facts.severity);
            prop_assert!(below.is_none_or(|below| page.facts.severity.level() < below.level()));
        }
        let key = |notice: &IncidentUpdate| match &notice.facts.key[0].1 {
            KeyValue::Text(text) => text.chars().next().unwrap(),
            other => panic!("{other:?}"),
        };
        let notified: Vec<(char, i64, i64)> =
            ended.iter().map(|n| (key(n), n.facts.since.0, n.facts.at.0)).collect();
        prop_assert_eq!(notified.len(), episodes.len(), "{:?}", log);
        prop_assert_eq!(&notified.into_iter().collect::<BTreeSet<_>>(), &episodes, "{:?}", log);
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
        let (log, _) = crashing_log(&mut DrawnChoices(bytes));
        let mut fold = EpisodeFold::default();
        notified(&mut fold, &log);
        // Early notices of the last instants may be of episodes that are still to come.
        let again = log[from.index(log.len())..].iter().copied();
        let settled: Vec<WrittenRecord> =
            again.filter(|entry| !matches!(entry, SoonAs(..))).collect();
        prop_assert_eq!(notified(&mut fold, &settled), []);
    }
}
