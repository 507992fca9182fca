//! What is edited while the service runs: rules and the settings of on-call, read and checked
//! together, and handed to it all or none.

mod slot;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::codec::Decoder;
use connectors::sink::SinkContext;
use connectors::sink::text::MessageFormatter;
use model::meta::MetaAlert;
use tracing::{error, info, warn};

use crate::api::State;
use crate::config::{Config, Input};
use crate::on_call_parts::OnCallParts;
use crate::pipeline::clock::wall_clock;
use crate::rule_files::{Rules, load_rules};
use crate::service::on_call::Change;
use crate::service::reports::Reports;
use crate::service::{Inputs, Proposal};

pub use slot::Slot;

/// What a service was started with, as far as a reload needs it: all this stays until it ends.
pub struct Started {
    /// The configuration file.
    pub path: PathBuf,
    /// What it said then.
    pub config: Config,
    /// Where streams are read from.
    pub inputs: Inputs,
    /// How Kafka is reached.
    pub properties: Vec<(String, String)>,
    /// Formatter of the texts that people read.
    pub formatter: MessageFormatter,
}

/// Where things are read from, and where they go.
pub struct Reloader {
    started: Started,
    slot: Arc<Slot>,
    reports: Arc<Reports>,
    state: Arc<State>,
    /// One at a time.
    taken: Mutex<InForce>,
}

/// What was taken up last.
struct InForce {
    on_call: OnCallParts,
    /// The streams of the rules, by name.
    streams: BTreeSet<String>,
}

/// What a reload came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// All of it can run, and does where it is new.
    Taken(Taken),
    /// Something cannot run, and all that is in force goes on; why, as people read it.
    Refused(String),
}

/// What was read and is in force, or on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The hash of the rules.
    pub rules: u64,
    /// Whether they say something else: they judge from the first instant not yet settled.
    pub are_rules_new: bool,
    /// Whether on-call is to go by other settings.
    pub is_on_call_new: bool,
    /// Keys of the configuration that differ and wait for a restart.
    pub needs_restart: Vec<String>,
}

impl Reloader {
    /// Reads anew for the service at the other end of the slot, which was started with rules of
    /// these streams and goes by `on_call`.
    pub(crate) fn new(
        started: Started,
        (on_call, rules): (OnCallParts, &Rules),
        (slot, reports): (&Arc<Slot>, &Arc<Reports>),
        state: Arc<State>,
    ) -> Reloader {
        let (slot, reports) = (Arc::clone(slot), Arc::clone(reports));
        let taken = Mutex::new(InForce { on_call, streams: streams(rules) });
        Reloader { started, slot, reports, state, taken }
    }

    /// Reads the configuration and the rules anew and hands them to the service; whatever keeps
    /// any of it from running leaves all that is in force as it is. It reads files: not for a
    /// thread that must not wait.
    pub(crate) fn reload(&self, by: &'static str) -> Reloaded {
        let mut in_force = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match self.read(&in_force) {
            Ok((rules, on_call, needs_restart)) => {
                let taken = self.take_up((rules, on_call), &mut in_force, by);
                Reloaded::Taken(Taken { needs_restart, ..taken })
            }
            Err(why) => Reloaded::Refused(why),
        };
        self.state.metrics.note_reload(&outcome, wall_clock());
        match &outcome {
            Reloaded::Taken(taken) => self.say(by, taken),
            Reloaded::Refused(why) => self.note_reload_failed(by, why),
        }
        outcome
    }

    /// Reads and checks all there is. Whatever would end the service at its next start is found
    /// here, and what would only do so in one that runs.
    fn read(&self, in_force: &InForce) -> Result<(Rules, OnCallParts, Vec<String>), String> {
        let Started { path, config: running, inputs, properties, formatter } = &self.started;
        let config = Config::load(path).map_err(|error| error.to_string())?;
        let rules = load_rules(&config.rules, formatter.language);
        let rules = rules.map_err(|error| error.to_string())?;
        let in_file = |why: String| format!("{}: {why}", path.display());
        let next = Inputs::configured(&config, &rules.set).map_err(in_file)?;
        self.check_streams(&rules, &next, in_force).map_err(in_file)?;
        for schema in &rules.set.streams {
            Decoder::new(Arc::clone(schema), None).map_err(|error| error.to_string())?;
        }
        let is_read = |topic: &String| {
            let read = inputs.named.values().any(|input| *input == Input::Topic(topic.clone()));
            read.then(|| format!("a sink writes the topic {topic}, which is read until a restart"))
        };
        let mut written = config.sinks.iter().filter_map(|sink| sink.target.written_topic());
        if let Some(why) = written.find_map(|topic| is_read(topic.get_ref())) {
            return Err(in_file(why));
        }
        if config.tokens.is_empty() && !running.listen.ip().is_loopback() {
            let address = running.listen;
            return Err(in_file(format!(
                "[[api.tokens]] has none, and {address} is served until a restart: anyone could \
                 silence alerts"
            )));
        }
        let context = SinkContext { folder: &config.folder, properties, formatter };
        let before = &in_force.on_call.sinks;
        let on_call = OnCallParts::new(&config, &rules.set.calendars, &context, before);
        Ok((rules, on_call.map_err(in_file)?, config.needs_restart(running)))
    }

