use proptest::prelude::*;

use super::*;
use crate::ast::{
    Alert, At, Clauses, Compare, Condition, Extract, Field, FieldKind, Grade, HoldClause, Key,
    KindArgument, Level, Measure, Name, Pattern, Stream, Term, Trigger, Window,
};
use crate::quantity::UNITS;
use model::decimal::Decimal;
use model::severity::Severity;

fn at() -> At {
    At::default()
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,6}",
        "[ぁ-ん一-龠ァ-ヶ][ぁ-ん一-龠ァ-ヶ0-9]{0,4}",
        "[ -_a-~①㎳]{1,6}".prop_filter("no quote inside", |text| !text.contains('`')),
        prop::sample::select(vec![
            "alert", "by", "low", "緊急", "以上", "min", "then", "in", "p95"
        ])
        .prop_map(str::to_owned),
    ]
}

fn name_of() -> impl Strategy<Value = Name> {
    word().prop_map(|text| Name { text, at: at() })
}

fn path_of() -> impl Strategy<Value = Path> {
    prop::collection::vec(word(), 1..4).prop_map(|segments| Path { segments, at: at() })
}

fn text_of() -> impl Strategy<Value = Quoted> {
    "[ -~認証\\n\\t①]{0,12}".prop_map(|text| Quoted { text, at: at() })
}

fn amount() -> impl Strategy<Value = Quantity> {
    let unit = prop::option::of(0..UNITS.len()).prop_map(|index| index.map(|index| &UNITS[index]));
    let value = prop_oneof![0_i128..1_000, 0_i128..1_000_000_000_000_000];
    (value, unit).prop_map(|(units, unit)| Quantity {
        value: Decimal::from_units(units * 1_000),
        unit,
        at: at(),
    })
}

fn length_of_time() -> impl Strategy<Value = Quantity> {
    (1_i64..1_000, 0..14_usize).prop_map(|(count, unit)| Quantity {
        value: Decimal::from_int(count),
        unit: Some(&UNITS[unit]),
        at: at(),
    })
}

fn signed() -> impl Strategy<Value = Quantity> {
    (amount(), any::<bool>()).prop_map(|(amount, negative)| {
        let units = amount.value.units();
        let value = Decimal::from_units(if negative { -units } else { units });
        Quantity { value, ..amount }
    })
}

fn comparison_of() -> impl Strategy<Value = Comparison> {
    use Comparison::{Above, AtLeast, AtMost, Below, Equal, NotEqual};
    prop::sample::select(vec![Above, AtLeast, AtMost, Below, Equal, NotEqual])
}

fn leaf() -> impl Strategy<Value = Expression> {
    prop_oneof![
        path_of().prop_map(Expression::Field),
        path_of().prop_map(Expression::Exists),
        text_of().prop_map(Expression::Quoted),
        signed().prop_map(Expression::Number),
        any::<bool>().prop_map(|value| Expression::Bool(value, at())),
    ]
}

fn literals() -> impl Strategy<Value = Vec<Expression>> {
    let literal = prop_oneof![
        text_of().prop_map(Expression::Quoted),
        signed().prop_map(Expression::Number),
        any::<bool>().prop_map(|value| Expression::Bool(value, at())),
    ];
    prop::collection::vec(literal, 1..4)
}

fn expression_of() -> impl Strategy<Value = Expression> {
    use Arithmetic::{Add, Divide, Multiply, Subtract};
    use TextTest::{Contains, EndsWith, StartsWith};
    leaf().prop_recursive(4, 24, 3, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let operator = prop::sample::select(vec![Add, Subtract, Multiply, Divide]);
        let test = prop::sample::select(vec![Contains, StartsWith, EndsWith]);
        let set = prop_oneof![
            literals().prop_map(Set::Literals),
            prop::collection::vec(text_of(), 1..3).prop_map(Set::Networks),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Or),
            boxed().prop_map(|inner| Expression::Not(inner, at())),
            boxed().prop_map(|inner| Expression::Lower(inner, at())),
            (boxed(), comparison_of(), boxed()).prop_map(|(a, c, b)| Expression::Compare(a, c, b)),
            (boxed(), operator, boxed()).prop_map(|(a, o, b)| Expression::Arithmetic(a, o, b)),
            (boxed(), test, boxed()).prop_map(|(a, t, b)| Expression::Text(a, t, b)),
            (boxed(), text_of()).prop_map(|(a, regex)| Expression::Matches(a, regex)),
            (boxed(), any::<bool>(), set).prop_map(|(value, negated, set)| Expression::In {
                value,
                negated,
                set
            }),
        ]
    })
}

