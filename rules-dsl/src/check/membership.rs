//! Lists as values: the items of `x in LIST`, and the keys of a roster.

use std::net::IpAddr;

use model::decimal::Decimal;
use model::schema::Schema;

use super::constant::network;
use super::kind::ValueType;
use super::predicate::{TypedOperand, constant, place};
use super::scope::NameScope;
use super::types::List;
use super::{messages, reference};
use crate::ast::SpannedName;
use crate::diagnostic::Diagnostic;
use crate::rule::{AbsenceRoster, ConstantValue, Predicate};

/// `x in LIST`: whether an operand is one of its items; `None` is reported.
pub(super) fn members(
    list: &List,
    value: TypedOperand,
    name: &SpannedName,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Predicate> {
    match list {
        List::Networks(networks) if value.kind == ValueType::Ip => {
            Some(Predicate::InNetwork(value.operand, networks.clone()))
        }
        // A file of addresses may hold networks too: an address is a network of one.
        List::Lines { .. } if value.kind == ValueType::Ip => {
            let networks = lines(list, name, &value.kind, diagnostics, network)?;
            Some(Predicate::InNetwork(value.operand, networks))
        }
        _ => {
            let items = constants(list, name, &value.kind, schema, diagnostics)?;
            Some(Predicate::In(value.operand, items))
        }
    }
}

/// The keys of a roster: the items of a list as values of the key's one component.
pub(super) fn roster(
    scope: &NameScope<'_>,
    name: &SpannedName,
    kind: &ValueType,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<AbsenceRoster> {
    let list = scope.list(name, diagnostics)?;
    constants(list, name, kind, schema, diagnostics).map(AbsenceRoster::Listed)
}

/// The items as constants of a type.
fn constants(
    list: &List,
    name: &SpannedName,
    kind: &ValueType,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<ConstantValue>> {
    match list {
        List::Literals(items) => {
            let mut found = Vec::new();
            let read: Vec<Option<ConstantValue>> =
                items.iter().map(|item| constant(schema, item, kind, &mut found)).collect();
            // The list itself is valid; its use here is not.
            let first = items.first().map_or(name.at.0, place);
            for wrong in found {
                diagnostics.push(
                    Diagnostic {
                        span: name.at.0.start..name.at.0.end,
                        file: name.at.0.file,
                        ..wrong
                    }
                    .related(first, messages::declared_here()),
                );
            }
            read.into_iter().collect()
        }
        List::Networks(_) => {
            let found = messages::types_disagree(name.at.0);
            diagnostics.push(found.found(ValueType::Ip.words()).expected(kind.words()));
            None
        }
        List::Lines { .. } => lines(list, name, kind, diagnostics, |text| match kind {
            ValueType::Text => Some(ConstantValue::Text(text.to_owned())),
            ValueType::Number => Decimal::parse(text).ok().map(ConstantValue::Number),
            ValueType::Bool => text.parse().ok().map(ConstantValue::Bool),
            ValueType::Ip => {
                let address: IpAddr = text.parse().ok()?;
                Some(ConstantValue::Ip(address.to_canonical()))
            }
            _ => None,
        }),
    }
}

/// Every line read as something; the first that cannot be is reported.
fn lines<T>(
    list: &List,
    name: &SpannedName,
    kind: &ValueType,
    diagnostics: &mut Vec<Diagnostic>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let List::Lines { file, lines } = list else {
        return None;
    };
    let mut items = Vec::new();
    for (number, text) in lines {
        let Some(item) = read(text) else {
            let words = kind.words();
            let expected = crate::diagnostic::BilingualText {
                en: reference::items_of(&words.en).en,
                ja: reference::items_of(&words.ja).ja,
            };
            let found = reference::bad_line(name.at.0, file, *number, text);
            diagnostics.push(found.expected(expected));
            return None;
        };
        items.push(item);
    }
    Some(items)
}
