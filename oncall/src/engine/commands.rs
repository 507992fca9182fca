//! Commands of people: on incidents, silences and dead notifications.

use std::fmt;

use model::notification::NotificationKind;
use model::severity::Severity;
use model::time::{DAY_MS, Timestamp};
use model::transition::EpisodeId;

use super::{AUDIT_MAX, AuditRecord, IncidentEngine, RowKey, group_wait, tick};
use crate::incident::{Incident, IncidentState, WORDS_MAX};
use crate::matcher::{Matcher, all_match};
use crate::silence::{SILENCE_MS_MAX, SILENCES_MAX, Silence};
use crate::timeline::IncidentEvent;

/// Lookback of a silence preview, in milliseconds.
const PREVIEW_MS: i64 = 7 * DAY_MS;

/// Command of a person on an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCallCommand {
    /// Incident to act on.
    pub incident: EpisodeId,
    /// Person who issues the command.
    pub by: String,
    /// Action to take.
    pub action: IncidentAction,
}

/// Action on an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncidentAction {
    /// Acknowledge: escalation stops, and the person becomes the assignee unless there is one.
    Acknowledge,
    /// Assign a person.
    Assign(String),
    /// Add a note to the timeline.
    Note(String),
    /// Take the next escalation step now.
    Escalate,
    /// Record that the impact is mitigated.
    Mitigate(String),
    /// Record the cause.
    FindCause(String),
    /// Record the permanent fix.
    Fix(String),
    /// Resolve, even if the alert still fires.
    Resolve(String),
    /// Close a resolved incident.
    Close(String),
}

/// Parameters of a silence to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSilence {
    /// Matchers that an incident must meet.
    pub matchers: Vec<Matcher>,
    /// Receivers that it applies to; empty means all.
    pub receivers: Vec<String>,
    /// Start, inclusive.
    pub from: Timestamp,
    /// Latest end, exclusive.
    pub until: Timestamp,
    /// True when it also ends once no open incident matches.
    pub until_resolved: bool,
    /// Person who creates it.
    pub by: String,
    /// Reason, as text; at most [`WORDS_MAX`] bytes.
    pub reason: String,
}

/// Incidents and notifications that a silence would match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SilenceMatches {
    /// Incidents that are open now.
    pub open: Vec<EpisodeId>,
    /// Incidents of the last seven days, the open ones included.
    pub recent: usize,
    /// Number of critical incidents among them.
    pub recent_critical: usize,
}

/// Rejection of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// There is no such incident, silence or notification.
    Unknown,
    /// The incident is in a state that does not allow the action.
    Is(IncidentState),
    /// The escalation policy has no further step.
    NoStep,
    /// An argument is missing, too long or invalid; the text says how to correct it.
    Words(&'static str),
    /// The limit on active silences is reached.
    Full(usize),
}

impl IncidentEngine {
    /// Executes a command on an incident.
    ///
    /// # Errors
    /// [`CommandError`]; state is unchanged, except that a rejected `Escalate` has ended the group
    /// wait.
    pub fn command(&mut self, command: &OnCallCommand, now: Timestamp) -> Result<(), CommandError> {
        let known = self.incidents.get(&command.incident).ok_or(CommandError::Unknown)?;
        may(known.state, &command.action)?;
        says_enough(command)?;
        let Some(mut incident) = self.take(command.incident) else {
            return Err(CommandError::Unknown);
        };
        let done = self.act(&mut incident, command, now);
        self.put(incident);
        done?;
        let (id, what) = (command.incident, command.action.name());
        self.write_down(&command.by, format!("incident {what} {id}"), now);
        Ok(())
    }

