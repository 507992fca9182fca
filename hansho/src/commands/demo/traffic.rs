//! Traffic of the demo: a quiet system, and three things that go wrong in it.
//!
//! What is published depends on the time since the start alone, so every demo is alike and shows
//! the same alerts: a password attack, a CPU climb, an error burst, and no other. Each user logs
//! in from one address, each login has a session of its own, and mistyped passwords are rare.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use connectors::broker::EventProducer;
use connectors::sink::kafka::ProduceError;
use model::time::{MINUTE_MS, SECOND_MS, Timestamp};
use serde_json::{Value, json};

use crate::wiring::clock::wall_clock;

/// Length of one beat of the traffic.
const BEAT_MS: i64 = 100;
/// Metrics are sampled this often; before the start, every tenth of that.
const SAMPLE_MS: i64 = SECOND_MS;
/// Past that is published first, as after an outage of the service.
const BACKLOG_MS: i64 = 20 * MINUTE_MS;
/// Time range of the password attack, after the start.
const ATTACK_MS: std::ops::Range<i64> = 1_000..6_000;
/// Time range in which requests fail.
const ERRORS_MS: std::ops::Range<i64> = 2_000..14_000;
/// The attack and the burst repeat.
const CYCLE_MS: i64 = 5 * MINUTE_MS;
/// Somebody mistypes a password this often, each user in turn: four times in ten minutes at most,
/// which no rule takes for an attack.
const TYPO_MS: i64 = 30 * SECOND_MS;
/// Longest wait for the broker to take what was sent.
const FLUSH: Duration = Duration::from_secs(2);

const HOSTS: [&str; 4] = ["web-1", "web-2", "db-1", "batch-1"];
const USERS: [&str; 6] = ["sato", "suzuki", "takahashi", "tanaka", "ito", "watanabe"];
const ATTACKED: [&str; 4] = ["admin", "root", "oracle", "postgres"];

/// CPU of the database: where its climb begins, its height each minute, and where it ends. The
/// mean of five minutes has been above 80 % for two minutes when the demo starts.
const CLIMB_FROM: f64 = 0.30;
const CLIMB_PER_MINUTE: f64 = 0.0303;
const CLIMB_TO: f64 = 0.94;

/// Publishes on a thread of its own until `stop` is set; it returns the number of events.
pub(crate) fn start(
    bootstrap: &str,
    stop: Arc<AtomicBool>,
) -> Result<JoinHandle<u64>, ProduceError> {
    let producer = EventProducer::new(bootstrap)?;
    Ok(thread::spawn(move || publish(&producer, &stop)))
}

fn publish(producer: &EventProducer, stop: &AtomicBool) -> u64 {
    let mut sent = 0;
    let mut traffic = DemoTraffic::new(wall_clock());
    let mut send = |event: DemoEvent| {
        // A demo that cannot publish shows it by showing nothing; there is nobody to retry for.
        let payload = event.payload.to_string();
        if producer.send(event.topic, event.key.as_bytes(), payload.as_bytes()).is_ok() {
            sent += 1;
        }
    };
    traffic.backlog(&mut send);
    while !stop.load(Ordering::Acquire) {
        while traffic.next_beat() <= wall_clock() {
            traffic.beat(&mut send);
        }
        thread::sleep(Duration::from_millis(BEAT_MS as u64));
    }
    // What the broker did not take by now nobody would see any more.
    drop(producer.flush(FLUSH));
    sent
}

/// One event to publish.
struct DemoEvent {
    topic: &'static str,
    key: String,
    payload: Value,
}

/// The events of a demo, in order.
struct DemoTraffic {
    start: Timestamp,
    /// Length of what has been published since the start.
    elapsed_ms: i64,
    /// Logins so far; each is a session.
    sessions: u64,
    random: u64,
}

impl DemoTraffic {
    fn new(start: Timestamp) -> DemoTraffic {
        DemoTraffic { start, elapsed_ms: 0, sessions: 0, random: 0x2545_f491_4f6c_dd1d }
    }

    /// The metrics of the minutes before the start.
    fn backlog(&mut self, send: &mut impl FnMut(DemoEvent)) {
        let mut ago = BACKLOG_MS;
        while ago > 0 {
            self.metrics(-ago, send);
            ago -= 10 * SAMPLE_MS;
        }
    }

