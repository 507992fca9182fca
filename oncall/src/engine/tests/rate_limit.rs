//! Ten thousand alerts in a second: who hears what, what is kept, and how much of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::notification::Digest;

use super::*;
use crate::engine::rate_counts::COUNTED_MAX;
use crate::outbox::PENDING_MAX;

/// Alerts of the storm, all within one second.
const ALERTS: usize = 10_000;
/// Services they are of, each with alerts of every severity.
const SERVICES: usize = 7;
/// Those that are told one by one whatever happens.
const CRITICAL: usize = ALERTS / 100;

/// One of a hundred is critical, nine are high, forty medium, fifty low.
fn severity(number: usize) -> Severity {
    match number % 100 {
        0 => Critical,
        1..=9 => High,
        10..=49 => Medium,
        _ => Low,
    }
}

/// Receivers: one of everything, one of what is serious, one of the worst only, one who does not
/// answer, and a router.
fn receivers() -> OnCallSettings {
    let of = |name: &str, severities: &[Severity]| Receiver {
        severities: severities.iter().copied().collect(),
        ..receiver(name)
    };
    let router = Receiver { is_router: true, ..receiver("router") };
    let all = vec![
        receiver("chat"),
        of("mail", &[Critical, High]),
        of("phone", &[Critical]),
        receiver("down"),
        router,
    ];
    OnCallSettings { routing: RoutingTable::to_all(all), ..OnCallSettings::default() }
}

/// The storm: every hundredth of a second a hundredth of it.
fn storm(scene: &mut IncidentScene, alerts: usize) {
    for number in 0..alerts {
        scene.fire(&format!("s{}/a{number}", number % SERVICES), severity(number));
        if (number + 1) % (alerts / 100) == 0 {
            scene.wait(SECOND_MS / 100);
        }
    }
    assert_eq!(scene.now, Timestamp(SECOND_MS));
}

/// Notifications of one receiver.
struct ReceivedCounts {
    critical: usize,
    other: usize,
    ends: usize,
    /// With the service they are of.
    digests: Vec<(String, Arc<Digest>)>,
}

impl ReceivedCounts {
    fn of(scene: &IncidentScene, name: &str) -> ReceivedCounts {
        let got = || scene.got.iter().filter(|it| it.0 == name).map(|it| &it.1);
        let firing = |is_critical: bool| {
            let of = |it: &&Notification| {
                it.kind == Kind::Firing && (it.facts.severity == Critical) == is_critical
            };
            got().filter(of).count()
        };
        let digests = got().filter_map(|it| Some((it.facts.alert.clone(), it.digest.clone()?)));
        ReceivedCounts {
            critical: firing(true),
            other: firing(false),
            ends: got().filter(|it| it.kind == Kind::Resolved).count(),
            digests: digests.collect(),
        }
    }

    fn news(&self) -> u64 {
        self.digests.iter().map(|(_, digest)| digest.news).sum()
    }

    fn ended(&self) -> u64 {
        self.digests.iter().map(|(_, digest)| digest.ended).sum()
    }

    /// That there is at most one digest for each service.
    #[track_caller]
    fn check_one_a_service(&self) {
        let services: BTreeSet<&str> = self.digests.iter().map(|(of, _)| of.as_str()).collect();
        assert_eq!(services.len(), self.digests.len(), "{services:?}");
    }
}

fn all_but_down(name: &str, _: &Notification, _: Timestamp) -> DeliveryResult {
    match name {
        "down" => failed(FailureReason::Timeout, None),
        _ => SENT,
    }
}

#[test]
fn ten_thousand_alerts_in_a_second_are_one_digest_a_service_and_level_one_each() {
    let mut scene = IncidentScene::new(receivers());
    scene.answers = all_but_down;
    storm(&mut scene, ALERTS);
    // What is to be told in sum is written down like everything else.
    scene.crash();
    scene.wait(MINUTE_MS - SECOND_MS);

    // Below level 1: so many as they are, the rest once for each service.
    let below = |name: &str, below: usize| {
        let received = ReceivedCounts::of(&scene, name);
        assert_eq!((received.critical, received.other), (CRITICAL, STORM_MAX), "{name}");
        assert_eq!(received.digests.len(), SERVICES, "{name}");
        received.check_one_a_service();
        assert_eq!(received.news(), (below - STORM_MAX) as u64, "{name}");
        received
    };
    let chat = below("chat", ALERTS - CRITICAL);
    below("mail", ALERTS * 9 / 100);
    assert!(chat.digests.iter().all(|(_, digest)| digest.alerts.len() == 10 && digest.ended == 0));
    let phone = ReceivedCounts::of(&scene, "phone");
    assert_eq!((phone.critical, phone.other, phone.digests.len()), (CRITICAL, 0, 0));
    // Who routes by itself is told each.
    let router = ReceivedCounts::of(&scene, "router");
    assert_eq!((router.critical, router.other), (CRITICAL, ALERTS - CRITICAL));
    assert!(router.digests.is_empty());

    check_record(&scene);

    // Who did not answer gets the same as soon as it does.
    assert_eq!(ReceivedCounts::of(&scene, "down").critical, 0);
    scene.answers = |_, _, _| SENT;
    scene.wait(10 * MINUTE_MS);
    let down = ReceivedCounts::of(&scene, "down");
    assert_eq!((down.critical, down.other), (CRITICAL, STORM_MAX));
    assert_eq!((down.digests.len(), down.news()), (SERVICES, chat.news()));
    assert_eq!(scene.engine.outgoing().count(), 0);
    assert_eq!(scene.engine.dead().count(), 0, "nothing was given up");
}

