//! Keys that are judged though no event names them.

use model::key::{KeyValue, encode_key};
use rules_dsl::rule::{Alert, Constant, Roster, Trigger};

/// The keys that are judged though no event names them.
pub(super) fn seeded_keys(alert: &Alert) -> Vec<Vec<u8>> {
    match &alert.trigger {
        Trigger::Absent { roster: Roster::Listed(keys), .. } => {
            keys.iter().filter_map(|key| Some(encode_key(&[key_value(key)?]))).collect()
        }
        _ => vec![Vec::new()],
    }
}

/// A constant as a component of a key; `None` for what is none.
fn key_value(constant: &Constant) -> Option<KeyValue> {
    Some(match constant {
        Constant::Text(text) => KeyValue::Text(text.clone()),
        Constant::Number(number) => KeyValue::Int(number.to_int()?),
        Constant::Bool(truth) => KeyValue::Bool(*truth),
        Constant::Ip(address) => KeyValue::Ip(address.to_canonical()),
        Constant::Time(_) => return None,
    })
}
