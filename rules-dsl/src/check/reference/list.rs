//! Lists: literals, networks, or the lines of a file.

use std::net::IpAddr;

use model::decimal::Decimal;
use model::schema::Schema;

use super::super::constant::network;
use super::super::kind::Kind;
use super::super::predicate::{constant, place};
use super::super::{Scope, Statement};
use super::wording;
use crate::ast::{self, Items, Name};
use crate::diagnostic::Diagnostic;
use crate::rule::{Constant, Network, Operand, Predicate, Roster};

/// Most items of a list.
pub const ITEMS_MAX: usize = 100_000;

/// A list that was read.
#[derive(Clone, Debug)]
pub(in crate::check) enum List {
    /// Constants, typed where they are used.
    Literals(Vec<ast::Expression>),
    Networks(Vec<Network>),
    /// The lines of a file and their numbers.
    Lines {
        file: String,
        lines: Vec<(usize, String)>,
    },
}

/// Reads a list; `None` is reported.
pub(in crate::check) fn list(
    scope: &Scope<'_>,
    written: &ast::List,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<List> {
    match &written.items {
        Items::Literals(items) => Some(List::Literals(items.clone())),
        Items::Networks(networks) => {
            let read = networks.iter().map(|text| {
                let network = network(&text.text);
                if network.is_none() {
                    diagnostics.push(crate::check::wording::bad_network(text.at.0, &text.text));
                }
                network
            });
            let read: Vec<Option<Network>> = read.collect();
            read.into_iter().collect::<Option<_>>().map(List::Networks)
        }
        Items::File(file) => {
            let near = scope.file_name(file.at.0.file);
            let text = match scope.surroundings.text(near, &file.text) {
                Ok(text) => text,
                Err(error) => {
                    diagnostics.push(wording::unreadable(file.at.0, &file.text, &error));
                    return None;
                }
            };
            let lines: Vec<(usize, String)> = items(&text).collect();
            if lines.len() > ITEMS_MAX {
                diagnostics.push(wording::too_many_items(file.at.0, &file.text));
                return None;
            }
            Some(List::Lines { file: file.text.clone(), lines })
        }
    }
}

/// The items of a text: one a line, without comments and blank lines.
fn items(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().enumerate().filter_map(|(number, line)| {
        let item = line.split('#').next().unwrap_or("").trim();
        (!item.is_empty()).then(|| (number + 1, item.to_owned()))
    })
}

/// `x in LIST`: whether an operand is one of its items; `None` is reported.
pub(in crate::check) fn members(
    list: &List,
    (operand, kind): (Operand, &Kind),
    name: &Name,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Predicate> {
    match list {
        List::Networks(networks) if *kind == Kind::Ip => {
            Some(Predicate::InNetwork(operand, networks.clone()))
        }
        // A file of addresses may hold networks too: an address is a network of one.
        List::Lines { .. } if *kind == Kind::Ip => {
            let networks = lines(list, name, kind, diagnostics, network)?;
            Some(Predicate::InNetwork(operand, networks))
        }
        _ => Some(Predicate::In(operand, constants(list, name, kind, schema, diagnostics)?)),
    }
}

/// The keys of a roster: the items of a list as values of the key's one component.
pub(in crate::check) fn roster(
    scope: &Scope<'_>,
    name: &Name,
    kind: &Kind,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Roster> {
    let list = scope.list(name, diagnostics)?;
    constants(list, name, kind, schema, diagnostics).map(Roster::Listed)
}

/// The items as constants of a type.
fn constants(
    list: &List,
    name: &Name,
    kind: &Kind,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Constant>> {
    match list {
        List::Literals(items) => {
            let mut found = Vec::new();
            let read: Vec<Option<Constant>> =
                items.iter().map(|item| constant(schema, item, kind, &mut found)).collect();
            // The list is right by itself; what does not fit is its use here.
            let first = items.first().map_or(name.at.0, place);
            for wrong in found {
                diagnostics.push(
                    Diagnostic {
                        span: name.at.0.start..name.at.0.end,
                        file: name.at.0.file,
                        ..wrong
                    }
                    .related(first, crate::check::wording::declared_here()),
                );
            }
            read.into_iter().collect()
        }
        List::Networks(_) => {
            let found = crate::check::wording::types_disagree(name.at.0);
            diagnostics.push(found.found(Kind::Ip.words()).expected(kind.words()));
            None
        }
        List::Lines { .. } => lines(list, name, kind, diagnostics, |text| match kind {
            Kind::Text => Some(Constant::Text(text.to_owned())),
            Kind::Number => Decimal::parse(text).ok().map(Constant::Number),
            Kind::Bool => text.parse().ok().map(Constant::Bool),
            Kind::Ip => {
                let address: IpAddr = text.parse().ok()?;
                Some(Constant::Ip(address.to_canonical()))
            }
            _ => None,
        }),
    }
}

/// Every line read as something; the first that cannot be is reported.
fn lines<T>(
    list: &List,
    name: &Name,
    kind: &Kind,
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
            let expected = crate::diagnostic::Text {
                en: wording::items_of(&words.en).en,
                ja: wording::items_of(&words.ja).ja,
            };
            let found = wording::bad_line(name.at.0, file, *number, text);
            diagnostics.push(found.expected(expected));
            return None;
        };
        items.push(item);
    }
    Some(items)
}

impl Scope<'_> {
    /// The list of a name; `None` is reported, here or where it stands.
    pub(in crate::check) fn list(
        &self,
        name: &Name,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<&List> {
        let Some(Statement::List(_)) = self.statement(name, "list", diagnostics) else {
            return None;
        };
        self.lists.get(&name.text)
    }
}

#[cfg(test)]
mod tests {
    use super::items;

    #[test]
    fn a_line_is_an_item_but_for_comments() {
        let text = "\u{feff}web-1\n\n  db-1  # primary\n# none\r\nweb-2\r\n";
        let found: Vec<(usize, String)> = items(text).collect();
        let want = [(1, "web-1"), (3, "db-1"), (5, "web-2")];
        assert_eq!(found, want.map(|(line, item)| (line, item.to_owned())));
    }
}