/// Every alert is on record, as what it is, and so is what each receiver was told of it.
fn check_record(scene: &IncidentScene) {
    assert_eq!(scene.log.len(), ALERTS);
    assert_eq!(scene.engine.incidents().count(), ALERTS);
    let mut notified: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (number, begun) in scene.log.iter().enumerate() {
        let case = scene.incident(begun.episode);
        assert_eq!((&case.alert, case.severity), (&begun.facts.alert, severity(number)));
        assert_eq!((case.state, case.times.event), (IncidentState::Firing, begun.facts.at));
        let service = format!("s{}", number % SERVICES);
        assert_eq!(case.text.labels, [("service".to_owned(), service)]);
        for (name, notified_so) in &case.receivers {
            let how = match notified_so {
                DeliveryState::Delivered { .. } => "delivered",
                DeliveryState::Summed => "summed",
                DeliveryState::Sent => "sent",
                other => panic!("{name} is {other:?} of {}", case.alert),
            };
            *notified.entry((name, how)).or_default() += 1;
        }
    }
    let each = CRITICAL + STORM_MAX;
    let want = BTreeMap::from([
        (("chat", "delivered"), each),
        (("chat", "summed"), ALERTS - each),
        (("mail", "delivered"), each),
        (("mail", "summed"), ALERTS / 10 - each),
        (("phone", "delivered"), CRITICAL),
        (("router", "delivered"), ALERTS),
        (("down", "sent"), each),
        (("down", "summed"), ALERTS - each),
    ]);
    assert_eq!(notified, want);
}

#[test]
fn the_end_of_ten_thousand_alerts_is_notified_as_their_beginning_was() {
    let mut scene = IncidentScene::new(receivers());
    storm(&mut scene, ALERTS);
    scene.wait(MINUTE_MS);
    scene.got.clear();
    for number in 0..ALERTS {
        scene.resolve(&format!("s{}/a{number}", number % SERVICES));
    }
    scene.wait(MINUTE_MS);
    let each = CRITICAL + STORM_MAX;
    let of = [("chat", ALERTS, SERVICES), ("mail", ALERTS / 10, SERVICES), ("phone", each, 0)];
    for (name, all, digests) in of {
        let received = ReceivedCounts::of(&scene, name);
        assert_eq!(received.ends, if digests == 0 { CRITICAL } else { each }, "{name}");
        assert_eq!(
            (received.digests.len(), received.ended()),
            (digests, (all - each) as u64),
            "{name}"
        );
        received.check_one_a_service();
    }
    assert_eq!(ReceivedCounts::of(&scene, "router").ends, ALERTS);
    let is_over = |case: &Incident| case.state == IncidentState::Resolved;
    assert_eq!(scene.engine.incidents().filter(|case| is_over(case)).count(), ALERTS);
}

/// What waits for people does not grow with the storm: only its critical part, and the record.
#[test]
fn a_storm_ten_times_as_large_keeps_no_more_waiting() {
    for alerts in [1_000, ALERTS] {
        let mut scene = IncidentScene::new(receivers());
        scene.answers = all_but_down;
        storm(&mut scene, alerts);
        let pending = |receiver: usize| scene.engine.counts(receiver).pending;
        // `chat`, `mail`, `phone`, and `down`, who has had nothing yet.
        let waiting: Vec<usize> = (0..4).map(pending).collect();
        assert_eq!(waiting, [0, 0, 0, alerts / 100 + STORM_MAX]);
        let routed = pending(4);
        assert!(routed <= alerts.min(PENDING_MAX));
        // Three receivers hear of seven services in sum, and what names them has a limit.
        assert_eq!(scene.engine.storms.sizes(), [3, STORM_MAX + 1, 3 * SERVICES, COUNTED_MAX]);
        let digests = scene.rows.keys().filter(|key| matches!(key, RowKey::Digest(_)));
        assert_eq!(digests.count(), 3 * SERVICES);
        assert_eq!(scene.engine.dead().count() + scene.engine.silences().count(), 0);
        assert_eq!(scene.engine.waiting.len(), 0);
        let cases = scene.rows.keys().filter(|key| matches!(key, RowKey::Case(_))).count();
        assert_eq!(cases, alerts, "one row an alert");
        assert_eq!(scene.rows.len(), alerts + waiting[3] + routed + 3 * SERVICES + 1);
    }
}
