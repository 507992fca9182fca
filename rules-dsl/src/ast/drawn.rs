//! Statements of the whole grammar, drawn at random.

mod alert;
mod test;

use model::decimal::Decimal;
use proptest::prelude::*;

use super::*;
use crate::quantity::UNITS;
use crate::rule::{Arithmetic, Comparison, TextTest};
use alert::{alert_of, key_of, measure_of};
use test::test_of;

fn at() -> At {
    At::default()
}

pub(crate) fn word() -> impl Strategy<Value = String> {
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

pub(crate) fn name_of() -> BoxedStrategy<Name> {
    word().prop_map(|text| Name { text, at: at() }).boxed()
}

pub(crate) fn path_of() -> BoxedStrategy<Path> {
    prop::collection::vec(word(), 1..4).prop_map(|segments| Path { segments, at: at() }).boxed()
}

pub(crate) fn text_of() -> BoxedStrategy<Quoted> {
    "[ -~認証\\n\\t①]{0,12}".prop_map(|text| Quoted { text, at: at() }).boxed()
}

pub(crate) fn amount() -> impl Strategy<Value = Quantity> {
    let unit = prop::option::of(0..UNITS.len()).prop_map(|index| index.map(|index| &UNITS[index]));
    let value = prop_oneof![0_i128..1_000, 0_i128..1_000_000_000_000_000];
    (value, unit).prop_map(|(units, unit)| Quantity {
        value: Decimal::from_units(units * 1_000),
        unit,
        at: at(),
    })
}

pub(crate) fn length_of_time() -> impl Strategy<Value = Quantity> {
    (1_i64..1_000, 0..14_usize).prop_map(|(count, unit)| Quantity {
        value: Decimal::from_int(count),
        unit: Some(&UNITS[unit]),
        at: at(),
    })
}

pub(crate) fn signed() -> impl Strategy<Value = Quantity> {
    (amount(), any::<bool>()).prop_map(|(amount, negative)| {
        let units = amount.value.units();
        let value = Decimal::from_units(if negative { -units } else { units });
        Quantity { value, ..amount }
    })
}

pub(crate) fn comparison_of() -> BoxedStrategy<Comparison> {
    use Comparison::{Above, AtLeast, AtMost, Below, Equal, NotEqual};
    prop::sample::select(vec![Above, AtLeast, AtMost, Below, Equal, NotEqual]).boxed()
}

pub(crate) fn leaf() -> BoxedStrategy<Expression> {
    prop_oneof![
        path_of().prop_map(Expression::Field),
        path_of().prop_map(Expression::Exists),
        text_of().prop_map(Expression::Quoted),
        signed().prop_map(Expression::Number),
        any::<bool>().prop_map(|value| Expression::Bool(value, at())),
    ]
    .boxed()
}

pub(crate) fn literals() -> BoxedStrategy<Vec<Expression>> {
    let literal = prop_oneof![
        text_of().prop_map(Expression::Quoted),
        signed().prop_map(Expression::Number),
        any::<bool>().prop_map(|value| Expression::Bool(value, at())),
    ];
    prop::collection::vec(literal, 1..4).boxed()
}

pub(crate) fn expression_of() -> BoxedStrategy<Expression> {
    use Arithmetic::{Add, Divide, Multiply, Subtract};
    use TextTest::{Contains, EndsWith, StartsWith};
    leaf()
        .prop_recursive(4, 24, 3, |inner| {
            let boxed = || inner.clone().prop_map(Box::new);
            let operator = prop::sample::select(vec![Add, Subtract, Multiply, Divide]);
            let test = prop::sample::select(vec![Contains, StartsWith, EndsWith]);
            let set = prop_oneof![
                literals().prop_map(Set::Literals),
                prop::collection::vec(text_of(), 1..3).prop_map(Set::Networks),
                name_of().prop_map(Set::List),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Or),
                boxed().prop_map(|inner| Expression::Not(inner, at())),
                boxed().prop_map(|inner| Expression::Lower(inner, at())),
                (boxed(), comparison_of(), boxed())
                    .prop_map(|(a, c, b)| Expression::Compare(a, c, b)),
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
        .boxed()
}

pub(crate) fn stream_of() -> BoxedStrategy<Statement> {
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
        [prop::option::of(path_of()), prop::option::of(path_of())],
        prop::collection::vec(extract, 0..2),
    )
        .prop_map(|(name, from, fields, codec, lateness, [id, partitioned_by], extracts)| {
            Statement::Stream(Stream {
                name,
                from,
                fields,
                codec,
                lateness,
                id,
                partitioned_by,
                extracts,
            })
        })
        .boxed()
}

fn list_of() -> BoxedStrategy<Statement> {
    let items = prop_oneof![
        literals().prop_map(Items::Literals),
        prop::collection::vec(text_of(), 1..3).prop_map(Items::Networks),
        text_of().prop_map(Items::File),
    ];
    (name_of(), items).prop_map(|(name, items)| Statement::List(List { name, items })).boxed()
}

fn weekday_of() -> BoxedStrategy<Weekday> {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    let days = vec![Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday];
    prop::sample::select(days).boxed()
}

fn calendar_of() -> BoxedStrategy<Statement> {
    let days = || prop::collection::vec((weekday_of(), weekday_of()), 1..3);
    let hours = (0_u16..1_440, 0_u16..=1_440);
    // Days without hours would take those of the days after them.
    let timed = (days(), hours).prop_map(|(days, hours)| (days, Some(hours)));
    let untimed = prop::option::of(days().prop_map(|days| (days, None)));
    let spans = (prop::collection::vec(timed, 1..3), untimed).prop_map(|(timed, last)| {
        let all = timed.into_iter().chain(last);
        all.map(|(days, hours)| Span { days, hours, at: at() }).collect::<Vec<_>>()
    });
    let zones = vec!["Asia/Tokyo", "UTC", "Etc/GMT+9", "America/Port-au-Prince"];
    let zone = prop::sample::select(zones);
    let zone = zone.prop_map(|zone| Name { text: zone.to_owned(), at: at() });
    (name_of(), spans, prop::option::of(zone), prop::option::of(text_of()))
        .prop_map(|(name, spans, zone, holidays)| {
            Statement::Calendar(Calendar { name, spans, zone, holidays })
        })
        .boxed()
}

/// Any statement but a broken one.
pub(crate) fn statement_of() -> BoxedStrategy<Statement> {
    let filter = (name_of(), name_of(), prop::option::of(expression_of()))
        .prop_map(|(name, base, condition)| Statement::Filter(Filter { name, base, condition }));
    let measure = (name_of(), measure_of())
        .prop_map(|(name, measure)| Statement::Measure(MeasureStatement { name, measure }));
    let keys = prop::collection::vec(key_of(), 0..3);
    let watch = (name_of(), measure_of(), keys)
        .prop_map(|(name, measure, by)| Statement::Watch(Watch { name, measure, by }));
    let table =
        (name_of(), text_of()).prop_map(|(name, file)| Statement::Table(Table { name, file }));
    prop_oneof![
        1 => stream_of(),
        1 => list_of(),
        1 => table,
        1 => calendar_of(),
        2 => filter,
        1 => measure,
        1 => watch,
        5 => alert_of(),
        1 => test_of(),
    ]
    .boxed()
}
