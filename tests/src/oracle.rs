//! The naive interpreter: LANGUAGE §3 by brute force, from the whole list of events.
//!
//! Nothing is kept up to date here. For every (alert, key) all instants at which anything
//! could change are listed, and at each of them the window is searched for anew. It shares
//! no code with the engine but the nouns, the checked rules and the hash of an episode's id.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use engine::identity::episode_id;
use model::decimal::Decimal;
use model::event::Value;
use model::key::{KeyValue, encode_key};
use model::observation::Origin;
use model::time::Timestamp;
use model::transition::{KeyPart, Reason, Transition, TransitionKind};
use rules_dsl::rule::{
    Alert, Comparison, Constant, Measure, Operand, Predicate, RuleSet, Selection,
};

/// An event its partition accepted.
#[derive(Clone, Debug)]
pub struct AcceptedEvent<'a> {
    /// The event time.
    pub time: Timestamp,
    /// Where it stood.
    pub origin: Origin,
    /// One value per declared field.
    pub values: Vec<Value<'a>>,
}

/// Which records of one partition are accepted, by LANGUAGE §3.1 and §3.6.
///
/// A record is its event time and, where the log keeps one, its own timestamp.
pub fn accepted(records: &[(i64, Option<i64>)], lateness_ms: i64) -> Vec<bool> {
    let mut front: Option<i64> = None;
    let mut verdicts = Vec::new();
    for (time, recorded) in records {
        let from_the_future = recorded.is_some_and(|at| *time > at + 300_000);
        let late = front.is_some_and(|front| *time < front - lateness_ms);
        verdicts.push(!from_the_future && !late);
        if !from_the_future {
            front = front.max(Some(recorded.map_or(*time, |at| at.min(*time))));
        }
    }
    verdicts
}

/// Every transition up to `end`, or with `drain` until no timer is left.
///
/// Ordered by (instant, alert, key); equal ones as they happened.
pub fn transitions(
    rules: &RuleSet,
    events: &[AcceptedEvent<'_>],
    end: Timestamp,
    drain: bool,
) -> Vec<Transition> {
    let mut ordered: Vec<&AcceptedEvent<'_>> = events.iter().collect();
    ordered.sort_by_key(|event| (event.time, event.origin));
    let until = if drain { i64::MAX } else { end.0 };
    let mut all = Vec::new();
    for alert in &rules.alerts {
        for (key, entries) in entries_by_key(alert, &ordered) {
            let judge = Judge {
                alert,
                key: &key,
                entries: &entries,
                stream_first: stream_first(alert, &ordered),
            };
            all.extend(judge.transitions(until));
        }
    }
    all.sort_by(|a, b| (a.at, &a.alert, &a.key).cmp(&(b.at, &b.alert, &b.key)));
    all
}

/// A selected event as the measure sees it.
#[derive(Debug)]
struct Entry {
    time: i64,
    /// 0, or 1 for the denominator of a ratio.
    input: usize,
    number: i128,
    /// What tells different values apart.
    identity: String,
    fields: Vec<KeyValue>,
}

type Entries = Vec<Entry>;

fn entries_by_key(
    alert: &Alert,
    ordered: &[&AcceptedEvent<'_>],
) -> BTreeMap<Vec<KeyValue>, Entries> {
    let mut by_key: BTreeMap<Vec<KeyValue>, Entries> = BTreeMap::new();
    if alert.by.is_empty() {
        by_key.insert(Vec::new(), Vec::new());
    }
    for event in ordered {
        for (input, selection) in alert.trigger.measure.selections().enumerate() {
            if selection.stream != event.origin.stream as usize
                || !selected(&selection.predicate, &event.values)
            {
                continue;
            }
            let (Some(key), Some(entry)) =
                (key_of(alert, selection, event), entry_of(alert, input, selection, event))
            else {
                continue;
            };
            by_key.entry(key).or_default().push(entry);
        }
    }
    by_key
}

fn value<'a>(event: &AcceptedEvent<'a>, field: usize) -> Value<'a> {
    event.values.get(field).copied().unwrap_or(Value::Missing)
}

