//! Explanations of alerts and watches.

use std::sync::Arc;

use model::message::Language;
use model::schema::Schema;

use super::explanation::RuleExplanation;
use super::{canonical, cost, words_en, words_ja};
use crate::ast::AlertClauses;
use crate::check::types::{CheckedTrigger, SelectedEvents};
use crate::rule::{Alert, EventSelection, Trigger, Watch};

/// `streams` are those that selections name by index.
pub(crate) fn explain_alert(
    alert: &Alert,
    subject: &CheckedTrigger,
    clauses: &AlertClauses,
    streams: &[Arc<Schema>],
) -> RuleExplanation {
    RuleExplanation {
        alert: alert.name.clone(),
        reads: reads(&alert.trigger, subject),
        canonical: canonical::canonical(alert, subject, clauses),
        words_en: words_en::words(alert, subject, clauses),
        words_ja: words_ja::words(alert, subject, clauses),
        cost_en: cost::cost(alert, subject, streams, Language::En),
        cost_ja: cost::cost(alert, subject, streams, Language::Ja),
    }
}

/// Explains a watch.
pub(crate) fn explain_watch(
    watch: &Watch,
    subject: &CheckedTrigger,
    streams: &[Arc<Schema>],
) -> RuleExplanation {
    let keys: Vec<&str> = watch.by.iter().map(|key| key.name.as_str()).collect();
    let (each, each_ja) = match keys.as_slice() {
        [] => (String::new(), String::new()),
        keys => (format!(" per {}", keys.join(", ")), format!("{} ごとに", keys.join("・"))),
    };
    let alert = watch.as_alert();
    RuleExplanation {
        alert: watch.name.clone(),
        reads: reads(&alert.trigger, subject),
        canonical: canonical::watch(watch, subject),
        words_en: format!("shown and exported{each}, never an alert"),
        words_ja: format!("{each_ja}表示・出力するだけで、アラートにはならない"),
        cost_en: cost::cost(&alert, subject, streams, Language::En),
        cost_ja: cost::cost(&alert, subject, streams, Language::Ja),
    }
}

/// Names of a trigger's selections; windows that are alike are one by now.
fn reads(trigger: &Trigger, subject: &CheckedTrigger) -> Vec<String> {
    let selected = subject.selected();
    let name = |of: &EventSelection| {
        let is_it = |it: &&&SelectedEvents| it.stream == of.stream && it.predicate == of.predicate;
        let known = selected.iter().find(is_it);
        known.and_then(|it| it.lineage.last()).cloned().unwrap_or_default()
    };
    trigger.selections().into_iter().map(name).collect()
}
