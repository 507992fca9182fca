//! Routes: who is told of what, and under which id.
//!
//! Routes are a set. Every one that matches adds its receivers, in no order; what none
//! matches goes to the default. So files of routes can be put together, and none of them can
//! take an incident away from another.

use std::collections::BTreeMap;

use model::calendar::Calendar;
use model::notification::NotificationKind;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EpisodeId;

use crate::hash::fnv_64;
use crate::incident::Incident;
use crate::matcher::{MatchSubject, Matcher, all_match};
use crate::severity_set::SeveritySet;

/// Routes one service may have.
pub const ROUTES_MAX: usize = 256;

/// Someone who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Its name, part of every notification id: a renamed receiver is a new one.
    pub name: String,
    /// Severities it is notified of.
    pub severities: SeveritySet,
    /// Changes of an incident it is notified of.
    pub on: NotifyOn,
    /// At least so many milliseconds between two attempts; 0 is none.
    pub spacing_ms: i64,
    /// It routes alerts itself: it gets each of a storm, and is told again and again of what
    /// stands.
    pub is_router: bool,
    /// Receiver that takes its place when a delivery fails.
    pub fallback: Option<String>,
}

/// Changes of an incident that a receiver is notified of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotifyOn {
    /// That it opened, rose or matched again.
    pub fire: bool,
    /// That someone took it on.
    pub acknowledge: bool,
    /// That nobody did in time, or that it is still open.
    pub escalate: bool,
    /// That it ended.
    pub resolve: bool,
}

/// Receivers of the incidents that some matchers select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// All of them must hold.
    pub matchers: Vec<Matcher>,
    /// Receivers by name.
    pub receivers: Vec<String>,
    /// While this calendar is open, they are not told; they are when it closes.
    pub mute: Option<NamedCalendar>,
    /// A shift: only while this calendar is open does the route take anything.
    pub during: Option<NamedCalendar>,
}

/// A calendar and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCalendar {
    /// The calendar's name.
    pub name: String,
    /// Its hours.
    pub calendar: Calendar,
}

/// Everyone who may be told; a receiver's place here is its number in the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutingTable {
    receivers: Vec<Receiver>,
    routes: Vec<Route>,
    /// Receivers of what no route selects; empty is everyone.
    default: Vec<String>,
}

impl NotifyOn {
    /// Everything.
    pub const ALL: NotifyOn =
        NotifyOn { fire: true, acknowledge: true, escalate: true, resolve: true };

    /// True when a kind of notification is in it.
    pub const fn includes(self, kind: NotificationKind) -> bool {
        match kind {
            NotificationKind::Firing
            | NotificationKind::Changed
            | NotificationKind::Again
            | NotificationKind::Digest => self.fire,
            NotificationKind::Acknowledged => self.acknowledge,
            NotificationKind::Escalated | NotificationKind::Reminder => self.escalate,
            NotificationKind::Resolved => self.resolve,
        }
    }
}

impl Route {
    fn is_on_shift(&self, now: Timestamp) -> bool {
        self.during.as_ref().is_none_or(|hours| hours.calendar.is_open(now))
    }
}

impl RoutingTable {
    /// Receivers in the order of their numbers, with no route: each is told of everything.
    pub fn to_all(receivers: Vec<Receiver>) -> RoutingTable {
        RoutingTable { receivers, routes: Vec::new(), default: Vec::new() }
    }

    /// With routes, and those who are told of what no route speaks of.
    pub fn by(self, routes: Vec<Route>, default: Vec<String>) -> RoutingTable {
        RoutingTable { routes, default, ..self }
    }

    /// The receivers, by number.
    pub fn receivers(&self) -> &[Receiver] {
        &self.receivers
    }

