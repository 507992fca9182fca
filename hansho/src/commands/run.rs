//! `hansho run`: the service.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use connectors::dead_letter::DeadLetterSink;
use connectors::secret::SecretReference;
use connectors::sink::SinkContext;
use connectors::sink::text::MessageFormatter;
use connectors::source::kafka::{KafkaSettings, StartOffset};
use model::message::Language;
use runtime::error::NodeError;
use runtime::notify::channel::NotifyInbox;
use runtime::notify::templates::AlertTemplates;
use runtime::rules::loaded::LoadedRules;
use server::app_state::AppState;
use server::serve::serve;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use crate::cli::RunArgs;
use crate::commands::CommandExit;
use crate::config::{self, AutoOffsetReset, NodeConfig};
use crate::notifiers::NotifierSet;
use crate::on_call_config::OnCallConfig;
use crate::reload::{ConfigReloader, ReloadTargets, StartupConfig};
use crate::rule_files::load_rules;
use crate::wiring::service::{ServiceHandles, ServiceOutput, ServiceSettings, run_service};

/// A service, and the surfaces around it.
struct ServiceStartup {
    rules: LoadedRules,
    settings: ServiceSettings,
    output: ServiceOutput,
    handles: ServiceHandles,
    inbox: NotifyInbox,
    on_call: OnCallConfig,
    reload: StartupConfig,
}

/// Runs the command.
pub(crate) fn run(args: &RunArgs, language: Language) -> Result<(), CommandExit> {
    start_log();
    let config = NodeConfig::load(&args.config).map_err(|error| {
        let exit = if error.is_unread { CommandExit::Unreachable } else { CommandExit::Usage };
        exit.because(error)
    })?;
    serve_until_stopped(start(args, config, language)?)
}

/// Reads everything that the configuration names.
fn start(
    args: &RunArgs,
    config: NodeConfig,
    language: Language,
) -> Result<ServiceStartup, CommandExit> {
    let language = config.language.unwrap_or(language);
    let rules = load_rules(&config.rules, language)?;
    rules.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let properties = kafka_properties(&config)?;
    std::fs::create_dir_all(&config.state_dir).map_err(|error| {
        let place = config.state_dir.display();
        CommandExit::Unreachable.because(format!("state_dir {place} cannot be made: {error}"))
    })?;
    let opened = match &config.dead_letters {
        config::DeadLetterTarget::File(path) => DeadLetterSink::to_file(path),
        config::DeadLetterTarget::Topic(topic) => DeadLetterSink::to_topic(&properties, topic),
    };
    let letters = opened.map_err(|error| CommandExit::Unreachable.because(error))?;
    let formatter = MessageFormatter { language, zone: config.timezone.clone() };
    let context =
        SinkContext { folder: &config.folder, properties: &properties, formatter: &formatter };
    let calendars = &rules.set.calendars;
    let on_call = OnCallConfig::new(&config, calendars, &context, &NotifierSet::default())
        .map_err(|why| CommandExit::Usage.because(why))?;
    let output = ServiceOutput {
        on_call: on_call.settings.clone(),
        notifiers: on_call.sinks.notifiers(),
        outbox: on_call.outbox,
        dead_letters: Box::new(letters),
    };
    let settings = settings(&config, &rules, properties.clone(), language)?;
    let templates = AlertTemplates::new(&rules, language, config.timezone.clone());
    let (handles, inbox) = ServiceHandles::new(Arc::new(templates));
    let (path, inputs) = (args.config.clone(), settings.inputs.clone());
    let reload = StartupConfig { path, config, inputs, properties, formatter };
    Ok(ServiceStartup { rules, settings, output, handles, inbox, on_call, reload })
}

