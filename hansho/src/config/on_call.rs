//! Settings of on-call: `[severities]`, `[[policies]]`, `[[routes]]`, `[routing]`,
//! `[[inhibitions]]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::calendar::Calendar;
use model::severity::Severity;
use model::time::MINUTE_MS;
use oncall::clock::EscalationClock;
use oncall::engine::OnCallSettings;
use oncall::inhibition::{INHIBITIONS_MAX, Inhibition};
use oncall::matcher::Matcher;
use oncall::policy::{EscalationPolicy, EscalationStep, ROUNDS_MAX, STEPS_MAX};
use oncall::route::{NamedCalendar, ROUTES_MAX, Route, RoutingTable};
use oncall::severity_policy::{BATCH_MS_MAX, SeverityOrderError, SeverityPolicies, SeverityPolicy};
use toml::Spanned;

use super::file::{ConfigError, ConfigFile};
use super::raw;

/// On-call tables of the file, with calendars by name: rules define them.
#[derive(Clone, Debug, Default)]
pub struct OnCallSection {
    levels: SeverityPolicies,
    /// By severity: the calendar its clock runs on.
    clocks: BTreeMap<Severity, String>,
    policies: Vec<EscalationPolicy>,
    routes: Vec<(Route, NamedCalendars)>,
    default: Vec<String>,
    inhibitions: Vec<Inhibition>,
}

/// The calendars a route names.
#[derive(Clone, Debug)]
struct NamedCalendars {
    mute: Option<String>,
    during: Option<String>,
}

/// By name.
pub type CalendarsByName = BTreeMap<String, Arc<Calendar>>;

impl OnCallSection {
    /// As on-call goes by it, with the calendars of the rules in force.
    ///
    /// # Errors
    /// A calendar that the rules do not have, by name, and an order of severities that it
    /// turns round.
    pub(crate) fn settings(
        &self,
        receivers: RoutingTable,
        calendars: &CalendarsByName,
    ) -> Result<OnCallSettings, String> {
        let calendar = |name: &String| {
            calendars.get(name).map(|calendar| Calendar::clone(calendar)).ok_or_else(|| {
                let way_out = format!("write `calendar {name} = …` there");
                format!("there is no calendar `{name}` among the rules; {way_out}")
            })
        };
        let mut levels = self.levels.clone();
        for (severity, name) in &self.clocks {
            let clock = EscalationClock::While(calendar(name)?);
            let level = SeverityPolicy { clock, ..levels.level(*severity).clone() };
            levels = levels.with(*severity, level);
        }
        levels.monotonic().map_err(|wrong| {
            let (above, below, what) = (wrong.above, wrong.below, wrong.what);
            format!("[severities]: {above} would be less urgent than {below} by its {what}")
        })?;
        let hours = |name: &Option<String>| {
            let hours = |name: &String| {
                calendar(name).map(|calendar| NamedCalendar { name: name.clone(), calendar })
            };
            name.as_ref().map(hours).transpose()
        };
        let route = |(route, calls): &(Route, NamedCalendars)| {
            let (mute, during) = (hours(&calls.mute)?, hours(&calls.during)?);
            Ok(Route { mute, during, ..route.clone() })
        };
        let routes = self.routes.iter().map(route).collect::<Result<Vec<_>, String>>()?;
        Ok(OnCallSettings {
            levels,
            policies: self.policies.clone(),
            routing: receivers.by(routes, self.default.clone()),
            inhibitions: self.inhibitions.clone(),
            ..OnCallSettings::default()
        })
    }
}

/// What the tables say, each name of a sink one of `sinks`.
pub(super) fn check(
    file: &ConfigFile<'_>,
    raw: raw::RawOnCall,
    sinks: &[String],
) -> Result<OnCallSection, ConfigError> {
    let policies = policies(file, raw.policies, sinks)?;
    let (levels, clocks) = levels(file, &raw.severities, &policies)?;
    let default = match raw.routing.default {
        Some(names) => known(file, names, sinks)?,
        None => Vec::new(),
    };
    if raw.routes.len() > ROUTES_MAX {
        let what = format!("[[routes]] has more than {ROUTES_MAX} routes; join some");
        return Err(file.error(None, what));
    }
    if default.is_empty() && !raw.routes.is_empty() {
        let what = "[[routes]] need a default for incidents without a match; write [routing] \
                    default = [\"NAME\"]";
        return Err(file.error(None, what.to_owned()));
    }
    let routes = raw.routes.into_iter().map(|route| {
        let matchers = matchers(file, &route.matchers)?;
        let receivers = known(file, route.notify, sinks)?;
        let calls = NamedCalendars { mute: route.mute, during: route.during };
        Ok((Route { matchers, receivers, mute: None, during: None }, calls))
    });
    let routes = routes.collect::<Result<_, ConfigError>>()?;
    if raw.inhibitions.len() > INHIBITIONS_MAX {
        let what = format!("[[inhibitions]] has more than {INHIBITIONS_MAX} entries; join some");
        return Err(file.error(None, what));
    }
    let inhibition = |it: raw::RawInhibition| {
        let (source, target) = (matchers(file, &it.source)?, matchers(file, &it.target)?);
        Ok(Inhibition { source, target, equal: it.equal })
    };
    let inhibitions =
        raw.inhibitions.into_iter().map(inhibition).collect::<Result<_, ConfigError>>()?;
    Ok(OnCallSection { levels, clocks, policies, routes, default, inhibitions })
}