    /// Creates a silence and returns its number.
    ///
    /// # Errors
    /// [`CommandError`] where a matcher, the reason or the time span is missing, a receiver is
    /// unknown, the silence is too long, or there are too many.
    pub fn silence(&mut self, new: NewSilence, now: Timestamp) -> Result<u64, CommandError> {
        if new.matchers.is_empty() {
            return Err(CommandError::Words("a matcher is missing: --match NAME=VALUE"));
        }
        if new.reason.trim().is_empty() || new.reason.len() > WORDS_MAX {
            return Err(CommandError::Words(
                "the reason is missing or too long: --reason TEXT, at most 4 KiB",
            ));
        }
        if new.until <= new.from || new.until <= now {
            return Err(CommandError::Words(
                "the silence would end before it starts: write --for 2h",
            ));
        }
        if new.until.0.saturating_sub(new.from.0) > SILENCE_MS_MAX {
            return Err(CommandError::Words("at most 30 days; mute a route by a calendar instead"));
        }
        if let Some(unknown) =
            new.receivers.iter().find(|it| self.settings.routing.number(it).is_none())
        {
            return Err(match unknown.is_empty() {
                true => CommandError::Words("a receiver without a name"),
                false => {
                    CommandError::Words("there is no such receiver; `hansho status` lists them")
                }
            });
        }
        let lasting = self.silences.values().filter(|it| it.ended.is_none()).count();
        if lasting >= SILENCES_MAX {
            return Err(CommandError::Full(SILENCES_MAX));
        }
        if new.until_resolved && self.preview(&new.matchers, now).open.is_empty() {
            return Err(CommandError::Words(
                "no matching incident is open, so the silence would end at once",
            ));
        }
        let id = self.number();
        let NewSilence { matchers, receivers, from, until, until_resolved, by, reason } = new;
        self.write_down(&by, format!("silence add {id}"), now);
        let ended = None;
        let silence =
            Silence { id, matchers, receivers, from, until, until_resolved, by, reason, ended };
        self.silences.insert(id, silence);
        self.changed.insert(RowKey::Silence(id));
        Ok(id)
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// [`CommandError::Unknown`] where no silence has that number, or it has ended.
    pub fn expire(&mut self, id: u64, by: &str, now: Timestamp) -> Result<(), CommandError> {
        let silence = self.silences.get_mut(&id).filter(|silence| silence.ended.is_none());
        silence.ok_or(CommandError::Unknown)?.ended = Some(now);
        self.changed.insert(RowKey::Silence(id));
        self.write_down(by, format!("silence expire {id}"), now);
        Ok(())
    }

    /// Counts the incidents that a silence with these matchers would match.
    pub fn preview(&self, matchers: &[Matcher], now: Timestamp) -> SilenceMatches {
        let mut preview = SilenceMatches::default();
        let hit =
            self.incidents.values().filter(|incident| all_match(matchers, &incident.subject()));
        for incident in hit {
            let is_recent = now.0.saturating_sub(incident.times.fired.0) <= PREVIEW_MS;
            if incident.is_open() {
                preview.open.push(incident.id);
            }
            if incident.is_open() || is_recent {
                preview.recent += 1;
                preview.recent_critical += usize::from(incident.severity == Severity::Critical);
            }
        }
        preview
    }

    /// Queues a dead notification again.
    ///
    /// # Errors
    /// [`CommandError::Unknown`] where no dead notification has that number;
    /// [`CommandError::Words`] where its receiver was removed or its queue is full.
    pub fn retry(&mut self, number: u64, by: &str, now: Timestamp) -> Result<(), CommandError> {
        let dead = self.dead.get(&number).cloned().ok_or(CommandError::Unknown)?;
        if !self.revive(dead, now) {
            return Err(CommandError::Words(
                "its receiver is not configured any more, or its queue is full",
            ));
        }
        self.dead.remove(&number);
        self.changed.insert(RowKey::Dead(number));
        self.write_down(by, format!("notifications retry {number}"), now);
        Ok(())
    }

    /// Deletes a dead notification.
    ///
    /// # Errors
    /// [`CommandError::Unknown`] where no dead notification has that number.
    pub fn drop_dead(&mut self, number: u64, by: &str, now: Timestamp) -> Result<(), CommandError> {
        self.dead.remove(&number).ok_or(CommandError::Unknown)?;
        self.changed.insert(RowKey::Dead(number));
        self.write_down(by, format!("notifications drop {number}"), now);
        Ok(())
    }

    fn act(
        &mut self,
        incident: &mut Incident,
        command: &OnCallCommand,
        now: Timestamp,
    ) -> Result<(), CommandError> {
        let by = command.by.as_str();
        let words = |text: &String| text.trim().to_owned();
        let what = match &command.action {
            IncidentAction::Acknowledge => {
                incident.state = IncidentState::Acknowledged;
                incident.times.acknowledged.get_or_insert(now);
                incident.owner.get_or_insert_with(|| by.to_owned());
                self.notify_again(incident, NotificationKind::Acknowledged, Some(by), now);
                IncidentEvent::Acknowledged
            }
            IncidentAction::Assign(to) => {
                incident.owner = Some(words(to));
                IncidentEvent::Assigned(words(to))
            }
            IncidentAction::Note(text) => IncidentEvent::Noted(words(text)),
            IncidentAction::Escalate => {
                group_wait::end_batch(self, incident, now);
                let level = self.settings.levels.level(incident.severity).clone();
                if incident.escalation.is_none() {
                    incident.escalation = self.policy(&level).begin(&level, now);
                }
                let has_step = tick::escalate(self, incident, Some(by), now);
                return if has_step { Ok(()) } else { Err(CommandError::NoStep) };
            }
            IncidentAction::Mitigate(text) => {
                incident.times.mitigated = Some(now);
                IncidentEvent::Mitigated(words(text))
            }
            IncidentAction::FindCause(text) => {
                incident.times.cause_found = Some(now);
                IncidentEvent::CauseFound(words(text))
            }
            IncidentAction::Fix(text) => {
                incident.times.fixed = Some(now);
                IncidentEvent::Fixed(words(text))
            }
            IncidentAction::Resolve(text) => {
                incident.times.mitigated.get_or_insert(now);
                incident.times.resolved.get_or_insert(now);
                incident.record(now, Some(by), IncidentEvent::Resolved(words(text)));
                self.resolve(incident, now, now);
                return Ok(());
            }
            IncidentAction::Close(text) => {
                incident.state = IncidentState::Closed;
                incident.times.closed = Some(now);
                IncidentEvent::Closed(words(text))
            }
        };
        incident.record(now, Some(by), what);
        Ok(())
    }

    /// Appends to the audit log; evicts the oldest entry beyond [`AUDIT_MAX`].
    pub(super) fn write_down(&mut self, by: &str, what: String, now: Timestamp) {
        let number = self.number();
        self.audit.push_back(AuditRecord { number, at: now, by: by.to_owned(), what });
        self.changed.insert(RowKey::Audit(number));
        if self.audit.len() > AUDIT_MAX
            && let Some(oldest) = self.audit.pop_front()
        {
            self.changed.insert(RowKey::Audit(oldest.number));
        }
    }
}

/// Checks that the state of an incident allows an action.
fn may(state: IncidentState, action: &IncidentAction) -> Result<(), CommandError> {
    let fits = match action {
        IncidentAction::Acknowledge => state == IncidentState::Firing,
        IncidentAction::Escalate | IncidentAction::Resolve(_) => {
            matches!(state, IncidentState::Firing | IncidentState::Acknowledged)
        }
        IncidentAction::Close(_) => state == IncidentState::Resolved,
        IncidentAction::Note(_) => true,
        IncidentAction::Assign(_)
        | IncidentAction::Mitigate(_)
        | IncidentAction::FindCause(_)
        | IncidentAction::Fix(_) => state != IncidentState::Closed,
    };
    if fits { Ok(()) } else { Err(CommandError::Is(state)) }
}

fn says_enough(command: &OnCallCommand) -> Result<(), CommandError> {
    if command.by.trim().is_empty() || command.by.len() > WORDS_MAX {
        return Err(CommandError::Words("the name of the person is missing: --by NAME"));
    }
    let (text, needed) = match &command.action {
        IncidentAction::Acknowledge | IncidentAction::Escalate => return Ok(()),
        IncidentAction::Mitigate(text)
        | IncidentAction::Resolve(text)
        | IncidentAction::Close(text) => (text, None),
        IncidentAction::Assign(text) => {
            (text, Some("the name is missing: incident assign ID NAME"))
        }
        IncidentAction::Note(text) => (text, Some("the note is empty: incident note ID TEXT")),
        IncidentAction::FindCause(text) => {
            (text, Some("the cause is missing: incident cause ID TEXT"))
        }
        IncidentAction::Fix(text) => (text, Some("the fix is missing: incident fix ID TEXT")),
    };
    match needed {
        _ if text.len() > WORDS_MAX => Err(CommandError::Words("at most 4 KiB of text")),
        Some(way_out) if text.trim().is_empty() => Err(CommandError::Words(way_out)),
        _ => Ok(()),
    }
}

impl IncidentAction {
    /// Name of the action on the command line.
    pub const fn name(&self) -> &'static str {
        match self {
            IncidentAction::Acknowledge => "ack",
            IncidentAction::Assign(_) => "assign",
            IncidentAction::Note(_) => "note",
            IncidentAction::Escalate => "escalate",
            IncidentAction::Mitigate(_) => "mitigate",
            IncidentAction::FindCause(_) => "cause",
            IncidentAction::Fix(_) => "fix",
            IncidentAction::Resolve(_) => "resolve",
            IncidentAction::Close(_) => "close",
        }
    }

