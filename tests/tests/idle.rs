//! A day of keys that come and go: what is kept of them goes too, and an open episode stays.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::program::{ObserveCounts, Program};
use engine::shard::{
    KEYS_PER_RULE_MAX, Shard, ShardCounts, ShardRestore, ShardSettings, StepOutput,
};
use model::event::{Event, Value};
use model::observation::{EventOrigin, ObservationBatch, Watermarks};
use model::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use model::transition::TransitionKind;
use rules_dsl::source::SourceFile;

/// Bytes that are allocated and not freed.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counted. This is the only test of its process.
struct CountedAllocator;

#[allow(unsafe_code)]
// SAFETY: every call is the system allocator's own, with the layout that was given.
unsafe impl GlobalAlloc for CountedAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountedAllocator = CountedAllocator;

/// One trigger of each kind, and a host that is missed for two days.
const RULES: &str = r#"
stream s { ts: time, host: str, ok: bool, size: int }
filter good = s where ok
filter bad = s where not ok
filter giant = s where size == 1000
alert 件数 count(s) >= 3 within 10m by host low
alert 種類 distinct(s.size) >= 3 within 10m by host low
alert 平均 avg(s.size) >= 90 within 10m by host low
alert 最大 max(s.size) >= 99 within 10m by host low
alert 合計 sum(s.size) >= 500 within 30m step 3s by host low
alert 増分 increase(s.size) >= 500 within 30m step 3s by host low
alert 分位 p95(s.size) >= 99 within 10m by host low
alert 比率 ratio(bad, s) >= 90% within 10m min 3 by host low
alert 手順 2 good then bad within 10m by host low
alert 未完 bad then not good within 10m by host low
alert 初見 new size in s within 30m by host low
alert 無応答 absent giant within 5m by host seen 2d low
"#;

/// A shard that is fed an event after the other.
struct IdleBench {
    shard: Shard,
    marks: Watermarks,
    now: i64,
    offset: i64,
    resolved: usize,
    most: (ShardCounts, usize),
}

impl IdleBench {
    fn new() -> IdleBench {
        let file = SourceFile { name: "idle.rules".to_owned(), text: RULES.to_owned() };
        let compiled = rules_dsl::compile(&[file]);
        let rules = compiled.rules.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let settings = ShardSettings {
            index: 0,
            shards: 1,
            early: true,
            keys_per_rule_max: KEYS_PER_RULE_MAX,
            remembering: None,
        };
        let program = Arc::new(Program::compile(&rules).unwrap());
        IdleBench {
            shard: Shard::new(program, settings, &ShardRestore::default()),
            marks: Watermarks::unsettled(1),
            now: 1_767_571_200_000,
            offset: 0,
            resolved: 0,
            most: Default::default(),
        }
    }

    /// Events of these hosts now, and then so much time without any.
    fn feed(&mut self, hosts: &[String], size: i64, pass_ms: i64) {
        let mut batches = [ObservationBatch::default()];
        for host in hosts {
            let values = [
                Value::Time(Timestamp(self.now)),
                Value::Text(host),
                Value::Bool(size % 3 != 0),
                Value::Number(model::decimal::Decimal::from_int(size)),
            ];
            let event = Event { time: Timestamp(self.now), values: &values, items: &[] };
            let origin = EventOrigin { stream: 0, partition: 0, offset: self.offset, index: 0 };
            self.offset += 1;
            self.shard.program().observe(
                &event,
                origin,
                &mut batches,
                &mut ObserveCounts::default(),
            );
        }
        self.marks.first[0].get_or_insert(Timestamp(self.now));
        self.now += pass_ms;
        self.marks.settled[0] = Timestamp(self.now - 5 * SECOND_MS);
        let mut out = StepOutput::default();
        self.shard.step(&batches[0], &self.marks, &mut out);
        let resolved = out
            .transitions
            .iter()
            .filter(|it| it.facts.alert == "無応答" && it.kind == TransitionKind::Resolved);
        self.resolved += resolved.count();
        self.most.0 = self.most.0.max_of(self.shard.counts());
        self.most.1 = self.most.1.max(HELD.load(Ordering::Relaxed));
    }

    /// An hour of one host, heard of every minute.
    fn calm(&mut self) -> (ShardCounts, usize) {
        for minute in 0..60 {
            self.feed(&["calm".to_owned()], minute % 4, MINUTE_MS);
        }
        (self.shard.counts(), HELD.load(Ordering::Relaxed))
    }

    /// Hosts that are heard of a few times within a minute and never again.
    fn crowd(&mut self, name: &str, hosts: usize) {
        let hosts: Vec<String> = (0..hosts).map(|host| format!("{name}-{host}")).collect();
        for size in [1, 99, 3] {
            self.feed(&hosts, size, 2 * SECOND_MS);
        }
    }

    fn missed(&self) -> usize {
        let open = self.shard.open_episodes();
        open.iter().filter(|episode| episode.alert == "無応答").count()
    }
}

/// The larger of two counts, each by itself.
trait MaxOf {
    fn max_of(self, other: ShardCounts) -> ShardCounts;
}

impl MaxOf for ShardCounts {
    fn max_of(self, other: ShardCounts) -> ShardCounts {
        ShardCounts {
            keys: self.keys.max(other.keys),
            states: self.states.max(other.states),
            waiting: self.waiting.max(other.waiting),
            ..other
        }
    }
}

#[test]
fn what_is_kept_of_a_key_goes_with_it() {
    const FLOOD: usize = 1_200;
    let mut bench = IdleBench::new();
    bench.feed(&["missed".to_owned()], 1_000, MINUTE_MS);
    bench.calm();
    let (counts, held) = bench.calm();
    assert_eq!(bench.missed(), 1);
    let began = bench.now;
    for hour in 0..22 {
        let hosts = if hour == 7 { FLOOD } else { 50 };
        for part in 0..4 {
            bench.crowd(&format!("{hour}-{part}"), hosts / 4);
            for _ in 0..15 {
                bench.feed(&["calm".to_owned()], 2, MINUTE_MS);
            }
        }
    }
    bench.calm();
    let (counts_after, held_after) = bench.calm();
    assert!(bench.now - began >= 24 * HOUR_MS, "a day has passed");
    let (most, most_held) = bench.most;
    assert!(most.keys as usize > FLOOD / 4 && most.waiting as usize >= FLOOD / 4, "{most:?}");
    assert!(most_held > held + 1_000 * FLOOD / 4, "{most_held} after {held}");
    assert_eq!(counts_after, counts);
    // Tables keep a little room.
    assert!(held_after < held + (64 << 10), "{held_after} after {held}");
    // The one that was missed all the while is missed still, until it is heard of.
    assert_eq!((bench.missed(), bench.resolved), (1, 0));
    bench.feed(&["missed".to_owned()], 1_000, MINUTE_MS);
    assert_eq!((bench.missed(), bench.resolved), (0, 1));
}
