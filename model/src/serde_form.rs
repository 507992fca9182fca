//! Serialized forms of the types: times as RFC 3339, numbers as exact digits, ids as hexadecimal
//! digits, kinds and reasons by their `name`.
//!
//! Structs derive theirs, field by field in the order of the declaration.

use std::fmt::{self, Write};
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::decimal::Decimal;
use crate::notification::{FailureReason, NotificationKind};
use crate::severity::Severity;
use crate::time::Timestamp;
use crate::transition::{EndReason, EpisodeId, TransitionKind};

/// Type whose serialized form is one text.
trait SerdeText: Sized {
    /// Name of the type in errors.
    const NOUN: &'static str;

    /// Parses the text; `None` for an invalid one.
    fn read(text: &str) -> Option<Self>;
}

/// Visitor of the text of a [`SerdeText`].
struct TextVisitor<T>(PhantomData<T>);

impl<T: SerdeText> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NOUN)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).ok_or_else(|| E::custom(format_args!("`{text}` is no {}", T::NOUN)))
    }
}

macro_rules! text_forms {
    ($($noun:ty: $name:literal, $write:expr, $read:expr;)*) => {
        $(impl SerdeText for $noun {
            const NOUN: &'static str = $name;

            fn read(text: &str) -> Option<$noun> {
                let read: fn(&str) -> Option<$noun> = $read;
                read(text)
            }
        }

        impl Serialize for $noun {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$noun, &mut ShortText) -> fmt::Result = $write;
                let mut text = ShortText::default();
                write(self, &mut text).map_err(serde::ser::Error::custom)?;
                serializer.serialize_str(text.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $noun {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$noun, D::Error> {
                deserializer.deserialize_str(TextVisitor(PhantomData))
            }
        })*
    };
}

/// Maximum length of such a text, in bytes: a decimal's sign, 39 digits and point, with room to
/// spare.
const TEXT_BYTES_MAX: usize = 48;

/// Text buffer without an allocation; a serializer escapes it in one piece.
struct ShortText {
    bytes: [u8; TEXT_BYTES_MAX],
    len: usize,
}

impl Default for ShortText {
    fn default() -> ShortText {
        ShortText { bytes: [0; TEXT_BYTES_MAX], len: 0 }
    }
}

impl ShortText {
    fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.len).map(std::str::from_utf8);
        text.and_then(Result::ok).unwrap_or_default()
    }
}

impl fmt::Write for ShortText {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let end = self.len + piece.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(piece.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Serializes a value as its `Display` text.
fn display<T: fmt::Display>(noun: &T, to: &mut ShortText) -> fmt::Result {
    write!(to, "{noun}")
}

text_forms! {
    Timestamp: "time", display, Timestamp::parse_rfc3339;
    Decimal: "number", display, |text| Decimal::parse(text).ok();
    EpisodeId: "episode id", display, EpisodeId::parse;
    Severity: "severity", |it, to| to.write_str(it.name()), Severity::from_word;
    TransitionKind: "transition kind", |it, to| to.write_str(it.name()), TransitionKind::from_name;
    EndReason: "reason", |it, to| to.write_str(it.name()), EndReason::from_name;
    NotificationKind: "notification kind", |it, to| to.write_str(it.name()),
        NotificationKind::from_name;
    FailureReason: "failure reason", |it, to| to.write_str(it.name()), FailureReason::from_name;
}

/// JSON schemas: a format for times, the list of names for kinds and reasons.
#[cfg(feature = "schema")]
mod schema {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{
        Decimal, EndReason, EpisodeId, FailureReason, NotificationKind, Severity, Timestamp,
    };

    macro_rules! text_schemas {
        ($($noun:ty: $name:literal, $schema:expr;)*) => {
            $(impl JsonSchema for $noun {
                fn schema_name() -> Cow<'static, str> {
                    $name.into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    $schema
                }
            })*
        };
    }

    text_schemas! {
        Timestamp: "Timestamp", json_schema!({ "type": "string", "format": "date-time" });
        Decimal: "Decimal", json_schema!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$" });
        EpisodeId: "IncidentId", json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" });
        Severity: "Severity", words(Severity::ALL.map(Severity::name));
        FailureReason: "FailureReason", words(FailureReason::ALL.map(FailureReason::name));
        EndReason: "EndReason", words(EndReason::ALL.map(EndReason::name));
        NotificationKind: "NotificationKind",
            words(NotificationKind::ALL.map(NotificationKind::name));
    }

    fn words<const N: usize>(all: [&'static str; N]) -> Schema {
        json_schema!({ "type": "string", "enum": all.to_vec() })
    }
}
