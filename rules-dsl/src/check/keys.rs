//! The keys of alerts and watches: fields that every selection has alike.

use model::schema::FieldType;

use super::{Scope, Selected, wording};
use crate::ast::Key;
use crate::diagnostic::Diagnostic;
use crate::rule::KeyPart;

/// Most components of a key.
pub const KEY_PARTS_MAX: usize = 8;

/// The components as written; what is wrong with them is reported.
pub(super) fn key_parts(keys: &[Key], diagnostics: &mut Vec<Diagnostic>) -> Vec<KeyPart> {
    let mut parts: Vec<KeyPart> = Vec::new();
    for key in keys {
        let name = key.field.dotted();
        if parts.iter().any(|part| part.name == name) {
            diagnostics.push(wording::key_twice(key.field.at.0, &name));
        }
        parts.push(KeyPart { name, optional: key.optional });
    }
    if let Some(extra) = keys.get(KEY_PARTS_MAX) {
        diagnostics.push(wording::key_too_long(extra.field.at.0));
    }
    parts
}

/// The fields of the key in every selection; what is wrong with any of them is reported.
pub(super) fn keys(
    scope: &Scope<'_>,
    selected: &[&Selected],
    by: &[Key],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Vec<usize>>> {
    let of = selected.iter();
    let each: Vec<Option<Vec<usize>>> =
        of.map(|of| key_fields(scope, of, by, diagnostics)).collect();
    let keys: Vec<Vec<usize>> = each.into_iter().collect::<Option<_>>()?;
    for (other, fields) in selected.iter().zip(&keys).skip(1) {
        let first = selected.first().copied().zip(keys.first())?;
        keys_agree(scope, first, (other, fields), by, diagnostics)?;
    }
    Some(keys)
}

/// Whether values of a type name something, rather than measure it.
pub(super) const fn identifies(kind: &FieldType) -> bool {
    use FieldType::{Bool, Int, Ip, Str};
    matches!(kind, Str | Int | Bool | Ip)
}

fn key_fields(
    scope: &Scope<'_>,
    of: &Selected,
    keys: &[Key],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<usize>> {
    let schema = scope.schema(of.stream)?;
    let mut field = |key: &Key| {
        let name = key.field.dotted();
        let index = super::stream::field_index(&schema, &name, key.field.at.0, diagnostics)?;
        if identifies(&schema.fields.get(index)?.kind) {
            return Some(index);
        }
        diagnostics.push(wording::measured_key(key.field.at.0, &name));
        None
    };
    let each: Vec<Option<usize>> = keys.iter().map(&mut field).collect();
    each.into_iter().collect()
}

type Keyed<'a> = (&'a Selected, &'a Vec<usize>);

fn keys_agree(
    scope: &Scope<'_>,
    (one, one_keys): Keyed<'_>,
    (other, other_keys): Keyed<'_>,
    by: &[Key],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<()> {
    let (one, other) = (scope.schema(one.stream)?, scope.schema(other.stream)?);
    for ((key, left), right) in by.iter().zip(one_keys).zip(other_keys) {
        let (left, right) = (one.fields.get(*left)?, other.fields.get(*right)?);
        if left.kind != right.kind {
            let place = key.field.at.0;
            let found = wording::keys_disagree(place, &left.name, &one.name, &other.name);
            diagnostics.push(found);
            return None;
        }
    }
    Some(())
}
