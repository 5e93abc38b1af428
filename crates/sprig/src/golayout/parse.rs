//! Text to points in time.

use std::sync::Arc;

use gotemplate::Error;

use super::{Chunk, Civil, MONTHS, OffsetForm, Time, WEEKDAYS, Zone, days_since_1970, next_chunk};

/// Reads a time that is written by a layout. Without a zone, it is the system's.
///
/// # Errors
///
/// Go's: `parsing time "x" as "2006": cannot parse "x" as "2006"`.
pub fn parse(layout: &str, text: &str) -> Result<Time, Error> {
    let mut found = Found::default();
    let (mut rest, mut pattern) = (text, layout);
    let mismatch = |rest: &str, element: &str| {
        Error::new(format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quote(text),
            quote(layout),
            quote(rest),
            quote(element)
        ))
    };
    let wrong = |what: &str| Error::new(format!("parsing time {}: {what}", quote(text)));
    loop {
        let (prefix, chunk, suffix) = next_chunk(pattern);
        rest = skip(rest, prefix).map_err(|rest| mismatch(rest, prefix))?;
        let Some(chunk) = chunk else { break };
        let element = pattern.get(prefix.len()..pattern.len() - suffix.len()).unwrap_or_default();
        rest = match found.read(chunk, suffix, rest) {
            Ok(rest) => rest,
            Err(Refusal::Mismatch) => return Err(mismatch(rest, element)),
            Err(Refusal::Range(what)) => return Err(wrong(&format!("{what} out of range"))),
        };
        pattern = suffix;
    }
    if !rest.is_empty() {
        return Err(wrong(&format!("extra text: {}", quote(rest))));
    }
    found.time().map_err(wrong)
}

/// The quotes of Go's package `time`.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=0x7f => out.push(char::from(byte)),
            byte => out.extend(format!("\\x{byte:02x}").chars()),
        }
    }
    out.push('"');
    out
}

/// Goes past text of the layout; spaces match any number of them. The error is where it fails.
fn skip<'t>(mut rest: &'t str, mut prefix: &str) -> Result<&'t str, &'t str> {
    while let Some(c) = prefix.chars().next() {
        if c == ' ' {
            if !rest.is_empty() && !rest.starts_with(' ') {
                return Err(rest);
            }
            prefix = prefix.trim_start_matches(' ');
            rest = rest.trim_start_matches(' ');
            continue;
        }
        prefix = prefix.get(c.len_utf8()..).unwrap_or_default();
        rest = rest.strip_prefix(c).ok_or(rest)?;
    }
    Ok(rest)
}

enum Refusal {
    Mismatch,
    /// A number that is too large or too small.
    Range(&'static str),
}

type Read<'t, T> = Result<(T, &'t str), Refusal>;

/// One digit or two, or exactly two.
fn number(text: &str, two: bool) -> Read<'_, i64> {
    let count = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if count == 0 || (two && count == 1) {
        return Err(Refusal::Mismatch);
    }
    let (digits, rest) = text.split_at_checked(count).ok_or(Refusal::Mismatch)?;
    Ok((digits.parse().map_err(|_| Refusal::Mismatch)?, rest))
}

fn in_range(
    number: i64,
    limits: std::ops::RangeInclusive<i64>,
    what: &'static str,
) -> Result<i64, Refusal> {
    if limits.contains(&number) { Ok(number) } else { Err(Refusal::Range(what)) }
}

/// A name of a list in any case, whole or its first letters.
fn lookup<'t>(names: &[&str], length: usize, text: &'t str) -> Read<'t, i64> {
    for (index, name) in (0..).zip(names) {
        let name = name.get(..length.min(name.len())).unwrap_or(name);
        if let Some((head, rest)) = text.split_at_checked(name.len())
            && head.eq_ignore_ascii_case(name)
        {
            return Ok((index, rest));
        }
    }
    Err(Refusal::Mismatch)
}

