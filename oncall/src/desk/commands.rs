//! What people do: to incidents, silences and what was given up.

use std::fmt;

use model::notification::NotificationKind;
use model::severity::Severity;
use model::time::{DAY_MS, Timestamp};
use model::transition::EpisodeId;

use super::{AUDIT_MAX, Audit, Desk, RowKey, batch, clockwork};
use crate::case::{Case, State, WORDS_MAX};
use crate::matcher::{Matcher, all_match};
use crate::silence::{SILENCE_MS_MAX, SILENCES_MAX, Silence};
use crate::timeline::TimelineEvent;

/// How far back a preview of a silence looks, in milliseconds.
const PREVIEW_MS: i64 = 7 * DAY_MS;

/// Something a person does to an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Which.
    pub incident: EpisodeId,
    /// Who does it.
    pub by: String,
    /// What.
    pub action: Action,
}

/// What may be done to an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Take it on: nobody else is told, and it is mine unless it is someone's.
    Acknowledge,
    /// Say who is to work on it.
    Assign(String),
    /// Write something down.
    Note(String),
    /// Tell the next in line now.
    Escalate,
    /// Say that the harm is over for now.
    Mitigate(String),
    /// Say what the cause is.
    FindCause(String),
    /// Say how it was mended for good.
    Fix(String),
    /// Say that it is over, whatever the alert says.
    Resolve(String),
    /// Say that nothing is left to do.
    Close(String),
}

/// A silence that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSilence {
    /// What an incident must meet.
    pub matchers: Vec<Matcher>,
    /// Only these receivers; empty is all of them.
    pub receivers: Vec<String>,
    /// From when.
    pub from: Timestamp,
    /// Until when at the latest.
    pub until: Timestamp,
    /// Whether it ends as soon as nothing it matches is open.
    pub until_resolved: bool,
    /// Who makes it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What a silence would hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Incidents that are open now.
    pub open: Vec<EpisodeId>,
    /// Incidents of the last seven days, the open ones included.
    pub recent: usize,
    /// Those of them that were of the gravest severity.
    pub recent_critical: usize,
}

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such incident, silence or notification.
    Unknown,
    /// The incident stands elsewhere.
    Is(State),
    /// There is no further step.
    NoStep,
    /// What was said is missing, too long, or makes no sense; this is how to say it.
    Words(&'static str),
    /// There are too many already.
    Full(usize),
}

