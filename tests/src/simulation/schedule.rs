//! The scheduler: steps the machines of a node in a drawn order until everything was read,
//! published and delivered, through any number of crashes.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::program::ProgramError;
use engine::shard::{Shard, ShardCounts, ShardRestore, ShardSettings, StepOutput};
use model::message::{Language, MessagePart};
use model::observation::{ObservationBatch, Watermarks};
use model::time::Timestamp;
use oncall::engine::OnCallSettings;
use rules_dsl::rule::RuleSet;
use runtime::alert_log::retention::LogRetention;
use runtime::alert_log::writer::{AlertLogWriter, DrainedWriter};
use runtime::error::NodeError;
use runtime::executor::{DrainedPipeline, PipelineExecutor, PipelineMachines};
use runtime::ingest::limits::ReaderLimits;
use runtime::io::StepReadiness;
use runtime::node::{Node, NodeParts, NodeSettings, NodeShared, NotifyParts};
use runtime::notify::channel::{NotifySender, channel_of};
use runtime::notify::templates::{AlertTemplates, SharedTemplates};
use runtime::pipeline::PipelineSettings;
use runtime::pipeline::shard_worker::ShardWorker;

use runtime::rules::loaded::{LoadedRules, RuleArchive};
use runtime::rules::mailbox::{ReloadMailbox, RuleUpdate};
use runtime::rules::supervisor::ALERT_LOG;
use runtime::self_monitor::monitor::MetaLimits;
use runtime::telemetry::NodeTelemetry;

use super::disk::{SimulatedDisk, SimulatedLetters, SimulatedRows, SimulatedStore};
use super::durability;
use super::environment::SimulatedEnvironment;
use super::expected::ExpectedHistory;
use super::notifiers::SimulatedNotifiers;
use super::run_handle::{RunHandle, RunNotes, RunState};
use super::sources::SimulatedFactory;
use super::{CRASHES_MAX, DurableState, EDITIONS, FaultPlan, NodeDesign, RunOptions, STOPS_MAX};
use crate::generators::{DrawnCase, SplitMix};
use crate::harness::verdicts;

/// Longer than any window, hold or idle time that is drawn: everything has passed by then.
const LONG_AFTER_MS: i64 = 1_000_000;
/// Rounds of one run at most: a run that makes more would never end.
const ROUNDS_MAX: u32 = 100_000;

/// A run that came to its end.
pub(super) struct EndedRun {
    pub(super) state: RunState,
    pub(super) left: PipelineLeftovers,
}

/// State of the last pipeline when everything was published and every window had passed.
#[derive(Debug, Default)]
pub(super) struct PipelineLeftovers {
    pub(super) counts: ShardCounts,
    /// Episodes that stay open whatever time passes, and their different keys.
    pub(super) open: u64,
    pub(super) open_keys: u64,
    /// The same of shards that never saw an event.
    pub(super) fresh: ShardCounts,
    /// Deliveries still pending.
    pub(super) pending: usize,
}

/// Runs machines on the scheduler's own thread.
#[derive(Default)]
struct ScheduledMachines {
    workers: Vec<Option<ShardWorker>>,
    shards: Vec<Option<Shard>>,
    writer: Option<Box<AlertLogWriter>>,
    drained: Option<Result<DrainedWriter, NodeError>>,
    /// True when no other pipeline follows.
    is_last: bool,
    /// Remaining state of the shards of the last pipeline.
    left: PipelineLeftovers,
    settings: Vec<ShardSettings>,
}

/// Keeps rules by their hash: what a run has are no texts.
struct HashArchive(BTreeMap<u64, RuleSet>);

/// A node, and the ways to it.
struct SimulatedNode {
    node: Node<SimulatedFactory, ScheduledMachines>,
    mailbox: Arc<ReloadMailbox>,
    to_on_call: NotifySender,
}

impl RuleArchive for HashArchive {
    fn encode(&self, rules: &LoadedRules) -> Vec<u8> {
        rules.program.hash().to_string().into_bytes()
    }

    fn decode(&self, bytes: &[u8]) -> Result<LoadedRules, String> {
        let hash: u64 = String::from_utf8_lossy(bytes).parse().map_err(|_| "not a hash")?;
        let set = self.0.get(&hash).ok_or("unknown rules")?;
        LoadedRules::from_set(set.clone()).map_err(|error| error.to_string())
    }
}

impl PipelineExecutor for ScheduledMachines {
    fn start(&mut self, machines: PipelineMachines) {
        let PipelineMachines { workers, writer } = machines;
        self.shards = workers.iter().map(|_| None).collect();
        self.workers = workers.into_iter().map(Some).collect();
        self.writer = Some(writer);
        self.drained = None;
    }

