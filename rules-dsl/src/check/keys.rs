//! The keys of alerts and watches: fields that every selection has alike.

use super::limits::KEY_PARTS_MAX;
use super::messages;
use super::scope::NameScope;
use super::stream::{field_index, identifies};
use super::types::SelectedEvents;
use crate::ast::KeyComponent;
use crate::diagnostic::Diagnostic;
use crate::rule::KeyPart;

/// The components as written; what is wrong with them is reported.
pub(super) fn key_parts(keys: &[KeyComponent], diagnostics: &mut Vec<Diagnostic>) -> Vec<KeyPart> {
    let mut parts: Vec<KeyPart> = Vec::new();
    for key in keys {
        let name = key.field.dotted();
        if parts.iter().any(|part| part.name == name) {
            diagnostics.push(messages::key_twice(key.field.at.0, &name));
        }
        parts.push(KeyPart { name, optional: key.optional });
    }
    if let Some(extra) = keys.get(KEY_PARTS_MAX) {
        diagnostics.push(messages::key_too_long(extra.field.at.0));
    }
    parts
}

/// The fields of the key in every selection; what is wrong with any of them is reported.
pub(super) fn keys(
    scope: &NameScope<'_>,
    selected: &[&SelectedEvents],
    by: &[KeyComponent],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Vec<usize>>> {
    let of = selected.iter();
    let each: Vec<Option<Vec<usize>>> =
        of.map(|of| key_fields(scope, of, by, diagnostics)).collect();
    let keys: Vec<Vec<usize>> = each.into_iter().collect::<Option<_>>()?;
    let mut all = selected.iter().zip(&keys).map(|(of, fields)| KeyFields { of, fields });
    let first = all.next();
    for other in all {
        keys_agree(scope, first.as_ref()?, &other, by, diagnostics)?;
    }
    Some(keys)
}

fn key_fields(
    scope: &NameScope<'_>,
    of: &SelectedEvents,
    keys: &[KeyComponent],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<usize>> {
    let schema = scope.schema(of.stream)?;
    let mut field = |key: &KeyComponent| {
        let name = key.field.dotted();
        let index = field_index(&schema, &name, key.field.at.0, diagnostics)?;
        if identifies(&schema.fields.get(index)?.kind) {
            return Some(index);
        }
        diagnostics.push(messages::measured_key(key.field.at.0, &name));
        None
    };
    let each: Vec<Option<usize>> = keys.iter().map(&mut field).collect();
    each.into_iter().collect()
}

/// The fields of the key in one selection.
struct KeyFields<'a> {
    of: &'a SelectedEvents,
    fields: &'a [usize],
}

fn keys_agree(
    scope: &NameScope<'_>,
    first: &KeyFields<'_>,
    other: &KeyFields<'_>,
    by: &[KeyComponent],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<()> {
    let (one, two) = (scope.schema(first.of.stream)?, scope.schema(other.of.stream)?);
    for ((key, left), right) in by.iter().zip(first.fields).zip(other.fields) {
        let (left, right) = (one.fields.get(*left)?, two.fields.get(*right)?);
        if left.kind != right.kind {
            let place = key.field.at.0;
            let found = messages::keys_disagree(place, &left.name, &one.name, &two.name);
            diagnostics.push(found);
            return None;
        }
    }
    Some(())
}
