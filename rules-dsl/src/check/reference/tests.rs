use std::net::IpAddr;

use model::calendar::ZoneOffsets;
use model::decimal::Decimal;
use model::message::MessagePart;
use model::time::Timestamp;

use crate::compile_in;
use crate::diagnostic::DiagnosticCode;
use crate::resolver::Resolver;
use crate::rule::{
    AbsenceRoster, Alert, ConstantValue, EventSelection, Predicate, PredicateOperand, Trigger,
};
use crate::source::SourceFile;

/// Files, a zone and holidays, in memory.
struct ReferenceShelf;

const FILES: [(&str, &str); 8] = [
    ("names.txt", "\u{feff}admin # the first\n\nroot\n"),
    ("numbers.txt", "1\n2.5\n"),
    ("nets.txt", "10.0.0.0/8\n192.0.2.1\n"),
    ("levels.csv", "host,medium,critical,owner\nweb-1,90%,99%,佐藤\nweb-2,,97%,\n*,70%,,当番\n"),
    ("clears.csv", "host,medium,clear\nweb-1,90%,85%\nweb-2,,75%\n"),
    ("late.csv", "host,medium,clear\nweb-1,90%,95%\n"),
    ("ragged.csv", "host,medium\nweb-1\n"),
    ("units.csv", "host,medium\nweb-1,90ms\n"),
];

impl Resolver for ReferenceShelf {
    fn text(&self, near: &str, name: &str) -> Result<String, String> {
        assert_eq!(near, "folder/x.rules");
        let file = FILES.iter().find(|(file, _)| *file == name);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
    }

    fn zone(&self, name: &str) -> Option<ZoneOffsets> {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let offsets = match name {
            "Asia/Tokyo" => vec![(Timestamp(0), 9 * 3600)],
            "America/New_York" => vec![
                (Timestamp(0), -5 * 3600),
                (at("2027-03-14T07:00:00Z"), -4 * 3600),
                (at("2027-11-07T06:00:00Z"), -5 * 3600),
            ],
            _ => return None,
        };
        Some(ZoneOffsets { offsets })
    }

    fn holidays(&self, _: &str, name: &str) -> Result<Vec<i64>, String> {
        if name == "jp.ics" { Ok(vec![20_454]) } else { Err("no such file".to_owned()) }
    }
}

const BASE: &str = r#"
stream s { ts: time, user: str, src: ip, n: float, ok: bool }
stream node { ts: time, host: str, cpu: percent(0..1) }
measure CPU = avg(node.cpu)
"#;

fn compiled(text: &str) -> crate::CompiledRules {
    let text = format!("{BASE}{text}");
    compile_in(&[SourceFile { name: "folder/x.rules".to_owned(), text }], &ReferenceShelf)
}

fn alert(text: &str) -> Alert {
    let compiled = compiled(text);
    let rules = compiled.rules.unwrap_or_else(|| panic!("{text}: {:#?}", compiled.diagnostics));
    rules.alerts.into_iter().next().unwrap()
}

fn codes(text: &str) -> Vec<DiagnosticCode> {
    compiled(text).diagnostics.iter().map(|found| found.code).collect()
}

fn selection(alert: &Alert) -> EventSelection {
    alert.trigger.selections()[0].clone()
}

fn text(text: &str) -> ConstantValue {
    ConstantValue::Text(text.to_owned())
}

