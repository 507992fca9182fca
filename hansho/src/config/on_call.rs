//! Who is told of what and when: `[severities]`, `[[policies]]`, `[[routes]]`, `[routing]`,
//! `[[inhibitions]]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::calendar::Calendar;
use model::severity::Severity;
use model::time::MINUTE_MS;
use oncall::clock::Clock;
use oncall::desk::Settings;
use oncall::inhibition::{INHIBITIONS_MAX, Inhibition};
use oncall::levels::{BATCH_MS_MAX, Level, Levels, NotMonotonic};
use oncall::matcher::Matcher;
use oncall::policy::{Policy, ROUNDS_MAX, STEPS_MAX, Step};
use oncall::route::{Hours, ROUTES_MAX, Route, Routing};
use toml::Spanned;

use super::file::{ConfigError, File};
use super::raw;

/// What the file says of on-call, with calendars by name: rules define them.
#[derive(Clone, Debug, Default)]
pub struct OnCall {
    levels: Levels,
    /// By severity: the calendar its clock runs on.
    clocks: BTreeMap<Severity, String>,
    policies: Vec<Policy>,
    routes: Vec<(Route, Calls)>,
    default: Vec<String>,
    inhibitions: Vec<Inhibition>,
}

/// The calendars a route names.
#[derive(Clone, Debug)]
struct Calls {
    mute: Option<String>,
    during: Option<String>,
}

/// By name.
pub type Calendars = BTreeMap<String, Arc<Calendar>>;

impl OnCall {
    /// As on-call goes by it, with the calendars of the rules in force.
    ///
    /// # Errors
    /// A calendar that the rules do not have, by name, and an order of severities that it
    /// turns round.
    pub(crate) fn settings(
        &self,
        receivers: Routing,
        calendars: &Calendars,
    ) -> Result<Settings, String> {
        let calendar = |name: &String| {
            calendars.get(name).map(|calendar| Calendar::clone(calendar)).ok_or_else(|| {
                let way_out = format!("write `calendar {name} = …` there");
                format!("there is no calendar `{name}` among the rules; {way_out}")
            })
        };
        let mut levels = self.levels.clone();
        for (severity, name) in &self.clocks {
            let clock = Clock::While(calendar(name)?);
            let level = Level { clock, ..levels.level(*severity).clone() };
            levels = levels.with(*severity, level);
        }
        levels.monotonic().map_err(|wrong| {
            let (above, below, what) = (wrong.above, wrong.below, wrong.what);
            format!("[severities]: {above} would be less urgent than {below} by its {what}")
        })?;
        let hours = |name: &Option<String>| {
            let hours = |name: &String| {
                calendar(name).map(|calendar| Hours { name: name.clone(), calendar })
            };
            name.as_ref().map(hours).transpose()
        };
        let route = |(route, calls): &(Route, Calls)| {
            let (mute, during) = (hours(&calls.mute)?, hours(&calls.during)?);
            Ok(Route { mute, during, ..route.clone() })
        };
        let routes = self.routes.iter().map(route).collect::<Result<Vec<_>, String>>()?;
        Ok(Settings {
            levels,
            policies: self.policies.clone(),
            routing: receivers.by(routes, self.default.clone()),
            inhibitions: self.inhibitions.clone(),
            ..Settings::default()
        })
    }
}

/// What the tables say, each name of a sink one of `sinks`.
pub(super) fn check(
    file: &File<'_>,
    raw: raw::OnCall,
    sinks: &[String],
) -> Result<OnCall, ConfigError> {
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
        let calls = Calls { mute: route.mute, during: route.during };
        Ok((Route { matchers, receivers, mute: None, during: None }, calls))
    });
    let routes = routes.collect::<Result<_, ConfigError>>()?;
    if raw.inhibitions.len() > INHIBITIONS_MAX {
        let what = format!("[[inhibitions]] has more than {INHIBITIONS_MAX} entries; join some");
        return Err(file.error(None, what));
    }
    let inhibition = |it: raw::Inhibition| {
        let (source, target) = (matchers(file, &it.source)?, matchers(file, &it.target)?);
        Ok(Inhibition { source, target, equal: it.equal })
    };
    let inhibitions =
        raw.inhibitions.into_iter().map(inhibition).collect::<Result<_, ConfigError>>()?;
    Ok(OnCall { levels, clocks, policies, routes, default, inhibitions })
}

fn levels(
    file: &File<'_>,
    raw: &raw::Severities,
    policies: &[Policy],
) -> Result<(Levels, BTreeMap<Severity, String>), ConfigError> {
    let (mut table, mut clocks) = (Levels::default(), BTreeMap::new());
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
    file: &File<'_>,
    wrong: NotMonotonic,
    given: [&Option<raw::Severity>; 4],
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
    file: &File<'_>,
    raw: Vec<raw::Policy>,
    sinks: &[String],
) -> Result<Vec<Policy>, ConfigError> {
    let mut all: Vec<Policy> = Vec::new();
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
        let mut steps: Vec<Step> = Vec::new();
        for step in policy.steps {
            let after_ms = step.after.get_ref().0;
            if steps.last().is_some_and(|before| before.after_ms > after_ms) {
                return file.refuse(&step.after, "comes after a later step; order them by time");
            }
            steps.push(Step { after_ms, receivers: known(file, step.notify, sinks)? });
        }
        let repeat = policy.repeat.unwrap_or(0);
        if repeat > ROUNDS_MAX {
            let what = format!("repeats {repeat} times, the maximum is {ROUNDS_MAX}");
            return file.refuse(&policy.name, &what);
        }
        all.push(Policy { name: policy.name.into_inner(), steps, repeat });
    }
    Ok(all)
}

fn known(
    file: &File<'_>,
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

fn matchers(file: &File<'_>, raw: &Spanned<Vec<String>>) -> Result<Vec<Matcher>, ConfigError> {
    let parsed = Matcher::parse_all(raw.get_ref().iter().map(String::as_str));
    parsed.or_else(|error| file.refuse(raw, &error.what))
}
