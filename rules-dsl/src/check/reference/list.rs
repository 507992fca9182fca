//! Lists: literals, networks, or the lines of a file.

use super::messages;
use crate::ast::{self, ListItems};
use crate::check::constant::network;
use crate::check::limits::ITEMS_MAX;
use crate::check::scope::NameScope;
use crate::check::types::List;
use crate::diagnostic::Diagnostic;
use crate::rule::IpNetwork;

/// Reads a list; `None` is reported.
pub(in crate::check) fn list(
    scope: &NameScope<'_>,
    written: &ast::List,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<List> {
    match &written.items {
        ListItems::Literals(items) => Some(List::Literals(items.clone())),
        ListItems::Networks(networks) => {
            let read = networks.iter().map(|text| {
                let network = network(&text.text);
                if network.is_none() {
                    diagnostics.push(crate::check::messages::bad_network(text.at.0, &text.text));
                }
                network
            });
            let read: Vec<Option<IpNetwork>> = read.collect();
            read.into_iter().collect::<Option<_>>().map(List::Networks)
        }
        ListItems::File(file) => {
            let near = scope.file_name(file.at.0.file);
            let text = match scope.resolver.text(near, &file.text) {
                Ok(text) => text,
                Err(error) => {
                    diagnostics.push(messages::unreadable(file.at.0, &file.text, &error));
                    return None;
                }
            };
            let lines: Vec<(usize, String)> = items(&text).collect();
            if lines.len() > ITEMS_MAX {
                diagnostics.push(messages::too_many_items(file.at.0, &file.text));
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
