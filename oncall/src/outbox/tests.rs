use std::collections::{BTreeMap, BTreeSet};

use model::alert_facts::{AlertFacts, Measurement};
use model::notification::FailureReason;
use model::notification::NotificationKind::{self, Firing, Resolved};
use model::severity::Severity;
use model::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use model::transition::EpisodeId;
use proptest::prelude::*;

use super::*;

fn notification(incident: u128, kind: NotificationKind, severity: Severity) -> Notification {
    Notification {
        id: format!("{incident}-{}", kind.name()),
        kind,
        incident: EpisodeId(incident),
        facts: AlertFacts {
            alert: "a".to_owned(),
            severity,
            key: Vec::new(),
            at: Timestamp(0),
            since: Timestamp(0),
        },
        detected: Timestamp(0),
        deadline: None,
        measured: Measurement::default(),
        reason: None,
        message: String::new(),
        reading: String::new(),
        runbook: None,
        labels: Vec::new(),
        by: None,
        missed: None,
        digest: None,
    }
}

/// At the beginning, with a day to go.
const START: Timestamp = Timestamp(0);
const EXPIRES: Timestamp = Timestamp(AGE_MAX_MS);
const SENT: DeliveryResult = DeliveryResult::Sent { receipt: None };

fn outbox() -> Outbox {
    Outbox::new(OutboxLimits::default())
}

fn push(outbox: &mut Outbox, receiver: usize, incident: u128, kind: NotificationKind) {
    let mut pushed = notification(incident, kind, Severity::High);
    if receiver > 0 {
        pushed.id = format!("{}-{receiver}", pushed.id);
    }
    assert_eq!(outbox.push(receiver, pushed, START, EXPIRES), None);
}

fn failed(after_ms: Option<i64>) -> DeliveryResult {
    DeliveryResult::Retry { reason: FailureReason::Server, why: "500".to_owned(), after_ms }
}

fn ids(attempts: &[DeliveryAttempt]) -> Vec<&str> {
    attempts.iter().map(|attempt| attempt.notification.id.as_str()).collect()
}

/// Lets virtual time pass until nothing is pending; the receivers answer each attempt at once.
fn drain(
    outbox: &mut Outbox,
    mut answer: impl FnMut(&DeliveryAttempt, Timestamp) -> DeliveryResult,
) -> Vec<(String, Timestamp, AttemptOutcome)> {
    let mut outcomes = Vec::new();
    let mut now = Timestamp(0);
    while let Some(next) = outbox.next_due() {
        now = now.max(next);
        for attempt in outbox.due(now) {
            let result = answer(&attempt, now);
            let answered = outbox.record(attempt.ticket, result, now).unwrap();
            outcomes.push((answered.notification.id.clone(), now, answered.outcome));
        }
        assert!(outcomes.len() < 100_000, "it never ends");
    }
    outcomes
}

#[test]
fn what_is_pushed_is_attempted_once_in_order_of_urgency() {
    let mut outbox = outbox();
    for (incident, severity) in
        [(1, Severity::Low), (2, Severity::High), (3, Severity::Critical), (4, Severity::High)]
    {
        let pushed = notification(incident, Firing, severity);
        assert_eq!(outbox.push(0, pushed, START, EXPIRES), None);
    }
    assert_eq!(outbox.next_due(), Some(Timestamp(0)));
    let attempts = outbox.due(Timestamp(0));
    assert_eq!(ids(&attempts), ["3-firing", "2-firing", "4-firing", "1-firing"]);
    assert_eq!((outbox.due(Timestamp(0)), outbox.next_due()), (vec![], None));
    for attempt in &attempts {
        let answered = outbox.record(attempt.ticket, SENT, Timestamp(1)).unwrap();
        assert_eq!(answered.outcome, AttemptOutcome::Delivered { receipt: None });
        assert_eq!(answered.attempt, 1);
        assert_eq!(outbox.record(attempt.ticket, SENT, Timestamp(1)), None);
    }
    let want = DeliveryCounts { delivered: 4, ..DeliveryCounts::default() };
    assert_eq!(outbox.counts(0), want);
    assert_eq!(outbox.counts(9), DeliveryCounts::default());
}

