use super::*;

#[test]
fn reads_rfc3339() {
    let cases: &[(&str, i64)] = &[
        ("1970-01-01T00:00:00Z", 0),
        ("2026-03-01T00:00:00.100Z", 1_772_323_200_100),
        ("2026-03-01T09:00:00+09:00", 1_772_323_200_000),
        ("2026-02-28 19:00:00.0009-05:00", 1_772_323_200_000),
        ("2016-12-31T23:59:60Z", 1_483_228_799_999),
        ("1969-12-31T23:59:59.5z", -500),
        ("2024-02-29T00:00:00.123456789Z", 1_709_164_800_123),
    ];
    for (text, want) in cases {
        assert_eq!(Timestamp::parse_rfc3339(text), Some(Timestamp(*want)), "{text}");
    }
}

#[test]
fn refuses_what_is_not_rfc3339() {
    let bad = [
        "",
        "2026-03-01",
        "2026-03-01T00:00:00",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T00:00:00.Z",
        "2026-03-01T00:00:00+9:00",
        "2026-03-01T00:00:00Z ",
        "٢٠٢٦-03-01T00:00:00Z",
    ];
    for text in bad {
        assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
    }
}

#[test]
fn refuses_a_wrong_character_at_any_place() {
    let good = "2026-03-01T00:00:00";
    for (at, right) in good.char_indices() {
        for wrong in ['x', '/', ':', '-', ' ', '٣'].into_iter().filter(|wrong| *wrong != right) {
            if right == 'T' && wrong == ' ' {
                continue;
            }
            let text = format!("{}{wrong}{}Z", &good[..at], &good[at + 1..]);
            assert_eq!(Timestamp::parse_rfc3339(&text), None, "{text}");
        }
    }
}

#[test]
fn prints_what_it_reads_over_ten_thousand_years() {
    let mut day = Timestamp::EARLIEST.0;
    while day <= Timestamp::LATEST.0 {
        let text = Timestamp(day + 1).to_string();
        assert_eq!(Timestamp::parse_rfc3339(&text), Some(Timestamp(day + 1)), "{text}");
        day += 29 * DAY_MS;
    }
}

#[test]
fn shows_milliseconds_only_where_there_are_some() {
    assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
    assert_eq!(Timestamp(1_772_323_200_005).to_string(), "2026-03-01T00:00:00.005Z");
}
