//! Other settings while things are open and pending.

use super::*;

impl IncidentScene {
    /// The settings are edited and reloaded.
    fn reload(&mut self, settings: OnCallSettings) {
        self.settings = settings.clone();
        self.engine.reconfigure(settings, OutboxLimits::default(), "signal", self.now);
        self.write();
    }

    /// The settings are edited and the service started anew.
    fn restart_with(&mut self, settings: OnCallSettings) {
        self.settings = settings;
        self.crash();
    }

    /// All that is kept but what people did, and the numbers of what is kept in an order: a
    /// restart may give them anew.
    fn kept(&self) -> Vec<OnCallRow> {
        let read = |text: &String| serde_json::from_str::<OnCallRow>(text).unwrap();
        let rows = self.rows.values().map(read).filter(|row| !matches!(row, OnCallRow::Audit(_)));
        let unnumbered = rows.map(|row| match row {
            OnCallRow::Outgoing(name, row) => {
                OnCallRow::Outgoing(name, OutboxEntry { number: 0, ..row })
            }
            OnCallRow::Dead(dead) => OnCallRow::Dead(DeadNotification { number: 0, ..dead }),
            row => row,
        });
        unnumbered.collect()
    }

    fn attempts(&mut self) -> Vec<DeliveryAttempt> {
        self.engine.tick(self.now);
        self.engine.due(self.now)
    }

    fn dead(&self) -> Vec<(String, Kind, String)> {
        let dead = self.engine.dead();
        dead.map(|it| (it.receiver.clone(), it.notification.kind, it.why.to_string())).collect()
    }

    fn pending(&self) -> Vec<(String, Kind)> {
        let pending = self.engine.outgoing();
        pending.map(|it| (self.engine.name_of(it.receiver), it.notification.kind)).collect()
    }
}

/// Receivers by name, each with who stands in for it; everybody hears everything.
fn standing_in(all: &[(&str, Option<&str>)]) -> OnCallSettings {
    let of = |(name, fallback): &(&str, Option<&str>)| Receiver {
        fallback: fallback.map(str::to_owned),
        ..receiver(name)
    };
    let receivers = all.iter().map(of).collect();
    OnCallSettings { routing: RoutingTable::to_all(receivers), ..OnCallSettings::default() }
}

/// The same, but only the first hears of what happens.
fn first_of(all: &[(&str, Option<&str>)]) -> OnCallSettings {
    let settings = standing_in(all);
    let default = vec![all[0].0.to_owned()];
    OnCallSettings { routing: settings.routing.by(Vec::new(), default), ..settings }
}

fn unreachable(_: &str, _: &Notification, _: Timestamp) -> DeliveryResult {
    failed(FailureReason::Network, None)
}

const NO_MORE: &str = "its receiver is not configured any more";

#[test]
fn what_is_new_goes_to_the_new_and_what_was_notified_ends_where_it_began() {
    let mut scene = IncidentScene::new(settings(&["old", "both"]));
    let id = scene.fire("cpu", High);
    scene.wait(MINUTE_MS);
    scene.got();
    scene.reload(settings(&["new", "both"]));
    scene.wait(MINUTE_MS);
    assert_eq!(scene.got(), [], "nobody is told anew");
    scene.fire("disk", High);
    scene.wait(MINUTE_MS);
    assert_eq!(scene.got(), [at("new", Kind::Firing, 2), at("both", Kind::Firing, 2)]);
    scene.resolve("cpu");
    scene.wait(MINUTE_MS);
    assert_eq!(scene.got(), [at("both", Kind::Resolved, 3)]);
    assert_eq!(scene.incident(id).state, IncidentState::Resolved);
    // Who comes back hears the end of what it was told.
    scene.reload(settings(&["old", "new"]));
    scene.fire("net", High);
    scene.wait(0);
    scene.reload(settings(&["new"]));
    scene.wait(MINUTE_MS);
    scene.reload(settings(&["old"]));
    scene.resolve("net");
    scene.got();
    scene.wait(MINUTE_MS);
    assert_eq!(scene.got(), [at("old", Kind::Resolved, 5)]);
    let audit: Vec<&str> = scene.engine.audit().map(|it| it.what.as_str()).collect();
    assert_eq!(audit, ["reload on-call settings"; 4]);
}