    fn try_join(&mut self) -> Option<Result<DrainedPipeline, NodeError>> {
        if self.drained.is_none() || self.workers.iter().any(Option::is_some) {
            return None;
        }
        let writer = match self.drained.take()? {
            Ok(writer) => writer,
            Err(error) => return Some(Err(error)),
        };
        let mut shards: Vec<Shard> = self.shards.iter_mut().filter_map(Option::take).collect();
        if self.is_last {
            self.left = leftovers(&mut shards, &self.settings);
        }
        Some(Ok(DrainedPipeline { shards, writer }))
    }
}

impl ScheduledMachines {
    fn step_shard(&mut self, number: usize, state: &RunHandle) {
        let now = state.lock().now();
        let Some(worker) = self.workers.get_mut(number).and_then(Option::as_mut) else { return };
        loop {
            match worker.step(now) {
                StepReadiness::Again => {}
                StepReadiness::Wait(_) => return,
                StepReadiness::Blocked => {
                    // Only the writer makes room.
                    self.step_writer(state);
                    return;
                }
                StepReadiness::Finished => break,
            }
        }
        self.shards[number] = self.workers[number].take().map(ShardWorker::into_shard);
    }

    fn step_writer(&mut self, state: &RunHandle) -> bool {
        let now = state.lock().now();
        let Some(writer) = self.writer.as_mut() else { return false };
        match writer.step(now) {
            Ok(StepReadiness::Finished) => {
                self.drained = self.writer.take().map(|writer| Ok(writer.into_drained()));
                true
            }
            Ok(flow) => flow == StepReadiness::Again,
            Err(error) => {
                self.writer = None;
                self.drained = Some(Err(error));
                true
            }
        }
    }
}

/// State of shards once all time has passed, beside shards that never saw an event.
fn leftovers(shards: &mut [Shard], settings: &[ShardSettings]) -> PipelineLeftovers {
    let mut left = PipelineLeftovers::default();
    let mut keys = std::collections::BTreeSet::new();
    let (mut counts, mut fresh) = (Vec::new(), Vec::new());
    for (shard, of) in shards.iter_mut().zip(settings) {
        let latest = shard.settled().iter().map(|at| at.0).max().unwrap_or(0);
        let mut marks = Watermarks::unsettled(shard.settled().len());
        marks.settled.fill(Timestamp(latest.max(0) + LONG_AFTER_MS));
        // A stream without events keeps rules from beginning; here all have begun.
        marks.first.fill(Some(Timestamp(0)));
        shard.step(&ObservationBatch::default(), &marks, &mut StepOutput::default());
        counts.push(shard.counts());
        let open = shard.open_episodes();
        left.open += open.len() as u64;
        keys.extend(open.into_iter().map(|open| open.key));
        let program = Arc::clone(shard.program());
        let mut new = Shard::new(program, *of, &ShardRestore::default());
        new.step(&ObservationBatch::default(), &marks, &mut StepOutput::default());
        fresh.push(new.counts());
    }
    left.open_keys = keys.len() as u64;
    left.counts = counts.into_iter().sum();
    left.fresh = fresh.into_iter().sum();
    left
}

/// Runs a case to its end through any number of crashes.
///
/// # Errors
/// What must not happen and did.
pub(super) fn run(case: &DrawnCase, options: RunOptions<'_>) -> Result<EndedRun, String> {
    let run = RunHandle::new(begin(case, options).map_err(|error| error.to_string())?);
    let left = loop {
        run.lock().is_dead = false;
        let ended = match start(&run, options) {
            Ok(node) => NodeScheduler { node, run: &run, options, is_edited: false }.work(),
            Err(error) => Err(error.to_string()),
        };
        let mut state = run.lock();
        match ended {
            Ok(left) => break left,
            Err(_) if state.is_dead => state.crash(),
            Err(_) if std::mem::take(&mut state.is_stopped) => state.stop(),
            Err(why) => return Err(why),
        }
    };
    Ok(EndedRun { state: run.into_state(), left })
}

