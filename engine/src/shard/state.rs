//! The states of a shard: one window and one episode for each (alert, key).

use std::sync::Arc;

use hashbrown::HashMap;
use model::key::{KeyValue, decode_key};
use model::time::Timestamp;
use model::transition::{Early, KeyPart, Transition, TransitionKind};
use rules_dsl::rule::{Alert, Comparison, Measure};

use super::{OpenEpisode, Out, Restored, ShardCounts, ShardSettings};
use crate::episode::{Episode, Step};
use crate::identity::episode_id;
use crate::key_group::{KEY_GROUPS, group_of, key_hash, shard_of};
use crate::probe::{Probe, announces_early};
use crate::program::Program;
use crate::reorder::{KeyId, Keys, Waiting};
use crate::timer::Timers;
use crate::window::Window;

/// Index of a rule in the program, and a key.
pub type StateId = (u32, KeyId);

/// Keys that are watched for early notices; beyond it a notice comes when settled.
const PROBES_MAX: usize = 1_000_000;

#[derive(Debug)]
struct State {
    window: Window,
    episode: Episode,
    armed: Option<i64>,
    /// The instant at which it was last put on the list to be judged.
    touched: i64,
    /// Unknown before this instant: the low side of a rule without keys.
    silent_until: i64,
    /// Fields of the newest observation, and of the one that fired.
    newest_fields: (i64, Box<[u8]>),
    fired_fields: Box<[u8]>,
}

