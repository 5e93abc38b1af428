//! Points in time, written and read by Go's layouts: `2006-01-02T15:04:05Z07:00`.

mod chunk;
mod parse;

use std::sync::{Arc, LazyLock};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use self::chunk::{Chunk, OffsetForm, next_chunk};
pub use self::parse::parse;
pub(crate) use self::parse::quote;

/// The layout of RFC 3339.
pub const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
/// The same with as many digits of a second as there are.
pub const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

const DAY: i64 = 86_400;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The clock of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zone {
    /// UTC.
    Utc,
    /// The system's, as `TZ` or `/etc/localtime` says.
    Local,
    /// A difference to UTC in seconds to the east, and its name, which may be empty.
    Fixed(i64, Arc<str>),
}

static LOCAL: LazyLock<TimeZone> = LazyLock::new(TimeZone::system);

impl Zone {
    /// The difference to UTC at a time in seconds since 1970, and its name.
    fn at(&self, seconds: i64) -> (i64, Arc<str>) {
        match self {
            Self::Utc => (0, "UTC".into()),
            Self::Fixed(offset, name) => (*offset, Arc::clone(name)),
            Self::Local => match Timestamp::from_second(seconds) {
                Ok(time) => {
                    let info = LOCAL.to_offset_info(time);
                    (i64::from(info.offset().seconds()), info.abbreviation().into())
                }
                // Before the year -9999 or after 9999.
                Err(_) => (0, "UTC".into()),
            },
        }
    }
}

/// A point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// Since 1970.
    seconds: i64,
    nanoseconds: u32,
    zone: Zone,
}

/// What calendar and clock show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Civil {
    fn days(&self) -> i64 {
        days_since_1970(self.year, self.month, self.day)
    }

    fn seconds(&self) -> i64 {
        self.days() * DAY + (self.hour * 60 + self.minute) * 60 + self.second
    }

    /// From 1.
    pub(crate) fn year_day(&self) -> i64 {
        self.days() - days_since_1970(self.year, 1, 1) + 1
    }

    pub(crate) fn weekday(&self) -> &'static str {
        name_of(&WEEKDAYS, self.weekday_number())
    }

    /// 0 is Sunday.
    pub(crate) fn weekday_number(&self) -> i64 {
        // 1970 began on a Thursday.
        (self.days() + 4).rem_euclid(7)
    }

    pub(crate) fn month_name(&self) -> &'static str {
        name_of(&MONTHS, self.month - 1)
    }
}

