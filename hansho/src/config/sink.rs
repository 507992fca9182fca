//! The `[[sinks]]` tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use connectors::sink::format::Format;
use connectors::sink::mail::{RECIPIENTS_MAX, Security};
use connectors::sink::{pagerduty, slack};
use oncall::route::On;
use oncall::severities::Severities;
use toml::Spanned;

use super::secret::Secret;
use super::{ConfigError, File, raw};

/// The most sinks one service tells.
pub const SINKS_MAX: usize = 64;
/// The most members an Alertmanager cluster has.
pub const MEMBERS_MAX: usize = 16;

/// Someone who is told.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Its name, unique.
    pub name: String,
    /// How it is reached.
    pub target: Target,
    /// What it is told of.
    pub severities: Severities,
    /// What it hears of an incident.
    pub on: On,
    /// Who is told in its place when it does not get something.
    pub fallback: Option<String>,
}

/// How a sink is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An HTTP endpoint.
    Webhook {
        /// `http` or `https`, without user information.
        url: Secret,
        /// Whether addresses of private networks and this machine are allowed.
        allow_private: bool,
        /// Sent with every request, names in lower case.
        headers: Vec<(String, Secret)>,
        /// What is posted.
        format: Format,
        /// What it is signed with.
        secrets: Vec<Secret>,
    },
    /// A service of PagerDuty.
    PagerDuty {
        /// Where events go; `None` is PagerDuty's own.
        url: Option<Secret>,
        /// Of the integration.
        routing_key: Secret,
        /// Whether addresses of private networks and this machine are allowed.
        allow_private: bool,
    },
    /// A cluster of Alertmanagers.
    Alertmanager {
        /// The base addresses of all its members.
        urls: Vec<Secret>,
        /// Sent with every request, names in lower case.
        headers: Vec<(String, Secret)>,
        /// Whether addresses of private networks and this machine are allowed.
        allow_private: bool,
    },
    /// Recipients of mail.
    Mail(Box<MailTarget>),
    /// A channel of Slack.
    Slack {
        /// By which door.
        door: SlackDoor,
        /// Whether addresses of private networks and this machine are allowed.
        allow_private: bool,
    },
    /// A topic of the same Kafka.
    Kafka {
        /// Its name.
        topic: String,
    },
    /// JSON lines appended to a file.
    File {
        /// Its path.
        path: PathBuf,
    },
    /// JSON lines on standard output.
    Stdout,
}

/// The doors of Slack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlackDoor {
    /// An incoming webhook.
    Webhook(Secret),
    /// The Web API.
    Api {
        /// Of a bot.
        token: Secret,
        /// The channel's id.
        channel: String,
        /// Where the API is; `None` is Slack's own.
        url: Option<Secret>,
    },
}

/// How mail is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailTarget {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is kept private.
    pub security: Security,
    /// A file of certificates to trust besides the usual ones.
    pub ca_file: Option<PathBuf>,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// Whether addresses of private networks and this machine are allowed.
    pub allow_private: bool,
}

impl Target {
    /// The least time between two attempts that the receiver allows, in milliseconds.
    pub(super) const fn spacing_ms(&self) -> i64 {
        match self {
            Target::PagerDuty { .. } => pagerduty::SPACING_MS,
            Target::Slack { .. } => slack::SPACING_MS,
            Target::Webhook { .. }
            | Target::Alertmanager { .. }
            | Target::Mail(_)
            | Target::Kafka { .. }
            | Target::File { .. }
            | Target::Stdout => 0,
        }
    }
}

pub(super) fn check_all(
    file: &File<'_>,
    raw: Vec<raw::Sink>,
    inputs: &BTreeMap<String, String>,
) -> Result<Vec<Sink>, ConfigError> {
    if raw.is_empty() {
        let what = "has no sink, so nobody would be told; add [[sinks]] with name and type";
        return Err(file.error(None, what.to_owned()));
    }
    let all: Vec<String> = raw.iter().map(|sink| sink.name.get_ref().clone()).collect();
    let mut names = BTreeSet::new();
    let mut sinks = Vec::new();
    for sink in raw {
        if sinks.len() == SINKS_MAX {
            return file
                .refuse(&sink.name, &format!("is one sink too many; the limit is {SINKS_MAX}"));
        }
        if sink.name.get_ref().is_empty() || !names.insert(sink.name.get_ref().clone()) {
            return file.refuse(&sink.name, "is empty or taken; every sink needs its own name");
        }
        sinks.push(check(file, sink, (inputs, &all))?);
    }
    Ok(sinks)
}