    /// A stream that is read goes on as it is read; one that comes must be read as it is
    /// configured, which only a start can do where that is elsewhere.
    fn check_streams(
        &self,
        rules: &Rules,
        next: &Inputs,
        in_force: &InForce,
    ) -> Result<(), String> {
        self.started.inputs.of(&rules.set)?;
        let new = rules.set.streams.iter().filter(|it| !in_force.streams.contains(&it.name));
        let moved = { new }.find(|it| self.started.inputs.input(it) != next.input(it));
        match moved {
            Some(schema) => Err(format!(
                "[streams.{}] is taken up by a restart only, and the rules have that stream now",
                schema.name
            )),
            None => Ok(()),
        }
    }

    /// Hands over what was read; nothing can go wrong any more.
    fn take_up(
        &self,
        (rules, on_call): (Rules, OnCallParts),
        in_force: &mut InForce,
        by: &'static str,
    ) -> Taken {
        let hash = rules.program.hash();
        let taken = Taken {
            rules: hash,
            are_rules_new: !self.slot.is_newest(hash),
            is_on_call_new: !on_call.are_alike(&in_force.on_call),
            needs_restart: Vec::new(),
        };
        if taken.is_on_call_new {
            self.state.asking.admit(on_call.tokens.clone());
            self.slot.put_on_call(Change {
                settings: on_call.settings.clone(),
                deliveries: on_call.sinks.deliveries(),
                outbox: on_call.outbox,
                by,
            });
        }
        *in_force = InForce { on_call, streams: streams(&rules) };
        if taken.are_rules_new {
            self.slot.put(Proposal { rules, by });
        } else {
            self.reports.end(MetaAlert::ReloadFailed);
        }
        taken
    }

    fn say(&self, by: &str, taken: &Taken) {
        let rules = hex(taken.rules);
        match taken.are_rules_new {
            true => info!(by, rules, "rules accepted"),
            false => info!(by, rules, "rules unchanged"),
        }
        if !taken.needs_restart.is_empty() {
            let keys = taken.needs_restart.join(", ");
            warn!(by, keys, "these keys of the configuration need a restart");
        }
    }

    /// Says that something was refused: what is in force goes on. The alert lasts until a
    /// reload finds all that it reads right; its message has room for the first line of why.
    fn note_reload_failed(&self, by: &str, diagnostics: &str) {
        let first = diagnostics.lines().next().map(str::to_owned);
        self.reports.see(MetaAlert::ReloadFailed, None, first);
        error!(by, "nothing is reloaded; what is in force goes on\n{diagnostics}");
    }
}

impl Taken {
    /// Whether anything is.
    pub(crate) fn is_new(&self) -> bool {
        self.are_rules_new || self.is_on_call_new
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rules {}", hex(self.rules))?;
        if !self.are_rules_new {
            f.write_str(" are in force already")?;
        }
        if self.is_on_call_new {
            f.write_str("\nother on-call settings are taken up")?;
        }
        match self.needs_restart.as_slice() {
            [] => Ok(()),
            keys => write!(f, "\nneeds a restart: {}", keys.join(", ")),
        }
    }
}

impl fmt::Debug for Reloader {
    /// Nothing but the file: sinks and tokens hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("path", &self.started.path).finish_non_exhaustive()
    }
}

fn streams(rules: &Rules) -> BTreeSet<String> {
    rules.set.streams.iter().map(|schema| schema.name.clone()).collect()
}

/// A hash of rules as logs and pages show it.
pub(crate) fn hex(rules: u64) -> String {
    format!("{rules:016x}")
}

#[cfg(test)]
mod tests;
