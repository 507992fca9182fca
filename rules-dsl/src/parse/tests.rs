use super::statement::STATEMENTS_MAX;
use super::tokens::NESTING_MAX;
use super::{expression, parse, stream};
use crate::ast::{Ast, Statement};
use crate::diagnostic::{Diagnostic, DiagnosticCode};
use crate::print::print;

fn read(text: &str) -> (Vec<Statement>, Vec<Diagnostic>) {
    let (ast, found) = parse(0, text);
    (ast.statements, found)
}

fn codes(text: &str) -> Vec<DiagnosticCode> {
    read(text).1.iter().map(|d| d.code).collect()
}

/// The names of what was read, those only declared in brackets.
fn names(text: &str) -> Vec<String> {
    let shown = |statement: &Statement| match statement {
        Statement::Stream(it) => it.name.text.clone(),
        Statement::Filter(it) => it.name.text.clone(),
        Statement::Measure(it) => it.name.text.clone(),
        Statement::Alert(it) => it.name.text.clone(),
        Statement::List(it) => it.name.text.clone(),
        Statement::Table(it) => it.name.text.clone(),
        Statement::Calendar(it) => it.name.text.clone(),
        Statement::Watch(it) => it.name.text.clone(),
        Statement::Test(it) => it.alert.text.clone(),
        Statement::Broken(name) => format!("[{}]", name.text),
    };
    read(text).0.iter().map(shown).collect()
}

#[test]
fn reading_resumes_at_the_next_statement() {
    let cases: &[(&str, &[&str], &[DiagnosticCode])] = &[
        ("filter a = b\nfilter c = d", &["a", "c"], &[]),
        ("filter a b\nfilter c = d", &["[a]", "c"], &[DiagnosticCode::Unexpected]),
        ("filter = b\nfilter c = d", &["c"], &[DiagnosticCode::Unexpected]),
        (
            "filter a = \nfilter c = \nfilter e = f",
            &["[a]", "[c]", "e"],
            &[DiagnosticCode::ReservedWord; 2],
        ),
        ("} ) filter a = b", &["a"], &[DiagnosticCode::Unexpected]),
        (
            "alert a b 10回/分\nalert c d\nalert e f 1回/分 high",
            &["[a]", "[c]", "e"],
            &[DiagnosticCode::MissingSeverity, DiagnosticCode::MissingLevel],
        ),
        ("stream a { x }\nfilter b = a", &["[a]", "b"], &[DiagnosticCode::Unexpected]),
        ("stream a { x: \nfilter b = a", &["[a]", "b"], &[DiagnosticCode::Unexpected]),
        ("filter a = b where (c == 1\nfilter d = e", &["[a]", "d"], &[DiagnosticCode::Unexpected]),
        (
            "filter a = b where x == 1万 and y == 2\nfilter c = d",
            &["[a]", "c"],
            &[DiagnosticCode::NumberSpelling],
        ),
        ("test t { given a }\nfilter c = d", &["c"], &[DiagnosticCode::Unexpected]),
        ("tset t { given a { } at 0s }\nfilter c = d", &["c"], &[DiagnosticCode::Unexpected]),
        ("list a = \nwatch b = c", &["[a]", "b"], &[DiagnosticCode::Unexpected]),
        (
            "table a = \"x\"\ncalendar b = mon 9:00",
            &["[a]", "[b]"],
            &[DiagnosticCode::Unexpected; 2],
        ),
        ("filter `` = b\nfilter c = d", &["c"], &[DiagnosticCode::Unterminated]),
    ];
    for (text, want_names, want_codes) in cases {
        assert_eq!(names(text), *want_names, "{text}");
        let mut got = codes(text);
        got.sort_unstable();
        let mut want = want_codes.to_vec();
        want.sort_unstable();
        assert_eq!(got, want, "{text}: {:#?}", read(text).1);
    }
}

#[test]
fn misspelt_words_are_guessed() {
    // (text, the word guessed, what is still read)
    let cases: &[(&str, &str, &[&str])] = &[
        ("alret a b 10回/分 high", "alert", &["[a]"]),
        ("filters a = b", "filter", &["[a]"]),
        ("fliter a = b where x == 1", "filter", &["[a]"]),
        ("steram a { ts: time }", "stream", &["[a]"]),
        ("mesure a = avg(b.c)", "measure", &["[a]"]),
        ("filter c = d\nalret a b 10回/分 high", "alert", &["c", "[a]"]),
        ("filter c = d where x == 1\nfilters a = b\nfilter e = f", "filter", &["c", "[a]", "e"]),
        ("measure m = avg(a.b)\nalrt a m 5/分 high", "alert", &["m", "[a]"]),
        ("stream s { ts: time }\nfiler a = s", "filter", &["s", "[a]"]),
        ("alert x s 1回/分 high\nalert_ y s 1回/分 high", "alert", &["x", "[y]"]),
        ("alert a b 10回/分 hihg", "high", &["[a]"]),
        ("alert a b 10回/分 critcal", "critical", &["[a]"]),
        ("alert a b 10 witin 5m high", "within", &["[a]"]),
        ("stream s { ts: time } codek json", "codec", &["[s]"]),
    ];
    for (text, guess, want) in cases {
        let (_, found) = read(text);
        let [only] = found.as_slice() else {
            panic!("{text}: {found:#?}");
        };
        assert!(only.help.iter().any(|h| h.en == format!("did you mean `{guess}`?")), "{only:#?}");
        assert_eq!(names(text), *want, "{text}");
    }
}

