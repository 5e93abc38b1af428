//! What a plain scalar means (YAML 1.1, as yaml.v2 has it).

use std::sync::LazyLock;

use gotemplate::Value;
use regex::Regex;

/// The value of a plain scalar.
pub(super) enum Meaning {
    /// Nothing but its text.
    Text,
    /// A date or time: a text, but one that needs quotes.
    Time,
    /// The key `<<`, which merges maps.
    Merge,
    /// Something else.
    Value(Value),
}

/// What a plain scalar means.
pub(super) fn resolve(text: &str) -> Meaning {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Nil,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            true.into()
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            false.into()
        }
        ".nan" | ".NaN" | ".NAN" => f64::NAN.into(),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => f64::INFINITY.into(),
        "-.inf" | "-.Inf" | "-.INF" => f64::NEG_INFINITY.into(),
        "<<" => return Meaning::Merge,
        text if text.starts_with('.') => match decimal(text) {
            Some(float) => float.into(),
            None => return Meaning::Text,
        },
        text if text.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '-') => {
            if is_time(text) {
                return Meaning::Time;
            }
            match number(text) {
                Some(number) => number,
                None => return Meaning::Text,
            }
        }
        _ => return Meaning::Text,
    };
    Meaning::Value(value)
}

/// Whether the text is a number to the base 60, which some readers of YAML still know.
pub(super) fn is_base_60(text: &str) -> bool {
    static GRAMMAR: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$").ok());
    GRAMMAR.as_ref().is_some_and(|grammar| grammar.is_match(text))
}

fn number(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    if let Some(magnitude) = integer(digits) {
        return match (negative, i64::try_from(magnitude)) {
            (false, Ok(int)) => Some(Value::int(int)),
            (true, Ok(int)) => Some(Value::int(-int)),
            // Without a sign, an integer that is too large is an unsigned one.
            (false, Err(_)) if !plain.starts_with('+') => Some(magnitude.into()),
            (true, Err(_)) if magnitude == 1 << 63 => Some(Value::int(i64::MIN)),
            _ => decimal(&plain).map(Value::from),
        };
    }
    decimal(&plain).map(Value::from)
}

/// The integers of Go's literals: `12`, `0x1f`, `0o17`, `017`, `0b11`.
fn integer(digits: &str) -> Option<u64> {
    let lower = digits.to_ascii_lowercase();
    let (digits, base) = match lower.as_bytes() {
        [b'0', b'x', ..] => (lower.get(2..)?, 16),
        [b'0', b'b', ..] => (lower.get(2..)?, 2),
        [b'0', b'o', ..] => (lower.get(2..)?, 8),
        [b'0', _, ..] => (lower.get(1..)?, 8),
        _ => (lower.as_str(), 10),
    };
    let only_digits = digits.chars().all(|c| c.is_digit(base));
    if only_digits { u64::from_str_radix(digits, base).ok() } else { None }
}

fn decimal(text: &str) -> Option<f64> {
    static GRAMMAR: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$").ok()
    });
    GRAMMAR.as_ref().filter(|grammar| grammar.is_match(text))?;
    text.parse().ok().filter(|float: &f64| float.is_finite())
}

/// `2001-12-14`, with or without a time.
fn is_time(text: &str) -> bool {
    static GRAMMAR: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let date = r"^[0-9]{4}-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})";
        let time = "[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:[.,][0-9]+)?";
        let zone = "(?:Z|[+-][0-9]{2}:[0-9]{2})";
        Regex::new(&format!("{date}(?:[Tt]{time}{zone}| {time})?$")).ok()
    });
    let found = GRAMMAR.as_ref().and_then(|grammar| grammar.captures(text));
    let Some(found) = found else { return false };
    let part = |name| found.name(name).and_then(|part| part.as_str().parse().ok()).unwrap_or(0);
    (1..=12).contains(&part("month")) && (1..=31).contains(&part("day"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_those_of_yaml_1_1() {
        for (text, want) in [
            ("yes", "true"),
            ("Off", "false"),
            ("~", "<nil>"),
            ("12", "12"),
            ("-12", "-12"),
            ("+12", "12"),
            ("1_000", "1000"),
            ("0x1F", "31"),
            ("017", "15"),
            ("0o17", "15"),
            ("0b11", "3"),
            ("1.5", "1.5"),
            ("1e3", "1000"),
            (".5", "0.5"),
            ("09", "9"),
            ("18446744073709551615", "18446744073709551615"),
            ("-.inf", "-Inf"),
        ] {
            let Meaning::Value(value) = resolve(text) else { panic!("{text} is a text") };
            assert_eq!(gotemplate::sprintf("%v", &[value]), want, "{text}");
        }
        for text in ["a", "1.2.3", "yES", "-", "1a", ".", "0x", "1:30", "2001-13-01"] {
            assert!(matches!(resolve(text), Meaning::Text), "{text}");
        }
        assert!(matches!(resolve("2001-12-14"), Meaning::Time));
        assert!(matches!(resolve("2001-12-14T21:59:43.1Z"), Meaning::Time));
        assert!(is_base_60("190:20:30.15") && !is_base_60("1:70"));
    }
}
