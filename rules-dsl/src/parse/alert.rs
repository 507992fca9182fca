//! `alert NAME TRIGGER { clause } SEVERITY { message … }`, and the measures triggers compare.

use model::severity::Severity;
use nom::Parser;
use nom::branch::alt;
use nom::combinator::{map, opt, value};
use nom::multi::separated_list1;

use super::level::level;
use super::tokens::{
    Parsed, Stop, Tokens, expect, free_path, keyword, name, path, plain_quantity, quantity, quoted,
    symbol,
};
use super::word::{LATER_CLAUSES, LATER_MEASURES, LATER_TRIGGERS};
use crate::ast::{Alert, At, HoldClause, Key, Measure, Path, Quantity, Quoted, Statement, Term};
use crate::diagnostic::{Code, Diagnostic, Text, text};
use crate::lex::TokenKind;

pub(super) fn alert(input: Tokens<'_>) -> Parsed<'_, Statement> {
    let (rest, _) = keyword("alert").parse(input)?;
    let (rest, name) = super::declared_name(rest)?;
    if let Some(word) = LATER_TRIGGERS.iter().find(|word| {
        let applies = matches!(rest.skip(1).first(), Some(TokenKind::Word(_)));
        rest.is_word(word) && applies && !severity_follows(rest.skip(1))
    }) {
        return Err(rest.not_yet(word));
    }
    let sequence = matches!(rest.first(), Some(TokenKind::Quantity(_)));
    if sequence && rest.skip(2).is_word("then") {
        return Err(rest.skip(2).not_yet("then"));
    }
    let trigger_at = rest;
    let (rest, measure) = measure(rest)?;
    if let Some(stop) = name_runs_into_level(&measure, rest) {
        return Err(stop);
    }
    if let Some(symbol) = ["+", "*", "/"].into_iter().find(|symbol| rest.is_symbol(symbol)) {
        return Err(rest.not_yet(symbol));
    }
    let (rest, level) = opt(level).parse(rest)?;
    let parts = Parts { measure, ..Parts::default() };
    let (rest, parts) = clauses(rest, parts)?;
    let (rest, tail) = tail(rest)?;
    let what = text!("a clause, a severity or the next statement", "句、重大度、次の文のどれか");
    let rest = super::statement_end(rest, what)?;
    let Some(level) = level else {
        return Err(missing_level(trigger_at));
    };
    let Some(severity) = parts.severity else {
        return Err(missing_severity(name.at, trigger_at));
    };
    let alert = Alert {
        name,
        measure: parts.measure,
        level,
        by: parts.by.unwrap_or_default(),
        hold_for: parts.hold_for,
        clear: parts.clear,
        keep: parts.keep,
        nodata: parts.nodata,
        severity,
        message: tail.message,
        runbook: tail.runbook,
        labels: tail.labels.unwrap_or_default(),
    };
    Ok((rest, Statement::Alert(Box::new(alert))))
}

/// `認証失敗10回/分` is one word up to the slash, hardly a division.
fn name_runs_into_level(measure: &Measure, rest: Tokens<'_>) -> Option<Stop> {
    let Term::Named(name) = &measure.term else {
        return None;
    };
    let digit = name.text.find(|c: char| c.is_ascii_digit()).filter(|at| *at > 0)?;
    let (head, level) = name.text.split_at_checked(digit)?;
    let unit = level.trim_start_matches(|c: char| c.is_ascii_digit());
    if !rest.is_symbol("/") || crate::quantity::unit_named(unit).is_none() {
        return None;
    }
    let text = &name.text;
    let message = text!("`{text}` is one word", "`{text}` は一語として読まれます");
    let help = text!(
        "put a space before the level: `{head} {level}/…`",
        "しきい値の前を空けてください: `{head} {level}/…`"
    );
    Some(rest.stop(Diagnostic::new(Code::UnknownName, name.at.0, message).help(help)))
}

fn severity_follows(input: Tokens<'_>) -> bool {
    input.bare_word().is_some_and(|word| Severity::from_word(word).is_some())
}

fn missing_level(trigger: Tokens<'_>) -> Stop {
    let message =
        text!("the trigger compares with nothing", "トリガーに比較するしきい値がありません");
    let help = text!(
        "write a level: `10回/分`, `>= 80% within 5m`",
        "しきい値を書いてください: `10回/分`、`>= 80% within 5分`"
    );
    trigger.stop(Diagnostic::new(Code::MissingLevel, trigger.place(), message).help(help))
}

fn missing_severity(at: At, tokens: Tokens<'_>) -> Stop {
    let message = text!("the alert has no severity", "アラートに重大度がありません");
    let help = text!(
        "after the clauses write one of critical high medium low",
        "句の後に 緊急 重要 通常 軽微 のどれかを書いてください"
    );
    tokens.stop(Diagnostic::new(Code::MissingSeverity, at.0, message).help(help))
}

/// A clause, option or entry written twice.
pub(super) fn repeated(at: Tokens<'_>) -> Diagnostic {
    let word = at.bare_word().unwrap_or("");
    let message = text!("`{word}` is written twice", "`{word}` が二度書かれています");
    let help = text!("keep one of them", "一つだけ残してください");
    Diagnostic::new(Code::RepeatedClause, at.place(), message).help(help)
}

/// A measure with its own `within` and `min`.
pub(super) fn measure(input: Tokens<'_>) -> Parsed<'_, Measure> {
    let (mut rest, term) = term(input)?;
    let mut measure = Measure { term, within: None, min: None };
    loop {
        let again = if rest.is_word("within") {
            let (after, length) = expect(length_wanted(), plain_quantity).parse(rest.skip(1))?;
            let again = measure.within.replace(length).is_some();
            (after, again)
        } else if rest.is_word("min") {
            let (after, count) = expect(count_wanted(), plain_quantity).parse(rest.skip(1))?;
            (after, measure.min.replace(count).is_some())
        } else {
            return Ok((rest, measure));
        };
        if again.1 {
            rest.note(repeated(rest));
        }
        rest = again.0;
    }
}

fn term(input: Tokens<'_>) -> Parsed<'_, Term> {
    if input.skip(1).is_symbol("(") {
        if let Some(word) = LATER_MEASURES.iter().find(|word| input.is_word(word)) {
            return Err(input.not_yet(word));
        }
        let (rest, function) = name(input)?;
        let what = text!(
            "a stream, a filter, or one of their fields",
            "stream、filter、またはそのフィールド"
        );
        let arguments =
            |input| separated_list1(symbol(","), expect(what.clone(), path)).parse(input);
        let (rest, arguments) = arguments(rest.skip(1))?;
        let (rest, _) = expect(text!("`,` or `)`", "`,` か `)`"), symbol(")")).parse(rest)?;
        return Ok((rest, Term::Call(function, arguments)));
    }
    let what = text!("a measure, filter or stream", "measure、filter、stream のどれか");
    let (rest, named) = expect(what, name).parse(input)?;
    Ok((rest, Term::Named(named)))
}

fn length_wanted() -> Text {
    text!("a length of time: `5m`", "時間の長さ: `5分`")
}

fn count_wanted() -> Text {
    text!("a number of events: `20`", "件数: `20`")
}

/// What stands between the trigger and the tail.
struct Parts {
    measure: Measure,
    by: Option<Vec<Key>>,
    hold_for: Option<Quantity>,
    clear: Option<Quantity>,
    keep: Option<Quantity>,
    nodata: Option<HoldClause>,
    severity: Option<Severity>,
}

impl Default for Parts {
    fn default() -> Parts {
        let nothing = crate::ast::Name { text: String::new(), at: At::default() };
        let measure = Measure { term: Term::Named(nothing), within: None, min: None };
        Parts {
            measure,
            by: None,
            hold_for: None,
            clear: None,
            keep: None,
            nodata: None,
            severity: None,
        }
    }
}

fn clauses(input: Tokens<'_>, mut parts: Parts) -> Parsed<'_, Parts> {
    let mut rest = input;
    while let Some(word) = rest.bare_word() {
        if LATER_CLAUSES.contains(&word) || matches!(word, "and" | "or") {
            return Err(rest.not_yet(word));
        }
        let at = rest;
        let (after, again) = match Severity::from_word(word) {
            Some(severity) => (rest.skip(1), parts.severity.replace(severity).is_some()),
            None => match clause(word, rest.skip(1), &mut parts)? {
                (after, Some(again)) => (after, again),
                (_, None) => break,
            },
        };
        if again {
            at.note(repeated(at));
        }
        rest = after;
    }
    Ok((rest, parts))
}

/// One clause after its word; whether it stood before, or `None` when the word is no clause.
fn clause<'a>(word: &str, rest: Tokens<'a>, parts: &mut Parts) -> Parsed<'a, Option<bool>> {
    let length = |input| expect(length_wanted(), plain_quantity).parse(input);
    let again;
    let after;
    match word {
        "within" => {
            let (left, read) = length(rest)?;
            again = parts.measure.within.replace(read).is_some();
            after = left;
        }
        "min" => {
            let (left, read) = expect(count_wanted(), plain_quantity).parse(rest)?;
            again = parts.measure.min.replace(read).is_some();
            after = left;
        }
        "by" => {
            let (left, read) = separated_list1(symbol(","), key).parse(rest)?;
            again = parts.by.replace(read).is_some();
            after = left;
        }
        "for" => {
            let (left, read) = length(rest)?;
            again = parts.hold_for.replace(read).is_some();
            after = left;
        }
        "keep" => {
            let (left, read) = length(rest)?;
            again = parts.keep.replace(read).is_some();
            after = left;
        }
        "clear" => {
            let what = text!("the level at which it is over: `70%`", "解消とみなすしきい値: `70%`");
            let (left, read) = expect(what, quantity).parse(rest)?;
            again = parts.clear.replace(read).is_some();
            after = left;
        }
        "nodata" => {
            let (left, read) = nodata(rest)?;
            again = parts.nodata.replace(read).is_some();
            after = left;
        }
        _ => return Ok((rest, None)),
    }
    Ok((after, Some(again)))
}

fn key(input: Tokens<'_>) -> Parsed<'_, Key> {
    let (rest, field) =
        expect(text!("a field to group by", "まとめる単位のフィールド"), path).parse(input)?;
    let (rest, optional) = opt(symbol("?")).parse(rest)?;
    Ok((rest, Key { field, optional: optional.is_some() }))
}

fn nodata(input: Tokens<'_>) -> Parsed<'_, HoldClause> {
    let hold = (keyword("hold"), expect(length_wanted(), plain_quantity));
    let known = alt((
        map(hold, |(_, length)| HoldClause::Hold(length)),
        value(HoldClause::Clear, keyword("clear")),
    ));
    expect(text!("`hold 5m` or `clear`", "`hold 5分` か `clear`"), known).parse(input)
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
        let at = rest;
        let entry = expect(text!("a text in quotes", "引用符で囲んだ文字列"), quoted);
        let again = if rest.is_word("message") || rest.is_word("runbook") {
            let (after, text) = { entry }.parse(rest.skip(1))?;
            rest = after;
            let slot = if at.is_word("message") { &mut tail.message } else { &mut tail.runbook };
            slot.replace(text).is_some()
        } else if rest.is_word("labels") {
            let (after, labels) = labels(rest.skip(1))?;
            rest = after;
            tail.labels.replace(labels).is_some()
        } else {
            let what = text!(
                "`message`, `runbook`, `labels` or `}}`",
                "`message`、`runbook`、`labels` か `}}`"
            );
            return Err(rest.unexpected(what));
        };
        if again {
            at.note(repeated(at));
        }
    }
    Ok((rest.skip(1), tail))
}

fn labels(input: Tokens<'_>) -> Parsed<'_, Vec<(Path, Quoted)>> {
    let (mut rest, _) = expect(text!("`{{`", "`{{`"), symbol("{")).parse(input)?;
    let mut labels = Vec::new();
    while !rest.is_symbol("}") {
        let (after, label) =
            expect(text!("a label: `team: \"core\"`", "ラベル: `team: \"core\"`"), free_path)
                .parse(rest)?;
        let (after, _) = expect(text!("`:`", "`:`"), symbol(":")).parse(after)?;
        let (after, text) =
            expect(text!("a text in quotes", "引用符で囲んだ文字列"), quoted).parse(after)?;
        labels.push((label, text));
        rest = opt(symbol(",")).parse(after)?.0;
    }
    Ok((rest.skip(1), labels))
}
