//! One (alert, key): its window, its episode, and when to look at it again.

use model::key::{KeyValue, decode_key};
use model::time::Timestamp;
use model::transition::{KeyPart, Transition, TransitionKind};
use rules_dsl::rule::{Alert, Comparison, Measure};

use crate::episode::{Episode, Step};
use crate::identity::episode_id;
use crate::keys::KeyId;
use crate::reorder::Waiting;
use crate::timer::Alarm;
use crate::window::Window;

/// Whose state it is: index of a rule in the program, and a key.
pub type Place = (u32, KeyId);

/// What one (alert, key) has come to.
#[derive(Debug)]
pub struct State {
    pub(super) place: Place,
    pub(super) window: Window,
    pub(super) episode: Episode,
    pub(super) alarm: Alarm,
    /// The instant at which it was last put on the list to be judged.
    touched: i64,
    /// Unknown before this instant: the low side of a rule without keys.
    pub(super) silent_until: i64,
    /// Where the message shows fields of the event, and apart: few messages do.
    fields: Option<Box<Fields>>,
}

/// Fields of an alert's events, encoded as a key is.
#[derive(Debug, Default)]
struct Fields {
    /// Instant of the newest observation.
    at: i64,
    newest: Vec<u8>,
    fired: Vec<u8>,
}

impl State {
    pub(super) fn new(place: Place, alert: &Alert) -> State {
        State {
            place,
            window: Window::new(alert),
            episode: Episode::default(),
            alarm: Alarm::default(),
            touched: i64::MIN,
            silent_until: i64::MIN,
            fields: None,
        }
    }

    /// Adds an observation of the instant `now`.
    pub(super) fn apply(&mut self, input: u8, now: i64, waiting: &Waiting) {
        self.window.insert(input, now, waiting.value);
        if !waiting.fields.is_empty() {
            let fields = self.fields.get_or_insert_default();
            fields.at = now;
            fields.newest.clear();
            fields.newest.extend_from_slice(&waiting.fields);
        }
    }

    /// Whether it is the first time in the instant `now` that there is reason to judge it.
    pub(super) fn touch(&mut self, now: i64) -> bool {
        let is_first = self.touched != now;
        self.touched = now;
        is_first
    }

    /// Judges the instant `now`; up to `published` an earlier run has told what changed.
    pub(super) fn judge(&mut self, now: i64, published: i64, alert: &Alert) -> Step {
        self.window.advance(now);
        // A key is judged while it has events or an episode: one that has gone silent is
        // for absence rules to notice, not for a low count.
        let is_silent = !alert.by.is_empty() && self.window.is_silent();
        if is_silent && counts_nothing_as_zero(&alert.trigger.measure) {
            self.episode.forget_pending();
            if !self.episode.is_firing() {
                return Step::Quiet;
            }
        }
        let measured = self.window.measured(alert.trigger.min_events);
        let measured = measured.filter(|_| now >= self.silent_until);
        if now <= published {
            // One tail before its end the rehearsal has read all that a window reaches back to.
            let is_whole = now >= published.saturating_sub(alert.tail_ms());
            self.episode.rehearse(now, measured, is_whole, alert);
            return Step::Quiet;
        }
        self.episode.judge(now, measured, alert)
    }

    /// What an instant's step is told as.
    pub(super) fn tell(
        &mut self,
        step: Step,
        now: i64,
        alert: &Alert,
        key: &[u8],
    ) -> Option<Transition> {
        let (kind, since, peak, reason) = match step {
            Step::Quiet => return None,
            Step::Fired { since } => (TransitionKind::Firing, since, None, None),
            Step::Ended { since, peak, reason } => {
                (TransitionKind::Resolved, since, peak, Some(reason))
            }
        };
        if let Some(fields) = &mut self.fields
            && kind == TransitionKind::Firing
        {
            let is_fresh = fields.at == now;
            fields.fired = if is_fresh { fields.newest.clone() } else { Vec::new() };
        }
        let fired = self.fields.as_ref().map_or(&[][..], |fields| &fields.fired);
        let measured = self.window.measured(alert.trigger.min_events);
        Some(Transition {
            kind,
            alert: alert.name.clone(),
            severity: alert.severity,
            key: named_key(alert, key),
            at: Timestamp(now),
            since: Timestamp(since),
            value: measured.and_then(|measured| measured.decimal()),
            threshold: Some(alert.trigger.level),
            peak,
            reason,
            episode: episode_id(&alert.name, key, Timestamp(since)),
            count: self.window.events(),
            fields: named_fields(alert, fired),
        })
    }

    /// Whether nothing is left that could matter.
    pub(super) fn is_over(&self, alert: &Alert) -> bool {
        self.window.is_empty() && self.episode.is_inactive() && !is_judged_empty(alert)
    }

    /// The next instant at which it must be judged though no event comes.
    pub(super) fn next_due(&self, now: i64, alert: &Alert) -> Option<i64> {
        // Entries that leave cannot turn a rising trigger on, nor make it unknown before the
        // window is empty: while it is off, only the end of the last of them matters, when
        // the state can go.
        let is_rising = matches!(alert.trigger.comparison, Comparison::AtLeast | Comparison::Above)
            && matches!(alert.trigger.measure, Measure::Count(_) | Measure::Distinct(_))
            && alert.trigger.step_ms == 0
            && alert.trigger.min_events <= 1;
        let change = if is_rising && !self.episode.is_true() {
            self.window.next_empty()
        } else {
            self.window.next_change()
        };
        // In a rehearsal a `for` or `keep` may have run out without ending anything.
        let speaks = Some(self.silent_until);
        let [held_until, own] = self.episode.next_dues(alert);
        let dues = [held_until, own, change, speaks].into_iter().flatten();
        dues.filter(|due| *due > now).min()
    }
}

/// Whether an empty window of a measure is 0 and not unknown.
const fn counts_nothing_as_zero(measure: &Measure) -> bool {
    matches!(measure, Measure::Count(_) | Measure::Sum(_) | Measure::Distinct(_))
}

/// Whether a rule can be true of no events at all: the low side without keys.
pub(super) fn is_judged_empty(alert: &Alert) -> bool {
    let comparison = alert.trigger.comparison;
    alert.by.is_empty()
        && counts_nothing_as_zero(&alert.trigger.measure)
        && (comparison.is_low() || comparison == Comparison::Equal)
}

pub(super) fn named_key(alert: &Alert, key: &[u8]) -> Vec<KeyPart> {
    named(alert.by.iter().map(|part| &part.name), key)
}

pub(super) fn named_fields(alert: &Alert, fields: &[u8]) -> Vec<KeyPart> {
    named(alert.message_fields.iter(), fields)
}

fn named<'a>(names: impl Iterator<Item = &'a String>, bytes: &[u8]) -> Vec<KeyPart> {
    let values: Vec<KeyValue> = decode_key(bytes).unwrap_or_default();
    names.cloned().zip(values).collect()
}
