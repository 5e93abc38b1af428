//! How many connections there may be (pure): half as many when Consul refuses, more again later, and never more than half of
//! what Consul takes from this address.
//!
//! Whoever keeps its connections is not the one who is refused: it is the next one, often somebody else. So a number that
//! was not refused is no sign that others find room. Where Consul tells its limit, the other half is theirs. Where it does
//! not (telling takes `agent:read`), as many as were open without being refused are halved once more, and the only attempt to
//! have more is to begin anew. Attempts become rare when they fail.

use std::time::{Duration, Instant};

/// Fewer do not serve anybody.
const FLOOR: usize = 4;
/// Refusals within this time count once: they tell of the same crowd.
const SAME: Duration = Duration::from_millis(250);
/// How long Consul must not have refused for its limit to be above what there is.
const CALM: Duration = Duration::from_secs(1);
/// How long Consul must not have refused before there may be more, below a known limit.
const QUIET: Duration = Duration::from_secs(10);
/// The same where the limit is unknown.
const UNTOLD_QUIET: Duration = Duration::from_mins(1);
/// The same after many attempts that failed.
const LONGEST_QUIET: Duration = Duration::from_hours(1);
/// How often refusals that go on are news.
const REMINDER: Duration = Duration::from_secs(30);

/// How many connections there may be now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    wanted: usize,
    /// Half of what Consul takes from one address.
    share: Option<usize>,
    now: usize,
    changed: Option<Instant>,
    refused: Option<Instant>,
    reported: Option<Instant>,
    /// Whether there is more now than when Consul refused last.
    is_attempt: bool,
    /// Whether it is to be halved once more.
    owes: bool,
    /// The most that were open since Consul refused last.
    open: usize,
    quiet: Duration,
}

impl Budget {
    pub(super) fn new(wanted: usize) -> Self {
        let wanted = wanted.max(FLOOR);
        Self {
            wanted,
            share: None,
            now: wanted,
            changed: None,
            refused: None,
            reported: None,
            is_attempt: false,
            owes: false,
            open: 0,
            quiet: QUIET,
        }
    }

    pub(super) const fn get(&self) -> usize {
        self.now
    }

    /// Whether there will probably be as many as now for a while: where the limit is unknown, one that is new is still tried.
    pub(super) fn is_settled(&self, now: Instant) -> bool {
        let is_new = || passed(self.changed, now).min(passed(self.refused, now)) < CALM;
        self.share.is_some() || !self.owes && !is_new()
    }

    fn most(&self) -> usize {
        self.share.map_or(self.wanted, |share| share.clamp(FLOOR, self.wanted))
    }

    /// Consul takes so many connections from one address. True when there may be fewer than were wanted.
    pub(super) fn learn(&mut self, limit: usize) -> bool {
        self.share = Some(limit / 2);
        self.owes = false;
        self.now = self.now.min(self.most());
        self.most() < self.wanted
    }

    /// So many are open.
    pub(super) fn uses(&mut self, open: usize) {
        self.open = self.open.max(open);
    }

    /// Consul refused. True when there may be fewer connections now.
    pub(super) fn refused(&mut self, now: Instant) -> bool {
        let before = self.refused.replace(now);
        self.open = 0;
        if passed(self.changed, now) < SAME && passed(before, now) < SAME {
            return false;
        }
        let shortest = if self.share.is_some() { QUIET } else { UNTOLD_QUIET };
        self.quiet = if passed(before, now) > LONGEST_QUIET * 2 {
            shortest
        } else if self.is_attempt {
            (self.quiet * 2).clamp(shortest, LONGEST_QUIET)
        } else {
            self.quiet.max(shortest)
        };
        self.is_attempt = false;
        self.owes = self.share.is_none();
        let most = self.now;
        self.set(most / 2, now);
        self.now < most
    }

    /// Time has passed. True when there may be as many as ever again.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        if self.owes && passed(self.refused, now) >= CALM {
            self.owes = false;
            self.set(self.now.min(self.open) / 2, now);
        }
        let calm = passed(self.changed, now).min(passed(self.refused, now));
        if self.now == self.most() || calm < self.quiet {
            return false;
        }
        self.is_attempt = true;
        let step = (self.wanted / 10).max(1);
        self.set(self.share.map_or(self.wanted, |_| self.now + step), now);
        self.now == self.most()
    }

    /// Whether refusals are worth a word: the first, and from time to time when they go on.
    pub(super) fn is_news(&mut self, now: Instant) -> bool {
        let is_news = passed(self.reported, now) >= REMINDER;
        if is_news {
            self.reported = Some(now);
        }
        is_news
    }

    fn set(&mut self, connections: usize, now: Instant) {
        self.changed = Some(now);
        self.now = connections.clamp(FLOOR, self.most());
    }
}

