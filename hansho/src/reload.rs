//! Reload: rules and the settings of on-call, read and checked together, and handed to the running
//! node all or none.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::codec::Decoder;
use connectors::sink::SinkContext;
use connectors::sink::text::MessageFormatter;
use model::meta::MetaAlert;
use runtime::notify::channel::{NotifyInput, NotifySender};
use runtime::notify::config_update::OnCallConfigUpdate;

use runtime::rules::loaded::LoadedRules;
use runtime::rules::mailbox::{ReloadMailbox, RuleUpdate};
use runtime::rules::supervisor::hex;
use runtime::self_monitor::queue::SelfMonitorQueue;
use runtime::telemetry::NodeTelemetry;
use runtime::telemetry::metrics::ReloadOutcome;
use server::app_state::ReloadRules;
use server::auth::TokenStore;
use tokio::runtime::Handle;
use tracing::{error, info, warn};

use crate::config::{NodeConfig, StreamInput, StreamInputs};
use crate::on_call_config::OnCallConfig;
use crate::rule_files::load_rules;
use crate::wiring::clock::wall_clock;
use crate::wiring::notifiers::TokioNotifiers;

/// Configuration at the start, as far as a reload needs it: all this stays until it ends.
pub struct StartupConfig {
    /// The configuration file.
    pub path: PathBuf,
    /// Configuration as of then.
    pub config: NodeConfig,
    /// Inputs of the streams.
    pub inputs: StreamInputs,
    /// Connection properties of Kafka.
    pub properties: Vec<(String, String)>,
    /// Formatter of the texts that people read.
    pub formatter: MessageFormatter,
}

/// Reads configuration and rules again, and hands them to the node.
pub struct ConfigReloader {
    started: StartupConfig,
    targets: ReloadTargets,
    /// One reload at a time.
    active: Mutex<ActiveConfig>,
}

/// Targets of a reload.
#[derive(Clone)]
pub struct ReloadTargets {
    /// Mailbox of rules for the node.
    pub mailbox: Arc<ReloadMailbox>,
    /// Queue of reports about the node itself.
    pub reports: Arc<SelfMonitorQueue>,
    /// Figures.
    pub telemetry: Arc<NodeTelemetry>,
    /// Tokens of the API.
    pub tokens: Arc<TokenStore>,
    /// The way to on-call.
    pub notify: NotifySender,
    /// Runtime of delivery attempts.
    pub runtime: Handle,
}

/// Configuration of the last reload.
struct ActiveConfig {
    on_call: OnCallConfig,
    /// The streams of the rules, by name.
    streams: BTreeSet<String>,
}

/// Result of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// All of it can run, and does where it is new.
    Accepted(ReloadReport),
    /// Something cannot run, and everything stays as it is; why, for people.
    Refused(String),
}

/// Report of a reload that is applied, or on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadReport {
    /// The hash of the rules.
    pub rules: u64,
    /// True when they say something else: they judge from the first instant not yet settled.
    pub are_rules_new: bool,
    /// True when on-call is to go by other settings.
    pub is_on_call_new: bool,
    /// Keys of the configuration that differ and wait for a restart.
    pub needs_restart: Vec<String>,
}

impl ConfigReloader {
    /// Reloads for a node that was started with rules of these streams and goes by `on_call`.
    pub(crate) fn new(
        started: StartupConfig,
        on_call: OnCallConfig,
        rules: &LoadedRules,
        targets: ReloadTargets,
    ) -> ConfigReloader {
        let active = Mutex::new(ActiveConfig { on_call, streams: streams(rules) });
        ConfigReloader { started, targets, active }
    }

