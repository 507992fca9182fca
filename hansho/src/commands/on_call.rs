//! `hansho incident`, `silence`, `notify`, `route`, `status`: people on call and the service.

mod show;

use std::collections::BTreeMap;
use std::time::Duration;

use model::message::Language;
use model::time::Timestamp;
use reqwest::{Client, Method, StatusCode, redirect};
use runtime::notify::requests::answers::{
    IncidentList, IncidentView, NotificationChanged, NotificationList, RenderedNotification,
    RouteAnswer, SilenceCreated, SilenceExpired, SilenceList, SilencePreview, StatusView,
    TestResult,
};
use serde::Serialize;
use server::types::answers::ErrorAnswer;
use server::types::requests::{
    ActionBody, IncidentFilter, RenderBody, RouteBody, SilenceBody, SilencePreviewBody, TestBody,
};
use tokio::runtime::Builder;

use crate::cli::{
    IncidentCommand, IncidentNoteArgs, NotificationsCommand, OnCallArgs, OutputFormat,
    RouteCommand, ServerArgs, SilenceCommand,
};
use crate::commands::CommandExit;
use crate::wiring::clock::wall_clock;
use show::ShowAnswer;

/// Longest wait for an answer of the service.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// `hansho incident`.
pub(crate) fn incident(
    args: &OnCallArgs<IncidentCommand>,
    language: Language,
) -> Result<(), CommandExit> {
    let api = ApiClient { server: &args.server, language };
    let act = |id: &str, action: &str, text: &str| {
        let path = format!("incidents/{}/{action}", plain(id));
        api.post::<IncidentView>(&path, &api.action(text))
    };
    let note = |words: &IncidentNoteArgs, action| act(&words.id, action, &words.text);
    match &args.command {
        IncidentCommand::List { state } => {
            let filter = IncidentFilter { state: state.as_deref().map(plain) };
            let query = filter.state.map(|state| format!("?state={state}"));
            api.get::<IncidentList>(&format!("incidents{}", query.unwrap_or_default()))
        }
        IncidentCommand::Show { id } => {
            api.get::<IncidentView>(&format!("incidents/{}", plain(id)))
        }
        IncidentCommand::Ack { id } => act(id, "ack", ""),
        IncidentCommand::Assign { id, name } => act(id, "assign", name),
        IncidentCommand::Note { id, text } => act(id, "note", text),
        IncidentCommand::Escalate { id } => act(id, "escalate", ""),
        IncidentCommand::Mitigate(words) => note(words, "mitigate"),
        IncidentCommand::Cause(words) => note(words, "cause"),
        IncidentCommand::Fix(words) => note(words, "fix"),
        IncidentCommand::Resolve(words) => note(words, "resolve"),
        IncidentCommand::Close(words) => note(words, "close"),
    }
}

/// `hansho silence`.
pub(crate) fn silence(
    args: &OnCallArgs<SilenceCommand>,
    language: Language,
) -> Result<(), CommandExit> {
    let api = ApiClient { server: &args.server, language };
    match &args.command {
        SilenceCommand::Add { matchers, dry_run: true, .. }
        | SilenceCommand::Preview { matchers } => {
            let body = SilencePreviewBody { matchers: matchers.clone() };
            api.post::<SilencePreview>("silences/preview", &body)
        }
        SilenceCommand::Add { matchers, duration, reason, receivers, until_resolved, .. } => {
            let span_ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            let until: Timestamp = wall_clock().plus(span_ms);
            let body = SilenceBody {
                by: api.by(),
                matchers: matchers.clone(),
                receivers: receivers.clone(),
                reason: reason.clone(),
                from: None,
                until: Some(until.to_string()),
                until_resolved: *until_resolved,
            };
            api.post::<SilenceCreated>("silences", &body)
        }
        SilenceCommand::List => api.get::<SilenceList>("silences"),
        SilenceCommand::Expire { id } => {
            api.post::<SilenceExpired>(&format!("silences/{id}/expire"), &api.action(""))
        }
    }
}

/// Error of a command that has another name now.
pub(crate) fn renamed(old: &str, new: &str, language: Language) -> CommandExit {
    CommandExit::Usage.because(match language {
        Language::En => format!("`hansho {old}` was renamed; write `hansho {new}`"),
        Language::Ja => {
            format!("`hansho {old}` は名前が変わりました。`hansho {new}` と書いてください")
        }
    })
}

/// `hansho notifications`.
pub(crate) fn notifications(
    args: &OnCallArgs<NotificationsCommand>,
    language: Language,
) -> Result<(), CommandExit> {
    let api = ApiClient { server: &args.server, language };
    let change = |number: u64, action: &str| {
        let path = format!("notifications/{number}/{action}");
        api.post::<NotificationChanged>(&path, &api.action(""))
    };
    match &args.command {
        NotificationsCommand::List => api.get::<NotificationList>("notifications"),
        NotificationsCommand::Test { receiver, severity } => {
            let (receiver, severity) = (receiver.clone(), severity.clone());
            let body = TestBody { by: api.by(), receiver, severity };
            api.post::<TestResult>("notifications/test", &body)
        }
        NotificationsCommand::Preview { incident, receiver } => {
            let body = RenderBody { receiver: receiver.clone(), incident: incident.clone() };
            api.post::<RenderedNotification>("notifications/preview", &body)
        }
        NotificationsCommand::Retry { number } => change(*number, "retry"),
        NotificationsCommand::Drop { number } => change(*number, "drop"),
    }
}

