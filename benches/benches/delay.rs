//! From an event to the alert at a sink that works: alone, beside another that works, and beside
//! one that hangs. Three services take turns of half a second, each with the same events on the
//! same beat, so that what else the machine does strikes all three.
//!
//! The service is the process that has been built beside this program, with its disk, its
//! sockets and its threads; both ends are this process, so one clock tells both. An event's time
//! begins when it is due to be sent, not when the sender got round to it.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use benches::compare::{BenchHarness, RatioSpread};
use serde_json::Value;
use tests::recorder::{HttpRecorder, RecorderAnswer};
use tests::service::{ServiceHome, free_port, post_text};

/// Events of a turn.
const EVENTS: usize = 50;
/// Turns of each side in a round; the first, while caches and connections are made, is not
/// measured.
const TURNS: usize = 13;
/// The beat of the events.
const BEAT: Duration = Duration::from_millis(10);
/// Rounds, each with services of its own.
const ROUNDS: usize = 9;
/// Nothing is waited for longer.
const DEADLINE: Duration = Duration::from_secs(60);
/// Event time of the first event.
const START_MS: usize = 1_767_225_600_000;
/// An alert for each event, told one by one.
const RULES: &str = "stream shop from \"shop.orders\" { ts: time, order: str }\n\
                     filter 注文 = shop where order != \"\"\n\
                     alert 注文あり 注文 1回/分 by order critical { message \"{order}\" }\n";

/// Load beside the sink that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SinkLoad {
    Nothing,
    /// A sink that takes everything at once.
    Healthy,
    /// A sink that takes connections and requests and never answers.
    Hanging,
}

const SIDES: [SinkLoad; 3] = [SinkLoad::Nothing, SinkLoad::Healthy, SinkLoad::Hanging];

/// Two percentiles of a round.
#[derive(Clone, Copy, Debug)]
struct DelayPercentiles {
    p50: Duration,
    p99: Duration,
}