impl Desk {
    /// Does something to an incident.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn command(&mut self, command: &Command, now: Timestamp) -> Result<(), Refused> {
        let known = self.cases.get(&command.incident).ok_or(Refused::Unknown)?;
        may(known.state, &command.action)?;
        says_enough(command)?;
        let Some(mut case) = self.take(command.incident) else { return Err(Refused::Unknown) };
        let done = self.act(&mut case, command, now);
        self.put(case);
        done?;
        let (id, what) = (command.incident, command.action.name());
        self.write_down(&command.by, format!("incident {what} {id}"), now);
        Ok(())
    }

    /// Makes a silence; its number.
    ///
    /// # Errors
    /// [`Refused`]: no matcher, no reason, no time, too long, too many.
    pub fn silence(&mut self, new: NewSilence, now: Timestamp) -> Result<u64, Refused> {
        if new.matchers.is_empty() {
            return Err(Refused::Words("a matcher is missing: --match NAME=VALUE"));
        }
        if new.reason.trim().is_empty() || new.reason.len() > WORDS_MAX {
            return Err(Refused::Words(
                "the reason is missing or too long: --reason TEXT, at most 4 KiB",
            ));
        }
        if new.until <= new.from || new.until <= now {
            return Err(Refused::Words("the silence would end before it starts: write --for 2h"));
        }
        if new.until.0.saturating_sub(new.from.0) > SILENCE_MS_MAX {
            return Err(Refused::Words("at most 30 days; mute a route by a calendar instead"));
        }
        if let Some(unknown) =
            new.receivers.iter().find(|it| self.settings.routing.number(it).is_none())
        {
            return Err(match unknown.is_empty() {
                true => Refused::Words("a receiver without a name"),
                false => Refused::Words("there is no such receiver; `hansho status` lists them"),
            });
        }
        let lasting = self.silences.values().filter(|it| it.ended.is_none()).count();
        if lasting >= SILENCES_MAX {
            return Err(Refused::Full(SILENCES_MAX));
        }
        if new.until_resolved && self.preview(&new.matchers, now).open.is_empty() {
            return Err(Refused::Words(
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
    /// [`Refused::Unknown`] where there is none of that number, or it has ended.
    pub fn expire(&mut self, id: u64, by: &str, now: Timestamp) -> Result<(), Refused> {
        let silence = self.silences.get_mut(&id).filter(|silence| silence.ended.is_none());
        silence.ok_or(Refused::Unknown)?.ended = Some(now);
        self.changed.insert(RowKey::Silence(id));
        self.write_down(by, format!("silence expire {id}"), now);
        Ok(())
    }

    /// What a silence of these matchers would hit.
    pub fn preview(&self, matchers: &[Matcher], now: Timestamp) -> Preview {
        let mut preview = Preview::default();
        let hit = self.cases.values().filter(|case| all_match(matchers, &case.subject()));
        for case in hit {
            let is_recent = now.0.saturating_sub(case.times.fired.0) <= PREVIEW_MS;
            if case.is_open() {
                preview.open.push(case.id);
            }
            if case.is_open() || is_recent {
                preview.recent += 1;
                preview.recent_critical += usize::from(case.severity == Severity::Critical);
            }
        }
        preview
    }

    /// Tries a notification again that was given up.
    ///
    /// # Errors
    /// [`Refused::Unknown`] where there is none of that number; [`Refused::Words`] where its
    /// receiver is there no more.
    pub fn retry(&mut self, number: u64, by: &str, now: Timestamp) -> Result<(), Refused> {
        let dead = self.dead.get(&number).cloned().ok_or(Refused::Unknown)?;
        if !self.revive(dead, now) {
            return Err(Refused::Words(
                "its receiver is not configured any more, or its queue is full",
            ));
        }
        self.dead.remove(&number);
        self.changed.insert(RowKey::Dead(number));
        self.write_down(by, format!("notifications retry {number}"), now);
        Ok(())
    }

    /// Forgets a notification that was given up.
    ///
    /// # Errors
    /// [`Refused::Unknown`] where there is none of that number.
    pub fn drop_dead(&mut self, number: u64, by: &str, now: Timestamp) -> Result<(), Refused> {
        self.dead.remove(&number).ok_or(Refused::Unknown)?;
        self.changed.insert(RowKey::Dead(number));
        self.write_down(by, format!("notifications drop {number}"), now);
        Ok(())
    }

    fn act(&mut self, case: &mut Case, command: &Command, now: Timestamp) -> Result<(), Refused> {
        let by = command.by.as_str();
        let words = |text: &String| text.trim().to_owned();
        let what = match &command.action {
            Action::Acknowledge => {
                case.state = State::Acknowledged;
                case.times.acknowledged.get_or_insert(now);
                case.owner.get_or_insert_with(|| by.to_owned());
                self.tell_again(case, NotificationKind::Acknowledged, Some(by), now);
                TimelineEvent::Acknowledged
            }
            Action::Assign(to) => {
                case.owner = Some(words(to));
                TimelineEvent::Assigned(words(to))
            }
            Action::Note(text) => TimelineEvent::Noted(words(text)),
            Action::Escalate => {
                batch::end_batch(self, case, now);
                let level = self.settings.levels.level(case.severity).clone();
                if case.escalation.is_none() {
                    case.escalation = self.policy(&level).begin(&level, now);
                }
                let has_step = clockwork::escalate(self, case, Some(by), now);
                return if has_step { Ok(()) } else { Err(Refused::NoStep) };
            }
            Action::Mitigate(text) => {
                case.times.mitigated = Some(now);
                TimelineEvent::Mitigated(words(text))
            }
            Action::FindCause(text) => {
                case.times.cause_found = Some(now);
                TimelineEvent::CauseFound(words(text))
            }
            Action::Fix(text) => {
                case.times.fixed = Some(now);
                TimelineEvent::Fixed(words(text))
            }
            Action::Resolve(text) => {
                case.times.mitigated.get_or_insert(now);
                case.times.resolved.get_or_insert(now);
                case.note(now, Some(by), TimelineEvent::Resolved(words(text)));
                self.resolve(case, now, now);
                return Ok(());
            }
            Action::Close(text) => {
                case.state = State::Closed;
                case.times.closed = Some(now);
                TimelineEvent::Closed(words(text))
            }
        };
        case.note(now, Some(by), what);
        Ok(())
    }

    /// Adds to the audit log.
    pub(super) fn write_down(&mut self, by: &str, what: String, now: Timestamp) {
        let number = self.number();
        self.audit.push_back(Audit { number, at: now, by: by.to_owned(), what });
        self.changed.insert(RowKey::Audit(number));
        if self.audit.len() > AUDIT_MAX
            && let Some(oldest) = self.audit.pop_front()
        {
            self.changed.insert(RowKey::Audit(oldest.number));
        }
    }
}

/// Whether an incident in a state takes an action.
fn may(state: State, action: &Action) -> Result<(), Refused> {
    let fits = match action {
        Action::Acknowledge => state == State::Firing,
        Action::Escalate | Action::Resolve(_) => {
            matches!(state, State::Firing | State::Acknowledged)
        }
        Action::Close(_) => state == State::Resolved,
        Action::Note(_) => true,
        Action::Assign(_) | Action::Mitigate(_) | Action::FindCause(_) | Action::Fix(_) => {
            state != State::Closed
        }
    };
    if fits { Ok(()) } else { Err(Refused::Is(state)) }
}

fn says_enough(command: &Command) -> Result<(), Refused> {
    if command.by.trim().is_empty() || command.by.len() > WORDS_MAX {
        return Err(Refused::Words("the name of the person is missing: --by NAME"));
    }
    let (text, needed) = match &command.action {
        Action::Acknowledge | Action::Escalate => return Ok(()),
        Action::Mitigate(text) | Action::Resolve(text) | Action::Close(text) => (text, None),
        Action::Assign(text) => (text, Some("the name is missing: incident assign ID NAME")),
        Action::Note(text) => (text, Some("the note is empty: incident note ID TEXT")),
        Action::FindCause(text) => (text, Some("the cause is missing: incident cause ID TEXT")),
        Action::Fix(text) => (text, Some("the fix is missing: incident fix ID TEXT")),
    };
    match needed {
        _ if text.len() > WORDS_MAX => Err(Refused::Words("at most 4 KiB of text")),
        Some(way_out) if text.trim().is_empty() => Err(Refused::Words(way_out)),
        _ => Ok(()),
    }
}

impl Action {
    /// The word the command line uses.
    pub const fn name(&self) -> &'static str {
        match self {
            Action::Acknowledge => "ack",
            Action::Assign(_) => "assign",
            Action::Note(_) => "note",
            Action::Escalate => "escalate",
            Action::Mitigate(_) => "mitigate",
            Action::FindCause(_) => "cause",
            Action::Fix(_) => "fix",
            Action::Resolve(_) => "resolve",
            Action::Close(_) => "close",
        }
    }

    /// The action a word names, with what was said.
    pub fn from_name(name: &str, words: String) -> Option<Action> {
        Some(match name {
            "ack" => Action::Acknowledge,
            "assign" => Action::Assign(words),
            "note" => Action::Note(words),
            "escalate" => Action::Escalate,
            "mitigate" => Action::Mitigate(words),
            "cause" => Action::FindCause(words),
            "fix" => Action::Fix(words),
            "resolve" => Action::Resolve(words),
            "close" => Action::Close(words),
            _ => return None,
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Unknown => f.write_str("there is none of that number"),
            Refused::Is(State::Firing) => {
                f.write_str("it is still firing; acknowledge or resolve it first")
            }
            Refused::Is(State::Acknowledged) => {
                f.write_str("it is being worked on already; resolve it first")
            }
            Refused::Is(State::Resolved) => f.write_str("it is resolved already"),
            Refused::Is(State::Closed) => f.write_str("it is closed"),
            Refused::NoStep => {
                f.write_str("its policy has no step; name receivers in [[policies]] steps")
            }
            Refused::Words(way_out) => f.write_str(way_out),
            Refused::Full(max) => write!(f, "there are {max} already; end some first"),
        }
    }
}

impl std::error::Error for Refused {}
