//! The `[[sinks]]` tables: the keys of every sink here, those of its type by `connectors`.

use std::collections::{BTreeMap, BTreeSet};

use connectors::sink::ConfiguredSink;
use oncall::route::NotifyOn;
use oncall::severity_set::SeveritySet;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::{ConfigError, ConfigFile, without_value};
use super::raw;

/// The most sinks of one service.
pub const SINKS_MAX: usize = 64;

/// A receiver of notifications.
#[derive(Clone, Debug)]
pub struct ReceiverSection {
    /// Its name, unique.
    pub name: String,
    /// Its type, and the keys of that.
    pub target: ConfiguredSink,
    /// Severities that it is notified of.
    pub severities: SeveritySet,
    /// Events of an incident that it is notified of.
    pub on: NotifyOn,
    /// Name of the sink that gets what this one does not.
    pub fallback: Option<String>,
}

/// A `[[sinks]]` table as written, the keys of its type apart.
pub(super) struct SinkTable<'a> {
    common: raw::RawSink,
    of_type: Spanned<DeTable<'a>>,
}

/// Takes the `[[sinks]]` tables out of a document.
pub(super) fn take_tables<'a>(
    file: &ConfigFile<'_>,
    document: &mut DeTable<'a>,
) -> Result<Vec<SinkTable<'a>>, ConfigError> {
    let Some(sinks) = document.remove("sinks") else { return Ok(Vec::new()) };
    let span = sinks.span();
    match sinks.into_inner() {
        DeValue::Array(sinks) => sinks.into_iter().map(|it| SinkTable::read(file, it)).collect(),
        _ => Err(file.error(Some(span), "is no array; write each sink as [[sinks]]".to_owned())),
    }
}

impl<'a> SinkTable<'a> {
    fn read(
        file: &ConfigFile<'_>,
        value: Spanned<DeValue<'a>>,
    ) -> Result<SinkTable<'a>, ConfigError> {
        let span = value.span();
        let DeValue::Table(mut of_type) = value.into_inner() else {
            return Err(file.error(Some(span), "is no table; write each as [[sinks]]".to_owned()));
        };
        let taken = raw::RawSink::KEYS.iter().filter_map(|key| of_type.remove_entry(*key));
        let common: DeTable<'a> = taken.collect();
        let common = toml::Deserializer::from(Spanned::new(span.clone(), common));
        let common = raw::RawSink::deserialize(common).map_err(|error| file.unreadable(&error))?;
        Ok(SinkTable { common, of_type: Spanned::new(span, of_type) })
    }
}

pub(super) fn check_all(
    file: &ConfigFile<'_>,
    tables: Vec<SinkTable<'_>>,
    inputs: &BTreeMap<String, String>,
) -> Result<Vec<ReceiverSection>, ConfigError> {
    if tables.is_empty() {
        let what =
            "has no sink, so no notification could be sent; add [[sinks]] with name and type";
        return Err(file.error(None, what.to_owned()));
    }
    let all: Vec<String> = tables.iter().map(|it| it.common.name.get_ref().clone()).collect();
    let mut names = BTreeSet::new();
    let mut sinks = Vec::new();
    for table in tables {
        let name = &table.common.name;
        if sinks.len() == SINKS_MAX {
            return file.refuse(name, &format!("is one sink too many; the limit is {SINKS_MAX}"));
        }
        if name.get_ref().is_empty() || !names.insert(name.get_ref().clone()) {
            return file.refuse(name, "is empty or already used; every sink needs its own name");
        }
        sinks.push(check(file, table, &all, inputs)?);
    }
    Ok(sinks)
}

fn check(
    file: &ConfigFile<'_>,
    table: SinkTable<'_>,
    all: &[String],
    inputs: &BTreeMap<String, String>,
) -> Result<ReceiverSection, ConfigError> {
    let SinkTable { common, of_type } = table;
    let on = on(file, &common)?;
    let severities = match common.severities {
        None => SeveritySet::ALL,
        Some(list) if list.get_ref().is_empty() => {
            let what = "lists no severity, so the sink would get nothing; leave it out for all";
            return file.refuse(&list, what);
        }
        Some(list) => list.into_inner().into_iter().map(|severity| severity.0).collect(),
    };
    let name = common.name.into_inner();
    if let Some(other) = &common.fallback
        && (!all.contains(other.get_ref()) || *other.get_ref() == name)
    {
        return file.refuse(
            other,
            "is not the name of another sink; write the name of the sink that replaces this one",
        );
    }
    let fallback = common.fallback.map(Spanned::into_inner);
    let target = ConfiguredSink::read(&common.sink_type, of_type)
        .map_err(|error| file.error(Some(error.span), without_value(&error.what)))?;
    if let Some(topic) = target.written_topic() {
        file.output_topic(topic.clone(), inputs)?;
    }
    Ok(ReceiverSection { name, target, severities, on, fallback })
}

fn on(file: &ConfigFile<'_>, raw: &raw::RawSink) -> Result<NotifyOn, ConfigError> {
    use raw::RawNotifyOn::{Acknowledge, Escalate, Fire, Resolve};
    match (&raw.on, raw.send_resolved) {
        (None, resolve) => Ok(NotifyOn { resolve: resolve.unwrap_or(true), ..NotifyOn::ALL }),
        (Some(on), Some(_)) => file.refuse(
            on,
            "cannot be combined with send_resolved; keep `on`, with or without \"resolve\"",
        ),
        (Some(on), None) => {
            let has = |event| on.get_ref().contains(&event);
            if !has(Fire) && !has(Escalate) {
                return file.refuse(on, "has neither \"fire\" nor \"escalate\": nothing starts");
            }
            let (fire, acknowledge) = (has(Fire), has(Acknowledge));
            Ok(NotifyOn { fire, acknowledge, escalate: has(Escalate), resolve: has(Resolve) })
        }
    }
}