    /// The number of a receiver.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.receivers.iter().position(|receiver| receiver.name == name)
    }

    /// The numbers of those who are to hear of an incident, each with the mute on its way
    /// where every way to it has one that is open now. A route out of its shift takes nothing:
    /// what no other takes goes to the default.
    pub fn wanted(
        &self,
        subject: &MatchSubject<'_>,
        now: Timestamp,
    ) -> BTreeMap<usize, Option<&str>> {
        let mut wanted: BTreeMap<usize, Option<&str>> = BTreeMap::new();
        let mut is_routed = false;
        for route in self.matching(subject).filter(|route| route.is_on_shift(now)) {
            is_routed = true;
            let open = route.mute.as_ref().filter(|mute| mute.calendar.is_open(now));
            let mute = open.map(|mute| mute.name.as_str());
            for number in route.receivers.iter().filter_map(|name| self.number(name)) {
                wanted.entry(number).and_modify(|it| *it = it.and(mute)).or_insert(mute);
            }
        }
        if !is_routed {
            let everyone = self.default.is_empty();
            let of = |name: &String| everyone || self.default.contains(name);
            let default = self.receivers.iter().enumerate().filter(|(_, it)| of(&it.name));
            wanted.extend(default.map(|(number, _)| (number, None)));
        }
        wanted.retain(|number, _| self.receives(*number, subject.severity));
        wanted
    }

    /// The calendars of routes that match an incident and take nothing of it now.
    pub fn off_shift(&self, subject: &MatchSubject<'_>, now: Timestamp) -> Vec<&str> {
        let off = self.matching(subject).filter(|route| !route.is_on_shift(now));
        off.filter_map(|route| route.during.as_ref()).map(|hours| hours.name.as_str()).collect()
    }

    fn matching(&self, subject: &MatchSubject<'_>) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(|route| all_match(&route.matchers, subject))
    }

    /// Routes that no incident of these alerts can take, by their place: each of their
    /// matchers on `alert` fits none.
    pub fn dead_routes<'a>(&self, alerts: impl Iterator<Item = &'a str> + Clone) -> Vec<usize> {
        let fits = |route: &Route| {
            alerts.clone().any(|alert| {
                let severity = Severity::Critical;
                let subject = MatchSubject { alert, severity, key: &[], labels: &[] };
                let mut named = route.matchers.iter().filter(|it| it.name() == "alert");
                named.all(|matcher| matcher.matches(&subject))
            })
        };
        let routes = self.routes.iter().enumerate();
        routes.filter(|(_, route)| !fits(route)).map(|(place, _)| place).collect()
    }

    fn receives(&self, number: usize, severity: Severity) -> bool {
        self.receivers.get(number).is_some_and(|receiver| receiver.severities.contains(severity))
    }
}

/// The idempotency key: equal for every attempt, also for those after a restart.
///
/// Short printable ASCII, so that it fits a header whatever the receiver is called. An
/// incident opens and ends once, rises to a severity once, and everything else happens to it
/// once an instant.
pub fn notification_id(
    incident: &Incident,
    kind: NotificationKind,
    at: Timestamp,
    to: &str,
) -> String {
    id_of(incident.id, kind, incident.severity, at, to)
}

/// The id of a notification that goes to another receiver than it was made for.
pub(crate) fn readdressed(id: &str, to: &str) -> String {
    let what = id.rsplit_once('-').map_or(id, |(what, _)| what);
    format!("{what}-{:016x}", fnv_64(to.as_bytes()))
}

fn id_of(
    incident: EpisodeId,
    kind: NotificationKind,
    severity: Severity,
    at: Timestamp,
    to: &str,
) -> String {
    let which = match kind {
        NotificationKind::Firing | NotificationKind::Resolved => String::new(),
        NotificationKind::Changed => format!("-{severity}"),
        NotificationKind::Again
        | NotificationKind::Acknowledged
        | NotificationKind::Escalated
        | NotificationKind::Reminder
        | NotificationKind::Digest => format!("-{}", at.0),
    };
    format!("{incident}-{}{which}-{:016x}", kind.name(), fnv_64(to.as_bytes()))
}

#[cfg(test)]
mod tests;