#[test]
fn a_list_is_read_as_what_it_is_compared_with() {
    let user = PredicateOperand::Field(1);
    let number = |text: &str| ConstantValue::Number(Decimal::parse(text).unwrap());
    let cases = [
        (r#""a", "b""#, "user", Predicate::In(user.clone(), vec![text("a"), text("b")])),
        (r#"file "names.txt""#, "user", Predicate::In(user, vec![text("admin"), text("root")])),
        (
            "1, 2.5",
            "n",
            Predicate::In(PredicateOperand::Field(3), vec![number("1"), number("2.5")]),
        ),
        (
            r#"file "numbers.txt""#,
            "n",
            Predicate::In(PredicateOperand::Field(3), vec![number("1"), number("2.5")]),
        ),
        ("true", "ok", Predicate::In(PredicateOperand::Field(4), vec![ConstantValue::Bool(true)])),
    ];
    for (items, field, want) in cases {
        let rules = format!("list l = {items}\nfilter f = s where {field} in l\nalert a any f low");
        assert_eq!(selection(&alert(&rules)).predicate, want, "{items}");
    }
    for items in [r#"cidr "10.0.0.0/8", "192.0.2.1""#, r#"file "nets.txt""#] {
        let rules = format!("list l = {items}\nfilter f = s where src in l\nalert a any f low");
        let Predicate::InNetwork(PredicateOperand::Field(2), networks) =
            selection(&alert(&rules)).predicate
        else {
            panic!("{items}")
        };
        let prefixes: Vec<u8> = networks.iter().map(|network| network.prefix).collect();
        assert_eq!(prefixes, [8, 32], "{items}");
        assert_eq!(networks[1].address, "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}

#[test]
fn except_narrows_everything_the_trigger_selects() {
    let rules = r#"list l = "a"
filter f = s where n > 1
alert x f then s within 5m except l(user) low"#;
    let Trigger::Sequence { steps, .. } = alert(rules).trigger else { panic!() };
    let outside =
        Predicate::Not(Box::new(Predicate::In(PredicateOperand::Field(1), vec![text("a")])));
    let Predicate::And(parts) = &steps[0].predicate else { panic!() };
    assert_eq!(parts.last(), Some(&outside));
    assert_eq!(steps[1].predicate, outside);
}

#[test]
fn a_roster_is_a_list_of_keys() {
    let rules = r#"list l = file "names.txt"
alert x absent s within 5m by user in l low"#;
    let Trigger::Absent { roster, .. } = alert(rules).trigger else { panic!() };
    assert_eq!(roster, AbsenceRoster::Listed(vec![text("admin"), text("root")]));
}

#[test]
fn a_table_gives_levels_to_single_keys_and_fills_in_the_rest() {
    let table = "table t = file \"levels.csv\"\n";
    let ladder = "ladder { medium 80%  critical 95% }";
    let rules = format!("{table}alert x CPU within 5m by host override t(host) {ladder}");
    let overrides = alert(&rules).overrides.unwrap();
    let percent = |n: i64| Decimal::from_int(n).shift(-2).unwrap();
    let rows: Vec<_> = overrides
        .rows
        .iter()
        .map(|row| (row.key.as_deref(), row.level, row.rungs.clone()))
        .collect();
    let want = [
        (Some("web-1"), percent(90), vec![percent(99)]),
        (Some("web-2"), percent(80), vec![percent(97)]),
        (None, percent(70), vec![percent(95)]),
    ];
    assert_eq!((overrides.key, rows), (0, want.to_vec()));
    let clears = "table t = file \"clears.csv\"\n";
    let rules = format!("{clears}alert x CPU 80%/5分 by host clear 70% override t(host) medium");
    let rows = alert(&rules).overrides.unwrap().rows;
    let clears: Vec<_> = rows.iter().map(|row| (row.level, row.clear)).collect();
    assert_eq!(clears, [(percent(90), Some(percent(85))), (percent(80), Some(percent(75)))]);
}

#[test]
fn messages_show_columns_of_tables_and_what_is_common() {
    let rules = r#"table t = file "levels.csv"
alert x CPU 80%/5分 by host medium { message "{owner(host)} {top 3 host}" }"#;
    let alert = alert(rules);
    let [MessagePart::Column { key: 0, rows }, _, MessagePart::Top(0)] =
        alert.message.parts.as_slice()
    else {
        panic!("{:?}", alert.message)
    };
    assert_eq!(rows[2], (None, "当番".to_owned()));
    assert_eq!((alert.tops[0].field, alert.tops[0].most), (0, 3));
    assert_eq!(alert.message_fields, ["host"]);
    assert_eq!(selection(&alert).message_fields, [1]);
}

#[test]
fn a_calendar_has_days_hours_zone_and_holidays() {
    let hours = "mon-fri 09:00-18:00, sat 10:00-12:00 Asia/Tokyo";
    let rules =
        format!("calendar c = {hours} except holidays \"jp.ics\"\nalert x any s during not c low");
    let during = alert(&rules).during.unwrap();
    assert!(!during.inside);
    let spans: Vec<_> = during
        .calendar
        .spans
        .iter()
        .map(|span| (span.weekdays, span.from_minute, span.until_minute))
        .collect();
    assert_eq!(spans, [(0b001_1111, 540, 1080), (0b010_0000, 600, 720)]);
    assert_eq!(during.calendar.closed_days, [20_454]);
    let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    // A Friday, and the holiday on the Thursday before.
    assert!(during.calendar.is_open(at("2026-01-02T09:00:00+09:00")));
    assert!(!during.calendar.is_open(at("2026-01-01T09:00:00+09:00")));
}

/// The shipped 営業時間, and the hours of a nightly job in its place.
#[test]
fn hours_that_the_clocks_skip_or_repeat_are_reported() {
    let cases = [
        ("mon-fri 09:00-18:00 Asia/Tokyo", 0),
        ("mon-sun 02:30-04:00 Asia/Tokyo", 0),
        ("mon-fri 09:00-18:00 America/New_York", 0),
        ("mon-fri 02:30-04:00 America/New_York", 0),
        ("mon-sun 02:30-04:00 America/New_York", 1),
        ("mon-sun 01:30-02:30 America/New_York", 2),
        ("mon-sun 01:30-04:00, mon-sun 00:00-02:00 America/New_York", 0),
        ("sun America/New_York", 0),
    ];
    for (hours, want) in cases {
        let found = codes(&format!("calendar c = {hours}\nalert x any s during not c low"));
        assert_eq!(found, vec![DiagnosticCode::ChangedClocks; want], "{hours}");
    }
}

#[test]
fn what_does_not_fit_is_said_where_it_is_used_and_once() {
    use DiagnosticCode::{
        AbsenceScope, BadConstant, CalendarZone, NamedFile, OverrideShape, TwoReadings,
        TypeMismatch, UnknownName, WrongKind,
    };
    let cases: [(&str, &[DiagnosticCode]); 18] = [
        ("list l = file \"none.txt\"", &[NamedFile]),
        ("list l = file \"names.txt\"\nfilter f = s where src in l", &[NamedFile]),
        ("list l = file \"names.txt\"\nfilter f = s where n in l", &[NamedFile]),
        ("list l = \"a\"\nfilter f = s where n in l", &[TypeMismatch]),
        ("list l = cidr \"10.0.0.0/8\"\nfilter f = s where user in l", &[TypeMismatch]),
        ("list l = cidr \"10.0.0.0/99\"", &[BadConstant]),
        ("filter f = s where user in l", &[UnknownName]),
        ("filter l = s\nfilter f = s where user in l", &[WrongKind]),
        ("table t = file \"ragged.csv\"", &[NamedFile]),
        (
            "table t = file \"none.csv\"\nalert x CPU 80%/5分 by host override t(host) low",
            &[NamedFile],
        ),
        (
            "table t = file \"units.csv\"\nalert x CPU 80%/5分 by host override t(host) medium",
            &[OverrideShape],
        ),
        (
            "table t = file \"late.csv\"\n\
             alert x CPU 80%/5分 by host clear 70% override t(host) medium",
            &[OverrideShape],
        ),
        (
            "table t = file \"clears.csv\"\nalert x CPU 80%/5分 by host override t(host) medium",
            &[OverrideShape],
        ),
        ("calendar c = mon 09:00-10:00\nalert x any s during c low", &[CalendarZone]),
        ("calendar c = mon 09:00-09:00 Asia/Tokyo\nalert x any s during c low", &[TwoReadings]),
        ("calendar c = mon 09:00-10:00 Asia/Tokyo except holidays \"x.ics\"", &[NamedFile]),
        ("alert x any s during c low", &[UnknownName]),
        ("list l = \"a\"\nalert x absent s within 1m in l low", &[AbsenceScope]),
    ];
    for (rules, want) in cases {
        assert_eq!(codes(rules), want, "{rules}");
    }
}
