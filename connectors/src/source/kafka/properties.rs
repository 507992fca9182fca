//! Kafka properties: which ones a configuration may set.
//!
//! Some properties are dangerous: `plugin.library.paths` loads code, a `*.location` reads a file,
//! the OAuth endpoints open connections. So only properties in the table are accepted.

use std::fmt;

use rdkafka::ClientConfig;

/// Origin of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropertyOrigin {
    /// Configuration file: its author controls the service.
    File,
    /// Network: properties that name files are rejected.
    Request,
}

/// Client that a property is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PropertyClient {
    Any,
    Consumer,
    Producer,
}

/// Allowed property.
#[derive(Clone, Copy, Debug)]
pub struct KafkaProperty {
    /// Name in librdkafka.
    pub name: &'static str,
    client: PropertyClient,
    /// True when it names a file: only [`PropertyOrigin::File`] may set it.
    pub names_file: bool,
    /// True when its value is a secret.
    pub secret: bool,
}

const fn open(name: &'static str) -> KafkaProperty {
    KafkaProperty { name, client: PropertyClient::Any, names_file: false, secret: false }
}

const fn consumer(name: &'static str) -> KafkaProperty {
    KafkaProperty { client: PropertyClient::Consumer, ..open(name) }
}

const fn producer(name: &'static str) -> KafkaProperty {
    KafkaProperty { client: PropertyClient::Producer, ..open(name) }
}

const fn file(name: &'static str) -> KafkaProperty {
    KafkaProperty { names_file: true, ..open(name) }
}

const fn secret(name: &'static str) -> KafkaProperty {
    KafkaProperty { secret: true, ..open(name) }
}

/// Allowed properties, by name. Others are fixed or rejected.
pub const ALLOWED_PROPERTIES: &[KafkaProperty] = &[
    open("bootstrap.servers"),
    open("broker.address.family"),
    open("broker.address.ttl"),
    open("client.dns.lookup"),
    open("client.id"),
    open("client.rack"),
    producer("compression.type"),
    producer("compression.level"),
    open("connections.max.idle.ms"),
    consumer("fetch.max.bytes"),
    consumer("fetch.message.max.bytes"),
    consumer("fetch.min.bytes"),
    consumer("group.instance.id"),
    consumer("heartbeat.interval.ms"),
    producer("linger.ms"),
    consumer("max.partition.fetch.bytes"),
    consumer("max.poll.interval.ms"),
    producer("message.max.bytes"),
    open("metadata.max.age.ms"),
    producer("queue.buffering.max.kbytes"),
    consumer("queued.max.messages.kbytes"),
    consumer("queued.min.messages"),
    open("receive.message.max.bytes"),
    open("reconnect.backoff.max.ms"),
    open("reconnect.backoff.ms"),
    producer("request.timeout.ms"),
    open("sasl.mechanism"),
    open("sasl.mechanisms"),
    secret("sasl.password"),
    open("sasl.username"),
    open("security.protocol"),
    consumer("session.timeout.ms"),
    open("socket.connection.setup.timeout.ms"),
    open("socket.timeout.ms"),
    file("ssl.ca.location"),
    secret("ssl.ca.pem"),
    file("ssl.certificate.location"),
    secret("ssl.certificate.pem"),
    file("ssl.crl.location"),
    file("ssl.key.location"),
    secret("ssl.key.password"),
    secret("ssl.key.pem"),
    file("ssl.keystore.location"),
    secret("ssl.keystore.password"),
    open("topic.metadata.refresh.interval.ms"),
];

/// Default values of every client; a configuration may change them.
const COMMON: &[(&str, &str)] = &[
    ("client.id", "hansho"),
    // A record is at most 1 MiB; librdkafka's default of 100 MB would be 100 MB per broker.
    ("receive.message.max.bytes", "16777216"),
    ("reconnect.backoff.max.ms", "2000"),
    ("topic.metadata.refresh.interval.ms", "5000"),
];

/// Default values of every consumer; a configuration may change them.
const CONSUMER_COMMON: &[(&str, &str)] = &[
    // librdkafka requires a response of this size and its frame to fit the limit above.
    ("fetch.max.bytes", "8388608"),
    // Time until the group removes a dead member; brokers allow no less than 6 s.
    ("session.timeout.ms", "6000"),
    ("heartbeat.interval.ms", "2000"),
];

/// Fixed values of every consumer.
const CONSUMER: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"),
    ("allow.auto.create.topics", "false"),
    ("check.crcs", "true"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    // librdkafka waits a second after its queue was full, and brokers hold an empty fetch for half
    // a second.
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.wait.max.ms", "10"),
    ("socket.keepalive.enable", "true"),
];