#[test]
fn what_is_queued_stays_with_its_receiver_in_its_order() {
    let mut scene = IncidentScene::new(settings(&["a", "b"]));
    scene.answers = unreachable;
    scene.fire("cpu", High);
    scene.fire("disk", High);
    scene.wait(MINUTE_MS);
    let id = scene.engine.incidents().next().unwrap().id;
    scene.act(id, IncidentAction::Acknowledge).unwrap();
    let of_b = |scene: &IncidentScene| -> Vec<OutboxEntry> {
        let number = scene.engine.settings().routing.number("b").unwrap();
        let rows = scene.engine.outgoing().filter(|row| row.receiver == number);
        rows.map(|row| OutboxEntry { receiver: 0, ..row }).collect()
    };
    let before = of_b(&scene);
    assert_eq!(before.len(), 3);
    scene.reload(settings(&["b", "c"]));
    assert_eq!(of_b(&scene), before);
    scene.answers = |_, _, _| SENT;
    scene.wait(10 * MINUTE_MS);
    let order: Vec<(String, Kind)> =
        scene.got.iter().map(|(name, of, _)| (name.clone(), of.kind)).collect();
    assert!(order.iter().all(|(name, _)| name == "b"), "{order:?}");
    let of_one = scene.got.iter().filter(|it| it.1.incident == id).map(|it| it.1.kind);
    assert_eq!(of_one.collect::<Vec<_>>(), [Kind::Firing, Kind::Acknowledged]);
}

#[test]
fn what_waits_for_who_is_no_more_goes_to_the_stand_in_or_is_a_dead_letter() {
    let line = [("a", Some("b")), ("b", Some("c")), ("c", None)];
    // After the reload: who has what is pending, and what is given up.
    type After = (&'static [&'static str], &'static [(&'static str, Kind)], usize);
    let cases: [After; 4] = [
        (&["a", "b", "c"], &[("a", Kind::Firing), ("a", Kind::Acknowledged)], 0),
        (&["b", "c"], &[("b", Kind::Firing), ("b", Kind::Acknowledged)], 0),
        (&["c"], &[("c", Kind::Firing), ("c", Kind::Acknowledged)], 0),
        (&["d"], &[], 2),
    ];
    for (names, pending, dead) in cases {
        let mut scenes = [IncidentScene::new(first_of(&line)), IncidentScene::new(first_of(&line))];
        for scene in &mut scenes {
            scene.answers = unreachable;
            let id = scene.fire("cpu", High);
            scene.wait(MINUTE_MS);
            scene.act(id, IncidentAction::Acknowledge).unwrap();
        }
        let [reloaded, restarted] = &mut scenes;
        reloaded.reload(settings(names));
        restarted.restart_with(settings(names));
        assert_eq!(reloaded.kept(), restarted.kept(), "a restart comes to the same: {names:?}");
        for scene in &mut scenes {
            let want: Vec<(String, Kind)> =
                pending.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
            assert_eq!(scene.pending(), want, "{names:?}");
            let gone = scene.dead();
            assert!(gone.iter().all(|it| it.0 == "a" && it.2 == NO_MORE), "{gone:?}");
            assert_eq!((gone.len(), scene.engine.take_refused().len()), (dead, dead));
            scene.answers = |_, _, _| SENT;
            scene.wait(6 * MINUTE_MS);
            scene.crash();
            let notified: Vec<String> = scene.got.iter().map(|it| it.1.id.clone()).collect();
            assert_eq!(notified.len(), pending.len());
            let case = scene.engine.incidents().next().unwrap();
            let written = case.receivers.get("a") == Some(&DeliveryState::Failed);
            assert!(written || names.contains(&"a"), "{case:?}");
            for (name, _) in pending {
                assert!(
                    matches!(case.receivers[*name], DeliveryState::Delivered { .. }),
                    "{case:?}"
                );
            }
        }
    }
}

