//! When to render: after a quiet time, so that a burst of changes leads to one file; at once where none is set, as long as
//! there is no burst.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::config::settings::Wait;

/// Without a quiet time in the settings, so many changes may follow each other at once.
const FREE: u32 = 20;
/// One more is free after this time.
const REFILL: Duration = Duration::from_millis(4);
/// The shortest and the longest time between two renderings when there are more changes than that.
const GAP: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_millis(320);

/// Follows the changes of one template.
#[derive(Clone, Copy, Debug)]
pub struct Quiescence {
    wait: Wait,
    pending: Option<Pending>,
    pace: Pace,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    latest: Instant,
    due: Instant,
}

/// How fast changes come, for templates that have no quiet time: one change is rendered at once, and so are those of a
/// program that makes one after the other; a flood of them comes in a few renderings.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// Changes that are not free again.
    recent: u32,
    /// Since when that is so.
    since: Option<Instant>,
    rendered: Option<Instant>,
    gap: Duration,
}

impl Quiescence {
    /// Nothing has changed yet.
    pub fn new(wait: Wait) -> Self {
        Self { wait, pending: None, pace: Pace::default() }
    }

    /// Something has changed: wait from here, but no longer than the first change may wait.
    pub fn tick(&mut self, now: Instant) {
        self.pace.tick(now);
        if self.wait.min.is_zero() {
            self.tick_by(self.pace.next(now));
            return;
        }
        self.tick_within(now, self.wait);
    }

    /// Something has changed, and more is to come: another quiet time than that of the settings counts.
    pub fn tick_within(&mut self, now: Instant, wait: Wait) {
        let latest = self.pending.map_or(now + wait.max, |pending| pending.latest);
        self.pending = Some(Pending { latest, due: (now + wait.min).min(latest) });
    }

    /// Something has changed that must not wait longer than until then.
    pub fn tick_now(&mut self, now: Instant) {
        self.pending = Some(Pending { latest: now, due: now });
    }

    /// Something has changed that can wait until then.
    fn tick_by(&mut self, latest: Instant) {
        let due = self.due().map_or(latest, |due| due.min(latest));
        self.pending = Some(Pending { latest: due, due });
    }

    /// The longest time between a change and its rendering.
    pub const fn longest(&self) -> Duration {
        self.wait.max
    }

    /// When to render; `None` when nothing has changed.
    pub fn due(&self) -> Option<Instant> {
        self.pending.map(|pending| pending.due)
    }

    /// Whether to render now. If so the changes until now are done with.
    pub fn take(&mut self, now: Instant) -> bool {
        let is_due = self.due().is_some_and(|due| due <= now);
        if is_due {
            self.pending = None;
            self.pace.rendered(now);
        }
        is_due
    }
}

impl Pace {
    fn tick(&mut self, now: Instant) {
        let since = self.since.unwrap_or(now);
        let free = now.saturating_duration_since(since).as_nanos() / REFILL.as_nanos();
        let free = u32::try_from(free).unwrap_or(u32::MAX);
        let left = self.recent.saturating_sub(free);
        // What is left of the time counts for the next one.
        self.since = Some(if left == 0 { now } else { since + REFILL * free });
        self.recent = left.saturating_add(1);
    }

    fn next(&self, now: Instant) -> Instant {
        self.rendered.map_or(now, |last| now.max(last + self.gap))
    }

    fn rendered(&mut self, now: Instant) {
        self.rendered = Some(now);
        self.gap = if self.recent > FREE {
            (self.gap * 2).clamp(*GAP.start(), *GAP.end())
        } else {
            Duration::ZERO
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wait(min: u64, max: u64) -> Wait {
        Wait { min: Duration::from_millis(min), max: Duration::from_millis(max) }
    }

    #[test]
    fn each_change_starts_the_quiet_time_again_up_to_the_maximum() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut quiescence = Quiescence::new(wait(100, 250));
        assert!(!quiescence.take(at(0)));
        quiescence.tick(at(0));
        assert_eq!(quiescence.due(), Some(at(100)));
        quiescence.tick(at(90));
        assert_eq!(quiescence.due(), Some(at(190)));
        quiescence.tick(at(180));
        assert_eq!(quiescence.due(), Some(at(250)));
        assert!(!quiescence.take(at(249)));
        assert!(quiescence.take(at(250)));
        assert!(!quiescence.take(at(251)));
    }

    #[test]
    fn without_a_wait_a_change_is_due_at_once() {
        let now = Instant::now();
        let mut quiescence = Quiescence::new(Wait::default());
        quiescence.tick(now);
        assert!(quiescence.take(now));
    }

    /// Renderings that take 5 ms each, of changes at these milliseconds, and the longest time between a change and the
    /// beginning of its rendering.
    fn renderings(changes: impl Iterator<Item = u64>) -> (usize, u64) {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut quiescence = Quiescence::new(Wait::default());
        let mut changes = changes.peekable();
        let (mut now, mut count, mut longest, mut waiting) = (0, 0, 0, vec![]);
        while changes.peek().is_some() || quiescence.due().is_some() {
            while let Some(change) = changes.next_if(|change| *change <= now) {
                quiescence.tick(at(now));
                waiting.push(change);
            }
            if quiescence.take(at(now)) {
                count += 1;
                longest = waiting.drain(..).map(|change| now - change).fold(longest, u64::max);
                now += 4;
            }
            now += 1;
        }
        (count, longest)
    }

    #[test]
    fn a_flood_of_changes_comes_in_a_few_renderings() {
        let (count, longest) = renderings((0..1000).map(|change| change / 2));
        assert!(count <= 10 && longest <= 320, "{count} renderings, {longest} ms");
        let (count, longest) = renderings((0..500).map(|change| change * 2));
        assert!(count <= 25 && longest <= 320, "{count} renderings, {longest} ms");
        // All at once, and again much later.
        assert_eq!(renderings((0..500).map(|change| change / 250 * 1000)), (2, 0));
    }

    #[test]
    fn changes_that_follow_each_other_are_rendered_at_once() {
        // Pairs of changes, as of the names of all services and of the instances of one, every 12 ms.
        let (count, longest) = renderings((0..400).map(|n| n / 2 * 12 + n % 2 * 6));
        assert_eq!((count, longest), (400, 0));
    }

    proptest! {
        #[test]
        fn no_change_waits_longer_than_the_maximum(mut ticks in prop::collection::vec(0_u64..1000, 1..50)) {
            ticks.sort_unstable();
            let start = Instant::now();
            let mut quiescence = Quiescence::new(wait(100, 250));
            let first = start + Duration::from_millis(ticks[0]);
            for tick in ticks {
                let now = start + Duration::from_millis(tick);
                if quiescence.take(now) {
                    break;
                }
                quiescence.tick(now);
                prop_assert!(quiescence.due() <= Some(first + Duration::from_millis(250)));
            }
        }
    }
}
