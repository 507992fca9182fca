//! `hansho demo`: the whole road in one process, with an attack in the traffic.

mod traffic;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use connectors::broker::EmbeddedBroker;
use connectors::dead_letter::DeadLetterSink;
use connectors::source::kafka::{KafkaSettings, StartOffset};
use jiff::tz::TimeZone;
use model::message::Language;
use oncall::engine::OnCallSettings;
use oncall::outbox::OutboxLimits;
use oncall::route::{NotifyOn, Receiver, RoutingTable};
use oncall::severity_set::SeveritySet;
use runtime::notify::templates::AlertTemplates;
use runtime::rules::loaded::LoadedRules;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::DemoArgs;
use crate::commands::CommandExit;
use crate::config::{NodeLimits, StreamInputs};
use crate::console::ConsoleNotifier;
use crate::rule_files::{load_rules, load_shipped_rules};
use crate::wiring::notifiers::Notifier;
use crate::wiring::service::{ServiceHandles, ServiceOutput, ServiceSettings, run_service};

/// Partitions of each topic.
const PARTITIONS: i32 = 2;
/// Most lines of watches at the end.
const WATCHED_SHOWN_MAX: usize = 10;

/// Runs the command.
pub(crate) fn demo(args: &DemoArgs, language: Language) -> Result<(), CommandExit> {
    let rules = match args.rules.as_slice() {
        [] => load_shipped_rules(language)?,
        paths => load_rules(paths, language)?,
    };
    let state_dir = std::env::temp_dir().join(format!("hansho-demo-{}", std::process::id()));
    std::fs::create_dir_all(&state_dir).map_err(|error| CommandExit::Unreachable.because(error))?;
    let ended = run_in(&state_dir, rules, args.duration, language);
    if let Err(error) = std::fs::remove_dir_all(&state_dir) {
        eprintln!("hansho: {} stays behind: {error}", state_dir.display());
    }
    ended
}

fn run_in(
    state_dir: &Path,
    rules: LoadedRules,
    duration: Option<Duration>,
    language: Language,
) -> Result<(), CommandExit> {
    let unreachable = |error: &dyn std::fmt::Display| CommandExit::Unreachable.because(error);
    let topics: Vec<String> = rules.set.streams.iter().map(|s| s.input.clone()).collect();
    let declared: Vec<(&str, i32)> = topics.iter().map(|t| (t.as_str(), PARTITIONS)).collect();
    let broker = EmbeddedBroker::start(&declared).map_err(|error| unreachable(&error))?;
    let templates = Arc::new(AlertTemplates::new(&rules, language, TimeZone::system()));
    let console = Arc::new(ConsoleNotifier::new(Arc::clone(&templates)));
    greet(&rules, &broker.bootstrap_servers(), language);

    let stop = Arc::new(AtomicBool::new(false));
    let traffic = traffic::start(&broker.bootstrap_servers(), Arc::clone(&stop))
        .map_err(|error| unreachable(&error))?;
    let letters = DeadLetterSink::to_file(state_dir.join("dead-letters.jsonl"))
        .map_err(|error| unreachable(&error))?;
    let receiver = Receiver {
        name: "console".to_owned(),
        severities: SeveritySet::ALL,
        on: NotifyOn::ALL,
        spacing_ms: 0,
        is_router: false,
        fallback: None,
    };
    let output = ServiceOutput {
        on_call: OnCallSettings {
            routing: RoutingTable::to_all(vec![receiver]),
            ..OnCallSettings::default()
        },
        notifiers: vec![Notifier::Console(Arc::clone(&console))],
        outbox: OutboxLimits::default(),
        dead_letters: Box::new(letters),
    };
    let settings = settings(&broker, topics, language);
    let (handles, inbox) = ServiceHandles::new(Arc::clone(&templates));
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| unreachable(&error))?;
    let guard = runtime.enter();
    let timer = Arc::clone(&stop);
    runtime.spawn(async move {
        let limit = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = limit => {}
            () = end_signal() => {}
        }
        timer.store(true, Ordering::Release);
    });
    let ended = run_service(state_dir, rules, settings, output, &handles, inbox, &stop);
    stop.store(true, Ordering::Release);
    drop(guard);
    let sent = traffic.join().unwrap_or(0);
    farewell(sent, &console, language);
    let watched = handles.telemetry.watched();
    watched.iter().take(WATCHED_SHOWN_MAX).for_each(|one| println!("{}", templates.watched(one)));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map_err(|error| unreachable(&error))
}

/// Comes when somebody asks the process to end, be it at the keyboard or by `kill`.
async fn end_signal() {
    match signal(SignalKind::terminate()) {
        Ok(mut term) => tokio::select! {
            _ = term.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

fn settings(broker: &EmbeddedBroker, topics: Vec<String>, language: Language) -> ServiceSettings {
    let properties = vec![("bootstrap.servers".to_owned(), broker.bootstrap_servers())];
    ServiceSettings {
        inputs: StreamInputs::default(),
        spool_bytes: 0,
        ingest_token: None,
        kafka: Some(KafkaSettings {
            properties,
            group: "hansho-demo".to_owned(),
            topics,
            start: StartOffset::Beginning,
            alone: true,
            reach_back: Vec::new(),
        }),
        workers: thread::available_parallelism().map_or(1, usize::from).min(4),
        limits: NodeLimits { idle_timeout_ms: 2_000, ..NodeLimits::default() },
        language,
    }
}

fn greet(rules: &LoadedRules, broker: &str, language: Language) {
    let (alerts, streams) = (rules.set.alerts.len(), rules.set.streams.len());
    match language {
        Language::Ja => println!(
            "半鐘デモ: 組み込みブローカー {broker}、stream {streams}個、アラート{alerts}件。\
             パスワード攻撃、CPU の上昇、エラーの多発を含むイベントを流します。\
             Ctrl-C で終了します。\n"
        ),
        Language::En => println!(
            "hansho demo: embedded broker at {broker}, {streams} streams, {alerts} alerts. The \
             traffic has a password attack, a CPU climb and an error burst in it. Ctrl-C ends.\n"
        ),
    }
}

fn farewell(sent: u64, console: &ConsoleNotifier, language: Language) {
    let shown = console.shown();
    let delays = console.delays_ms();
    match (language, delays) {
        (Language::Ja, Some((median, p99))) => println!(
            "\nイベント{sent}件を送信、アラート{shown}件を表示。発生から検知まで: \
             中央値 {median} ms、99パーセンタイル {p99} ms (確定待ちを含む)。"
        ),
        (Language::Ja, None) => println!("\nイベント{sent}件を送信、アラート{shown}件を表示。"),
        (Language::En, Some((median, p99))) => println!(
            "\n{sent} events published, {shown} alerts shown. From event to alert: median \
             {median} ms, 99th percentile {p99} ms, waiting for stragglers included."
        ),
        (Language::En, None) => println!("\n{sent} events published, {shown} alerts shown."),
    }
}
