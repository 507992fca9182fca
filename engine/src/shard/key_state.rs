//! State of one (alert, key): windows, trigger, episode and next due instant.

mod snapshot;

use model::alert_facts::{AlertFacts, Measurement};
use model::decimal::Decimal;
use model::key::{KeyValue, decode_key, encode_key};
use model::time::Timestamp;
use model::transition::{EndReason, NamedKeyPart, Transition, TransitionKind};
use rules_dsl::rule::{AbsenceRoster, Alert, Trigger};

use crate::aggregate::sooner;
use crate::calendar_gate::CalendarOpening;
use crate::condition::{ConditionState, EvaluationContext, FirstEvents, waits_for_ms};
use crate::episode::{Episode, EpisodeEvent, EpisodeEvents, Evaluation, MeasuredTruth, rung_of};
use crate::identity::episode_id;
use crate::key_thresholds::KeyThresholds;
use crate::keys::KeyId;
use crate::measure_value::MeasureValue;
use crate::program::{InputRole, RulePlan};
use crate::reorder::BufferedObservation;
use crate::timer::StateTimer;

use super::boundary::RestoredEpisode;
use super::fields::EncodedFields;
use super::trigger_state::TriggerState;
pub use snapshot::StateDue;

/// Owner of a state: index of a rule in the program, and a key.
pub type StateKey = (u32, KeyId);

/// State of one (alert, key).
#[derive(Debug)]
pub struct KeyState {
    pub(super) place: StateKey,
    measures: ConditionState,
    evidence: TriggerState,
    levels: KeyThresholds,
    /// Last instant that these levels apply to.
    levels_until: i64,
    pub(super) episode: Episode,
    /// Truth at the last evaluation, in the calendar or out of it.
    pub(super) truth: bool,
    pub(super) alarm: StateTimer,
    /// Set where only the opening of a calendar is awaited: no running timer.
    pub(super) opening: StateTimer,
    /// Instant at which it was last queued for evaluation.
    touched: i64,
    /// True when it holds sightings that no delta of its rule contains yet.
    pub(super) is_fresh: bool,
    /// Fields of the event that the message shows; boxed, as few messages do.
    fields: Option<Box<EncodedFields>>,
}

/// An instant and what holds at it for all keys of a rule.
#[derive(Clone, Copy, Debug)]
pub struct SettledInstant {
    pub now: i64,
    /// A previous run published transitions up to here.
    pub published: i64,
    /// Opening of the rule's calendar.
    pub open: CalendarOpening,
    /// Instant of the first event of the rule's streams.
    pub first: FirstEvents,
    /// True on replay when an episode was open that a calendar ended later.
    pub was_open: bool,
}

impl KeyState {
    pub(super) fn new(place: StateKey, plan: &RulePlan, key: &[u8]) -> KeyState {
        let (alert, levels_until) = plan.wording(i64::MIN);
        let condition = alert.trigger.condition();
        let measures = condition.map(|condition| ConditionState::new(condition, &plan.windows));
        KeyState {
            place,
            measures: measures.unwrap_or_default(),
            evidence: TriggerState::new(&alert.trigger),
            levels: KeyThresholds::new(alert, key),
            levels_until,
            episode: Episode::default(),
            truth: false,
            alarm: StateTimer::default(),
            opening: StateTimer::default(),
            touched: i64::MIN,
            is_fresh: false,
            fields: None,
        }
    }

    /// Accounts for versions of the rule that evaluate after the one that evaluated `settled`.
    pub(super) fn advance(&mut self, settled: i64, plan: &RulePlan) {
        self.levels_until = self.levels_until.min(plan.wording(settled).1);
    }

    /// Restores an episode that a previous run left open.
    pub(super) fn reopen(&mut self, open: &RestoredEpisode, alert: &Alert) {
        let since = open.since.0;
        self.episode = Episode::reopened(since, open.peak, open.severity, alert);
        // The fields are not known where an edited message shows other fields.
        if !open.fields.is_empty()
            && open.fields.iter().map(|(name, _)| name).eq(&alert.message_fields)
        {
            let fired = encode_key(open.fields.iter().map(|(_, value)| value));
            self.fields.get_or_insert_default().fired = fired;
        }
        // A key seen in the last day is replayed; an expected key may have been seen too long ago.
        // If a calendar opened the episode, the key was absent before.
        if let Trigger::Absent { within_ms, roster, .. } = &alert.trigger
            && !matches!(roster, AbsenceRoster::Seen(_))
        {
            self.expect(since.saturating_sub(*within_ms), alert);
        }
    }

