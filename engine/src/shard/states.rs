//! All states of a shard, and the keys they belong to.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::hash_map::Entry;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use model::time::Timestamp;
use model::transition::Early;
use rules_dsl::rule::Alert;

use super::domain::Listener;
use super::state::{Place, State, is_judged_empty, named_fields, named_key};
use super::{OpenEpisode, Out, Restored, ShardCounts, ShardSettings};
use crate::episode::{Episode, Step};
use crate::identity::episode_id;
use crate::key_group::{KEY_GROUPS, group_of, key_hash, shard_of};
use crate::keys::{KeyId, Keys};
use crate::probe::Probe;
use crate::program::Program;
use crate::reorder::Waiting;
use crate::slab::Slab;
use crate::timer::Timers;

/// Number of a state, which says nothing about the order of states.
pub type StateId = u32;

/// Keys that are watched for early notices; beyond it a notice comes when settled.
const PROBES_MAX: usize = 1_000_000;

/// The states of all rules.
#[derive(Debug)]
pub struct States {
    pub(super) keys: Keys,
    program: Arc<Program>,
    settings: ShardSettings,
    table: Table,
    probes: HashMap<Place, Probe>,
    /// States by (rule, key group), to hold the limit.
    held: HashMap<(u32, u32), u32>,
    refused_keys: u64,
}

/// States by number, and their numbers by place.
#[derive(Debug, Default)]
struct Table {
    states: Slab<State>,
    by_place: HashTable<StateId>,
    seeded: DefaultHashBuilder,
}

impl States {
    pub(crate) fn new(
        program: Arc<Program>,
        settings: ShardSettings,
        restored: &Restored,
    ) -> States {
        let mut states = States {
            keys: Keys::default(),
            program,
            settings,
            table: Table::default(),
            probes: HashMap::new(),
            held: HashMap::new(),
            refused_keys: 0,
        };
        for open in &restored.open {
            states.reopen(open);
        }
        states
    }

    /// Takes up an episode an earlier run left open, if it is one of ours.
    fn reopen(&mut self, open: &OpenEpisode) {
        let group = group_of(key_hash(&open.key));
        let rules = self.program.rules();
        let Ok(rule) = rules.binary_search_by(|rule| rule.alert.name.as_str().cmp(&open.alert))
        else {
            return;
        };
        if shard_of(group, self.settings.shards) != self.settings.index {
            return;
        }
        let key = self.keys.acquire(&open.key, group);
        let id = self.find_or_make((rule as u32, key), true);
        if let Some(state) = id.and_then(|id| self.table.states.get_mut(id)) {
            state.episode = Episode::reopened(open.since.0, open.peak);
        }
        self.keys.release(key);
    }

    /// Finds or makes a state; `None` when a new one is refused at the limit.
    fn find_or_make(&mut self, place: Place, beyond_limit: bool) -> Option<StateId> {
        let known = self.table.find(place);
        if known.is_some() {
            return known;
        }
        let (rule, key) = place;
        let held = self.held.entry((rule, self.keys.group(key))).or_insert(0);
        let share = (self.settings.keys_per_rule_max / KEY_GROUPS).max(1);
        if *held >= share && !beyond_limit {
            self.refused_keys += 1;
            return None;
        }
        *held += 1;
        let alert = alert_of(&self.program, place)?;
        self.keys.retain(key);
        Some(self.table.insert(State::new(place, alert)))
    }

    /// Adds an observation to the state of a rule and its key; the state when it is now to
    /// be judged.
    pub(crate) fn apply(
        &mut self,
        listener: Listener,
        now: i64,
        waiting: &Waiting,
    ) -> Option<StateId> {
        let place = (listener.rule, waiting.key);
        let Some(id) = self.find_or_make(place, false) else {
            // Nothing else would let go of what was seen of a refused key.
            self.drop_probe(place);
            return None;
        };
        let state = self.table.states.get_mut(id)?;
        state.apply(listener.input, now, waiting);
        state.touch(now).then_some(id)
    }

    /// Takes a timer's entry; true when its state is now to be judged.
    pub(crate) fn answer(
        &mut self,
        (entry, id): (i64, StateId),
        now: i64,
        timers: &mut Timers<StateId>,
    ) -> bool {
        let state = self.table.states.get_mut(id);
        state.is_some_and(|state| {
            timers.answer(&mut state.alarm, (entry, id), now) && state.touch(now)
        })
    }

    /// Starts a rule that is judged without any event, one window after its stream's first.
    pub(crate) fn seed(&mut self, rule: u32, first: i64, timers: &mut Timers<StateId>) {
        let Some(plan) = self.program.rules().get(rule as usize) else {
            return;
        };
        let group = group_of(key_hash(&[]));
        let is_mine = shard_of(group, self.settings.shards) == self.settings.index;
        if !is_mine || !is_judged_empty(&plan.alert) {
            return;
        }
        let silent_until = first.saturating_add(plan.alert.trigger.window_ms);
        let key = self.keys.acquire(&[], group);
        let id = self.find_or_make((rule, key), true);
        if let Some(id) = id
            && let Some(state) = self.table.states.get_mut(id)
        {
            state.silent_until = silent_until;
            timers.hasten(&mut state.alarm, silent_until, id);
        }
        self.keys.release(key);
    }

