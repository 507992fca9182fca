//! An alert that begins and ends again and again: who hears what of it, and when.

use model::notification::Digest;

use super::*;
use crate::engine::flap_counts::{FLAP_MS, TURNS_MAX};

/// So many minutes it is open, and so many it is not.
const OPEN_MS: i64 = MINUTE_MS;

fn episode(scene: &mut IncidentScene, alert: &str, severity: Severity) -> EpisodeId {
    let id = scene.fire(alert, severity);
    scene.wait(OPEN_MS);
    scene.resolve(alert);
    scene.wait(OPEN_MS);
    id
}

pub(super) fn episodes(scene: &mut IncidentScene, alert: &str, severity: Severity, many: usize) {
    for _ in 0..many {
        episode(scene, alert, severity);
    }
}

/// Digests of a receiver: how often it began, and how often it ended.
fn sums(scene: &IncidentScene) -> Vec<(u64, u64)> {
    let digests = scene.got.iter().filter_map(|(_, of, _)| of.digest.as_deref());
    let flapping = digests.filter(|digest| digest.is_flapping);
    flapping.map(|Digest { news, ended, .. }| (*news, *ended)).collect()
}

#[test]
fn what_begins_and_ends_again_and_again_is_notified_in_sum_once_an_hour() {
    let mut scene = IncidentScene::new(settings(&["log"]));
    episodes(&mut scene, "cpu", High, 3);
    let one_by_one = [Kind::Firing, Kind::Resolved].repeat(3);
    assert_eq!(scene.kinds(), one_by_one, "six turns are told one by one");

    let id = episode(&mut scene, "cpu", High);
    assert!(scene.incident(id).is_flapping);
    assert_eq!(sums(&scene), [(4, 3)], "the seventh is told in sum, at once");
    let began = scene.got.last().map(|(_, of, _)| of.incident).unwrap();
    assert_eq!(scene.kinds(), [Kind::Digest]);
    episodes(&mut scene, "cpu", High, 5);
    assert_eq!(scene.kinds(), [], "what follows within the hour is not told");
    // Another key or alert has nothing to do with it.
    episode(&mut scene, "disk", High);
    assert_eq!(scene.kinds(), [Kind::Firing, Kind::Resolved]);

    // It had begun to flap six minutes after the start.
    scene.wait(6 * MINUTE_MS + FLAP_MS - scene.now.0);
    assert_eq!(sums(&scene), [(5, 6)], "an hour later: what happened in it");
    assert_eq!(scene.kinds(), [Kind::Digest]);
    scene.wait(FLAP_MS);
    let over = scene.got.last().map(|(_, of, _)| (of.kind, of.incident)).unwrap();
    assert_eq!(over, (Kind::Resolved, began), "what began with the first of them ends");
    assert_eq!(scene.kinds(), [Kind::Resolved], "it has been quiet for an hour");
    let id = episode(&mut scene, "cpu", High);
    assert!(!scene.incident(id).is_flapping);
    assert_eq!(scene.kinds(), [Kind::Firing, Kind::Resolved]);
    assert_eq!(scene.engine.incidents().count(), 11, "each is on record");
}

#[test]
fn what_is_most_severe_is_notified_each_time_and_so_is_anything_to_a_router() {
    let router = Receiver { is_router: true, ..receiver("router") };
    let all = OnCallSettings {
        routing: RoutingTable::to_all(vec![receiver("log"), router]),
        ..OnCallSettings::default()
    };
    let mut scene = IncidentScene::new(all);
    episodes(&mut scene, "cpu", Critical, 9);
    let by_name = |scene: &IncidentScene, name: &str, kind: Kind| {
        scene.got.iter().filter(|(to, of, _)| to == name && of.kind == kind).count()
    };
    let counts = |scene: &IncidentScene, name: &str| {
        [Kind::Firing, Kind::Resolved, Kind::Digest].map(|kind| by_name(scene, name, kind))
    };
    assert_eq!(counts(&scene, "log"), [9, 9, 0]);
    scene.got.clear();
    episodes(&mut scene, "disk", High, 9);
    assert_eq!(counts(&scene, "log"), [3, 3, 1]);
    assert_eq!(counts(&scene, "router"), [9, 9, 0]);
}

#[test]
fn who_was_notified_it_by_itself_is_notified_its_end() {
    let mut scene = IncidentScene::new(settings(&["log"]));
    episodes(&mut scene, "cpu", Medium, 3);
    scene.kinds();
    let id = scene.fire("cpu", Medium);
    scene.wait(MINUTE_MS);
    let since = scene.incident(id).since;
    scene.notify(TransitionKind::Changed, "cpu", High, since);
    scene.wait(MINUTE_MS);
    scene.notify(TransitionKind::Resolved, "cpu", High, since);
    scene.wait(MINUTE_MS);
    assert_eq!(scene.kinds(), [Kind::Digest, Kind::Changed, Kind::Resolved]);
}

