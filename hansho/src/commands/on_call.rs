//! `hansho incident`, `silence`, `notify`, `route`, `status`: people on call and the service.

mod show;

use std::time::Duration;

use model::message::Language;
use model::time::Timestamp;
use reqwest::{Client, Method, StatusCode, redirect};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::cli::{
    Format, IncidentCommand, NotifyCommand, OnCallArgs, RouteCommand, ServerArgs, SilenceCommand,
    Words,
};
use crate::commands::Exit;
use crate::pipeline::clock::wall_clock;

/// How long the service may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// One request, and how its answer is shown.
struct Request {
    method: Method,
    path: String,
    body: Value,
    shown: Shown,
}

/// How an answer is shown to people.
#[derive(Clone, Copy)]
enum Shown {
    Incidents,
    Incident,
    Silences,
    Silence,
    Preview,
    Notifications,
    Trial,
    Rendition,
    Receivers,
    Status,
    Done,
}

/// `hansho incident`.
pub(crate) fn incident(args: &OnCallArgs<IncidentCommand>, language: Language) -> Result<(), Exit> {
    let act = |id: &str, action: &str, text: &str| {
        let path = format!("incidents/{}/{action}", plain(id));
        post(path, json!({ "text": text }), Shown::Incident)
    };
    let say = |words: &Words, action| act(&words.id, action, &words.text);
    let request = match &args.command {
        IncidentCommand::List { state } => {
            let asked = state.as_ref().map(|state| format!("?state={}", plain(state)));
            get(format!("incidents{}", asked.unwrap_or_default()), Shown::Incidents)
        }
        IncidentCommand::Show { id } => get(format!("incidents/{}", plain(id)), Shown::Incident),
        IncidentCommand::Ack { id } => act(id, "ack", ""),
        IncidentCommand::Assign { id, name } => act(id, "assign", name),
        IncidentCommand::Note { id, text } => act(id, "note", text),
        IncidentCommand::Escalate { id } => act(id, "escalate", ""),
        IncidentCommand::Mitigate(words) => say(words, "mitigate"),
        IncidentCommand::Cause(words) => say(words, "cause"),
        IncidentCommand::Fix(words) => say(words, "fix"),
        IncidentCommand::Resolve(words) => say(words, "resolve"),
        IncidentCommand::Close(words) => say(words, "close"),
    };
    ask(&args.server, request, language)
}

/// `hansho silence`.
pub(crate) fn silence(args: &OnCallArgs<SilenceCommand>, language: Language) -> Result<(), Exit> {
    let preview = |matchers: &[String]| {
        post("silences/preview".to_owned(), json!({ "matchers": matchers }), Shown::Preview)
    };
    let request = match &args.command {
        SilenceCommand::Add { matchers, dry_run: true, .. }
        | SilenceCommand::Preview { matchers } => preview(matchers),
        SilenceCommand::Add { matchers, duration, reason, receivers, until_resolved, .. } => {
            let span_ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            let until: Timestamp = wall_clock().plus(span_ms);
            let new = json!({
                "matchers": matchers,
                "receivers": receivers,
                "reason": reason,
                "until": until.to_string(),
                "until_resolved": until_resolved,
            });
            post("silences".to_owned(), new, Shown::Silence)
        }
        SilenceCommand::List => get("silences".to_owned(), Shown::Silences),
        SilenceCommand::Expire { id } => {
            post(format!("silences/{id}/expire"), json!({}), Shown::Done)
        }
    };
    ask(&args.server, request, language)
}

/// `hansho notify`.
pub(crate) fn notify(args: &OnCallArgs<NotifyCommand>, language: Language) -> Result<(), Exit> {
    let request = match &args.command {
        NotifyCommand::List => get("notifications".to_owned(), Shown::Notifications),
        NotifyCommand::Test { receiver, severity } => {
            let body = json!({ "receiver": receiver, "severity": severity });
            post("notifications/test".to_owned(), body, Shown::Trial)
        }
        NotifyCommand::Preview { incident, receiver } => {
            let body = json!({ "receiver": receiver, "incident": incident });
            post("notifications/preview".to_owned(), body, Shown::Rendition)
        }
        NotifyCommand::Retry { number } => {
            post(format!("notifications/{number}/retry"), json!({}), Shown::Done)
        }
        NotifyCommand::Drop { number } => {
            post(format!("notifications/{number}/drop"), json!({}), Shown::Done)
        }
    };
    ask(&args.server, request, language)
}

