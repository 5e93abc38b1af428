//! Dates and durations.

use std::{
    any::Any,
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use gotemplate::{Error, IntKind, Object, Signature, Type, Value};

use crate::{
    cast, duration,
    function::{ANY, Arguments, Function, STRING, function},
    golayout::{self, Time, Zone},
};

const TYPE_NAME: &str = "time.Time";

pub(crate) fn functions() -> Vec<Function> {
    let date = || Type::Named(TYPE_NAME.into());
    vec![
        function("ago", [ANY], |a| Ok(duration::format(ago(a.value(0))).into())),
        function("duration", [ANY], |a| {
            let seconds = match a.value(0) {
                Value::String(text) => cast::decimal(text),
                Value::Int(IntKind::Int64, seconds) => *seconds,
                _ => 0,
            };
            Ok(duration::format(seconds.wrapping_mul(1_000_000_000)).into())
        }),
        function("durationRound", [ANY], |a| Ok(duration::largest_unit(any(a.value(0))).into())),
        function("toDate", [STRING, STRING], |a| {
            let time = golayout::parse(a.text(0), a.text(1));
            Ok(Value::object(time.unwrap_or_else(|_| Time::zero())))
        }),
        function("mustToDate", [STRING, STRING], |a| {
            Ok(Value::object(golayout::parse(a.text(0), a.text(1))?))
        }),
        function("mustDateModify must_date_modify", [STRING, date()], |a| {
            let later = duration::parse(a.text(0))?;
            Ok(Value::object(time(a, 1)?.plus(later)))
        }),
        function("unixEpoch", [date()], |a| Ok(time(a, 0)?.unix().to_string().into())),
    ]
}

fn as_time(value: &Value) -> Option<&Time> {
    match value {
        Value::Object(object) => {
            let any: &dyn Any = object.as_ref();
            any.downcast_ref()
        }
        _ => None,
    }
}

fn time<'a>(a: &Arguments<'a>, index: usize) -> Result<&'a Time, Error> {
    as_time(a.value(index)).ok_or_else(|| "no time".into())
}

/// Nanoseconds since 1970.
fn now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or_default()
}

fn since(time: &Time) -> i128 {
    now() - i128::from(time.unix()) * 1_000_000_000 - i128::from(time.nanosecond())
}

/// How long something is past, in whole seconds; nothing is past for what is no time.
fn ago(value: &Value) -> i64 {
    let past = match value {
        Value::Int(IntKind::Int | IntKind::Int64, seconds) => {
            since(&Time::new(*seconds, 0, Zone::Utc))
        }
        value => as_time(value).map_or(0, since),
    };
    duration::round_to_seconds(past)
}

/// The duration that a value stands for; of a time, how long it is past.
fn any(value: &Value) -> i64 {
    match value {
        Value::String(text) => duration::parse(text).unwrap_or(0),
        Value::Int(IntKind::Int64, nanoseconds) => *nanoseconds,
        value => as_time(value).map_or(0, |time| i64::try_from(since(time)).unwrap_or(i64::MAX)),
    }
}

static NO_ARGUMENTS: LazyLock<Signature> = LazyLock::new(|| Signature::new([]));
static A_LAYOUT: LazyLock<Signature> = LazyLock::new(|| Signature::new([Type::String]));
static ANOTHER: LazyLock<Signature> =
    LazyLock::new(|| Signature::new([Type::Named(TYPE_NAME.into())]));
static THREE_COUNTS: LazyLock<Signature> =
    LazyLock::new(|| Signature::new([Type::INT, Type::INT, Type::INT]));

/// Go's `time.Time` with the methods that templates use.
impl Object for Time {
    fn type_name(&self) -> &'static str {
        TYPE_NAME
    }

    fn json(&self) -> Option<Result<Value, Error>> {
        let has_four_digits = (0..=9999).contains(&self.civil().year);
        Some(if has_four_digits {
            Ok(self.format(golayout::RFC3339_NANO).into())
        } else {
            let reason = "Time.MarshalJSON: year outside of range [0,9999]";
            Err(format!("json: error calling MarshalJSON for type time.Time: {reason}").into())
        })
    }

    fn method(&self, name: &str) -> Option<&Signature> {
        Some(match name {
            "Year" | "Month" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" | "YearDay"
            | "Weekday" | "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano" | "IsZero" | "UTC"
            | "Local" | "String" => &NO_ARGUMENTS,
            "Format" => &A_LAYOUT,
            "Before" | "After" | "Equal" | "Compare" => &ANOTHER,
            "AddDate" => &THREE_COUNTS,
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, Error> {
        let a = Arguments(arguments);
        let civil = self.civil();
        Ok(match name {
            "Year" => Value::int(civil.year),
            "Month" => Value::object(Name {
                kind: "time.Month",
                text: civil.month_name(),
                number: civil.month,
            }),
            "Day" => Value::int(civil.day),
            "Hour" => Value::int(civil.hour),
            "Minute" => Value::int(civil.minute),
            "Second" => Value::int(civil.second),
            "Nanosecond" => Value::int(self.nanosecond().into()),
            "YearDay" => Value::int(civil.year_day()),
            "Weekday" => Value::object(Name {
                kind: "time.Weekday",
                text: civil.weekday(),
                number: civil.weekday_number(),
            }),
            "Unix" => self.unix().into(),
            "UnixMilli" => self.unix_in(1_000).into(),
            "UnixMicro" => self.unix_in(1_000_000).into(),
            "UnixNano" => self.unix_in(1_000_000_000).into(),
            "IsZero" => (self.unix() == Self::zero().unix() && self.nanosecond() == 0).into(),
            "UTC" => Value::object(self.within(Zone::Utc)),
            "Local" => Value::object(self.within(Zone::Local)),
            "String" => self.text().unwrap_or_default().into(),
            "Format" => self.format(a.text(0)).into(),
            "AddDate" => Value::object(self.plus_date(a.int(0), a.int(1), a.int(2))),
            _ => {
                let other = time(&a, 0)?;
                let order = self.instant().cmp(&other.instant());
                match name {
                    "Before" => order.is_lt().into(),
                    "After" => order.is_gt().into(),
                    "Equal" => order.is_eq().into(),
                    _ => Value::int(order as i64),
                }
            }
        })
    }

    fn text(&self) -> Option<String> {
        Some(self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }

    /// As Go compares structs: by what they are made of.
    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let any: &dyn Any = other;
        Some(any.downcast_ref::<Self>() == Some(self))
    }
}

impl Time {
    fn instant(&self) -> (i64, u32) {
        (self.unix(), self.nanosecond())
    }

    fn unix_in(&self, parts: i64) -> i64 {
        let within = i64::from(self.nanosecond()) / (1_000_000_000 / parts);
        self.unix().wrapping_mul(parts).wrapping_add(within)
    }
}

/// A number that prints as a name.
struct Name {
    kind: &'static str,
    text: &'static str,
    number: i64,
}

impl Object for Name {
    fn type_name(&self) -> &str {
        self.kind
    }

    fn method(&self, name: &str) -> Option<&Signature> {
        (name == "String").then_some(&*NO_ARGUMENTS)
    }

    fn call(&self, _: &str, _: &[Value]) -> Result<Value, Error> {
        Ok(self.text.into())
    }

    fn text(&self) -> Option<String> {
        Some(self.text.to_owned())
    }

    fn json(&self) -> Option<Result<Value, Error>> {
        Some(Ok(Value::int(self.number)))
    }
}
