//! Numeric constants: Go's literals, and every kind of number that one can be taken for.

use crate::quote::{self, Unit};

/// A numeric constant. The same text can be several kinds of number: `1` is also an unsigned integer and a float, and
/// `1e3` is also an integer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
    /// What it is when nothing else decides.
    pub(crate) ideal: Ideal,
}

/// What a constant is when nothing says what it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ideal {
    Int(i64),
    Float(f64),
    Complex(f64, f64),
    Overflow,
}

impl Number {
    fn empty(text: &str) -> Self {
        let ideal = Ideal::Overflow;
        Self { text: text.to_owned(), int: None, uint: None, float: None, complex: None, ideal }
    }

    fn decided(self) -> Self {
        Self { ideal: self.decide(), ..self }
    }

    /// A character constant with its quotes.
    pub(crate) fn from_char(text: &str) -> Result<Self, String> {
        let inner = text.get(1..).unwrap_or_default();
        let Some((unit, tail)) = quote::unquote_char(inner, '\'') else {
            return Err("invalid syntax".to_owned());
        };
        if tail != "'" {
            return Err(format!("malformed character constant: {text}"));
        }
        let code = match unit {
            Unit::Char(c) => u32::from(c),
            Unit::Byte(byte) => u32::from(byte),
        };
        Ok(Self {
            int: Some(i64::from(code)),
            uint: Some(u64::from(code)),
            float: Some(f64::from(code)),
            ..Self::empty(text)
        }
        .decided())
    }

    /// `1+2i`
    pub(crate) fn from_complex(text: &str) -> Result<Self, String> {
        let split = split_complex(text).and_then(|(real, imaginary)| {
            Some((parse_float(real)?, parse_float(imaginary.strip_suffix('i')?)?))
        });
        let Some((real, imaginary)) = split else {
            return Err("syntax error scanning complex number".to_owned());
        };
        Ok(Self::with_complex(text, real, imaginary))
    }

    fn with_complex(text: &str, real: f64, imaginary: f64) -> Self {
        let mut number = Self { complex: Some((real, imaginary)), ..Self::empty(text) };
        if imaginary == 0.0 {
            number.float = Some(real);
            number.int = float_as_int(real);
            number.uint = float_as_uint(real);
        }
        number.decided()
    }

    /// Any other constant.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(imaginary) = text.strip_suffix('i').and_then(parse_float) {
            return Ok(Self::with_complex(text, 0.0, imaginary));
        }
        let (int, mut uint) = (parse_int(text), parse_uint(text));
        if int == Some(0) {
            uint = Some(0); // -0 is unsigned as well.
        }
        let mut number = Self { int, uint, ..Self::empty(text) };
        if let Some(int) = int {
            number.float = Some(int_as_float(int));
        } else if let Some(uint) = uint {
            number.float = Some(uint_as_float(uint));
        } else if let Some(float) = parse_float(text) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quote::quote(text)));
            }
            number.float = Some(float);
            number.int = float_as_int(float);
            number.uint = float_as_uint(float);
        } else {
            return Err(format!("illegal number syntax: {}", quote::quote(text)));
        }
        Ok(number.decided())
    }

    fn decide(&self) -> Ideal {
        if let Some((real, imaginary)) = self.complex {
            return Ideal::Complex(real, imaginary);
        }
        let hex = self.text.starts_with("0x") || self.text.starts_with("0X");
        let hex_int = hex && self.text.len() > 2 && !self.text.contains(['p', 'P']);
        let is_float = !hex_int
            && !self.text.starts_with('\'')
            && self.text.contains(['.', 'e', 'E', 'p', 'P']);
        match (self.float, self.int) {
            (Some(float), _) if is_float => Ideal::Float(float),
            (_, Some(int)) => Ideal::Int(int),
            _ => Ideal::Overflow,
        }
    }
}

/// Cuts before the sign of the imaginary part, which is not the first sign and not that of an exponent.
fn split_complex(text: &str) -> Option<(&str, &str)> {
    let mut previous = 'e';
    let at = text.char_indices().find(|(_, c)| {
        let found = matches!(c, '+' | '-') && !matches!(previous, 'e' | 'E' | 'p' | 'P');
        previous = *c;
        found
    });
    text.split_at_checked(at?.0)
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// An integer in Go's notation for all bases: `-1_000`, `0x1F`, `0b1`, `017`.
pub fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    let magnitude = parse_uint(digits)?;
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

fn parse_uint(text: &str) -> Option<u64> {
    let (radix, digits) = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, text.get(2..)?),
        Some("0o") => (8, text.get(2..)?),
        Some("0b") => (2, text.get(2..)?),
        _ if text.len() > 1 && text.starts_with('0') => (8, text.get(1..)?),
        _ => (10, text),
    };
    if !text.starts_with(|c: char| c.is_ascii_digit()) || !underscores_are_fine(text) {
        return None;
    }
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&digits, radix).ok()
}

/// Underscores stand between digits, or between the prefix of a base and a digit.
fn underscores_are_fine(text: &str) -> bool {
    if !text.contains('_') {
        return true;
    }
    let (_, text) = split_sign(text);
    let lower = text.to_ascii_lowercase();
    let prefixed = ["0x", "0o", "0b"].iter().any(|prefix| lower.starts_with(prefix));
    let hex = lower.starts_with("0x");
    let rest = if prefixed { lower.get(2..).unwrap_or_default() } else { lower.as_str() };
    let mut previous = if prefixed { '0' } else { '!' };
    for c in rest.chars() {
        let digit = c.is_ascii_digit() || (hex && c.is_ascii_hexdigit());
        let kind = if digit { '0' } else { c };
        if (kind == '_' && previous != '0') || (kind != '0' && kind != '_' && previous == '_') {
            return false;
        }
        previous = kind;
    }
    previous != '_'
}

