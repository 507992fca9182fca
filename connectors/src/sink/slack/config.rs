//! Keys of the sink.

use serde::Deserialize;

use super::{API_URL, SlackEndpoint, SlackSettings};
use crate::secret::{ExternalSecret, SecretText};
use crate::sink::http::{HttpSettings, SecretUrl};
use crate::sink::{ResolvedSink, SinkConfig, SinkContext, SinkError};

/// Keys of the sink: `url` of an incoming webhook, or `token` and `channel` of the Web API.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SlackConfig {
    url: Option<ExternalSecret>,
    token: Option<ExternalSecret>,
    channel: Option<String>,
    api_url: Option<SecretUrl>,
    #[serde(default)]
    allow_private: bool,
}

/// The endpoint that the keys name.
enum EndpointKeys<'a> {
    Webhook(&'a ExternalSecret),
    Api { token: &'a ExternalSecret, channel: &'a str },
}

impl SlackConfig {
    fn endpoint(&self) -> Result<EndpointKeys<'_>, String> {
        match (&self.url, &self.token) {
            (Some(url), None) if self.channel.is_none() && self.api_url.is_none() => {
                Ok(EndpointKeys::Webhook(url))
            }
            (None, Some(token)) => match &self.channel {
                Some(channel) => Ok(EndpointKeys::Api { token, channel }),
                None => Err("slack needs `channel = \"…\"`".to_owned()),
            },
            _ => Err("needs `url` of an incoming webhook, or `token` and `channel`".to_owned()),
        }
    }
}

impl SinkConfig for SlackConfig {
    fn validate(&self) -> Result<(), String> {
        self.endpoint().map(drop)
    }

    fn resolve(&self, context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError> {
        let endpoint = match self.endpoint().map_err(SinkError::refused)? {
            EndpointKeys::Webhook(url) => {
                let url = context.reveal_external(url)?;
                SlackEndpoint::Webhook(HttpSettings::new(url, self.allow_private))
            }
            EndpointKeys::Api { token, channel } => {
                let url = match &self.api_url {
                    Some(url) => url.reveal(context)?,
                    None => SecretText::new(API_URL),
                };
                SlackEndpoint::Api {
                    http: HttpSettings::new(url, self.allow_private),
                    token: context.reveal_external(token)?,
                    channel: channel.to_owned(),
                }
            }
        };
        let formatter = context.formatter.clone();
        Ok(ResolvedSink::new(SlackSettings { endpoint, formatter }))
    }
}
