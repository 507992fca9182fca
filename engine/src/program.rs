//! Compiled rules: which fields of an event become observations, and for which rules.

mod counts;
mod rule;
mod window_plan;

use std::fmt;
use std::sync::Arc;

use model::event::{Event, Value};
use model::key::KeyWriter;
use model::observation::{ByteRange, EventOrigin, Observation, ObservationBatch};
use model::schema::Schema;
use rules_dsl::rule::{Alert, EventSelection, KeyPart, Measure, RuleSet, Trigger};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::filter_tree::{FilterTree, FilterTreeBuilder};
use crate::key_group::{group_of, key_hash, shard_of};
use crate::state_fingerprint::StreamFacts;
use window_plan::{glance, has_roster, is_seeded, only_gains, windows};

pub use counts::ObserveCounts;
pub use rule::RulePlan;
pub(crate) use rule::{InputRole, PreviousVersion};

/// A compiled rule set: immutable, shared by readers and shards.
#[derive(Debug)]
pub struct Program {
    streams: Vec<StreamPlan>,
    rules: Vec<RulePlan>,
    signals: usize,
    hash: u64,
}

/// Error of compiling checked rules: a regular expression that is too large.
#[derive(Debug)]
pub struct ProgramError {
    alert: String,
    cause: regex::Error,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alert {}: regular expression cannot be compiled: {}", self.alert, self.cause)
    }
}

impl std::error::Error for ProgramError {}

/// Observations that an event of a stream can become.
#[derive(Debug)]
struct StreamPlan {
    name: String,
    /// The field that identifies events.
    id: Option<usize>,
    filters: FilterTree,
    /// Signals by filter, for the events that satisfy it.
    signals: Vec<Vec<SignalPlan>>,
}

/// A [`Program`] under construction.
struct ProgramBuilder {
    facts: StreamFacts,
    streams: Vec<StreamDraft>,
    /// Signals so far, over all streams.
    signals: usize,
}

/// A [`StreamPlan`] under construction.
#[derive(Default)]
struct StreamDraft {
    filters: FilterTreeBuilder,
    signals: Vec<Vec<SignalPlan>>,
}

/// One kind of observation.
#[derive(Debug, PartialEq)]
struct SignalPlan {
    id: u32,
    key: Vec<(usize, bool)>,
    value: ValuePlan,
    message_fields: Vec<usize>,
}

/// Value that an observation carries.
#[derive(Clone, Debug, PartialEq)]
enum ValuePlan {
    Nothing,
    Number(usize),
    /// Of these fields together.
    Fingerprint(Vec<usize>),
}

impl Program {
    /// Compiles checked rules.
    ///
    /// # Errors
    /// A regular expression that is too large to compile.
    pub fn compile(rules: &RuleSet) -> Result<Program, ProgramError> {
        let streams = rules.streams.iter().map(|_| StreamDraft::default()).collect();
        let mut draft = ProgramBuilder { facts: StreamFacts::new(rules), streams, signals: 0 };
        let plan = |(alert, is_watch): (Alert, bool)| {
            let name = alert.name.clone();
            draft.plan(alert, is_watch).map_err(|cause| ProgramError { alert: name, cause })
        };
        let alerts = rules.alerts.iter().map(|alert| (alert.clone(), false));
        let watches = rules.watches.iter().map(|watch| (watch.as_alert(), true));
        let plans = alerts.chain(watches).map(plan).collect::<Result<Vec<RulePlan>, _>>();
        let mut plans = plans?;
        plans.sort_by(|a, b| a.alert.name.cmp(&b.alert.name));
        let grown = |(StreamDraft { filters, signals }, schema): (_, &Arc<Schema>)| {
            let filters = filters.grow();
            StreamPlan { name: schema.name.clone(), id: schema.id, filters, signals }
        };
        Ok(Program {
            streams: draft.streams.into_iter().zip(&rules.streams).map(grown).collect(),
            rules: plans,
            signals: draft.signals,
            hash: xxh3_64(format!("{rules:?}").as_bytes()),
        })
    }

    /// The rules, watches among them, in the order of their names.
    pub fn rules(&self) -> &[RulePlan] {
        &self.rules
    }

