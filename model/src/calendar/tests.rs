use super::*;
use crate::time::HOUR_MS;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// Monday to Friday, Berlin's clocks around the two changes of 2026.
fn berlin(spans: Vec<WeeklyHours>, closed_days: Vec<i64>) -> Calendar {
    let offsets = vec![
        (at("2025-10-26T01:00:00Z"), 3600),
        (at("2026-03-29T01:00:00Z"), 7200),
        (at("2026-10-25T01:00:00Z"), 3600),
    ];
    Calendar { spans, zone: ZoneOffsets { offsets }, closed_days }
}

const fn span(weekdays: u8, from: u16, until: u16) -> WeeklyHours {
    WeeklyHours { weekdays, from_minute: from, until_minute: until }
}

const WORKDAYS: u8 = 0b001_1111;
const EVERY_DAY: u8 = 0b111_1111;

#[test]
fn a_stretch_is_half_open_in_its_zone() {
    let tokyo = ZoneOffsets { offsets: vec![(Timestamp(0), 9 * 3600)] };
    let office = Calendar {
        spans: vec![span(WORKDAYS, 9 * 60, 18 * 60)],
        zone: tokyo,
        closed_days: vec![at("2026-01-12T00:00:00Z").0 / DAY_MS],
    };
    let cases = [
        ("2026-01-05T08:59:59.999+09:00", false),
        ("2026-01-05T09:00:00+09:00", true),
        ("2026-01-05T17:59:59.999+09:00", true),
        ("2026-01-05T18:00:00+09:00", false),
        ("2026-01-04T12:00:00+09:00", false),
        ("2026-01-12T12:00:00+09:00", false),
        ("2026-01-13T12:00:00+09:00", true),
    ];
    for (instant, open) in cases {
        assert_eq!(office.is_open(at(instant)), open, "{instant}");
    }
    let friday = office.next_edge(at("2026-01-09T18:00:00+09:00"));
    assert_eq!(friday, Some(at("2026-01-13T09:00:00+09:00")));
}

#[test]
fn a_night_belongs_to_the_day_it_begins_on() {
    let night = berlin(vec![span(0b001_0000, 22 * 60, 6 * 60)], Vec::new());
    assert!(night.is_open(at("2026-01-10T05:59:00+01:00")));
    assert!(!night.is_open(at("2026-01-10T06:00:00+01:00")));
    assert!(!night.is_open(at("2026-01-09T05:59:00+01:00")));
    let edge = night.next_edge(at("2026-01-09T21:00:00+01:00"));
    assert_eq!(edge, Some(at("2026-01-09T22:00:00+01:00")));
}

#[test]
fn whole_days_join_without_an_edge() {
    let always = berlin(vec![span(EVERY_DAY, 0, DAY_MINUTES)], Vec::new());
    assert_eq!(always.next_edge(at("2026-03-28T12:00:00Z")), None);
    assert_eq!(Calendar::default().next_edge(Timestamp(0)), None);
}

#[test]
fn an_hour_the_clocks_skip_opens_where_they_jump() {
    let early = berlin(vec![span(EVERY_DAY, 150, 240)], Vec::new());
    let edge = early.next_edge(at("2026-03-29T00:00:00Z"));
    assert_eq!(edge, Some(at("2026-03-29T01:00:00Z")));
}

/// The naive twin: look at every minute.
#[test]
fn edges_are_where_minute_by_minute_looking_finds_them() {
    let calendars = [
        berlin(vec![span(EVERY_DAY, 150, 240), span(WORKDAYS, 1380, 60)], vec![20_541]),
        berlin(vec![span(0b100_0001, 0, DAY_MINUTES), span(WORKDAYS, 120, 180)], vec![]),
    ];
    let mut edges = 0;
    for calendar in &calendars {
        for start in ["2026-03-26T22:00:00Z", "2026-10-23T00:00:00Z"] {
            let mut expected = at(start);
            for _ in 0..12 {
                let was_open = calendar.is_open(expected);
                let edge = calendar.next_edge(expected);
                let mut looked = Timestamp(expected.0 + MINUTE_MS);
                while calendar.is_open(looked) == was_open {
                    looked = looked.plus(MINUTE_MS);
                    assert!(looked.0 - expected.0 < 100 * HOUR_MS, "no edge found by looking");
                }
                assert_eq!(edge, Some(looked), "after {expected}");
                expected = looked;
                edges += 1;
            }
        }
    }
    assert_eq!(edges, 48);
}
