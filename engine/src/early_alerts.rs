//! Early alerts that no settled episode has confirmed yet.
//!
//! An early alert settles as an episode as long as the rules stay the same. When they change, or
//! when an event that was on time is late after a restart, the instant of an early alert may settle
//! without an episode. Then the early alert is withdrawn, so that it does not stay open for its
//! receivers.

use std::collections::{BTreeMap, BTreeSet};

use model::alert_facts::{AlertFacts, Measurement};
use model::key::encode_key;
use model::time::Timestamp;
use model::transition::{EarlyAlert, EndReason, NamedKeyPart, Transition, TransitionKind};

use crate::program::Program;

/// Early alerts of a log that are not settled, by alert and key: the first of each.
#[derive(Debug, Default)]
pub struct PendingEarlyAlerts {
    // INVARIANT: none of a key with an open episode: receivers take further ones as part of it.
    notices: BTreeMap<(String, Vec<u8>), EarlyAlert>,
    /// Open settled episodes.
    firing: BTreeSet<(String, Vec<u8>)>,
    /// By alert and key: the newest settled instant in the replayed log. Until shards have reached
    /// it again, they may announce what is settled.
    marks: BTreeMap<(String, Vec<u8>), Timestamp>,
    /// True when the log is replayed: from then on early alerts precede their settled transitions.
    is_read: bool,
}

impl PendingEarlyAlerts {
    /// Records an early alert, in the order of the log.
    pub fn announce(&mut self, early: &EarlyAlert) {
        let place = place(&early.facts.alert, &early.facts.key);
        let is_settled = self.marks.get(&place).is_some_and(|mark| early.facts.at <= *mark);
        if !is_settled && !self.firing.contains(&place) {
            self.notices.entry(place).or_insert_with(|| early.clone());
        }
    }

    /// Records a settled transition, in the order of the log: an episode confirms the early alert
    /// of its key.
    pub fn settle(&mut self, transition: &Transition) {
        let place = place(&transition.facts.alert, &transition.facts.key);
        let of_notice = self.notices.get(&place).map(|early| early.episode);
        match transition.kind {
            TransitionKind::Firing => {
                self.notices.remove(&place);
                self.firing.insert(place.clone());
            }
            TransitionKind::Resolved if of_notice == Some(transition.episode) => {
                self.notices.remove(&place);
            }
            TransitionKind::Resolved => drop(self.firing.remove(&place)),
            TransitionKind::Changed | TransitionKind::Again => {}
        }
        if !self.is_read {
            let mark = self.marks.entry(place).or_insert(transition.facts.at);
            *mark = (*mark).max(transition.facts.at);
        }
    }

    /// Ends the replay of the log: what follows is emitted for the first time.
    pub const fn finish_replay(&mut self) {
        self.is_read = true;
    }

    /// True when no early alert is pending.
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty()
    }

    /// Ends of early alerts whose instants have settled without an episode. `settled` is the
    /// instant up to which each stream is evaluated; the early alerts of removed rules end at once.
    ///
    /// A condition that is true at the early alert fires once the `for` of its rule has passed. The
    /// end lies just after that: everything up to there is emitted, and all else is later.
    pub fn withdrawn(&self, program: &Program, settled: &[Timestamp]) -> Vec<Transition> {
        let over = self.notices.values().filter_map(|early| {
            let Some(rule) = program.rule(&early.facts.alert) else {
                return Some(end_of(early, early.facts.at, EndReason::RuleChanged));
            };
            let of = |stream: &usize| settled.get(*stream).copied();
            let settled = rule.streams.iter().filter_map(of).min()?;
            let fires_by = early.facts.at.plus(rule.for_ms());
            (settled >= fires_by).then(|| end_of(early, fires_by, EndReason::Cleared))
        });
        over.collect()
    }
}

/// Builds the end of an early alert that has not fired up to an instant.
fn end_of(early: &EarlyAlert, fires_by: Timestamp, reason: EndReason) -> Transition {
    Transition {
        kind: TransitionKind::Resolved,
        facts: AlertFacts {
            alert: early.facts.alert.clone(),
            severity: early.facts.severity,
            key: early.facts.key.clone(),
            at: fires_by.plus(1),
            since: early.facts.at,
        },
        measured: Measurement::default(),
        peak: early.measured.value,
        reason: Some(reason),
        episode: early.episode,
        count: 0,
        fields: early.fields.clone(),
        tops: Vec::new(),
    }
}

fn place(alert: &str, key: &[NamedKeyPart]) -> (String, Vec<u8>) {
    (alert.to_owned(), encode_key(key.iter().map(|(_, value)| value)))
}

#[cfg(test)]
mod tests {
    use model::key::KeyValue;
    use model::severity::Severity;
    use model::transition::EpisodeId;

    use super::*;
    use crate::sample::{alert, rule_set};

    fn early(at: i64) -> EarlyAlert {
        EarlyAlert {
            facts: AlertFacts {
                alert: "a".to_owned(),
                severity: Severity::High,
                key: vec![("host".to_owned(), KeyValue::Text("x".to_owned()))],
                at: Timestamp(at),
                since: Timestamp(at),
            },
            measured: Measurement::default(),
            episode: EpisodeId(at as u128),
            count: 3,
            fields: Vec::new(),
        }
    }

    fn firing(at: i64) -> Transition {
        let kind = TransitionKind::Firing;
        Transition {
            kind,
            facts: AlertFacts {
                at: Timestamp(at),
                ..end_of(&early(at), Timestamp(at), EndReason::Cleared).facts
            },
            ..end_of(&early(at), Timestamp(at), EndReason::Cleared)
        }
    }

    #[test]
    fn what_settles_without_an_episode_is_withdrawn_once() {
        let mut announced = PendingEarlyAlerts::default();
        announced.settle(&firing(4));
        announced.announce(&early(4));
        assert!(announced.is_empty(), "a notice of what is settled announces nothing");
        announced.settle(&end_of(&early(4), Timestamp(4), EndReason::Cleared));
        announced.announce(&early(10));
        announced.announce(&early(12));
        announced.finish_replay();
        let mut waits = alert("a");
        waits.for_ms = 2;
        let program = Program::compile(&rule_set(&["s"], vec![waits])).unwrap();
        let gone = Program::compile(&rule_set(&["s"], Vec::new())).unwrap();
        let at = |announced: &PendingEarlyAlerts, program: &Program, settled: i64| {
            let ends = announced.withdrawn(program, &[Timestamp(settled)]).into_iter();
            ends.map(|end| (end.facts.at.0, end.episode.0, end.reason)).collect::<Vec<_>>()
        };
        assert_eq!(at(&announced, &program, 11), []);
        assert_eq!(at(&announced, &program, 12), [(13, 10, Some(EndReason::Cleared))]);
        assert_eq!(at(&announced, &gone, 0), [(11, 10, Some(EndReason::RuleChanged))]);
        let ends = announced.withdrawn(&gone, &[]);
        announced.settle(&ends[0]);
        assert!(announced.is_empty());
        // An earlier episode of its key takes it, and all that comes while that fires.
        announced.announce(&early(20));
        announced.settle(&firing(18));
        announced.announce(&early(21));
        assert_eq!(at(&announced, &program, 99), []);
        announced.settle(&end_of(&early(18), Timestamp(18), EndReason::Cleared));
        announced.announce(&early(22));
        assert_eq!(at(&announced, &program, 99), [(25, 22, Some(EndReason::Cleared))]);
    }
}
