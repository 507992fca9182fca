//! The traffic of the demo: a quiet system, and three things that go wrong in it.

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
/// Past that is published first, as after an outage of the service.
const BACKLOG_MS: i64 = 20 * MINUTE_MS;
/// When the password attack begins and ends, after the start.
const ATTACK_MS: std::ops::Range<i64> = 1_000..6_000;
/// When requests fail.
const ERRORS_MS: std::ops::Range<i64> = 2_000..14_000;
/// The drama repeats.
const CYCLE_MS: i64 = 5 * MINUTE_MS;
/// Longest wait for the broker to take what was sent.
const FLUSH: Duration = Duration::from_secs(2);

const HOSTS: [&str; 4] = ["web-1", "web-2", "db-1", "batch-1"];
const USERS: [&str; 6] = ["sato", "suzuki", "takahashi", "tanaka", "ito", "watanabe"];
const ATTACKED: [&str; 4] = ["admin", "root", "oracle", "postgres"];

/// Publishes on a thread of its own until `stop` is set; it returns the number of events.
pub(crate) fn start(
    bootstrap: &str,
    stop: Arc<AtomicBool>,
) -> Result<JoinHandle<u64>, ProduceError> {
    let producer = EventProducer::new(bootstrap)?;
    let traffic = Traffic { producer, sent: 0, random: 0x2545_f491_4f6c_dd1d };
    Ok(thread::spawn(move || traffic.run(&stop)))
}

struct Traffic {
    producer: EventProducer,
    sent: u64,
    random: u64,
}

impl Traffic {
    fn run(mut self, stop: &AtomicBool) -> u64 {
        let start = wall_clock();
        let mut at = start.minus(BACKLOG_MS);
        while at < start {
            self.metrics(at, at.0 - start.0);
            at = at.plus(10 * SECOND_MS);
        }
        let mut beat = 0;
        while !stop.load(Ordering::Acquire) {
            let now = wall_clock();
            let drama = (now.0 - start.0).rem_euclid(CYCLE_MS);
            self.logins(now, drama, beat);
            self.requests(now, drama);
            if beat.is_multiple_of(10) {
                self.metrics(now, 0);
            }
            beat += 1;
            thread::sleep(Duration::from_millis(BEAT_MS as u64));
        }
        // What the broker did not take by now nobody would see any more.
        drop(self.producer.flush(FLUSH));
        self.sent
    }

    fn logins(&mut self, now: Timestamp, drama: i64, beat: usize) {
        let user = USERS.get(self.below(USERS.len() as u64) as usize).copied().unwrap_or("sato");
        let address = format!("192.0.2.{}", 10 + self.below(40));
        self.login(now, "success", user, &address);
        if ATTACK_MS.contains(&drama) {
            let user = ATTACKED.get(beat % ATTACKED.len()).copied().unwrap_or("root");
            self.login(now, "failure", user, "203.0.113.9");
        } else if beat.is_multiple_of(70) {
            self.login(now, "failure", user, &address);
        }
    }

    fn login(&mut self, now: Timestamp, outcome: &str, user: &str, address: &str) {
        let event = json!({
            "ts": now.to_string(), "action": "login", "outcome": outcome,
            "user": { "name": user }, "src": { "ip": address },
            "geo": { "country": "JP" }, "session": { "id": format!("s{}", self.below(1000)) },
        });
        self.send("auth.events", user, &event);
    }

    fn requests(&mut self, now: Timestamp, drama: i64) {
        for service in ["checkout", "search"] {
            let fails = service == "checkout" && ERRORS_MS.contains(&drama) && self.below(3) == 0;
            let latency = if fails { 3_500 + self.below(2_000) } else { 40 + self.below(200) };
            let event = json!({
                "ts": now.to_string(), "service": service, "status": if fails { 503 } else { 200 },
                "latency": latency, "user": { "id": format!("u{}", self.below(500)) },
            });
            self.send("http.access", service, &event);
        }
    }

    /// `ago` counts up to 0, the start: towards it the database's CPU climbs and stays.
    fn metrics(&mut self, now: Timestamp, ago: i64) {
        for host in HOSTS {
            let climb = match host {
                "db-1" => ((ago + BACKLOG_MS) as f64 / (BACKLOG_MS / 2) as f64).min(1.0) * 0.6,
                _ => 0.0,
            };
            let cpu = 0.30 + climb + self.below(50) as f64 / 1000.0;
            let disk = if host == "batch-1" { 86.0 } else { 41.0 };
            let event = json!({
                "ts": now.to_string(), "host": host, "cpu": { "used": cpu },
                "mem": { "used": 0.52 }, "disk": { "used": disk }, "net": { "used": 0.12 },
            });
            self.send("metrics.node", host, &event);
        }
    }

    fn send(&mut self, topic: &str, key: &str, event: &Value) {
        // A demo that cannot publish shows it by showing nothing; there is nobody to retry for.
        if self.producer.send(topic, key.as_bytes(), event.to_string().as_bytes()).is_ok() {
            self.sent += 1;
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
