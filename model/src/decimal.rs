//! Decimal numbers with nine fraction digits, in an `i128`.

use std::fmt;

/// Units in one: 10⁹.
const SCALE: i128 = 1_000_000_000;
/// Maximum magnitude of a single value: 10²⁰.
const LIMIT: i128 = 100_000_000_000_000_000_000 * SCALE;
/// Maximum number of digits that always fit an `i64`.
const SHORT_DIGITS: usize = 18;
/// Powers of ten that bring 18 digits to at most 10²⁷ units, well within the limit.
const POWERS: [i64; 10] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// A decimal number counted in units of 10⁻⁹.
///
/// Sums are exact and do not depend on the order, unlike those of binary floats. A single value is
/// at most 10²⁰ in magnitude, so 10⁹ of them can be added without overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i128);

/// Error of a text or float that is no [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// Not a number in JSON's spelling.
    Malformed,
    /// Beyond ±10²⁰ or not finite.
    OutOfRange,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal(0);
    /// One.
    pub const ONE: Decimal = Decimal(SCALE);

    /// Greatest representable value.
    pub const MAX: Decimal = Decimal(i128::MAX);

    /// Converts a whole number.
    pub const fn from_int(whole: i64) -> Decimal {
        Decimal(whole as i128 * SCALE)
    }

    /// Converts a count of 10⁻⁹ units, as [`Decimal::units`] returns it.
    pub const fn from_units(units: i128) -> Decimal {
        Decimal(units)
    }

    /// Returns the value in units of 10⁻⁹.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Converts milliseconds to seconds, the base unit of durations.
    pub const fn from_millis(millis: i64) -> Decimal {
        Decimal(millis as i128 * (SCALE / 1000))
    }

    /// Converts seconds to whole milliseconds, truncated; `None` beyond `i64`.
    pub fn to_millis(self) -> Option<i64> {
        i64::try_from(self.0.div_euclid(SCALE / 1000)).ok()
    }

    /// Returns the value if it is whole and fits an `i64`.
    pub fn to_int(self) -> Option<i64> {
        // Below 9.2 × 10⁹ the units fit 64 bits, whose division needs no call.
        if let Ok(units) = i64::try_from(self.0) {
            return (units % SCALE as i64 == 0).then_some(units / SCALE as i64);
        }
        if self.0 % SCALE == 0 { i64::try_from(self.0 / SCALE).ok() } else { None }
    }

    /// Returns the nearest float, for gauges and charts only: decisions use decimals.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / SCALE as f64
    }

    /// Sum, `None` on overflow of the representation.
    pub fn checked_add(self, other: Decimal) -> Option<Decimal> {
        self.0.checked_add(other.0).map(Decimal)
    }

    /// Difference, `None` on overflow of the representation.
    pub fn checked_sub(self, other: Decimal) -> Option<Decimal> {
        self.0.checked_sub(other.0).map(Decimal)
    }

    /// Product rounded half to even, `None` beyond ±10²⁰.
    pub fn checked_mul(self, other: Decimal) -> Option<Decimal> {
        let product = self.0.checked_mul(other.0)?;
        Decimal(divide_half_even(product, SCALE)).in_range()
    }

    /// Quotient rounded half to even, `None` for a zero divisor or beyond ±10²⁰.
    pub fn checked_div(self, other: Decimal) -> Option<Decimal> {
        if other.0 == 0 {
            return None;
        }
        let dividend = self.0.checked_mul(SCALE)?;
        Decimal(divide_half_even(dividend, other.0)).in_range()
    }

    /// Multiplies by a power of ten; digits below 10⁻⁹ are rounded half to even.
    pub fn shift(self, exponent: i32) -> Option<Decimal> {
        let factor = 10_i128.checked_pow(exponent.unsigned_abs())?;
        if exponent >= 0 {
            Decimal(self.0.checked_mul(factor)?).in_range()
        } else {
            Some(Decimal(divide_half_even(self.0, factor)))
        }
    }

    /// `numerator / denominator` of raw units, rounded half to even; `None` for 0.
    pub fn quotient(numerator: i128, denominator: i128) -> Option<Decimal> {
        (denominator != 0).then(|| Decimal(divide_half_even(numerator, denominator)))
    }

    fn in_range(self) -> Option<Decimal> {
        (self.0.unsigned_abs() <= LIMIT.unsigned_abs()).then_some(self)
    }

    /// Parses a number in JSON syntax (`-12.5e3`), rounding once, half to even.
    ///
    /// # Errors
    /// [`DecimalError::Malformed`] for anything else, [`DecimalError::OutOfRange`] beyond ±10²⁰.
    pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
        Decimal::parse_scaled(text, 0)
    }

    /// Parses a number times a power of ten, rounding once: `parse_scaled("80", -2)` is 0.8.
    ///
    /// # Errors
    /// As [`Decimal::parse`].
    pub fn parse_scaled(text: &str, power: i32) -> Result<Decimal, DecimalError> {
        match parse_short(text, power) {
            Some(number) => Ok(number),
            None => Decimal::parse_any(text, power),
        }
    }

    fn parse_any(text: &str, power: i32) -> Result<Decimal, DecimalError> {
        let (negative, body) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match body.split_once(['e', 'E']) {
            Some((mantissa, digits)) => (mantissa, parse_exponent(digits)?),
            None => (body, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return Err(DecimalError::Malformed),
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        if whole.is_empty() {
            return Err(DecimalError::Malformed);
        }
        let magnitude = round_digits(whole, fraction, exponent.saturating_add(power))?;
        Ok(Decimal(if negative { -magnitude } else { magnitude }))
    }

    /// Converts a float to the nearest decimal.
    ///
    /// # Errors
    /// [`DecimalError::OutOfRange`] for infinities, NaN and magnitudes beyond 10²⁰.
    pub fn from_f64(value: f64) -> Result<Decimal, DecimalError> {
        if !value.is_finite() || value.abs() > 1e20 {
            return Err(DecimalError::OutOfRange);
        }
        // Rust formats the shortest text that parses to the same float, so 85.835 becomes 85.835
        // and not 85.834999999.
        Decimal::parse(&format!("{value:e}"))
    }
}

/// Parses 1 to 18 digits and nothing else; they always fit an `i64`.
pub fn parse_digits(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > SHORT_DIGITS {
        return None;
    }
    text.bytes().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then_some(number * 10 + i64::from(digit))
    })
}

