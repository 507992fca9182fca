//! Store of all key states of a shard, and the keys they belong to.

mod dirty_state;
mod snapshot;
mod state_deltas;

use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use model::alert_facts::{AlertFacts, Measurement};
use model::time::Timestamp;
use model::transition::EarlyAlert;
use rules_dsl::rule::Alert;

use super::boundary::{
    CalendarEnd, RestoredEpisode, ShardCounts, ShardRestore, ShardSettings, StepOutput,
    WatchSample, keys_share,
};
use super::key_state::{KeyState, SettledInstant, StateKey, named_fields, named_key};
use super::seeds::seeded_keys;
use super::statistics::RuleCounts;
use super::stream_group::{GroupTimers, RecoveryBounds, SignalConsumer};
use super::table::{StateId, StateTable};
use crate::aggregate::sooner;
use crate::calendar_gate::{CalendarOpening, CalendarState};
use crate::condition::FirstEvents;
use crate::early_detector::{EarlyDetector, announces_early};
use crate::episode::{EpisodeEvent, severity_of};
use crate::identity::episode_id;
use crate::key_group::{group_of, key_hash, shard_of};
use crate::key_thresholds::KeyThresholds;
use crate::keys::KeyTable;
use crate::measure_value::MeasureValue;
use crate::program::{Program, RulePlan};
use crate::reorder::BufferedObservation;
use crate::ring::is_mostly_free;
use crate::timer::TimerQueue;
use dirty_state::DirtyState;

/// The states of all rules.
#[derive(Debug)]
pub struct KeyStateStore {
    pub(super) keys: KeyTable,
    program: Arc<Program>,
    settings: ShardSettings,
    table: StateTable,
    /// By rule: state shared by all its keys.
    rules: Vec<RuleState>,
    /// By rule: state changed since its last delta.
    learnt: Vec<DirtyState>,
    /// By rule and canonical bytes of a key: the newest end by a calendar that a previous run
    /// published.
    calendar_ends: Vec<HashMap<Vec<u8>, i64>>,
    probes: HashMap<StateKey, EarlyDetector>,
    /// By (rule, key group): counts that enforce the limit.
    held: HashMap<(u32, u32), KeyGroupStates>,
    refused_keys: u64,
    refused_values: u64,
}

/// State that all keys of a rule share.
#[derive(Clone, Copy, Debug, Default)]
struct RuleState {
    hours: CalendarState,
    /// Instant of the first event, once every stream has had one.
    first: FirstEvents,
    counts: RuleCounts,
}

/// Keys that a rule holds in one key group.
#[derive(Clone, Copy, Debug, Default)]
struct KeyGroupStates {
    states: u32,
    probes: u32,
}

impl KeyGroupStates {
    /// True when a key without a state may emit early alerts.
    ///
    /// Limits are applied in the order of events, later than arrival, and a key that was announced
    /// must not be refused then. So early alerts use only the first half of the limit; beyond it,
    /// new keys are announced when they settle.
    const fn foresees_room(self, most: u32) -> bool {
        let half = keys_share(most) / 2;
        self.states < half && self.probes < half
    }
}

impl RuleState {
    /// Calendar opening of a rule at `now`: open where the rule applies and its calendar is open.
    fn open_at(&mut self, now: i64, plan: &RulePlan) -> CalendarOpening {
        if now < plan.begins {
            return CalendarOpening { is_open: false, until: Some(plan.begins) };
        }
        let during = plan.wording(now).0.during.as_ref();
        if plan.earlier.is_empty() {
            return self.hours.at(now, during);
        }
        // The cached opening may belong to another version's calendar.
        CalendarState::default().at(now, during)
    }
}

impl KeyStateStore {
    pub(crate) fn new(
        program: Arc<Program>,
        settings: ShardSettings,
        restored: &ShardRestore,
    ) -> KeyStateStore {
        let mut states = KeyStateStore {
            keys: KeyTable::default(),
            learnt: DirtyState::nothing(&program, settings.remembering),
            program,
            settings,
            table: StateTable::default(),
            rules: Vec::new(),
            calendar_ends: Vec::new(),
            probes: HashMap::new(),
            held: HashMap::new(),
            refused_keys: 0,
            refused_values: 0,
        };
        states.rules.resize(states.program.rules().len(), RuleState::default());
        states.calendar_ends.resize(states.program.rules().len(), HashMap::new());
        for open in &restored.open {
            states.reopen(open);
        }
        for end in &restored.calendar_ends {
            states.restore_calendar_end(end);
        }
        for memory in &restored.memories {
            states.recall(memory);
        }
        states
    }

