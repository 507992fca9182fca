//! `alert NAME TRIGGER { clause } GRADE { message … }`

use model::severity::Severity;
use nom::Parser;
use nom::branch::alt;
use nom::combinator::{map, opt, value};
use nom::multi::{many1, separated_list1};
use nom::sequence::preceded;

use super::foreign_syntax::severity_elsewhere;
use super::level::level;
use super::measure::{count, length};
use super::messages;
use super::tokens::{
    ParseFault, ParseResult, TokenCursor, expect, fill, free_path, keyword, name, path,
    plain_quantity, quantity, quoted, repeated, symbol,
};
use super::trigger::trigger;
use crate::ast::{
    Alert, AlertClauses, AlertSeverity, Condition, During, FieldPath, HoldClause, KeyComponent,
    NodeSpan, QuotedText, SeverityLevel, Statement, TableLookup, Trigger,
};

pub(super) fn alert(input: TokenCursor<'_>) -> ParseResult<'_, Statement> {
    let (rest, _) = keyword("alert").parse(input)?;
    let (start, name) = super::boundary::declared_name(rest)?;
    let (rest, mut trigger) = trigger(start)?;
    let mut parts = ClauseParts::default();
    if let Trigger::Condition(Condition::Compare(compare)) = &mut trigger {
        parts.clauses.window = std::mem::take(&mut compare.window);
    }
    let rest = clauses(rest, &trigger, &mut parts)?;
    if let Some((word, ours)) = rest.bare_word().and_then(|w| Some((w, severity_elsewhere(w)?))) {
        return Err(rest.stop(messages::no_severity(rest.place(), word, ours)));
    }
    let (rest, tail) = tail(rest)?;
    let rest = super::boundary::statement_end(rest, messages::after_alert())?;
    let Some(grade) = parts.grade else {
        return Err(start.stop(match bare_compare(&trigger) {
            true => messages::missing_level(start.place()),
            false => messages::missing_severity(name.at.0),
        }));
    };
    if bare_compare(&trigger) && matches!(grade, AlertSeverity::Severity(_)) {
        return Err(start.stop(messages::missing_level(start.place())));
    }
    let mut clauses = parts.clauses;
    clauses.by = parts.by.unwrap_or_default();
    gather_window(&mut trigger, &mut clauses);
    let alert = Alert {
        name,
        trigger,
        clauses,
        grade,
        message: tail.message,
        runbook: tail.runbook,
        labels: tail.labels.unwrap_or_default(),
    };
    Ok((rest, Statement::Alert(Box::new(alert))))
}

/// A comparison with nothing, which a ladder makes one.
fn bare_compare(trigger: &Trigger) -> bool {
    match trigger {
        Trigger::Condition(Condition::Compare(compare)) => compare.level.is_none(),
        _ => false,
    }
}

/// Without a level, clauses cannot be distinguished from the window of the measure.
fn gather_window(trigger: &mut Trigger, clauses: &mut AlertClauses) {
    let Trigger::Condition(Condition::Compare(compare)) = trigger else {
        return;
    };
    if compare.level.is_some() {
        return;
    }
    let (own, written) = (&mut compare.measure.window, std::mem::take(&mut clauses.window));
    own.within = own.within.take().or(written.within);
    own.step = own.step.take().or(written.step);
    own.min = own.min.take().or(written.min);
}

/// Clauses between the trigger and the tail.
#[derive(Default)]
struct ClauseParts {
    clauses: AlertClauses,
    by: Option<Vec<KeyComponent>>,
    grade: Option<AlertSeverity>,
}

fn clauses<'a>(
    input: TokenCursor<'a>,
    trigger: &Trigger,
    parts: &mut ClauseParts,
) -> Result<TokenCursor<'a>, super::tokens::ParseStop> {
    let mut rest = input;
    while let Some(word) = rest.bare_word() {
        let Some(read) = clause(word, rest, parts) else {
            break;
        };
        let (after, again) = read?;
        if again || in_measure(trigger, word) {
            rest.report_diagnostic(repeated(rest));
        } else if matches!(word, "within" | "step" | "min") && joined(trigger) {
            rest.report_diagnostic(messages::window_of_which(rest.place(), word));
        }
        rest = after;
    }
    Ok(rest)
}