#[test]
fn a_resolution_waits_for_its_firing() {
    let mut outbox = outbox();
    push(&mut outbox, 0, 1, Firing);
    push(&mut outbox, 0, 1, Resolved);
    push(&mut outbox, 1, 1, Resolved);
    let attempts = outbox.due(Timestamp(0));
    assert_eq!(ids(&attempts), ["1-firing", "1-resolved-1"]);
    assert_eq!([attempts[0].receiver, attempts[1].receiver], [0, 1]);
    outbox.record(attempts[0].ticket, SENT, Timestamp(1)).unwrap();
    assert_eq!(ids(&outbox.due(Timestamp(1))), ["1-resolved"]);
}

#[test]
fn attempts_in_flight_are_bounded() {
    let mut outbox = outbox();
    for incident in 0..10 {
        push(&mut outbox, 0, incident, Firing);
    }
    let first = outbox.due(Timestamp(0));
    assert_eq!((first.len(), outbox.next_due()), (IN_FLIGHT_MAX, None));
    outbox.record(first[0].ticket, SENT, Timestamp(1)).unwrap();
    assert_eq!(outbox.due(Timestamp(1)).len(), 1);
    assert_eq!((outbox.counts(0).pending, outbox.counts(0).in_flight), (9, IN_FLIGHT_MAX));
}

#[test]
fn a_receiver_that_fails_for_a_minute_gets_everything_in_order_and_delays_only_itself() {
    let mut outbox = outbox();
    for incident in 0..20 {
        for receiver in 0..2 {
            push(&mut outbox, receiver, incident, Firing);
            push(&mut outbox, receiver, incident, Resolved);
        }
    }
    let mut got: [Vec<(u128, NotificationKind, Timestamp)>; 2] = Default::default();
    drain(&mut outbox, |attempt, now| {
        if attempt.receiver == 0 && now < Timestamp(MINUTE_MS) {
            return failed(None);
        }
        let notified = &attempt.notification;
        got[attempt.receiver].push((notified.incident.0, notified.kind, now));
        SENT
    });
    for (receiver, got) in got.iter().enumerate() {
        assert_eq!(got.len(), 40);
        for incident in 0..20 {
            let kinds: Vec<_> = got.iter().filter(|g| g.0 == incident).map(|g| g.1).collect();
            assert_eq!(kinds, [Firing, Resolved], "receiver {receiver}");
        }
    }
    assert!(got[1].iter().all(|(_, _, at)| *at == Timestamp(0)));
    let last = got[0].iter().map(|g| g.2).max().unwrap();
    assert!(last <= Timestamp(MINUTE_MS + BACKOFF_CAP_MS), "{last}");
}

#[test]
fn waits_grow_to_the_cap_are_spread_and_can_be_repeated() {
    let mut seen = BTreeSet::new();
    for attempt in 1..40 {
        let ceiling_ms = BACKOFF_CAP_MS.min(SECOND_MS << (attempt - 1).min(20));
        for incident in 0..50 {
            let id = format!("{incident}-firing");
            let wait_ms = backoff::wait_ms(&id, attempt, None);
            assert!((1..=ceiling_ms).contains(&wait_ms), "{attempt}: {wait_ms}");
            assert_eq!(wait_ms, backoff::wait_ms(&id, attempt, None));
            seen.insert(wait_ms);
        }
    }
    assert!(seen.len() > 1_500, "{} different waits of 1,950", seen.len());
}

#[test]
fn retry_after_is_a_lower_bound_and_pauses_the_receiver() {
    let cases = [
        (Some(30 * SECOND_MS), 30 * SECOND_MS..=30 * SECOND_MS),
        (Some(48 * HOUR_MS), RETRY_AFTER_MAX_MS..=RETRY_AFTER_MAX_MS),
        (Some(0), 1..=BACKOFF_BASE_MS),
        (Some(-5), 1..=BACKOFF_BASE_MS),
        (None, 1..=BACKOFF_BASE_MS),
    ];
    for (after_ms, want) in cases {
        let mut outbox = outbox();
        push(&mut outbox, 0, 1, Firing);
        let first = outbox.due(Timestamp(0));
        let answered = outbox.record(first[0].ticket, failed(after_ms), Timestamp(0)).unwrap();
        let AttemptOutcome::Retrying { at, .. } = answered.outcome else { panic!("{answered:?}") };
        assert!(want.contains(&at.0), "{after_ms:?}: {at:?}");
        // What comes meanwhile waits as well, where the receiver asked for it.
        push(&mut outbox, 0, 2, Firing);
        let other = if after_ms.is_some() { at } else { Timestamp(0) };
        assert_eq!(outbox.next_due(), Some(other), "{after_ms:?}");
        assert_eq!(outbox.due(other.minus(1)), []);
        assert_eq!(outbox.due(at).len(), 2);
    }
}

