//! Routes: receivers of each incident, and ids of notifications.
//!
//! Routes are a set without an order. Every matching route adds its receivers; an incident without
//! a matching route goes to the default receivers. So files of routes can be combined, and no route
//! can take an incident away from another.

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

/// Maximum number of routes.
pub const ROUTES_MAX: usize = 256;

/// Configured destination of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Name, which is part of every notification id: a renamed receiver is a new one.
    pub name: String,
    /// Severities it is notified of.
    pub severities: SeveritySet,
    /// Changes of an incident it is notified of.
    pub on: NotifyOn,
    /// Minimum time between two attempts, in milliseconds; 0 for none.
    pub spacing_ms: i64,
    /// True for a receiver that routes alerts itself: it is exempt from digests, and open incidents
    /// are resent to it.
    pub is_router: bool,
    /// Receiver that takes its place when a delivery fails.
    pub fallback: Option<String>,
}

/// Changes of an incident that a receiver is notified of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotifyOn {
    /// Firing, severity change, further match and digest.
    pub fire: bool,
    /// Acknowledgement.
    pub acknowledge: bool,
    /// Escalation and reminder.
    pub escalate: bool,
    /// Resolution.
    pub resolve: bool,
}

/// Receivers of the incidents that some matchers select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Matchers of the incident; all must match.
    pub matchers: Vec<Matcher>,
    /// Names of the receivers.
    pub receivers: Vec<String>,
    /// Mute: suppresses notifications while this calendar is open; they are sent when it closes.
    pub mute: Option<NamedCalendar>,
    /// Shift: the route is active only while this calendar is open.
    pub during: Option<NamedCalendar>,
}

/// A calendar and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCalendar {
    /// Name of the calendar.
    pub name: String,
    /// Open hours.
    pub calendar: Calendar,
}

/// Receivers and routes; the index of a receiver is its number in the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutingTable {
    receivers: Vec<Receiver>,
    routes: Vec<Route>,
    /// Receivers of incidents without a matching route; empty means all.
    default: Vec<String>,
}

impl NotifyOn {
    /// All changes.
    pub const ALL: NotifyOn =
        NotifyOn { fire: true, acknowledge: true, escalate: true, resolve: true };

    /// Returns true when a kind of notification is included.
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
    /// Returns a table without routes: each receiver is notified of every incident.
    pub fn to_all(receivers: Vec<Receiver>) -> RoutingTable {
        RoutingTable { receivers, routes: Vec::new(), default: Vec::new() }
    }

    /// Adds routes, and the default receivers of incidents without a matching route.
    pub fn by(self, routes: Vec<Route>, default: Vec<String>) -> RoutingTable {
        RoutingTable { routes, default, ..self }
    }

    /// Returns the receivers in the order of their numbers.
    pub fn receivers(&self) -> &[Receiver] {
        &self.receivers
    }

    /// Returns the number of a receiver.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.receivers.iter().position(|receiver| receiver.name == name)
    }

    /// Returns the numbers of the receivers of an incident, each with a mute if every route to it
    /// is muted now. A route outside its shift does not match; if no route matches, the default
    /// receivers apply.
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

    /// Returns the shift calendars of routes that match an incident but are outside their shift.
    pub fn off_shift(&self, subject: &MatchSubject<'_>, now: Timestamp) -> Vec<&str> {
        let off = self.matching(subject).filter(|route| !route.is_on_shift(now));
        off.filter_map(|route| route.during.as_ref()).map(|hours| hours.name.as_str()).collect()
    }

    fn matching(&self, subject: &MatchSubject<'_>) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(|route| all_match(&route.matchers, subject))
    }

    /// Returns the indices of routes that match none of these alerts by their matchers on `alert`.
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

/// Returns the idempotency key of a notification: equal for every attempt, also after a restart.
///
/// Short printable ASCII, so that it fits a header whatever the name of the receiver. An incident
/// opens once, resolves once and rises to each severity once; other kinds occur once per instant.
pub fn notification_id(
    incident: &Incident,
    kind: NotificationKind,
    at: Timestamp,
    to: &str,
) -> String {
    id_of(incident.id, kind, incident.severity, at, to)
}

/// Returns the id of a notification readdressed to another receiver.
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