/// True when a word of the window stands at the only measure of a trigger.
fn in_measure(trigger: &Trigger, word: &str) -> bool {
    let Trigger::Condition(Condition::Compare(compare)) = trigger else {
        return false;
    };
    let window = &compare.measure.window;
    match word {
        "within" => window.within.is_some(),
        "step" => window.step.is_some(),
        "min" => window.min.is_some(),
        _ => false,
    }
}

/// True when comparisons have windows of their own, so that one for all would be one too many.
fn joined(trigger: &Trigger) -> bool {
    match trigger {
        Trigger::Condition(condition) => !matches!(condition, Condition::Compare(_)),
        Trigger::Any { and, .. } => and.is_some(),
        _ => false,
    }
}

/// One clause, and whether it stood before; `None` when the word is no clause.
fn clause<'a>(
    word: &str,
    input: TokenCursor<'a>,
    parts: &mut ClauseParts,
) -> Option<ParseResult<'a, bool>> {
    let rest = input.skip(1);
    if let Some(severity) = Severity::from_word(word) {
        return Some(fill(&mut parts.grade, Ok((rest, AlertSeverity::Severity(severity)))));
    }
    let clauses = &mut parts.clauses;
    Some(match word {
        "ladder" => fill(&mut parts.grade, ladder(input)),
        "within" => fill(&mut clauses.window.within, length(rest)),
        "step" => fill(&mut clauses.window.step, length(rest)),
        "min" => fill(&mut clauses.window.min, count(rest)),
        "by" => fill(&mut parts.by, keys(rest)),
        "for" => fill(&mut clauses.hold_for, length(rest)),
        "keep" => fill(&mut clauses.keep, length(rest)),
        "clear" => fill(&mut clauses.clear, expect(messages::clear_level(), quantity).parse(rest)),
        "during" => fill(&mut clauses.during, during(rest)),
        "except" => fill(&mut clauses.except, lookup(rest, "社内", "src.ip")),
        "override" => fill(&mut clauses.overrides, lookup(rest, "cpu_limits", "host")),
        "notify" => {
            let each = |rest| expect(messages::each(), keyword("each")).parse(rest);
            let place = |(rest, _)| (rest, NodeSpan(input.place()));
            fill(&mut clauses.notify_each, each(rest).map(place))
        }
        "nodata" => fill(&mut clauses.nodata, nodata(rest)),
        "shadow" => fill(&mut clauses.shadow, Ok((rest, NodeSpan(input.place())))),
        "limit" => limit(rest, clauses),
        "seen" => fill(&mut clauses.seen, length(rest)),
        "in" => fill(&mut clauses.roster, expect(messages::roster(), name).parse(rest)),
        "learn" => fill(&mut clauses.learn, length(rest)),
        _ => return None,
    })
}

/// `k1, k2?`
pub(super) fn keys(input: TokenCursor<'_>) -> ParseResult<'_, Vec<KeyComponent>> {
    separated_list1(symbol(","), key).parse(input)
}

fn during(input: TokenCursor<'_>) -> ParseResult<'_, During> {
    let (rest, not) = opt(keyword("not")).parse(input)?;
    let (rest, calendar) = expect(messages::calendar(), name).parse(rest)?;
    Ok((rest, During { negated: not.is_some(), calendar }))
}

/// `LIST(field)`
fn lookup<'a>(input: TokenCursor<'a>, list: &str, field: &str) -> ParseResult<'a, TableLookup> {
    let what = || messages::lookup(list, field);
    let (rest, name) = expect(what(), name).parse(input)?;
    let (rest, _) = expect(what(), symbol("(")).parse(rest)?;
    let (rest, field) = expect(what(), path).parse(rest)?;
    let (rest, _) = expect(messages::close(), symbol(")")).parse(rest)?;
    Ok((rest, TableLookup { name, field }))
}

