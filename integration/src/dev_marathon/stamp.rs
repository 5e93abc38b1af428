//! Times as Marathon writes them; a *version* is such a time.

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

/// `2026-11-21T03:20:00.123Z`: always three decimals.
pub fn text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads a version that a client sent back.
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// A version that is later than `last` and survives being written and read back.
pub fn version_after(last: Timestamp, now: Timestamp) -> Timestamp {
    // Cut, not rounded: a version must not be later than the tasks that start under it.
    let cut = TimestampRound::new().smallest(Unit::Millisecond).mode(RoundMode::Trunc);
    let whole = |at: Timestamp| at.round(cut).unwrap_or(at);
    let next = last.checked_add(SignedDuration::from_millis(1)).unwrap_or(last);
    whole(now).max(whole(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_distinct_and_round_trip() {
        let now: Timestamp = "2026-11-21T03:20:00.1239Z".parse().unwrap();
        let first = version_after(Timestamp::UNIX_EPOCH, now);
        let second = version_after(first, now);
        assert_eq!(text(first), "2026-11-21T03:20:00.123Z");
        assert_eq!(text(second), "2026-11-21T03:20:00.124Z");
        assert_eq!(parse(&text(second)), Some(second));
        assert_eq!(text(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }
}