/// Fast path for the usual number of an event: up to 18 digits, an optional point, no exponent and
/// no rounding. `None` means that the slow path must decide.
fn parse_short(text: &str, power: i32) -> Option<Decimal> {
    let body = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, fraction_digits) = match parse_digits(body) {
        Some(whole) => (whole, 0),
        None => {
            let (whole, fraction) = body.split_once('.')?;
            let fits = whole.len() + fraction.len() <= SHORT_DIGITS;
            let shift = fits.then(|| POWERS.get(fraction.len()))??;
            (parse_digits(whole)? * shift + parse_digits(fraction)?, fraction.len() as i32)
        }
    };
    let shift = usize::try_from(9 + power - fraction_digits).ok()?;
    let magnitude = i128::from(mantissa) * i128::from(*POWERS.get(shift)?);
    Some(Decimal(if text.len() > body.len() { -magnitude } else { magnitude }))
}

fn parse_exponent(digits: &str) -> Result<i32, DecimalError> {
    let body = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if body.is_empty() || !body.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Malformed);
    }
    // Beyond ±10,000 every non-zero value is out of range or zero: the exact figure is moot.
    let magnitude = body.parse::<i32>().unwrap_or(10_000).min(10_000);
    Ok(if digits.starts_with('-') { -magnitude } else { magnitude })
}

/// Digits × 10^exponent in units of 10⁻⁹, rounded half to even.
fn round_digits(whole: &str, fraction: &str, exponent: i32) -> Result<i128, DecimalError> {
    // Position of the last kept digit (10⁻⁹), counted from the start of all digits.
    let point = whole.len() as i64 + i64::from(exponent);
    let keep = point + 9;
    let mut units: i128 = 0;
    let mut half: Option<u8> = None;
    let mut rest_is_zero = true;
    let mut count: i64 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return Err(DecimalError::Malformed);
        }
        let digit = byte - b'0';
        if count < keep {
            units = units * 10 + i128::from(digit);
            if units > LIMIT {
                return Err(DecimalError::OutOfRange);
            }
        } else if count == keep {
            half = Some(digit);
        } else {
            rest_is_zero &= digit == 0;
        }
        count += 1;
    }
    if units != 0 {
        for _ in count..keep {
            units *= 10;
            if units > LIMIT {
                return Err(DecimalError::OutOfRange);
            }
        }
    }
    let round_up = match half {
        Some(digit) if digit > 5 => true,
        Some(5) => !rest_is_zero || units % 2 == 1,
        _ => false,
    };
    Ok(units + i128::from(round_up))
}

fn divide_half_even(numerator: i128, denominator: i128) -> i128 {
    let quotient = numerator.div_euclid(denominator);
    let remainder = numerator.rem_euclid(denominator);
    let rest = denominator.abs() - remainder;
    let up = if denominator > 0 { 1 } else { -1 };
    if remainder > rest || (remainder == rest && quotient % 2 != 0) {
        quotient + up
    } else {
        quotient
    }
}

impl fmt::Display for Decimal {
    /// The shortest exact text: `10`, `-0.05`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let scale = SCALE.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let fraction = magnitude % scale;
        if fraction == 0 {
            return write!(f, "{sign}{}", magnitude / scale);
        }
        let mut rest = fraction as u32;
        let mut digits = [b'0'; 9];
        for digit in digits.iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        let digits = std::str::from_utf8(&digits).map_err(|_| fmt::Error)?;
        write!(f, "{sign}{}.{}", magnitude / scale, digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests;
