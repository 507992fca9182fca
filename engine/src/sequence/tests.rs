use proptest::prelude::*;

use super::*;

const WITHIN_MS: i64 = 10;

fn origin(offset: usize) -> EventOrigin {
    EventOrigin { stream: 0, partition: 0, offset: offset as i64, index: 0 }
}

/// True when the last event ends a sequence, tried start by start: the steps each event is in are
/// bits.
fn naive(events: &[(i64, u32)], steps: usize, first_count: usize) -> bool {
    let Some(((end, last), before)) = events.split_last() else {
        return false;
    };
    let inside: Vec<u32> =
        before.iter().filter(|(time, _)| end - time < WITHIN_MS).map(|(_, steps)| *steps).collect();
    let mut wanted = vec![0; first_count];
    wanted.extend(1..steps - 1);
    let mut rest = inside.iter();
    let has_all = wanted.iter().all(|step| rest.any(|steps| steps >> step & 1 == 1));
    has_all && last >> (steps - 1) & 1 == 1
}

proptest! {
    #[test]
    fn a_sequence_is_found_wherever_there_is_one(
        draws in prop::collection::vec((0_i64..4, 1_u32..8), 0..40),
        steps in 2_usize..4,
        first_count in 1_usize..4,
    ) {
        let mut sequence = SequenceState::new(steps, first_count as u32, WITHIN_MS);
        let mut events: Vec<(i64, u32)> = Vec::new();
        let mut now = 0;
        for (offset, (later, bits)) in draws.into_iter().enumerate() {
            now += later;
            if later > 0 {
                // What was told of the instant before is over.
                prop_assert!(!sequence.matches(now));
            }
            events.push((now, bits));
            for step in (0..steps as u8).filter(|step| bits >> step & 1 == 1) {
                sequence.take_in(step, now, origin(offset));
            }
            let of_now = (0..events.len()).filter(|at| events[*at].0 == now);
            let want = of_now.into_iter().any(|at| naive(&events[..=at], steps, first_count));
            prop_assert_eq!(sequence.matches(now), want, "{:?}", events);
        }
        prop_assert!(sequence.is_over(now + WITHIN_MS));
    }

    #[test]
    fn an_obligation_runs_out_unless_it_is_discharged_in_time(
        draws in prop::collection::vec((0_i64..7, 1_u32..4), 0..40),
    ) {
        let mut now = 0;
        let events: Vec<(i64, u32)> = draws
            .into_iter()
            .map(|(later, steps)| {
                now += later;
                (now, steps)
            })
            .collect();
        let due = |(at, (begun, steps)): (usize, &(i64, u32))| {
            let after = events.iter().skip(at + 1);
            let mut in_time = after.take_while(|(time, _)| *time <= begun + WITHIN_MS);
            let is_discharged = in_time.any(|(_, steps)| steps & 2 > 0);
            (steps & 1 > 0 && !is_discharged).then_some(begun + WITHIN_MS)
        };
        let mut want: Vec<i64> = events.iter().enumerate().filter_map(due).collect();
        want.dedup();
        let mut obligations = PendingFollowUps::new(WITHIN_MS);
        let mut emitted = Vec::new();
        for instant in 0..=now + WITHIN_MS {
            for (offset, (_, steps)) in
                events.iter().enumerate().filter(|(_, (time, _))| *time == instant)
            {
                for step in (0..2_u8).filter(|step| steps >> step & 1 == 1) {
                    obligations.take_in(step, instant, origin(offset));
                }
            }
            emitted.extend(obligations.matches(instant).then_some(instant));
        }
        prop_assert_eq!(emitted, want);
        prop_assert_eq!(obligations.next_due(), None);
    }
}
