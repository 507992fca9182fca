//! Registry of the kinds of sinks: turns a `[[sinks]]` table into a sink of its kind.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;
use toml::Spanned;
use toml::de::DeTable;

use super::config::{SinkConfig, SinkConfigError, SinkContext};
use super::{ResolvedSink, SINK_KINDS, SinkError};

/// Declares the module of each kind of sink and the table of them. A kind is one line: the
/// name of its module, which has a `KIND`.
///
/// `rustfmt` does not follow modules that a macro declares: format the files themselves.
macro_rules! sink_kinds {
    ($($kind:ident),* $(,)?) => {
        $(pub mod $kind;)*

        /// Every kind of sink.
        pub static SINK_KINDS: &[&SinkKind] = &[$(&$kind::KIND),*];
    };
}

pub(super) use sink_kinds;

/// Kind of sink.
pub struct SinkKind {
    /// Value of `type` in its table.
    pub name: &'static str,
    /// Minimum time between two attempts that the receiver allows, in milliseconds.
    pub spacing_ms: i64,
    /// True when the receiver forgets open incidents that are not resent.
    pub needs_resend: bool,
    pub(super) read: ConfigReader,
}

/// Function that reads the keys of a kind.
type ConfigReader = fn(Spanned<DeTable<'_>>) -> Result<Arc<dyn SinkConfig>, toml::de::Error>;

/// Validated configuration of a sink; secrets are references.
#[derive(Clone)]
pub struct ConfiguredSink {
    kind: &'static SinkKind,
    config: Arc<dyn SinkConfig>,
}

impl SinkKind {
    /// Returns a kind without spacing and resend.
    pub(super) const fn new<C>(name: &'static str) -> SinkKind
    where
        C: SinkConfig + for<'de> Deserialize<'de> + 'static,
    {
        SinkKind { name, spacing_ms: 0, needs_resend: false, read: read_config::<C> }
    }

    /// Returns the kind of a name.
    pub fn from_name(name: &str) -> Option<&'static SinkKind> {
        SINK_KINDS.iter().find(|kind| kind.name == name).copied()
    }
}

impl ConfiguredSink {
    /// Parses and validates the keys that a type adds to those of every sink.
    ///
    /// # Errors
    /// An unknown type, unknown keys, missing keys, and invalid values.
    pub fn read(
        type_name: &Spanned<String>,
        keys: Spanned<DeTable<'_>>,
    ) -> Result<ConfiguredSink, SinkConfigError> {
        let at_type = |what: String| SinkConfigError { span: type_name.span(), what };
        let Some(kind) = SinkKind::from_name(type_name.get_ref()) else {
            let names: Vec<String> =
                SINK_KINDS.iter().map(|kind| format!("`{}`", kind.name)).collect();
            let (unknown, names) = (type_name.get_ref(), names.join(", "));
            return Err(at_type(format!("unknown variant `{unknown}`, expected one of {names}")));
        };
        let config = (kind.read)(keys).map_err(|error| {
            match (error.span(), missing_field(error.message())) {
                (_, Some(field)) => at_type(format!("{} needs `{field} = \"…\"`", kind.name)),
                (Some(span), None) => SinkConfigError { span, what: error.message().to_owned() },
                (None, None) => at_type(format!("{} {}", kind.name, error.message())),
            }
        })?;
        config.validate().map_err(at_type)?;
        Ok(ConfiguredSink { kind, config })
    }

    /// Returns the kind.
    pub fn kind(&self) -> &'static SinkKind {
        self.kind
    }

    /// Returns the Kafka topic that it writes to, if any, with its span in the file.
    pub fn written_topic(&self) -> Option<&Spanned<String>> {
        self.config.written_topic()
    }

    /// Resolves every reference and returns the settings.
    ///
    /// # Errors
    /// [`SinkError::Unresolved`] for a secret or file that cannot be read.
    pub fn resolve(&self, context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError> {
        self.config.resolve(context)
    }
}

fn read_config<C>(keys: Spanned<DeTable<'_>>) -> Result<Arc<dyn SinkConfig>, toml::de::Error>
where
    C: SinkConfig + for<'de> Deserialize<'de> + 'static,
{
    Ok(Arc::new(C::deserialize(KnownKeys(keys))?))
}

/// Returns the missing field of an error of a derived `Deserialize`.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Deserializer of a table that rejects unknown keys for every configuration.
struct KnownKeys<'i>(Spanned<DeTable<'i>>);

impl<'de> Deserializer<'de> for KnownKeys<'de> {
    type Error = toml::de::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        toml::Deserializer::from(self.0).deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let is_unknown = |key: &&Spanned<_>| !fields.contains(&AsRef::<str>::as_ref(key.get_ref()));
        match self.0.get_ref().keys().find(is_unknown) {
            Some(key) => Err(Error::custom(format!("takes no `{}`; remove it", key.get_ref()))),
            None => toml::Deserializer::from(self.0).deserialize_struct(name, fields, visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
        ignored_any
    }
}

impl fmt::Debug for ConfiguredSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}