fn begin(case: &DrawnCase, options: RunOptions<'_>) -> Result<RunState, ProgramError> {
    let mut random = SplitMix::new(options.seed);
    let mut environment = SimulatedEnvironment::draw(case, &mut random);
    environment.strain(&mut SplitMix::new(options.seed.rotate_left(40)), options.shards);
    let horizons = case.rules.alerts.iter().map(|alert| alert.horizon_ms());
    environment.horizon_ms = horizons.max().unwrap_or(0);
    let crash_percent = random.one_of(&[0, 1, 4, 10], 1);
    let mut mishaps = SplitMix::new(options.seed.rotate_left(48));
    let stops_left = mishaps.within(0, STOPS_MAX as i64) as u64;
    let crashes_left = CRASHES_MAX;
    let fate = FaultPlan { random, crash_percent, crashes_left, mishaps, stops_left };
    Ok(RunState {
        accepted: case.logs.iter().map(|log| verdicts(case, log)).collect(),
        payloads: case.logs.iter().map(|log| crate::generators::payloads(case, log)).collect(),
        expected: ExpectedHistory::new(case)?,
        case: case.clone(),
        environment,
        design: options.design,
        fate,
        now_ms: 0,
        is_dead: false,
        is_stopped: false,
        is_finishing: false,
        disk: SimulatedDisk::default(),
        commits: BTreeMap::new(),
        flights: Vec::new(),
        attempts: 0,
        survivors: DurableState::default(),
        replaced: None,
        run: RunNotes::default(),
    })
}

/// Edited rules in another wording: all that they say of events is the same.
fn edition(after: &RuleSet, number: u64) -> RuleSet {
    let mut rules = after.clone();
    for alert in rules.alerts.iter_mut().filter(|_| number > 0) {
        alert.message.parts.push(MessagePart::Literal(format!("edition {number}")));
    }
    rules
}

/// Recovers a node.
fn start(run: &RunHandle, options: RunOptions<'_>) -> Result<SimulatedNode, NodeError> {
    let (settings, on_call, outbox, rules, known, records_max, now) = {
        let mut state = run.lock();
        let mut known = BTreeMap::new();
        let editions = (0..EDITIONS).filter_map(|number| Some(edition(options.after?, number)));
        for set in editions.chain([state.case.rules.clone()]) {
            let rules = LoadedRules::from_set(set.clone()).map_err(NodeError::Program)?;
            known.insert(rules.program.hash(), set);
        }
        // Once they were edited, a start finds the edited ones. What a node begins with is never
        // edited: it would replace nothing.
        let has_begun = state.disk.has_lines(ALERT_LOG);
        let is_edited = has_begun && state.now_ms >= state.environment.edited_at_ms;
        let set = match options.after.filter(|_| is_edited) {
            Some(after) => edition(after, state.fate.edition()),
            None => state.case.rules.clone(),
        };
        let rules = LoadedRules::from_set(set).map_err(NodeError::Program)?;
        let on_call: OnCallSettings = state.environment.on_call.clone();
        let outbox = state.environment.limits;
        let records_max = state.environment.records_max;
        (settings(&state, options), on_call, outbox, rules, known, records_max, state.now())
    };
    run.lock().patch_snapshot(&rules.program);
    let (to_on_call, inbox) = channel_of(records_max);
    let mailbox = Arc::<ReloadMailbox>::default();
    let zone = runtime::rules::environment::utc();
    let templates = AlertTemplates::new(&rules, Language::En, zone);
    let shared = NodeShared {
        store: Arc::new(SimulatedStore(run.clone())),
        archive: Arc::new(HashArchive(known)),
        templates: Arc::new(SharedTemplates::new(Arc::new(templates))),
        mailbox: Arc::clone(&mailbox),
        reports: Arc::default(),
        telemetry: Arc::new(NodeTelemetry::new()),
        notify: to_on_call.clone(),
    };
    let notifiers = SimulatedNotifiers { run: run.clone(), to_on_call: to_on_call.clone() };
    let notify = NotifyParts {
        settings: on_call,
        outbox,
        notifiers: Box::new(notifiers),
        rows: Box::new(SimulatedRows(run.clone())),
        inbox,
    };
    let shards = settings.pipeline.workers;
    let executor = ScheduledMachines {
        settings: (0..shards)
            .map(|index| ShardSettings {
                index,
                shards,
                early: settings.pipeline.early,
                keys_per_rule_max: settings.pipeline.keys_per_rule_max,
                remembering: settings.pipeline.state_checkpoints,
            })
            .collect(),
        ..ScheduledMachines::default()
    };
    let parts = NodeParts {
        rules,
        sources: SimulatedFactory(run.clone()),
        executor,
        dead_letters: Box::new(SimulatedLetters { run: run.clone(), pending: 0 }),
    };
    let node = Node::recover(parts, notify, shared, settings, now)?;
    Ok(SimulatedNode { node, mailbox, to_on_call })
}