#[test]
fn a_stand_in_that_receives_of_it_anyway_receives_it_once() {
    let mut scene = IncidentScene::new(standing_in(&[("a", Some("b")), ("b", None)]));
    scene.answers = |name, _, _| match name {
        "a" => failed(FailureReason::Network, None),
        _ => SENT,
    };
    scene.fire("cpu", High);
    scene.wait(MINUTE_MS);
    scene.reload(settings(&["b"]));
    scene.wait(HOUR_MS);
    assert_eq!(scene.got(), [at("b", Kind::Firing, 0)]);
    assert_eq!(scene.dead(), [("a".to_owned(), Kind::Firing, NO_MORE.to_owned())]);
}

#[test]
fn an_attempt_under_way_is_answered_whatever_was_reloaded_meanwhile() {
    let answers = [
        (SENT, Vec::new(), Vec::new()),
        (failed(FailureReason::Server, None), vec![("b", Kind::Firing)], Vec::new()),
        (
            DeliveryResult::Reject { reason: FailureReason::Client, why: "400".to_owned() },
            vec![("b", Kind::Firing)],
            vec!["the receiver refused it: 400"],
        ),
    ];
    for (answer, pending, dead) in answers {
        for crashes in [false, true] {
            let mut scene = IncidentScene::new(first_of(&[("a", Some("b")), ("b", None)]));
            let id = scene.fire("cpu", Critical);
            let attempts = scene.attempts();
            assert_eq!(attempts.len(), 1);
            scene.reload(settings(&["x", "b"]));
            assert_eq!(scene.engine.receiver_of(attempts[0].ticket), Some(2));
            assert_eq!(scene.attempts(), [], "it is not made twice");
            // A second reload, which takes nothing from what is under way either.
            scene.reload(settings(&["b"]));
            assert_eq!(scene.pending(), [("a".to_owned(), Kind::Firing)]);
            if crashes {
                scene.crash();
                assert_eq!(scene.pending(), [("b".to_owned(), Kind::Firing)]);
                continue;
            }
            let notified =
                scene.engine.record(attempts[0].ticket, answer.clone(), scene.now).unwrap();
            assert_eq!(notified.receiver, "a");
            scene.write();
            let want: Vec<(String, Kind)> =
                pending.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
            assert_eq!(scene.pending(), want);
            assert_eq!(scene.dead().iter().map(|it| it.2.as_str()).collect::<Vec<_>>(), dead);
            let notified = &scene.incident(id).receivers["a"];
            let is_delivered = matches!(notified, DeliveryState::Delivered { .. });
            assert_eq!(is_delivered, answer == SENT, "{notified:?}");
            // Who stood in for somebody who is gone is of no account any more.
            let kept = |scene: &IncidentScene| {
                let rows = scene.kept().into_iter();
                rows.filter(|row| !matches!(row, OnCallRow::Fallbacks(_))).collect::<Vec<_>>()
            };
            let before = kept(&scene);
            scene.crash();
            assert_eq!(kept(&scene), before);
            assert_eq!(scene.engine.findings(scene.now), []);
        }
    }
}

#[test]
fn a_receiver_that_was_mended_is_tried_at_once() {
    let mut scene = IncidentScene::new(settings(&["a", "b"]));
    scene.answers = |_, _, _| failed(FailureReason::RateLimited, Some(HOUR_MS));
    scene.fire("cpu", Low);
    scene.wait(10 * MINUTE_MS);
    scene.answers = |_, _, _| SENT;
    scene.reload(settings(&["x", "b", "a"]));
    scene.engine.reach_anew(2, scene.now);
    scene.wait(MINUTE_MS);
    assert_eq!(scene.got(), [at("a", Kind::Firing, 10)], "nothing has changed for the other");
    scene.wait(HOUR_MS);
    assert_eq!(scene.got(), [at("b", Kind::Firing, 60)]);
}

