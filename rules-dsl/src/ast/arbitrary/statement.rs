//! Random statements.

use model::decimal::Decimal;
use proptest::prelude::*;

use super::alert::{alert_of, key_of, measure_of};
use super::expression::{at, expression_of, length_of_time, literals, name_of, path_of, text_of};
use super::test::test_of;
use crate::ast::{
    Calendar, CalendarSpan, Extract, Field, FieldKind, Filter, KindArgument, List, ListItems,
    MeasureStatement, Pattern, Quantity, SpannedName, Statement, Stream, Table, Watch, Weekday,
};

fn stream_of() -> BoxedStrategy<Statement> {
    let kind = prop_oneof![
        Just(None),
        text_of().prop_map(|text| Some(KindArgument::Format(text))),
        Just(Some(KindArgument::Kind(Box::new(FieldKind {
            name: SpannedName { text: "ms".to_owned(), at: at() },
            argument: None
        })))),
        (0_i64..2, 1_i64..101).prop_map(|(low, high)| {
            let bare = |value| Quantity { value: Decimal::from_int(value), unit: None, at: at() };
            Some(KindArgument::Range(bare(low), bare(high)))
        }),
    ];
    let field =
        (path_of(), kind, prop::option::of(text_of())).prop_map(|(name, argument, path)| {
            let kind =
                FieldKind { name: SpannedName { text: "str".to_owned(), at: at() }, argument };
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
        literals().prop_map(ListItems::Literals),
        prop::collection::vec(text_of(), 1..3).prop_map(ListItems::Networks),
        text_of().prop_map(ListItems::File),
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
        all.map(|(days, hours)| CalendarSpan { days, hours, at: at() }).collect::<Vec<_>>()
    });
    let zones = vec!["Asia/Tokyo", "UTC", "Etc/GMT+9", "America/Port-au-Prince"];
    let zone = prop::sample::select(zones)
        .prop_map(|zone| SpannedName { text: zone.to_owned(), at: at() });
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
