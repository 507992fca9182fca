//! Members of one JSON object, split once and deserialized into several types.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::RecordError;

/// Members in their order, with unparsed values.
pub(super) struct JsonMembers<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// Members that one type has not read yet.
struct UnreadMembers<'m, 'a> {
    members: std::slice::Iter<'m, (Cow<'a, str>, &'a RawValue)>,
    /// Names of the fields of the type, if it declares them.
    known: Option<&'static [&'static str]>,
    next: Option<&'m (Cow<'a, str>, &'a RawValue)>,
}

impl<'a> JsonMembers<'a> {
    /// Splits a JSON object into its members.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] where the line is no object.
    pub(super) fn split(line: &'a [u8]) -> Result<JsonMembers<'a>, RecordError> {
        serde_json::from_slice(line).map_err(RecordError::Malformed)
    }

    /// Deserializes one type; unknown members are ignored.
    ///
    /// # Errors
    /// [`RecordError`] names the member that is missing or invalid.
    pub(super) fn read<T: Deserialize<'a>>(&self) -> Result<T, RecordError> {
        T::deserialize(UnreadMembers { members: self.0.iter(), known: None, next: None })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JsonMembers<'a>, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = JsonMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<JsonMembers<'de>, A::Error> {
                /// Name that is borrowed where it has no escapes.
                #[derive(Deserialize)]
                struct BorrowedName<'a>(#[serde(borrow)] Cow<'a, str>);

                let mut members = Vec::with_capacity(20);
                while let Some((BorrowedName(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(JsonMembers(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

impl<'de> Deserializer<'de> for UnreadMembers<'_, 'de> {
    type Error = RecordError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RecordError> {
        visitor.visit_map(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RecordError> {
        visitor.visit_map(UnreadMembers { known: Some(fields), ..self })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
        ignored_any
    }
}

impl<'a> MapAccess<'a> for UnreadMembers<'_, 'a> {
    type Error = RecordError;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, RecordError> {
        let known = self.known;
        let is_known = |name: &str| known.is_none_or(|known| known.contains(&name));
        self.next = self.members.find(|(name, _)| is_known(name));
        let name = self.next.map(|(name, _)| name.as_ref());
        name.map(|name| seed.deserialize(name.into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, RecordError> {
        let Some((name, value)) = self.next else {
            return Err(RecordError::custom("a value without a name"));
        };
        // The text came from a line that was valid JSON throughout.
        let mut text = serde_json::Deserializer::from_str(value.get());
        seed.deserialize(&mut text).map_err(|_| RecordError::member(name, value))
    }
}

impl RecordError {
    /// Returns the error of a member with an invalid value.
    fn member(name: &str, value: &RawValue) -> RecordError {
        let text = serde_json::from_str(value.get());
        let value = text.unwrap_or_else(|_| value.get().to_owned());
        RecordError::Member { name: name.to_owned(), value }
    }
}

impl Error for RecordError {
    fn custom<T: fmt::Display>(message: T) -> RecordError {
        RecordError::Malformed(Error::custom(message))
    }
}