    /// The rule of an alert or a watch.
    pub fn rule(&self, name: &str) -> Option<&RulePlan> {
        let at = self.rules.binary_search_by(|rule| rule.alert.name.as_str().cmp(name));
        at.ok().and_then(|at| self.rules.get(at))
    }

    /// Identity of the state under this program: a hash of the rules and of their previous
    /// versions.
    pub fn lineage(&self) -> u64 {
        let wordings = self.rules.iter().map(|rule| (rule.begins, &rule.earlier));
        xxh3_64(format!("{} {:?}", self.hash, wordings.collect::<Vec<_>>()).as_bytes())
    }

    pub(crate) fn rules_mut(&mut self) -> &mut [RulePlan] {
        &mut self.rules
    }

    pub(crate) fn stream_name(&self, stream: usize) -> Option<&str> {
        self.streams.get(stream).map(|stream| stream.name.as_str())
    }

    /// Number of streams.
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// True when both programs, of equal stateful hashes, derive the same observations from the
    /// same events.
    pub(crate) fn observes_as(&self, other: &Program) -> bool {
        let mut streams = self.streams.iter().zip(&other.streams);
        self.streams.len() == other.streams.len()
            && streams.all(|(a, b)| a.name == b.name && a.id == b.id && a.signals == b.signals)
    }

    /// Number of signals.
    pub(crate) const fn signal_count(&self) -> usize {
        self.signals
    }

    /// Hash of the rules: a commit records it, to detect that the rules have changed since.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// Longest past, in milliseconds, that the next result of any rule depends on.
    pub fn horizon_ms(&self) -> i64 {
        self.rules.iter().map(RulePlan::horizon_ms).max().unwrap_or(0)
    }

    /// Turns an event into observations, each for the shard that owns its key group.
    ///
    /// `batches` holds one batch per shard. Nothing else is allocated.
    pub fn observe(
        &self,
        event: &Event<'_>,
        origin: EventOrigin,
        batches: &mut [ObservationBatch],
        counts: &mut ObserveCounts,
    ) {
        let Some(stream) = self.streams.get(origin.stream as usize) else {
            return;
        };
        let id = stream.id.and_then(|field| fingerprint(event.value(field))).map_or(0, shortened);
        stream.filters.each(event, &mut |filter| {
            for signal in stream.signals.get(filter).into_iter().flatten() {
                signal.observe(event, origin, id, batches, counts);
            }
        });
    }
}

impl ProgramBuilder {
    fn plan(&mut self, alert: Alert, is_watch: bool) -> Result<RulePlan, regex::Error> {
        let mut inputs = Vec::new();
        let mut streams: Vec<usize> = Vec::new();
        for (selection, value, input) in observed(&alert.trigger) {
            inputs.push((self.signal(selection, &alert.by, value)?, input));
            streams.push(selection.stream);
        }
        streams.sort_unstable();
        streams.dedup();
        let is_seeded = is_seeded(&alert) || (is_watch && alert.by.is_empty());
        Ok(RulePlan {
            streams,
            inputs,
            windows: windows(&alert),
            glance: glance(&alert).filter(|_| !is_seeded),
            forgets_silence: matches!(alert.trigger, Trigger::Condition(_)) && !alert.by.is_empty(),
            only_gains: only_gains(&alert.trigger),
            is_seeded,
            has_roster: has_roster(&alert.trigger),
            is_watch,
            stateful: self.facts.stateful_hash(&alert, is_watch),
            earlier: Vec::new(),
            begins: i64::MIN,
            alert,
        })
    }

    /// Returns the id of a selection's signal; rules with equal selections share one.
    fn signal(
        &mut self,
        selection: &EventSelection,
        by: &[KeyPart],
        value: ValuePlan,
    ) -> Result<u32, regex::Error> {
        let fresh = self.signals as u32;
        let Some(stream) = self.streams.get_mut(selection.stream) else {
            return Ok(fresh);
        };
        let filter = stream.filters.add(&selection.predicate)?;
        if filter >= stream.signals.len() {
            stream.signals.resize_with(filter + 1, Vec::new);
        }
        let Some(signals) = stream.signals.get_mut(filter) else {
            return Ok(fresh);
        };
        let optional = by.iter().map(|part| part.optional);
        let mut wanted = SignalPlan {
            id: fresh,
            key: selection.key.iter().copied().zip(optional).collect(),
            value,
            message_fields: selection.message_fields.clone(),
        };
        for known in signals.iter() {
            wanted.id = known.id;
            if *known == wanted {
                return Ok(known.id);
            }
        }
        wanted.id = fresh;
        signals.push(wanted);
        self.signals += 1;
        Ok(fresh)
    }
}