/// What has been read so far.
#[derive(Default)]
struct Found {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanoseconds: u32,
    /// Whether the half of the day was said; it may have been twice.
    morning: bool,
    afternoon: bool,
    is_utc: bool,
    offset: Option<i64>,
    zone_name: String,
}

impl Found {
    fn read<'t>(&mut self, chunk: Chunk, layout: &str, text: &'t str) -> Result<&'t str, Refusal> {
        let rest = match chunk {
            Chunk::LongYear | Chunk::Year => return self.read_year(chunk, text),
            Chunk::Month | Chunk::LongMonth => {
                let length = if chunk == Chunk::Month { 3 } else { usize::MAX };
                let (index, rest) = lookup(&MONTHS, length, text)?;
                self.month = Some(index + 1);
                rest
            }
            Chunk::NumMonth | Chunk::ZeroMonth => {
                let (month, rest) = number(text, chunk == Chunk::ZeroMonth)?;
                self.month = Some(in_range(month, 1..=12, "month")?);
                rest
            }
            Chunk::Weekday => lookup(&WEEKDAYS, 3, text)?.1,
            Chunk::LongWeekday => lookup(&WEEKDAYS, usize::MAX, text)?.1,
            Chunk::Day | Chunk::UnderDay | Chunk::ZeroDay => {
                let under = chunk == Chunk::UnderDay;
                let text = if under { text.strip_prefix(' ').unwrap_or(text) } else { text };
                let (day, rest) = number(text, chunk == Chunk::ZeroDay)?;
                self.day = Some(day);
                rest
            }
            Chunk::UnderYearDay | Chunk::ZeroYearDay => return self.read_year_day(chunk, text),
            Chunk::Fraction { nines, digits, .. } => {
                return self.read_fraction(nines, digits, text);
            }
            Chunk::ZoneName => return self.read_zone_name(text),
            Chunk::Offset { iso, form } => {
                if iso && let Some(rest) = text.strip_prefix('Z') {
                    self.is_utc = true;
                    return Ok(rest);
                }
                return self.read_offset(form, text);
            }
            chunk => return self.read_clock(chunk, layout, text),
        };
        Ok(rest)
    }

    fn read_year<'t>(&mut self, chunk: Chunk, text: &'t str) -> Result<&'t str, Refusal> {
        let length = if chunk == Chunk::LongYear { 4 } else { 2 };
        let (digits, rest) = text.split_at_checked(length).ok_or(Refusal::Mismatch)?;
        let signed = chunk == Chunk::Year && digits.starts_with(['+', '-']);
        if !signed && !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::Mismatch);
        }
        let year: i64 = digits.parse().map_err(|_| Refusal::Mismatch)?;
        self.year = match chunk {
            Chunk::LongYear => year,
            _ if year >= 69 => year + 1900,
            _ => year + 2000,
        };
        Ok(rest)
    }

    fn read_year_day<'t>(&mut self, chunk: Chunk, text: &'t str) -> Result<&'t str, Refusal> {
        let mut text = text;
        if chunk == Chunk::UnderYearDay {
            for _ in 0..2 {
                text = text.strip_prefix(' ').unwrap_or(text);
            }
        }
        let count = text.bytes().take(3).take_while(u8::is_ascii_digit).count();
        if count == 0 || (chunk == Chunk::ZeroYearDay && count != 3) {
            return Err(Refusal::Mismatch);
        }
        let (digits, rest) = text.split_at_checked(count).ok_or(Refusal::Mismatch)?;
        self.year_day = digits.parse().ok();
        Ok(rest)
    }

    fn read_clock<'t>(
        &mut self,
        chunk: Chunk,
        layout: &str,
        text: &'t str,
    ) -> Result<&'t str, Refusal> {
        match chunk {
            Chunk::Hour | Chunk::Hour12 | Chunk::ZeroHour12 => {
                let last = if chunk == Chunk::Hour { 23 } else { 12 };
                let (hour, rest) = number(text, chunk == Chunk::ZeroHour12)?;
                self.hour = in_range(hour, 0..=last, "hour")?;
                Ok(rest)
            }
            Chunk::Minute | Chunk::ZeroMinute => {
                let (minute, rest) = number(text, chunk == Chunk::ZeroMinute)?;
                self.minute = in_range(minute, 0..=59, "minute")?;
                Ok(rest)
            }
            Chunk::Second | Chunk::ZeroSecond => {
                let (second, rest) = number(text, chunk == Chunk::ZeroSecond)?;
                self.second = in_range(second, 0..=59, "second")?;
                // A fraction may follow that the layout does not name.
                if let (_, Some(Chunk::Fraction { .. }), _) = next_chunk(layout) {
                    return Ok(rest);
                }
                self.read_fraction(true, 0, rest)
            }
            chunk => {
                let (word, rest) = text.split_at_checked(2).ok_or(Refusal::Mismatch)?;
                let words = if chunk == Chunk::UpperPm { ["AM", "PM"] } else { ["am", "pm"] };
                let index = words.iter().position(|known| *known == word);
                let afternoon = index.ok_or(Refusal::Mismatch)? == 1;
                self.afternoon |= afternoon;
                self.morning |= !afternoon;
                Ok(rest)
            }
        }
    }

    /// With `nines` it may be absent and have any number of digits.
    fn read_fraction<'t>(
        &mut self,
        nines: bool,
        digits: usize,
        text: &'t str,
    ) -> Result<&'t str, Refusal> {
        let tail = text.strip_prefix(['.', ',']);
        let present = tail.map_or(0, |tail| tail.bytes().take_while(u8::is_ascii_digit).count());
        let count = match (nines, tail) {
            (true, _) if present == 0 => return Ok(text),
            (true, _) => present,
            (false, Some(_)) if present >= digits => digits,
            (false, _) => return Err(Refusal::Mismatch),
        };
        let tail = tail.unwrap_or_default();
        let shown = tail.get(..count.min(9)).unwrap_or_default();
        self.nanoseconds = format!("{shown:0<9}").parse().unwrap_or_default();
        Ok(tail.get(count..).unwrap_or_default())
    }

    fn read_offset<'t>(&mut self, form: OffsetForm, text: &'t str) -> Result<&'t str, Refusal> {
        let (template, has_colons) = match form {
            OffsetForm::Hours => ("-07", false),
            OffsetForm::Minutes => ("-0700", false),
            OffsetForm::ColonMinutes => ("-07:00", true),
            OffsetForm::Seconds => ("-070000", false),
            OffsetForm::ColonSeconds => ("-07:00:00", true),
        };
        let (given, rest) = text.split_at_checked(template.len()).ok_or(Refusal::Mismatch)?;
        let colons = |text: &str| text.match_indices(':').map(|(at, _)| at).collect::<Vec<_>>();
        if has_colons && colons(given) != colons(template) {
            return Err(Refusal::Mismatch);
        }
        let digits: String = given.chars().skip(1).filter(|c| !has_colons || *c != ':').collect();
        let (hours, tail) = number(&digits, true)?;
        let [minutes, seconds] = [0, 2].map(|at| match tail.get(at..) {
            None | Some("") => Ok(0),
            Some(tail) => number(tail, true).map(|(number, _)| number),
        });
        // Go says what is out of range before it says that something else is no number.
        let part = |number: &Result<i64, Refusal>| number.as_ref().map_or(0, |number| *number);
        in_range(part(&seconds), 0..=60, "time zone offset second")?;
        in_range(part(&minutes), 0..=60, "time zone offset minute")?;
        in_range(hours, 0..=24, "time zone offset hour")?;
        let offset = (hours * 60 + minutes?) * 60 + seconds?;
        self.offset = Some(match given.chars().next() {
            Some('+') => offset,
            Some('-') => -offset,
            _ => return Err(Refusal::Mismatch),
        });
        Ok(rest)
    }

    fn read_zone_name<'t>(&mut self, text: &'t str) -> Result<&'t str, Refusal> {
        if let Some(rest) = text.strip_prefix("UTC") {
            self.is_utc = true;
            return Ok(rest);
        }
        let length = zone_name_length(text).ok_or(Refusal::Mismatch)?;
        let (name, rest) = text.split_at_checked(length).ok_or(Refusal::Mismatch)?;
        name.clone_into(&mut self.zone_name);
        Ok(rest)
    }

    fn time(mut self) -> Result<Time, &'static str> {
        if self.afternoon && self.hour < 12 {
            self.hour += 12;
        } else if self.morning && self.hour == 12 {
            self.hour = 0;
        }
        let (month, day) = self.date()?;
        let Self { year, hour, minute, second, nanoseconds, .. } = self;
        let civil = Civil { year, month, day, hour, minute, second };
        let there = civil.seconds();
        let name: Arc<str> = self.zone_name.as_str().into();
        if self.is_utc {
            return Ok(Time::new(there, nanoseconds, Zone::Utc));
        }
        if let Some(offset) = self.offset {
            let seconds = there - offset;
            let (local_offset, local_name) = Zone::Local.at(seconds);
            let is_local = offset == local_offset && (name.is_empty() || name == local_name);
            let zone = if is_local { Zone::Local } else { Zone::Fixed(offset, name) };
            return Ok(Time::new(seconds, nanoseconds, zone));
        }
        if name.is_empty() {
            return Ok(Time::from_civil(&civil, nanoseconds, Zone::Local));
        }
        let local = Time::from_civil(&civil, nanoseconds, Zone::Local);
        if Zone::Local.at(local.seconds).1 == name {
            return Ok(local);
        }
        // The difference of an unknown zone is taken for zero. That of `GMT+3` is shown, but not subtracted: so does Go.
        let offset = name.strip_prefix("GMT").and_then(|hours| hours.parse::<i64>().ok());
        let offset = offset.unwrap_or(0) * 3_600;
        Ok(Time::new(there, nanoseconds, Zone::Fixed(offset, name)))
    }

    /// Month and day.
    fn date(&self) -> Result<(i64, i64), &'static str> {
        let length = |month: i64| {
            let (next_year, next) =
                if month == 12 { (self.year + 1, 1) } else { (self.year, month + 1) };
            days_since_1970(next_year, next, 1) - days_since_1970(self.year, month, 1)
        };
        let Some(year_day) = self.year_day else {
            let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
            let fits = (1..=length(month)).contains(&day);
            return if fits { Ok((month, day)) } else { Err("day out of range") };
        };
        let year_length = (1..=12).map(length).sum();
        if !(1..=year_length).contains(&year_day) {
            return Err("day-of-year out of range");
        }
        let (mut month, mut day) = (1, year_day);
        while day > length(month) {
            day -= length(month);
            month += 1;
        }
        if self.month.is_some_and(|given| given != month) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|given| given != day) {
            return Err("day-of-year does not match day");
        }
        Ok((month, day))
    }
}

/// How long the name of a zone is at the start of a text, if there is one.
fn zone_name_length(text: &str) -> Option<usize> {
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    if let Some(tail) = text.strip_prefix("GMT") {
        return Some(3 + signed_offset_length(tail).unwrap_or(0));
    }
    if text.starts_with(['+', '-']) {
        return if text.len() < 3 { None } else { signed_offset_length(text) };
    }
    let capitals = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
    let ends_in_t = |length: usize| text.as_bytes().get(length - 1) == Some(&b'T');
    match capitals {
        3 => Some(3),
        4 if ends_in_t(4) || text.starts_with("WITA") => Some(4),
        5 if ends_in_t(5) => Some(5),
        _ => None,
    }
}

/// `+3`, up to 23 hours.
fn signed_offset_length(text: &str) -> Option<usize> {
    let digits = text.strip_prefix(['+', '-'])?;
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let hours: u32 = digits.get(..count)?.parse().ok()?;
    (hours <= 23).then_some(count + 1)
}