fn levels(
    file: &ConfigFile<'_>,
    raw: &raw::RawSeverities,
    policies: &[EscalationPolicy],
) -> Result<(SeverityPolicies, BTreeMap<Severity, String>), ConfigError> {
    let (mut table, mut clocks) = (SeverityPolicies::default(), BTreeMap::new());
    let given = [&raw.critical, &raw.high, &raw.medium, &raw.low];
    for (severity, given) in Severity::ALL.into_iter().zip(given) {
        let Some(given) = given else { continue };
        let mut level = table.level(severity).clone();
        if let Some(time) = &given.respond_within {
            level.respond_within_ms = time.get_ref().0;
        }
        if let Some(time) = &given.repeat_interval {
            level.remind_every_ms = time.get_ref().0;
        }
        if let Some(time) = &given.group_wait {
            level.batch_ms = time.get_ref().0;
            if level.batch_ms > BATCH_MS_MAX {
                let minutes = BATCH_MS_MAX / MINUTE_MS;
                return file.refuse(
                    time,
                    &format!("delays notifications too long; the maximum is {minutes}m"),
                );
            }
        }
        if let Some(name) = &given.policy {
            if !policies.iter().any(|policy| policy.name == *name.get_ref()) {
                return file
                    .refuse(name, "is not the name of a policy; add [[policies]] with that name");
            }
            level.policy = Some(name.get_ref().clone());
        }
        if let Some(name) = given.clock.as_ref().filter(|name| *name != "24x7") {
            clocks.insert(severity, name.clone());
        }
        table = table.with(severity, level);
    }
    match table.monotonic() {
        Ok(()) => Ok((table, clocks)),
        Err(wrong) => Err(out_of_order(file, wrong, given)),
    }
}

/// That a severity is less urgent than the one below, at what was written of it last.
fn out_of_order(
    file: &ConfigFile<'_>,
    wrong: SeverityOrderError,
    given: [&Option<raw::RawSeverity>; 4],
) -> ConfigError {
    let [above, below] = [wrong.above, wrong.below];
    let near = Severity::ALL.into_iter().zip(given).filter(|(it, _)| [above, below].contains(it));
    let mut spans = near.filter_map(|(_, level)| {
        let level = level.as_ref()?;
        match wrong.what {
            "repeat_interval" => level.repeat_interval.as_ref().map(Spanned::span),
            "group_wait" => level.group_wait.as_ref().map(Spanned::span),
            _ => level.respond_within.as_ref().map(Spanned::span),
        }
    });
    let how = match wrong.what {
        "repeat_interval" => "sent reminders less often",
        "group_wait" => "notified later",
        _ => "given a later deadline",
    };
    file.error(spans.next_back(), format!("{above} would be {how} than {below}; swap the two"))
}

fn policies(
    file: &ConfigFile<'_>,
    raw: Vec<raw::RawPolicy>,
    sinks: &[String],
) -> Result<Vec<EscalationPolicy>, ConfigError> {
    let mut all: Vec<EscalationPolicy> = Vec::new();
    for policy in raw {
        if all.iter().any(|known| known.name == *policy.name.get_ref()) {
            return file.refuse(&policy.name, "is already used; every policy needs its own name");
        }
        if policy.steps.is_empty() || policy.steps.len() > STEPS_MAX {
            let what = format!(
                "has {} steps, 1 to {STEPS_MAX} are allowed; write steps = [{{ after = \"10m\", \
                 notify = [\"NAME\"] }}]",
                policy.steps.len()
            );
            return file.refuse(&policy.name, &what);
        }
        let mut steps: Vec<EscalationStep> = Vec::new();
        for step in policy.steps {
            let after_ms = step.after.get_ref().0;
            if steps.last().is_some_and(|before| before.after_ms > after_ms) {
                return file.refuse(&step.after, "comes after a later step; order them by time");
            }
            steps.push(EscalationStep { after_ms, receivers: known(file, step.notify, sinks)? });
        }
        let repeat = policy.repeat.unwrap_or(0);
        if repeat > ROUNDS_MAX {
            let what = format!("repeats {repeat} times, the maximum is {ROUNDS_MAX}");
            return file.refuse(&policy.name, &what);
        }
        all.push(EscalationPolicy { name: policy.name.into_inner(), steps, repeat });
    }
    Ok(all)
}

fn known(
    file: &ConfigFile<'_>,
    names: Vec<Spanned<String>>,
    sinks: &[String],
) -> Result<Vec<String>, ConfigError> {
    let one = |name: Spanned<String>| match sinks.contains(name.get_ref()) {
        true => Ok(name.into_inner()),
        false => file.refuse(
            &name,
            &format!("is not the name of a sink; the sinks are {}", sinks.join(", ")),
        ),
    };
    names.into_iter().map(one).collect()
}

fn matchers(
    file: &ConfigFile<'_>,
    raw: &Spanned<Vec<String>>,
) -> Result<Vec<Matcher>, ConfigError> {
    let parsed = Matcher::parse_all(raw.get_ref().iter().map(String::as_str));
    parsed.or_else(|error| file.refuse(raw, &error.what))
}