/// `hansho route`.
pub(crate) fn route(
    args: &OnCallArgs<RouteCommand>,
    language: Language,
) -> Result<(), CommandExit> {
    let RouteCommand::Test { alert, severity, labels, at } = &args.command;
    let mut named = BTreeMap::new();
    for label in labels {
        let Some((name, value)) = label.split_once('=') else {
            return Err(CommandExit::Usage.because(format!("--label {label}: write NAME=VALUE")));
        };
        named.insert(name.to_owned(), value.to_owned());
    }
    let (alert, severity, at) = (alert.clone(), severity.clone(), at.clone());
    let body = RouteBody { alert, severity, labels: named, at };
    ApiClient { server: &args.server, language }.post::<RouteAnswer>("route", &body)
}

/// `hansho status`.
pub(crate) fn status(server: &ServerArgs, language: Language) -> Result<(), CommandExit> {
    ApiClient { server, language }.get::<StatusView>("status")
}

/// A part of a path: nothing in it can lead elsewhere.
fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || ",-_".contains(*c);
    text.chars().filter(is_plain).collect()
}

/// The API of a running service, and how its answers are printed.
struct ApiClient<'a> {
    server: &'a ServerArgs,
    language: Language,
}

/// One request.
struct ApiRequest {
    method: Method,
    path: String,
    body: Option<String>,
}

impl ApiClient<'_> {
    /// Person who sends the requests.
    fn by(&self) -> Option<String> {
        self.server.by.clone()
    }

    fn action(&self, text: &str) -> ActionBody {
        ActionBody { by: self.by(), text: text.to_owned() }
    }

    fn get<A: ShowAnswer>(&self, path: &str) -> Result<(), CommandExit> {
        let path = path.to_owned();
        self.send::<A>(&ApiRequest { method: Method::GET, path, body: None })
    }

    fn post<A: ShowAnswer>(&self, path: &str, body: &impl Serialize) -> Result<(), CommandExit> {
        let body =
            serde_json::to_string(body).map_err(|error| CommandExit::Usage.because(error))?;
        let (method, path) = (Method::POST, path.to_owned());
        self.send::<A>(&ApiRequest { method, path, body: Some(body) })
    }

    /// Sends a request and prints its answer.
    fn send<A: ShowAnswer>(&self, request: &ApiRequest) -> Result<(), CommandExit> {
        let server = self.server;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CommandExit::Unreachable.because(error))?;
        let token = token(server)?;
        let (status, text) = runtime.block_on(send(server, request, token))?;
        if !status.is_success() {
            return Err(refusal(status, &text));
        }
        let answer: A = serde_json::from_str(&text).map_err(|error| {
            let place = &server.server;
            CommandExit::Unreachable.because(format!("{place} gives another answer: {error}"))
        })?;
        match server.output {
            OutputFormat::Json => println!("{}", text.trim_end()),
            OutputFormat::Text => print!("{}", answer.show(self.language)),
        }
        if answer.is_undelivered() { Err(CommandExit::Findings) } else { Ok(()) }
    }
}

/// Exit of a request that was refused.
fn refusal(status: StatusCode, text: &str) -> CommandExit {
    let why = serde_json::from_str(text)
        .map(|ErrorAnswer { error }| error)
        .unwrap_or_else(|_| "no reason was given".to_owned());
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => {
            CommandExit::Usage.because(why)
        }
        StatusCode::NOT_FOUND | StatusCode::CONFLICT => CommandExit::Findings.because(why),
        _ => CommandExit::Unreachable.because(format!("{status}: {why}")),
    }
}

fn token(server: &ServerArgs) -> Result<Option<String>, CommandExit> {
    let Some(path) = &server.token_file else {
        return Ok(std::env::var("HANSHO_TOKEN").ok().filter(|token| !token.is_empty()));
    };
    let read = std::fs::read_to_string(path);
    let failed = |error| CommandExit::Unreachable.because(format!("{}: {error}", path.display()));
    read.map(|text| Some(text.trim_end().to_owned())).map_err(failed)
}

async fn send(
    server: &ServerArgs,
    request: &ApiRequest,
    token: Option<String>,
) -> Result<(StatusCode, String), CommandExit> {
    let unreachable = |error: reqwest::Error| {
        let why = error.without_url();
        let place = &server.server;
        let way_out = "is `hansho run` up? name its [api] listen with --server";
        CommandExit::Unreachable.because(format!("{place} does not answer: {why}; {way_out}"))
    };
    // The token must not follow a redirect, nor the request a proxy of the environment.
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(ANSWER_MAX)
        .build()
        .map_err(unreachable)?;
    let url = format!("{}/api/v1/{}", server.server.trim_end_matches('/'), request.path);
    let mut sent = client.request(request.method.clone(), url);
    if let Some(body) = &request.body {
        sent = sent.header("content-type", "application/json").body(body.clone());
    }
    if let Some(token) = token {
        sent = sent.bearer_auth(token);
    }
    let answer = sent.send().await.map_err(unreachable)?;
    let status = answer.status();
    let text = answer.text().await.map_err(unreachable)?;
    Ok((status, text))
}