    /// Reads the configuration and the rules anew and hands them to the service; whatever keeps
    /// any of it from running leaves all that is in force as it is. It reads files: not for a
    /// thread that must not wait.
    pub(crate) fn reload(&self, by: &'static str) -> ReloadResult {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match self.read(&active) {
            Ok((rules, on_call, needs_restart)) => {
                let report = self.hand_over(rules, on_call, &mut active, by);
                ReloadResult::Accepted(ReloadReport { needs_restart, ..report })
            }
            Err(why) => ReloadResult::Refused(why),
        };
        self.targets.telemetry.metrics.record_reload(outcome.kind(), wall_clock());
        match &outcome {
            ReloadResult::Accepted(report) => log(by, report),
            ReloadResult::Refused(why) => self.record_reload_failed(by, why),
        }
        outcome
    }

    /// Reads and checks all there is. Whatever would end the service at its next start is found
    /// here, and what would only do so in one that runs.
    fn read(
        &self,
        active: &ActiveConfig,
    ) -> Result<(LoadedRules, OnCallConfig, Vec<String>), String> {
        let StartupConfig { path, config: running, inputs, properties, formatter } = &self.started;
        let config = NodeConfig::load(path).map_err(|error| error.to_string())?;
        let rules =
            load_rules(&config.rules, formatter.language).map_err(|error| error.to_string())?;
        let in_file = |why: String| format!("{}: {why}", path.display());
        let next = config.stream_inputs(&rules.set).map_err(in_file)?;
        self.check_streams(&rules, &next, active).map_err(in_file)?;
        for schema in &rules.set.streams {
            Decoder::new(Arc::clone(schema), None).map_err(|error| error.to_string())?;
        }
        let is_read = |topic: &String| {
            let read =
                inputs.named.values().any(|input| *input == StreamInput::Topic(topic.clone()));
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
        let before = &active.on_call.sinks;
        let on_call = OnCallConfig::new(&config, &rules.set.calendars, &context, before);
        Ok((rules, on_call.map_err(in_file)?, config.needs_restart(running)))
    }

    /// A stream that is read goes on as it is read; one that comes must be read as it is
    /// configured, which only a start can do where that is elsewhere.
    fn check_streams(
        &self,
        rules: &LoadedRules,
        next: &StreamInputs,
        active: &ActiveConfig,
    ) -> Result<(), String> {
        self.started.inputs.of(&rules.set)?;
        let mut new = rules.set.streams.iter().filter(|it| !active.streams.contains(&it.name));
        let moved = new.find(|it| self.started.inputs.input(it) != next.input(it));
        match moved {
            Some(schema) => Err(format!(
                "[streams.{}] is taken up by a restart only, and the rules have that stream now",
                schema.name
            )),
            None => Ok(()),
        }
    }

    /// Hands over what was read; nothing can fail any more.
    fn hand_over(
        &self,
        rules: LoadedRules,
        on_call: OnCallConfig,
        active: &mut ActiveConfig,
        by: &'static str,
    ) -> ReloadReport {
        let ReloadTargets { mailbox, reports, tokens, notify, runtime, .. } = &self.targets;
        let hash = rules.program.hash();
        let report = ReloadReport {
            rules: hash,
            are_rules_new: !mailbox.is_newest(hash),
            is_on_call_new: !on_call.are_alike(&active.on_call),
            needs_restart: Vec::new(),
        };
        if report.is_on_call_new {
            tokens.admit(on_call.tokens.clone());
            let notifiers = on_call.sinks.notifiers();
            // Sent before the reload is answered: whoever asks next asks the new settings.
            notify.send(NotifyInput::Config(Box::new(OnCallConfigUpdate {
                settings: on_call.settings.clone(),
                unchanged: on_call.reached_as(&active.on_call),
                notifiers: Box::new(TokioNotifiers::new(
                    notifiers,
                    runtime.clone(),
                    notify.clone(),
                )),
                outbox: on_call.outbox,
                by,
            })));
        }
        *active = ActiveConfig { on_call, streams: streams(&rules) };
        if report.are_rules_new {
            mailbox.put(RuleUpdate { rules, by });
        } else {
            reports.end(MetaAlert::ReloadFailed);
        }
        report
    }

    /// Reports a refusal: nothing changes. The alert lasts until a reload is accepted; its message
    /// has room for the first line of why.
    fn record_reload_failed(&self, by: &str, diagnostics: &str) {
        let first = diagnostics.lines().next().map(str::to_owned);
        self.targets.reports.see(MetaAlert::ReloadFailed, None, first);
        error!(by, "reload refused; rules and settings stay as they are\n{diagnostics}");
    }
}

fn log(by: &str, report: &ReloadReport) {
    let rules = hex(report.rules);
    if report.are_rules_new {
        info!(by, rules, "reload: rules accepted");
    } else {
        info!(by, rules, "reload: rules unchanged");
    }
    if !report.needs_restart.is_empty() {
        let keys = report.needs_restart.join(", ");
        warn!(by, keys, "these keys of the configuration need a restart");
    }
}

impl ReloadRules for ConfigReloader {
    fn reload(&self, by: &'static str) -> Result<String, String> {
        match ConfigReloader::reload(self, by) {
            ReloadResult::Accepted(report) => Ok(report.to_string()),
            ReloadResult::Refused(why) => Err(why),
        }
    }
}

impl ReloadResult {
    /// Outcome it counts as.
    const fn kind(&self) -> ReloadOutcome {
        match self {
            ReloadResult::Accepted(report) if report.is_new() => ReloadOutcome::Accepted,
            ReloadResult::Accepted(_) => ReloadOutcome::Unchanged,
            ReloadResult::Refused(_) => ReloadOutcome::Refused,
        }
    }
}

impl ReloadReport {
    /// True when anything is.
    pub(crate) const fn is_new(&self) -> bool {
        self.are_rules_new || self.is_on_call_new
    }
}

impl fmt::Display for ReloadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rules {}", hex(self.rules))?;
        if !self.are_rules_new {
            f.write_str(" are active already")?;
        }
        if self.is_on_call_new {
            f.write_str("\non-call settings reloaded")?;
        }
        match self.needs_restart.as_slice() {
            [] => Ok(()),
            keys => write!(f, "\nneeds a restart: {}", keys.join(", ")),
        }
    }
}

impl fmt::Debug for ConfigReloader {
    /// Nothing but the file: sinks and tokens hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("path", &self.started.path).finish_non_exhaustive()
    }
}

fn streams(rules: &LoadedRules) -> BTreeSet<String> {
    rules.set.streams.iter().map(|schema| schema.name.clone()).collect()
}

#[cfg(test)]
mod tests;
