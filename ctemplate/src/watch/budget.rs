//! How many connections there may be (pure): half as many when Consul refuses, slowly more when it does not.

use std::time::{Duration, Instant};

/// Fewer do not serve anybody.
const FLOOR: usize = 4;
/// Refusals within this time count once: they tell of the same crowd.
const SAME: Duration = Duration::from_secs(1);
/// How long Consul must not have refused before there may be more.
const QUIET: Duration = Duration::from_secs(10);

/// How many connections there may be now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    most: usize,
    now: usize,
    changed: Option<Instant>,
}

impl Budget {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(FLOOR);
        Self { most, now: most, changed: None }
    }

    pub(super) const fn get(&self) -> usize {
        self.now
    }

    /// Consul refused. True when there may be fewer connections now.
    pub(super) fn refused(&mut self, now: Instant) -> bool {
        if self.changed.is_some_and(|last| now.saturating_duration_since(last) < SAME) {
            return false;
        }
        self.changed = Some(now);
        let before = self.now;
        self.now = (before / 2).max(FLOOR);
        self.now < before
    }

    /// Time has passed. True when there may be more connections now.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let is_quiet = self.changed.is_none_or(|last| now.saturating_duration_since(last) >= QUIET);
        if self.now == self.most || !is_quiet {
            return false;
        }
        self.changed = Some(now);
        self.now = (self.now + (self.most / 10).max(1)).min(self.most);
        true
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.now == self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_halve_it_and_quiet_brings_it_back() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut budget = Budget::new(100);
        assert!(!budget.tick(at(0)));
        assert!(budget.refused(at(1)));
        assert!(!budget.refused(at(1)), "the same crowd");
        assert_eq!(budget.get(), 50);
        assert!(!budget.tick(at(10)));
        assert!(budget.tick(at(11)) && !budget.tick(at(12)));
        assert_eq!(budget.get(), 60);
        for second in 20..30 {
            budget.refused(at(second));
        }
        assert_eq!(budget.get(), FLOOR);
        for round in 1..=10 {
            budget.tick(at(30 + round * 10));
        }
        assert!(budget.is_whole() && budget.get() == 100);
    }
}