/// `hansho route`.
pub(crate) fn route(args: &OnCallArgs<RouteCommand>, language: Language) -> Result<(), Exit> {
    let RouteCommand::Test { alert, severity, labels, at } = &args.command;
    let mut named = serde_json::Map::new();
    for label in labels {
        let Some((name, value)) = label.split_once('=') else {
            return Err(Exit::Usage.because(format!("--label {label}: write NAME=VALUE")));
        };
        named.insert(name.to_owned(), value.into());
    }
    let body = json!({ "alert": alert, "severity": severity, "labels": named, "at": at });
    ask(&args.server, post("route".to_owned(), body, Shown::Receivers), language)
}

/// `hansho status`.
pub(crate) fn status(server: &ServerArgs, language: Language) -> Result<(), Exit> {
    ask(server, get("status".to_owned(), Shown::Status), language)
}

fn get(path: String, shown: Shown) -> Request {
    Request { method: Method::GET, path, body: Value::Null, shown }
}

fn post(path: String, body: Value, shown: Shown) -> Request {
    Request { method: Method::POST, path, body, shown }
}

/// A part of a path: nothing in it can lead elsewhere.
fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || ",-_".contains(*c);
    text.chars().filter(is_plain).collect()
}

fn ask(server: &ServerArgs, mut request: Request, language: Language) -> Result<(), Exit> {
    let by_body = ["incidents/", "silences", "notifications/"];
    let is_change = request.method == Method::POST && !request.path.ends_with("preview");
    if let Value::Object(body) = &mut request.body
        && is_change
        && by_body.iter().any(|path| request.path.starts_with(path))
    {
        body.insert("by".to_owned(), server.by.clone().into());
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Exit::Unreachable.because(error))?;
    let token = token(server)?;
    let (status, answer) = runtime.block_on(send(server, &request, token))?;
    if status.is_success() {
        match server.output {
            Format::Json => println!("{answer}"),
            Format::Text => print!("{}", show::text(request.shown, &answer, language)),
        }
        let is_undelivered = answer.get("delivered") == Some(&Value::Bool(false));
        return if is_undelivered { Err(Exit::Findings) } else { Ok(()) };
    }
    let why = answer.get("error").and_then(Value::as_str).unwrap_or("no reason was given");
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => {
            Exit::Usage.because(why)
        }
        StatusCode::NOT_FOUND | StatusCode::CONFLICT => Exit::Findings.because(why),
        _ => Exit::Unreachable.because(format!("{status}: {why}")),
    })
}

fn token(server: &ServerArgs) -> Result<Option<String>, Exit> {
    let Some(path) = &server.token_file else {
        return Ok(std::env::var("HANSHO_TOKEN").ok().filter(|token| !token.is_empty()));
    };
    let read = std::fs::read_to_string(path);
    let failed = |error| Exit::Unreachable.because(format!("{}: {error}", path.display()));
    read.map(|text| Some(text.trim_end().to_owned())).map_err(failed)
}

async fn send(
    server: &ServerArgs,
    request: &Request,
    token: Option<String>,
) -> Result<(StatusCode, Value), Exit> {
    let unreachable = |error: reqwest::Error| {
        let why = error.without_url();
        let place = &server.server;
        let way_out = "is `hansho run` up? name its [api] listen with --server";
        Exit::Unreachable.because(format!("{place} does not answer: {why}; {way_out}"))
    };
    // The token must not follow a redirect, nor the request a proxy of the environment.
    let client = Client::builder().redirect(redirect::Policy::none()).no_proxy();
    let client = client.timeout(ANSWER_MAX).build().map_err(unreachable)?;
    let url = format!("{}/api/v1/{}", server.server.trim_end_matches('/'), request.path);
    let mut sent = client.request(request.method.clone(), url);
    if !request.body.is_null() {
        sent = sent.header("content-type", "application/json").body(request.body.to_string());
    }
    if let Some(token) = token {
        sent = sent.bearer_auth(token);
    }
    let answer = sent.send().await.map_err(unreachable)?;
    let status = answer.status();
    let text = answer.text().await.map_err(unreachable)?;
    Ok((status, serde_json::from_str(&text).unwrap_or_default()))
}