    /// Judges a state at `now`, tells what changed and sets its alarm.
    ///
    /// Up to `published` an instant is rehearsed: an earlier run has told what changed.
    pub(crate) fn judge(
        &mut self,
        id: StateId,
        (now, published): (i64, i64),
        timers: &mut Timers<StateId>,
        out: &mut Out,
    ) {
        let Some(state) = self.table.states.get_mut(id) else {
            return;
        };
        let Some(alert) = alert_of(&self.program, state.place) else {
            return;
        };
        let step = state.judge(now, published, alert);
        if step != Step::Quiet {
            let told = state.tell(step, now, alert, self.keys.bytes(state.place.1));
            out.transitions.extend(told);
        }
        if state.is_over(alert) {
            let window_ms = alert.trigger.window_ms;
            self.drop_state(id, now, window_ms);
        } else {
            let due = state.next_due(now, alert);
            timers.set(&mut state.alarm, due, id);
        }
    }

    fn drop_state(&mut self, id: StateId, now: i64, window_ms: i64) {
        let Some(State { place, .. }) = self.table.remove(id) else {
            return;
        };
        if let Some(held) = self.held.get_mut(&(place.0, self.keys.group(place.1))) {
            *held = held.saturating_sub(1);
        }
        if self.probes.get(&place).is_some_and(|probe| probe.is_idle(now, window_ms)) {
            self.drop_probe(place);
        }
        self.keys.release(place.1);
    }

    fn drop_probe(&mut self, place: Place) {
        if self.probes.remove(&place).is_some() {
            self.keys.release(place.1);
        }
    }

    /// Looks whether an observation, unsettled as it is, makes its trigger true.
    pub(crate) fn announce(
        &mut self,
        place: Place,
        (time, value): (i64, i128),
        settled: i64,
        fields: &[u8],
        out: &mut Out,
    ) {
        let Some(alert) = alert_of(&self.program, place) else {
            return;
        };
        let is_full = self.probes.len() >= PROBES_MAX;
        let probe = match self.probes.entry(place) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => return,
            Entry::Vacant(free) => {
                self.keys.retain(place.1);
                free.insert(Probe::default())
            }
        };
        let table = &self.table;
        let found = probe.observe(&alert.trigger, (time, value), settled, || {
            let state = table.find(place).and_then(|id| table.states.get(id));
            state.is_some_and(|state| state.episode.is_firing())
        });
        let Some(found) = found else { return };
        let key = self.keys.bytes(place.1);
        out.early.push(Early {
            alert: alert.name.clone(),
            severity: alert.severity,
            key: named_key(alert, key),
            at: Timestamp(found.at),
            value: found.measured.decimal(),
            threshold: Some(alert.trigger.level),
            episode: episode_id(&alert.name, key, Timestamp(found.at)),
            count: found.events,
            fields: named_fields(alert, fields),
        });
    }

    /// Judges again, as soon as it may speak, every state of some rules that holds something.
    pub(crate) fn wake(&mut self, rules: &[usize], due: i64, timers: &mut Timers<StateId>) {
        let is_ours = |state: &State| rules.binary_search(&(state.place.0 as usize)).is_ok();
        for (id, state) in self.table.states.iter_mut().filter(|(_, state)| is_ours(state)) {
            if !state.episode.is_inactive() {
                timers.hasten(&mut state.alarm, due, id);
            }
        }
    }

    pub(crate) fn open_episodes(&self) -> Vec<OpenEpisode> {
        let open = self.table.states.values().filter_map(|state| {
            Some(OpenEpisode {
                alert: alert_of(&self.program, state.place)?.name.clone(),
                key: self.keys.bytes(state.place.1).to_vec(),
                since: Timestamp(state.episode.open_since()?),
                peak: state.episode.peak(),
            })
        });
        open.collect()
    }

    pub(crate) fn counts(&self) -> ShardCounts {
        ShardCounts {
            refused_keys: self.refused_keys,
            keys: self.keys.len() as u64,
            states: self.table.states.len() as u64,
            ..ShardCounts::default()
        }
    }
}

impl Table {
    fn find(&self, place: Place) -> Option<StateId> {
        let is_it = |id: &StateId| self.states.get(*id).is_some_and(|state| state.place == place);
        self.by_place.find(self.hash(place), is_it).copied()
    }

    /// Adds the state of a place that has none.
    fn insert(&mut self, state: State) -> StateId {
        let place = state.place;
        let id = self.states.insert(state);
        let hash = self.hash(place);
        let Table { states, by_place, seeded } = self;
        let rehash = |id: &StateId| states.get(*id).map_or(0, |state| hash_of(seeded, state.place));
        by_place.insert_unique(hash, id, rehash);
        id
    }

    fn remove(&mut self, id: StateId) -> Option<State> {
        let state = self.states.remove(id)?;
        let hash = self.hash(state.place);
        if let Ok(found) = self.by_place.find_entry(hash, |known| *known == id) {
            found.remove();
        }
        Some(state)
    }

    fn hash(&self, place: Place) -> u64 {
        hash_of(&self.seeded, place)
    }
}

fn alert_of(program: &Program, (rule, _): Place) -> Option<&Alert> {
    program.rules().get(rule as usize).map(|rule| &rule.alert)
}

fn hash_of(seeded: &DefaultHashBuilder, (rule, key): Place) -> u64 {
    seeded.hash_one(u64::from(rule) << KeyId::BITS | u64::from(key))
}