/// All states of a shard and the keys they belong to.
#[derive(Debug)]
pub struct States {
    pub(super) keys: Keys,
    program: Arc<Program>,
    settings: ShardSettings,
    states: HashMap<StateId, State>,
    probes: HashMap<StateId, Probe>,
    /// States by (rule, key group), to hold the limit.
    held: HashMap<(u32, u32), u32>,
    refused_keys: u64,
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
            states: HashMap::new(),
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
        let id = (rule as u32, self.keys.acquire(&open.key, group));
        if let Some(state) = self.state(id, true) {
            state.episode = Episode::reopened(open.since.0, open.peak);
        }
        self.keys.release(id.1);
    }

    /// Finds or makes a state; `None` when a new one is refused at the limit.
    fn state(&mut self, id: StateId, beyond_limit: bool) -> Option<&mut State> {
        if !self.states.contains_key(&id) {
            let slot = (id.0, self.keys.group(id.1));
            let held = self.held.entry(slot).or_insert(0);
            let share = (self.settings.keys_per_rule_max / KEY_GROUPS).max(1);
            if *held >= share && !beyond_limit {
                self.refused_keys += 1;
                return None;
            }
            *held += 1;
            self.keys.retain(id.1);
            let rule = self.program.rules().get(id.0 as usize)?;
            self.states.insert(id, State::new(&rule.alert));
        }
        self.states.get_mut(&id)
    }

    /// Adds an observation to a state; true when the state is now to be judged.
    pub(crate) fn apply(&mut self, id: StateId, input: u8, now: i64, waiting: &Waiting) -> bool {
        let Some(state) = self.state(id, false) else {
            // Nothing else would let go of what was seen of a refused key.
            self.drop_probe(id);
            return false;
        };
        state.window.insert(input, now, waiting.value);
        if !waiting.fields.is_empty() {
            state.newest_fields = (now, waiting.fields.clone());
        }
        state.touch(now)
    }

    /// Takes a timer's entry; true when it was live and the state is now to be judged.
    pub(crate) fn disarm(&mut self, id: StateId, due: i64, now: i64) -> bool {
        let Some(state) = self.states.get_mut(&id) else {
            return false;
        };
        if state.armed != Some(due) {
            return false;
        }
        state.armed = None;
        state.touch(now)
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
        let id = (rule, self.keys.acquire(&[], group));
        if let Some(state) = self.state(id, true) {
            state.silent_until = silent_until;
            timers.arm(&mut state.armed, Some(silent_until), id);
        }
    }

    /// Judges a state at `now`, tells what changed and arms its next timer.
    ///
    /// Up to `published` an instant is rehearsed: an earlier run has told what changed.
    pub(crate) fn judge(
        &mut self,
        id: StateId,
        (now, published): (i64, i64),
        timers: &mut Timers<StateId>,
        out: &mut Out,
    ) {
        let program = Arc::clone(&self.program);
        let Some(alert) = program.rules().get(id.0 as usize).map(|rule| &rule.alert) else {
            return;
        };
        let Some(state) = self.states.get_mut(&id) else {
            return;
        };
        let step = state.judge(now, published, alert);
        if step != Step::Quiet {
            let told = state.tell(step, now, alert, self.keys.bytes(id.1));
            out.transitions.extend(told);
        }
        if state.is_over(alert) {
            self.drop_state(id, now, alert.trigger.window_ms);
        } else {
            let due = state.next_due(now, alert);
            timers.arm(&mut state.armed, due, id);
        }
    }

    fn drop_state(&mut self, id: StateId, now: i64, window_ms: i64) {
        self.states.remove(&id);
        if let Some(held) = self.held.get_mut(&(id.0, self.keys.group(id.1))) {
            *held = held.saturating_sub(1);
        }
        if self.probes.get(&id).is_some_and(|probe| probe.is_idle(now, window_ms)) {
            self.drop_probe(id);
        }
        self.keys.release(id.1);
    }

    fn drop_probe(&mut self, id: StateId) {
        if self.probes.remove(&id).is_some() {
            self.keys.release(id.1);
        }
    }

    /// Looks whether an observation, unsettled as it is, makes its trigger true.
    pub(crate) fn announce(
        &mut self,
        id: StateId,
        (time, value): (i64, i128),
        settled: i64,
        fields: &[u8],
        out: &mut Out,
    ) {
        let Some(alert) = self.program.rules().get(id.0 as usize).map(|rule| &rule.alert) else {
            return;
        };
        if !self.settings.early || !announces_early(alert) {
            return;
        }
        let is_open = self.states.get(&id).is_some_and(|state| state.episode.is_firing());
        if !self.probes.contains_key(&id) {
            if self.probes.len() >= PROBES_MAX {
                return;
            }
            self.keys.retain(id.1);
        }
        let probe = self.probes.entry(id).or_default();
        let found = probe.observe(&alert.trigger, (time, value), settled, is_open);
        let Some(found) = found else { return };
        let key = self.keys.bytes(id.1);
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
        let is_ours = |id: &StateId| rules.contains(&(id.0 as usize));
        for (id, state) in self.states.iter_mut().filter(|(id, _)| is_ours(id)) {
            if !state.episode.is_inactive() {
                timers.arm(&mut state.armed, Some(due), *id);
            }
        }
    }

    pub(crate) fn open_episodes(&self) -> Vec<OpenEpisode> {
        let open = self.states.iter().filter_map(|(id, state)| {
            Some(OpenEpisode {
                alert: self.program.rules().get(id.0 as usize)?.alert.name.clone(),
                key: self.keys.bytes(id.1).to_vec(),
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
            states: self.states.len() as u64,
            ..ShardCounts::default()
        }
    }
}

impl State {
    fn new(alert: &Alert) -> State {
        State {
            window: Window::new(alert),
            episode: Episode::default(),
            armed: None,
            touched: i64::MIN,
            silent_until: i64::MIN,
            newest_fields: (i64::MIN, Box::default()),
            fired_fields: Box::default(),
        }
    }

    fn touch(&mut self, now: i64) -> bool {
        let is_first = self.touched != now;
        self.touched = now;
        is_first
    }

    fn judge(&mut self, now: i64, published: i64, alert: &Alert) -> Step {
        self.window.advance(now);
        // A key is judged while it has events or an episode: one that has gone silent is
        // for absence rules to notice, not for a low count.
        let is_silent = !alert.by.is_empty() && self.window.is_silent();
        if is_silent && counts_nothing_as_zero(&alert.trigger.measure) {
            self.episode.forget_pending();
            if !self.episode.is_firing() {
                return Step::Quiet;
            }
        }
        let measured = self.window.measured(alert.trigger.min_events);
        let measured = measured.filter(|_| now >= self.silent_until);
        if now <= published {
            // One tail before its end the rehearsal has read all that a window reaches back to.
            let is_whole = now >= published.saturating_sub(alert.tail_ms());
            self.episode.rehearse(now, measured, is_whole, alert);
            return Step::Quiet;
        }
        self.episode.judge(now, measured, alert)
    }

    /// What an instant's step is told as.
    fn tell(&mut self, step: Step, now: i64, alert: &Alert, key: &[u8]) -> Option<Transition> {
        let (kind, since, peak, reason) = match step {
            Step::Quiet => return None,
            Step::Fired { since } => (TransitionKind::Firing, since, None, None),
            Step::Ended { since, peak, reason } => {
                (TransitionKind::Resolved, since, peak, Some(reason))
            }
        };
        if kind == TransitionKind::Firing {
            let is_fresh = self.newest_fields.0 == now;
            self.fired_fields =
                if is_fresh { self.newest_fields.1.clone() } else { Box::default() };
        }
        let measured = self.window.measured(alert.trigger.min_events);
        Some(Transition {
            kind,
            alert: alert.name.clone(),
            severity: alert.severity,
            key: named_key(alert, key),
            at: Timestamp(now),
            since: Timestamp(since),
            value: measured.and_then(|measured| measured.decimal()),
            threshold: Some(alert.trigger.level),
            peak,
            reason,
            episode: episode_id(&alert.name, key, Timestamp(since)),
            count: self.window.events(),
            fields: named_fields(alert, &self.fired_fields),
        })
    }

    /// Whether nothing is left that could matter.
    fn is_over(&self, alert: &Alert) -> bool {
        self.window.is_empty() && self.episode.is_inactive() && !is_judged_empty(alert)
    }

    /// The next instant at which it must be judged though no event comes.
    fn next_due(&self, now: i64, alert: &Alert) -> Option<i64> {
        // Entries that leave cannot turn a rising trigger on, nor make it unknown before the
        // window is empty: while it is off, only the end of the last of them matters, when
        // the state can go.
        let is_rising = matches!(alert.trigger.comparison, Comparison::AtLeast | Comparison::Above)
            && matches!(alert.trigger.measure, Measure::Count(_) | Measure::Distinct(_))
            && alert.trigger.step_ms == 0
            && alert.trigger.min_events <= 1;
        let change = if is_rising && !self.episode.is_true() {
            self.window.next_empty()
        } else {
            self.window.next_change()
        };
        // In a rehearsal a `for` or `keep` may have run out without ending anything.
        let speaks = Some(self.silent_until);
        let dues = self.episode.next_dues(alert).into_iter().chain([change, speaks]);
        dues.flatten().filter(|due| *due > now).min()
    }
}

/// Whether an empty window of a measure is 0 and not unknown.
const fn counts_nothing_as_zero(measure: &Measure) -> bool {
    matches!(measure, Measure::Count(_) | Measure::Sum(_) | Measure::Distinct(_))
}

/// Whether a rule can be true of no events at all: the low side without keys.
fn is_judged_empty(alert: &Alert) -> bool {
    let comparison = alert.trigger.comparison;
    alert.by.is_empty()
        && counts_nothing_as_zero(&alert.trigger.measure)
        && (comparison.is_low() || comparison == Comparison::Equal)
}

fn named_key(alert: &Alert, key: &[u8]) -> Vec<KeyPart> {
    named(alert.by.iter().map(|part| &part.name), key)
}

fn named_fields(alert: &Alert, fields: &[u8]) -> Vec<KeyPart> {
    named(alert.message_fields.iter(), fields)
}

fn named<'a>(names: impl Iterator<Item = &'a String>, bytes: &[u8]) -> Vec<KeyPart> {
    let values: Vec<KeyValue> = decode_key(bytes).unwrap_or_default();
    names.cloned().zip(values).collect()
}