    /// The instant of the next beat.
    fn next_beat(&self) -> Timestamp {
        self.start.plus(self.elapsed_ms)
    }

    fn beat(&mut self, send: &mut impl FnMut(DemoEvent)) {
        let since_ms = self.elapsed_ms;
        self.logins(since_ms, send);
        self.requests(since_ms, send);
        if since_ms % SAMPLE_MS == 0 {
            self.metrics(since_ms, send);
        }
        self.elapsed_ms += BEAT_MS;
    }

    fn logins(&mut self, since_ms: i64, send: &mut impl FnMut(DemoEvent)) {
        let user = self.below(USERS.len() as u64) as usize;
        self.sessions += 1;
        let session = format!("s{}", self.sessions);
        let mut success = login(self.start.plus(since_ms), "success", &of_user(user));
        if let Some(fields) = success.payload.as_object_mut() {
            fields.insert("session".to_owned(), json!({ "id": session }));
        }
        send(success);
        if since_ms % TYPO_MS == TYPO_MS / 2 {
            let user = (since_ms / TYPO_MS) as usize % USERS.len();
            send(login(self.start.plus(since_ms), "failure", &of_user(user)));
        }
        if ATTACK_MS.contains(&(since_ms % CYCLE_MS)) {
            let user = ATTACKED
                .get((since_ms / BEAT_MS) as usize % ATTACKED.len())
                .copied()
                .unwrap_or("root");
            let attacker = DemoAccount { user, address: "203.0.113.9".to_owned() };
            send(login(self.start.plus(since_ms), "failure", &attacker));
        }
    }

    fn requests(&mut self, since_ms: i64, send: &mut impl FnMut(DemoEvent)) {
        let is_burst = ERRORS_MS.contains(&(since_ms % CYCLE_MS));
        for service in ["checkout", "search"] {
            let fails = service == "checkout" && is_burst && self.below(3) == 0;
            let payload = json!({
                "ts": self.start.plus(since_ms).to_string(),
                "service": service, "status": if fails { 503 } else { 200 },
                "latency": 40 + self.below(200), "user": { "id": format!("u{}", self.below(500)) },
            });
            send(DemoEvent { topic: "http.access", key: service.to_owned(), payload });
        }
    }

    /// `since_ms` is negative before the start.
    fn metrics(&mut self, since_ms: i64, send: &mut impl FnMut(DemoEvent)) {
        let minutes = (since_ms + BACKLOG_MS) as f64 / MINUTE_MS as f64;
        let climbed = (CLIMB_FROM + CLIMB_PER_MINUTE * minutes).min(CLIMB_TO);
        for host in HOSTS {
            let level = if host == "db-1" { climbed } else { CLIMB_FROM };
            let cpu = level + self.below(50) as f64 / 1000.0;
            let disk = if host == "batch-1" { 86.0 } else { 41.0 };
            let payload = json!({
                "ts": self.start.plus(since_ms).to_string(), "host": host, "cpu": { "used": cpu },
                "mem": { "used": 0.52 }, "disk": { "used": disk }, "net": { "used": 0.12 },
            });
            send(DemoEvent { topic: "metrics.node", key: host.to_owned(), payload });
        }
    }

    /// A number below `limit`: xorshift, from a fixed seed so that every demo is alike.
    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit.max(1)
    }
}

/// Account that logs in, and its address.
struct DemoAccount {
    user: &'static str,
    address: String,
}

/// A user at the one address that is theirs.
fn of_user(number: usize) -> DemoAccount {
    let user = USERS.get(number).copied().unwrap_or("sato");
    DemoAccount { user, address: format!("192.0.2.{}", 10 + number) }
}

fn login(at: Timestamp, outcome: &str, account: &DemoAccount) -> DemoEvent {
    let payload = json!({
        "ts": at.to_string(), "action": "login", "outcome": outcome,
        "user": { "name": account.user }, "src": { "ip": account.address },
        "geo": { "country": "JP" },
    });
    DemoEvent { topic: "auth.events", key: account.user.to_owned(), payload }
}
