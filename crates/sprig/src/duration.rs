//! Go's durations: `1h15m30.918s`. They are nanoseconds.

use gotemplate::Error;

use crate::golayout::quote;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The units, the longest first.
const UNITS: [(&str, u64); 8] = [
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

/// Reads a duration.
///
/// # Errors
///
/// Go's: `time: invalid duration "x"`.
pub fn parse(text: &str) -> Result<i64, Error> {
    let error = |what: &str| Error::new(format!("time: {what} duration {}", quote(text)));
    let invalid = || error("invalid");
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, tail) = digits(rest);
        let (fraction, tail) = match tail.strip_prefix('.') {
            Some(tail) => digits(tail),
            None => ("", tail),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let length = tail.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(tail.len());
        let (name, tail) = tail.split_at(length);
        if name.is_empty() {
            return Err(error("missing unit in"));
        }
        let unit = UNITS.iter().find(|(known, _)| *known == name);
        let Some((_, unit)) = unit else {
            return Err(error(&format!("unknown unit {} in", quote(name))));
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        total = whole
            .checked_mul(*unit)
            .and_then(|whole| whole.checked_add(part(fraction, *unit)))
            .and_then(|sum| total.checked_add(sum))
            .filter(|total| *total <= 1 << 63)
            .ok_or_else(invalid)?;
        rest = tail;
    }
    if text.starts_with('-') {
        return Ok(0_i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).map_err(|_| invalid())
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A decimal fraction of a unit, cut to nanoseconds.
fn part(fraction: &str, unit: u64) -> u64 {
    // More digits than this make no difference.
    let digits = fraction.get(..fraction.len().min(18)).unwrap_or_default();
    let number: u128 = digits.parse().unwrap_or(0);
    let scale = 10_u128.pow(u32::try_from(digits.len()).unwrap_or(0));
    u64::try_from(number * u128::from(unit) / scale).unwrap_or(0)
}

/// The text of a duration.
pub fn format(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    let decimal = |number: u64, unit: u64| {
        let width = unit.ilog10() as usize;
        let fraction = format!("{:0width$}", number % unit);
        let fraction = if unit == 1 { "" } else { fraction.trim_end_matches('0') };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{}{point}{fraction}", number / unit)
    };
    match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{size}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(size, 1_000)),
        1_000_000..SECOND => format!("{sign}{}ms", decimal(size, 1_000_000)),
        SECOND..MINUTE => format!("{sign}{}s", decimal(size, SECOND)),
        MINUTE..HOUR => format!("{sign}{}m{}s", size / MINUTE, decimal(size % MINUTE, SECOND)),
        _ => {
            let minutes = size / MINUTE % 60;
            format!("{sign}{}h{minutes}m{}s", size / HOUR, decimal(size % MINUTE, SECOND))
        }
    }
}

/// To whole seconds, halves away from zero.
pub(crate) fn round_to_seconds(nanoseconds: i128) -> i64 {
    let second = i128::from(SECOND);
    let half = if nanoseconds < 0 { -second / 2 } else { second / 2 };
    let rounded = (nanoseconds + half) / second * second;
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

/// The largest unit that fits in, and how often: `3mo`.
pub(crate) fn largest_unit(nanoseconds: i64) -> String {
    let size = nanoseconds.unsigned_abs();
    let day = 24 * HOUR;
    let units =
        [(365 * day, "y"), (30 * day, "mo"), (day, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")];
    let fitting = units.iter().find(|(unit, _)| size > *unit);
    fitting.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", size / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        let rows = [
            ("0", 0, "0s"),
            ("1ns", 1, "1ns"),
            ("1.5us", 1_500, "1.5µs"),
            ("2.25ms", 2_250_000, "2.25ms"),
            ("1h15m30.918s", 4_530_918_000_000, "1h15m30.918s"),
            ("-90s", -90_000_000_000, "-1m30s"),
            ("100h", 360_000_000_000_000, "100h0m0s"),
            (".5h", 1_800_000_000_000, "30m0s"),
            ("-9223372036854775808ns", i64::MIN, "-2562047h47m16.854775808s"),
        ];
        for (text, number, printed) in rows {
            assert_eq!(parse(text).unwrap(), number, "{text}");
            assert_eq!(format(number), printed);
        }
        for text in ["", "-", "x", "1", "1x", ".s", "9223372036854775808ns", "1.s.", "1e3s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