#[test]
fn giving_up_is_an_outcome_with_a_reason() {
    let mut rejected = outbox();
    push(&mut rejected, 0, 1, Firing);
    push(&mut rejected, 0, 1, Resolved);
    let refuse = |_: &DeliveryAttempt, _| DeliveryResult::Reject {
        reason: FailureReason::Client,
        why: "404".to_owned(),
    };
    let outcomes = drain(&mut rejected, refuse);
    let gone = DeliveryFailure { reason: FailureReason::Client, why: "404".to_owned() };
    let why = DropReason::Rejected(gone);
    assert_eq!(why.to_string(), "the receiver refused it: 404");
    assert_eq!(outcomes[0].2, AttemptOutcome::GaveUp { why });
    assert_eq!((outcomes.len(), rejected.counts(0).rejected), (2, 2));

    let mut dead = outbox();
    push(&mut dead, 0, 1, Firing);
    let outcomes = drain(&mut dead, |_, _| failed(None));
    let (_, at, last) = outcomes.last().unwrap();
    let failure = DeliveryFailure { reason: FailureReason::Server, why: "500".to_owned() };
    assert_eq!(*last, AttemptOutcome::GaveUp { why: DropReason::Expired(Some(failure)) });
    let near_the_end = AGE_MAX_MS - BACKOFF_CAP_MS..=AGE_MAX_MS;
    assert!(near_the_end.contains(&at.0), "{at}");
    assert_eq!((dead.counts(0).expired, dead.counts(0).pending), (1, 0));

    let late = Timestamp(AGE_MAX_MS + 1);
    let old = dead.push(0, notification(2, Firing, Severity::High), late, EXPIRES);
    assert_eq!(old.unwrap().why, DropReason::Expired(None));
    assert_eq!(dead.counts(0).expired, 2);
}

#[test]
fn the_least_severe_gives_way_when_too_many_are_pending() {
    use Severity::{Critical, High, Low};
    // (already pending, pushed last, what leaves); the first is in flight.
    let cases = [
        ([(1, Firing, Low), (2, Firing, Low)], (3, Firing, Critical), "2-firing"),
        ([(1, Firing, Low), (2, Firing, High)], (3, Firing, Low), "3-firing"),
        ([(1, Firing, Low), (2, Resolved, Low)], (3, Firing, Low), "3-firing"),
        ([(1, Firing, Low), (2, Firing, Low)], (1, Resolved, Low), "2-firing"),
        ([(1, Firing, Low), (1, Resolved, Low)], (2, Resolved, Low), "2-resolved"),
        ([(1, Firing, Low), (2, Resolved, High)], (3, Resolved, Critical), "2-resolved"),
    ];
    for (pending, (incident, kind, severity), want) in cases {
        let mut outbox = Outbox::new(OutboxLimits { pending_max: 2, in_flight_max: 1 });
        let mut in_flight = Vec::new();
        for (incident, kind, severity) in pending {
            let pushed = notification(incident, kind, severity);
            assert_eq!(outbox.push(0, pushed, START, EXPIRES), None);
            in_flight.extend(outbox.due(Timestamp(0)));
        }
        let pushed = notification(incident, kind, severity);
        let refusal = outbox.push(0, pushed, START, EXPIRES).unwrap();
        assert_eq!((refusal.notification.id.as_str(), refusal.why), (want, DropReason::QueueFull));
        assert_eq!((outbox.counts(0).pending, outbox.counts(0).queue_full), (2, 1));
        outbox.record(in_flight[0].ticket, SENT, Timestamp(1)).unwrap();
        assert_eq!(drain(&mut outbox, |_, _| SENT).len(), 1, "{want}");
    }
}

/// An outbox that writes down what changes, as a service does.
#[derive(Default)]
struct StoredOutbox(BTreeMap<u64, OutboxEntry>);

impl StoredOutbox {
    fn take(&mut self, outbox: &mut Outbox) {
        for (number, row) in outbox.take_changes() {
            match row {
                Some(row) => self.0.insert(number, row),
                None => self.0.remove(&number),
            };
        }
    }

    fn restart(&self) -> Outbox {
        let mut outbox = outbox();
        self.0.values().for_each(|row| outbox.restore(row.clone()));
        outbox
    }
}

