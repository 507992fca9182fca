//! Keys of the sink.

use serde::de::{Deserialize, Deserializer, Error};

use super::AlertmanagerSettings;
use crate::sink::http::{HttpSettings, SecretHeaders, SecretUrl};
use crate::sink::{ResolvedSink, SinkConfig, SinkContext, SinkError};

/// Maximum number of members in a cluster.
pub const MEMBERS_MAX: usize = 16;

/// Keys of the sink.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct AlertmanagerConfig {
    urls: SecretUrls,
    #[serde(default)]
    headers: SecretHeaders,
    #[serde(default)]
    allow_private: bool,
}

/// Base addresses of all members of a cluster.
#[derive(Clone)]
struct SecretUrls(Vec<SecretUrl>);

impl SinkConfig for AlertmanagerConfig {
    fn resolve(&self, context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError> {
        let headers = self.headers.reveal(context)?;
        let member = |url: &SecretUrl| {
            let http = HttpSettings::new(url.reveal(context)?, self.allow_private);
            Ok(HttpSettings { headers: headers.clone(), ..http })
        };
        let members = self.urls.0.iter().map(member).collect::<Result<_, SinkError>>()?;
        Ok(ResolvedSink::new(AlertmanagerSettings { members }))
    }
}

impl<'de> Deserialize<'de> for SecretUrls {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<SecretUrls, D::Error> {
        let urls = Vec::<SecretUrl>::deserialize(from)?;
        if urls.is_empty() || urls.len() > MEMBERS_MAX {
            return Err(Error::custom(format!(
                "must name 1 to {MEMBERS_MAX} addresses: all members of one cluster"
            )));
        }
        Ok(SecretUrls(urls))
    }
}

impl std::fmt::Debug for SecretUrls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
