//! Written forms of the nouns: times as RFC 3339, numbers as exact digits, ids as hexadecimal
//! digits, kinds and reasons as the words of their own `name`.
//!
//! Structs derive theirs, member by member in the order of the declaration.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::decimal::Decimal;
use crate::notification::{FailureReason, NotificationKind};
use crate::severity::Severity;
use crate::time::Timestamp;
use crate::transition::{EpisodeId, Reason, TransitionKind};

/// Noun whose written form is one text.
trait TextForm: Sized {
    /// Name of the noun in errors.
    const NOUN: &'static str;

    /// Reads the text; `None` where it means nothing.
    fn read(text: &str) -> Option<Self>;
}

/// Visitor of the text of a [`TextForm`].
struct TextVisitor<T>(PhantomData<T>);

impl<T: TextForm> Visitor<'_> for TextVisitor<T> {
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
        $(impl TextForm for $noun {
            const NOUN: &'static str = $name;

            fn read(text: &str) -> Option<$noun> {
                let read: fn(&str) -> Option<$noun> = $read;
                read(text)
            }
        }

        impl Serialize for $noun {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&$write(*self))
            }
        }

        impl<'de> Deserialize<'de> for $noun {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$noun, D::Error> {
                deserializer.deserialize_str(TextVisitor(PhantomData))
            }
        })*
    };
}

/// Noun that is displayed as it is written.
const fn displayed<T>(noun: T) -> T {
    noun
}

text_forms! {
    Timestamp: "time", displayed, Timestamp::parse_rfc3339;
    Decimal: "number", displayed, |text| Decimal::parse(text).ok();
    EpisodeId: "episode id", displayed, EpisodeId::parse;
    Severity: "severity", Severity::name, Severity::from_word;
    TransitionKind: "transition kind", TransitionKind::name, TransitionKind::from_name;
    Reason: "reason", Reason::name, Reason::from_name;
    NotificationKind: "notification kind", NotificationKind::name, NotificationKind::from_name;
    FailureReason: "failure reason", FailureReason::name, FailureReason::from_name;
}