/// A finite decimal or hexadecimal float in Go's notation: `1e3`, `.5`, `0x1p-2`.
pub fn parse_float(text: &str) -> Option<f64> {
    if !underscores_are_fine(text) {
        return None;
    }
    let (negative, rest) = split_sign(text);
    let rest: String = rest.chars().filter(|c| *c != '_').collect();
    let hex = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X"));
    let magnitude = if let Some(hex) = hex {
        parse_hex_float(hex)?
    } else {
        let valid = rest.chars().all(|c| matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'));
        let digits = rest.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        if !valid || !digits {
            return None;
        }
        rest.parse().ok().filter(|float: &f64| float.is_finite())?
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// The part after `0x`: digits, a point, more digits and a binary exponent, which is required.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // 64 bits of mantissa are kept; what follows only says whether there was more.
    let mut bits: u64 = 0;
    let mut shift: i64 = 0;
    for (index, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(digit.to_digit(16)?);
        let fractional = index >= whole.len();
        if bits >> 60 == 0 {
            bits = (bits << 4) | digit;
            shift -= if fractional { 4 } else { 0 };
        } else {
            bits |= u64::from(digit != 0);
            shift += if fractional { 0 } else { 4 };
        }
    }
    scale(bits, shift.checked_add(exponent)?)
}

/// `bits × 2^exponent`, rounded to the nearest, ties to even; `None` when it is too large.
fn scale(bits: u64, exponent: i64) -> Option<f64> {
    if bits == 0 {
        return Some(0.0);
    }
    let length = i64::from(64 - bits.leading_zeros());
    let top = exponent.checked_add(length)?;
    if top > 1024 {
        return None;
    }
    // A subnormal number keeps fewer bits, so that they are dropped once, before the conversion.
    let kept = (top + 1074).min(53);
    if kept < 0 {
        return Some(0.0);
    }
    let drop = (length - kept).max(0);
    let rounded = round_shift(bits, u32::try_from(drop).ok()?);
    let power = exponent + drop;
    let half = power / 2;
    let float = uint_as_float(rounded) * power_of_two(half) * power_of_two(power - half);
    float.is_finite().then_some(float)
}

fn round_shift(bits: u64, drop: u32) -> u64 {
    if drop == 0 {
        return bits;
    }
    let kept = bits.checked_shr(drop).unwrap_or(0);
    let half = 1_u64 << (drop - 1);
    let lost = bits & (half | (half - 1));
    if lost > half || (lost == half && kept & 1 == 1) { kept + 1 } else { kept }
}

fn power_of_two(exponent: i64) -> f64 {
    2_f64.powi(i32::try_from(exponent).unwrap_or(i32::MIN))
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds in the same way")]
pub(crate) fn int_as_float(int: i64) -> f64 {
    int as f64
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds in the same way")]
pub(crate) fn uint_as_float(uint: u64) -> f64 {
    uint as f64
}

/// The integer that the float is exactly.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
#[expect(clippy::float_cmp, reason = "the question is whether they are equal")]
pub(crate) fn float_as_int(float: f64) -> Option<i64> {
    let range = -9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0;
    (range.contains(&float) && float.trunc() == float).then_some(float as i64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
#[expect(clippy::float_cmp, reason = "the question is whether they are equal")]
pub(crate) fn float_as_uint(float: f64) -> Option<u64> {
    let range = 0.0..18_446_744_073_709_551_616.0;
    (range.contains(&float) && float.trunc() == float).then_some(float as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_notation() {
        let rows = [
            ("0", Ideal::Int(0)),
            ("-0", Ideal::Int(0)),
            ("0x1F", Ideal::Int(31)),
            ("0b1_01", Ideal::Int(5)),
            ("0o17", Ideal::Int(15)),
            ("017", Ideal::Int(15)),
            ("1_000", Ideal::Int(1000)),
            ("1e3", Ideal::Float(1000.0)),
            (".5", Ideal::Float(0.5)),
            ("0x1p-2", Ideal::Float(0.25)),
            ("0x1.8p1", Ideal::Float(3.0)),
            ("0xEp0", Ideal::Float(14.0)),
            ("0x1e", Ideal::Int(30)),
            ("2i", Ideal::Complex(0.0, 2.0)),
            ("-9223372036854775808", Ideal::Int(i64::MIN)),
            ("18446744073709551615", Ideal::Overflow),
        ];
        for (text, want) in rows {
            assert_eq!(Number::parse(text).map(|number| number.ideal), Ok(want), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in ["1__0", "_1", "1_", "0x", "08", "1e", "0x1.8", "18446744073709551616", "--1"] {
            assert!(Number::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rounds_hexadecimal_floats_once() {
        assert_eq!(parse_float("0x1.00000000000008p0"), Some(1.0));
        assert_eq!(parse_float("0x1.000000000000081p0"), Some(1.000_000_000_000_000_2));
        assert_eq!(parse_float("0x1p-1074"), Some(5e-324));
        assert_eq!(parse_float("0x1p1024"), None);
    }

    #[test]
    fn splits_complex_constants() {
        assert_eq!(Number::from_complex("1e+2-3i").map(|n| n.complex), Ok(Some((100.0, -3.0))));
    }
}
