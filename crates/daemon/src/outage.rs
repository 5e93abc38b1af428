//! One log line when something starts to fail and one when it works again.

use std::time::{Duration, Instant};

/// Follows whether one thing (an endpoint, a template, a command) works.
///
/// A failure that repeats with the same words says nothing new, so callers log only what [`Outage::failed`] and
/// [`Outage::recovered`] hand back, and the failures in between are counted.
#[derive(Debug, Default)]
pub struct Outage {
    current: Option<Ongoing>,
    total: u64,
}

#[derive(Debug)]
struct Ongoing {
    since: Instant,
    failures: u64,
    words: String,
}

/// An outage that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How long it lasted.
    pub lasted: Duration,
    /// How many attempts failed.
    pub failures: u64,
}

impl Outage {
    /// Counts a failure. True when it is news: the first of its kind since the last success.
    #[must_use = "a failure that is news belongs in the log"]
    pub fn failed(&mut self, error: &dyn std::fmt::Display, now: Instant) -> bool {
        self.total += 1;
        let words = error.to_string();
        let Some(ongoing) = &mut self.current else {
            self.current = Some(Ongoing { since: now, failures: 1, words });
            return true;
        };
        ongoing.failures += 1;
        let news = ongoing.words != words;
        ongoing.words = words;
        news
    }

    /// Notes a success; tells what it ended, if anything.
    #[must_use = "a recovery belongs in the log"]
    pub fn recovered(&mut self, now: Instant) -> Option<Recovery> {
        let Ongoing { since, failures, .. } = self.current.take()?;
        Some(Recovery { lasted: now.saturating_duration_since(since), failures })
    }

    /// Whether the last attempt failed.
    pub const fn is_ongoing(&self) -> bool {
        self.current.is_some()
    }

    /// What the last attempt failed with, and since when attempts fail.
    pub fn ongoing(&self) -> Option<(&str, Instant)> {
        self.current.as_ref().map(|ongoing| (ongoing.words.as_str(), ongoing.since))
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u64 {
        self.current.as_ref().map_or(0, |ongoing| ongoing.failures)
    }

    /// Failures since the start of the program.
    pub const fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_news() {
        let start = Instant::now();
        let mut outage = Outage::default();
        assert!(outage.recovered(start).is_none());
        assert!(outage.failed(&"refused", start));
        assert!(!outage.failed(&"refused", start));
        assert!(outage.failed(&"timed out", start));
        assert!(outage.is_ongoing());
        assert_eq!(outage.ongoing(), Some(("timed out", start)));
        let recovery = outage.recovered(start + Duration::from_secs(3)).unwrap();
        assert_eq!(recovery, Recovery { lasted: Duration::from_secs(3), failures: 3 });
        assert!(outage.recovered(start).is_none());
        assert!(outage.failed(&"timed out", start));
        assert_eq!(outage.total(), 4);
    }
}