#[test]
fn what_stands_at_the_end_is_reported_from_what_is_missing() {
    let cases = [
        ("filter", "the end of the file"),
        ("filter a =", "the end of the file"),
        ("alert a b >=", "the end of the file"),
        ("alert a b >= high", "the word `high`"),
        ("filter a = b where x == ", "the end of the file"),
        ("filter a = b 5%", "the quantity `5%`"),
        ("filter a = b \"x\"", "a text"),
        ("filter a = b )", "`)`"),
        ("filter a = b where x in ()", "`)`"),
        ("alert a b 10 回/分 high", "the word `回`"),
    ];
    for (text, want) in cases {
        let (_, found) = read(text);
        let shown = found.first().and_then(|d| d.found.as_ref()).map(|t| t.en.clone());
        assert_eq!(shown.as_deref(), Some(want), "{text}");
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
    }
}

#[test]
fn clauses_stand_once_and_in_any_order() {
    let clauses = ["within 1m", "min 5", "by user, src.ip?", "for 2m", "clear 5", "keep 3m"];
    let mut rotated = clauses;
    let mut texts = Vec::new();
    for _ in 0..clauses.len() {
        rotated.rotate_left(1);
        texts.push(format!("alert a b > 10 {} nodata clear high", rotated.join(" ")));
    }
    let read_all: Vec<Ast> = texts.iter().map(|text| parse(0, text).0).collect();
    for (text, ast) in texts.iter().zip(&read_all) {
        assert_eq!(codes(text), [], "{text}");
        assert_eq!(print(ast), print(&read_all[0]), "{text}");
    }
    for clause in clauses.iter().chain(&["nodata hold 9m", "high"]) {
        let text = format!("alert a b > 10 {clause} {clause} high");
        assert!(codes(&text).contains(&DiagnosticCode::RepeatedClause), "{text}");
    }
    let tail =
        "alert a b 1/m high { message \"x\" message \"y\" runbook \"z\" labels { a: \"b\" } }";
    assert_eq!(codes(tail), [DiagnosticCode::RepeatedClause]);
}

#[test]
fn limits_are_reached_as_reports() {
    let deep = "(".repeat(NESTING_MAX) + "x == 1" + &")".repeat(NESTING_MAX);
    let deeper = format!("({deep})");
    let fields = |count: usize| {
        let fields: String = (0..count).map(|i| format!("f{i}: int, ")).collect();
        format!("stream s {{ {fields} }}")
    };
    let items = |count: usize| format!("filter a = b where x in ({})", "1, ".repeat(count));
    let cases = [
        (format!("filter a = b where {deep}"), false),
        (format!("filter a = b where {deeper}"), true),
        (format!("filter a = b where {}x == 1", "not ".repeat(NESTING_MAX)), false),
        (format!("filter a = b where {}x == 1", "not ".repeat(NESTING_MAX + 1)), true),
        (format!("filter a = b where x > 1{}", " + 1".repeat(NESTING_MAX)), false),
        (format!("filter a = b where x > 1{}", " + 1".repeat(NESTING_MAX + 1)), true),
        (fields(stream::FIELDS_MAX), false),
        (fields(stream::FIELDS_MAX + 1), true),
        (items(expression::LIST_ITEMS_MAX), false),
        (items(expression::LIST_ITEMS_MAX + 1), true),
        ("filter a = b\n".repeat(STATEMENTS_MAX), false),
        ("filter a = b\n".repeat(STATEMENTS_MAX + 1), true),
    ];
    for (text, reached) in cases {
        let shown: String = text.chars().take(60).collect();
        let want: &[DiagnosticCode] = if reached { &[DiagnosticCode::LimitExceeded] } else { &[] };
        assert_eq!(codes(&text), want, "{shown}");
    }
}

#[test]
fn expressions_bind_as_documented() {
    // (written, with every bracket that is needed and none else)
    let cases = [
        ("a == 1 or b == 2 and not c == 3", "a == 1 or b == 2 and not c == 3"),
        ("(a == 1 or b == 2) and c == 3", "(a == 1 or b == 2) and c == 3"),
        ("not (a == 1 and b == 2)", "not (a == 1 and b == 2)"),
        ("(not a == 1) and b == 2", "not a == 1 and b == 2"),
        ("a + b * c > 1", "a + b * c > 1"),
        ("(a + b) * c > 1", "(a + b) * c > 1"),
        ("a - (b - c) > 1", "a - (b - c) > 1"),
        ("(a - b) - c > 1", "a - b - c > 1"),
        ("a > -1", "a > -1"),
        ("a not in (1, 2,)", "a not in (1, 2)"),
        ("a in cidr \"::1\", \"10.0.0.0/8\"", "a in cidr (\"::1\", \"10.0.0.0/8\")"),
        ("((((ok))))", "ok"),
        ("`and` == 1 and exists(stream)", "`and` == 1 and exists(`stream`)"),
    ];
    for (written, want) in cases {
        let (ast, found) = parse(0, &format!("filter f = s where {written}"));
        assert!(found.is_empty(), "{written}: {found:#?}");
        assert_eq!(print(&ast), format!("filter f = s where {want}\n"), "{written}");
    }
}
