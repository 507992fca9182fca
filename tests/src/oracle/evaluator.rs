//! One (alert, key) from its first instant to its last.

use std::collections::BTreeSet;

use model::alert_facts::{AlertFacts, Measurement};
use model::decimal::Decimal;
use model::key::{KeyValue, encode_key};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId, NamedKeyPart, Transition, TransitionKind};
use rules_dsl::rule::{AbsenceRoster, Alert, BoolOp, Compare, ComparisonOp, Condition, Trigger};

use super::entry::{OracleEntry, satisfies};
use super::truth::{absence, is_empty, is_silent, matches, values, windows_of};
use super::value::KnownValue;

/// One (alert, key) and everything it will ever see.
pub(super) struct OracleEvaluator<'a> {
    pub(super) alert: &'a Alert,
    pub(super) key: &'a [KeyValue],
    pub(super) entries: &'a [OracleEntry],
    pub(super) stream_first: Option<i64>,
    /// The end of all input.
    pub(super) end: i64,
    /// The first instant at which anything can be true.
    pub(super) begins: i64,
    /// Evaluator of the same events before, and its last instant.
    pub(super) before: Option<(&'a OracleEvaluator<'a>, i64)>,
}

/// State of one (alert, key) between two instants.
#[derive(Default)]
struct OracleState {
    /// Of every comparison.
    held: Vec<OracleComparison>,
    true_since: Option<i64>,
    /// Of event triggers: the last match.
    false_since: Option<i64>,
    open_since: Option<i64>,
    peak: Option<Decimal>,
    /// As it was last told, or would be.
    severity: Option<Severity>,
    fields: Vec<KeyValue>,
    /// True when the last instant was judged by what judged before.
    fields_of_before: bool,
}

/// Truth assumed of a comparison.
#[derive(Clone, Copy, Default)]
struct OracleComparison {
    truth: bool,
    unknown_since: Option<i64>,
    was_known: bool,
}

impl OracleComparison {
    fn known(truth: bool) -> OracleComparison {
        OracleComparison { truth, was_known: true, ..OracleComparison::default() }
    }
}

/// Evaluation of an instant.
struct OracleInstant {
    now: i64,
    truth: bool,
    /// Why an open episode ends at once when it is not true.
    at_once: Option<EndReason>,
    value: Option<KnownValue>,
    count: u64,
}