/// Runs a service with its signals, health and metrics.
fn serve_until_stopped(startup: ServiceStartup) -> Result<(), CommandExit> {
    let ServiceStartup { rules, settings, output, handles, inbox, on_call, reload } = startup;
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| CommandExit::Unreachable.because(error))?;
    let stop = Arc::new(AtomicBool::new(false));
    let _guard = runtime.enter();
    let app = AppState {
        ingest: Arc::clone(&handles.ingest),
        ..AppState::new(Arc::clone(&handles.telemetry))
    };
    app.on_call.connect(handles.notify.clone());
    app.tokens.admit(on_call.tokens.clone());
    let targets = ReloadTargets {
        mailbox: Arc::clone(&handles.mailbox),
        reports: Arc::clone(&handles.reports),
        telemetry: Arc::clone(&handles.telemetry),
        tokens: Arc::clone(&app.tokens),
        notify: handles.notify.clone(),
        runtime: runtime.handle().clone(),
    };
    let (listen, state_dir) = (reload.config.listen, reload.config.state_dir.clone());
    let reloader = Arc::new(ConfigReloader::new(reload, on_call, &rules, targets));
    let app = AppState { reload: Some(Arc::<ConfigReloader>::clone(&reloader)), ..app };
    start_api(&runtime, listen, app)?;
    runtime.spawn(stop_on_signal(Arc::clone(&stop)));
    runtime.spawn(reload_on_signal(reloader));
    info!(rules = rules.set.alerts.len(), workers = settings.workers, "hansho starts");
    let ended = run_service(&state_dir, rules, settings, output, &handles, inbox, &stop);
    drop(_guard);
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    info!("hansho ends");
    ended.map_err(|error| match error {
        NodeError::NotAlone { .. }
        | NodeError::Schema(_)
        | NodeError::Source { is_configuration: true, .. } => CommandExit::Usage.because(error),
        _ => CommandExit::Unreachable.because(error),
    })
}

fn start_api(runtime: &Runtime, address: SocketAddr, app: AppState) -> Result<(), CommandExit> {
    let listener = runtime.block_on(TcpListener::bind(address)).map_err(|error| {
        CommandExit::Unreachable
            .because(format!("cannot listen on {address}: {error}; set [api] listen"))
    })?;
    info!(%address, "health and metrics are served");
    runtime.spawn(async move {
        if let Err(error) = serve(listener, Arc::new(app), std::future::pending()).await {
            warn!(%error, "health and metrics are no longer served");
        }
    });
    Ok(())
}

/// The first signal stops in order; the second at once, which loses nothing either.
async fn stop_on_signal(stop: Arc<AtomicBool>) {
    let (Ok(mut term), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        warn!("signals cannot be received; end the service with kill -9, which loses nothing");
        return;
    };
    for _ in 0..2 {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        if stop.swap(true, Ordering::AcqRel) {
            std::process::exit(130);
        }
        info!("stopping");
    }
}

/// Reads rules and configuration anew at every SIGHUP.
async fn reload_on_signal(reloader: Arc<ConfigReloader>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        warn!("SIGHUP cannot be received; reload by POST /-/reload");
        return;
    };
    while hangup.recv().await.is_some() {
        let reloader = Arc::clone(&reloader);
        // A reload that fails has said so.
        drop(spawn_blocking(move || reloader.reload("signal")).await);
    }
}

/// Log lines on standard error: JSON where nobody watches, `HANSHO_LOG` sets the filter.
fn start_log() {
    let filter = EnvFilter::try_from_env("HANSHO_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if io::IsTerminal::is_terminal(&io::stderr()) {
        log.with_target(false).try_init()
    } else {
        log.json().with_target(false).try_init()
    };
    if let Err(error) = started {
        eprintln!("hansho: logging cannot start: {error}");
    }
}

fn settings(
    config: &NodeConfig,
    rules: &LoadedRules,
    properties: Vec<(String, String)>,
    language: Language,
) -> Result<ServiceSettings, CommandExit> {
    let inputs = config.stream_inputs(&rules.set).map_err(|why| CommandExit::Usage.because(why))?;
    Ok(ServiceSettings {
        kafka: config.kafka.as_ref().map(|kafka| KafkaSettings {
            properties,
            group: kafka.group.clone(),
            topics: Vec::new(),
            start: match kafka.auto_offset_reset {
                AutoOffsetReset::Earliest => StartOffset::Beginning,
                AutoOffsetReset::Latest => StartOffset::End,
            },
            alone: true,
            reach_back: Vec::new(),
        }),
        inputs,
        spool_bytes: config.ingest.spool_bytes,
        ingest_token: ingest_token(config)?,
        workers: config.workers,
        limits: config.limits,
        language,
    })
}

fn ingest_token(config: &NodeConfig) -> Result<Option<String>, CommandExit> {
    let token = config.ingest.token.as_ref().map(SecretReference::reveal).transpose();
    token.map_err(|error| CommandExit::Usage.because(error))
}

fn kafka_properties(config: &NodeConfig) -> Result<Vec<(String, String)>, CommandExit> {
    let reveal = |(name, secret): (&String, &SecretReference)| {
        let value = secret.reveal().map_err(|error| CommandExit::Usage.because(error))?;
        Ok((name.clone(), value))
    };
    config.kafka.iter().flat_map(|kafka| &kafka.properties).map(reveal).collect()
}