/// `100 keys`, `1000 values`
fn limit<'a>(input: TokenCursor<'a>, clauses: &mut AlertClauses) -> ParseResult<'a, bool> {
    let (rest, most) = expect(messages::limit(), plain_quantity).parse(input)?;
    let slot = match rest.bare_word() {
        Some("keys") => &mut clauses.limit_keys,
        Some("values") => &mut clauses.limit_values,
        _ => return Err(rest.unexpected(messages::limit())),
    };
    fill(slot, Ok((rest.skip(1), most)))
}

fn ladder(input: TokenCursor<'_>) -> ParseResult<'_, AlertSeverity> {
    let (rest, _) = expect(messages::brace(), symbol("{")).parse(input.skip(1))?;
    let (rest, rungs) = expect(messages::rung(), many1(rung)).parse(rest)?;
    let (rest, _) = expect(messages::rung(), symbol("}")).parse(rest)?;
    Ok((rest, AlertSeverity::Ladder(rungs, NodeSpan(input.place()))))
}

fn rung(input: TokenCursor<'_>) -> ParseResult<'_, SeverityLevel> {
    let word = input.bare_word();
    let severity = word.and_then(Severity::from_word).ok_or(nom::Err::Error(ParseFault))?;
    let (rest, level) = expect(messages::level(), level).parse(input.skip(1))?;
    if let Some(per) = &level.per {
        return Err(rest.stop(messages::rung_window(per.at.0)));
    }
    Ok((rest, SeverityLevel { severity, level }))
}

fn key(input: TokenCursor<'_>) -> ParseResult<'_, KeyComponent> {
    let (rest, field) = expect(messages::key(), path).parse(input)?;
    let (rest, optional) = opt(symbol("?")).parse(rest)?;
    Ok((rest, KeyComponent { field, optional: optional.is_some() }))
}

fn nodata(input: TokenCursor<'_>) -> ParseResult<'_, HoldClause> {
    let known = alt((
        map(preceded(keyword("hold"), length), HoldClause::Hold),
        value(HoldClause::Clear, keyword("clear")),
    ));
    expect(messages::nodata(), known).parse(input)
}

/// Texts in the braces after the severity.
#[derive(Default)]
struct AlertTail {
    message: Option<QuotedText>,
    runbook: Option<QuotedText>,
    labels: Option<Vec<(FieldPath, QuotedText)>>,
}

fn tail(input: TokenCursor<'_>) -> ParseResult<'_, AlertTail> {
    let mut tail = AlertTail::default();
    if !input.is_symbol("{") {
        return Ok((input, tail));
    }
    let mut rest = input.skip(1);
    while !rest.is_symbol("}") {
        let entry = rest.skip(1);
        let (after, again) = match rest.bare_word() {
            Some("message") => fill(&mut tail.message, text_in_quotes(entry))?,
            Some("runbook") => fill(&mut tail.runbook, text_in_quotes(entry))?,
            Some("labels") => fill(&mut tail.labels, labels(entry))?,
            _ => return Err(rest.unexpected(messages::tail_entry())),
        };
        if again {
            rest.report_diagnostic(repeated(rest));
        }
        rest = after;
    }
    Ok((rest.skip(1), tail))
}

pub(super) fn text_in_quotes(input: TokenCursor<'_>) -> ParseResult<'_, QuotedText> {
    expect(messages::quoted(), quoted).parse(input)
}

fn labels(input: TokenCursor<'_>) -> ParseResult<'_, Vec<(FieldPath, QuotedText)>> {
    let (mut rest, _) = expect(messages::brace(), symbol("{")).parse(input)?;
    let mut labels = Vec::new();
    while !rest.is_symbol("}") {
        let (after, label) = expect(messages::label(), free_path).parse(rest)?;
        let (after, _) = expect(messages::colon(), symbol(":")).parse(after)?;
        let (after, text) = text_in_quotes(after)?;
        labels.push((label, text));
        rest = opt(symbol(",")).parse(after)?.0;
    }
    Ok((rest.skip(1), labels))
}
