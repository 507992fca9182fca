//! Drawn alerts: a trigger and clauses that go with it.

pub mod edit;

use std::sync::Arc;

use model::calendar::{Calendar, WeeklyHours, ZoneOffsets};
use model::decimal::Decimal;
use model::message::MessageTemplate;
use model::severity::Severity;
use model::time::Timestamp;
use rules_dsl::rule::{
    Alert, BoolOp, ComparisonOp, During, KeyPart, OverrideRow, SeverityLevel, ThresholdOverrides,
    Trigger, Watch,
};

use super::random::{SplitMix, halves};
use super::trigger::{self, trigger};

pub(super) fn alert(random: &mut SplitMix, index: i64, streams: usize) -> Alert {
    let by = keys(random);
    let mut trigger = trigger(random, &by, streams);
    let is_momentary = trigger.is_momentary();
    let window = trigger.window_ms();
    let for_ms = if is_momentary || random.chance(60) { 0 } else { random.within(1, 15) };
    let level = single_level(&trigger);
    let clear = level.and_then(|level| random.chance(30).then(|| easier(random, level)).flatten());
    let rungs = level.map_or_else(Vec::new, |level| rungs(random, level));
    let overrides = level
        .filter(|_| !by.is_empty() && random.chance(20))
        .map(|level| overrides(random, level, rungs.len(), clear.is_some()));
    let keep_ms = match random.within(0, 3) {
        0 => 0,
        1 => random.within(1, 20),
        _ => window,
    };
    let shows_fields = for_ms == 0 && shows_event(&trigger);
    if !shows_fields {
        trigger::clear_fields(&mut trigger);
    }
    Alert {
        name: format!("alert{index}"),
        severity: if rungs.is_empty() {
            random.one_of(&[Severity::Critical, Severity::Low], Severity::Low)
        } else {
            Severity::Low
        },
        rungs,
        overrides,
        by,
        for_ms,
        keep_ms,
        clear,
        hold_ms: random.one_of(&[0, window, 5, 17], 0),
        during: random.chance(15).then(|| during(random)),
        notify_each: is_momentary && random.chance(40),
        is_shadow: random.chance(5),
        keys_max: None,
        message: MessageTemplate::default(),
        message_fields: if shows_fields { vec!["tag".to_owned()] } else { Vec::new() },
        tops: Vec::new(),
        runbook: None,
        labels: Vec::new(),
        trigger,
    }
}

/// A watch: a drawn condition's first value.
pub(super) fn watch(random: &mut SplitMix, index: i64, streams: usize) -> Watch {
    let by = keys(random);
    loop {
        let mut trigger = trigger(random, &by, streams);
        trigger::clear_fields(&mut trigger);
        if let Trigger::Condition(mut condition) = trigger {
            condition.compares.truncate(1);
            for compare in &mut condition.compares {
                (compare.comparison, compare.level) = (ComparisonOp::Above, Decimal::MAX);
            }
            condition.joint = BoolOp::Compare(0);
            return Watch { name: format!("watch{index}"), condition, by };
        }
    }
}

fn keys(random: &mut SplitMix) -> Vec<KeyPart> {
    let names: Vec<(&str, bool)> = match random.within(0, 9) {
        0..3 => Vec::new(),
        3..8 => vec![("host", false)],
        8 => vec![("host", true)],
        _ => vec![("host", false), ("zone", true)],
    };
    let part = |(name, optional): (&str, bool)| KeyPart { name: name.to_owned(), optional };
    names.into_iter().map(part).collect()
}

/// The comparison and level of a trigger that is one comparison.
fn single_level(trigger: &Trigger) -> Option<SingleLevel> {
    let Trigger::Condition(condition) = trigger else {
        return None;
    };
    match condition.compares.as_slice() {
        [only] => Some(SingleLevel { comparison: only.comparison, level: only.level }),
        _ => None,
    }
}

/// True when an event turns the trigger on, whose fields a message may show.
fn shows_event(trigger: &Trigger) -> bool {
    match trigger {
        Trigger::Condition(condition) => condition.only_rises(),
        Trigger::Any { .. } | Trigger::Sequence { .. } | Trigger::New { .. } => true,
        Trigger::ThenNot { .. } | Trigger::Absent { .. } => false,
    }
}

/// Level of a trigger that is one comparison.
#[derive(Clone, Copy)]
struct SingleLevel {
    comparison: ComparisonOp,
    level: Decimal,
}

impl SingleLevel {
    /// The level by some halves on the easier side, or on the harder one where they are negative;
    /// only an ordered comparison has sides.
    fn eased(self, by: i64) -> Option<Decimal> {
        match self.comparison {
            ComparisonOp::AtLeast | ComparisonOp::Above => self.level.checked_sub(halves(by)),
            ComparisonOp::AtMost | ComparisonOp::Below => self.level.checked_add(halves(by)),
            ComparisonOp::Equal | ComparisonOp::NotEqual => None,
        }
    }
}

fn easier(random: &mut SplitMix, level: SingleLevel) -> Option<Decimal> {
    let by = random.within(0, 3);
    level.eased(by)
}

/// Rungs above the lowest level, each harder than the one before.
fn rungs(random: &mut SplitMix, level: SingleLevel) -> Vec<SeverityLevel> {
    let many = if random.chance(35) { random.within(1, 2) } else { 0 };
    let severities = [Severity::Medium, Severity::Critical];
    let mut harder = 0;
    let mut rungs = Vec::new();
    for severity in severities.into_iter().take(many as usize) {
        harder -= random.within(1, 4);
        rungs.extend(level.eased(harder).map(|level| SeverityLevel { severity, level }));
    }
    rungs
}

fn overrides(
    random: &mut SplitMix,
    level: SingleLevel,
    rungs: usize,
    clears: bool,
) -> ThresholdOverrides {
    let keys = [Some("a"), Some("b"), Some("a"), None];
    let row = |random: &mut SplitMix| {
        let own = level.eased(random.within(-3, 3)).unwrap_or(level.level);
        let of_row = SingleLevel { level: own, ..level };
        let mut harder = 0;
        let above = (0..rungs).filter_map(|_| {
            harder -= random.within(1, 3);
            of_row.eased(harder)
        });
        let above: Vec<Decimal> = above.collect();
        let clear = clears.then(|| of_row.eased(random.within(0, 2))).flatten();
        OverrideRow {
            key: random.one_of(&keys, None).map(str::to_owned),
            level: own,
            rungs: above,
            clear,
        }
    };
    let rows = (0..random.within(1, 3)).map(|_| row(random)).collect();
    ThresholdOverrides { key: 0, rows }
}

/// A calendar whose clocks are set forth and back by an hour at drawn instants: it is open in
/// the first minute of the day, and so opens and closes at exactly those.
fn during(random: &mut SplitMix) -> During {
    let mut offsets = vec![(Timestamp(-1_000_000), 3600 * random.within(0, 1) as i32)];
    let mut at = 0;
    for _ in 0..random.within(1, 5) {
        at += random.within(1, 25);
        let last = offsets.last().map_or(0, |(_, offset)| *offset);
        offsets.push((Timestamp(at), 3600 - last));
    }
    let span = WeeklyHours { weekdays: 0b111_1111, from_minute: 0, until_minute: 1 };
    let zone = ZoneOffsets { offsets };
    let calendar = Calendar { spans: vec![span], zone, closed_days: Vec::new() };
    During { calendar: Arc::new(calendar), inside: random.chance(50) }
}