impl OracleEvaluator<'_> {
    pub(super) fn transitions(&self, until: i64) -> Vec<Transition> {
        self.play(until).0
    }

    /// Transitions up to an instant, and then the end of what is open: its rule is changed.
    pub(super) fn transitions_until_change(&self, until: i64) -> Vec<Transition> {
        let (mut emitted, standing) = self.play(until);
        let last = emitted.last().cloned().filter(|_| standing.open_since.is_some());
        emitted.extend(last.map(|last| Transition {
            kind: TransitionKind::Resolved,
            facts: AlertFacts { at: Timestamp(until + 1), ..last.facts },
            measured: Measurement { value: None, ..last.measured },
            peak: standing.peak,
            reason: Some(EndReason::RuleChanged),
            count: 0,
            ..last
        }));
        emitted
    }

    fn play(&self, until: i64) -> (Vec<Transition>, OracleState) {
        let mut standing = OracleState::default();
        let mut emitted = Vec::new();
        let mut instants = self.instants();
        if let Some((before, _)) = self.before {
            // What became true by the old wording is timed by the new one.
            let timers = [0, self.alert.for_ms, self.alert.keep_ms, self.alert.hold_ms];
            let begun = before.instants().into_iter();
            instants.extend(begun.flat_map(|at| timers.map(|after| at + after)));
        }
        for now in instants.into_iter().filter(|now| *now <= until) {
            let evaluate = self.before.filter(|(_, last)| now <= *last).map_or(self, |(it, _)| it);
            let shown = &evaluate.alert.message_fields;
            if std::ptr::eq(evaluate, self)
                && self.before.is_some_and(|(before, _)| before.alert.message_fields != *shown)
                && standing.fields_of_before
            {
                standing.fields.clear();
            }
            standing.fields_of_before = !std::ptr::eq(evaluate, self);
            emitted.extend(evaluate.evaluate(now, &mut standing));
        }
        (emitted, standing)
    }

    /// Value of a watch at the end of input; `None` is unknown or nothing.
    pub(super) fn watched(&self) -> Option<Decimal> {
        let condition = self.alert.trigger.condition()?;
        let compare = condition.compares.first()?;
        let shows = match self.key {
            [] => self.stream_first.is_some(),
            _ => !is_empty(&self.alert.trigger, condition, self.entries, self.end),
        };
        let (values, _) = values(&self.alert.trigger, condition, self.entries, self.end);
        let value = values.into_iter().next().flatten().filter(|_| shows);
        value.filter(|_| self.is_whole(condition, compare, self.end))?.shown()
    }

    /// All instants at which a truth, a `for`, a `keep` or a `hold` can change or end.
    fn instants(&self) -> BTreeSet<i64> {
        let alert = self.alert;
        let mut values: BTreeSet<i64> = self.entries.iter().map(|entry| entry.time).collect();
        let times = values.clone();
        // Before anything was settled there is no instant to speak of.
        let turns = [Some(self.begins), self.before.map(|(_, last)| last.saturating_add(1))];
        values.extend(turns.into_iter().flatten().filter(|turn| *turn > i64::MIN + 1));
        for window in alert.trigger.condition().into_iter().flat_map(|it| &it.windows) {
            let (step, ago) = (window.step_ms.max(1), window.ago_ms);
            let up = |instant: i64| -(-instant).div_euclid(step) * step;
            for time in &times {
                values.extend([up(time + ago), up(time + ago + window.window_ms)]);
            }
            values.extend(self.stream_first.map(|first| first + window.window_ms));
        }
        let own = match &alert.trigger {
            Trigger::ThenNot { within_ms, .. } => vec![*within_ms],
            Trigger::Absent { within_ms, roster: AbsenceRoster::Seen(seen), .. } => {
                vec![*within_ms, *seen]
            }
            Trigger::Absent { within_ms, .. } => vec![*within_ms],
            _ => Vec::new(),
        };
        let anchors = times.iter().copied().chain(self.stream_first);
        values.extend(anchors.flat_map(|at| own.iter().map(move |after| at + after)));
        let held: Vec<i64> = values.iter().map(|at| at + alert.hold_ms).collect();
        values.extend(held);
        values.extend(self.edges(&values));
        let ends = values.iter().flat_map(|at| [*at, at + alert.for_ms, at + alert.keep_ms]);
        let ends: BTreeSet<i64> = ends.collect();
        let edges = self.edges(&ends);
        ends.into_iter().chain(edges).collect()
    }

    /// The edges of the calendar among and just behind some instants.
    fn edges(&self, instants: &BTreeSet<i64>) -> BTreeSet<i64> {
        let mut edges = BTreeSet::new();
        let (Some(during), Some(first), Some(last)) =
            (&self.alert.during, instants.first(), instants.last())
        else {
            return edges;
        };
        let mut at = Timestamp(*first);
        while let Some(edge) = during.calendar.next_edge(at) {
            // Behind everything else an opening is no timer, but a closing is.
            if edge.0 > *last && edge.0 > self.end {
                edges.extend((!self.is_open_calendar(edge.0)).then_some(edge.0));
                break;
            }
            edges.insert(edge.0);
            at = edge;
        }
        edges
    }

    fn is_open_calendar(&self, now: i64) -> bool {
        let during = self.alert.during.as_ref();
        during.is_none_or(|during| during.calendar.is_open(Timestamp(now)) == during.inside)
    }

    fn evaluate(&self, now: i64, standing: &mut OracleState) -> Vec<Transition> {
        let trigger = &self.alert.trigger;
        let (conditioned, value, count) = match trigger.condition() {
            Some(condition) => self.settle(condition, now, standing),
            None => ((true, false), None, 0),
        };
        let (holds, ran_out) = conditioned;
        let (truth, at_once) = match trigger {
            Trigger::Condition(_) => (holds, ran_out.then_some(EndReason::NoData)),
            Trigger::Absent { .. } => {
                let (absent, forgotten) = absence(trigger, self.entries, now, self.stream_first);
                (absent, forgotten.then_some(EndReason::Forgotten))
            }
            _ => (holds && matches(trigger, self.entries, now, self.stream_first), None),
        };
        let is_open = now >= self.begins && self.is_open_calendar(now);
        let at_once = if is_open { at_once } else { Some(EndReason::Calendar) };
        let moment = OracleInstant { now, truth: truth && is_open, at_once, value, count };
        match trigger {
            Trigger::Condition(condition) => {
                let emitted = self.follow(&moment, standing);
                if emitted.iter().any(|it| it.kind == TransitionKind::Resolved) {
                    // From this instant on nothing is open: `clear` judges no longer, and a
                    // key without events is not judged at all.
                    self.settle(condition, now, standing);
                }
                emitted
            }
            Trigger::Absent { .. } => self.follow(&moment, standing),
            _ => self.mark(&moment, standing),
        }
    }

    /// True when a key is not judged: it has no event in any window and nothing is open.
    fn is_silent(&self, condition: &Condition, now: i64, standing: &OracleState) -> bool {
        let trigger = &self.alert.trigger;
        matches!(trigger, Trigger::Condition(_))
            && !self.alert.by.is_empty()
            && standing.open_since.is_none()
            && is_silent(trigger, condition, self.entries, now)
    }

    /// Settles what the comparisons are: whether they hold together, and whether an unknown
    /// value was held to its end; then the first one's value and the events of its window.
    fn settle(
        &self,
        condition: &Condition,
        now: i64,
        standing: &mut OracleState,
    ) -> ((bool, bool), Option<KnownValue>, u64) {
        let alert = self.alert;
        let (values, count) = values(&alert.trigger, condition, self.entries, now);
        standing.held.resize(condition.compares.len(), OracleComparison::default());
        let is_silent = self.is_silent(condition, now, standing);
        let (mut all_ran_out, mut one_lapsed, mut first) = (true, false, None);
        for (at, (compare, value)) in condition.compares.iter().zip(values).enumerate() {
            let value = value.filter(|_| self.is_whole(condition, compare, now));
            let level = match at {
                0 => self.level(standing.open_since.is_some(), compare),
                _ => compare.level,
            };
            let windows = windows_of(&compare.value, condition);
            let held = &mut standing.held[at];
            match &value {
                // Nobody counts what a silent key does not do; the unknown is held as it was.
                _ if is_silent && windows.iter().all(|it| it.measure.counts_nothing_as_zero()) => {
                    *held = OracleComparison::known(false);
                    all_ran_out = false;
                }
                Some(value) => {
                    *held = OracleComparison::known(satisfies(
                        compare.comparison,
                        value.compare(level),
                    ));
                    all_ran_out = false;
                }
                None => {
                    let since = *held.unknown_since.get_or_insert(now);
                    // What never was known has nothing to be held for.
                    let is_over = !held.was_known || now >= since + alert.hold_ms;
                    one_lapsed |= held.truth && is_over;
                    held.truth &= !is_over;
                    all_ran_out &= is_over;
                }
            }
            if at == 0 {
                first = value;
            }
        }
        let ran_out = all_ran_out || one_lapsed;
        ((joint(&condition.joint, &standing.held), ran_out), first, count)
    }

    /// Without keys the low side of a count, and `vs`, are unknown until one window after the
    /// stream's first event.
    fn is_whole(&self, condition: &Condition, compare: &Compare, now: i64) -> bool {
        let windows = windows_of(&compare.value, condition);
        let is_low = matches!(
            compare.comparison,
            ComparisonOp::Below | ComparisonOp::AtMost | ComparisonOp::Equal
        );
        let counts = windows.iter().all(|it| it.measure.counts_nothing_as_zero());
        let is_versus = windows.iter().any(|it| it.ago_ms > 0);
        if !self.alert.by.is_empty() || windows.is_empty() || !(is_versus || is_low && counts) {
            return true;
        }
        let longest = windows.iter().map(|it| it.window_ms).max().unwrap_or(0);
        self.stream_first.is_some_and(|first| now >= first + longest)
    }

    /// The levels of this key above the lowest, which a table may give.
    fn rungs(&self) -> Vec<Decimal> {
        match self.row() {
            Some(row) => row.rungs.clone(),
            None => self.alert.rungs.iter().map(|rung| rung.level).collect(),
        }
    }

    fn row(&self) -> Option<&rules_dsl::rule::OverrideRow> {
        let overrides = self.alert.overrides.as_ref()?;
        let part = self.key.get(overrides.key)?.to_string();
        overrides.rows.iter().find(|row| row.key.as_ref().is_none_or(|key| *key == part))
    }

    fn level(&self, is_open: bool, compare: &Compare) -> Decimal {
        let row = self.row();
        let clear = row.map_or(self.alert.clear, |row| row.clear);
        match clear {
            Some(clear) if is_open => clear,
            _ => row.map_or(compare.level, |row| row.level),
        }
    }

    /// The highest level a value meets: 0 is the lowest.
    fn met(&self, value: Option<&KnownValue>) -> Option<usize> {
        let (value, compare) = (value?, self.alert.shown()?);
        let levels = std::iter::once(self.level(false, compare)).chain(self.rungs());
        let meets = |level: &Decimal| satisfies(compare.comparison, value.compare(*level));
        levels.collect::<Vec<_>>().iter().rposition(meets)
    }

    /// A condition or an absence: true for a while.
    fn follow(&self, moment: &OracleInstant, standing: &mut OracleState) -> Vec<Transition> {
        let (alert, now) = (self.alert, moment.now);
        let mut moved = false;
        if moment.truth {
            standing.true_since.get_or_insert(now);
            standing.false_since = None;
            let shown = moment.value.as_ref().and_then(KnownValue::shown);
            let is_low = alert.shown().is_some_and(|it| it.comparison.is_low());
            standing.peak = match (standing.peak, shown) {
                (Some(a), Some(b)) if is_low => Some(a.min(b)),
                (a, b) => a.max(b),
            };
            if let Some(rung) = self.met(moment.value.as_ref()) {
                let above = rung.checked_sub(1).map(|at| alert.rungs[at].severity);
                let met = above.unwrap_or(alert.severity);
                moved = met != standing.severity.unwrap_or(alert.severity);
                standing.severity = Some(met);
            }
        } else {
            standing.true_since = None;
            standing.false_since.get_or_insert(now);
            if standing.open_since.is_none() {
                (standing.peak, standing.severity) = (None, None);
            }
        }
        match (standing.open_since, standing.true_since) {
            (None, Some(since)) if now >= since + alert.for_ms => {
                standing.open_since = Some(since);
                if alert.rungs.is_empty() || standing.severity.is_none() {
                    standing.severity = Some(alert.severity);
                }
                self.show_newest(now, standing);
                vec![self.emit(TransitionKind::Firing, None, moment, standing)]
            }
            (Some(_), Some(_)) if moved => {
                vec![self.emit(TransitionKind::Changed, None, moment, standing)]
            }
            (Some(_), None) => self.end(moment, standing),
            _ => Vec::new(),
        }
    }

    /// An event trigger: true at single instants.
    fn mark(&self, moment: &OracleInstant, standing: &mut OracleState) -> Vec<Transition> {
        let now = moment.now;
        let mut emitted = Vec::new();
        if moment.truth {
            standing.false_since = Some(now);
            let is_first = standing.open_since.is_none();
            if is_first {
                standing.open_since = Some(now);
                standing.severity = Some(self.alert.severity);
            }
            if is_first || self.alert.notify_each {
                self.show_newest(now, standing);
                let kind = if is_first { TransitionKind::Firing } else { TransitionKind::Again };
                emitted.push(self.emit(kind, None, moment, standing));
            }
        }
        if standing.open_since.is_some() {
            emitted.extend(self.end(moment, standing));
        }
        emitted
    }

    /// Ends the open episode if it has been false for long enough, or is to end at once.
    fn end(&self, moment: &OracleInstant, standing: &mut OracleState) -> Vec<Transition> {
        let false_since = standing.false_since.unwrap_or(moment.now);
        let at_once = moment.at_once.filter(|_| !moment.truth);
        let is_over = moment.now >= false_since + self.alert.keep_ms;
        let Some(reason) = at_once.or(is_over.then_some(EndReason::Cleared)) else {
            return Vec::new();
        };
        let emitted = self.emit(TransitionKind::Resolved, Some(reason), moment, standing);
        standing.open_since = None;
        (standing.peak, standing.severity) = (None, None);
        vec![emitted]
    }

    /// Keeps the fields of the newest event of an instant that a message may show.
    fn show_newest(&self, now: i64, standing: &mut OracleState) {
        let shows = |entry: &&OracleEntry| entry.time == now && !entry.fields.is_empty();
        let newest = self.entries.iter().rev().find(shows);
        standing.fields = newest.map(|entry| entry.fields.clone()).unwrap_or_default();
    }

    fn emit(
        &self,
        kind: TransitionKind,
        reason: Option<EndReason>,
        moment: &OracleInstant,
        standing: &OracleState,
    ) -> Transition {
        let alert = self.alert;
        let since = Timestamp(standing.open_since.unwrap_or(moment.now));
        let named = |names: Vec<&String>, values: &[KeyValue]| -> Vec<NamedKeyPart> {
            names.into_iter().cloned().zip(values.iter().cloned()).collect()
        };
        let severity = standing.severity.unwrap_or(alert.severity);
        let above = alert.rungs.iter().position(|rung| rung.severity == severity);
        let lowest = alert.shown().map(|compare| self.level(false, compare));
        let has_value = lowest.is_some();
        Transition {
            kind,
            facts: AlertFacts {
                alert: alert.name.clone(),
                severity,
                key: named(alert.by.iter().map(|part| &part.name).collect(), self.key),
                at: Timestamp(moment.now),
                since,
            },
            measured: Measurement {
                value: moment.value.as_ref().filter(|_| has_value).and_then(KnownValue::shown),
                threshold: above.map_or(lowest, |at| self.rungs().get(at).copied()),
            },
            peak: if kind == TransitionKind::Resolved { standing.peak } else { None },
            reason,
            episode: episode_id(&alert.name, &encode_key(self.key), since),
            count: if has_value { self.shown_count(moment.count) } else { 0 },
            fields: named(alert.message_fields.iter().collect(), &standing.fields),
            tops: Vec::new(),
        }
    }

    /// Value of a message's `{count}`. A `last` that nobody counts knows one sample.
    fn shown_count(&self, count: u64) -> u64 {
        let condition = self.alert.trigger.condition();
        match condition.and_then(|condition| condition.windows.first()) {
            Some(window)
                if matches!(window.measure, rules_dsl::rule::Measure::Last(_))
                    && window.min_events <= 1 =>
            {
                count.min(1)
            }
            _ => count,
        }
    }
}

fn joint(joint_of: &BoolOp, held: &[OracleComparison]) -> bool {
    match joint_of {
        BoolOp::Compare(at) => held[*at].truth,
        BoolOp::And(parts) => parts.iter().all(|part| joint(part, held)),
        BoolOp::Or(parts) => parts.iter().any(|part| joint(part, held)),
    }
}

/// LANGUAGE §3.14: the first 128 bits of a BLAKE3 hash of name, key bytes and `since`, the two
/// texts each behind its length.
fn episode_id(alert: &str, key: &[u8], since: Timestamp) -> EpisodeId {
    let mut named = Vec::new();
    for part in [alert.as_bytes(), key] {
        named.extend((part.len() as u64).to_le_bytes());
        named.extend(part);
    }
    named.extend(since.0.to_le_bytes());
    let hash = blake3::hash(&named);
    EpisodeId(hash.as_bytes()[..16].iter().fold(0, |id, byte| id << 8 | u128::from(*byte)))
}
