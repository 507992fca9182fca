//! Labels for Alertmanager: names and values that Prometheus accepts.

use std::fmt::Write;

use model::key::KeyValue;
use model::notification::Notification;
use serde_json::{Map, Value};

/// Returns the labels of the rule and the key under names that Prometheus accepts; some are the
/// alert's own ([`OWN`]).
pub(in crate::sink) fn labels(of: &Notification) -> Map<String, Value> {
    let mut labels = Map::new();
    for (name, value) in &of.labels {
        labels.insert(label_name(name), value.clone().into());
    }
    for (name, value) in &of.facts.key {
        // Alertmanager treats an empty value as a missing label.
        let text = match value {
            KeyValue::Null => continue,
            KeyValue::Text(text) if text.is_empty() => "\"\"".to_owned(),
            value => value.to_string(),
        };
        labels.insert(label_name(name), text.into());
    }
    labels.insert("alertname".to_owned(), of.facts.alert.clone().into());
    labels.insert("severity".to_owned(), of.facts.severity.name().into());
    labels
}

/// Label names reserved for the alert itself.
const OWN: [&str; 3] = ["alertname", "severity", "severity_level"];

/// Encodes a name as `[a-zA-Z_][a-zA-Z0-9_]*`, injectively: letters and digits are kept, `__`
/// stands for an underscore and `_HEX_` for any other character, and also for the first character
/// of a name that starts with a digit or equals one of the alert's own.
fn label_name(name: &str) -> String {
    let is_own = OWN.contains(&name);
    let mut written = String::new();
    for (place, c) in name.chars().enumerate() {
        let is_first_escaped = place == 0 && (is_own || c.is_ascii_digit());
        match c {
            '_' => written.push_str("__"),
            c if c.is_ascii_alphanumeric() && !is_first_escaped => written.push(c),
            // Writing to a string cannot fail.
            c => drop(write!(written, "_{:x}_", c as u32)),
        }
    }
    if written.is_empty() { "_0_".to_owned() } else { written }
}

/// Decodes the output of [`label_name`]; `None` for any other text.
#[cfg(test)]
fn read_label_name(written: &str) -> Option<String> {
    if written == "_0_" {
        return Some(String::new());
    }
    let mut name = String::new();
    let mut rest = written;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("__") {
            name.push('_');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('_') {
            let (hex, after) = after.split_once('_')?;
            name.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
            rest = after;
        } else {
            name.push(c);
            rest = rest.get(c.len_utf8()..)?;
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_labels_are_kept_apart() {
        let cases = [
            ("team", "team"),
            ("user.name", "user_2e_name"),
            ("user_name", "user__name"),
            ("9lives", "_39_lives"),
            ("severity", "_73_everity"),
            ("担当", "_62c5__5f53_"),
            ("", "_0_"),
        ];
        let mut seen = BTreeMap::new();
        for (name, want) in cases {
            assert_eq!(label_name(name), want);
            assert_eq!(seen.insert(want, name), None);
        }
    }

    proptest! {
        #[test]
        fn a_name_comes_back_from_its_label(name in "[a-z_.\\-0-9担当A-Z ]{0,12}") {
            let label = label_name(&name);
            let mut chars = label.chars();
            let first = chars.next().unwrap();
            prop_assert!(first.is_ascii_alphabetic() || first == '_');
            prop_assert!(chars.all(|c| c.is_ascii_alphanumeric() || c == '_'));
            prop_assert!(!OWN.contains(&label.as_str()));
            prop_assert_eq!(read_label_name(&label), Some(name));
        }
    }
}
