//! Text forms of shared values in answers: times, ids, decimals and closed vocabularies.

use std::borrow::Cow;

use model::decimal::Decimal;
use model::notification::{FailureReason, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId};
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
    Timestamp: |it| it.to_string().into(), Timestamp::parse_rfc3339;
    Decimal: |it| it.to_string().into(), |text| Decimal::parse(text).ok();
    EpisodeId: |it| it.to_string().into(), EpisodeId::parse;
    Severity: |it| it.name().into(), Severity::from_word;
    EndReason: |it| it.name().into(), EndReason::from_name;
    FailureReason: |it| it.name().into(), FailureReason::from_name;
    NotificationKind: |it| it.name().into(), NotificationKind::from_name;
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

/// JSON schemas of text forms: a format for values, the list of words for vocabularies.
#[cfg(feature = "schema")]
mod schema {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{
        Cow, Decimal, EndReason, EpisodeId, FailureReason, IncidentPhase, IncidentState,
        NotificationKind, PHASES, Severity, TextValue, Timestamp,
    };

    macro_rules! text_schemas {
        ($($type:ty: $name:literal, $schema:expr;)*) => {
            $(impl JsonSchema for TextValue<$type> {
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
        Decimal: "Decimal", json_schema!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$" });
        EpisodeId: "IncidentId", json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" });
        FailureReason: "FailureReason", words(FailureReason::ALL.map(FailureReason::name));
        IncidentState: "IncidentState", words(IncidentState::ALL.map(IncidentState::name));
        IncidentPhase: "IncidentPhase", words(PHASES.map(IncidentPhase::name));
    }

    /// Schemas of nouns whose written form is the same text.
    macro_rules! noun_schemas {
        ($($noun:ty),*) => {
            $(impl JsonSchema for TextValue<$noun> {
                fn schema_name() -> Cow<'static, str> {
                    <$noun>::schema_name()
                }

                fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                    <$noun>::json_schema(generator)
                }
            })*
        };
    }

    noun_schemas!(Timestamp, Severity, EndReason, NotificationKind);

    fn words<const N: usize>(all: [&'static str; N]) -> Schema {
        json_schema!({ "type": "string", "enum": all.to_vec() })
    }
}