    /// Starts the absence of its key at an instant, if the rule is an absence rule.
    pub(super) fn expect(&mut self, from: i64, alert: &Alert) {
        if matches!(alert.trigger, Trigger::Absent { .. }) {
            self.evidence = TriggerState::since(from, &alert.trigger);
        }
    }

    /// Restores a sighting of a previous run; they come in the order of their instants.
    pub(super) fn recall(&mut self, value: i128, at: i64) {
        self.evidence.recall(value, at);
    }

    /// Values seen after an instant, each with its last instant.
    pub(super) fn seen_since(&self, after: i64) -> Vec<(i128, i64)> {
        self.evidence.seen_since(after)
    }

    /// Adds an observation of the instant `now`; false when there is no room for it.
    pub(super) fn apply(
        &mut self,
        input: InputRole,
        now: i64,
        waiting: &BufferedObservation,
        plan: &RulePlan,
    ) -> bool {
        if !waiting.fields.is_empty() {
            let fields = self.fields.get_or_insert_default();
            fields.take_in(now, &waiting.fields, !plan.alert.tops.is_empty());
        }
        match input {
            InputRole::Window { window, part } => {
                self.measures.insert(window, part, now, waiting.value, &plan.windows);
                true
            }
            InputRole::Step(step) => self.evidence.take_in(step, now, waiting),
        }
    }

    /// True on the first call for the instant `now`: the state is not queued for evaluation yet.
    pub(super) fn touch(&mut self, now: i64) -> bool {
        let is_first = self.touched != now;
        self.touched = now;
        is_first
    }

    /// Returns true when the instant `now` emits nothing: the value is known, and the condition as
    /// true or false as before. The effects of [`KeyState::evaluate`] are then applied.
    pub(super) fn stays(&mut self, now: i64, plan: &RulePlan) -> bool {
        let (Some(comparison), [window]) = (plan.glance, &*plan.windows) else {
            return false;
        };
        // Previous versions that still apply, or are about to, need the full evaluation.
        if self.levels_until < i64::MAX || now < plan.begins {
            return false;
        }
        self.measures.advance(now, &plan.windows);
        // Without events there may be nothing left to keep.
        if self.measures.is_silent() {
            return false;
        }
        let Some((value, was_true)) = self.measures.glance(window) else {
            return false;
        };
        let level = self.levels.evaluated(self.episode.is_firing());
        if comparison.holds(value.compare(level)) != was_true {
            return false;
        }
        self.measures.confirm();
        let met = was_true.then(|| self.levels.met(&value)).flatten();
        let known = MeasuredTruth { truth: was_true, value: &value, met };
        self.episode.stays(now, known, comparison, &plan.alert)
    }

    /// Next instant that needs an evaluation without an event, after an instant that has changed
    /// nothing.
    pub(super) fn next_due(&self, now: i64, plan: &RulePlan) -> Option<i64> {
        // Further events never make such a value fall earlier.
        let known = self.alarm.due().filter(|due| *due > now);
        if plan.only_gains && self.measures.is_any_true() && known.is_some() {
            return known;
        }
        sooner(self.next_change(plan), self.episode.next_due(&plan.alert))
    }

    /// Instant at which the measures may next change the truth without an event.
    fn next_change(&self, plan: &RulePlan) -> Option<i64> {
        // While a rising trigger is false, entries that leave cannot make it true, nor unknown
        // before the window is empty: only the last one matters, after which the state can be
        // dropped. While it is true, they matter once so many have left that the value no longer
        // meets its level. A previous version may have compared the other way.
        let only_gains = plan.only_gains && self.levels_until == i64::MAX;
        match (&*plan.windows, only_gains) {
            (_, true) if !self.measures.is_any_true() => self.measures.next_empty(&plan.windows),
            ([window], true) => {
                let value = self.measures.glance(window).map(|(value, _)| value);
                let Some((value, compare)) = value.zip(plan.alert.shown()) else {
                    return self.measures.next_change(&plan.windows);
                };
                let level = match self.levels.met(&value) {
                    Some(rung) => self.levels.of_rung(rung),
                    None => self.levels.evaluated(self.episode.is_firing()),
                };
                self.measures.next_fall(compare.comparison, level, window)
            }
            _ => self.measures.next_change(&plan.windows),
        }
    }

