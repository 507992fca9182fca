//! Events that a name stands for: a stream, or a filter of one.

use super::limits::{CHAIN_MAX, COMPARISONS_MAX};
use super::scope::NameScope;
use super::types::{MeasureShape, NameResolution, SelectedEvents};
use super::{messages, predicate};
use crate::ast::{Filter, SpannedName, Statement};
use crate::diagnostic::Diagnostic;
use crate::rule::Predicate;
use crate::source::SourceSpan;

/// Most names looked through for near ones in one run; later findings go without a guess.
const NAMES_COMPARED_MAX: usize = 50_000;

/// The events a stream's or filter's name stands for; `None` when that was reported.
pub(super) fn selected(
    scope: &mut NameScope<'_>,
    name: &str,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SelectedEvents> {
    if let Some((stream, _)) = scope.stream_named(name) {
        return Some(SelectedEvents {
            stream,
            predicate: Predicate::True,
            lineage: vec![name.to_owned()],
        });
    }
    let Some((Statement::Filter(filter), _)) = scope.declared.get(name).copied() else {
        return None;
    };
    let place = filter.name.at.0;
    match scope.filters.get(name) {
        Some(NameResolution::Done(selected)) => return Some(selected.clone()),
        Some(NameResolution::Failed) => return None,
        Some(NameResolution::Open) => diagnostics.push(messages::filter_circle(place, name)),
        None if depth >= CHAIN_MAX => diagnostics.push(messages::chain_too_long(place, name)),
        None => return resolved(scope, filter, depth, diagnostics),
    }
    None
}

/// Resolves a filter for the first time, and remembers how that went.
fn resolved(
    scope: &mut NameScope<'_>,
    filter: &Filter,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SelectedEvents> {
    let name = &filter.name.text;
    scope.filters.insert(name.clone(), NameResolution::Open);
    let base = events(scope, &filter.base, depth + 1, diagnostics);
    let resolved = base.and_then(|base| narrowed(scope, base, filter, diagnostics));
    let entry = resolved.clone().map_or(NameResolution::Failed, NameResolution::Done);
    scope.filters.insert(name.clone(), entry);
    resolved
}

fn narrowed(
    scope: &NameScope<'_>,
    base: SelectedEvents,
    filter: &Filter,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SelectedEvents> {
    if base.lineage.len() > CHAIN_MAX {
        let name = &filter.name;
        diagnostics.push(messages::chain_too_long(name.at.0, &name.text));
        return None;
    }
    let schema = scope.schema(base.stream)?;
    let own = match &filter.condition {
        Some(condition) => predicate::predicate(scope, &schema, condition, diagnostics)?,
        None => Predicate::True,
    };
    let mut lineage = base.lineage;
    lineage.push(filter.name.text.clone());
    Some(SelectedEvents { predicate: both(base.predicate, own), lineage, ..base })
}

/// The events of a stream or filter for one use of it, as long as all uses together are
/// affordable.
fn used(
    scope: &mut NameScope<'_>,
    name: &SpannedName,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SelectedEvents> {
    if scope.comparisons > COMPARISONS_MAX {
        diagnostics.push(messages::too_many_comparisons(name.at.0));
        return None;
    }
    let selected = selected(scope, &name.text, depth, diagnostics)?;
    scope.comparisons += comparisons(&selected.predicate);
    Some(selected)
}

/// Counts what measures known already select once more; false, and reported, when all
/// uses together are not affordable.
pub(super) fn afford(
    scope: &mut NameScope<'_>,
    shapes: &[MeasureShape],
    place: SourceSpan,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let is_affordable = scope.comparisons <= COMPARISONS_MAX;
    if !is_affordable {
        diagnostics.push(messages::too_many_comparisons(place));
    }
    let selections = shapes.iter().flat_map(|shape| &shape.of);
    scope.comparisons += selections.map(|of| comparisons(&of.predicate)).sum::<usize>();
    is_affordable
}

/// The events a name used somewhere stands for; reports names that stand for none.
pub(super) fn events(
    scope: &mut NameScope<'_>,
    name: &SpannedName,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SelectedEvents> {
    match scope.declared.get(name.text.as_str()) {
        Some((Statement::Stream(_) | Statement::Filter(_), _)) => {
            used(scope, name, depth, diagnostics)
        }
        Some((Statement::Broken(_), _)) => None,
        Some((other, place)) => {
            let found = messages::not_events(name.at.0, &name.text, other.keyword());
            diagnostics.push(found.related(*place, messages::declared_here()));
            None
        }
        None => {
            let compared = diagnostics.len().saturating_mul(scope.declared.len());
            diagnostics.push(scope.unknown(name, compared > NAMES_COMPARED_MAX));
            None
        }
    }
}

/// Greatest number of comparisons of a predicate.
fn comparisons(predicate: &Predicate) -> usize {
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().map(comparisons).sum(),
        Predicate::Not(inner) => comparisons(inner),
        Predicate::In(_, items) => items.len(),
        Predicate::InNetwork(_, networks) => networks.len(),
        _ => 1,
    }
}

/// Both of two predicates.
pub(super) fn both(base: Predicate, own: Predicate) -> Predicate {
    let mut parts = Vec::new();
    for predicate in [base, own] {
        match predicate {
            Predicate::True => {}
            Predicate::And(inner) => parts.extend(inner),
            other => parts.push(other),
        }
    }
    match parts.pop() {
        None => Predicate::True,
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            Predicate::And(parts)
        }
    }
}