fn stream_of() -> impl Strategy<Value = Statement> {
    let kind = prop_oneof![
        Just(None),
        text_of().prop_map(|text| Some(KindArgument::Format(text))),
        Just(Some(KindArgument::Kind(Box::new(FieldKind {
            name: Name { text: "ms".to_owned(), at: at() },
            argument: None
        })))),
        (0_i64..2, 1_i64..101).prop_map(|(low, high)| {
            let bare = |value| Quantity { value: Decimal::from_int(value), unit: None, at: at() };
            Some(KindArgument::Range(bare(low), bare(high)))
        }),
    ];
    let field =
        (path_of(), kind, prop::option::of(text_of())).prop_map(|(name, argument, path)| {
            let kind = FieldKind { name: Name { text: "str".to_owned(), at: at() }, argument };
            Field { name, kind, path }
        });
    let sets = prop::collection::vec((path_of(), text_of()), 0..3);
    let pattern = (text_of(), sets).prop_map(|(pattern, sets)| Pattern { pattern, sets });
    let extract = (path_of(), prop::collection::vec(pattern, 0..3))
        .prop_map(|(source, patterns)| Extract { source, patterns });
    (
        name_of(),
        prop::option::of(text_of()),
        prop::collection::vec(field, 0..4),
        prop::option::of(name_of()),
        prop::option::of(length_of_time()),
        prop::collection::vec(extract, 0..2),
    )
        .prop_map(|(name, from, fields, codec, lateness, extracts)| {
            Statement::Stream(Stream {
                name,
                from,
                fields,
                codec,
                lateness,
                id: None,
                partitioned_by: None,
                extracts,
            })
        })
}

fn measure_of() -> impl Strategy<Value = Measure> {
    let functions = vec!["count", "p95", "p99.9", "ratio", "distinct", "min"];
    let call = (prop::sample::select(functions), prop::collection::vec(path_of(), 1..3));
    let term = prop_oneof![
        name_of().prop_map(Term::Named),
        call.prop_map(|(text, of)| Term::Call(Name { text: text.to_owned(), at: at() }, of)),
    ];
    (term, prop::option::of(length_of_time()), prop::option::of(amount())).prop_map(
        |(term, within, min)| Measure { term, window: Window { within, step: None, min } },
    )
}

fn alert_of() -> impl Strategy<Value = Statement> {
    let level = (comparison_of(), signed(), prop::option::of(length_of_time())).prop_map(
        |(comparison, quantity, per)| {
            let size = quantity.unit.is_some_and(|u| u.kind == crate::quantity::UnitKind::Bytes);
            // A size over a time has two readings and is refused.
            Level { comparison: Some(comparison), quantity, per: per.filter(|_| !size) }
        },
    );
    let key = (path_of(), any::<bool>()).prop_map(|(field, optional)| Key { field, optional });
    let nodata = prop_oneof![Just(HoldClause::Clear), length_of_time().prop_map(HoldClause::Hold)];
    let clauses = (
        prop::collection::vec(key, 0..3),
        prop::option::of(length_of_time()),
        prop::option::of(signed()),
        prop::option::of(length_of_time()),
        prop::option::of(nodata),
    );
    let tail = (
        prop::sample::select(Severity::ALL.to_vec()),
        prop::option::of(text_of()),
        prop::option::of(text_of()),
        prop::collection::vec((path_of(), text_of()), 0..3),
    );
    (name_of(), measure_of(), level, clauses, tail).prop_map(
        |(name, measure, level, clauses, tail)| {
            let (by, hold_for, clear, keep, nodata) = clauses;
            let (severity, message, runbook, labels) = tail;
            Statement::Alert(Box::new(Alert {
                name,
                trigger: Trigger::Condition(Condition::Compare(Box::new(Compare {
                    measure,
                    level: Some(level),
                    window: Window::default(),
                }))),
                clauses: Clauses { by, hold_for, clear, keep, nodata, ..Clauses::default() },
                grade: Grade::Severity(severity),
                message,
                runbook,
                labels,
            }))
        },
    )
}

fn statement_of() -> impl Strategy<Value = Statement> {
    let filter = (name_of(), name_of(), prop::option::of(expression_of()))
        .prop_map(|(name, base, condition)| Statement::Filter(Filter { name, base, condition }));
    let measure = (name_of(), measure_of())
        .prop_map(|(name, measure)| Statement::Measure(MeasureStatement { name, measure }));
    prop_oneof![stream_of(), filter, measure, alert_of()]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(400)
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