    /// Evaluates an instant; instants up to the published one are replayed and emit nothing.
    /// Returns the episode's events and the measured value.
    pub(super) fn evaluate(
        &mut self,
        at: &SettledInstant,
        plan: &RulePlan,
        key: &[u8],
    ) -> (EpisodeEvents, Option<MeasureValue>) {
        let (alert, until) = plan.wording(at.now);
        if at.now > self.levels_until {
            (self.levels, self.levels_until) = (KeyThresholds::new(alert, key), until);
        }
        self.measures.advance(at.now, &plan.windows);
        let verdict = self.verdict(at, plan);
        if at.now <= at.published {
            // Within `for` and `keep` of the end of the replay, in any version of the rule, the
            // replay has read everything that a window or `hold` reaches back to. From there on
            // every instant is evaluated, so the last one is exact.
            let is_whole = at.now >= at.published.saturating_sub(plan.running_ms());
            self.episode.rehearse(at.now, &verdict, is_whole, alert);
            return (EpisodeEvents::new(), None);
        }
        if alert.trigger.is_momentary() {
            return (self.episode.mark(at.now, &verdict, alert), None);
        }
        let step = self.episode.evaluate(at.now, &verdict, alert);
        if matches!(step, Some(EpisodeEvent::Ended { .. })) {
            // Without an open episode, the level decides again instead of `clear`.
            self.verdict(at, plan);
        }
        (step.into_iter().collect(), verdict.value)
    }

    fn verdict(&mut self, at: &SettledInstant, plan: &RulePlan) -> Evaluation {
        let mut verdict = self.verdict_by_day_and_night(at, plan);
        self.truth = verdict.truth;
        if !at.open.is_open {
            verdict.truth = false;
            verdict.ends = Some(EndReason::Calendar);
        }
        verdict
    }

    /// Evaluates the condition without its calendar.
    fn verdict_by_day_and_night(&mut self, at: &SettledInstant, plan: &RulePlan) -> Evaluation {
        let (now, alert) = (at.now, plan.wording(at.now).0);
        let is_firing = self.episode.is_firing() || at.was_open;
        let evaluated = alert.trigger.condition().map(|condition| {
            let evaluating = EvaluationContext {
                condition,
                windows: &plan.windows,
                level: self.levels.evaluated(is_firing),
                hold_ms: alert.hold_ms,
                first: alert.by.is_empty().then_some(at.first),
                // A key is evaluated while it has events or an open episode: a key that stops
                // sending is the concern of absence rules, not of a low count.
                forgets_silence: plan.forgets_silence && !is_firing,
            };
            self.measures.evaluate(now, &evaluating)
        });
        let truth = match (&mut self.evidence, &alert.trigger) {
            (TriggerState::Windows, _) => {
                let Some(evaluated) = evaluated else {
                    return Evaluation::default();
                };
                let rung = evaluated.value.as_ref().and_then(|value| self.levels.met(value));
                let ends = evaluated.ran_out.then_some(EndReason::NoData);
                return Evaluation { truth: evaluated.truth, ends, value: evaluated.value, rung };
            }
            (TriggerState::Any(newest), _) => {
                *newest == Some(now) && evaluated.is_none_or(|evaluated| evaluated.truth)
            }
            (TriggerState::Sequence(sequence), _) => sequence.matches(now),
            (TriggerState::ThenNot(obligations), _) => obligations.matches(now),
            (TriggerState::Absent(absence), _) => {
                let ends = absence.is_forgotten(now).then_some(EndReason::Forgotten);
                return Evaluation { truth: absence.is_true(now), ends, ..Evaluation::default() };
            }
            (TriggerState::New(novelty), Trigger::New { learn_ms, .. }) => {
                novelty.forget(now);
                let has_learnt = |first: i64| now >= first.saturating_add(*learn_ms);
                novelty.matches(now) && at.first.is_some_and(has_learnt)
            }
            (TriggerState::New(_), _) => false,
        };
        Evaluation { truth, ..Evaluation::default() }
    }

    /// Value of a watch at `now`, up to which everything is evaluated.
    pub(super) fn value(
        &mut self,
        now: i64,
        plan: &RulePlan,
        first: FirstEvents,
    ) -> Option<Decimal> {
        let condition = plan.alert.trigger.condition()?;
        let is_keyed = !plan.alert.by.is_empty();
        self.measures.advance(now, &plan.windows);
        // The value of a silent key ends with its windows, whenever the state is dropped; without
        // keys there is a value once every stream has had an event.
        let shows = if is_keyed { !self.measures.is_empty() } else { first.is_some() };
        let first = (!is_keyed).then_some(first);
        let value = self.measures.value(now, condition, &plan.windows, first);
        value.filter(|_| shows)?.decimal()
    }

    /// Fields of the event that fired the episode.
    pub(super) fn fired_fields(&self, alert: &Alert) -> Vec<NamedKeyPart> {
        self.fields.as_deref().map_or_else(Vec::new, |of| named_fields(alert, &of.fired))
    }

