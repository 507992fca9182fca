//! `alert NAME TRIGGER { clause } SEVERITY { message … }`, and the measures triggers compare.

use model::severity::Severity;
use nom::Parser;
use nom::branch::alt;
use nom::combinator::{map, opt, value};
use nom::multi::separated_list1;
use nom::sequence::preceded;

use super::level::level;
use super::tokens::{
    Parsed, Stop, Tokens, expect, free_path, keyword, name, path, plain_quantity, quantity, quoted,
    symbol,
};
use super::word::{LATER_CLAUSES, LATER_MEASURES, LATER_TRIGGERS};
use super::wording;
use crate::ast::{
    Alert, Clauses, Compare, Condition, Grade, HoldClause, Key, Measure, Path, Quantity, Quoted,
    Statement, Term, Trigger, Window,
};
use crate::diagnostic::Diagnostic;
use crate::lex::TokenKind;

pub(super) fn alert(input: Tokens<'_>) -> Parsed<'_, Statement> {
    let (rest, _) = keyword("alert").parse(input)?;
    let (trigger, name) = super::declared_name(rest)?;
    if let Some(stop) = later_trigger(trigger) {
        return Err(stop);
    }
    let (rest, measure) = measure(trigger)?;
    if let Some(stop) = name_runs_into_level(&measure, rest).or_else(|| arithmetic(rest)) {
        return Err(stop);
    }
    let (rest, level) = opt(level).parse(rest)?;
    let (rest, parts) = clauses(rest, &measure)?;
    let (rest, tail) = tail(rest)?;
    let rest = super::statement_end(rest, wording::after_alert())?;
    if level.is_none() {
        return Err(trigger.stop(wording::missing_level(trigger.place())));
    }
    let Some(severity) = parts.severity else {
        return Err(trigger.stop(wording::missing_severity(name.at.0)));
    };
    let compare = Compare { measure, level, window: Window::default() };
    let alert = Alert {
        name,
        trigger: Trigger::Condition(Condition::Compare(Box::new(compare))),
        clauses: parts.clauses,
        grade: Grade::Severity(severity),
        message: tail.message,
        runbook: tail.runbook,
        labels: tail.labels.unwrap_or_default(),
    };
    Ok((rest, Statement::Alert(Box::new(alert))))
}

/// `any x`, `new f in x`, `5 a then b`: triggers of the language that come later.
fn later_trigger(trigger: Tokens<'_>) -> Option<Stop> {
    let follows_name = matches!(trigger.skip(1).first(), Some(TokenKind::Word(_)));
    if follows_name && !severity_follows(trigger.skip(1)) {
        let word = LATER_TRIGGERS.iter().find(|word| trigger.is_word(word));
        if let Some(word) = word {
            return Some(trigger.not_yet(word));
        }
    }
    let counted = matches!(trigger.first(), Some(TokenKind::Quantity(_)));
    let then = trigger.skip(2);
    (counted && then.is_word("then")).then(|| then.not_yet("then"))
}

fn arithmetic(rest: Tokens<'_>) -> Option<Stop> {
    let symbol = ["+", "*", "/"].into_iter().find(|symbol| rest.is_symbol(symbol));
    symbol.map(|symbol| rest.not_yet(symbol))
}

/// `認証失敗10回/分` is one word up to the slash, hardly a division.
fn name_runs_into_level(measure: &Measure, rest: Tokens<'_>) -> Option<Stop> {
    let Term::Named(name) = &measure.term else {
        return None;
    };
    let is_digit = |c: char| c.is_ascii_digit();
    let digit = name.text.find(is_digit).filter(|at| *at > 0)?;
    let (head, level) = name.text.split_at_checked(digit)?;
    let unit = level.trim_start_matches(is_digit);
    if !rest.is_symbol("/") || crate::quantity::unit_named(unit).is_none() {
        return None;
    }
    Some(rest.stop(wording::one_word(name.at.0, &name.text, head, level)))
}

fn severity_follows(input: Tokens<'_>) -> bool {
    input.bare_word().is_some_and(|word| Severity::from_word(word).is_some())
}

/// A clause, option or entry written twice.
pub(super) fn repeated(at: Tokens<'_>) -> Diagnostic {
    wording::repeated(at.place(), at.bare_word().unwrap_or(""))
}

/// Fills a slot; whether it was filled before.
pub(super) fn fill<'a, T>(slot: &mut Option<T>, parsed: Parsed<'a, T>) -> Parsed<'a, bool> {
    parsed.map(|(rest, read)| (rest, slot.replace(read).is_some()))
}

