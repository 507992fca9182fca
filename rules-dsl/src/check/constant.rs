//! Constants: quantities in base units, lengths of time in milliseconds.

use model::decimal::Decimal;
use model::time::DAY_MS;

use crate::ast::Quantity;
use crate::diagnostic::{Code, Diagnostic, text};
use crate::quantity::UnitKind;
use crate::rule::Network;

/// Longest window, `for`, `keep`, lateness: a year and a day.
pub const LENGTH_MS_MAX: i64 = 366 * DAY_MS;

/// A quantity in base units; `None` is out of range and reported.
pub(super) fn base(quantity: &Quantity, diagnostics: &mut Vec<Diagnostic>) -> Option<Decimal> {
    let factor = quantity.unit.map_or(Decimal::ONE, |unit| unit.factor());
    let value = quantity.value.checked_mul(factor);
    if value.is_none() {
        let message = text!("the quantity is beyond 10²⁰", "数量が 10²⁰ を超えています");
        diagnostics.push(Diagnostic::new(Code::NumberRange, quantity.at.0, message));
    }
    value
}

/// Whether a length may be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Least {
    Zero,
    OneMillisecond,
}

/// A length of time in whole milliseconds; `None` is reported.
pub(super) fn millis(
    quantity: &Quantity,
    least: Least,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<i64> {
    let spelled = crate::print::quantity(quantity);
    if quantity
        .unit
        .is_none_or(|unit| unit.kind != UnitKind::Duration)
    {
        let message = text!(
            "`{spelled}` is no length of time",
            "`{spelled}` は時間の長さではありません"
        );
        let value = quantity.value;
        let help = text!(
            "write a unit: `{value}s`, `{value}m`, `{value}h`",
            "単位を付けてください: `{value}秒`、`{value}分`、`{value}時間`"
        );
        diagnostics.push(Diagnostic::new(Code::UnitMismatch, quantity.at.0, message).help(help));
        return None;
    }
    let seconds = base(quantity, diagnostics)?;
    let whole = seconds
        .to_millis()
        .filter(|millis| Decimal::from_millis(*millis) == seconds);
    let low = if least == Least::Zero { 0 } else { 1 };
    match whole {
        Some(millis) if (low..=LENGTH_MS_MAX).contains(&millis) => Some(millis),
        _ => {
            let days = LENGTH_MS_MAX / DAY_MS;
            let message = text!(
                "`{spelled}` is no usable length of time",
                "`{spelled}` は長さとして使えません"
            );
            let expected = text!(
                "whole milliseconds, from {low} ms to {days} days",
                "{low}ミリ秒から{days}日まで、ミリ秒単位"
            );
            diagnostics.push(
                Diagnostic::new(Code::BadDuration, quantity.at.0, message).expected(expected),
            );
            None
        }
    }
}

/// A number of events; `None` is reported.
pub(super) fn events(quantity: &Quantity, diagnostics: &mut Vec<Diagnostic>) -> Option<u64> {
    let counts = quantity
        .unit
        .is_none_or(|unit| unit.kind == UnitKind::Count);
    let whole = quantity
        .value
        .to_int()
        .and_then(|value| u64::try_from(value).ok());
    match whole.filter(|_| counts) {
        Some(events) => Some(events),
        None => {
            let spelled = crate::print::quantity(quantity);
            let message = text!(
                "`{spelled}` is no number of events",
                "`{spelled}` は件数ではありません"
            );
            let expected = text!("a whole number: `20`", "整数: `20`");
            diagnostics.push(
                Diagnostic::new(Code::UnitMismatch, quantity.at.0, message).expected(expected),
            );
            None
        }
    }
}

/// `10.0.0.0/8`; a single address is a network of one.
pub(super) fn network(text: &str) -> Option<Network> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: std::net::IpAddr = address.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(bits);
    (prefix <= bits).then_some(Network { address, prefix })
}