#[test]
fn who_comes_back_while_an_attempt_is_under_way_has_it() {
    let mut scene = IncidentScene::new(settings(&["a", "b"]));
    scene.fire("cpu", High);
    let attempts = scene.attempts();
    scene.reload(settings(&["b"]));
    scene.reload(settings(&["c", "b", "a"]));
    let mut numbers: Vec<_> =
        attempts.iter().map(|it| scene.engine.receiver_of(it.ticket)).collect();
    numbers.sort();
    assert_eq!(numbers, [Some(1), Some(2)]);
    for attempt in attempts {
        let answer = failed(FailureReason::Server, None);
        scene.engine.record(attempt.ticket, answer, scene.now).unwrap();
    }
    scene.write();
    scene.wait(MINUTE_MS);
    let mut got = scene.got();
    got.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(got, [at("a", Kind::Firing, 0), at("b", Kind::Firing, 0)]);
}

fn steps(minutes: &[(i64, &str)], repeat: u32) -> OnCallSettings {
    let step = |(after, who): &(i64, &str)| policy::EscalationStep {
        after_ms: after * MINUTE_MS,
        receivers: vec![(*who).to_owned()],
    };
    let steps = minutes.iter().map(step).collect();
    OnCallSettings {
        policies: vec![EscalationPolicy { name: "core".to_owned(), steps, repeat }],
        ..policy()
    }
}

#[test]
fn an_incident_resumes_at_its_step_and_keeps_its_deadline() {
    // What is told after the reload in minute 15, when `boss` would have been next in minute 20.
    type After = (OnCallSettings, Vec<(String, Kind, i64)>);
    let notified = |name: &str, minute| at(name, Kind::Escalated, minute);
    let unnamed = OnCallSettings { policies: Vec::new(), ..settings(&["chat", "pager", "boss"]) };
    let cases: [After; 4] = [
        (steps(&[(0, "chat"), (10, "pager"), (20, "boss")], 0), vec![notified("boss", 20)]),
        (
            steps(&[(0, "chat"), (5, "boss"), (30, "pager"), (40, "boss")], 0),
            vec![notified("pager", 20), notified("boss", 40)],
        ),
        (steps(&[(0, "chat"), (10, "boss")], 0), vec![notified("boss", 20)]),
        (unnamed, vec![notified("chat", 20), notified("pager", 20)]),
    ];
    for (settings, want) in cases {
        let mut scenes = [IncidentScene::new(policy()), IncidentScene::new(policy())];
        for scene in &mut scenes {
            scene.fire("cpu", Critical);
            scene.wait(15 * MINUTE_MS);
            scene.got();
        }
        let [reloaded, restarted] = &mut scenes;
        let slow = |severity| {
            let level = settings.levels.level(severity).clone();
            SeverityPolicy { respond_within_ms: Some(2 * HOUR_MS), remind_every_ms: None, ..level }
        };
        let levels = settings.levels.clone().with(Critical, slow(Critical));
        let settings = OnCallSettings { levels, ..settings };
        reloaded.reload(settings.clone());
        restarted.restart_with(settings);
        assert_eq!(reloaded.kept(), restarted.kept());
        for scene in &mut scenes {
            let case = scene.engine.incidents().next().unwrap().clone();
            assert_eq!(case.deadline, Some(Timestamp(30 * MINUTE_MS)));
            scene.wait(HOUR_MS);
            assert_eq!(scene.got(), want);
            assert!(scene.incident(case.id).is_breached);
        }
    }
}

#[test]
fn what_is_explained_follows_the_inhibitions_of_now() {
    let inhibition = |source: &str| Inhibition {
        source: matchers(&[source]),
        target: matchers(&["alert=cpu"]),
        equal: vec!["host".to_owned()],
    };
    let of = |inhibitions| OnCallSettings { inhibitions, ..settings(&["pager"]) };
    let mut scene = IncidentScene::new(of(vec![inhibition("alert=host_down")]));
    scene.fire("host_down", High);
    scene.fire("net_down", High);
    scene.fire("cpu", Medium);
    scene.wait(MINUTE_MS);
    assert_eq!(scene.kinds().len(), 2);
    scene.reload(of(vec![inhibition("alert=x"), inhibition("alert=net_down")]));
    scene.wait(MINUTE_MS);
    assert_eq!(scene.kinds(), [], "something else explains it now");
    scene.resolve("net_down");
    scene.wait(MINUTE_MS);
    assert_eq!(scene.kinds(), [Kind::Resolved, Kind::Firing]);
}