fn length(input: Tokens<'_>) -> Parsed<'_, Quantity> {
    expect(wording::length(), plain_quantity).parse(input)
}

fn count(input: Tokens<'_>) -> Parsed<'_, Quantity> {
    expect(wording::count(), plain_quantity).parse(input)
}

/// A measure with its own `within` and `min`.
pub(super) fn measure(input: Tokens<'_>) -> Parsed<'_, Measure> {
    let (mut rest, term) = term(input)?;
    let mut window = Window::default();
    loop {
        let (after, again) = match rest.bare_word() {
            Some("within") => fill(&mut window.within, length(rest.skip(1)))?,
            Some("min") => fill(&mut window.min, count(rest.skip(1)))?,
            _ => return Ok((rest, Measure { term, window })),
        };
        if again {
            rest.note(repeated(rest));
        }
        rest = after;
    }
}

fn term(input: Tokens<'_>) -> Parsed<'_, Term> {
    if !input.skip(1).is_symbol("(") {
        return expect(wording::measured(), name).map(Term::Named).parse(input);
    }
    if let Some(word) = LATER_MEASURES.iter().find(|word| input.is_word(word)) {
        return Err(input.not_yet(word));
    }
    let (rest, function) = name(input)?;
    let argument = expect(wording::argument(), path);
    let (rest, arguments) = separated_list1(symbol(","), argument).parse(rest.skip(1))?;
    let (rest, _) = expect(wording::more_or_close(), symbol(")")).parse(rest)?;
    Ok((rest, Term::Call(function, arguments)))
}

/// What stands between the trigger and the tail.
#[derive(Default)]
struct Parts {
    clauses: Clauses,
    by: Option<Vec<Key>>,
    severity: Option<Severity>,
}

fn clauses<'a>(input: Tokens<'a>, measure: &Measure) -> Parsed<'a, Parts> {
    let mut rest = input;
    let mut parts = Parts::default();
    while let Some(word) = rest.bare_word() {
        if LATER_CLAUSES.contains(&word) || matches!(word, "and" | "or") {
            return Err(rest.not_yet(word));
        }
        let in_measure = match word {
            "within" => measure.window.within.is_some(),
            "min" => measure.window.min.is_some(),
            _ => false,
        };
        let Some(read) = clause(word, rest.skip(1), &mut parts) else {
            break;
        };
        let (after, again) = read?;
        if again || in_measure {
            rest.note(repeated(rest));
        }
        rest = after;
    }
    parts.clauses.by = parts.by.take().unwrap_or_default();
    Ok((rest, parts))
}

/// One clause after its word, and whether it stood before; `None` when the word is no clause.
fn clause<'a>(word: &str, rest: Tokens<'a>, parts: &mut Parts) -> Option<Parsed<'a, bool>> {
    if let Some(severity) = Severity::from_word(word) {
        return Some(fill(&mut parts.severity, Ok((rest, severity))));
    }
    let clauses = &mut parts.clauses;
    Some(match word {
        "within" => fill(&mut clauses.window.within, length(rest)),
        "min" => fill(&mut clauses.window.min, count(rest)),
        "by" => fill(&mut parts.by, separated_list1(symbol(","), key).parse(rest)),
        "for" => fill(&mut clauses.hold_for, length(rest)),
        "keep" => fill(&mut clauses.keep, length(rest)),
        "clear" => {
            let level = expect(wording::clear_level(), quantity).parse(rest);
            fill(&mut clauses.clear, level)
        }
        "nodata" => fill(&mut clauses.nodata, nodata(rest)),
        _ => return None,
    })
}

fn key(input: Tokens<'_>) -> Parsed<'_, Key> {
    let (rest, field) = expect(wording::key(), path).parse(input)?;
    let (rest, optional) = opt(symbol("?")).parse(rest)?;
    Ok((rest, Key { field, optional: optional.is_some() }))
}

fn nodata(input: Tokens<'_>) -> Parsed<'_, HoldClause> {
    let known = alt((
        map(preceded(keyword("hold"), length), HoldClause::Hold),
        value(HoldClause::Clear, keyword("clear")),
    ));
    expect(wording::nodata(), known).parse(input)
}

/// What stands in the braces after the severity.
#[derive(Default)]
struct Tail {
    message: Option<Quoted>,
    runbook: Option<Quoted>,
    labels: Option<Vec<(Path, Quoted)>>,
}

fn tail(input: Tokens<'_>) -> Parsed<'_, Tail> {
    let mut tail = Tail::default();
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
            _ => return Err(rest.unexpected(wording::tail_entry())),
        };
        if again {
            rest.note(repeated(rest));
        }
        rest = after;
    }
    Ok((rest.skip(1), tail))
}

fn text_in_quotes(input: Tokens<'_>) -> Parsed<'_, Quoted> {
    expect(wording::quoted(), quoted).parse(input)
}

fn labels(input: Tokens<'_>) -> Parsed<'_, Vec<(Path, Quoted)>> {
    let (mut rest, _) = expect(wording::brace(), symbol("{")).parse(input)?;
    let mut labels = Vec::new();
    while !rest.is_symbol("}") {
        let (after, label) = expect(wording::label(), free_path).parse(rest)?;
        let (after, _) = expect(wording::colon(), symbol(":")).parse(after)?;
        let (after, text) = text_in_quotes(after)?;
        labels.push((label, text));
        rest = opt(symbol(",")).parse(after)?.0;
    }
    Ok((rest.skip(1), labels))
}