    /// Returns the action of that name with its argument text.
    pub fn from_name(name: &str, words: String) -> Option<IncidentAction> {
        Some(match name {
            "ack" => IncidentAction::Acknowledge,
            "assign" => IncidentAction::Assign(words),
            "note" => IncidentAction::Note(words),
            "escalate" => IncidentAction::Escalate,
            "mitigate" => IncidentAction::Mitigate(words),
            "cause" => IncidentAction::FindCause(words),
            "fix" => IncidentAction::Fix(words),
            "resolve" => IncidentAction::Resolve(words),
            "close" => IncidentAction::Close(words),
            _ => return None,
        })
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Unknown => f.write_str("there is none of that number"),
            CommandError::Is(IncidentState::Firing) => {
                f.write_str("it is still firing; acknowledge or resolve it first")
            }
            CommandError::Is(IncidentState::Acknowledged) => {
                f.write_str("it is being worked on already; resolve it first")
            }
            CommandError::Is(IncidentState::Resolved) => f.write_str("it is resolved already"),
            CommandError::Is(IncidentState::Closed) => f.write_str("it is closed"),
            CommandError::NoStep => {
                f.write_str("its policy has no step; name receivers in [[policies]] steps")
            }
            CommandError::Words(way_out) => f.write_str(way_out),
            CommandError::Full(max) => write!(f, "there are {max} already; end some first"),
        }
    }
}

impl std::error::Error for CommandError {}
