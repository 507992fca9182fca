//! Published form of facts, in lines of the alert log and documents of sinks: a key is an object in
//! its own order, a number has its exact digits, a severity has its level.

use std::borrow::Cow;
use std::fmt;

use model::alert_facts::{AlertFacts, Measurement};
use model::decimal::Decimal;
use model::key::KeyValue;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::NamedKeyPart;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Facts as fields of an object; to be flattened into it.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct FactMembers<'a> {
    alert: Cow<'a, str>,
    severity: Severity,
    #[serde(skip_deserializing)]
    level: u8,
    #[serde(with = "key")]
    key: Cow<'a, [NamedKeyPart]>,
    at: Timestamp,
    since: Timestamp,
}

/// Measurement as fields of an object; to be flattened into it.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct MeasurementMembers {
    #[serde(default)]
    value: ExactNumber,
    #[serde(default)]
    threshold: ExactNumber,
}

/// Exact number or null; a float would round it.
#[derive(Clone, Copy, Default)]
pub(crate) struct ExactNumber(pub(crate) Option<Decimal>);

impl<'a> From<&'a AlertFacts> for FactMembers<'a> {
    fn from(facts: &'a AlertFacts) -> FactMembers<'a> {
        // INVARIANT: no `..` here, so that a new fact must be published to compile.
        let AlertFacts { alert, severity, key, at, since } = facts;
        let (severity, level, at, since) = (*severity, severity.level(), *at, *since);
        FactMembers { alert: alert.into(), severity, level, key: key.into(), at, since }
    }
}

impl FactMembers<'_> {
    /// Key of the facts.
    pub(crate) fn key(&self) -> &[NamedKeyPart] {
        &self.key
    }
}

impl From<FactMembers<'_>> for AlertFacts {
    fn from(members: FactMembers<'_>) -> AlertFacts {
        let FactMembers { alert, severity, level: _, key, at, since } = members;
        AlertFacts { alert: alert.into_owned(), severity, key: key.into_owned(), at, since }
    }
}

impl From<Measurement> for MeasurementMembers {
    fn from(measured: Measurement) -> MeasurementMembers {
        let Measurement { value, threshold } = measured;
        MeasurementMembers { value: ExactNumber(value), threshold: ExactNumber(threshold) }
    }
}

impl From<MeasurementMembers> for Measurement {
    fn from(members: MeasurementMembers) -> Measurement {
        Measurement { value: members.value.0, threshold: members.threshold.0 }
    }
}

impl Serialize for ExactNumber {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some(number) = self.0 else { return to.serialize_none() };
        if let Some(whole) = number.to_int() {
            return to.serialize_i64(whole);
        }
        let digits = number.to_string();
        let digits = serde_json::from_str::<&RawValue>(&digits);
        digits.map_err(serde::ser::Error::custom)?.serialize(to)
    }
}

impl<'de> Deserialize<'de> for ExactNumber {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ExactNumber, D::Error> {
        let Some(digits) = <Option<&RawValue>>::deserialize(from)? else {
            return Ok(ExactNumber(None));
        };
        let refused = |_| serde::de::Error::custom(format_args!("{digits} is no decimal number"));
        Decimal::parse(digits.get()).map(|number| ExactNumber(Some(number))).map_err(refused)
    }
}

/// Serializes named values as an object, in their own order; for `serialize_with`.
pub(crate) fn pairs<V: Serialize, S: Serializer>(
    pairs: impl AsRef<[(String, V)]>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.as_ref().iter().map(|(name, value)| (name, value)))
}

/// Key as an object; an address becomes text.
pub(crate) mod key {
    use super::*;

    /// Component of a key with the type that JSON has.
    struct RawComponent<'a>(&'a KeyValue);

    impl Serialize for RawComponent<'_> {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            match self.0 {
                KeyValue::Null => to.serialize_none(),
                KeyValue::Text(text) => to.serialize_str(text),
                KeyValue::Int(value) => to.serialize_i64(*value),
                KeyValue::Bool(value) => to.serialize_bool(*value),
                KeyValue::Ip(value) => to.collect_str(value),
            }
        }
    }

    /// Writes the components under their names.
    pub(crate) fn serialize<S: Serializer>(
        key: impl AsRef<[NamedKeyPart]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_map(key.as_ref().iter().map(|(name, value)| (name, RawComponent(value))))
    }

    /// Reads the components in the order written; a map would sort them.
    pub(crate) fn deserialize<'de, T: From<Vec<NamedKeyPart>>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        /// One component, its type guessed from JSON.
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum KeyScalar {
            Bool(bool),
            Int(i64),
            Text(String),
            Null(()),
        }

        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Vec<NamedKeyPart>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts, whole numbers, truth values and nulls")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Vec<NamedKeyPart>, A::Error> {
                let mut key = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, KeyScalar>()? {
                    let value = match value {
                        KeyScalar::Bool(value) => KeyValue::Bool(value),
                        KeyScalar::Int(value) => KeyValue::Int(value),
                        KeyScalar::Text(value) => KeyValue::Text(value),
                        KeyScalar::Null(()) => KeyValue::Null,
                    };
                    key.push((name, value));
                }
                Ok(key)
            }
        }

        from.deserialize_map(KeyVisitor).map(T::from)
    }
}
