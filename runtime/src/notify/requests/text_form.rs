//! Text forms of the state and the phase of an incident in answers. Other values have theirs in
//! `model`; rows keep these two by their variants.

use std::borrow::Cow;

use oncall::incident::{IncidentPhase, IncidentState};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that is one text in a document; reading it back gives the value again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextValue<T>(pub T);

/// A type whose values have a text each.
pub trait TextForm: Sized {
    /// Text of the value.
    fn write(&self) -> Cow<'static, str>;

    /// Value of a text; `None` where it has none.
    fn read(text: &str) -> Option<Self>;
}

impl<T: TextForm> Serialize for TextValue<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.write())
    }
}

impl<'de, T: TextForm> Deserialize<'de> for TextValue<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<TextValue<T>, D::Error> {
        let text = Cow::<'_, str>::deserialize(from)?;
        let unknown = || D::Error::custom(format!("`{text}` is no known value"));
        T::read(&text).map(TextValue).ok_or_else(unknown)
    }
}

/// Implements [`TextForm`] by a writing and a reading function for each type.
macro_rules! text_forms {
    ($($type:ty: $write:expr, $read:expr;)*) => {
        $(impl TextForm for $type {
            fn write(&self) -> Cow<'static, str> {
                let write: fn(&$type) -> Cow<'static, str> = $write;
                write(self)
            }

            fn read(text: &str) -> Option<$type> {
                let read: fn(&str) -> Option<$type> = $read;
                read(text)
            }
        })*
    };
}

text_forms! {
    IncidentState: |it| it.name().into(), IncidentState::from_name;
    IncidentPhase: |it| it.name().into(), phase_from_name;
}

fn phase_from_name(name: &str) -> Option<IncidentPhase> {
    PHASES.into_iter().find(|phase| phase.name() == name)
}

const PHASES: [IncidentPhase; 4] = [
    IncidentPhase::Detection,
    IncidentPhase::FirstResponse,
    IncidentPhase::CauseAnalysis,
    IncidentPhase::PermanentFix,
];

/// JSON schemas: the list of words of each vocabulary.
#[cfg(feature = "schema")]
mod schema {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{Cow, IncidentPhase, IncidentState, PHASES, TextValue};

    macro_rules! word_schemas {
        ($($type:ty: $name:literal, $words:expr;)*) => {
            $(impl JsonSchema for TextValue<$type> {
                fn schema_name() -> Cow<'static, str> {
                    $name.into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({ "type": "string", "enum": $words.to_vec() })
                }
            })*
        };
    }

    word_schemas! {
        IncidentState: "IncidentState", IncidentState::ALL.map(IncidentState::name);
        IncidentPhase: "IncidentPhase", PHASES.map(IncidentPhase::name);
    }
}