    /// Index of an alert's rule and key group of a key, if this shard owns them.
    fn owned(&self, alert: &str, key: &[u8]) -> Option<(usize, u32)> {
        let group = group_of(key_hash(key));
        let rules = self.program.rules();
        let rule = rules.binary_search_by(|rule| rule.alert.name.as_str().cmp(alert)).ok()?;
        (shard_of(group, self.settings.shards) == self.settings.index).then_some((rule, group))
    }

    /// Restores the end of an episode by a calendar, if this shard owns it.
    fn restore_calendar_end(&mut self, end: &CalendarEnd) {
        if let Some((rule, _)) = self.owned(&end.alert, &end.key)
            && let Some(ends) = self.calendar_ends.get_mut(rule)
        {
            ends.insert(end.key.clone(), end.at.0);
        }
    }

    /// Restores an episode that a previous run left open, if this shard owns it.
    fn reopen(&mut self, open: &RestoredEpisode) {
        let Some((rule, group)) = self.owned(&open.alert, &open.key) else {
            return;
        };
        let key = self.keys.acquire(&open.key, group);
        let id = self.find_or_make((rule as u32, key), true);
        if let Some(state) = id.and_then(|id| self.table.states.get_mut(id))
            && let Some(plan) = self.program.rules().get(rule)
        {
            state.reopen(open, &plan.alert);
        }
        self.keys.release(key);
    }

    /// Finds or creates a state; `None` when the limit refuses a new one.
    fn find_or_make(&mut self, place: StateKey, beyond_limit: bool) -> Option<StateId> {
        let known = self.table.find(place);
        if known.is_some() {
            return known;
        }
        let (rule, key) = place;
        let plan = self.program.rules().get(rule as usize)?;
        let held = self.held.entry((rule, self.keys.group(key))).or_default();
        if held.states >= keys_share(self.settings.keys_most(&plan.alert)) && !beyond_limit {
            return None;
        }
        held.states += 1;
        self.keys.retain(key);
        if let Some(of_rule) = self.rules.get_mut(rule as usize) {
            of_rule.counts.keys += 1;
        }
        Some(self.table.insert(KeyState::new(place, plan, self.keys.bytes(key))))
    }

    /// Adds an observation to the state of a rule and its key. Returns the state when it has to be
    /// queued for evaluation.
    pub(crate) fn apply(
        &mut self,
        listener: SignalConsumer,
        now: i64,
        past: RecoveryBounds,
        waiting: &BufferedObservation,
    ) -> Option<StateId> {
        let rule = listener.rule as usize;
        if now <= self.recalled(rule) {
            return None;
        }
        let place = (listener.rule, waiting.key);
        self.rules.get_mut(rule)?.counts.take_in();
        let has_roster = self.program.rules().get(rule)?.has_roster;
        let known = match self.table.find(place) {
            None if !has_roster => self.find_or_make(place, false),
            known => known,
        };
        let refused = u64::from(now > past.emitted);
        let Some(id) = known else {
            // Nothing else would release the early detector of a refused key.
            self.drop_probe(place);
            if !has_roster {
                self.refused_keys += refused;
                self.rules.get_mut(rule)?.counts.refused_keys += refused;
            }
            return None;
        };
        let state = self.table.states.get_mut(id)?;
        let plan = self.program.rules().get(rule)?;
        if !state.apply(listener.input, now, waiting, plan) {
            self.refused_values += refused;
            self.rules.get_mut(rule)?.counts.refused_values += refused;
        }
        let is_first = state.touch(now);
        self.learn(rule, id);
        is_first.then_some(id)
    }

