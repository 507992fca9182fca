//! Values of `[[sinks]]` tables that HTTP receivers share.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::HttpSettings;
use crate::secret::{SecretReference, SecretText, is_secret_name};
use crate::sink::{DELIVERY_TIMEOUT_MS, SinkContext, SinkError};

/// URL, `http` or `https`, without user information; or a reference to one.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(SecretReference);

/// Headers with lower-case names. The value of a header whose name indicates a secret is a
/// reference.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretHeaders(Vec<(String, SecretReference)>);

impl SecretUrl {
    /// Resolves the URL.
    ///
    /// # Errors
    /// [`SinkError::Unresolved`] where a reference cannot be resolved.
    pub fn reveal(&self, context: &SinkContext<'_>) -> Result<SecretText, SinkError> {
        context.reveal(&self.0)
    }
}

impl SecretHeaders {
    /// Resolves the values of the headers.
    ///
    /// # Errors
    /// [`SinkError::Unresolved`] where a reference cannot be resolved.
    pub fn reveal(
        &self,
        context: &SinkContext<'_>,
    ) -> Result<Vec<(String, SecretText)>, SinkError> {
        let all = self.0.iter().map(|(name, value)| Ok((name.clone(), context.reveal(value)?)));
        all.collect()
    }
}

impl HttpSettings {
    /// Returns settings without headers and with the default timeout.
    pub fn new(url: SecretText, allow_private: bool) -> HttpSettings {
        HttpSettings { url, headers: Vec::new(), timeout_ms: DELIVERY_TIMEOUT_MS, allow_private }
    }
}

/// Returns the reason for which a URL in clear text cannot be used.
fn url_fault(url: &str) -> Option<&'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
        return Some("is no URL; it starts with https:// or http://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.contains('@').then_some(
        "holds credentials in clear; send them as [sinks.headers] authorization = \"env:NAME\"",
    )
}

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<SecretUrl, D::Error> {
        let url = SecretReference::deserialize(from)?;
        match url.inline().and_then(url_fault) {
            Some(fault) => Err(Error::custom(fault)),
            None => Ok(SecretUrl(url)),
        }
    }
}

impl<'de> Deserialize<'de> for SecretHeaders {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<SecretHeaders, D::Error> {
        from.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = SecretHeaders;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<SecretHeaders, A::Error> {
        let mut headers = Vec::new();
        while let Some(name) = all.next_key::<String>()? {
            let value = all.next_value_seed(HeaderValueSeed { name: &name })?;
            headers.push((name.to_ascii_lowercase(), value));
        }
        Ok(SecretHeaders(headers))
    }
}

/// Deserializes the value of one header, so that an error has the span of the value.
struct HeaderValueSeed<'a> {
    name: &'a str,
}

impl<'de> DeserializeSeed<'de> for HeaderValueSeed<'_> {
    type Value = SecretReference;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<SecretReference, D::Error> {
        let name = self.name;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let value = SecretReference::deserialize(from)?;
        if name.is_empty() || !name.bytes().all(is_plain) {
            return Err(Error::custom(format!("`{name}` is no header name")));
        }
        if is_secret_name(name) && value.inline().is_some() {
            return Err(Error::custom(format!(
                "{name} is a secret in clear; write \"env:NAME\" or \"file:PATH\" and keep it there"
            )));
        }
        Ok(value)
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SecretHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