fn settings(state: &RunState, options: RunOptions<'_>) -> NodeSettings {
    let environment = &state.environment;
    let idle_ms = match state.design {
        // As if everything had passed as soon as a partition is empty.
        NodeDesign::IdleLeftOut => -LONG_AFTER_MS,
        _ => environment.idle_ms.unwrap_or(0),
    };
    NodeSettings {
        pipeline: PipelineSettings {
            workers: options.shards,
            early: environment.early,
            keys_per_rule_max: engine::shard::KEYS_PER_RULE_MAX,
            state_checkpoints: environment.state_checkpoints,
            inspect_every_ms: environment.inspect_every_ms,
            rings: environment.rings,
        },
        reader: ReaderLimits {
            idle_ms,
            skew_max_ms: environment.skew_max_ms,
            unsettled_bytes: u64::MAX,
            held_back_max_ms: i64::MAX,
            snapshot_every_ms: options.snapshots.then_some(environment.snapshot_every_ms),
        },
        meta: MetaLimits { quiet_ms: 1_000, never_matched_after: u64::MAX, rule_share_max: 100 },
        retention: LogRetention { keep_ms: environment.keep_ms, compact_bytes_min: 1 },
        commit_every_ms: environment.commit_every_ms,
        assignment_wait_ms: environment.assignment_wait_ms,
    }
}

/// Steps the machines of one node.
struct NodeScheduler<'a> {
    node: SimulatedNode,
    run: &'a RunHandle,
    options: RunOptions<'a>,
    /// True when edited rules were handed over in this run.
    is_edited: bool,
}