/// Selections that a trigger observes: its own events first, then those of its windows.
fn observed(trigger: &Trigger) -> Vec<(&EventSelection, ValuePlan, InputRole)> {
    let own = |at: usize| InputRole::Step(at as u8);
    let mut all: Vec<(&EventSelection, ValuePlan, InputRole)> = match trigger {
        Trigger::Condition(_) => Vec::new(),
        Trigger::Any { of, .. } | Trigger::Absent { of, .. } => {
            vec![(of, ValuePlan::Nothing, own(0))]
        }
        Trigger::New { of, fields, .. } => {
            vec![(of, ValuePlan::Fingerprint(fields.clone()), own(0))]
        }
        Trigger::Sequence { steps, .. } => {
            let steps = steps.iter().enumerate();
            steps.map(|(at, step)| (step, ValuePlan::Nothing, own(at))).collect()
        }
        Trigger::ThenNot { first, then, .. } => {
            vec![(first, ValuePlan::Nothing, own(0)), (then, ValuePlan::Nothing, own(1))]
        }
    };
    let windows = trigger.condition().into_iter().flat_map(|condition| &condition.windows);
    for (at, window) in windows.enumerate() {
        for (part, of) in window.measure.selections().enumerate() {
            let input = InputRole::Window { window: at as u8, part: part as u8 };
            all.push((of, ValuePlan::of(&window.measure, of), input));
        }
    }
    all
}

impl ValuePlan {
    fn of(measure: &Measure, of: &EventSelection) -> ValuePlan {
        match (measure, of.field) {
            (Measure::Count(_) | Measure::Ratio(..), _) | (_, None) => ValuePlan::Nothing,
            (Measure::Distinct(_), Some(field)) => ValuePlan::Fingerprint(vec![field]),
            (_, Some(field)) => ValuePlan::Number(field),
        }
    }
}

/// Fields of an observation other than the event's time, key and message fields.
#[derive(Clone, Copy)]
struct RowHead {
    origin: EventOrigin,
    id: u64,
    key_hash: u64,
    value: i128,
}

impl SignalPlan {
    fn observe(
        &self,
        event: &Event<'_>,
        origin: EventOrigin,
        id: u64,
        batches: &mut [ObservationBatch],
        counts: &mut ObserveCounts,
    ) {
        let value = match &self.value {
            ValuePlan::Nothing => Some(0),
            ValuePlan::Number(field) => number_units(event.value(*field)),
            ValuePlan::Fingerprint(fields) => fingerprint_of(event, fields),
        };
        let Some(value) = value else {
            counts.skipped_missing_value += 1;
            return;
        };
        // The key decides the shard, and the shard whose arena the key goes to: most keys
        // are short, so they are written once to the first arena and moved if need be.
        let shards = batches.len();
        let Some(first) = batches.first_mut() else {
            return;
        };
        let start = first.bytes.len();
        if !self.write_key(event, &mut first.bytes) {
            first.bytes.truncate(start);
            counts.skip_keyless(self.id);
            return;
        }
        let key_hash = key_hash(first.bytes.get(start..).unwrap_or_default());
        let owner = shard_of(group_of(key_hash), shards);
        let head = RowHead { origin, id, key_hash, value };
        if owner != 0
            && let Some((first, others)) = batches.split_first_mut()
            && let Some(batch) = others.get_mut(owner - 1)
        {
            batch.bytes.extend_from_slice(first.bytes.get(start..).unwrap_or_default());
            let len = first.bytes.len() - start;
            first.bytes.truncate(start);
            let start = batch.bytes.len() - len;
            self.push_row(event, head, start, batch);
        } else if let Some(batch) = batches.first_mut() {
            self.push_row(event, head, start, batch);
        }
        counts.add_consumer(self.id);
    }