#[test]
fn what_is_notified_in_sum_goes_to_the_stand_in_too() {
    let line = [("a", Some("b")), ("b", None)];
    for (names, received) in [(&["b"][..], 1), (&["c"], 0)] {
        let mut scenes = [IncidentScene::new(first_of(&line)), IncidentScene::new(first_of(&line))];
        for scene in &mut scenes {
            for number in 0..STORM_MAX + 3 {
                scene.fire(&format!("a{number}"), Low);
            }
            scene.wait(SECOND_MS);
            scene.got.clear();
        }
        let [reloaded, restarted] = &mut scenes;
        reloaded.reload(settings(names));
        restarted.restart_with(settings(names));
        assert_eq!(reloaded.kept(), restarted.kept());
        for scene in &mut scenes {
            scene.wait(MINUTE_MS);
            let digests: Vec<_> = scene.got.iter().filter_map(|it| it.1.digest.clone()).collect();
            assert_eq!(digests.iter().map(|it| it.news).collect::<Vec<_>>(), vec![3; received]);
            let dead: Vec<Kind> = scene.dead().into_iter().map(|it| it.1).collect();
            assert_eq!(dead, vec![Kind::Digest; 1 - received]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is reloaded whenever: who starts anew with the new settings comes to the same,
    /// the auditor finds nothing, and everything that was to be told is told or given up.
    #[test]
    fn a_reload_at_any_moment_is_a_restart_with_other_settings(
        script in prop::collection::vec((0u8..6, 0u8..3, any::<bool>(), 0usize..6), 1..40),
    ) {
        let choices = [
            standing_in(&[("a", Some("b")), ("b", Some("a"))]),
            first_of(&[("b", None), ("c", Some("b"))]),
            first_of(&[("c", Some("a")), ("a", Some("b")), ("b", None)]),
            standing_in(&[("d", None)]),
            policy(),
            steps(&[(0, "chat"), (5, "boss")], 1),
        ];
        let mut scene = IncidentScene::new(choices[0].clone());
        for (step, which, answers, choice) in script {
            let alert = ["cpu", "disk", "net"][usize::from(which)];
            scene.answers = if answers { |_, _, _| SENT } else { unreachable };
            let open = scene.engine.episodes.open().any(|(name, _)| name == alert);
            let id = scene.log.iter().rev().find(|it| it.facts.alert == alert).map(|it| it.episode);
            match step {
                0 | 1 if !open => { scene.fire(alert, Critical); }
                2 if open => scene.resolve(alert),
                3 => if let Some(id) = id { let _ = scene.act(id, IncidentAction::Acknowledge); }
                _ => {}
            }
            // Some attempts are under way when it happens.
            let under_way = if which == 0 { scene.attempts() } else { Vec::new() };
            let written = scene.rows.clone();
            scene.reload(choices[choice].clone());
            if under_way.is_empty() {
                let mut other = IncidentScene::new(scene.settings.clone());
                (other.rows, other.log, other.now) = (written, scene.log.clone(), scene.now);
                other.crash();
                prop_assert!(other.kept() == scene.kept());
            }
            for attempt in under_way {
                let answer = if answers { SENT } else { failed(FailureReason::Server, None) };
                scene.engine.record(attempt.ticket, answer, scene.now).unwrap();
            }
            scene.write();
            scene.wait(3 * MINUTE_MS);
        }
        scene.answers = |_, _, _| SENT;
        scene.wait(30 * MINUTE_MS);
        prop_assert_eq!(scene.engine.outgoing().count(), 0);
        for case in scene.engine.incidents() {
            let is_settled = |state: &DeliveryState| {
                matches!(state, DeliveryState::Delivered { .. } | DeliveryState::Failed)
            };
            prop_assert!(case.receivers.values().all(is_settled), "{:?}", case);
        }
    }
}
