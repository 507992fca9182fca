//! Single values: texts that are read once, here, with the way out when they are wrong.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use jiff::tz::TimeZone;
use model::message::Language;
use model::severity::Severity;
use model::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use serde::de::{Deserialize, Deserializer, Error};

/// The port that is served when none is named.
const PORT: u16 = 9464;
/// The longest duration: no figure of a configuration means more than a year.
const DURATION_MAX_MS: i64 = 366 * DAY_MS;

/// Milliseconds, written as a whole number and a unit: `500ms 10s 5m 2h 7d`.
pub(super) struct DurationSetting(pub(super) i64);

/// Bytes, written as a whole number and a unit: `64KiB 256MiB 2GiB`.
pub(super) struct BytesSetting(pub(super) u64);

/// A duration in milliseconds or `none`.
pub(super) struct ResponseTime(pub(super) Option<i64>);

/// A duration in milliseconds, also none at all: `0s`.
pub(super) struct StepTime(pub(super) i64);

pub(super) struct ReadLanguage(pub(super) Language);
pub(super) struct ZoneSetting(pub(super) TimeZone);
pub(super) struct ListenAddress(pub(super) SocketAddr);
pub(super) struct SeverityWord(pub(super) Severity);

/// Number of processes that share the work; one, for now.
#[derive(Default)]
pub(super) struct ProcessMode;

impl Default for ListenAddress {
    fn default() -> ListenAddress {
        ListenAddress(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT))
    }
}

/// A whole number and the unit behind it.
fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

fn read_duration(text: &str) -> Result<i64, String> {
    let known = split_unit(text).and_then(|(number, unit)| {
        let unit_ms = match unit {
            "ms" => 1,
            "s" => SECOND_MS,
            "m" => MINUTE_MS,
            "h" => HOUR_MS,
            "d" => DAY_MS,
            _ => return None,
        };
        i64::try_from(number).ok()?.checked_mul(unit_ms)
    });
    known.filter(|millis| (1..=DURATION_MAX_MS).contains(millis)).ok_or_else(|| {
        format!(
            "`{text}` is no duration up to a year; write a number and ms, s, m, h or d: \"10s\""
        )
    })
}

fn read_bytes(text: &str) -> Result<u64, String> {
    let known = split_unit(text).and_then(|(number, unit)| {
        let shift = match unit {
            "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return None,
        };
        number.checked_mul(1 << shift)
    });
    known.filter(|bytes| (1..=1 << 40).contains(bytes)).ok_or_else(|| {
        format!("`{text}` is no size up to 1024GiB; write a number and KiB, MiB or GiB: \"256MiB\"")
    })
}

fn read_response_time(text: &str) -> Result<Option<i64>, String> {
    if text == "none" { Ok(None) } else { read_duration(text).map(Some) }
}

fn read_step_time(text: &str) -> Result<i64, String> {
    match split_unit(text) {
        Some((0, "ms" | "s" | "m" | "h" | "d")) => Ok(0),
        _ => read_duration(text),
    }
}

fn read_language(text: &str) -> Result<Language, String> {
    match text {
        "ja" => Ok(Language::Ja),
        "en" => Ok(Language::En),
        _ => Err(format!("`{text}` is no language hansho speaks; write \"ja\" or \"en\"")),
    }
}

fn read_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| {
        format!("`{text}` is no time zone known here; write an IANA name: \"Asia/Tokyo\"")
    })
}

fn read_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is no address and port; write \"127.0.0.1:{PORT}\" or \"[::1]:{PORT}\"")
    })
}

fn read_severity(text: &str) -> Result<Severity, String> {
    Severity::from_word(text).ok_or_else(|| {
        format!(
            "`{text}` is no severity; write critical, high, medium, low or 緊急, 重要, 通常, 軽微"
        )
    })
}

fn read_mode(text: &str) -> Result<ProcessMode, String> {
    match text {
        "one" => Ok(ProcessMode),
        "many" => Err("`many` is not built yet: run one process with mode = \"one\"".to_owned()),
        _ => Err(format!("`{text}` is no mode; write \"one\"")),
    }
}

/// Reads a text and judges it with a function.
fn read<'de, D, T>(from: D, evaluate: fn(&str) -> Result<T, String>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    evaluate(&String::deserialize(from)?).map_err(Error::custom)
}

macro_rules! read_with {
    ($($name:ident => $read:expr),* $(,)?) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<$name, D::Error> {
                read(from, |text| $read(text))
            }
        }
    )*};
}

read_with! {
    DurationSetting => |text| read_duration(text).map(DurationSetting),
    BytesSetting => |text| read_bytes(text).map(BytesSetting),
    ResponseTime => |text| read_response_time(text).map(ResponseTime),
    StepTime => |text| read_step_time(text).map(StepTime),
    ReadLanguage => |text| read_language(text).map(ReadLanguage),
    ZoneSetting => |text| read_zone(text).map(ZoneSetting),
    ListenAddress => |text| read_listen(text).map(ListenAddress),
    SeverityWord => |text| read_severity(text).map(SeverityWord),
    ProcessMode => read_mode,
}
