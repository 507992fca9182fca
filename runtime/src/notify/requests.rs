//! Requests of people to on-call, and their answers.
//!
//! The thread that owns on-call's state answers one request after another, in the order in which
//! they arrive among all that happens.

pub mod answers;
mod sample;
pub mod text_form;
mod views;

use model::severity::Severity;
use model::time::Timestamp;
use oncall::engine::{CommandError, IncidentAction, IncidentEngine, NewSilence, OnCallCommand};
use oncall::incident::{Incident, IncidentState};
use oncall::matcher::Matcher;
use serde::Serialize;

use answers::{
    AuditEntry, AuditLog, IncidentList, IncidentView, NotificationChanged, NotificationList,
    RenderedNotification, RouteAnswer, SilenceCreated, SilenceExpired, SilenceList, SilencePreview,
    SilenceView, StatusView, TestResult,
};

pub use sample::SampleAlert;
pub use views::LISTED_MAX;

/// A query, who sent it, and where its answer goes.
#[derive(Debug)]
pub struct OnCallRequest {
    /// Query.
    pub query: OnCallQuery,
    /// Person who sent it.
    pub by: String,
    /// Channel of the answer.
    pub reply: ReplyChannel,
}

/// Channel of one answer.
pub struct ReplyChannel(Box<dyn FnOnce(OnCallReply) + Send>);

impl ReplyChannel {
    /// A channel that calls `send` with the answer.
    pub fn new(send: impl FnOnce(OnCallReply) + Send + 'static) -> ReplyChannel {
        ReplyChannel(Box::new(send))
    }

    /// Sends the answer.
    pub fn send(self, reply: OnCallReply) {
        (self.0)(reply);
    }
}

impl std::fmt::Debug for ReplyChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReplyChannel")
    }
}

/// Query or command to on-call.
#[derive(Clone, Debug)]
pub enum OnCallQuery {
    /// Incidents in some states, the next deadline first.
    Incidents(Vec<IncidentState>),
    /// One incident, by its id or the beginning of it.
    Incident(String),
    /// Action on an incident.
    Act {
        /// Id of the incident, or the beginning of it.
        incident: String,
        /// Action.
        action: IncidentAction,
    },
    /// All silences.
    Silences,
    /// Creation of a silence.
    CreateSilence(NewSilence),
    /// Incidents that a silence would match.
    PreviewSilence(Vec<Matcher>),
    /// End of a silence.
    ExpireSilence(u64),
    /// Pending and dropped notifications.
    Notifications,
    /// Retry of a dropped notification.
    RetryNotification(u64),
    /// Removal of a dropped notification.
    DropNotification(u64),
    /// Test notification to a receiver.
    TestReceiver {
        /// Receiver.
        receiver: String,
        /// Severity of the notification.
        severity: Severity,
    },
    /// Text of a notification as a receiver would get it.
    RenderNotification {
        /// Id of the incident, or the beginning of it.
        incident: String,
        /// Receiver.
        receiver: String,
    },
    /// Receivers of a sample alert.
    Route(SampleAlert),
    /// Actions of people.
    Audit,
    /// Counts of incidents, silences and deliveries.
    Status,
}

/// Answer to a query, or why there is none.
pub type OnCallReply = Result<OnCallAnswer, OnCallError>;

/// Answer to a query: one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OnCallAnswer {
    /// To [`OnCallQuery::Incidents`].
    Incidents(IncidentList),
    /// To [`OnCallQuery::Incident`] and [`OnCallQuery::Act`].
    Incident(Box<IncidentView>),
    /// To [`OnCallQuery::Silences`].
    Silences(SilenceList),
    /// To [`OnCallQuery::CreateSilence`].
    SilenceCreated(SilenceCreated),
    /// To [`OnCallQuery::PreviewSilence`].
    SilencePreview(SilencePreview),
    /// To [`OnCallQuery::ExpireSilence`].
    SilenceExpired(SilenceExpired),
    /// To [`OnCallQuery::Notifications`].
    Notifications(NotificationList),
    /// To [`OnCallQuery::RetryNotification`] and [`OnCallQuery::DropNotification`].
    NotificationChanged(NotificationChanged),
    /// To [`OnCallQuery::TestReceiver`].
    TestResult(TestResult),
    /// To [`OnCallQuery::RenderNotification`].
    Rendered(RenderedNotification),
    /// To [`OnCallQuery::Route`].
    Route(RouteAnswer),
    /// To [`OnCallQuery::Audit`].
    Audit(AuditLog),
    /// To [`OnCallQuery::Status`].
    Status(StatusView),
}

