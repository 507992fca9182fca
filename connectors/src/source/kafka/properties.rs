//! Which Kafka properties a configuration may set, and which it never may.
//!
//! A property is a key to the machine: `plugin.library.paths` loads code, a `*.location`
//! reads a file, the OAuth end points call out. So nothing passes that is not in the table.

use std::fmt;

use rdkafka::ClientConfig;

/// Origin of a property: who may set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropertyOrigin {
    /// The configuration file: whoever writes it owns the service.
    File,
    /// Anything that comes over the network: names of files are refused.
    Request,
}

/// Client that a property is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PropertyClient {
    Any,
    Consumer,
    Producer,
}

/// One allowed property.
#[derive(Clone, Copy, Debug)]
pub struct KafkaProperty {
    /// librdkafka's name.
    pub name: &'static str,
    client: PropertyClient,
    /// It names a file, so only [`PropertyOrigin::File`] may set it.
    pub names_file: bool,
    /// Its value is shown to nobody.
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

/// All that may be set, by name. What is not here is fixed, or refused.
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

/// Starting values of every client; a configuration may change them.
const COMMON: &[(&str, &str)] = &[
    ("client.id", "hansho"),
    // A record is at most 1 MiB; the library's 100 MB would be 100 MB per broker.
    ("receive.message.max.bytes", "16777216"),
    ("reconnect.backoff.max.ms", "2000"),
    ("topic.metadata.refresh.interval.ms", "5000"),
];

/// Starting values of every consumer.
const CONSUMER_COMMON: &[(&str, &str)] = &[
    // The library wants an answer of this size and its frame to fit the limit above.
    ("fetch.max.bytes", "8388608"),
    // A member that died is missed after this: brokers allow no less than 6 s.
    ("session.timeout.ms", "6000"),
    ("heartbeat.interval.ms", "2000"),
];

/// Fixed for every consumer.
const CONSUMER: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"),
    ("allow.auto.create.topics", "false"),
    ("check.crcs", "true"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    // The library waits a whole second after its queue was full, and brokers hold an empty
    // fetch for half of one.
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.wait.max.ms", "10"),
    ("socket.keepalive.enable", "true"),
];

/// Fixed for every producer: a record counts as sent when all replicas have it.
const PRODUCER: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("allow.auto.create.topics", "false"),
    ("socket.keepalive.enable", "true"),
];

/// Why a property is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyError {
    /// It is in no table.
    Unknown {
        /// As written.
        name: String,
    },
    /// hansho sets it itself.
    Fixed {
        /// As written.
        name: String,
        /// The value it always has.
        value: &'static str,
    },
    /// It names a file and came over the network.
    FileOnly {
        /// As written.
        name: String,
    },
    /// `bootstrap.servers` is missing.
    NoServers,
}

/// Compares properties with [`ALLOWED_PROPERTIES`].
///
/// # Errors
/// The first that may not be set, and what may.
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

/// The configuration of a consumer, checked.
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

/// The configuration of a producer, checked.
pub(crate) fn producer_config(
    properties: &[(String, String)],
) -> Result<ClientConfig, PropertyError> {
    let mut config = client_config(properties, PropertyClient::Consumer)?;
    for (name, value) in PRODUCER {
        config.set(*name, *value);
    }
    Ok(config)
}

/// One table of properties serves both kinds of client: what belongs to `other` is left out.
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

/// Properties that show the names, and of values only what is no secret.
pub(crate) struct RedactedProperties<'a>(pub(crate) &'a [(String, String)]);

impl fmt::Debug for RedactedProperties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name that is not in the table may be a misspelt secret: nothing of it is shown.
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
