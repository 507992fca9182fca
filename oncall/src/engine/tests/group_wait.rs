//! Delay of first notifications for a cause that may still open.

use super::*;

/// A host that is down explains what is wrong on it.
fn inhibited(receivers: &[&str]) -> OnCallSettings {
    let down = Inhibition {
        source: matchers(&["alert=down"]),
        target: matchers(&["alert=~cpu|disk"]),
        equal: vec!["host".to_owned()],
    };
    OnCallSettings { inhibitions: vec![down], ..settings(receivers) }
}

fn seconds(scene: &IncidentScene) -> Vec<(Kind, i64)> {
    scene.got.iter().map(|(_, of, at)| (of.kind, at.0 / SECOND_MS)).collect()
}

#[test]
fn what_explains_it_may_come_later() {
    let mut scene = IncidentScene::new(inhibited(&["log"]));
    let id = scene.fire("cpu", High);
    scene.wait(20 * SECOND_MS);
    assert_eq!(seconds(&scene), []);
    scene.fire("down", Critical);
    scene.wait(MINUTE_MS);
    assert_eq!(seconds(&scene), [(Kind::Firing, 20)], "of what is down, and of nothing else");
    assert!(
        scene
            .incident(id)
            .timeline
            .iter()
            .any(|it| matches!(it.what, crate::timeline::IncidentEvent::Suppressed { .. }))
    );
    scene.resolve("down");
    scene.wait(MINUTE_MS);
    let notified: Vec<Kind> = scene.kinds();
    assert_eq!(notified, [Kind::Firing, Kind::Resolved, Kind::Firing], "what stays is told then");
}

#[test]
fn only_what_could_be_explained_waits_and_what_is_most_severe_never() {
    let mut scene = IncidentScene::new(inhibited(&["log"]));
    scene.fire("latency", Low);
    scene.fire("disk", Critical);
    scene.wait(SECOND_MS);
    assert_eq!(scene.kinds(), [Kind::Firing; 2]);
    scene.fire("cpu", Medium);
    scene.wait(29 * SECOND_MS);
    assert_eq!(scene.kinds(), []);
    scene.wait(SECOND_MS);
    assert_eq!(scene.kinds(), [Kind::Firing]);
    let mut scene = IncidentScene::new(settings(&["log"]));
    scene.fire("cpu", Medium);
    scene.wait(SECOND_MS);
    assert_eq!(scene.kinds(), [Kind::Firing], "nothing explains anything here");
}

#[test]
fn it_counts_from_the_event_also_after_a_restart() {
    for crashes_at in 0..30 {
        let mut scene = IncidentScene::new(inhibited(&["log"]));
        scene.fire("cpu", High);
        scene.wait(crashes_at * SECOND_MS);
        scene.crash();
        scene.wait(MINUTE_MS);
        assert_eq!(seconds(&scene), [(Kind::Firing, 30)], "a crash after {crashes_at} s");
    }
}

#[test]
fn what_is_over_meanwhile_is_notified_in_one() {
    let mut scene = IncidentScene::new(inhibited(&["log"]));
    scene.fire("cpu", High);
    scene.wait(10 * SECOND_MS);
    scene.resolve("cpu");
    scene.wait(MINUTE_MS);
    let missed = scene.got.first().and_then(|(_, of, _)| of.missed.clone()).unwrap();
    assert_eq!((missed.at, missed.why), (Timestamp(0), None));
    assert_eq!(seconds(&scene), [(Kind::Resolved, 10)]);
}

#[test]
fn a_rise_to_what_never_waits_is_notified_at_once() {
    let mut scene = IncidentScene::new(inhibited(&["log"]));
    scene.fire("cpu", High);
    scene.wait(10 * SECOND_MS);
    let since = Timestamp(0);
    scene.notify(TransitionKind::Changed, "cpu", Critical, since);
    scene.wait(MINUTE_MS);
    assert_eq!(seconds(&scene), [(Kind::Firing, 10)]);
}

/// Who asks for help does not wait for explanations.
#[test]
fn escalating_by_hand_ends_it() {
    let mut scene = IncidentScene::new(inhibited(&["log"]));
    let id = scene.fire("cpu", High);
    scene.wait(5 * SECOND_MS);
    scene.act(id, IncidentAction::Escalate).unwrap();
    scene.wait(SECOND_MS);
    assert_eq!(scene.kinds().first(), Some(&Kind::Firing));
}