fn key_of(
    alert: &Alert,
    selection: &Selection,
    event: &AcceptedEvent<'_>,
) -> Option<Vec<KeyValue>> {
    let parts = selection.key.iter().zip(&alert.by);
    parts
        .map(|(field, part)| match plain(value(event, *field)) {
            KeyValue::Null if !part.optional => None,
            known => Some(known),
        })
        .collect()
}

fn entry_of(
    alert: &Alert,
    input: usize,
    selection: &Selection,
    event: &AcceptedEvent<'_>,
) -> Option<Entry> {
    let measured = match selection.field {
        None => Value::Bool(true),
        Some(field) => value(event, field),
    };
    let number = match (&alert.trigger.measure, measured) {
        (_, Value::Missing) => return None,
        (_, Value::Number(number)) => number.units(),
        (Measure::Distinct(_), _) => 0,
        (_, Value::Bool(_)) if selection.field.is_none() => 0,
        _ => return None,
    };
    let shown = selection.message_fields.iter();
    Some(Entry {
        time: event.time.0,
        input,
        number,
        identity: format!("{measured:?}"),
        fields: shown.map(|field| plain(value(event, *field))).collect(),
    })
}

fn plain(value: Value<'_>) -> KeyValue {
    match value {
        Value::Text(text) => KeyValue::Text(text.to_owned()),
        Value::Number(number) => match number.to_int() {
            Some(whole) => KeyValue::Int(whole),
            None => KeyValue::Text(number.to_string()),
        },
        Value::Bool(truth) => KeyValue::Bool(truth),
        Value::Ip(address) => KeyValue::Ip(address.to_canonical()),
        Value::Time(time) => KeyValue::Text(time.to_string()),
        Value::Missing | Value::List { .. } => KeyValue::Null,
    }
}

