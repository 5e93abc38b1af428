//! When to render: after a quiet time, so that a burst of changes leads to one file.

use std::time::{Duration, Instant};

use crate::config::settings::Wait;

/// Follows the changes of one template.
#[derive(Clone, Copy, Debug)]
pub struct Quiescence {
    wait: Wait,
    pending: Option<Pending>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    latest: Instant,
    due: Instant,
}

impl Quiescence {
    /// Nothing has changed yet.
    pub const fn new(wait: Wait) -> Self {
        Self { wait, pending: None }
    }

    /// Something has changed: wait from here, but no longer than the first change may wait.
    pub fn tick(&mut self, now: Instant) {
        let latest = self.pending.map_or(now + self.wait.max, |pending| pending.latest);
        self.pending = Some(Pending { latest, due: (now + self.wait.min).min(latest) });
    }

    /// Something has changed that must not wait longer than until then.
    pub fn tick_now(&mut self, now: Instant) {
        self.pending = Some(Pending { latest: now, due: now });
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
        }
        is_due
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
