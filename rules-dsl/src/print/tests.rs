use proptest::prelude::*;

use super::*;
use crate::ast::arbitrary::statement_of;
use crate::ast::{Ast, Statement};

/// Every variant of the tree, as its debug form spells it.
const VARIANTS: [&str; 62] = [
    "Stream(",
    "List(List",
    "Table(",
    "Calendar(",
    "Filter(",
    "Measure(",
    "Watch(",
    "Alert(",
    "Test(Test",
    "Kind(",
    "Range(",
    "Format(",
    "Literals(",
    "Networks(",
    "List(SpannedName",
    "File(",
    "And(",
    "Or(",
    "Not(",
    "Compare(",
    "In {",
    "Text(",
    "Matches(",
    "Exists(",
    "Lower(",
    "Arithmetic(",
    "Field(",
    "Quoted(",
    "Number(",
    "Bool(",
    "Named(",
    "Call(",
    "Versus(",
    "Condition(",
    "Any {",
    "Sequence {",
    "ThenNot {",
    "Absent {",
    "New {",
    "Severity(",
    "Ladder(",
    "Hold(",
    "Clear)",
    "Given(",
    "Expect(",
    "One(",
    "List([",
    "Fire",
    "Change,",
    "Again",
    "Resolve",
    "Nothing",
    "Late(",
    "negated: true",
    "optional: true",
    "limit_values: Some",
    "roster: Some",
    "learn: Some",
    "notify_each: Some",
    "shadow: Some",
    "partitioned_by: Some",
    "holidays: Some",
];

#[test]
fn every_variant_is_drawn() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut drawn = String::new();
    for _ in 0..400 {
        drawn.push_str(&format!("{:?}", statement_of().new_tree(&mut runner).unwrap().current()));
    }
    let never: Vec<&str> = VARIANTS.into_iter().filter(|name| !drawn.contains(name)).collect();
    assert_eq!(never, [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1_000)
    })]

    #[test]
    fn what_is_printed_reads_as_the_same(
        statements in prop::collection::vec(statement_of(), 1..4)
    ) {
        let ast = Ast { statements };
        let printed = print(&ast);
        let (read, found) = crate::parse::parse(0, &printed);
        prop_assert!(found.is_empty(), "{printed}\n{found:#?}");
        prop_assert_eq!(&read, &ast, "{}", printed);
        prop_assert_eq!(print(&read), printed);
    }

    #[test]
    fn any_text_is_answered(text in "[ -~認証失敗分回以上１０％／\\n{}\"`]{0,80}") {
        let (ast, _) = crate::parse::parse(0, &text);
        // Whatever was understood can be printed and read again.
        let (again, _) = crate::parse::parse(0, &print(&ast));
        let whole = ast.statements.iter().filter(|s| !matches!(s, Statement::Broken(_)));
        prop_assert_eq!(again.statements.len(), whole.count());
    }

    #[test]
    fn shuffled_rule_words_are_answered(
        words in prop::collection::vec(prop::sample::select(vec![
            "stream", "filter", "alert", "measure", "a", "b", "=", "where", "{", "}", "(", ")",
            "and", "not",
            "10回/分", "80%", "by", "within", "5m", "high", "count(a)", "\"x\"", ":",
            "str", ",", "==", "in",
            "ladder", "for", "message", "以上", "-", "/", "clear", "extract", "=>",
        ]), 0..30)
    ) {
        let text = words.join(" ");
        let files = [crate::source::SourceFile { name: "x".to_owned(), text }];
        let compiled = crate::compile(&files);
        let failed = crate::diagnostic::has_errors(&compiled.diagnostics);
        prop_assert_eq!(compiled.rules.is_none(), failed);
        for found in &compiled.diagnostics {
            found.render(&files, model::message::Language::Ja);
        }
    }
}
