//! Rules that tests start from and change what they need of.

use std::sync::Arc;

use model::decimal::Decimal;
use model::message::{DisplayUnit, MessageTemplate};
use model::schema::{Codec, Schema};
use model::severity::Severity;
use rules_dsl::rule::{
    Alert, BoolOp, Compare, ComparisonOp, Condition, EventSelection, KeyPart, Measure,
    MeasureFormula, Predicate, RuleSet, Trigger, Window,
};

/// `count >= 3 within 10ms by host` of stream 0, kept and held for one window.
pub fn alert(name: &str) -> Alert {
    Alert {
        name: name.to_owned(),
        severity: Severity::High,
        trigger: Trigger::Condition(condition(Measure::Count(selection(0)), 3)),
        rungs: Vec::new(),
        overrides: None,
        by: vec![KeyPart { name: "host".to_owned(), optional: false }],
        for_ms: 0,
        keep_ms: 10,
        clear: None,
        hold_ms: 10,
        during: None,
        notify_each: false,
        is_shadow: false,
        keys_max: None,
        message: MessageTemplate::default(),
        message_fields: Vec::new(),
        tops: Vec::new(),
        runbook: None,
        labels: Vec::new(),
    }
}

/// A measure over 10 ms that is at least `level`.
pub fn condition(measure: Measure, level: i64) -> Condition {
    let window = Window { measure, window_ms: 10, step_ms: 0, ago_ms: 0, min_events: 0 };
    let compare = Compare {
        value: MeasureFormula::Window(0),
        comparison: ComparisonOp::AtLeast,
        level: Decimal::from_int(level),
        unit: DisplayUnit::Number,
    };
    Condition { windows: vec![window], compares: vec![compare], joint: BoolOp::Compare(0) }
}

/// The first window and comparison of an alert that has them.
pub fn single(alert: &mut Alert) -> (&mut Window, &mut Compare) {
    let Trigger::Condition(condition) = &mut alert.trigger else {
        panic!("the alert has no condition")
    };
    (&mut condition.windows[0], &mut condition.compares[0])
}

/// Every event of a stream, by its field 0.
pub fn selection(stream: usize) -> EventSelection {
    EventSelection {
        stream,
        predicate: Predicate::True,
        field: None,
        key: vec![0],
        message_fields: Vec::new(),
    }
}

/// Alerts about streams of these names.
pub fn rule_set(streams: &[&str], alerts: Vec<Alert>) -> RuleSet {
    let schema = |name: &&str| {
        Arc::new(Schema {
            name: (*name).to_owned(),
            input: (*name).to_owned(),
            codec: Codec::Json,
            fields: Vec::new(),
            time: 0,
            lateness_ms: 0,
            id: None,
            partitioned_by: None,
            extracts: Vec::new(),
        })
    };
    RuleSet { streams: streams.iter().map(schema).collect(), alerts, ..RuleSet::default() }
}