#[test]
fn what_was_written_down_resumes_after_a_restart() {
    let (mut outbox, mut written) = (outbox(), StoredOutbox::default());
    for incident in 1..=3 {
        push(&mut outbox, 0, incident, Firing);
    }
    written.take(&mut outbox);
    let attempts = outbox.due(Timestamp(0));
    outbox.record(attempts[0].ticket, SENT, Timestamp(1)).unwrap();
    let failure = failed(Some(5_000));
    let answered = outbox.record(attempts[1].ticket, failure, Timestamp(1)).unwrap();
    let AttemptOutcome::Retrying { at, failure } = answered.outcome else { panic!("{answered:?}") };
    written.take(&mut outbox);
    assert!(outbox.take_changes().is_empty());

    let mut outbox = written.restart();
    assert_eq!(outbox.counts(0).pending, 2);
    assert_eq!(outbox.row(1).map(|row| (row.attempts, row.failure)), Some((1, Some(failure))));
    assert_eq!(ids(&outbox.due(Timestamp(1))), ["3-firing"]);
    let again = outbox.due(at);
    assert_eq!((ids(&again), again[0].number), (vec!["2-firing"], 2));
    push(&mut outbox, 0, 4, Firing);
    assert!(outbox.row(3).is_some(), "numbers go on");
}

#[test]
fn a_receiver_that_answers_again_wakes_what_waits_for_it() {
    let mut outbox = outbox();
    for incident in 0..8 {
        push(&mut outbox, 0, incident, Firing);
    }
    let mut now = Timestamp(0);
    for _ in 0..40 {
        now = now.max(outbox.next_due().unwrap());
        for attempt in outbox.due(now) {
            outbox.record(attempt.ticket, failed(None), now).unwrap();
        }
    }
    now = now.max(outbox.next_due().unwrap());
    let probes = outbox.due(now);
    assert_eq!(probes.len(), 1, "one attempt at a time, while it fails");
    outbox.record(probes[0].ticket, SENT, now).unwrap();
    assert_eq!(outbox.due(now).len(), IN_FLIGHT_MAX, "nothing waits out its own pause");
}

#[test]
fn attempts_keep_their_distance() {
    let mut outbox = outbox();
    outbox.space_out(0, 1_000);
    for incident in 0..3 {
        push(&mut outbox, 0, incident, Firing);
    }
    let times: Vec<i64> = drain(&mut outbox, |_, _| SENT).iter().map(|it| it.1.0).collect();
    assert_eq!(times, [0, 1_000, 2_000]);
}

#[test]
fn what_says_the_same_again_takes_the_place_of_what_waits() {
    use NotificationKind::{Again, Reminder};
    let mut outbox = outbox();
    for (kind, at) in [(Firing, 0), (Again, 1), (Again, 2), (Reminder, 3), (Reminder, 4)] {
        let pushed = Notification {
            id: format!("{}-{at}", kind.name()),
            ..notification(1, kind, Severity::High)
        };
        assert_eq!(outbox.push(0, pushed, START, EXPIRES), None);
    }
    let notified: Vec<String> =
        drain(&mut outbox, |_, _| SENT).into_iter().map(|it| it.0).collect();
    assert_eq!(notified, ["firing-0", "again-2", "reminder-4"]);
    assert_eq!(outbox.counts(0).collapsed, 2);
}

#[test]
fn who_has_not_received_that_it_began_receives_both_in_one() {
    let mut outbox = outbox();
    let incident = EpisodeId(1);
    push(&mut outbox, 0, 1, Firing);
    let attempts = outbox.due(Timestamp(0));
    assert_eq!(outbox.collapse(0, incident), None, "it may just arrive");
    outbox.record(attempts[0].ticket, failed(None), Timestamp(0)).unwrap();
    let want = MissedDelivery { at: Timestamp(0), why: Some("500".to_owned()) };
    assert_eq!(outbox.collapse(0, incident), Some(want));
    assert_eq!((outbox.collapse(0, incident), outbox.counts(0).pending), (None, 0));
}

