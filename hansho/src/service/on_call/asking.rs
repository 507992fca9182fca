//! What people ask of on-call, and what they are told: the answers of the API.

use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EpisodeId;
use oncall::case::{Case, State};
use oncall::desk::{Action, Command, Dead, Desk, NewSilence, Refused};
use oncall::matcher::{Matcher, Subject};
use oncall::outbox::Outgoing;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

/// Incidents, notifications or entries one answer lists at most; what is left out is said.
pub const LISTED_MAX: usize = 1_000;

/// A question, who asks it, and where the answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub ask: Ask,
    /// Who asks.
    pub by: String,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Answer>,
}

/// What may be asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// The incidents in some states, those that are due first at the top.
    Incidents(Vec<State>),
    /// One incident, its id cut or not.
    Incident(String),
    /// Something is to be done to an incident.
    Act(String, Action),
    /// All silences.
    Silences,
    /// A silence is to be made.
    Silence(NewSilence),
    /// What a silence would hit.
    Preview(Vec<Matcher>),
    /// A silence is to end.
    Expire(u64),
    /// What is pending, and what was given up.
    Notifications,
    /// Something that was given up is to be tried again.
    Retry(u64),
    /// Something that was given up is to be forgotten.
    Drop(u64),
    /// A receiver is to be tried with a notification of no importance.
    Test(String, Severity),
    /// What a receiver would be sent of an incident: which, and to whom.
    Render(String, String),
    /// Who would be told of an incident.
    Route(Imagined),
    /// What people did.
    Audit,
    /// How on-call stands.
    Status,
}

/// An incident that is only imagined.
#[derive(Clone, Debug)]
pub struct Imagined {
    /// The alert's name.
    pub alert: String,
    /// Its severity.
    pub severity: Severity,
    /// Labels and components of the key, by name.
    pub labels: Vec<(String, String)>,
    /// When it opens; now unless said.
    pub at: Option<Timestamp>,
}

/// A document, or why there is none.
pub type Answer = Result<Value, AskError>;

/// Why something asked is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// There is no such thing.
    Unknown(String),
    /// It makes no sense as things stand.
    Conflict(String),
    /// It makes no sense as it is said.
    Unclear(String),
}

impl Asked {
    /// Answers the question.
    pub(super) fn answer(self, desk: &mut Desk, now: Timestamp) {
        let answer = answer(self.ask, &self.by, desk, now);
        // Who does not wait any more has no use for it.
        drop(self.answer.send(answer));
    }
}

fn answer(ask: Ask, by: &str, desk: &mut Desk, now: Timestamp) -> Answer {
    match ask {
        Ask::Incidents(states) => Ok(incidents(desk, &states, now)),
        Ask::Incident(id) => Ok(incident(find(desk, &id)?, now)),
        Ask::Act(id, action) => {
            let incident = find(desk, &id)?.id;
            desk.command(&Command { incident, by: by.to_owned(), action }, now)?;
            Ok(self::incident(find(desk, &incident.to_string())?, now))
        }
        Ask::Silences => Ok(json!({ "silences": desk.silences().map(plain).collect::<Vec<_>>() })),
        Ask::Silence(new) => {
            let preview = preview(desk, &new.matchers, now);
            let id = desk.silence(new, now)?;
            Ok(json!({ "silence": id, "hits": preview }))
        }
        Ask::Preview(matchers) => Ok(preview(desk, &matchers, now)),
        Ask::Expire(id) => {
            desk.expire(id, by, now)?;
            Ok(json!({ "silence": id }))
        }
        Ask::Notifications => Ok(notifications(desk)),
        Ask::Retry(number) => {
            desk.retry(number, by, now)?;
            Ok(json!({ "notification": number }))
        }
        Ask::Drop(number) => {
            desk.drop_dead(number, by, now)?;
            Ok(json!({ "notification": number }))
        }
        // These take more than the desk: see `trial`.
        Ask::Test(..) | Ask::Render(..) => {
            Err(AskError::Conflict("only a service that runs can do that".to_owned()))
        }
        Ask::Route(imagined) => Ok(route(desk, &imagined, now)),
        Ask::Audit => {
            let all: Vec<_> = desk.audit().collect();
            let newest = all.iter().rev().take(LISTED_MAX).map(|it| plain(*it));
            Ok(json!({ "audit": newest.collect::<Vec<_>>() }))
        }
        Ask::Status => Ok(status(desk, now)),
    }
}

pub(super) fn find<'a>(desk: &'a Desk, id: &str) -> Result<&'a Case, AskError> {
    desk.find(id).map_err(|fits| match fits {
        0 => AskError::Unknown(format!("there is no incident {id}")),
        fits => AskError::Unclear(format!("{id} may be any of {fits} incidents; write more of it")),
    })
}

/// Incidents by what is due first: those without an answer, then the others, then the newest.
fn incidents(desk: &Desk, states: &[State], now: Timestamp) -> Value {
    let mut found: Vec<&Case> = desk.cases().filter(|it| states.contains(&it.state)).collect();
    found.sort_by_key(|case| {
        let due = case.deadline.filter(|_| case.state == State::Firing);
        (case.state, due.map_or(i64::MAX, |due| due.0), -case.times.fired.0, case.id)
    });
    let left_out = found.len().saturating_sub(LISTED_MAX);
    let listed: Vec<Value> =
        found.into_iter().take(LISTED_MAX).map(|case| summary(case, now)).collect();
    json!({ "incidents": listed, "left_out": left_out })
}