/// Whether an event is selected. The predicates the drawn rules use; others select nothing.
fn selected(predicate: &Predicate, values: &[Value<'_>]) -> bool {
    let field = |index: &usize| values.get(*index).copied().unwrap_or(Value::Missing);
    match predicate {
        Predicate::True => true,
        Predicate::And(parts) => parts.iter().all(|part| selected(part, values)),
        Predicate::Or(parts) => parts.iter().any(|part| selected(part, values)),
        Predicate::Not(inner) => !selected(inner, values),
        Predicate::Exists(index) => field(index) != Value::Missing,
        Predicate::Compare(Operand::Field(index), how, Operand::Constant(constant)) => {
            ordering(field(index), constant).is_some_and(|found| satisfies(*how, found))
        }
        Predicate::In(Operand::Field(index), set) => {
            set.iter().any(|item| ordering(field(index), item) == Some(Ordering::Equal))
        }
        _ => false,
    }
}

fn ordering(value: Value<'_>, constant: &Constant) -> Option<Ordering> {
    match (value, constant) {
        (Value::Text(a), Constant::Text(b)) => Some(a.cmp(b.as_str())),
        (Value::Number(a), Constant::Number(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Constant::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn satisfies(how: Comparison, found: Ordering) -> bool {
    match how {
        Comparison::AtLeast => found != Ordering::Less,
        Comparison::Above => found == Ordering::Greater,
        Comparison::AtMost => found != Ordering::Greater,
        Comparison::Below => found == Ordering::Less,
        Comparison::Equal => found == Ordering::Equal,
        Comparison::NotEqual => found != Ordering::Equal,
    }
}

/// When the last of the streams a trigger reads had its first event.
fn stream_first(alert: &Alert, ordered: &[&AcceptedEvent<'_>]) -> Option<i64> {
    let first = |stream: usize| {
        let own = ordered.iter().find(|event| event.origin.stream as usize == stream);
        own.map(|event| event.time.0)
    };
    let firsts: Option<Vec<i64>> =
        alert.trigger.measure.selections().map(|of| first(of.stream)).collect();
    firsts?.into_iter().max()
}

/// One (alert, key) and everything it will ever see.
struct Judge<'a> {
    alert: &'a Alert,
    key: &'a [KeyValue],
    entries: &'a [Entry],
    stream_first: Option<i64>,
}

/// An exact fraction: numerator and denominator, the latter above zero.
type Fraction = (i128, i128);

/// Where one (alert, key) stands between two instants.
#[derive(Default)]
struct Standing {
    truth: bool,
    unknown_since: Option<i64>,
    true_since: Option<i64>,
    false_since: Option<i64>,
    open_since: Option<i64>,
    peak: Option<Decimal>,
    fields: Vec<KeyValue>,
}

impl Judge<'_> {
    fn transitions(&self, until: i64) -> Vec<Transition> {
        let mut standing = Standing::default();
        let mut told = Vec::new();
        for now in self.instants().into_iter().filter(|now| *now <= until) {
            told.extend(self.judge(now, &mut standing));
        }
        told
    }

    /// All instants at which a truth, a `for`, a `keep` or a `hold` can change or end.
    fn instants(&self) -> BTreeSet<i64> {
        let (trigger, alert) = (&self.alert.trigger, self.alert);
        let mut values: BTreeSet<i64> = BTreeSet::new();
        for entry in self.entries {
            for change in [entry.time, entry.time + trigger.window_ms] {
                values.insert(if trigger.step_ms == 0 {
                    change
                } else {
                    -(-change).div_euclid(trigger.step_ms) * trigger.step_ms
                });
            }
        }
        values.extend(self.silent_until());
        let held = values.iter().map(|at| at + alert.hold_ms);
        let truths: BTreeSet<i64> = held.chain(values.iter().copied()).collect();
        let ends = truths.iter().flat_map(|at| [*at, at + alert.for_ms, at + alert.keep_ms]);
        ends.collect()
    }

    /// Without keys the low side is unknown until one window after the stream's first event.
    fn silent_until(&self) -> Option<i64> {
        let is_low = matches!(
            self.alert.trigger.comparison,
            Comparison::Below | Comparison::AtMost | Comparison::Equal
        );
        let applies = self.alert.by.is_empty() && is_low && self.zero_when_empty();
        self.stream_first.filter(|_| applies).map(|first| first + self.alert.trigger.window_ms)
    }

    fn zero_when_empty(&self) -> bool {
        let measure = &self.alert.trigger.measure;
        matches!(measure, Measure::Count(_) | Measure::Sum(_) | Measure::Distinct(_))
    }

    /// The entries inside `(t − W, t]`, `t` being the last step boundary where there are steps.
    fn inside(&self, now: i64) -> Vec<&Entry> {
        let trigger = &self.alert.trigger;
        let t = match trigger.step_ms {
            0 => now,
            step => now.div_euclid(step) * step,
        };
        let is_inside = |entry: &&Entry| t - trigger.window_ms < entry.time && entry.time <= t;
        self.entries.iter().filter(is_inside).collect()
    }

    fn judge(&self, now: i64, standing: &mut Standing) -> Option<Transition> {
        let alert = self.alert;
        let inside = self.inside(now);
        let is_open = standing.open_since.is_some();
        if !alert.by.is_empty() && inside.is_empty() && !is_open {
            // A silent key: a count is not judged, an unknown value is held as it was.
            let is_pending = standing.true_since.is_some();
            if self.zero_when_empty() || !is_pending {
                *standing = Standing::default();
                return None;
            }
        }
        let known = self.measured(&inside).filter(|_| Some(now) >= self.silent_until());
        let shown = known.and_then(|(part, whole)| Decimal::quotient(part, whole));
        let expired = self.settle_truth(now, known, standing);
        if standing.truth {
            standing.true_since.get_or_insert(now);
            standing.false_since = None;
            standing.peak = match (standing.peak, shown) {
                (Some(a), Some(b)) if alert.trigger.comparison.is_low() => Some(a.min(b)),
                (a, b) => a.max(b),
            };
        } else {
            standing.true_since = None;
            standing.false_since.get_or_insert(now);
            if !is_open {
                standing.peak = None;
            }
        }
        self.move_episode(now, expired, &inside, shown, standing)
    }

    /// Settles whether the condition is true now; says whether an unknown value ran out.
    fn settle_truth(&self, now: i64, known: Option<Fraction>, standing: &mut Standing) -> bool {
        let Some((part, whole)) = known else {
            let since = *standing.unknown_since.get_or_insert(now);
            let ran_out = now >= since + self.alert.hold_ms;
            standing.truth = standing.truth && !ran_out;
            return ran_out;
        };
        standing.unknown_since = None;
        let level = match (standing.open_since, self.alert.clear) {
            (Some(_), Some(clear)) => clear,
            _ => self.alert.trigger.level,
        };
        standing.truth =
            satisfies(self.alert.trigger.comparison, part.cmp(&(level.units() * whole)));
        false
    }

    fn move_episode(
        &self,
        now: i64,
        expired: bool,
        inside: &[&Entry],
        shown: Option<Decimal>,
        standing: &mut Standing,
    ) -> Option<Transition> {
        let alert = self.alert;
        let (kind, since, reason) = match (standing.open_since, standing.true_since) {
            (None, Some(since)) if now >= since + alert.for_ms => {
                standing.open_since = Some(since);
                let newest = self.entries.iter().rfind(|entry| entry.time == now);
                standing.fields = newest.map(|entry| entry.fields.clone()).unwrap_or_default();
                (TransitionKind::Firing, since, None)
            }
            (Some(since), None) => {
                let false_since = standing.false_since.unwrap_or(now);
                let reason = if expired {
                    Reason::NoData
                } else if now >= false_since + alert.keep_ms {
                    Reason::Cleared
                } else {
                    return None;
                };
                standing.open_since = None;
                (TransitionKind::Resolved, since, Some(reason))
            }
            _ => return None,
        };
        let named = |names: Vec<&String>, values: &[KeyValue]| -> Vec<KeyPart> {
            names.into_iter().cloned().zip(values.iter().cloned()).collect()
        };
        let has_ended = kind == TransitionKind::Resolved;
        let peak = if has_ended { standing.peak.take() } else { None };
        Some(Transition {
            kind,
            alert: alert.name.clone(),
            severity: alert.severity,
            key: named(alert.by.iter().map(|part| &part.name).collect(), self.key),
            at: Timestamp(now),
            since: Timestamp(since),
            value: shown,
            threshold: Some(alert.trigger.level),
            peak,
            reason,
            episode: episode_id(&alert.name, &encode_key(self.key), Timestamp(since)),
            count: self.shown_count(inside),
            fields: named(alert.message_fields.iter().collect(), &standing.fields),
        })
    }

    /// What a message's `{count}` would show. A `last` that nobody counts knows one sample.
    fn shown_count(&self, inside: &[&Entry]) -> u64 {
        let count = self.counted(inside).count() as u64;
        match self.alert.trigger.measure {
            Measure::Last(_) if self.alert.trigger.min_events <= 1 => count.min(1),
            _ => count,
        }
    }

    /// The events `min` and a message's `{count}` speak of: of a ratio the denominator's.
    fn counted<'b>(&self, inside: &'b [&'b Entry]) -> impl Iterator<Item = &'b &'b Entry> {
        let of = usize::from(matches!(self.alert.trigger.measure, Measure::Ratio(..)));
        inside.iter().filter(move |entry| entry.input == of)
    }

    /// The measure of what is inside; `None` is unknown.
    fn measured(&self, inside: &[&Entry]) -> Option<Fraction> {
        let one = Decimal::ONE.units();
        let trigger = &self.alert.trigger;
        if (self.counted(inside).count() as u64) < trigger.min_events {
            return None;
        }
        let mut numbers: Vec<i128> = inside.iter().map(|entry| entry.number).collect();
        let size = numbers.len() as i128;
        let sum: i128 = numbers.iter().sum();
        match &trigger.measure {
            Measure::Count(_) => Some((size * one, 1)),
            Measure::Sum(_) => Some((sum, 1)),
            Measure::Avg(_) => (size > 0).then_some((sum, size)),
            Measure::Min(_) => numbers.into_iter().min().map(|least| (least, 1)),
            Measure::Max(_) => numbers.into_iter().max().map(|most| (most, 1)),
            Measure::Last(_) => numbers.last().map(|last| (*last, 1)),
            Measure::Distinct(_) => {
                let different: BTreeSet<&str> =
                    inside.iter().map(|entry| entry.identity.as_str()).collect();
                Some((different.len() as i128 * one, 1))
            }
            Measure::Quantile { permille, .. } => {
                numbers.sort_unstable();
                let rank = (numbers.len() * *permille as usize).div_ceil(1000);
                numbers.get(rank.max(1) - 1).map(|value| (*value, 1))
            }
            Measure::Ratio(..) => {
                let whole = self.counted(inside).count() as i128;
                (whole > 0).then(|| ((size - whole) * one, whole))
            }
        }
    }
}
