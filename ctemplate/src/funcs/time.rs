//! The clock.

use gotemplate::{Error, Value};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::Parameter::Text;
use super::{Function, put, text_of, wrong};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[Function::new("timestamp", &[], timestamp).rest(Text)];

/// RFC 3339, as a layout of Go's.
const DEFAULT: &str = "2006-01-02T15:04:05Z07:00";

/// `timestamp [LAYOUT]`: the time in UTC, by a layout of Go's; `unix` is the seconds since 1970.
pub fn timestamp(session: &Session, arguments: &[Value]) -> Result<Value, Error> {
    let layout = match arguments {
        [] => DEFAULT,
        [layout] => text_of(layout)?,
        more => {
            return Err(Error::new(format!(
                "timestamp: wrong number of arguments, expected 0 or 1, but got {}",
                more.len()
            )));
        }
    };
    let now = Timestamp::try_from(session.now()).map_err(wrong)?;
    if layout == "unix" {
        return Ok(now.as_second().to_string().into());
    }
    Ok(format(&now.to_zoned(TimeZone::UTC), layout).into())
}

/// The elements of layouts, those first that begin like others. What stands for each is strftime's.
const ELEMENTS: &[(&str, &str)] = &[
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "UTC"),
    ("2006", "%Y"),
    ("-07:00:00", "+00:00:00"),
    ("-07:00", "+00:00"),
    ("-070000", "+000000"),
    ("-0700", "+0000"),
    ("-07", "+00"),
    ("Z07:00:00", "Z"),
    ("Z07:00", "Z"),
    ("Z070000", "Z"),
    ("Z0700", "Z"),
    ("Z07", "Z"),
    ("002", "%j"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("__2", "day of the year"),
    ("_2006", "_%Y"),
    ("_2", "%e"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
    ("4", "%-M"),
    ("5", "%-S"),
];

/// A time in UTC by a layout of Go's.
fn format(time: &Zoned, layout: &str) -> String {
    let mut text = String::new();
    let mut rest = layout;
    'next: while let Some(first) = rest.chars().next() {
        for (element, directive) in ELEMENTS {
            let Some(after) = rest.strip_prefix(element) else { continue };
            // "Jan" within "January" was found before; within "Jane" it is a word.
            let is_short = *element == "Jan" || *element == "Mon";
            if is_short && after.starts_with(|c: char| c.is_ascii_lowercase()) {
                continue;
            }
            if *directive == "day of the year" {
                put(&mut text, format_args!("{:>3}", time.day_of_year()));
            } else {
                put(&mut text, format_args!("{}", time.strftime(directive)));
            }
            rest = after;
            continue 'next;
        }
        if let Some((fraction, after)) = fraction(time.datetime(), rest) {
            text.push_str(&fraction);
            rest = after;
            continue;
        }
        text.push(first);
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    text
}

/// `.000` or `,999`: a fraction of the second, with nines without the zeros at its end.
fn fraction(time: DateTime, rest: &str) -> Option<(String, &str)> {
    let mark = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digits = rest.get(1..)?;
    let digit = digits.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let count = digits.chars().take_while(|c| *c == digit).count();
    let after = digits.get(count..)?;
    if after.starts_with(|c: char| c.is_ascii_digit()) || count > 9 {
        return None;
    }
    let nanoseconds = format!("{:09}", time.subsec_nanosecond());
    let text = nanoseconds.get(..count)?;
    let text = if digit == '9' { text.trim_end_matches('0') } else { text };
    Some((if text.is_empty() { String::new() } else { format!("{mark}{text}") }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_by_layouts_of_go() {
        let time: Timestamp = "2024-03-05T07:08:09.120Z".parse().unwrap();
        let time = time.to_zoned(TimeZone::UTC);
        for (layout, want) in [
            (DEFAULT, "2024-03-05T07:08:09Z"),
            ("Mon Jan _2 15:04:05 2006", "Tue Mar  5 07:08:09 2024"),
            (
                "Monday, January 2, 06 at 3:04PM (MST, -0700)",
                "Tuesday, March 5, 24 at 7:08AM (UTC, +0000)",
            ),
            ("2006-01-02 15:04:05.000 .999999 ,000000", "2024-03-05 07:08:09.120 .12 ,120000"),
            ("002 __2 1/2 4m5s pm", "065  65 3/5 8m9s am"),
            ("Z07:00 Z0700 -07:00", "Z Z +00:00"),
            ("hello Jane", "hello Jane"),
            ("", ""),
        ] {
            assert_eq!(format(&time, layout), want, "{layout}");
        }
    }
}
