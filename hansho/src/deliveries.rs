//! The sinks of the configuration, with their secrets revealed.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use connectors::sink::alertmanager::AlertmanagerSettings;
use connectors::sink::http::HttpSettings;
use connectors::sink::mail::MailSettings;
use connectors::sink::pagerduty::{EVENTS_URL, PagerDutySettings};
use connectors::sink::slack::{API_URL, Door, SlackSettings};
use connectors::sink::webhook::WebhookSettings;
use connectors::sink::words::Reader;
use connectors::sink::{DELIVERY_TIMEOUT_MS, Secret, Sink, SinkSettings};

use crate::config::{self, MailTarget, SECRET_MAX, SlackDoor, Target};
use crate::wiring::notifiers::Notifier;

/// What sinks share.
pub struct Shared<'a> {
    /// How Kafka is reached.
    pub properties: &'a [(String, String)],
    /// Who reads what they show.
    pub reader: &'a Reader,
}

/// Sinks, each with what it was made of; printed nowhere, for it holds secrets.
#[derive(Clone, Default)]
pub struct Sinks(Vec<(SinkSettings, Notifier)>);

impl Sinks {
    /// The sinks of a configuration, in its order. One that is made of the same as one before
    /// is that one: a file is not opened twice, nor is a connection given up.
    ///
    /// # Errors
    /// A secret that is not where the configuration says, and what the sink itself refuses; with
    /// the sink's name.
    pub(crate) fn new(
        all: &[config::Sink],
        shared: &Shared<'_>,
        before: &Sinks,
    ) -> Result<Sinks, String> {
        let made = |sink: &config::Sink| {
            let named = |why: String| format!("sink {}: {why}", sink.name);
            let settings = settings(&sink.target, shared).map_err(named)?;
            let known = before.0.iter().find(|(of, _)| *of == settings);
            let delivery = match known {
                Some((_, delivery)) => delivery.clone(),
                None => {
                    let sink = Sink::new(&settings).map_err(|error| named(error.to_string()))?;
                    Notifier::Sink(Arc::new(sink))
                }
            };
            Ok((settings, delivery))
        };
        all.iter().map(made).collect::<Result<_, _>>().map(Sinks)
    }

    /// How each receiver is reached, in the order of the configuration.
    pub(crate) fn notifiers(&self) -> Vec<Notifier> {
        self.0.iter().map(|(_, delivery)| delivery.clone()).collect()
    }

    /// Whether they are made of the same, in the same order.
    pub(crate) fn are_alike(&self, other: &Sinks) -> bool {
        self.0.iter().map(|it| &it.0).eq(other.0.iter().map(|it| &it.0))
    }
}

fn settings(target: &Target, shared: &Shared<'_>) -> Result<SinkSettings, String> {
    Ok(match target {
        Target::Webhook { url, allow_private, headers, format, secrets } => {
            let secrets = secrets.iter().map(reveal).collect::<Result<_, _>>()?;
            let http = http(reveal(url)?, headers, *allow_private)?;
            SinkSettings::Webhook(WebhookSettings { http, format: *format, secrets })
        }
        Target::PagerDuty { url, routing_key, allow_private } => {
            let url = url.as_ref().map_or_else(|| Ok(Secret::new(EVENTS_URL)), reveal)?;
            let (http, routing_key) = (http(url, &[], *allow_private)?, reveal(routing_key)?);
            SinkSettings::PagerDuty(PagerDutySettings { http, routing_key })
        }
        Target::Alertmanager { urls, headers, allow_private } => {
            let member = |url| http(reveal(url)?, headers, *allow_private);
            let members = urls.iter().map(member).collect::<Result<_, _>>()?;
            SinkSettings::Alertmanager(AlertmanagerSettings { members })
        }
        Target::Slack { door, allow_private } => {
            let (door, reader) = (slack(door, *allow_private)?, shared.reader.clone());
            SinkSettings::Slack(SlackSettings { door, reader })
        }
        Target::Mail(target) => SinkSettings::Mail(Box::new(mail(target, shared.reader)?)),
        Target::Kafka { topic } => SinkSettings::Kafka {
            properties: shared.properties.to_vec(),
            topic: topic.clone(),
            timeout_ms: DELIVERY_TIMEOUT_MS,
        },
        Target::File { path } => SinkSettings::File { path: path.clone() },
        Target::Stdout => SinkSettings::Stdout,
    })
}

fn http(
    url: Secret,
    headers: &[(String, config::Secret)],
    allow_private: bool,
) -> Result<HttpSettings, String> {
    let headers = headers.iter().map(|(name, value)| Ok((name.clone(), reveal(value)?)));
    let headers = headers.collect::<Result<_, String>>()?;
    Ok(HttpSettings { url, headers, timeout_ms: DELIVERY_TIMEOUT_MS, allow_private })
}

fn slack(door: &SlackDoor, allow_private: bool) -> Result<Door, String> {
    Ok(match door {
        SlackDoor::Webhook(url) => Door::Webhook(http(reveal(url)?, &[], allow_private)?),
        SlackDoor::Api { token, channel, url } => {
            let url = url.as_ref().map_or_else(|| Ok(Secret::new(API_URL)), reveal)?;
            let http = http(url, &[], allow_private)?;
            Door::Api { http, token: reveal(token)?, channel: channel.clone() }
        }
    })
}

fn mail(of: &MailTarget, reader: &Reader) -> Result<MailSettings, String> {
    let login = of.login.as_ref();
    let login = login.map(|(user, password)| Ok::<_, String>((user.clone(), reveal(password)?)));
    Ok(MailSettings {
        host: of.host.clone(),
        port: of.port,
        security: of.security,
        authority: of.ca_file.as_deref().map(certificates).transpose()?,
        login: login.transpose()?,
        from: of.from.clone(),
        to: of.to.clone(),
        timeout_ms: DELIVERY_TIMEOUT_MS,
        allow_private: of.allow_private,
        reader: reader.clone(),
    })
}

fn certificates(path: &Path) -> Result<String, String> {
    let failed = |why: &dyn Display| format!("ca_file {}: {why}", path.display());
    let length = fs::metadata(path).map_err(|error| failed(&error))?.len();
    if length > SECRET_MAX {
        return Err(failed(&format!("{length} bytes, the limit is {SECRET_MAX}")));
    }
    fs::read_to_string(path).map_err(|error| failed(&error))
}

fn reveal(secret: &config::Secret) -> Result<Secret, String> {
    secret.reveal().map(Secret::new).map_err(|error| error.to_string())
}
