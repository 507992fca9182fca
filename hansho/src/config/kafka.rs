//! The `[kafka]` table.

use std::collections::BTreeMap;

use connectors::secret::SecretReference;
use connectors::source::kafka::properties::ALLOWED_PROPERTIES;
use serde::Deserialize;
use toml::Spanned;

use super::file::{ConfigError, ConfigFile};
use super::raw;

/// The log that is read.
#[derive(Clone, Debug)]
pub struct KafkaSection {
    /// The consumer group.
    pub group: String,
    /// Start offset of a partition without a commit.
    pub auto_offset_reset: AutoOffsetReset,
    /// librdkafka properties, all of them allowed, `bootstrap.servers` among them.
    pub properties: BTreeMap<String, SecretReference>,
}

/// Start offset of a partition without a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AutoOffsetReset {
    /// The oldest record still there.
    #[default]
    Earliest,
    /// Records that come from now on.
    Latest,
}

/// Properties that are ours, and what is set instead.
const OURS: [(&str, &str); 5] = [
    ("group.id", "kafka.group"),
    ("auto.offset.reset", "kafka.auto_offset_reset"),
    ("enable.auto.commit", "nothing: hansho commits offsets after alerts are durable"),
    ("enable.auto.offset.store", "nothing: hansho commits offsets after alerts are durable"),
    ("partition.assignment.strategy", "nothing: hansho assigns partitions by key group"),
];

pub(super) fn check(
    file: &ConfigFile<'_>,
    raw: Spanned<raw::RawKafka>,
) -> Result<KafkaSection, ConfigError> {
    let table = raw.span();
    let raw = raw.into_inner();
    if !raw.properties.contains_key("bootstrap.servers") {
        let example = "properties = { \"bootstrap.servers\" = \"localhost:9092\" }";
        return Err(file.error(Some(table), format!("lists no broker; write {example}")));
    }
    let group = match raw.group {
        Some(group) if group.get_ref().is_empty() => {
            return file.refuse(&group, "is empty; leave it out for \"hansho\"");
        }
        Some(group) => group.into_inner(),
        None => "hansho".to_owned(),
    };
    let properties = raw.properties.into_iter().map(|(name, value)| {
        allowed(&name).map_err(|what| file.error(Some(value.span()), what))?;
        let value = file.kept_out_of_the_file(&name, value)?;
        Ok((name, value))
    });
    Ok(KafkaSection {
        group,
        auto_offset_reset: raw.auto_offset_reset,
        properties: properties.collect::<Result<_, _>>()?,
    })
}

fn allowed(name: &str) -> Result<(), String> {
    if ALLOWED_PROPERTIES.iter().any(|property| property.name == name) {
        return Ok(());
    }
    if let Some((_, instead)) = OURS.iter().find(|(ours, _)| *ours == name) {
        return Err(format!("`{name}` is set by hansho; set {instead}"));
    }
    Err(format!("`{name}` is not among the Kafka properties hansho passes on; remove it"))
}