    /// Counts a late observation for each of its consumers.
    pub(crate) fn count_late<'a>(&mut self, listeners: impl Iterator<Item = &'a SignalConsumer>) {
        for listener in listeners {
            if let Some(of_rule) = self.rules.get_mut(listener.rule as usize) {
                of_rule.counts.late += 1;
            }
        }
    }

    /// Pops the due timers of some rules at `now`, those of openings only if `opens`, and queues
    /// their states for evaluation.
    pub(crate) fn take_due(
        &mut self,
        rules: &[usize],
        now: i64,
        opens: bool,
        agenda: &mut GroupTimers,
        touched: &mut Vec<StateId>,
    ) {
        // An entry left by a dropped state may refer to a state of another rule by now.
        let is_ours = |state: &KeyState| rules.binary_search(&(state.place.0 as usize)).is_ok();
        while let Some((entry, id)) = agenda.timers.pop(now) {
            let state = self.table.states.get_mut(id).filter(|state| is_ours(state));
            touched.extend(state.and_then(|state| {
                let is_up = agenda.timers.take_due(&mut state.alarm, entry, id, now);
                (is_up && state.touch(now)).then_some(id)
            }));
        }
        while let Some((entry, id)) = opens.then(|| agenda.openings.pop(now)).flatten() {
            let state = self.table.states.get_mut(id).filter(|state| is_ours(state));
            touched.extend(state.and_then(|state| {
                let is_up = agenda.openings.take_due(&mut state.opening, entry, id, now);
                (is_up && state.touch(now)).then_some(id)
            }));
        }
    }

    /// Sets the instant of the streams' first event for a rule, and creates the states that need no
    /// event: of a rule without keys, or of a roster.
    pub(crate) fn seed(&mut self, rule: u32, first: i64, timers: &mut TimerQueue<StateId>) {
        if let Some(state) = self.rules.get_mut(rule as usize) {
            state.first = Some(first);
        }
        let program = Arc::clone(&self.program);
        let Some(plan) = program.rules().get(rule as usize).filter(|plan| plan.is_seeded) else {
            return;
        };
        let due = first.max(self.recalled(rule as usize).saturating_add(1));
        for bytes in seeded_keys(&plan.alert) {
            let group = group_of(key_hash(&bytes));
            if shard_of(group, self.settings.shards) != self.settings.index {
                continue;
            }
            let key = self.keys.acquire(&bytes, group);
            let is_new = self.table.find((rule, key)).is_none();
            if let Some(id) = self.find_or_make((rule, key), true)
                && let Some(state) = self.table.states.get_mut(id)
            {
                // A restored state knows the exact instant.
                if is_new {
                    state.expect(first, &plan.alert);
                }
                timers.hasten(&mut state.alarm, due, id);
            }
            self.keys.release(key);
        }
    }

    /// Evaluates a state at `now`, emits its transitions and sets its timers.
    ///
    /// Transitions that a previous run has emitted are not emitted again.
    pub(crate) fn evaluate(
        &mut self,
        id: StateId,
        now: i64,
        past: RecoveryBounds,
        agenda: &mut GroupTimers,
        out: &mut StepOutput,
    ) {
        let Some(state) = self.table.states.get_mut(id) else {
            return;
        };
        let rule = state.place.0 as usize;
        let (Some(plan), Some(of_rule)) =
            (self.program.rules().get(rule), self.rules.get_mut(rule))
        else {
            return;
        };
        let windows = plan.windows.len();
        if now > past.rehearsed && state.stays(now, plan) {
            of_rule.counts.evaluate(state.truth, windows);
            let due = state.next_due(now, plan);
            agenda.timers.set(&mut state.alarm, due, id);
            return;
        }
        let open = of_rule.open_at(now, plan);
        let key = self.keys.bytes(state.place.1);
        let was_open = now <= past.rehearsed
            && self.calendar_ends.get(rule).is_some_and(|ends| {
                !ends.is_empty() && ends.get(key).is_some_and(|end| now < *end)
            });
        let first = of_rule.first;
        let at = SettledInstant { now, published: past.rehearsed, open, first, was_open };
        let (steps, value) = state.evaluate(&at, plan, key);
        of_rule.counts.evaluate(state.truth, windows);
        for step in steps {
            let transition = state.emit(step, value.as_ref(), now, plan, key);
            if now <= past.emitted {
                continue;
            }
            if matches!(step, EpisodeEvent::Fired { .. }) {
                of_rule.counts.fire(now);
            }
            out.transitions.push(transition);
        }
        if state.is_over(now, plan) {
            let window_ms = plan.alert.trigger.window_ms();
            self.drop_state(id, now, window_ms);
        } else {
            let (due, opening) = state.next_dues(&at, plan);
            agenda.timers.set(&mut state.alarm, due, id);
            agenda.openings.set(&mut state.opening, opening, id);
        }
    }

    fn drop_state(&mut self, id: StateId, now: i64, window_ms: i64) {
        let Some(KeyState { place, .. }) = self.table.remove(id) else {
            return;
        };
        self.hold_less(place, |held| held.states = held.states.saturating_sub(1));
        if let Some(of_rule) = self.rules.get_mut(place.0 as usize) {
            of_rule.counts.keys = of_rule.counts.keys.saturating_sub(1);
        }
        if self.probes.get(&place).is_some_and(|probe| probe.is_idle(now, window_ms)) {
            self.drop_probe(place);
        }
        self.keys.release(place.1);
    }

    /// Decreases the counts of a rule in a key group, and drops counts at zero.
    fn hold_less(&mut self, place: StateKey, less: impl FnOnce(&mut KeyGroupStates)) {
        if let Entry::Occupied(mut held) = self.held.entry((place.0, self.keys.group(place.1))) {
            less(held.get_mut());
            if held.get().states == 0 && held.get().probes == 0 {
                held.remove();
            }
        }
        if is_mostly_free(self.held.len(), self.held.capacity()) {
            self.held.shrink_to(self.held.len() * 2);
        }
    }

    fn drop_probe(&mut self, place: StateKey) {
        if self.probes.remove(&place).is_some() {
            self.hold_less(place, |held| held.probes = held.probes.saturating_sub(1));
            self.keys.release(place.1);
            if is_mostly_free(self.probes.len(), self.probes.capacity()) {
                self.probes.shrink_to(self.probes.len() * 2);
            }
        }
    }

    /// Emits an early alert if an observation that is not settled yet makes its trigger true.
    pub(crate) fn announce(
        &mut self,
        place: StateKey,
        time: i64,
        value: i128,
        settled: i64,
        fields: &[u8],
        out: &mut StepOutput,
    ) {
        let Some(alert) = alert_of(&self.program, place.0) else {
            return;
        };
        let key = self.keys.bytes(place.1);
        let (table, mut is_new) = (&self.table, false);
        let probe = match self.probes.entry(place) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let held = self.held.entry((place.0, self.keys.group(place.1))).or_default();
                let most = self.settings.keys_most(alert);
                if !held.foresees_room(most) && table.find(place).is_none() {
                    return;
                }
                held.probes += 1;
                is_new = true;
                free.insert(EarlyDetector::new(KeyThresholds::new(alert, key)))
            }
        };
        let found = probe.observe(&alert.trigger, time, value, settled, || {
            let state = table.find(place).and_then(|id| table.states.get(id));
            state.and_then(|state| state.episode.highest())
        });
        if let Some(found) = found {
            let (at, measured) = (Timestamp(found.at), found.measured.as_ref());
            let (name, severity) = (alert.name.clone(), severity_of(alert, found.rung));
            let threshold = measured.map(|_| probe.levels().of_rung(found.rung));
            let value = measured.and_then(MeasureValue::decimal);
            let named = named_key(alert, key);
            out.early.push(EarlyAlert {
                facts: AlertFacts { alert: name, severity, key: named, at, since: at },
                measured: Measurement { value, threshold },
                episode: episode_id(&alert.name, key, at),
                count: found.events,
                fields: named_fields(alert, fields),
            });
        }
        if is_new {
            self.keys.retain(place.1);
        }
    }

    /// Replaces the program: early detectors use the new levels, and cached calendar openings are
    /// dropped.
    pub(crate) fn adopt(&mut self, program: Arc<Program>) {
        self.program = program;
        self.rules.iter_mut().for_each(|rule| rule.hours = CalendarState::default());
        let mut silent = Vec::new();
        for (place, probe) in &mut self.probes {
            match alert_of(&self.program, place.0) {
                Some(alert) if self.settings.early && announces_early(alert) => {
                    probe.advance(KeyThresholds::new(alert, self.keys.bytes(place.1)));
                }
                _ => silent.push(*place),
            }
        }
        silent.into_iter().for_each(|place| self.drop_probe(place));
    }

    /// True when this shard emits early alerts of an alert.
    pub(crate) fn announces(&self, alert: &Alert) -> bool {
        self.settings.early && announces_early(alert)
    }

    /// Schedules an evaluation of every state of some rules for the instant at which another
    /// version starts to apply; instants up to `settled` are evaluated.
    pub(crate) fn advance(
        &mut self,
        rules: &[usize],
        settled: i64,
        timers: &mut TimerQueue<StateId>,
    ) {
        for (id, state) in self.table.states.iter_mut() {
            let rule = state.place.0 as usize;
            let plan =
                self.program.rules().get(rule).filter(|_| rules.binary_search(&rule).is_ok());
            let Some(plan) = plan else { continue };
            state.advance(settled, plan);
            if let Some(turn) = plan.next_turn(settled) {
                timers.hasten(&mut state.alarm, turn, id);
            }
        }
    }

    /// Schedules evaluations of restored states that need no event: right after the restored
    /// instant of their rule, and when another version of the rule starts to apply.
    pub(crate) fn await_turns(&mut self, rules: &[usize], timers: &mut TimerQueue<StateId>) {
        for (id, state) in self.table.states.iter_mut() {
            let rule = state.place.0 as usize;
            let plan =
                self.program.rules().get(rule).filter(|_| rules.binary_search(&rule).is_ok());
            let recalled = self.learnt.get(rule).map_or(i64::MIN, |learnt| learnt.recalled);
            let begins = recalled.saturating_add(1);
            let turn = plan.and_then(|plan| plan.next_turn(i64::MIN)).map(|at| at.max(begins));
            let begins = plan.and((recalled > i64::MIN).then_some(begins));
            if let Some(due) = sooner(turn, begins) {
                timers.hasten(&mut state.alarm, due, id);
            }
        }
    }

    /// Schedules an evaluation at `due`, the first instant that publishes, of every state of some
    /// rules with a pending or open episode.
    pub(crate) fn wake(&mut self, rules: &[usize], due: i64, timers: &mut TimerQueue<StateId>) {
        let is_ours = |state: &KeyState| rules.binary_search(&(state.place.0 as usize)).is_ok();
        for (id, state) in self.table.states.iter_mut().filter(|(_, state)| is_ours(state)) {
            if !state.episode.is_inactive() {
                timers.hasten(&mut state.alarm, due, id);
            }
        }
    }

    /// Open episodes of rules with a known `as_of`: the instant up to which they are evaluated.
    pub(crate) fn open_episodes(
        &self,
        as_of: impl Fn(usize) -> Option<Timestamp>,
    ) -> Vec<RestoredEpisode> {
        let by_rule: Vec<Option<Timestamp>> = (0..self.rules.len()).map(as_of).collect();
        let open = self.table.states.values().filter_map(|state| {
            let as_of = by_rule.get(state.place.0 as usize).copied().flatten()?;
            let alert = alert_of(&self.program, state.place.0)?;
            Some(RestoredEpisode {
                alert: alert.name.clone(),
                key: self.keys.bytes(state.place.1).to_vec(),
                since: Timestamp(state.episode.open_since()?),
                peak: state.episode.peak(),
                as_of,
                severity: state.episode.severity()?,
                fields: state.fired_fields(alert),
            })
        });
        open.collect()
    }

    /// Adds the values at `now` of the watches among some rules.
    pub(crate) fn watched(&mut self, rules: &[usize], now: i64, out: &mut Vec<WatchSample>) {
        let of_ours = |rule: usize| {
            let plan = self.program.rules().get(rule).filter(|plan| plan.is_watch)?;
            rules.binary_search(&rule).is_ok().then_some(plan)
        };
        for (_, state) in self.table.states.iter_mut() {
            let rule = state.place.0 as usize;
            let Some(plan) = of_ours(rule) else { continue };
            let first = self.rules.get(rule).and_then(|rule| rule.first);
            if let Some(value) = state.value(now, plan, first) {
                let key = named_key(&plan.alert, self.keys.bytes(state.place.1));
                let (watch, at) = (plan.alert.name.clone(), Timestamp(now));
                out.push(WatchSample { watch, key, value, at });
            }
        }
    }

    pub(crate) fn rule_counts(&self) -> Vec<RuleCounts> {
        self.rules.iter().map(|rule| rule.counts).collect()
    }

    pub(crate) fn counts(&self) -> ShardCounts {
        ShardCounts {
            refused_keys: self.refused_keys,
            refused_values: self.refused_values,
            keys: self.keys.len() as u64,
            states: self.table.states.len() as u64,
            ..ShardCounts::default()
        }
    }
}

impl ShardSettings {
    /// Number of keys that an alert may hold state for.
    fn keys_most(&self, alert: &Alert) -> u32 {
        alert.keys_max.unwrap_or(self.keys_per_rule_max)
    }
}

fn alert_of(program: &Program, rule: u32) -> Option<&Alert> {
    program.rules().get(rule as usize).map(|rule| &rule.alert)
}
