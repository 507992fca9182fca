//! From events to entries: what a rule selects, under which key, with which value.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use model::event::Value;
use model::key::KeyValue;
use model::observation::EventOrigin;
use model::time::Timestamp;
use rules_dsl::rule::{
    AbsenceRoster, Alert, ComparisonOp, ConstantValue, EventSelection, Predicate, PredicateOperand,
    RuleSet, Trigger,
};

/// An event its partition accepted.
#[derive(Clone, Debug)]
pub struct AcceptedEvent<'a> {
    /// The event time.
    pub time: Timestamp,
    /// Its origin.
    pub origin: EventOrigin,
    /// One value per declared field.
    pub values: Vec<Value<'a>>,
}

/// An event as one selection of the trigger sees it.
#[derive(Debug)]
pub(super) struct OracleEntry {
    pub(super) time: i64,
    /// Its place among all events: an event in two selections is two entries of one place.
    pub(super) place: usize,
    /// Which selection, in the order of [`Trigger::selections`].
    pub(super) input: usize,
    /// In units of 10⁻⁹.
    pub(super) number: i128,
    /// Identity of a value.
    pub(super) identity: String,
    pub(super) fields: Vec<KeyValue>,
}

pub(super) type OracleEntries = Vec<OracleEntry>;

pub(super) fn entries_by_key(
    rules: &RuleSet,
    alert: &Alert,
    ordered: &[&AcceptedEvent<'_>],
) -> BTreeMap<Vec<KeyValue>, OracleEntries> {
    let mut by_key: BTreeMap<Vec<KeyValue>, OracleEntries> = BTreeMap::new();
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
        let id = schema
            .and_then(|schema| schema.id)
            .map(|field| plain(value(event, field)))
            .filter(|id| *id != KeyValue::Null);
        for (input, selection) in alert.trigger.selections().into_iter().enumerate() {
            if selection.stream != event.origin.stream as usize
                || !selected(&selection.predicate, &event.values)
            {
                continue;
            }
            let (Some(key), Some(entry)) =
                (key_of(alert, selection, event), entry_of(alert, place, input, selection, event))
            else {
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
pub(super) fn roster(alert: &Alert) -> Option<Vec<KeyValue>> {
    let Trigger::Absent { roster: AbsenceRoster::Listed(keys), .. } = &alert.trigger else {
        return None;
    };
    let key = |constant: &ConstantValue| match constant {
        ConstantValue::Text(text) => KeyValue::Text(text.clone()),
        ConstantValue::Number(number) => KeyValue::Int(number.to_int().unwrap_or(0)),
        ConstantValue::Bool(truth) => KeyValue::Bool(*truth),
        ConstantValue::Ip(address) => KeyValue::Ip(address.to_canonical()),
        ConstantValue::Time(_) => KeyValue::Null,
    };
    Some(keys.iter().map(key).collect())
}

pub(super) fn value<'a>(event: &AcceptedEvent<'a>, field: usize) -> Value<'a> {
    event.values.get(field).copied().unwrap_or(Value::Missing)
}

pub(super) fn key_of(
    alert: &Alert,
    selection: &EventSelection,
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

pub(super) fn entry_of(
    alert: &Alert,
    place: usize,
    input: usize,
    selection: &EventSelection,
    event: &AcceptedEvent<'_>,
) -> Option<OracleEntry> {
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
    Some(OracleEntry {
        time: event.time.0,
        place,
        input,
        number,
        identity: format!("{measured:?}"),
        fields: shown.map(|field| plain(value(event, *field))).collect(),
    })
}

pub(super) fn plain(value: Value<'_>) -> KeyValue {
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

/// True when an event is selected. The predicates the drawn rules use; others select nothing.
pub(super) fn selected(predicate: &Predicate, values: &[Value<'_>]) -> bool {
    let field = |index: &usize| values.get(*index).copied().unwrap_or(Value::Missing);
    match predicate {
        Predicate::True => true,
        Predicate::And(parts) => parts.iter().all(|part| selected(part, values)),
        Predicate::Or(parts) => parts.iter().any(|part| selected(part, values)),
        Predicate::Not(inner) => !selected(inner, values),
        Predicate::Exists(index) => field(index) != Value::Missing,
        Predicate::Compare(
            PredicateOperand::Field(index),
            how,
            PredicateOperand::Constant(constant),
        ) => ordering(field(index), constant).is_some_and(|found| satisfies(*how, found)),
        Predicate::In(PredicateOperand::Field(index), set) => {
            set.iter().any(|item| ordering(field(index), item) == Some(Ordering::Equal))
        }
        _ => false,
    }
}

pub(super) fn ordering(value: Value<'_>, constant: &ConstantValue) -> Option<Ordering> {
    match (value, constant) {
        (Value::Text(a), ConstantValue::Text(b)) => Some(a.cmp(b.as_str())),
        (Value::Number(a), ConstantValue::Number(b)) => Some(a.cmp(b)),
        (Value::Bool(a), ConstantValue::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

pub(super) fn satisfies(how: ComparisonOp, found: Ordering) -> bool {
    match how {
        ComparisonOp::AtLeast => found != Ordering::Less,
        ComparisonOp::Above => found == Ordering::Greater,
        ComparisonOp::AtMost => found != Ordering::Greater,
        ComparisonOp::Below => found == Ordering::Less,
        ComparisonOp::Equal => found == Ordering::Equal,
        ComparisonOp::NotEqual => found != Ordering::Equal,
    }
}

/// Instant at which the last of the streams a trigger reads had its first event.
pub(super) fn stream_first(alert: &Alert, ordered: &[&AcceptedEvent<'_>]) -> Option<i64> {
    let first = |stream: usize| {
        let own = ordered.iter().find(|event| event.origin.stream as usize == stream);
        own.map(|event| event.time.0)
    };
    let selections = alert.trigger.selections();
    let firsts: Option<Vec<i64>> = selections.into_iter().map(|of| first(of.stream)).collect();
    firsts?.into_iter().max()
}