/// Nobody took it on, and it did not end: it must not stay unheard of.
#[test]
fn what_stays_open_is_escalated_and_notified_by_itself_when_it_is_quiet() {
    let levels = SeverityPolicies::default();
    let quiet = levels.level(Low).respond_within_ms;
    assert_eq!(quiet, None, "nothing is due of it before the hour is over");
    let mut scene = IncidentScene::new(settings(&["log"]));
    episodes(&mut scene, "cpu", Low, 3);
    scene.kinds();
    scene.fire("cpu", Low);
    scene.wait(FLAP_MS + 2 * MINUTE_MS);
    assert_eq!(scene.kinds(), [Kind::Digest, Kind::Resolved, Kind::Firing]);
    scene.resolve("cpu");
    scene.wait(MINUTE_MS);
    assert_eq!(scene.kinds(), [Kind::Resolved]);

    let mut scene = IncidentScene::new(settings(&["log"]));
    episodes(&mut scene, "cpu", High, 3);
    scene.kinds();
    scene.fire("cpu", High);
    scene.wait(FLAP_MS + 30 * MINUTE_MS);
    let notified = scene.kinds();
    let want = [Kind::Digest, Kind::Resolved, Kind::Firing, Kind::Escalated];
    assert_eq!(notified, want, "nobody responded in time");
}

/// A step of the policy tells people that no route does.
#[test]
fn who_is_named_by_a_step_alone_is_notified_too_when_it_is_quiet() {
    let mut of = settings(&["log", "boss"]);
    let log = vec!["log".to_owned()];
    let everything =
        Route { matchers: Vec::new(), receivers: log.clone(), mute: None, during: None };
    of.routing = of.routing.by(vec![everything], log);
    let mut scene = IncidentScene::new(of);
    episodes(&mut scene, "cpu", Low, 3);
    let id = scene.fire("cpu", Low);
    let mut case = scene.engine.take(id).unwrap();
    scene.engine.notify_named(&mut case, &["boss".to_owned()], Kind::Firing, scene.now);
    scene.engine.put(case);
    scene.wait(FLAP_MS + 2 * MINUTE_MS);
    let notified = |name: &str| {
        let notified = scene.got.iter().filter(|(to, ..)| to == name).map(|(_, of, _)| of.kind);
        notified.skip_while(|kind| *kind != Kind::Digest).collect::<Vec<_>>()
    };
    assert_eq!(notified("log"), [Kind::Digest, Kind::Resolved, Kind::Firing]);
    assert_eq!(notified("boss"), notified("log"));
}

#[test]
fn a_roll_up_is_silenced_like_anything_else_and_its_end_is_not() {
    let mut scene = IncidentScene::new(settings(&["log"]));
    episodes(&mut scene, "cpu", High, 4);
    scene.kinds();
    scene.silence(&["alert=cpu"], FLAP_MS);
    for _ in 0..25 {
        episode(&mut scene, "cpu", High);
    }
    scene.wait(6 * MINUTE_MS + FLAP_MS - scene.now.0);
    assert_eq!(scene.kinds(), [], "the hour is over, and it is silenced");
    scene.wait(FLAP_MS);
    assert_eq!(scene.kinds(), [Kind::Resolved]);
}

/// Not a roll-up for each, where very much flaps.
#[test]
fn where_much_flaps_that_too_is_notified_in_sum() {
    let mut scene =
        IncidentScene::new(OnCallSettings { storm_max: 4, flap_max: 1, ..settings(&["log"]) });
    let alerts: Vec<String> = (0..40).map(|number| format!("pay/a{number}")).collect();
    for _ in 0..2 {
        for alert in &alerts {
            scene.fire(alert, Low);
        }
        scene.now = scene.now.plus(SECOND_MS);
        alerts.iter().for_each(|alert| scene.resolve(alert));
        scene.now = scene.now.plus(SECOND_MS);
    }
    scene.wait(2 * MINUTE_MS);
    let digests = scene.kinds().into_iter().filter(|kind| *kind == Kind::Digest).count();
    assert!(digests <= 4 + 2, "{digests}");
}

#[test]
fn none_flaps_where_none_is_to() {
    let mut scene = IncidentScene::new(OnCallSettings { flap_max: 0, ..settings(&["log"]) });
    episodes(&mut scene, "cpu", Low, 9);
    assert_eq!(scene.kinds(), [Kind::Firing, Kind::Resolved].repeat(9));
}

#[test]
fn a_crash_at_any_step_changes_nothing_that_is_notified() {
    let run = |crashes: bool| {
        let mut scene = IncidentScene::new(settings(&["log", "mail"]));
        for round in 0..40 {
            let alert = ["cpu", "disk"][round % 2];
            scene.fire(alert, if round % 2 == 0 { High } else { Low });
            if crashes {
                scene.crash();
            }
            scene.wait(OPEN_MS * (1 + round as i64 % 3));
            if crashes {
                scene.crash();
            }
            scene.resolve(alert);
            if crashes {
                scene.crash();
            }
            scene.wait(OPEN_MS * (1 + round as i64 % 7));
        }
        scene.wait(3 * FLAP_MS);
        let notified: Vec<String> =
            scene.got.iter().map(|(to, of, at)| format!("{to} {} {}", of.id, at.0)).collect();
        notified
    };
    let calm = run(false);
    assert!(calm.iter().any(|notified| notified.contains("digest")));
    assert_eq!(run(true), calm);
}

#[test]
fn what_is_counted_is_bounded() {
    let mut scene = IncidentScene::new(settings(&["log"]));
    for _ in 0..TURNS_MAX {
        scene.fire("cpu", Low);
        scene.now = scene.now.plus(1);
        scene.resolve("cpu");
        scene.now = scene.now.plus(1);
    }
    assert_eq!(scene.engine.flaps.sizes(), [1, TURNS_MAX]);
    for hour in 0..20 {
        for number in 0..400 {
            scene.fire(&format!("a{hour}-{number}"), Low);
        }
        scene.now = scene.now.plus(FLAP_MS);
    }
    let [lines, _] = scene.engine.flaps.sizes();
    assert!(lines < 2_000, "{lines}");
}