/// Fixed values of every producer: a record counts as sent when all replicas have it.
const PRODUCER: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("allow.auto.create.topics", "false"),
    ("socket.keepalive.enable", "true"),
];

/// Error of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyError {
    /// It is not in [`ALLOWED_PROPERTIES`].
    Unknown {
        /// Name as written.
        name: String,
    },
    /// hansho sets it to a fixed value.
    Fixed {
        /// Name as written.
        name: String,
        /// Fixed value.
        value: &'static str,
    },
    /// It names a file and came over the network.
    FileOnly {
        /// Name as written.
        name: String,
    },
    /// `bootstrap.servers` is missing.
    NoServers,
}

/// Checks properties against [`ALLOWED_PROPERTIES`].
///
/// # Errors
/// [`PropertyError`] of the first property that must not be set.
pub fn check_properties(
    properties: &[(String, String)],
    origin: PropertyOrigin,
) -> Result<(), PropertyError> {
    for (name, _) in properties {
        let fixed = CONSUMER.iter().chain(PRODUCER).find(|(fixed, _)| fixed == name);
        if let Some((_, value)) = fixed {
            return Err(PropertyError::Fixed { name: name.clone(), value });
        }
        match ALLOWED_PROPERTIES.iter().find(|allowed| allowed.name == name) {
            None => return Err(PropertyError::Unknown { name: name.clone() }),
            Some(allowed) if allowed.names_file && origin == PropertyOrigin::Request => {
                return Err(PropertyError::FileOnly { name: name.clone() });
            }
            Some(_) => {}
        }
    }
    let servers = properties.iter().any(|(name, _)| name == "bootstrap.servers");
    if servers { Ok(()) } else { Err(PropertyError::NoServers) }
}

/// Returns the checked configuration of a consumer.
pub(crate) fn consumer_config(
    properties: &[(String, String)],
    group: &str,
) -> Result<ClientConfig, PropertyError> {
    let mut config = client_config(properties, PropertyClient::Producer)?;
    for (name, value) in CONSUMER_COMMON {
        if config.get(name).is_none() {
            config.set(*name, *value);
        }
    }
    config.set("group.id", group);
    for (name, value) in CONSUMER {
        config.set(*name, *value);
    }
    Ok(config)
}

/// Returns the checked configuration of a producer.
pub(crate) fn producer_config(
    properties: &[(String, String)],
) -> Result<ClientConfig, PropertyError> {
    let mut config = client_config(properties, PropertyClient::Consumer)?;
    for (name, value) in PRODUCER {
        config.set(*name, *value);
    }
    Ok(config)
}

/// Selects properties for one kind of client: those of `other` are left out.
fn client_config(
    properties: &[(String, String)],
    other: PropertyClient,
) -> Result<ClientConfig, PropertyError> {
    check_properties(properties, PropertyOrigin::File)?;
    let mut config = ClientConfig::new();
    for (name, value) in COMMON {
        config.set(*name, *value);
    }
    let belongs = |name: &str| {
        let property = ALLOWED_PROPERTIES.iter().find(|allowed| allowed.name == name);
        property.is_some_and(|property| property.client != other)
    };
    for (name, value) in properties.iter().filter(|(name, _)| belongs(name)) {
        config.set(name, value);
    }
    Ok(config)
}

impl fmt::Display for PropertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PropertyError::Unknown { name } => {
                write!(f, "the Kafka property {name:?} may not be set; allowed are")?;
                for (place, property) in ALLOWED_PROPERTIES.iter().enumerate() {
                    write!(f, "{} {}", if place == 0 { "" } else { "," }, property.name)?;
                }
                Ok(())
            }
            PropertyError::Fixed { name, value } => {
                write!(f, "the Kafka property {name:?} is always {value}: leave it out")
            }
            PropertyError::FileOnly { name } => {
                write!(f, "the Kafka property {name:?} names a file: set it in hansho.toml")
            }
            PropertyError::NoServers => {
                f.write_str("the Kafka property \"bootstrap.servers\" is missing: host:port,…")
            }
        }
    }
}

impl std::error::Error for PropertyError {}

/// Properties whose `Debug` shows names, and values only of those that are no secret.
pub(crate) struct RedactedProperties<'a>(pub(crate) &'a [(String, String)]);

impl fmt::Debug for RedactedProperties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name that is not in the table may be a misspelt secret: its value is not shown.
        let plain = |name: &str| {
            let property = ALLOWED_PROPERTIES.iter().find(|allowed| allowed.name == name);
            property.is_some_and(|property| !property.secret)
        };
        let shown = |(name, value): &(String, String)| {
            let value = if plain(name) { value.clone() } else { "<secret>".to_owned() };
            (name.clone(), value)
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}
