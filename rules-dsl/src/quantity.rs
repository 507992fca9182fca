//! Units: the words that may follow a number directly, in both languages.

use model::decimal::Decimal;
use model::message::DisplayUnit;

/// Dimension of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// A length of time; the base unit is the second.
    Duration,
    /// A number of things.
    Count,
    /// A share; the base unit is the whole.
    Percent,
    /// A size; the base unit is the byte.
    Bytes,
}

/// One spelling of a unit.
#[derive(Debug, PartialEq, Eq)]
pub struct UnitWord {
    /// As rules write it.
    pub spelling: &'static str,
    /// Its dimension.
    pub kind: UnitKind,
    /// One of it in base units, counted in 10⁻⁹.
    nanos: i128,
}

impl UnitWord {
    /// One of it in base units.
    pub const fn factor(&self) -> Decimal {
        Decimal::from_units(self.nanos)
    }

    /// The Japanese word for the same length of time.
    pub(crate) fn japanese(&self) -> Option<&'static str> {
        let same = UNITS.iter().find(|unit| {
            unit.kind == UnitKind::Duration && unit.nanos == self.nanos && !unit.spelling.is_ascii()
        });
        same.filter(|_| self.kind == UnitKind::Duration).map(|unit| unit.spelling)
    }
}

const ONE: i128 = 1_000_000_000;

const fn unit(spelling: &'static str, kind: UnitKind, nanos: i128) -> UnitWord {
    UnitWord { spelling, kind, nanos }
}

/// Every unit of the language.
pub static UNITS: [UnitWord; 31] = [
    unit("ms", UnitKind::Duration, ONE / 1000),
    unit("s", UnitKind::Duration, ONE),
    unit("m", UnitKind::Duration, 60 * ONE),
    unit("h", UnitKind::Duration, 3_600 * ONE),
    unit("d", UnitKind::Duration, 86_400 * ONE),
    unit("w", UnitKind::Duration, 604_800 * ONE),
    unit("ミリ秒", UnitKind::Duration, ONE / 1000),
    unit("秒", UnitKind::Duration, ONE),
    unit("秒間", UnitKind::Duration, ONE),
    unit("分", UnitKind::Duration, 60 * ONE),
    unit("分間", UnitKind::Duration, 60 * ONE),
    unit("時間", UnitKind::Duration, 3_600 * ONE),
    unit("日", UnitKind::Duration, 86_400 * ONE),
    unit("週間", UnitKind::Duration, 604_800 * ONE),
    unit("回", UnitKind::Count, ONE),
    unit("件", UnitKind::Count, ONE),
    unit("個", UnitKind::Count, ONE),
    unit("人", UnitKind::Count, ONE),
    unit("名", UnitKind::Count, ONE),
    unit("台", UnitKind::Count, ONE),
    unit("行", UnitKind::Count, ONE),
    unit("%", UnitKind::Percent, ONE / 100),
    unit("B", UnitKind::Bytes, ONE),
    unit("KB", UnitKind::Bytes, 1_000 * ONE),
    unit("MB", UnitKind::Bytes, 1_000_000 * ONE),
    unit("GB", UnitKind::Bytes, 1_000_000_000 * ONE),
    unit("TB", UnitKind::Bytes, 1_000_000_000_000 * ONE),
    unit("KiB", UnitKind::Bytes, 1_024 * ONE),
    unit("MiB", UnitKind::Bytes, 1_048_576 * ONE),
    unit("GiB", UnitKind::Bytes, 1_073_741_824 * ONE),
    unit("TiB", UnitKind::Bytes, 1_099_511_627_776 * ONE),
];

/// The unit a text is.
pub fn unit_named(text: &str) -> Option<&'static UnitWord> {
    UNITS.iter().find(|unit| unit.spelling == text)
}

/// The longest unit a text starts with.
pub(crate) fn unit_prefix(text: &str) -> Option<&'static UnitWord> {
    let fits = UNITS.iter().filter(|unit| text.starts_with(unit.spelling));
    fits.max_by_key(|unit| unit.spelling.len())
}

/// The length of time a text is the unit of.
pub(crate) fn duration_named(text: &str) -> Option<&'static UnitWord> {
    unit_named(text).filter(|unit| unit.kind == UnitKind::Duration)
}

/// Unit in which a number of a kind is shown.
pub(crate) fn shown_as(kind: Option<UnitKind>) -> DisplayUnit {
    match kind {
        Some(UnitKind::Duration) => DisplayUnit::Seconds,
        Some(UnitKind::Percent) => DisplayUnit::Percent,
        Some(UnitKind::Bytes) => DisplayUnit::Bytes,
        Some(UnitKind::Count) | None => DisplayUnit::Number,
    }
}

/// A number of base units as rules write it: exact, in the largest unit that keeps it short.
pub(crate) fn spelled(value: Decimal, unit: Option<UnitKind>) -> String {
    let Some(kind) = unit.filter(|kind| *kind != UnitKind::Count) else {
        return value.to_string();
    };
    let fits = UNITS
        .iter()
        .filter(|unit| unit.kind == kind && unit.spelling.is_ascii())
        .filter_map(|unit| {
            let count = value.checked_div(unit.factor())?;
            (count.checked_mul(unit.factor()) == Some(value))
                .then(|| format!("{count}{}", unit.spelling))
        });
    fits.min_by_key(String::len).unwrap_or_else(|| value.to_string())
}

/// A number of base units shown in a unit, as rules write it.
pub fn written(value: Decimal, unit: DisplayUnit) -> String {
    let kind = match unit {
        DisplayUnit::Number => None,
        DisplayUnit::Percent => Some(UnitKind::Percent),
        DisplayUnit::Seconds => Some(UnitKind::Duration),
        DisplayUnit::Bytes => Some(UnitKind::Bytes),
    };
    spelled(value, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unit_is_read() {
        let cases = [
            ("ms", Some("ms")),
            ("m", Some("m")),
            ("分間", Some("分間")),
            ("分以上", Some("分")),
            ("秒", Some("秒")),
            ("KiB", Some("KiB")),
            ("KB", Some("KB")),
            ("%", Some("%")),
            ("x", None),
            ("時", None),
        ];
        for (text, want) in cases {
            assert_eq!(unit_prefix(text).map(|u| u.spelling), want, "{text}");
        }
    }

    #[test]
    fn spellings_are_unique() {
        for unit in &UNITS {
            assert_eq!(UNITS.iter().filter(|u| u.spelling == unit.spelling).count(), 1);
        }
    }
}