fn name_of(names: &[&'static str], index: i64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
}

/// Counts years from March, so that the day of a leap year comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl Time {
    /// A time in seconds since 1970.
    pub const fn new(seconds: i64, nanoseconds: u32, zone: Zone) -> Self {
        Self { seconds, nanoseconds, zone }
    }

    /// Go's zero time: the beginning of the year 1.
    pub const fn zero() -> Self {
        Self::new(-62_135_596_800, 0, Zone::Utc)
    }

    fn from_civil(civil: &Civil, nanoseconds: u32, zone: Zone) -> Self {
        let there = civil.seconds();
        let seconds = match &zone {
            Zone::Utc => there,
            Zone::Fixed(offset, _) => there - offset,
            Zone::Local => local_seconds(civil).unwrap_or(there),
        };
        Self { seconds, nanoseconds, zone }
    }

    /// Seconds since 1970.
    pub const fn unix(&self) -> i64 {
        self.seconds
    }

    /// Nanoseconds within the second.
    pub const fn nanosecond(&self) -> u32 {
        self.nanoseconds
    }

    /// The same time by another clock.
    #[must_use]
    pub fn within(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// The time so many nanoseconds later.
    #[must_use]
    pub(crate) fn plus(&self, nanoseconds: i64) -> Self {
        let sum = i128::from(self.seconds) * 1_000_000_000
            + i128::from(self.nanoseconds)
            + i128::from(nanoseconds);
        let seconds = i64::try_from(sum.div_euclid(1_000_000_000)).unwrap_or(self.seconds);
        let nanoseconds = u32::try_from(sum.rem_euclid(1_000_000_000)).unwrap_or_default();
        Self { seconds, nanoseconds, zone: self.zone.clone() }
    }

    /// The same time of day on another day; days beyond a month's end go on in the next.
    #[must_use]
    pub(crate) fn plus_date(&self, years: i64, months: i64, days: i64) -> Self {
        let mut civil = self.civil();
        let month = civil.year.saturating_add(years).saturating_mul(12) + civil.month - 1;
        let month = month.saturating_add(months);
        let first = days_since_1970(month.div_euclid(12), month.rem_euclid(12) + 1, 1);
        let day = first.saturating_add(civil.day - 1).saturating_add(days);
        (civil.year, civil.month, civil.day) = date_of(day);
        Self::from_civil(&civil, self.nanoseconds, self.zone.clone())
    }

    /// What calendar and clock of its zone show.
    pub(crate) fn civil(&self) -> Civil {
        let there = self.seconds.saturating_add(self.zone.at(self.seconds).0);
        let (year, month, day) = date_of(there.div_euclid(DAY));
        let clock = there.rem_euclid(DAY);
        let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
        Civil { year, month, day, hour, minute, second }
    }

    /// The text of the time by a layout.
    pub fn format(&self, layout: &str) -> String {
        let civil = self.civil();
        let mut out = String::new();
        let mut layout = layout;
        loop {
            let (prefix, chunk, suffix) = next_chunk(layout);
            out.push_str(prefix);
            let Some(chunk) = chunk else { return out };
            self.push(&mut out, &civil, chunk);
            layout = suffix;
        }
    }

    fn push(&self, out: &mut String, civil: &Civil, chunk: Chunk) {
        let twelve = (civil.hour + 11) % 12 + 1;
        let text = match chunk {
            Chunk::LongYear => padded_year(civil.year),
            Chunk::Year => format!("{:02}", civil.year.abs() % 100),
            Chunk::LongMonth => civil.month_name().to_owned(),
            Chunk::Month => civil.month_name().chars().take(3).collect(),
            Chunk::NumMonth => civil.month.to_string(),
            Chunk::ZeroMonth => format!("{:02}", civil.month),
            Chunk::LongWeekday => civil.weekday().to_owned(),
            Chunk::Weekday => civil.weekday().chars().take(3).collect(),
            Chunk::Day => civil.day.to_string(),
            Chunk::UnderDay => format!("{:2}", civil.day),
            Chunk::ZeroDay => format!("{:02}", civil.day),
            Chunk::UnderYearDay => format!("{:3}", civil.year_day()),
            Chunk::ZeroYearDay => format!("{:03}", civil.year_day()),
            Chunk::Hour => format!("{:02}", civil.hour),
            Chunk::Hour12 => twelve.to_string(),
            Chunk::ZeroHour12 => format!("{twelve:02}"),
            Chunk::Minute => civil.minute.to_string(),
            Chunk::ZeroMinute => format!("{:02}", civil.minute),
            Chunk::Second => civil.second.to_string(),
            Chunk::ZeroSecond => format!("{:02}", civil.second),
            Chunk::UpperPm => if civil.hour >= 12 { "PM" } else { "AM" }.to_owned(),
            Chunk::LowerPm => if civil.hour >= 12 { "pm" } else { "am" }.to_owned(),
            Chunk::ZoneName => self.zone_name(),
            Chunk::Offset { iso: true, .. } if self.zone.at(self.seconds).0 == 0 => "Z".to_owned(),
            Chunk::Offset { form, .. } => offset_text(self.zone.at(self.seconds).0, form),
            Chunk::Fraction { nines, digits, separator } => {
                fraction(self.nanoseconds, nines, digits, separator)
            }
        };
        out.push_str(&text);
    }

    fn zone_name(&self) -> String {
        let (offset, name) = self.zone.at(self.seconds);
        if name.is_empty() { offset_text(offset, OffsetForm::Minutes) } else { name.to_string() }
    }
}

fn local_seconds(civil: &Civil) -> Option<i64> {
    let small = |number: i64| i8::try_from(number).ok();
    let year = i16::try_from(civil.year).ok()?;
    let (month, day) = (small(civil.month)?, small(civil.day)?);
    let (hour, minute, second) = (small(civil.hour)?, small(civil.minute)?, small(civil.second)?);
    let there = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(LOCAL.to_timestamp(there).ok()?.as_second())
}

fn padded_year(year: i64) -> String {
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}", year.abs())
}

fn offset_text(offset: i64, form: OffsetForm) -> String {
    let minutes = offset / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    let seconds = offset.abs() % 60;
    match form {
        OffsetForm::Hours => format!("{sign}{hours:02}"),
        OffsetForm::Minutes => format!("{sign}{hours:02}{minutes:02}"),
        OffsetForm::ColonMinutes => format!("{sign}{hours:02}:{minutes:02}"),
        OffsetForm::Seconds => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        OffsetForm::ColonSeconds => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// With `nines`, zeros at the end are left out, and the separator with the last of them.
fn fraction(nanoseconds: u32, nines: bool, digits: usize, separator: char) -> String {
    let all = format!("{nanoseconds:09}");
    let shown: String = all.chars().take(digits).collect();
    let shown = if nines { shown.trim_end_matches('0') } else { shown.as_str() };
    if nines && shown.is_empty() { String::new() } else { format!("{separator}{shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_days() {
        for days in (-800_000..800_000).step_by(17) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_since_1970(year, month, day), days);
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(date_of(11_016), (2000, 2, 29));
    }

    #[test]
    fn writes_every_chunk() {
        let time = Time::new(1_136_214_245, 120_000_000, Zone::Fixed(-25_200, "MST".into()));
        let rows = [
            ("2006-01-02T15:04:05Z07:00", "2006-01-02T08:04:05-07:00"),
            ("Monday Jan _2 03:04:05.000 pm MST", "Monday Jan  2 08:04:05.120 am MST"),
            ("Mon Jan 2 3:4:5,999 PM 06 002 __2", "Mon Jan 2 8:4:5,12 AM 06 002   2"),
            ("-07 -0700 -07:00 -070000 Z0700", "-07 -0700 -07:00 -070000 -0700"),
            ("_2006 January1 Month", "_2006 January1 Month"),
        ];
        for (layout, want) in rows {
            assert_eq!(time.format(layout), want, "{layout}");
        }
    }
}
