//! Keys that are evaluated without an event.

use model::key::{KeyValue, encode_key};
use rules_dsl::rule::{AbsenceRoster, Alert, ConstantValue, Trigger};

/// Returns the keys to evaluate without an event: those of a roster, or the empty key.
pub(super) fn seeded_keys(alert: &Alert) -> Vec<Vec<u8>> {
    match &alert.trigger {
        Trigger::Absent { roster: AbsenceRoster::Listed(keys), .. } => {
            keys.iter().filter_map(|key| Some(encode_key(&[key_value(key)?]))).collect()
        }
        _ => vec![Vec::new()],
    }
}

/// Converts a constant into a component of a key; `None` for a type that is none.
fn key_value(constant: &ConstantValue) -> Option<KeyValue> {
    Some(match constant {
        ConstantValue::Text(text) => KeyValue::Text(text.clone()),
        ConstantValue::Number(number) => KeyValue::Int(number.to_int()?),
        ConstantValue::Bool(truth) => KeyValue::Bool(*truth),
        ConstantValue::Ip(address) => KeyValue::Ip(address.to_canonical()),
        ConstantValue::Time(_) => return None,
    })
}
