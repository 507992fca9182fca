//! Tables: levels of single keys, and columns that messages show.

use model::decimal::Decimal;
use model::severity::Severity;

use super::messages;
use crate::ast::{self, NodeSpan, Quantity, Statement, TableLookup};
use crate::check::level::{is_harder, level_value};
use crate::check::limits::ROWS_MAX;
use crate::check::scope::NameScope;
use crate::check::types::{Table, TableRow, TypedMeasure};
use crate::diagnostic::Diagnostic;
use crate::quantity::unit_named;
use crate::rule::{ComparisonOp, KeyPart, OverrideRow, SeverityLevel, ThresholdOverrides};

/// Reads a table; `None` is reported.
pub(in crate::check) fn table(
    scope: &NameScope<'_>,
    written: &ast::Table,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Table> {
    let (file, place) = (&written.file.text, written.file.at.0);
    let mut report = |found: Diagnostic| diagnostics.push(found);
    let text = match scope.resolver.text(scope.file_name(place.file), file) {
        Ok(text) => text,
        Err(error) => {
            report(messages::unreadable(place, file, &error));
            return None;
        }
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.strip_prefix('\u{feff}').unwrap_or(&text).as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            report(messages::bad_csv(place, file, &error.to_string()));
            return None;
        }
    };
    let columns: Vec<String> = header.iter().skip(1).map(str::to_owned).collect();
    for (at, column) in columns.iter().enumerate() {
        if columns.get(..at).is_some_and(|before| before.contains(column)) {
            report(messages::column_twice(place, file, column));
            return None;
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                report(messages::bad_csv(place, file, &error.to_string()));
                return None;
            }
        };
        if rows.len() >= ROWS_MAX {
            report(messages::too_many_rows(place, file));
            return None;
        }
        let line = record.position().map_or(0, |at| at.line() as usize);
        let key = record.get(0).unwrap_or("");
        rows.push(TableRow {
            line,
            key: (key != "*").then(|| key.to_owned()),
            cells: record.iter().skip(1).map(str::to_owned).collect(),
        });
    }
    Some(Table { columns, rows })
}

/// The levels a rule has without its table.
pub(in crate::check) struct OwnThresholds<'a> {
    pub(in crate::check) valued: &'a TypedMeasure,
    pub(in crate::check) comparison: ComparisonOp,
    pub(in crate::check) severity: Severity,
    pub(in crate::check) level: Decimal,
    pub(in crate::check) rungs: &'a [SeverityLevel],
    pub(in crate::check) clear: Option<Decimal>,
}

/// `override TABLE(key)`; `None` is reported.
pub(in crate::check) fn overrides(
    scope: &NameScope<'_>,
    written: &TableLookup,
    by: &[KeyPart],
    own: &OwnThresholds<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ThresholdOverrides> {
    let Some(Statement::Table(_)) = scope.statement(&written.name, "table", diagnostics) else {
        return None;
    };
    let field = written.field.dotted();
    let key = by.iter().position(|part| part.name == field);
    if key.is_none() {
        diagnostics.push(messages::not_in_key(written.field.at.0, &field));
    }
    let table = scope.tables.get(&written.name.text)?;
    let place = written.name.at.0;
    let severities = std::iter::once(own.severity).chain(own.rungs.iter().map(|it| it.severity));
    let wanted: Vec<(Severity, Option<usize>)> = severities
        .map(|severity| {
            let is_it = |column: &String| Severity::from_word(column) == Some(severity);
            (severity, table.columns.iter().position(is_it))
        })
        .collect();
    if let Some((severity, _)) = wanted.first().filter(|_| wanted.iter().all(|it| it.1.is_none())) {
        let name = &written.name.text;
        diagnostics.push(messages::no_level_column(place, name, severity.name()));
        return None;
    }
    let clear = table.columns.iter().position(|column| column == "clear");
    let columns = LevelColumns { wanted, clear };
    let mut rows = Vec::new();
    for row in &table.rows {
        rows.push(override_row(row, &columns, written, own, diagnostics)?);
    }
    Some(ThresholdOverrides { key: key?, rows })
}

/// Columns of a table that hold levels.
struct LevelColumns {
    /// Those of the rule's severities.
    wanted: Vec<(Severity, Option<usize>)>,
    clear: Option<usize>,
}

fn override_row(
    row: &TableRow,
    columns: &LevelColumns,
    written: &TableLookup,
    own: &OwnThresholds<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<OverrideRow> {
    let (table, place) = (&written.name.text, written.name.at.0);
    let mut cell = |at: Option<usize>, otherwise: Option<Decimal>| {
        let text = at.and_then(|at| row.cells.get(at)).filter(|text| !text.is_empty());
        let Some(text) = text else {
            return Some(otherwise);
        };
        let mut found = Vec::new();
        let level = quantity(text, NodeSpan(place))
            .and_then(|quantity| level_value(own.valued, &quantity, &mut found));
        if level.is_none() {
            let mut wrong = messages::bad_level(place, table, row.line, text);
            wrong.expected = found.into_iter().find_map(|found| found.expected);
            diagnostics.push(wrong);
            return None;
        }
        Some(level)
    };
    let rules = std::iter::once(own.level).chain(own.rungs.iter().map(|it| it.level));
    let mut levels = Vec::new();
    for ((_, column), otherwise) in columns.wanted.iter().zip(rules) {
        levels.push(cell(*column, Some(otherwise))??);
    }
    let clear = cell(columns.clear, own.clear)?;
    let is_monotone = levels.windows(2).all(|pair| match pair {
        [below, above] => is_harder(own.comparison, *above, *below),
        _ => true,
    });
    if !is_monotone {
        diagnostics.push(messages::row_order(place, table, row.line));
        return None;
    }
    let (level, rungs) = levels.split_first()?;
    if clear.is_some() && own.clear.is_none() {
        diagnostics.push(messages::clear_of_none(place, table));
        return None;
    }
    if clear.is_some_and(|clear| !is_harder(own.comparison, *level, clear)) {
        diagnostics.push(messages::row_clear(place, table, row.line));
        return None;
    }
    Some(OverrideRow { key: row.key.clone(), level: *level, rungs: rungs.to_vec(), clear })
}

/// A number and its unit, as a cell has them.
fn quantity(text: &str, at: NodeSpan) -> Option<Quantity> {
    let split = text.find(|c: char| !c.is_ascii_digit() && !".-".contains(c));
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let value = Decimal::parse(number).ok()?;
    let unit = match unit.trim() {
        "" => None,
        word => Some(unit_named(word)?),
    };
    Some(Quantity { value, unit, at })
}

/// Rows of the only table that has a column: key and cell.
pub(in crate::check) fn column(
    scope: &NameScope<'_>,
    name: &str,
) -> Option<Vec<(Option<String>, String)>> {
    let mut having = scope
        .tables
        .values()
        .filter_map(|table| Some((table, table.columns.iter().position(|column| column == name)?)));
    let (table, at) = having.next()?;
    let said = |row: &TableRow| (row.key.clone(), row.cells.get(at).cloned().unwrap_or_default());
    having.next().is_none().then(|| table.rows.iter().map(said).collect())
}