    /// Builds the transition of an episode event; `value` is the measured value at `now`.
    pub(super) fn emit(
        &mut self,
        step: EpisodeEvent,
        value: Option<&MeasureValue>,
        now: i64,
        plan: &RulePlan,
        key: &[u8],
    ) -> Transition {
        let (alert, evaluated_by) = (&plan.alert, plan.wording(now).0);
        let (kind, since, severity) = match step {
            EpisodeEvent::Fired { since, severity } => (TransitionKind::Firing, since, severity),
            EpisodeEvent::Changed { since, severity } => (TransitionKind::Changed, since, severity),
            EpisodeEvent::Matched { since, severity } => (TransitionKind::Again, since, severity),
            EpisodeEvent::Ended { since, severity, .. } => {
                (TransitionKind::Resolved, since, severity)
            }
        };
        let (peak, reason) = match step {
            EpisodeEvent::Ended { peak, reason, .. } => (peak, Some(reason)),
            _ => (None, None),
        };
        if let Some(fields) = &mut self.fields
            && matches!(kind, TransitionKind::Firing | TransitionKind::Again)
        {
            let is_fresh = fields.at == now;
            fields.fired = if is_fresh { fields.newest.clone() } else { Vec::new() };
        }
        let fields = self.fields.as_deref();
        let fired = fields.map_or(&[][..], |fields| &fields.fired);
        let has_value = matches!(self.evidence, TriggerState::Windows);
        Transition {
            kind,
            facts: AlertFacts {
                alert: alert.name.clone(),
                severity,
                key: named_key(alert, key),
                at: Timestamp(now),
                since: Timestamp(since),
            },
            measured: Measurement {
                value: value.and_then(MeasureValue::decimal),
                threshold: has_value.then(|| self.levels.of_rung(rung_of(evaluated_by, severity))),
            },
            peak,
            reason,
            episode: episode_id(&alert.name, key, Timestamp(since)),
            count: if has_value { self.measures.events() } else { 0 },
            fields: named_fields(alert, fired),
            tops: fields.map_or_else(Vec::new, |fields| fields.tops(now, alert)),
        }
    }

    /// True when the state can be dropped.
    pub(super) fn is_over(&self, now: i64, plan: &RulePlan) -> bool {
        // The condition of an event trigger is evaluated only at its events, and without events it
        // does not change: only a truth held while unknown would be lost.
        let remembers = match self.evidence {
            TriggerState::Any(_) => self.measures.is_any_held(),
            _ => self.measures.is_any_true(),
        };
        self.episode.is_inactive()
            && !plan.is_seeded
            && self.measures.is_empty()
            && !remembers
            && self.evidence.is_over(now)
    }

    /// Next instant that needs an evaluation without an event, and next opening of the calendar, if
    /// nothing happens before.
    pub(super) fn next_dues(
        &self,
        at: &SettledInstant,
        plan: &RulePlan,
    ) -> (Option<i64>, Option<i64>) {
        let (now, alert) = (at.now, plan.wording(at.now).0);
        let is_inactive = self.episode.is_inactive();
        let change = self.next_change(plan);
        let held = !is_inactive || self.measures.is_any_true();
        let held_until = held.then(|| self.measures.held_until(alert.hold_ms, now)).flatten();
        // Without keys a value becomes known once the streams are old enough. That matters to event
        // triggers as well: the known truth is held for them.
        let waits = alert.trigger.condition().filter(|_| alert.by.is_empty());
        let is_known = waits.zip(at.first).and_then(|(condition, first)| {
            let waits = condition.compares.iter().filter_map(|it| waits_for_ms(condition, it));
            waits.map(|ms| first.saturating_add(ms)).filter(|due| *due > now).min()
        });
        let closing = (at.open.is_open && !is_inactive).then_some(at.open.until).flatten();
        let opening = (!at.open.is_open && self.truth).then_some(at.open.until).flatten();
        let [begins, ends] = self.evidence.next_dues();
        // On replay a `for` or `keep` may have expired without ending anything.
        let own = self.episode.next_due(alert);
        let turn = plan.next_turn(now);
        let dues = [change, held_until, is_known, own, closing, begins, ends, turn];
        (dues.into_iter().flatten().filter(|due| *due > now).min(), opening)
    }
}

pub(super) fn named_key(alert: &Alert, key: &[u8]) -> Vec<NamedKeyPart> {
    named(alert.by.iter().map(|part| &part.name), key)
}

pub(super) fn named_fields(alert: &Alert, fields: &[u8]) -> Vec<NamedKeyPart> {
    named(alert.message_fields.iter(), fields)
}

fn named<'a>(names: impl Iterator<Item = &'a String>, bytes: &[u8]) -> Vec<NamedKeyPart> {
    let values: Vec<KeyValue> = decode_key(bytes).unwrap_or_default();
    names.cloned().zip(values).collect()
}
