use model::time::{HOUR_MS, SECOND_MS};

use super::*;

fn instant(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

#[test]
fn zones_have_the_offsets_of_their_clocks() {
    let cases = [
        ("Asia/Tokyo", "2026-07-01T00:00:00Z", 9.0),
        ("Europe/Berlin", "2026-03-29T00:59:59Z", 1.0),
        ("Europe/Berlin", "2026-03-29T01:00:00Z", 2.0),
        ("Europe/Berlin", "2026-10-25T01:00:00Z", 1.0),
        ("America/New_York", "2099-07-01T00:00:00Z", -4.0),
        ("Asia/Kolkata", "2026-01-01T00:00:00Z", 5.5),
        ("UTC", "2026-01-01T00:00:00Z", 0.0),
    ];
    for (name, at, hours) in cases {
        let offset = zone(name).unwrap().offset_s(instant(at));
        assert_eq!(i64::from(offset) * SECOND_MS, (hours * HOUR_MS as f64) as i64, "{name} {at}");
    }
    assert_eq!(zone("Asia/Tokio"), None);
    assert!(zone("Asia/Tokyo").unwrap().offsets.len() < 3);
}

fn ics(events: &str) -> String {
    let lines = format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{events}END:VCALENDAR\n");
    lines.replace('\n', "\r\n")
}

#[test]
fn holidays_are_the_whole_days_of_a_calendar() {
    let event = |lines: &str| format!("BEGIN:VEVENT\nSUMMARY:祝日\n{lines}\nEND:VEVENT\n");
    let first = event("DTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20260102");
    let golden_week = event("DTSTART;VALUE=DATE:20260504\nDTEND;VALUE=DATE:20260507");
    let early = event("DTSTART;VALUE=DATE:19700102");
    let days = holidays(&ics(&format!("{golden_week}{first}{early}{first}"))).unwrap();
    assert_eq!(days, [1, 20_454, 20_577, 20_578, 20_579]);
    assert_eq!(holidays(&ics("")).unwrap(), [0_i64; 0]);
    let wrong = [
        event("DTSTART:20260101T090000Z"),
        event("DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=YEARLY"),
        event("DTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20260101"),
        event("DTSTART;VALUE=DATE:20261301"),
        event("DESCRIPTION:none"),
    ];
    for text in wrong {
        let error = holidays(&ics(&text)).unwrap_err();
        assert!(error.contains("祝日"), "{error}");
    }
    assert!(holidays("no calendar").is_err());
}
