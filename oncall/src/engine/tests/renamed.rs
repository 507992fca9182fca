//! Alerts of the service about itself that a store of an earlier version has under former names.

use model::meta::{FORMER_NAMES, current_name};

use super::flapping::episodes;
use super::*;
use crate::engine::flap_counts::FLAP_MS;

fn unreachable(_: &str, _: &Notification, _: Timestamp) -> DeliveryResult {
    failed(FailureReason::Network, None)
}

/// Restarts with the version of today: the alert log is read with current names, the rows of the
/// store are as the earlier version wrote them.
fn upgrade(scene: &mut IncidentScene) {
    for transition in &mut scene.log {
        transition.facts.alert = current_name(&transition.facts.alert).to_owned();
    }
    scene.crash();
}

/// Ends the episode that started first, under the id that it has.
fn end_first(scene: &mut IncidentScene) {
    let mut transition = scene.log.first().unwrap().clone();
    transition.kind = TransitionKind::Resolved;
    transition.facts.at = scene.now;
    transition.reason = Some(EndReason::Cleared);
    scene.log.push(transition);
    scene.receive_from(scene.log.len() - 1);
}

#[test]
fn an_open_incident_and_its_pending_notification_continue_under_the_current_name() {
    for (former, current) in FORMER_NAMES {
        let mut scene = IncidentScene::new(settings(&["log"]));
        scene.answers = unreachable;
        let id = scene.fire(former, Medium);
        scene.wait(0);
        let pending = |scene: &IncidentScene| -> Vec<String> {
            scene.engine.outgoing().map(|row| row.notification.facts.alert.clone()).collect()
        };
        assert_eq!(pending(&scene), [former]);
        upgrade(&mut scene);
        assert_eq!(scene.incident(id).alert, current);
        assert_eq!(pending(&scene), [current]);
        scene.answers = |_, _, _| SENT;
        scene.wait(HOUR_MS);
        end_first(&mut scene);
        scene.wait(MINUTE_MS);
        let got: Vec<(Kind, EpisodeId, &str)> = scene
            .got
            .iter()
            .map(|(_, of, _)| (of.kind, of.incident, of.facts.alert.as_str()))
            .collect();
        assert_eq!(got, [(Kind::Firing, id, current), (Kind::Resolved, id, current)]);
        assert_eq!(scene.engine.open_count(), 0, "nothing is left open under {former}");
        scene.crash();
        assert_eq!(
            (scene.engine.open_count(), scene.incident(id).state),
            (0, IncidentState::Resolved)
        );
    }
}

#[test]
fn a_silence_of_a_former_name_holds_for_the_current_one() {
    let mut scene = IncidentScene::new(settings(&["log"]));
    scene.silence(&["alert=hansho.undelivered"], HOUR_MS);
    upgrade(&mut scene);
    scene.fire("hansho.notification_dropped", High);
    scene.fire("hansho.reload_failed", High);
    scene.wait(MINUTE_MS);
    let alerts: Vec<&str> = scene.got.iter().map(|(_, of, _)| of.facts.alert.as_str()).collect();
    assert_eq!(alerts, ["hansho.reload_failed"]);
}

#[test]
fn a_flap_digest_of_a_former_name_ends_under_its_own_incident() {
    let mut scene = IncidentScene::new(settings(&["log"]));
    episodes(&mut scene, "hansho.held_back", High, 4);
    let digest = scene.got.pop().map(|(_, of, _)| of).unwrap();
    assert_eq!((digest.kind, digest.facts.alert.as_str()), (Kind::Digest, "hansho.held_back"));
    scene.got.clear();
    upgrade(&mut scene);
    scene.wait(2 * FLAP_MS + MINUTE_MS);
    let (_, last, _) = scene.got.last().unwrap();
    assert_eq!((last.kind, last.incident), (Kind::Resolved, digest.incident));
    assert_eq!(last.facts.alert, "hansho.partition_paused");
}
