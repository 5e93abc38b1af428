//! Durations in Go's notation: `300ms`, `5m`, `1h30m`, `1.5s`.
//!
//! Source of the rule: Go's `time.ParseDuration`, which Consul, consul-template and the original registrator use. Only
//! durations that are zero or longer exist here, and a bare `0` needs no unit.

use std::time::Duration;

use thiserror::Error;

/// Why a text is no duration.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("'{text}' is not a duration: {reason} (write it like 500ms, 30s, 5m or 1h30m)")]
pub struct ParseError {
    text: String,
    reason: &'static str,
}

const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("μs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

/// Parses a duration.
///
/// # Errors
///
/// When a number or its unit is missing or unknown, or the sum does not fit.
pub fn parse(text: &str) -> Result<Duration, ParseError> {
    let wrong = |reason| ParseError { text: text.to_owned(), reason };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err(wrong("it is empty"));
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split(after, |c| !c.is_ascii_digit() && c != '.');
        let number: f64 = number.parse().map_err(|_| wrong("a number is missing"))?;
        let (_, scale) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(wrong("a unit is missing or unknown"))?;
        total = Duration::try_from_secs_f64(number * scale)
            .ok()
            .and_then(|part| total.checked_add(part))
            .ok_or(wrong("it is too long"))?;
        rest = after;
    }
    Ok(total)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, millis) in [
            ("0", 0),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1.5s", 1500),
            ("250ms", 250),
            ("1m1s1ms", 61_001),
            (".5s", 500),
            ("2000us", 2),
            ("2000µs", 2),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in ["", "5", "m", "5 m", "-5s", "1.2.3s", "5d", "s5", "99999999999999999999h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