/// An incident in a list.
fn summary(case: &Case, now: Timestamp) -> Value {
    let Value::Object(mut all) = incident(case, now) else { return Value::Null };
    all.remove("timeline");
    all.remove("receivers");
    Value::Object(all)
}

/// All of an incident.
fn incident(case: &Case, now: Timestamp) -> Value {
    let Value::Object(written) = serde_json::to_value(case).unwrap_or_default() else {
        return Value::Null;
    };
    let mut all = Map::new();
    all.insert("id".to_owned(), case.id.to_string().into());
    all.insert("state".to_owned(), case.state.name().into());
    all.insert("phase".to_owned(), case.phase().map(oncall::case::Phase::name).into());
    all.insert("level".to_owned(), case.severity.level().into());
    let key = case.key.iter().map(|(name, value)| (name.clone(), value.to_string().into()));
    all.insert("key".to_owned(), Value::Object(key.collect()));
    let unanswered = case.deadline.filter(|_| case.state == State::Firing);
    let left_ms = unanswered.map(|due| due.0.saturating_sub(now.0));
    all.insert("responds_in_s".to_owned(), left_ms.map(|ms| ms.div_euclid(1000)).into());
    for (name, value) in written {
        all.entry(name).or_insert(value);
    }
    Value::Object(all)
}

fn preview(desk: &Desk, matchers: &[Matcher], now: Timestamp) -> Value {
    let preview = desk.preview(matchers, now);
    let open: Vec<String> = preview.open.iter().map(EpisodeId::to_string).collect();
    json!({
        "open": open,
        "last_7_days": preview.recent,
        "last_7_days_critical": preview.recent_critical,
    })
}

fn notifications(desk: &Desk) -> Value {
    let name = |number: usize| {
        let receiver = desk.settings().routing.receivers().get(number);
        receiver.map_or("?", |receiver| receiver.name.as_str())
    };
    let pending = desk.outgoing().take(LISTED_MAX).map(|row| {
        let Outgoing { receiver, notification, attempts, at, failure, .. } = row;
        json!({
            "receiver": name(receiver),
            "id": notification.id,
            "kind": notification.kind.name(),
            "incident": notification.incident.to_string(),
            "alert": notification.facts.alert,
            "attempts": attempts,
            "not_before": at.to_string(),
            "failure": failure.map(|failure| json!({
                "reason": failure.reason.name(), "why": failure.why,
            })),
        })
    });
    let dead = desk.dead().take(LISTED_MAX).map(|dead: &Dead| {
        json!({
            "number": dead.number,
            "receiver": dead.receiver,
            "id": dead.notification.id,
            "kind": dead.notification.kind.name(),
            "incident": dead.notification.incident.to_string(),
            "alert": dead.notification.facts.alert,
            "attempts": dead.attempts,
            "given_up": dead.at.to_string(),
            "why": dead.why.to_string(),
        })
    });
    let (pending, dead): (Vec<Value>, Vec<Value>) = (pending.collect(), dead.collect());
    json!({ "pending": pending, "dead": dead })
}

fn route(desk: &Desk, imagined: &Imagined, now: Timestamp) -> Value {
    let Imagined { alert, severity, labels, at } = imagined;
    let now = at.unwrap_or(now);
    let subject = Subject { alert, severity: *severity, key: &[], labels };
    let settings = desk.settings();
    let wanted = settings.routing.wanted(&subject, now);
    let receivers: Vec<Value> = wanted
        .into_iter()
        .filter_map(|(number, mute)| {
            let receiver = settings.routing.receivers().get(number)?;
            Some(json!({ "receiver": receiver.name, "mute": mute }))
        })
        .collect();
    let level = settings.levels.level(*severity);
    json!({
        "receivers": receivers,
        "off_shift": settings.routing.off_shift(&subject, now),
        "policy": level.policy,
        "deadline": settings.levels.deadline(*severity, now).map(|due| due.to_string()),
    })
}

fn status(desk: &Desk, now: Timestamp) -> Value {
    let count = |state| desk.cases().filter(|case| case.state == state).count();
    let breached = desk.cases().filter(|it| it.is_breached && it.state == State::Firing).count();
    let receivers: Vec<Value> = desk
        .settings()
        .routing
        .receivers()
        .iter()
        .enumerate()
        .map(|(number, receiver)| {
            let counts = desk.counts(number);
            json!({
                "receiver": receiver.name,
                "pending": counts.pending,
                "delivered": counts.delivered,
                "retried": counts.retried,
                "given_up": counts.rejected + counts.too_old + counts.crowded,
            })
        })
        .collect();
    json!({
        "now": now.to_string(),
        "incidents": {
            "firing": count(State::Firing),
            "acknowledged": count(State::Acknowledged),
            "resolved": count(State::Resolved),
            "breached": breached,
        },
        "silences": desk.silences().filter(|it| it.is_active(now)).count(),
        "dead": desk.dead().count(),
        "receivers": receivers,
    })
}

/// Something as it is written down.
fn plain<T: serde::Serialize>(of: &T) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

impl From<Refused> for AskError {
    fn from(refused: Refused) -> AskError {
        let why = refused.to_string();
        match refused {
            Refused::Unknown => AskError::Unknown(why),
            Refused::Is(_) | Refused::NoStep | Refused::Full(_) => AskError::Conflict(why),
            Refused::Words(_) => AskError::Unclear(why),
        }
    }
}
