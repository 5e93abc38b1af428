//! Versions of an app, which Marathon writes as moments in UTC (pure).

use std::cmp::Ordering;
use std::fmt;

/// A version such as `2026-11-21T03:14:15.926Z`; later is greater.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    seconds: String,
    fraction: String,
}

impl Version {
    /// Reads a version; `None` for what Marathon would not write.
    ///
    /// Marathon prints three digits of a second. Others are taken as well, because the order of the texts is then not
    /// the order of the moments, and a wrong order would make an instance believe it is doomed.
    pub fn parse(text: &str) -> Option<Self> {
        const SHAPE: &str = "dddd-dd-ddTdd:dd:dd";
        let moment = text.strip_suffix('Z')?;
        let (seconds, fraction) = moment.split_once('.').unwrap_or((moment, ""));
        let fits = seconds.len() == SHAPE.len()
            && seconds.bytes().zip(SHAPE.bytes()).all(|(byte, shape)| {
                if shape == b'd' { byte.is_ascii_digit() } else { byte == shape }
            })
            && fraction.bytes().all(|byte| byte.is_ascii_digit());
        let fraction = fraction.trim_end_matches('0').to_owned();
        fits.then(|| Self { seconds: seconds.to_owned(), fraction })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        // Fixed width, then digits after the point: both sort as text.
        (&self.seconds, &self.fraction).cmp(&(&other.seconds, &other.fraction))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, fraction } = self;
        write!(f, "{seconds}.{fraction:0<3}Z")
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
        assert_eq!(Version::parse("2026-01-01T00:00:00.100Z"), Some(ordered[4].clone()));
        assert_eq!(ordered[4].to_string(), "2026-01-01T00:00:00.100Z");
    }

    #[test]
    fn refuses_what_it_cannot_compare() {
        for text in ["", "Z", "2026-01-01", "2026-01-01T00:00:00+02:00", "2026-01-01T00:00:00.xZ"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