/// Reason why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnCallError {
    /// There is no such thing.
    NotFound(String),
    /// The state of the thing does not allow it.
    Conflict(String),
    /// The query makes no sense as it is written.
    Invalid(String),
}

/// Answers a query that needs nothing but the state of on-call.
pub(super) fn answer(
    query: OnCallQuery,
    by: &str,
    engine: &mut IncidentEngine,
    now: Timestamp,
) -> OnCallReply {
    Ok(match query {
        OnCallQuery::Incidents(states) => {
            OnCallAnswer::Incidents(views::incidents(engine, &states, now))
        }
        OnCallQuery::Incident(id) => incident(engine, &id, now)?,
        OnCallQuery::Act { incident: id, action } => {
            let id = find_incident(engine, &id)?.id;
            engine.command(&OnCallCommand { incident: id, by: by.to_owned(), action }, now)?;
            incident(engine, &id.to_string(), now)?
        }
        OnCallQuery::Silences => OnCallAnswer::Silences(SilenceList {
            silences: engine.silences().map(SilenceView::from).collect(),
        }),
        OnCallQuery::CreateSilence(new) => {
            let hits = SilencePreview::from(engine.preview(&new.matchers, now));
            let silence = engine.silence(new, now)?;
            OnCallAnswer::SilenceCreated(SilenceCreated { hits, silence })
        }
        OnCallQuery::PreviewSilence(matchers) => {
            OnCallAnswer::SilencePreview(engine.preview(&matchers, now).into())
        }
        OnCallQuery::ExpireSilence(silence) => {
            engine.expire(silence, by, now)?;
            OnCallAnswer::SilenceExpired(SilenceExpired { silence })
        }
        OnCallQuery::Notifications => OnCallAnswer::Notifications(views::notifications(engine)),
        OnCallQuery::RetryNotification(notification) => {
            engine.retry(notification, by, now)?;
            OnCallAnswer::NotificationChanged(NotificationChanged { notification })
        }
        OnCallQuery::DropNotification(notification) => {
            engine.drop_dead(notification, by, now)?;
            OnCallAnswer::NotificationChanged(NotificationChanged { notification })
        }
        // Both need the receivers themselves, which the worker has.
        OnCallQuery::TestReceiver { .. } | OnCallQuery::RenderNotification { .. } => {
            let why = "only a service that runs can do that";
            return Err(OnCallError::Conflict(why.to_owned()));
        }
        OnCallQuery::Route(sample) => OnCallAnswer::Route(views::route(engine, &sample, now)),
        OnCallQuery::Audit => OnCallAnswer::Audit(audit(engine)),
        OnCallQuery::Status => OnCallAnswer::Status(views::status(engine, now)),
    })
}

fn incident(engine: &IncidentEngine, id: &str, now: Timestamp) -> OnCallReply {
    let view = views::incident(find_incident(engine, id)?, now);
    Ok(OnCallAnswer::Incident(Box::new(view)))
}

fn audit(engine: &IncidentEngine) -> AuditLog {
    let all: Vec<_> = engine.audit().collect();
    let newest = all.into_iter().rev().take(LISTED_MAX);
    AuditLog { audit: newest.map(AuditEntry::from).collect() }
}

/// Incident whose id begins with the digits.
///
/// # Errors
/// No incident or more than one has such an id.
pub fn find_incident<'a>(
    engine: &'a IncidentEngine,
    id: &str,
) -> Result<&'a Incident, OnCallError> {
    engine.find(id).map_err(|fits| match fits {
        0 => OnCallError::NotFound(format!("there is no incident {id}")),
        fits => {
            OnCallError::Invalid(format!("{id} may be any of {fits} incidents; write more of it"))
        }
    })
}

impl From<CommandError> for OnCallError {
    fn from(refused: CommandError) -> OnCallError {
        let why = refused.to_string();
        match refused {
            CommandError::Unknown => OnCallError::NotFound(why),
            CommandError::Is(_) | CommandError::NoStep | CommandError::Full(_) => {
                OnCallError::Conflict(why)
            }
            CommandError::Words(_) => OnCallError::Invalid(why),
        }
    }
}

#[cfg(test)]
mod tests;