fn check(
    file: &File<'_>,
    mut raw: raw::Sink,
    (inputs, all): (&BTreeMap<String, String>, &[String]),
) -> Result<Sink, ConfigError> {
    let severities = match raw.severities.take() {
        None => Severities::ALL,
        Some(list) if list.get_ref().is_empty() => {
            let what = "holds no severity, so the sink is told nothing; leave it out for all";
            return file.refuse(&list, what);
        }
        Some(list) => list.into_inner().into_iter().map(|severity| severity.0).collect(),
    };
    let on = on(file, &raw)?;
    let fallback = raw.fallback.take();
    if let Some(other) = &fallback
        && (!all.contains(other.get_ref()) || other.get_ref() == raw.name.get_ref())
    {
        return file.refuse(other, "is no other sink; name one that stands in for this");
    }
    let (name, fallback) = (raw.name.clone().into_inner(), fallback.map(Spanned::into_inner));
    let target = target(file, raw, inputs)?;
    Ok(Sink { name, target, severities, on, fallback })
}

fn on(file: &File<'_>, raw: &raw::Sink) -> Result<On, ConfigError> {
    use raw::Heard::{Acknowledge, Escalate, Fire, Resolve};
    match (&raw.on, raw.send_resolved) {
        (None, resolve) => Ok(On { resolve: resolve.unwrap_or(true), ..On::ALL }),
        (Some(on), Some(_)) => {
            file.refuse(on, "stands beside send_resolved; keep `on`, with \"resolve\" or not")
        }
        (Some(on), None) => {
            let has = |heard| on.get_ref().contains(&heard);
            if !has(Fire) && !has(Escalate) {
                return file.refuse(on, "holds neither \"fire\" nor \"escalate\": nothing begins");
            }
            let (fire, acknowledge) = (has(Fire), has(Acknowledge));
            Ok(On { fire, acknowledge, escalate: has(Escalate), resolve: has(Resolve) })
        }
    }
}

fn target(
    file: &File<'_>,
    raw: raw::Sink,
    inputs: &BTreeMap<String, String>,
) -> Result<Target, ConfigError> {
    use raw::SinkType;
    refuse_strangers(file, &raw)?;
    let sink_type = raw.sink_type.clone();
    let allow_private = raw.allow_private.unwrap_or(false);
    Ok(match sink_type.get_ref() {
        SinkType::Webhook => Target::Webhook {
            url: check_url(file, required(file, &sink_type, "url", raw.url)?)?,
            allow_private,
            headers: check_headers(file, raw.headers)?,
            format: raw.format.map_or(Format::Hansho, raw::Format::checked),
            secrets: check_secrets(file, raw.secrets)?,
        },
        SinkType::PagerDuty => {
            let key = required(file, &sink_type, "routing_key", raw.routing_key)?;
            Target::PagerDuty {
                url: raw.url.map(|url| check_url(file, url)).transpose()?,
                routing_key: file.kept_out_of_the_file("routing_key", key)?,
                allow_private,
            }
        }
        SinkType::Alertmanager => {
            let urls = required(file, &sink_type, "urls", raw.urls)?;
            if urls.get_ref().is_empty() || urls.get_ref().len() > MEMBERS_MAX {
                let what =
                    format!("must name 1 to {MEMBERS_MAX} addresses: all members of one cluster");
                return file.refuse(&urls, &what);
            }
            let urls = urls.into_inner().into_iter().map(|url| check_url(file, url));
            Target::Alertmanager {
                urls: urls.collect::<Result<_, _>>()?,
                headers: check_headers(file, raw.headers)?,
                allow_private,
            }
        }
        SinkType::Slack => Target::Slack { door: slack_door(file, raw)?, allow_private },
        SinkType::Mail => Target::Mail(Box::new(mail(file, raw)?)),
        SinkType::Kafka => {
            let topic = required(file, &sink_type, "topic", raw.topic)?;
            Target::Kafka { topic: file.output_topic(topic, inputs)? }
        }
        SinkType::File => {
            Target::File { path: file.resolve(&required(file, &sink_type, "path", raw.path)?) }
        }
        SinkType::Stdout => Target::Stdout,
    })
}

fn slack_door(file: &File<'_>, raw: raw::Sink) -> Result<SlackDoor, ConfigError> {
    match (raw.url, raw.token) {
        (Some(url), None) if raw.channel.is_none() && raw.api_url.is_none() => {
            Ok(SlackDoor::Webhook(file.kept_out_of_the_file("url, which holds a token,", url)?))
        }
        (None, Some(token)) => Ok(SlackDoor::Api {
            token: file.kept_out_of_the_file("token", token)?,
            channel: required(file, &raw.sink_type, "channel", raw.channel)?,
            url: raw.api_url.map(|url| check_url(file, url)).transpose()?,
        }),
        _ => {
            let what = "needs `url` of an incoming webhook, or `token` and `channel`";
            file.refuse(&raw.sink_type, what)
        }
    }
}

