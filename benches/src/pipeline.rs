//! Our side: rules, and the replay of runtime on one thread.

use std::convert::Infallible;
use std::fmt::Display;
use std::mem;
use std::path::Path;
use std::sync::Arc;

use connectors::codec::Decoder;
use connectors::source::file::FileSource;
use engine::program::Program;
use engine::shard::{KEYS_PER_RULE_MAX, Shard, ShardRestore, ShardSettings, StepOutput};
use model::event::Record;
use model::observation::{ObservationBatch, Watermarks};
use model::schema::Schema;
use model::time::Timestamp;
use model::transition::{Transition, TransitionKind};
use rules_dsl::source::SourceFile;
use runtime::executor::ShardExecutor;
use runtime::io::{ClockReading, StepReadiness};
use runtime::pipeline::shard_worker::ShardWorker;
use runtime::replay::{ReplayInput, ReplayObserver, ReplayOptions, ReplayPipeline};

/// The stream of [`short_line`](crate::load::LoginAttempt::short_line), and its failures.
pub const SHORT_STREAM: &str = r#"
stream auth {
  ts: time("unix_ms"), action: str, outcome: str, user.name: str, src.ip: ip, score: int,
}
filter failures = auth where action == "login" and outcome == "failure"
"#;

/// The stream of [`long_line`](crate::load::LoginAttempt::long_line), with the same fields.
pub const LONG_STREAM: &str = r#"
stream auth {
  ts: time = "@timestamp", action: str = "event.action", outcome: str = "event.outcome",
  user.name: str, src.ip: ip = "source.ip", score: int = "event.risk_score",
}
filter failures = auth where action == "login" and outcome == "failure"
"#;

/// The rule of the whole road: 認証失敗 10回/分 by source address.
pub const FAILURES_BY_SOURCE: &str = "alert 認証失敗多発 failures 10回/分 by src.ip critical\n";

/// Checked and compiled rules about one stream.
#[derive(Clone, Debug)]
pub struct BenchRules {
    /// Decoder and shard of the bench.
    pub program: Arc<Program>,
    /// The one stream.
    pub schema: Arc<Schema>,
}

/// Observations as a shard receives them: batches, each with the marks that follow it.
#[derive(Debug, Default)]
pub struct ObservedBatches {
    /// In the order of the events.
    pub steps: Vec<(ObservationBatch, Watermarks)>,
    /// Observations in all batches.
    pub rows: usize,
}

/// Number of alerts that begin to fire.
#[derive(Debug, Default)]
struct FiringCount(u64);

/// The one shard of a replay, run on the caller's thread while the replay pauses.
#[derive(Debug, Default)]
struct InlineShard {
    running: Option<ShardWorker>,
    finished: Vec<Shard>,
}

impl BenchRules {
    /// Compiles rules.
    ///
    /// # Panics
    /// When a diagnostic is an error: the rules of a bench are fixed.
    pub fn compile(parts: &[&str]) -> BenchRules {
        let file = SourceFile { name: "bench.rules".to_owned(), text: parts.concat() };
        let compiled = rules_dsl::compile(&[file]);
        let Some(set) = compiled.rules else {
            panic!("rules of a bench do not compile: {:?}", compiled.diagnostics);
        };
        let program = Program::compile(&set).expect("a program");
        BenchRules { program: Arc::new(program), schema: Arc::clone(&set.streams[0]) }
    }

    /// A decoder of the stream.
    pub fn decoder(&self) -> Decoder {
        Decoder::new(Arc::clone(&self.schema), None).expect("a schema that can be decoded")
    }

    /// The one shard of these rules, knowing nothing yet.
    pub fn shard(&self) -> Shard {
        let settings = ShardSettings {
            index: 0,
            shards: 1,
            early: false,
            keys_per_rule_max: KEYS_PER_RULE_MAX,
            remembering: None,
        };
        Shard::new(Arc::clone(&self.program), settings, &ShardRestore::default())
    }

    /// The batches and marks that a replay of a file of short lines hands to its shard.
    pub fn observe(&self, path: &Path) -> ObservedBatches {
        self.replay_with(path, ObservedBatches::default())
    }

    /// Replays a file of short lines and counts what fires.
    pub fn replay(&self, path: &Path) -> u64 {
        self.replay_with(path, FiringCount::default()).0
    }

    fn replay_with<O: ReplayObserver<Error = Infallible>>(&self, path: &Path, observer: O) -> O {
        let label = path.to_str().expect("a path in UTF-8").to_owned();
        let source = FileSource::open(&label, 0).expect("the load");
        let replay = ReplayPipeline::new(
            &[Arc::clone(&self.schema)],
            &self.program,
            vec![ReplayInput { label, stream: 0, source }],
            ReplayOptions { workers: 1, year: None, drain: false },
            InlineShard::default(),
            observer,
        );
        let replayed = replay.expect("a schema that can be decoded").run();
        replayed.expect("a load that can be read").0
    }
}

impl ReplayObserver for FiringCount {
    type Error = Infallible;

    fn undecodable(&mut self, input: &str, line: i64, why: &dyn Display) {
        panic!("{input}:{line}: {why}");
    }

    fn transition(&mut self, transition: &Transition) -> Result<(), Infallible> {
        self.0 += u64::from(transition.kind == TransitionKind::Firing);
        Ok(())
    }
}

impl ReplayObserver for ObservedBatches {
    type Error = Infallible;

    fn undecodable(&mut self, input: &str, line: i64, why: &dyn Display) {
        panic!("{input}:{line}: {why}");
    }

    fn observed(&mut self, batches: &[ObservationBatch]) {
        let batch = batches[0].clone();
        self.rows += batch.rows.len();
        self.steps.push((batch, Watermarks::unsettled(1)));
    }

    fn settled(&mut self, stream: usize, settled: Timestamp, first: Option<Timestamp>) {
        let (_, marks) = self.steps.last_mut().expect("a batch before its marks");
        marks.settled[stream] = settled;
        marks.first[stream] = first;
    }

    fn transition(&mut self, _: &Transition) -> Result<(), Infallible> {
        Ok(())
    }
}

impl ShardExecutor for InlineShard {
    fn start(&mut self, mut shards: Vec<ShardWorker>) {
        self.running = shards.pop();
    }

    fn pause(&mut self) {
        let step = |worker: &mut ShardWorker| {
            worker.step(ClockReading::default()) == StepReadiness::Finished
        };
        // Only a worker that is gone lets the replay see that nothing follows.
        let finished = self.running.take_if(step);
        self.finished.extend(finished.map(ShardWorker::into_shard));
    }

    fn join(&mut self) -> Result<Vec<Shard>, usize> {
        Ok(mem::take(&mut self.finished))
    }
}

/// Steps a shard over a batch and its marks; returns the number of alerts that begin to fire.
pub fn step(shard: &mut Shard, batch: &ObservationBatch, marks: &Watermarks) -> u64 {
    let mut out = StepOutput::default();
    shard.step(batch, marks, &mut out);
    let fires = |transition: &&Transition| transition.kind == TransitionKind::Firing;
    out.transitions.iter().filter(fires).count() as u64
}

/// A line as a file source hands it over.
pub fn record(payload: &[u8], offset: i64) -> Record<'_> {
    Record { partition: 0, offset, timestamp: None, payload }
}
