//! The plain forms in which rows are written down: texts, numbers and lists.
//!
//! The shared nouns know no serialization; here is what each of them is written as. Times are
//! RFC 3339, numbers exact decimals, ids hexadecimal, so that a row can be read by people.

use std::net::IpAddr;
use std::sync::Arc;

use model::decimal::Decimal;
use model::key::KeyValue;
use model::notification::{Digest, FailureReason, Missed, Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EpisodeId, KeyPart, Reason};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::matcher::Matcher;

/// Something that is written as something plainer.
pub(crate) trait Plain: Sized {
    /// What it is written as.
    type Form: Serialize + DeserializeOwned;

    /// As it is written.
    fn write(&self) -> Self::Form;

    /// What was written; `None` where that means nothing.
    fn read(form: Self::Form) -> Option<Self>;
}

/// For `#[serde(with = "crate::plain")]`.
pub(crate) fn serialize<T: Plain, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    value.write().serialize(to)
}

/// For `#[serde(with = "crate::plain")]`.
pub(crate) fn deserialize<'de, T: Plain, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let form = T::Form::deserialize(from)?;
    T::read(form).ok_or_else(|| D::Error::custom("a value that means nothing"))
}

/// Nouns that are written as text.
macro_rules! as_text {
    ($($noun:ty: $write:expr, $read:expr;)*) => {
        $(impl Plain for $noun {
            type Form = String;

            fn write(&self) -> String {
                let write: fn(&$noun) -> String = $write;
                write(self)
            }

            fn read(form: String) -> Option<$noun> {
                let read: fn(&str) -> Option<$noun> = $read;
                read(&form)
            }
        })*
    };
}

as_text! {
    Timestamp: Timestamp::to_string, Timestamp::parse_rfc3339;
    Decimal: Decimal::to_string, |text| Decimal::parse(text).ok();
    EpisodeId: EpisodeId::to_string, EpisodeId::parse;
    Severity: Severity::to_string, Severity::from_word;
    Reason: |reason| reason.name().to_owned(), Reason::from_name;
    FailureReason: |reason| reason.name().to_owned(), FailureReason::from_name;
    NotificationKind: |kind| kind.name().to_owned(), NotificationKind::from_name;
    Matcher: Matcher::to_string, |text| Matcher::parse(text).ok();
}

impl<T: Plain> Plain for Option<T> {
    type Form = Option<T::Form>;

    fn write(&self) -> Option<T::Form> {
        self.as_ref().map(T::write)
    }

    fn read(form: Option<T::Form>) -> Option<Option<T>> {
        form.map_or(Some(None), |form| T::read(form).map(Some))
    }
}

impl<T: Plain> Plain for Vec<T> {
    type Form = Vec<T::Form>;

    fn write(&self) -> Vec<T::Form> {
        self.iter().map(T::write).collect()
    }

    fn read(form: Vec<T::Form>) -> Option<Vec<T>> {
        form.into_iter().map(T::read).collect()
    }
}

impl<T: Plain> Plain for Arc<T> {
    type Form = T::Form;

    fn write(&self) -> T::Form {
        T::write(self)
    }

    fn read(form: T::Form) -> Option<Arc<T>> {
        T::read(form).map(Arc::new)
    }
}

/// A component of a key with its type, which identity depends on.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlainValue {
    Null,
    Text(String),
    Int(i64),
    Bool(bool),
    Ip(IpAddr),
}

impl Plain for KeyPart {
    type Form = (String, PlainValue);

    fn write(&self) -> (String, PlainValue) {
        let value = match &self.1 {
            KeyValue::Null => PlainValue::Null,
            KeyValue::Text(text) => PlainValue::Text(text.clone()),
            KeyValue::Int(value) => PlainValue::Int(*value),
            KeyValue::Bool(value) => PlainValue::Bool(*value),
            KeyValue::Ip(value) => PlainValue::Ip(*value),
        };
        (self.0.clone(), value)
    }

    fn read((name, value): (String, PlainValue)) -> Option<KeyPart> {
        let value = match value {
            PlainValue::Null => KeyValue::Null,
            PlainValue::Text(text) => KeyValue::Text(text),
            PlainValue::Int(value) => KeyValue::Int(value),
            PlainValue::Bool(value) => KeyValue::Bool(value),
            PlainValue::Ip(value) => KeyValue::Ip(value),
        };
        Some((name, value))
    }
}

/// A notification, member by member.
#[derive(Serialize, Deserialize)]
pub(crate) struct PlainNotification {
    id: String,
    #[serde(with = "crate::plain")]
    kind: NotificationKind,
    #[serde(with = "crate::plain")]
    incident: EpisodeId,
    alert: String,
    #[serde(with = "crate::plain")]
    severity: Severity,
    #[serde(with = "crate::plain")]
    key: Vec<KeyPart>,
    #[serde(with = "crate::plain")]
    at: Timestamp,
    #[serde(with = "crate::plain")]
    since: Timestamp,
    #[serde(with = "crate::plain")]
    detected: Timestamp,
    #[serde(with = "crate::plain")]
    deadline: Option<Timestamp>,
    #[serde(with = "crate::plain")]
    value: Option<Decimal>,
    #[serde(with = "crate::plain")]
    threshold: Option<Decimal>,
    #[serde(with = "crate::plain")]
    reason: Option<Reason>,
    message: String,
    reading: String,
    runbook: Option<String>,
    labels: Vec<(String, String)>,
    by: Option<String>,
    missed: Option<PlainMissed>,
    #[serde(default)]
    digest: Option<PlainDigest>,
}

#[derive(Serialize, Deserialize)]
struct PlainDigest {
    news: u64,
    ended: u64,
    #[serde(default)]
    is_flapping: bool,
    alerts: Vec<(String, u64)>,
}

#[derive(Serialize, Deserialize)]
struct PlainMissed {
    #[serde(with = "crate::plain")]
    at: Timestamp,
    why: Option<String>,
}

impl Plain for Notification {
    type Form = PlainNotification;

    fn write(&self) -> PlainNotification {
        let it = self.clone();
        let missed = it.missed.map(|Missed { at, why }| PlainMissed { at, why });
        PlainNotification {
            id: it.id,
            kind: it.kind,
            incident: it.incident,
            alert: it.alert,
            severity: it.severity,
            key: it.key,
            at: it.at,
            since: it.since,
            detected: it.detected,
            deadline: it.deadline,
            value: it.value,
            threshold: it.threshold,
            reason: it.reason,
            message: it.message,
            reading: it.reading,
            runbook: it.runbook,
            labels: it.labels,
            by: it.by,
            missed,
            digest: it.digest.map(|it| {
                let Digest { news, ended, is_flapping, alerts } = Digest::clone(&it);
                PlainDigest { news, ended, is_flapping, alerts }
            }),
        }
    }

    fn read(it: PlainNotification) -> Option<Notification> {
        let missed = it.missed.map(|PlainMissed { at, why }| Missed { at, why });
        Some(Notification {
            id: it.id,
            kind: it.kind,
            incident: it.incident,
            alert: it.alert,
            severity: it.severity,
            key: it.key,
            at: it.at,
            since: it.since,
            detected: it.detected,
            deadline: it.deadline,
            value: it.value,
            threshold: it.threshold,
            reason: it.reason,
            message: it.message,
            reading: it.reading,
            runbook: it.runbook,
            labels: it.labels,
            by: it.by,
            missed,
            digest: it.digest.map(|PlainDigest { news, ended, is_flapping, alerts }| {
                Arc::new(Digest { news, ended, is_flapping, alerts })
            }),
        })
    }
}
