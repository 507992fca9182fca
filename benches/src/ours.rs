//! Our side: rules, and the work of the service on one thread.

use std::path::Path;
use std::sync::Arc;

use connectors::codec::Decoder;
use connectors::source::ReadState;
use connectors::source::file::FileSource;
use engine::program::{ObserveCounts, Program};
use engine::shard::{KEYS_PER_RULE_MAX, Out, Restored, Shard, ShardSettings};
use engine::watermark::{Admission, Front};
use model::event::Record;
use model::observation::{Batch, Marks, Origin};
use model::schema::Schema;
use model::time::Timestamp;
use model::transition::{Transition, TransitionKind};
use rules_dsl::source::SourceFile;

use crate::load::Attempt;

/// Rows of a batch, as the service cuts them.
pub const BATCH_ROWS: usize = 1_024;

/// The stream of [`Attempt::short_line`], and its failures.
pub const SHORT_STREAM: &str = r#"
stream auth {
  ts: time("unix_ms"), action: str, outcome: str, user.name: str, src.ip: ip, score: int,
}
filter failures = auth where action == "login" and outcome == "failure"
"#;

/// The stream of [`Attempt::long_line`], with the same fields.
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
pub struct Rules {
    /// What observes and judges.
    pub program: Arc<Program>,
    /// The one stream.
    pub schema: Arc<Schema>,
}

/// Observations as a shard is given them: batches, each with the marks that follow it.
#[derive(Debug)]
pub struct Observed {
    /// In the order of the events.
    pub steps: Vec<(Batch, Marks)>,
    /// Observations in all batches.
    pub rows: usize,
}

/// One partition on its way from records to transitions.
struct Road {
    program: Arc<Program>,
    decoder: Decoder,
    front: Front,
    counts: ObserveCounts,
    batch: [Batch; 1],
    marks: Marks,
    latest: Option<Timestamp>,
}

impl Rules {
    /// Compiles rules.
    ///
    /// # Panics
    /// When a diagnostic is an error: the rules of a bench are fixed.
    pub fn compile(parts: &[&str]) -> Rules {
        let file = SourceFile { name: "bench.rules".to_owned(), text: parts.concat() };
        let compiled = rules_dsl::compile(&[file]);
        let Some(set) = compiled.rules else {
            panic!("rules of a bench do not compile: {:?}", compiled.diagnostics);
        };
        let program = Program::compile(&set).expect("a program");
        Rules { program: Arc::new(program), schema: Arc::clone(&set.streams[0]) }
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
        Shard::new(Arc::clone(&self.program), settings, &Restored::default())
    }

    /// What the short lines of attempts come to, in batches of [`BATCH_ROWS`] rows.
    pub fn observe(&self, attempts: &[Attempt]) -> Observed {
        let mut road = Road::new(self);
        let mut observed = Observed { steps: Vec::new(), rows: 0 };
        for (offset, attempt) in attempts.iter().enumerate() {
            road.take(&record(attempt.short_line().as_bytes(), offset as i64));
            let is_last = offset + 1 == attempts.len();
            if road.batch[0].rows.len() >= BATCH_ROWS || is_last {
                road.pass_time(is_last);
                let batch = std::mem::take(&mut road.batch[0]);
                observed.rows += batch.rows.len();
                observed.steps.push((batch, road.marks.clone()));
            }
        }
        observed
    }

    /// Reads a file of short lines, runs the rules over it and counts what fires.
    pub fn replay(&self, path: &Path) -> u64 {
        let path = path.to_str().expect("a path in UTF-8");
        let mut source = FileSource::open(path, 0).expect("the load");
        let (mut road, mut shard) = (Road::new(self), self.shard());
        let mut firings = 0;
        let mut has_more = true;
        while has_more {
            let take = |record: Result<Record<'_>, _>| road.take(&record.expect("a short line"));
            let progress = source.drain(BATCH_ROWS, take).expect("the load");
            has_more = progress.state == ReadState::More;
            road.pass_time(!has_more);
            firings += step(&mut shard, &road.batch[0], &road.marks);
            road.batch[0].clear();
        }
        firings
    }
}

impl Road {
    fn new(rules: &Rules) -> Road {
        Road {
            program: Arc::clone(&rules.program),
            decoder: rules.decoder(),
            front: Front::new(rules.schema.lateness_ms, None),
            counts: ObserveCounts::default(),
            batch: [Batch::default()],
            marks: Marks::unsettled(1),
            latest: None,
        }
    }

    fn take(&mut self, record: &Record<'_>) {
        let Road { program, decoder, front, counts, batch, marks, latest } = self;
        let origin =
            Origin { stream: 0, partition: record.partition, offset: record.offset, index: 0 };
        let decoded = decoder.decode(record, |event| {
            if front.admit(event.time, record.timestamp) == Admission::Accepted {
                marks.first[0].get_or_insert(event.time);
                *latest = (*latest).max(Some(event.time));
                program.observe(event, origin, batch, counts);
            }
        });
        decoded.expect("a line that can be decoded");
    }

    /// Moves the marks to where the front has come; at the end to the last event.
    fn pass_time(&mut self, is_end: bool) {
        let settled = self.front.front().map(|front| self.front.settled_at(front));
        let reached = if is_end { self.latest } else { settled };
        self.marks.settled[0] = reached.unwrap_or(Timestamp(i64::MIN));
    }
}

/// Has a shard take in a batch and settle; the number of alerts that begin to fire.
pub fn step(shard: &mut Shard, batch: &Batch, marks: &Marks) -> u64 {
    let mut out = Out::default();
    shard.step(batch, marks, &mut out);
    let fires = |transition: &&Transition| transition.kind == TransitionKind::Firing;
    out.transitions.iter().filter(fires).count() as u64
}

/// A line as a file source hands it over.
pub fn record(payload: &[u8], offset: i64) -> Record<'_> {
    Record { partition: 0, offset, timestamp: None, payload }
}