/// The time since; for ever when it never was.
fn passed(since: Option<Instant>, now: Instant) -> Duration {
    since.map_or(Duration::MAX, |since| now.saturating_duration_since(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> impl Fn(u64) -> Instant {
        let start = Instant::now();
        move |seconds| start + Duration::from_secs(seconds)
    }

    #[test]
    fn refusals_halve_it_and_quiet_brings_it_back() {
        let at = clock();
        let mut budget = Budget::new(100);
        budget.learn(200);
        assert!(!budget.tick(at(0)));
        budget.refused(at(1));
        budget.refused(at(1));
        assert_eq!(budget.get(), 50, "the same crowd");
        assert!(!budget.tick(at(10)) && budget.get() == 50);
        assert!(!budget.tick(at(11)) && !budget.tick(at(12)));
        assert_eq!(budget.get(), 60);
        for second in 20..30 {
            budget.refused(at(second));
        }
        assert_eq!(budget.get(), FLOOR);
        // The attempt with 60 has failed: the next ones are 20 seconds apart.
        let whole: Vec<u64> = (30..300).filter(|second| budget.tick(at(*second))).collect();
        assert_eq!((whole, budget.get()), (vec![229], 100));
    }

    #[test]
    fn never_takes_more_than_half_of_what_consul_takes() {
        let at = clock();
        for (limit, want) in [(8_000, 100), (200, 100), (50, 25), (8, FLOOR), (1, FLOOR)] {
            let mut budget = Budget::new(100);
            assert_eq!(budget.learn(limit), want < 100, "{limit}");
            for second in 0..1000 {
                budget.tick(at(second));
            }
            assert_eq!(budget.get(), want, "{limit}");
        }
    }

    #[test]
    fn leaves_room_also_where_the_limit_is_unknown() {
        let at = clock();
        for limit in [99, 60, 40, 16] {
            let mut budget = Budget::new(100);
            for second in 0..10 {
                if budget.get() > limit {
                    budget.refused(at(second));
                }
                budget.uses(budget.get());
                budget.tick(at(second));
            }
            assert!(budget.get() <= limit / 2, "{} of {limit}", budget.get());
            assert!(
                budget.get() == FLOOR || budget.get() > limit / 5,
                "{} of {limit}",
                budget.get()
            );
        }
    }

    #[test]
    fn settles_when_nothing_was_refused_for_a_while() {
        let at = clock();
        let mut budget = Budget::new(100);
        assert!(budget.is_settled(at(0)));
        budget.refused(at(0));
        assert!(!budget.is_settled(at(0)) && !budget.is_settled(at(9)), "one half is owed");
        budget.tick(at(9));
        assert!(!budget.is_settled(at(9)) && budget.is_settled(at(10)));
        budget.tick(at(70));
        assert_eq!((budget.get(), budget.is_settled(at(70))), (100, false), "an attempt");
        assert!(budget.is_settled(at(71)));
        budget.learn(200);
        budget.refused(at(80));
        assert!(budget.is_settled(at(80)));
    }

    #[test]
    fn what_was_not_tried_is_no_sign_of_room() {
        let at = clock();
        let mut budget = Budget::new(100);
        budget.uses(90);
        budget.refused(at(0));
        budget.uses(30);
        budget.uses(20);
        budget.tick(at(2));
        assert_eq!(budget.get(), 15);
    }

    #[test]
    fn attempts_become_rare() {
        let at = clock();
        for (limit, share) in [(25, None), (25, Some(60))] {
            let mut budget = Budget::new(100);
            if let Some(share) = share {
                budget.learn(share);
            }
            let mut attempts = Vec::new();
            for second in 0..40_000 {
                budget.tick(at(second));
                if budget.get() > limit {
                    budget.refused(at(second));
                    attempts.push(second);
                }
            }
            let apart: Vec<_> = attempts.windows(2).map(|two| two[1] - two[0]).collect();
            let apart: Vec<_> = apart.into_iter().filter(|seconds| *seconds > 5).collect();
            assert!(apart.is_sorted() && apart.last() >= Some(&3600), "{apart:?}");
        }
    }

    #[test]
    fn goes_on_telling_of_refusals() {
        let at = clock();
        let mut budget = Budget::new(100);
        let told: Vec<_> = (0..100).filter(|second| budget.is_news(at(*second))).collect();
        assert_eq!(told, [0, 30, 60, 90]);
    }
}
