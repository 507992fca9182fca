//! Rules that tests start from and change what they need of.

use std::sync::Arc;

use model::decimal::Decimal;
use model::message::{Message, Unit};
use model::schema::{Codec, Schema};
use model::severity::Severity;
use rules_dsl::rule::{
    Alert, Comparison, KeyPart, Measure, Predicate, RuleSet, Selection, Trigger,
};

/// `count >= 3 within 10ms by host` of stream 0, kept and held for one window.
pub fn alert(name: &str) -> Alert {
    Alert {
        name: name.to_owned(),
        severity: Severity::High,
        trigger: Trigger {
            measure: Measure::Count(selection(0)),
            window_ms: 10,
            step_ms: 0,
            comparison: Comparison::AtLeast,
            level: Decimal::from_int(3),
            min_events: 0,
            unit: Unit::Number,
        },
        by: vec![KeyPart { name: "host".to_owned(), optional: false }],
        for_ms: 0,
        keep_ms: 10,
        clear: None,
        hold_ms: 10,
        message: Message::default(),
        message_fields: Vec::new(),
        runbook: None,
        labels: Vec::new(),
    }
}

/// Every event of a stream, by its field 0.
pub fn selection(stream: usize) -> Selection {
    Selection {
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
            extracts: Vec::new(),
        })
    };
    RuleSet { streams: streams.iter().map(schema).collect(), alerts }
}