#[test]
fn what_is_pending_moves_with_its_receiver_and_is_answered_by_the_same_ticket() {
    let mut outbox = outbox();
    push(&mut outbox, 0, 1, Firing);
    push(&mut outbox, 1, 1, Firing);
    push(&mut outbox, 1, 1, Resolved);
    push(&mut outbox, 1, 2, Firing);
    let attempts = outbox.due(Timestamp(0));
    let of = |receiver: usize| attempts.iter().find(|it| it.receiver == receiver).unwrap().ticket;
    outbox.take_changes();
    outbox.renumber(&[Some(3), Some(0)]);
    assert_eq!(outbox.receiver_of(of(0)), Some(3));
    let moved = |outbox: &Outbox| [0, 1, 3].map(|number| outbox.counts(number).pending);
    assert_eq!((moved(&outbox), outbox.take_changes()), ([3, 0, 1], Vec::new()));

    // What is under way stays; what waits can be taken out and given to someone else.
    outbox.withdraw(of(1));
    outbox.withdraw(of(1));
    assert_eq!(outbox.record(of(1), SENT, Timestamp(0)), None, "that attempt was not made");
    let out = outbox.take_out(0);
    let kinds: Vec<NotificationKind> = out.iter().map(|row| row.notification.kind).collect();
    assert_eq!((kinds.as_slice(), moved(&outbox)), (&[Firing, Resolved][..], [1, 0, 1]));
    assert!(out.iter().all(|row| row.attempts == 0));
    for row in out {
        assert_eq!(outbox.readdress(OutboxEntry { receiver: 1, ..row }), None);
    }
    outbox.bound(OutboxLimits { pending_max: 2, in_flight_max: 1 });
    let again = outbox.due(Timestamp(0));
    assert_eq!(again.iter().map(|it| it.receiver).collect::<Vec<_>>(), [1]);
    assert!(outbox.record(of(0), SENT, Timestamp(0)).is_some());
    assert_eq!(moved(&outbox), [1, 2, 0]);
    let row = outbox.row(0).or(outbox.row(1)).unwrap();
    assert_eq!(row.attempts, 1, "the one in flight");
    push(&mut outbox, 2, 5, Firing);
    outbox.renumber(&[Some(2), Some(0), Some(1)]);
    assert_eq!(moved(&outbox), [2, 1, 0]);
}

proptest! {
    /// Dies before or after any send and any write, and starts anew from what was written.
    #[test]
    fn a_crash_at_any_step_loses_nothing_and_repeats_only_under_the_same_id(
        steps in prop::collection::vec((0u8..10, 0u8..10), 0..200),
    ) {
        let log: Vec<(usize, Notification)> = (0..6)
            .flat_map(|n| [(n, Firing), (n, Resolved)])
            .flat_map(|(n, kind)| [0, 1].map(|to| (to, notification(n, kind, Severity::High))))
            .map(|(to, it)| (to, Notification { id: format!("{}-{to}", it.id), ..it }))
            .collect();
        let mut steps = steps.into_iter();
        let mut now = Timestamp(0);
        let mut written = StoredOutbox::default();
        let mut pushed = 0;
        let mut received: BTreeMap<String, u32> = BTreeMap::new();
        let mut first_received: Vec<String> = Vec::new();
        let mut crashed_after_send = 0;
        'run: loop {
            let mut outbox = written.restart();
            while let Some((to, notified)) = log.get(pushed) {
                prop_assert_eq!(outbox.push(*to, notified.clone(), START, EXPIRES), None);
                pushed += 1;
                written.take(&mut outbox);
            }
            while let Some(next) = outbox.next_due() {
                now = now.max(next);
                for attempt in outbox.due(now) {
                    let (answer, crash) = steps.next().unwrap_or((9, 9));
                    if crash == 0 {
                        continue 'run;
                    }
                    let id = attempt.notification.id.clone();
                    let result = match answer {
                        0 | 1 => failed(None),
                        2 => failed(Some(20 * SECOND_MS)),
                        _ => SENT,
                    };
                    if result == SENT {
                        *received.entry(id.clone()).or_default() += 1;
                        first_received.push(id.clone());
                    }
                    if crash == 1 {
                        crashed_after_send += u32::from(result == SENT);
                        continue 'run;
                    }
                    outbox.record(attempt.ticket, result, now).unwrap();
                    written.take(&mut outbox);
                }
            }
            break;
        }
        let want: BTreeSet<&String> = log.iter().map(|(_, notified)| &notified.id).collect();
        prop_assert_eq!(received.keys().collect::<BTreeSet<_>>(), want);
        let repeats: u32 = received.values().map(|times| times - 1).sum();
        prop_assert_eq!(repeats, crashed_after_send, "only an unrecorded send repeats");
        for n in 0..6 {
            for to in 0..2 {
                let place = |kind: &str| {
                    first_received.iter().position(|id| *id == format!("{n}-{kind}-{to}"))
                };
                prop_assert!(place("firing") < place("resolved"));
            }
        }
    }
}