fn main() {
    let harness = BenchHarness::from_args();
    let Some(binary) = service() else {
        let way_out = "the service is not built (cargo build --release)";
        return println!("delay: not measured, {way_out}");
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let rules = folder.join("delay.rules");
    fs::write(&rules, RULES).expect("room for the rules");
    if harness.is_test {
        round(&binary, &rules, 2, 10);
        return println!("delay: every side is told of every event; not measured");
    }
    // The first warms the machine and is not counted.
    round(&binary, &rules, 2, EVENTS);
    let rounds: Vec<[DelayPercentiles; 3]> =
        (0..ROUNDS).map(|_| round(&binary, &rules, TURNS, EVENTS)).collect();
    println!("{}", summary("a hanging sink / alone", &rounds, 2, 0));
    println!("{}", summary("a hanging sink / a healthy one", &rounds, 2, 1));
    println!("{}", summary("a healthy sink / alone", &rounds, 1, 0));
}

/// The service beside this program: both lie in one profile's folder.
fn service() -> Option<PathBuf> {
    let own = env::current_exe().ok()?;
    let beside = own.parent()?.parent()?.join("hansho");
    beside.exists().then_some(beside)
}

/// A service with one side's sinks, and what it was sent.
struct MeasuredService {
    side: SinkLoad,
    _service: ServiceHome,
    address: String,
    good: HttpRecorder,
    other: HttpRecorder,
    /// Instant at which each event was due.
    due: Vec<Instant>,
}

/// Three services, which take turns.
fn round(binary: &Path, rules: &Path, turns: usize, events: usize) -> [DelayPercentiles; 3] {
    let mut running = SIDES.map(|side| MeasuredService::start(binary, rules, side));
    for turn in 0..turns {
        // Another side begins each time.
        (0..3).for_each(|n| running[(n + turn) % 3].take_turn(events));
    }
    running.map(|side| side.delays(events))
}

impl MeasuredService {
    fn start(binary: &Path, rules: &Path, side: SinkLoad) -> MeasuredService {
        let (good, other) = (recorder(), recorder());
        if side == SinkLoad::Hanging {
            other.answer(RecorderAnswer::Hang);
        }
        let port = free_port().expect("a port");
        let address = format!("127.0.0.1:{port}");
        let config = config(rules, port, side, &good, &other);
        let mut service = ServiceHome::run(binary, &config).expect("a service");
        service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
        MeasuredService { side, _service: service, address, good, other, due: Vec::new() }
    }

    /// Sends events on the beat, and waits until all of them are told.
    fn take_turn(&mut self, events: usize) {
        let begun = Instant::now();
        for of_turn in 0..u32::try_from(events).expect("a count") {
            let (event, due) = (self.due.len(), begun + BEAT * of_turn);
            self.due.push(due);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let at = START_MS + 10 * event;
            let line = format!("{{\"ts\":{at},\"order\":\"o{event}.\"}}\n");
            let taken = post_text(&self.address, "/ingest/shop", &line).expect("an answer");
            assert_eq!(taken.0, 200, "{}", taken.1);
        }
        let reported = self.good.wait_for(self.due.len(), DEADLINE);
        reported.unwrap_or_else(|reported| panic!("{:?}: {} are told", self.side, reported.len()));
    }

    /// Time that the events took, the first `unmeasured` aside.
    fn delays(&self, unmeasured: usize) -> DelayPercentiles {
        let (side, asked) = (self.side, self.other.requests().len());
        assert_eq!(asked > 0, side != SinkLoad::Nothing, "{side:?}: {asked} times");
        let mut at: BTreeMap<String, Instant> = BTreeMap::new();
        for request in self.good.requests() {
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            let order = body["key"]["order"].as_str().expect("an order").to_owned();
            assert_eq!(at.insert(order, request.at), None, "it is told once");
        }
        let delay = |(event, due): (usize, &Instant)| {
            at[&format!("o{event}.")].saturating_duration_since(*due)
        };
        let all = self.due.iter().enumerate().skip(unmeasured);
        let mut delays: Vec<Duration> = all.map(delay).collect();
        delays.sort_unstable();
        let percentile = |of: usize| delays[(delays.len() * of).div_ceil(100) - 1];
        DelayPercentiles { p50: percentile(50), p99: percentile(99) }
    }
}

fn recorder() -> HttpRecorder {
    HttpRecorder::start().expect("a server")
}

fn config(
    rules: &Path,
    port: u16,
    side: SinkLoad,
    good: &HttpRecorder,
    other: &HttpRecorder,
) -> String {
    let sink = |name: &str, of: &HttpRecorder| {
        let url = of.url("/");
        format!(
            "[[sinks]]\nname = {name:?}\ntype = \"webhook\"\nallow_private = true\nurl = {url:?}\n"
        )
    };
    let other = if side == SinkLoad::Nothing { String::new() } else { sink("other", other) };
    format!(
        "rules = [{:?}]\nstate_dir = \"{{home}}/state\"\n[api]\nlisten = \"127.0.0.1:{port}\"\n\
         [limits]\nidle_timeout = \"1h\"\n[streams.shop]\ntype = \"http\"\n{other}{}",
        rules.display(),
        sink("good", good)
    )
}

fn summary(name: &str, rounds: &[[DelayPercentiles; 3]], ours: usize, other: usize) -> String {
    let spread = |of: fn(&DelayPercentiles) -> Duration| {
        let ratio = |round: &[DelayPercentiles; 3]| {
            of(&round[ours]).as_secs_f64() / of(&round[other]).as_secs_f64()
        };
        RatioSpread::of(rounds.iter().map(ratio).collect())
    };
    let median_ms = |side: usize| {
        RatioSpread::of(rounds.iter().map(|round| round[side].p99.as_secs_f64() * 1e3).collect())
            .median
    };
    let (p99, p50) = (spread(|delays| delays.p99), spread(|delays| delays.p50));
    format!(
        "delay, {name}: p99 {:.2}x (median of {}, range {:.2}–{:.2}), {:.1} against {:.1} ms; \
         p50 {:.2}x ({:.2}–{:.2})",
        p99.median,
        rounds.len(),
        p99.least,
        p99.greatest,
        median_ms(ours),
        median_ms(other),
        p50.median,
        p50.least,
        p50.greatest
    )
}
