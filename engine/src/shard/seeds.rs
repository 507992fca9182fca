//! Keys that are judged though no event names them.

use model::key::{KeyValue, encode_key};
use rules_dsl::rule::{AbsenceRoster, Alert, ConstantValue, Trigger};

/// The keys that are judged though no event names them.
pub(super) fn seeded_keys(alert: &Alert) -> Vec<Vec<u8>> {
    match &alert.trigger {
        Trigger::Absent { roster: AbsenceRoster::Listed(keys), .. } => {
            keys.iter().filter_map(|key| Some(encode_key(&[key_value(key)?]))).collect()
        }
        _ => vec![Vec::new()],
    }
}

/// A constant as a component of a key; `None` for what is none.
fn key_value(constant: &ConstantValue) -> Option<KeyValue> {
    Some(match constant {
        ConstantValue::Text(text) => KeyValue::Text(text.clone()),
        ConstantValue::Number(number) => KeyValue::Int(number.to_int()?),
        ConstantValue::Bool(truth) => KeyValue::Bool(*truth),
        ConstantValue::Ip(address) => KeyValue::Ip(address.to_canonical()),
        ConstantValue::Time(_) => return None,
    })
}
