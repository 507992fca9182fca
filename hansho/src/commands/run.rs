//! `hansho run`: the service.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use connectors::dead_letter::DeadLetters;
use connectors::secret::SecretReference;
use connectors::sink::SinkContext;
use connectors::sink::text::MessageFormatter;
use connectors::source::kafka::{KafkaError, KafkaSettings, Start};
use model::message::Language;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use crate::alert_text::{AlertTexts, Wording};
use crate::api::{State, serve};
use crate::cli::RunArgs;
use crate::commands::Exit;
use crate::config::{self, Config};
use crate::deliveries::NotifierSet;
use crate::on_call_parts::OnCallParts;
use crate::reload::{Reloader, Started};
use crate::rule_files::{Rules, load_rules};
use crate::service::{self, Inputs, Outgoing, ServiceError, ServiceParts};

/// Runs the command.
pub(crate) fn run(args: &RunArgs, language: Language) -> Result<(), Exit> {
    start_log();
    let config = Config::load(&args.config).map_err(|error| {
        let exit = if error.is_unread { Exit::Unreachable } else { Exit::Usage };
        exit.because(error)
    })?;
    let language = config.language.unwrap_or(language);
    let rules = load_rules(&config.rules, language)?;
    rules.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let properties = kafka_properties(&config)?;
    std::fs::create_dir_all(&config.state_dir).map_err(|error| {
        let place = config.state_dir.display();
        Exit::Unreachable.because(format!("state_dir {place} cannot be made: {error}"))
    })?;
    let letters = match &config.dead_letters {
        config::DeadLetters::File(path) => DeadLetters::to_file(path),
        config::DeadLetters::Topic(topic) => DeadLetters::to_topic(&properties, topic),
    };
    let letters = letters.map_err(|error| Exit::Unreachable.because(error))?;
    let formatter = MessageFormatter { language, zone: config.timezone.clone() };
    let context =
        SinkContext { folder: &config.folder, properties: &properties, formatter: &formatter };
    let calendars = &rules.set.calendars;
    let on_call = OnCallParts::new(&config, calendars, &context, &NotifierSet::default());
    let on_call = on_call.map_err(|why| Exit::Usage.because(why))?;
    let (asking, asked) = std::sync::mpsc::channel();
    let outgoing = Outgoing {
        on_call: on_call.settings.clone(),
        asked,
        deliveries: on_call.sinks.deliveries(),
        outbox: on_call.outbox,
        dead_letters: letters,
    };
    let parts = parts(&config, &rules, properties.clone(), language)?;
    parts.state.asking.connect(asking);
    parts.state.asking.admit(on_call.tokens.clone());
    let (listen, inputs) = (config.listen, parts.inputs.clone());
    let started = Started { path: args.config.clone(), config, inputs, properties, formatter };
    let reloader = Arc::new(Reloader::new(
        started,
        (on_call, &rules),
        (&parts.slot, &parts.reports),
        Arc::clone(&parts.state),
    ));
    serve_until_stopped((parts, rules), outgoing, listen, &reloader)
}

/// Runs a service with its signals, health and metrics.
fn serve_until_stopped(
    (parts, rules): (ServiceParts, Rules),
    outgoing: Outgoing,
    address: SocketAddr,
    reloader: &Arc<Reloader>,
) -> Result<(), Exit> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Exit::Unreachable.because(error))?;
    let stop = Arc::new(AtomicBool::new(false));
    let _guard = runtime.enter();
    start_api(&runtime, address, &parts.state, reloader)?;
    runtime.spawn(stop_on_signal(Arc::clone(&stop)));
    runtime.spawn(reload_on_signal(Arc::clone(reloader)));
    info!(rules = rules.set.alerts.len(), workers = parts.workers, "hansho starts");
    let ended = service::run(parts, rules, outgoing, &stop);
    drop(_guard);
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    info!("hansho ends");
    ended.map_err(|error| match error {
        ServiceError::NotAlone { .. }
        | ServiceError::Schema(_)
        | ServiceError::Kafka(KafkaError::Property(_)) => Exit::Usage.because(error),
        _ => Exit::Unreachable.because(error),
    })
}

fn start_api(
    runtime: &Runtime,
    address: SocketAddr,
    state: &Arc<State>,
    reloader: &Arc<Reloader>,
) -> Result<(), Exit> {
    let listener = runtime.block_on(TcpListener::bind(address)).map_err(|error| {
        Exit::Unreachable.because(format!("cannot listen on {address}: {error}; set [api] listen"))
    })?;
    info!(%address, "health and metrics are served");
    let (state, reloader) = (Arc::clone(state), Arc::clone(reloader));
    runtime.spawn(async move {
        if let Err(error) = serve(listener, state, Some(reloader), std::future::pending()).await {
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
        warn!("signals cannot be heard; end the service with kill -9, which loses nothing");
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
async fn reload_on_signal(reloader: Arc<Reloader>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        warn!("SIGHUP cannot be heard; reload by POST /-/reload");
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

fn parts(
    config: &Config,
    rules: &Rules,
    properties: Vec<(String, String)>,
    language: Language,
) -> Result<ServiceParts, Exit> {
    let inputs = Inputs::configured(config, &rules.set);
    let inputs = inputs.map_err(|why| Exit::Usage.because(why))?;
    let texts = AlertTexts::new(rules, language, config.timezone.clone());
    let texts = Arc::new(Wording::new(Arc::new(texts)));
    Ok(ServiceParts {
        kafka: config.kafka.as_ref().map(|kafka| KafkaSettings {
            properties,
            group: kafka.group.clone(),
            topics: Vec::new(),
            start: match kafka.start {
                config::Start::Beginning => Start::Beginning,
                config::Start::End => Start::End,
            },
            alone: true,
            reach_back: Vec::new(),
        }),
        texts,
        inputs,
        spool_bytes: config.ingest.spool_bytes,
        ingest_token: ingest_token(config)?,
        spools: BTreeMap::new(),
        slot: Arc::default(),
        workers: config.workers,
        limits: service::ReaderLimits {
            idle_ms: config.limits.idle_ms,
            skew_max_ms: config.limits.skew_max_ms,
            unsettled_bytes: config.limits.unsettled_bytes,
            held_back_max_ms: config.limits.held_back_max_ms,
            snapshot_every_ms: config.limits.snapshot_every_ms,
        },
        keys_per_rule: config.limits.keys_per_rule,
        meta: config.limits.meta,
        reports: Arc::default(),
        state_dir: config.state_dir.clone(),
        state: Arc::new(State::new()),
    })
}

fn ingest_token(config: &Config) -> Result<Option<String>, Exit> {
    let token = config.ingest.token.as_ref().map(SecretReference::reveal).transpose();
    token.map_err(|error| Exit::Usage.because(error))
}

fn kafka_properties(config: &Config) -> Result<Vec<(String, String)>, Exit> {
    let reveal = |(name, secret): (&String, &SecretReference)| {
        let value = secret.reveal().map_err(|error| Exit::Usage.because(error))?;
        Ok((name.clone(), value))
    };
    config.kafka.iter().flat_map(|kafka| &kafka.properties).map(reveal).collect()
}
