//! The naive interpreter: LANGUAGE §3 by brute force, from the whole list of events.
//!
//! Nothing is kept up to date here. For every (alert, key) all instants at which anything
//! could change are listed, and at each of them every window is searched for anew. It shares
//! no code with the engine but the nouns and the checked rules.

mod judge;
mod succession;
mod truth;
mod value;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use model::decimal::Decimal;
use model::event::Value;
use model::key::KeyValue;
use model::observation::Origin;
use model::time::Timestamp;
use model::transition::Transition;
use rules_dsl::rule::{
    Alert, Comparison, Constant, Operand, Predicate, Roster, RuleSet, Selection, Trigger, Watch,
};

use judge::Judge;

pub use succession::{Change, transitions_across};

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
        for (key, entries) in entries_by_key(rules, alert, &ordered) {
            let judge = Judge {
                alert,
                key: &key,
                entries: &entries,
                stream_first: stream_first(alert, &ordered),
                end: end.0,
                begins: i64::MIN,
                before: None,
            };
            all.extend(judge.transitions(until));
        }
    }
    all.sort_by(|a, b| {
        (a.facts.at, &a.facts.alert, &a.facts.key).cmp(&(b.facts.at, &b.facts.alert, &b.facts.key))
    });
    all
}

/// What watches show at the end of input, by watch and key: the value of every key with an
/// event in a window or ahead of one, and without keys that of streams that have begun.
pub fn watched(
    rules: &RuleSet,
    events: &[AcceptedEvent<'_>],
    end: Timestamp,
) -> Vec<(String, Vec<KeyValue>, Decimal)> {
    let mut ordered: Vec<&AcceptedEvent<'_>> = events.iter().collect();
    ordered.sort_by_key(|event| (event.time, event.origin));
    let mut all = Vec::new();
    let watches = rules.watches.iter().filter(|_| !events.is_empty());
    for alert in watches.map(Watch::as_alert) {
        let first = stream_first(&alert, &ordered);
        for (key, entries) in entries_by_key(rules, &alert, &ordered) {
            let judge = Judge {
                alert: &alert,
                key: &key,
                entries: &entries,
                stream_first: first,
                end: end.0,
                begins: i64::MIN,
                before: None,
            };
            let shown = judge.watched();
            all.extend(shown.map(|value| (alert.name.clone(), key.clone(), value)));
        }
    }
    all.sort();
    all
}

/// An event as one selection of the trigger sees it.
#[derive(Debug)]
struct Entry {
    time: i64,
    /// Its place among all events: an event in two selections is two entries of one place.
    place: usize,
    /// Which selection, in the order of [`Trigger::selections`].
    input: usize,
    /// In units of 10⁻⁹.
    number: i128,
    /// What tells different values apart.
    identity: String,
    fields: Vec<KeyValue>,
}

type Entries = Vec<Entry>;

fn entries_by_key(
    rules: &RuleSet,
    alert: &Alert,
    ordered: &[&AcceptedEvent<'_>],
) -> BTreeMap<Vec<KeyValue>, Entries> {
    let mut by_key: BTreeMap<Vec<KeyValue>, Entries> = BTreeMap::new();
    let roster = roster(alert);
    for key in roster.iter().flatten() {
        by_key.insert(vec![key.clone()], Vec::new());
    }
    if alert.by.is_empty() {
        by_key.insert(Vec::new(), Vec::new());
    }
    let mut seen: Vec<(usize, Vec<KeyValue>, Timestamp, KeyValue)> = Vec::new();
    for (place, event) in ordered.iter().enumerate() {
        let schema = rules.streams.get(event.origin.stream as usize);
        let id = schema.and_then(|schema| schema.id).map(|field| plain(value(event, field)));
        let id = id.filter(|id| *id != KeyValue::Null);
        for (input, selection) in alert.trigger.selections().into_iter().enumerate() {
            if selection.stream != event.origin.stream as usize
                || !selected(&selection.predicate, &event.values)
            {
                continue;
            }
            let (Some(key), Some(entry)) = (
                key_of(alert, selection, event),
                entry_of(alert, (place, input), selection, event),
            ) else {
                continue;
            };
            // Events of one id and one time are one: the first in the order of events.
            if let Some(id) = &id {
                let one = (input, key.clone(), event.time, id.clone());
                if seen.contains(&one) {
                    continue;
                }
                seen.push(one);
            }
            match by_key.get_mut(&key) {
                Some(entries) => entries.push(entry),
                None if roster.is_some() => {}
                None => drop(by_key.insert(key, vec![entry])),
            }
        }
    }
    by_key
}

/// The keys that are expected, where the rule lists them.
fn roster(alert: &Alert) -> Option<Vec<KeyValue>> {
    let Trigger::Absent { roster: Roster::Listed(keys), .. } = &alert.trigger else {
        return None;
    };
    let key = |constant: &Constant| match constant {
        Constant::Text(text) => KeyValue::Text(text.clone()),
        Constant::Number(number) => KeyValue::Int(number.to_int().unwrap_or(0)),
        Constant::Bool(truth) => KeyValue::Bool(*truth),
        Constant::Ip(address) => KeyValue::Ip(address.to_canonical()),
        Constant::Time(_) => KeyValue::Null,
    };
    Some(keys.iter().map(key).collect())
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
    (place, input): (usize, usize),
    selection: &Selection,
    event: &AcceptedEvent<'_>,
) -> Option<Entry> {
    let measured: Vec<Value<'_>> = match (&alert.trigger, selection.field) {
        (Trigger::New { fields, .. }, _) => fields.iter().map(|at| value(event, *at)).collect(),
        (_, Some(field)) => vec![value(event, field)],
        (_, None) => Vec::new(),
    };
    if measured.contains(&Value::Missing) {
        return None;
    }
    let number = match measured.as_slice() {
        [Value::Number(number)] => number.units(),
        _ => 0,
    };
    let shown = selection.message_fields.iter();
    Some(Entry {
        time: event.time.0,
        place,
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
    let selections = alert.trigger.selections();
    let firsts: Option<Vec<i64>> = selections.into_iter().map(|of| first(of.stream)).collect();
    firsts?.into_iter().max()
}
