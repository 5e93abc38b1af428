//! The parts of a layout that stand for something.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    LongYear,
    Year,
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    UpperPm,
    LowerPm,
    ZoneName,
    /// With `iso`, no difference is a `Z`.
    Offset {
        iso: bool,
        form: OffsetForm,
    },
    /// With `nines`, without zeros at the end.
    Fraction {
        nines: bool,
        digits: usize,
        separator: char,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OffsetForm {
    Hours,
    Minutes,
    ColonMinutes,
    Seconds,
    ColonSeconds,
}

const fn offset(iso: bool, form: OffsetForm) -> Chunk {
    Chunk::Offset { iso, form }
}

/// Longer ones before those that they begin with.
const CHUNKS: [(&str, Chunk); 33] = [
    ("January", Chunk::LongMonth),
    ("Jan", Chunk::Month),
    ("Monday", Chunk::LongWeekday),
    ("Mon", Chunk::Weekday),
    ("MST", Chunk::ZoneName),
    ("01", Chunk::ZeroMonth),
    ("02", Chunk::ZeroDay),
    ("03", Chunk::ZeroHour12),
    ("04", Chunk::ZeroMinute),
    ("05", Chunk::ZeroSecond),
    ("06", Chunk::Year),
    ("002", Chunk::ZeroYearDay),
    ("15", Chunk::Hour),
    ("1", Chunk::NumMonth),
    ("2006", Chunk::LongYear),
    ("2", Chunk::Day),
    ("_2", Chunk::UnderDay),
    ("__2", Chunk::UnderYearDay),
    ("3", Chunk::Hour12),
    ("4", Chunk::Minute),
    ("5", Chunk::Second),
    ("PM", Chunk::UpperPm),
    ("pm", Chunk::LowerPm),
    ("-070000", offset(false, OffsetForm::Seconds)),
    ("-07:00:00", offset(false, OffsetForm::ColonSeconds)),
    ("-0700", offset(false, OffsetForm::Minutes)),
    ("-07:00", offset(false, OffsetForm::ColonMinutes)),
    ("-07", offset(false, OffsetForm::Hours)),
    ("Z070000", offset(true, OffsetForm::Seconds)),
    ("Z07:00:00", offset(true, OffsetForm::ColonSeconds)),
    ("Z0700", offset(true, OffsetForm::Minutes)),
    ("Z07:00", offset(true, OffsetForm::ColonMinutes)),
    ("Z07", offset(true, OffsetForm::Hours)),
];

/// The text before the first chunk, the chunk, and the rest.
pub(super) fn next_chunk(layout: &str) -> (&str, Option<Chunk>, &str) {
    for (at, c) in layout.char_indices() {
        let (prefix, rest) = layout.split_at(at);
        // An underscore before a whole year is one.
        if !c.is_ascii() || rest.starts_with("_2006") {
            continue;
        }
        if let Some((chunk, suffix)) = fraction(rest).or_else(|| fixed(rest)) {
            return (prefix, Some(chunk), suffix);
        }
    }
    (layout, None, "")
}

fn fixed(rest: &str) -> Option<(Chunk, &str)> {
    CHUNKS.iter().find_map(|(text, chunk)| {
        let suffix = rest.strip_prefix(text)?;
        // `Month` is not a month.
        let is_word = matches!(chunk, Chunk::Month | Chunk::Weekday)
            && suffix.starts_with(|c: char| c.is_ascii_lowercase());
        (!is_word).then_some((*chunk, suffix))
    })
}

/// A point or a comma with zeros or nines, after which no other digit comes.
fn fraction(rest: &str) -> Option<(Chunk, &str)> {
    let separator = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digits = rest.get(1..)?;
    let digit = digits.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let suffix = digits.trim_start_matches(digit);
    let count = digits.len() - suffix.len();
    let ends = !suffix.starts_with(|c: char| c.is_ascii_digit());
    ends.then_some((Chunk::Fraction { nines: digit == '9', digits: count, separator }, suffix))
}