impl NodeScheduler<'_> {
    /// Works until everything was read, published and delivered.
    fn work(&mut self) -> Result<PipelineLeftovers, String> {
        let mut rounds = 0;
        while !self.is_quiet() {
            rounds += 1;
            assert!(rounds < ROUNDS_MAX, "it never ends: {:?}", self.node.node.supervisor);
            self.let_time_pass();
            self.edit_rules()?;
            self.step_reader(false)?;
            self.step_shards();
            if self.chance(60) {
                self.node.node.supervisor.executor().step_writer(self.run);
            }
            self.check_alive()?;
            if self.chance(60) {
                self.step_notify()?;
            }
            self.run.lock().record_activation();
            if self.run.lock().fate.stops() {
                return self.stop();
            }
        }
        self.finish()
    }

    /// Stops the node in order, to be started again.
    fn stop(&mut self) -> Result<PipelineLeftovers, String> {
        self.drain()?;
        self.run.lock().is_stopped = true;
        Err("stopped in order".to_owned())
    }

    /// Lets the node stop: everything that was read is evaluated, logged and handed to on-call.
    fn drain(&mut self) -> Result<(), String> {
        let mut rounds = 0;
        while self.step_reader(true)? != StepReadiness::Finished {
            rounds += 1;
            assert!(rounds < ROUNDS_MAX, "it never stops: {:?}", self.node.node.supervisor);
            self.publish_all()?;
        }
        self.check_alive()
    }

    fn chance(&self, percent: u64) -> bool {
        self.run.lock().fate.random.chance(percent)
    }

    fn check_alive(&self) -> Result<(), String> {
        if self.run.lock().is_dead { Err("crashed".to_owned()) } else { Ok(()) }
    }

    fn is_quiet(&self) -> bool {
        let state = self.run.lock();
        state.has_read_all() && state.environment.is_quiet(state.now_ms)
    }

    fn let_time_pass(&self) {
        let mut state = self.run.lock();
        state.now_ms += state.fate.random.one_of(&[0, 1, 1, 2, 5], 1);
    }

    /// Hands over edited rules, once that is due.
    fn edit_rules(&mut self) -> Result<(), String> {
        let Some(after) = self.options.after else { return Ok(()) };
        let edited = {
            let mut state = self.run.lock();
            let is_due = state.now_ms >= state.environment.edited_at_ms;
            let is_edited = is_due && (!self.is_edited || state.fate.edits());
            is_edited.then(|| edition(after, state.fate.edition()))
        };
        if let Some(edited) = edited {
            self.is_edited = true;
            let rules = LoadedRules::from_set(edited).map_err(|error| error.to_string())?;
            if !self.node.mailbox.is_newest(rules.program.hash()) {
                self.node.mailbox.put(RuleUpdate { rules, by: "edit" });
            }
        }
        Ok(())
    }

    fn step_reader(&mut self, is_stopping: bool) -> Result<StepReadiness, String> {
        let now = self.run.lock().now();
        let flow = self.node.node.supervisor.step(is_stopping, now);
        let watermarks = self.node.node.supervisor.watermarks().to_vec();
        let unchecked = self.run.lock().run.unchecked.take();
        if let Some(settled) = unchecked {
            let workers = &self.node.node.supervisor.executor().workers;
            let shards: Vec<&Shard> = workers.iter().flatten().map(ShardWorker::shard).collect();
            let mut state = self.run.lock();
            let checked = durability::check(&state.disk, &settled, &shards);
            if let Err(why) = &checked {
                state.trace(|| format!("FAULT {why}"));
            }
            let known = state.expected.not_durable.take();
            state.expected.not_durable = known.or(checked.err());
        }
        let mut state = self.run.lock();
        if state.run.watermarks.is_empty() && !watermarks.is_empty() {
            // Shards that were resumed from a snapshot have settled something.
            state.expected.settle(&watermarks);
            if watermarks.iter().any(|at| at.0 > i64::MIN) {
                state.survivors.count("resumed from a snapshot");
            }
        }
        state.run.watermarks = watermarks;
        flow.map_err(|error| error.to_string())
    }

    fn step_shards(&mut self) {
        let shards = self.options.shards;
        let passes = self.run.lock().environment.idle_ms.is_some();
        if !passes {
            for shard in 0..shards {
                let pace = self.run.lock().environment.paces[shard];
                if self.chance(pace) {
                    self.node.node.supervisor.executor().step_shard(shard, self.run);
                }
            }
        } else if self.chance(60) {
            // Which observation is late is known where all shards step together.
            self.step_all_shards();
        }
    }

    fn step_all_shards(&mut self) {
        for shard in 0..self.options.shards {
            self.node.node.supervisor.executor().step_shard(shard, self.run);
        }
        let mut state = self.run.lock();
        let watermarks = state.run.watermarks.clone();
        state.expected.settle(&watermarks);
    }

    /// Lets everything that was read be evaluated, logged and handed to on-call.
    fn publish_all(&mut self) -> Result<(), String> {
        self.step_all_shards();
        while self.node.node.supervisor.executor().step_writer(self.run) {}
        self.step_notify()
    }

    fn step_notify(&mut self) -> Result<(), String> {
        self.run.lock().land_due(&self.node.to_on_call);
        self.check_alive()?;
        let now = self.run.lock().now();
        let inbox = &self.node.node.inbox;
        let most = self.run.lock().fate.random.within(1, 8) as usize;
        let inputs = std::iter::from_fn(|| inbox.try_next()).take(most);
        self.node.node.notify.step(inputs, now).map_err(|error| error.to_string())?;
        self.check_alive()
    }

    /// Lets all time pass, publishes and delivers everything, and stops the node.
    fn finish(&mut self) -> Result<PipelineLeftovers, String> {
        let long_after = {
            let mut state = self.run.lock();
            state.is_finishing = true;
            state.now_ms + LONG_AFTER_MS
        };
        let (mut rounds, mut settled_rounds) = (0, 0);
        while settled_rounds < 8 {
            rounds += 1;
            assert!(rounds < ROUNDS_MAX, "time does not pass: {:?}", self.node.node.supervisor);
            self.run.lock().now_ms += if rounds % 8 == 0 { LONG_AFTER_MS / 8 } else { 1 };
            self.edit_rules()?;
            self.step_reader(false)?;
            self.publish_all()?;
            self.run.lock().record_activation();
            let watermarks = self.node.node.supervisor.watermarks();
            let is_settled = watermarks.iter().all(|at| at.0 >= long_after);
            let is_current = !watermarks.is_empty() && !self.node.mailbox.is_waiting();
            settled_rounds += u32::from(is_settled && is_current);
        }
        self.deliver_all()?;
        self.node.node.supervisor.executor().is_last = true;
        self.drain()?;
        let mut left = std::mem::take(&mut self.node.node.supervisor.executor().left);
        self.deliver_all()?;
        left.pending = self.node.node.notify.engine().outgoing().count();
        Ok(left)
    }

    /// Lets time pass until nothing is to be delivered.
    fn deliver_all(&mut self) -> Result<(), String> {
        let mut idle = 0;
        while idle < 3 {
            self.step_notify()?;
            let is_pending = self.node.node.notify.engine().outgoing().next().is_some();
            let mut state = self.run.lock();
            let due = self.node.node.notify.engine().next_due().map(|due| due.0);
            let next = state.next_landing().into_iter().chain(due).min();
            match next {
                Some(next) if is_pending || !state.flights.is_empty() => {
                    state.now_ms = next.max(state.now_ms);
                    idle = 0;
                }
                _ => idle += 1,
            }
        }
        Ok(())
    }
}
