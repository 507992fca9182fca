//! Constants: quantities in base units, lengths of time in milliseconds.

use std::net::IpAddr;

use model::decimal::Decimal;
use model::time::{DAY_MS, Timestamp};

use super::limits::LENGTH_MS_MAX;
use super::messages;
use crate::ast::Quantity;
use crate::diagnostic::Diagnostic;
use crate::quantity::UnitKind;
use crate::rule::IpNetwork;

/// Bits in front of an IPv4 address that is written as an IPv6 one.
const MAPPED_PREFIX: u8 = 96;

/// A quantity in base units; `None` is out of range and reported.
pub(super) fn base(quantity: &Quantity, diagnostics: &mut Vec<Diagnostic>) -> Option<Decimal> {
    let factor = quantity.unit.map_or(Decimal::ONE, |unit| unit.factor());
    let value = quantity.value.checked_mul(factor);
    if value.is_none() {
        diagnostics.push(messages::quantity_range(quantity.at.0));
    }
    value
}

/// True when a length may be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LengthMinimum {
    Zero,
    OneMillisecond,
}

/// A length of time in whole milliseconds; `None` is reported.
pub(super) fn millis(
    quantity: &Quantity,
    least: LengthMinimum,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<i64> {
    let spelled = crate::print::quantity(quantity);
    let kind = quantity.unit.map(|unit| unit.kind);
    // Nothing is nothing in any unit: `step 0`.
    if kind.is_none() && quantity.value == Decimal::ZERO && least == LengthMinimum::Zero {
        return Some(0);
    }
    if kind != Some(UnitKind::Duration) {
        diagnostics.push(messages::no_length(quantity.at.0, &spelled, quantity.value));
        return None;
    }
    let seconds = base(quantity, diagnostics)?;
    let least_ms = i64::from(least == LengthMinimum::OneMillisecond);
    let whole = seconds.to_millis().filter(|millis| {
        Decimal::from_millis(*millis) == seconds && (least_ms..=LENGTH_MS_MAX).contains(millis)
    });
    if whole.is_none() {
        let most_days = LENGTH_MS_MAX / DAY_MS;
        diagnostics.push(messages::bad_length(quantity.at.0, &spelled, least_ms, most_days));
    }
    whole
}

/// An RFC 3339 instant, which may leave out its seconds: `2026-01-05T09:00+09:00`.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let with_seconds = || {
        let (minute, zone) = text.split_at_checked("2026-01-05T09:00".len())?;
        let is_zone = zone.starts_with(['+', '-', 'Z', 'z']);
        is_zone.then(|| Timestamp::parse_rfc3339(&format!("{minute}:00{zone}"))).flatten()
    };
    Timestamp::parse_rfc3339(text).or_else(with_seconds)
}

/// A number of events; `None` is reported.
pub(super) fn events(quantity: &Quantity, diagnostics: &mut Vec<Diagnostic>) -> Option<u64> {
    let counts = quantity.unit.is_none_or(|unit| unit.kind == UnitKind::Count);
    let whole = quantity.value.to_int().filter(|_| counts);
    let events = whole.and_then(|value| u64::try_from(value).ok());
    if events.is_none() {
        let spelled = crate::print::quantity(quantity);
        diagnostics.push(messages::no_event_count(quantity.at.0, &spelled));
    }
    events
}

/// `10.0.0.0/8`; a single address is a network of one.
pub(super) fn network(text: &str) -> Option<IpNetwork> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(bits);
    if prefix > bits {
        return None;
    }
    // An event's `::ffff:192.0.2.1` is read as `192.0.2.1`: a network of such is one of those.
    let mapped = match address {
        IpAddr::V6(long) => long.to_ipv4_mapped().zip(prefix.checked_sub(MAPPED_PREFIX)),
        IpAddr::V4(_) => None,
    };
    Some(match mapped {
        Some((short, prefix)) => IpNetwork { address: IpAddr::V4(short), prefix },
        None => IpNetwork { address, prefix },
    })
}
