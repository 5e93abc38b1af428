//! Versions of an app, which Marathon writes as moments in UTC (pure).

use std::fmt;

/// A version such as `2026-11-21T03:14:15.926Z`; later is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The digits down to the second: their order as a number is the order of the moments.
    digits: u64,
    nanoseconds: u32,
}

impl Version {
    /// Reads a version; `None` for what Marathon would not write.
    ///
    /// Marathon prints three digits of a second. Up to nine are taken, because the order of the texts is then not
    /// the order of the moments, and a wrong order would make an instance believe it is doomed.
    pub fn parse(text: &str) -> Option<Self> {
        const SHAPE: &str = "dddd-dd-ddTdd:dd:dd";
        const PRECISION: usize = 9;
        let moment = text.strip_suffix('Z')?;
        let (seconds, fraction) = moment.split_once('.').unwrap_or((moment, ""));
        let fits = seconds.len() == SHAPE.len()
            && seconds.bytes().zip(SHAPE.bytes()).all(|(byte, shape)| {
                if shape == b'd' { byte.is_ascii_digit() } else { byte == shape }
            })
            && fraction.len() <= PRECISION
            && fraction.bytes().all(|byte| byte.is_ascii_digit());
        let digit = |number: u64, byte: u8| number * 10 + u64::from(byte - b'0');
        let digits = seconds.bytes().filter(u8::is_ascii_digit).fold(0, digit);
        let nanoseconds = format!("{fraction:0<PRECISION$}").parse().ok();
        nanoseconds.filter(|_| fits).map(|nanoseconds| Self { digits, nanoseconds })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |below: u64, width: u64| self.digits / below % width;
        let (year, month, day) =
            (part(10_000_000_000, 10_000), part(100_000_000, 100), part(1_000_000, 100));
        let (hour, minute, second) = (part(10_000, 100), part(100, 100), part(1, 100));
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        let fraction = format!("{:09}", self.nanoseconds);
        write!(f, ".{:0<3}Z", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_moments() {
        let ordered = [
            "2025-12-31T23:59:59.999Z",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.001Z",
            "2026-01-01T00:00:00.01Z",
            "2026-01-01T00:00:00.1Z",
            "2026-01-01T00:00:01.000Z",
        ]
        .map(|text| Version::parse(text).unwrap());
        assert!(ordered.is_sorted());
        assert_eq!(Version::parse("2026-01-01T00:00:00.100Z"), Some(ordered[4]));
        assert_eq!(ordered[4].to_string(), "2026-01-01T00:00:00.100Z");
        let fine = "2026-12-31T23:59:58.000001Z";
        assert_eq!(Version::parse(fine).unwrap().to_string(), fine);
    }

    #[test]
    fn refuses_what_it_cannot_compare() {
        for text in [
            "",
            "Z",
            "2026-01-01",
            "2026-01-01T00:00:00+02:00",
            "2026-01-01T00:00:00.xZ",
            "2026-01-01T00:00:00.0000000001Z",
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