    /// Appends the row of a key that stands at the end of the batch's arena.
    fn push_row(
        &self,
        event: &Event<'_>,
        head: RowHead,
        key_start: usize,
        batch: &mut ObservationBatch,
    ) {
        let key = slice(key_start, batch.bytes.len());
        let fields_start = batch.bytes.len();
        let mut writer = KeyWriter(&mut batch.bytes);
        for field in &self.message_fields {
            write_message_field(event.value(*field), &mut writer);
        }
        let fields = slice(fields_start, batch.bytes.len());
        let RowHead { origin, id, key_hash, value } = head;
        let (signal, time) = (self.id, event.time);
        batch.rows.push(Observation { signal, key_hash, time, value, origin, id, key, fields });
    }

    /// Writes the key; false when a required component is missing or cannot be part of a key.
    fn write_key(&self, event: &Event<'_>, bytes: &mut Vec<u8>) -> bool {
        let mut writer = KeyWriter(bytes);
        self.key.iter().all(|(field, optional)| {
            match event.value(*field) {
                Value::Text(text) => writer.text(text),
                Value::Number(number) => match number.to_int() {
                    Some(whole) => writer.int(whole),
                    None => return false,
                },
                Value::Bool(truth) => writer.bool(truth),
                Value::Ip(address) => writer.ip(address),
                Value::Missing if *optional => writer.null(),
                Value::Missing | Value::Time(_) | Value::List { .. } => return false,
            }
            true
        })
    }
}

fn slice(start: usize, end: usize) -> ByteRange {
    // A batch is cut long before 4 GiB: see the limits of the pipeline that fills it.
    ByteRange { start: start as u32, len: (end - start) as u32 }
}

fn number_units(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Number(number) => Some(number.units()),
        _ => None,
    }
}

/// Hashes the values of some fields into 128 bits; `None` where one is missing.
fn fingerprint_of(event: &Event<'_>, fields: &[usize]) -> Option<i128> {
    let mut of = fields.iter().map(|field| fingerprint(event.value(*field)));
    let first = of.next()??;
    of.try_fold(first, |together, next| {
        let mut both = [0_u8; 32];
        let (left, right) = both.split_at_mut(16);
        left.copy_from_slice(&together.to_le_bytes());
        right.copy_from_slice(&next?.to_le_bytes());
        Some(xxh3_128(&both) as i128)
    })
}

/// Shortens a fingerprint to 64 bits; never 0, which stands for no fingerprint.
const fn shortened(fingerprint: i128) -> u64 {
    let short = (fingerprint as u64) ^ ((fingerprint >> 64) as u64);
    if short == 0 { 1 } else { short }
}

/// Hashes a value, its type and content, into 128 bits.
fn fingerprint(value: Value<'_>) -> Option<i128> {
    let mut small = [0_u8; 17];
    let (tag, payload) = small.split_at_mut(1);
    let (kind, number) = match value {
        Value::Missing | Value::List { .. } => return None,
        Value::Text(text) => return Some(xxh3_128(text.as_bytes()) as i128),
        Value::Number(number) => (1, number.units() as u128),
        Value::Bool(truth) => (2, u128::from(truth)),
        Value::Time(time) => (3, time.0 as u128),
        Value::Ip(address) => (
            4,
            match address.to_canonical() {
                std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
                std::net::IpAddr::V6(v6) => v6.to_bits(),
            },
        ),
    };
    tag.fill(kind);
    payload.copy_from_slice(&number.to_le_bytes());
    Some(xxh3_128(&small) as i128)
}

/// Writes a field as messages show it: fractions and instants as text.
fn write_message_field(value: Value<'_>, writer: &mut KeyWriter<'_>) {
    match value {
        Value::Missing | Value::List { .. } => writer.null(),
        Value::Text(text) => writer.text(text),
        Value::Number(number) => match number.to_int() {
            Some(whole) => writer.int(whole),
            None => writer.text(&number.to_string()),
        },
        Value::Bool(truth) => writer.bool(truth),
        Value::Time(time) => writer.text(&time.to_string()),
        Value::Ip(address) => writer.ip(address),
    }
}

#[cfg(test)]
mod tests;