fn mail(file: &File<'_>, raw: raw::Sink) -> Result<MailTarget, ConfigError> {
    let sink_type = raw.sink_type;
    let server = required(file, &sink_type, "server", raw.server)?;
    let security = raw.tls.unwrap_or_default().checked();
    let port = match server.get_ref().rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !host.ends_with(':') => port.parse().ok(),
        _ => None,
    };
    let (Some(port), Some((host, _))) = (port, server.get_ref().rsplit_once(':')) else {
        return file.refuse(&server, "is no HOST:PORT; write \"mail.example.com:587\"");
    };
    let to = required(file, &sink_type, "to", raw.to)?;
    if to.get_ref().is_empty() || to.get_ref().len() > RECIPIENTS_MAX {
        return file.refuse(&to, &format!("must name 1 to {RECIPIENTS_MAX} recipients"));
    }
    let password = raw.password.map(|it| file.kept_out_of_the_file("password", it)).transpose()?;
    let login = match (raw.username, password) {
        (Some(username), Some(password)) => Some((username, password)),
        (None, None) => None,
        _ => {
            let what = "needs `username` and `password` together, or neither";
            return file.refuse(&sink_type, what);
        }
    };
    if login.is_some() && security == Security::Plain {
        return file.refuse(&sink_type, "would send a password in clear; leave tls out");
    }
    Ok(MailTarget {
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        security,
        ca_file: raw.ca_file.map(|path| file.resolve(&path)),
        login,
        from: required(file, &sink_type, "from", raw.from)?,
        to: to.into_inner(),
        allow_private: raw.allow_private.unwrap_or(false),
    })
}

/// Refuses keys that are for sinks of other types.
fn refuse_strangers(file: &File<'_>, raw: &raw::Sink) -> Result<(), ConfigError> {
    let given = [
        ("url", raw.url.is_some()),
        ("urls", raw.urls.is_some()),
        ("allow_private", raw.allow_private.is_some()),
        ("headers", !raw.headers.is_empty()),
        ("topic", raw.topic.is_some()),
        ("path", raw.path.is_some()),
        ("format", raw.format.is_some()),
        ("secrets", !raw.secrets.is_empty()),
        ("routing_key", raw.routing_key.is_some()),
        ("token", raw.token.is_some()),
        ("channel", raw.channel.is_some()),
        ("api_url", raw.api_url.is_some()),
        ("server", raw.server.is_some()),
        ("tls", raw.tls.is_some()),
        ("ca_file", raw.ca_file.is_some()),
        ("username", raw.username.is_some()),
        ("password", raw.password.is_some()),
        ("from", raw.from.is_some()),
        ("to", raw.to.is_some()),
    ];
    let sink_type = raw.sink_type.get_ref();
    match given.iter().find(|(key, given)| *given && !sink_type.keys().contains(key)) {
        Some((key, _)) => file
            .refuse(&raw.sink_type, &format!("{} takes no `{key}`; remove it", sink_type.name())),
        None => Ok(()),
    }
}

fn required<T>(
    file: &File<'_>,
    sink_type: &Spanned<raw::SinkType>,
    key: &str,
    value: Option<T>,
) -> Result<T, ConfigError> {
    value.map_or_else(
        || {
            let what = format!("{} needs `{key} = \"…\"`", sink_type.get_ref().name());
            file.refuse(sink_type, &what)
        },
        Ok,
    )
}

fn check_secrets(file: &File<'_>, raw: Vec<Spanned<Secret>>) -> Result<Vec<Secret>, ConfigError> {
    raw.into_iter().map(|secret| file.kept_out_of_the_file("secrets", secret)).collect()
}

fn check_url(file: &File<'_>, raw: Spanned<Secret>) -> Result<Secret, ConfigError> {
    if let Some(url) = raw.get_ref().plain() {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
            return file.refuse(&raw, "is no URL; it starts with https:// or http://");
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        if authority.contains('@') {
            let way_out = "send them as [sinks.headers] authorization = \"env:NAME\"";
            return file.refuse(&raw, &format!("holds credentials in clear; {way_out}"));
        }
    }
    Ok(raw.into_inner().under(file.folder()))
}

fn check_headers(
    file: &File<'_>,
    raw: BTreeMap<String, Spanned<Secret>>,
) -> Result<Vec<(String, Secret)>, ConfigError> {
    raw.into_iter()
        .map(|(name, value)| {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) {
                return file.refuse(&value, &format!("`{name}` is no header name"));
            }
            let value = file.kept_out_of_the_file(&name, value)?;
            Ok((name.to_ascii_lowercase(), value))
        })
        .collect()
}
