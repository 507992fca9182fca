//! The `[streams.NAME]` and `[ingest]` tables: what is read from elsewhere than the topic of
//! a stream's own name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use connectors::secret::SecretReference;
use model::schema::Schema;
use rules_dsl::rule::RuleSet;
use serde::Deserialize;
use toml::Spanned;

use super::file::{ConfigError, ConfigFile};
use super::raw;

/// Input of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamInput {
    /// A topic of Kafka.
    Topic(String),
    /// A file that is followed.
    File(PathBuf),
    /// Events posted to the service.
    Http,
    /// Standard input.
    Stdin,
}

/// Inputs of streams that are not read from the topic of their own name.
#[derive(Clone, Debug, Default)]
pub struct StreamInputs {
    /// By stream name.
    pub named: BTreeMap<String, StreamInput>,
    /// True when there is no Kafka to read topics from.
    pub without_kafka: bool,
}

impl StreamInputs {
    /// Input of one stream.
    pub(crate) fn input(&self, schema: &Schema) -> StreamInput {
        let own = || StreamInput::Topic(schema.input.clone());
        self.named.get(&schema.name).cloned().unwrap_or_else(own)
    }

    /// Input of each stream of some rules.
    ///
    /// # Errors
    /// Two streams would read one topic, or one would read a topic without a Kafka.
    pub(crate) fn of(&self, rules: &RuleSet) -> Result<Vec<StreamInput>, String> {
        let mut inputs: Vec<StreamInput> = Vec::new();
        for schema in &rules.streams {
            let input = self.input(schema);
            if let StreamInput::Topic(topic) = &input {
                if self.without_kafka {
                    return Err(format!(
                        "a stream reads the topic {topic}, and no [kafka] is configured: set \
                         kafka.properties, or a type in [streams]"
                    ));
                }
                if inputs.contains(&input) {
                    return Err(format!(
                        "two streams read the topic {topic}: give each its own topic in [streams]"
                    ));
                }
            }
            inputs.push(input);
        }
        Ok(inputs)
    }
}

/// Settings of ingest over HTTP and standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestSettings {
    /// Token of senders.
    pub token: Option<SecretReference>,
    /// The most one spool may hold, in bytes.
    pub spool_bytes: u64,
}

/// Default size limit of a spool: 1 GiB.
const SPOOL_BYTES: u64 = 1 << 30;

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum InputType {
    #[default]
    Kafka,
    File,
    Http,
    Stdin,
}

pub(super) fn inputs(
    file: &ConfigFile<'_>,
    raw: BTreeMap<String, Spanned<raw::RawStream>>,
) -> Result<BTreeMap<String, StreamInput>, ConfigError> {
    let mut inputs = BTreeMap::new();
    for (name, stream) in raw {
        let table = stream.span();
        if let Some(input) = input(file, table, stream.into_inner())? {
            inputs.insert(name, input);
        }
    }
    let stdin =
        inputs.iter().filter(|(_, input)| **input == StreamInput::Stdin).map(|(name, _)| name);
    if let [one, other, ..] = stdin.collect::<Vec<_>>().as_slice() {
        let what = format!("streams {one} and {other} both read standard input; keep one");
        return Err(file.error(None, what));
    }
    Ok(inputs)
}

fn input(
    file: &ConfigFile<'_>,
    table: std::ops::Range<usize>,
    raw: raw::RawStream,
) -> Result<Option<StreamInput>, ConfigError> {
    let refuse = |what: &str| Err(file.error(Some(table.clone()), what.to_owned()));
    match (raw.input_type, raw.topic, raw.path) {
        (InputType::Kafka, topic, None) => {
            topic.map(|topic| file.topic_name(topic).map(StreamInput::Topic)).transpose()
        }
        (InputType::File, None, Some(path)) => Ok(Some(StreamInput::File(file.resolve(&path)))),
        (InputType::Http, None, None) => Ok(Some(StreamInput::Http)),
        (InputType::Stdin, None, None) => Ok(Some(StreamInput::Stdin)),
        (InputType::Kafka, _, Some(_)) => refuse("has a path; write type = \"file\" with it"),
        (InputType::File, None, None) => refuse("names no file; write path = \"events.jsonl\""),
        (_, Some(topic), _) => file.refuse(&topic, "is a topic; only type = \"kafka\" takes one"),
        (_, None, Some(_)) => refuse("has a path; only type = \"file\" takes one"),
    }
}

pub(super) fn ingest(
    file: &ConfigFile<'_>,
    raw: raw::RawIngest,
    inputs: &BTreeMap<String, StreamInput>,
    is_loopback: bool,
) -> Result<IngestSettings, ConfigError> {
    let token =
        raw.token.map(|token| file.kept_out_of_the_file("ingest.token", token)).transpose()?;
    if let Some((name, _)) = inputs.iter().find(|(_, input)| **input == StreamInput::Http)
        && token.is_none()
        && !is_loopback
    {
        let what = format!(
            "stream {name} could be written to from elsewhere: set ingest.token = \"env:NAME\", \
             or listen on a loopback address"
        );
        return Err(file.error(None, what));
    }
    let spool_bytes = raw.spool_bytes.map_or(SPOOL_BYTES, |bytes| bytes.0);
    Ok(IngestSettings { token, spool_bytes })
}
