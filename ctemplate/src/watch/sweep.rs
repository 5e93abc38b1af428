//! Which nodes to look at (pure), where no signal of their own speaks of them: all that wait, in one go.
//!
//! After each go there is a pause as long as it took: whoever changes the catalog all the time does not keep Consul busy
//! with us.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::plan::Signal;

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long something may wait for whatever is more urgent.
const PATIENCE: Duration = Duration::from_secs(1);

/// The looks to take, and those under way.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// After the next pause.
    waiting: BTreeSet<Signal>,
    /// In this go.
    now: BTreeSet<Signal>,
    under_way: BTreeSet<Signal>,
    began: Option<Instant>,
    /// When the next go may begin.
    next: Option<Instant>,
    /// Since when something waits.
    since: Option<Instant>,
}

impl Sweep {
    /// What is on a node may have changed. One that is not under way yet will see it.
    pub(super) fn insert(&mut self, look: Signal, now: Instant) {
        if !self.now.contains(&look) {
            self.waiting.insert(look);
            self.since.get_or_insert(now);
        }
    }

    /// The next one, which is under way from now on.
    pub(super) fn next(&mut self, now: Instant) -> Option<Signal> {
        if self.is_idle() && self.next.is_none_or(|next| next <= now) {
            self.now = std::mem::take(&mut self.waiting);
            self.began = Some(now);
        }
        let look = self.now.pop_first()?;
        self.under_way.insert(look.clone());
        Some(look)
    }

    /// It is no longer under way.
    pub(super) fn done(&mut self, look: &Signal, now: Instant) {
        self.under_way.remove(look);
        self.rest(now);
    }

    /// Keeps only these, and gives back what is under way and does not stay.
    pub(super) fn retain(&mut self, stays: impl Fn(&Signal) -> bool, now: Instant) -> Vec<Signal> {
        self.waiting.retain(&stays);
        self.now.retain(&stays);
        let gone: Vec<_> = self.under_way.iter().filter(|it| !stays(it)).cloned().collect();
        self.under_way.retain(&stays);
        self.rest(now);
        gone
    }

    /// When the pause ends that something waits for.
    pub(super) fn pause_ends(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| self.is_idle() && !self.waiting.is_empty() && *next > now)
    }

    /// Whether it is no longer to wait for anything else.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) > PATIENCE)
    }

    /// How many are not done.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.now.len() + self.under_way.len()
    }

    fn is_idle(&self) -> bool {
        self.now.is_empty() && self.under_way.is_empty()
    }

    fn rest(&mut self, now: Instant) {
        if self.is_idle()
            && let Some(began) = self.began.take()
        {
            let took = now.saturating_duration_since(began);
            self.next = Some(now + took.min(LONGEST_PAUSE));
            self.since = (!self.waiting.is_empty()).then_some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependency::Scope;
    use crate::watch::plan::Kind;

    fn look(node: &str) -> Signal {
        Signal { scope: Scope::default(), kind: Kind::ServicesOf(node.to_owned()) }
    }

    #[test]
    fn pauses_as_long_as_it_worked_and_forgets_nothing() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut sweep = Sweep::default();
        assert_eq!((sweep.next(at(0)), sweep.pause_ends(at(0))), (None, None));
        sweep.insert(look("a"), at(0));
        sweep.insert(look("b"), at(0));
        assert_eq!(sweep.next(at(0)), Some(look("a")));
        // The one is under way, and may have been too early; the other will see it.
        sweep.insert(look("a"), at(10));
        sweep.insert(look("b"), at(10));
        assert_eq!(sweep.next(at(20)), Some(look("b")));
        assert_eq!((sweep.next(at(20)), sweep.len()), (None, 3));
        sweep.done(&look("b"), at(30));
        assert_eq!((sweep.next(at(30)), sweep.pause_ends(at(30))), (None, None));
        sweep.done(&look("a"), at(50));
        assert_eq!((sweep.next(at(99)), sweep.pause_ends(at(99))), (None, Some(at(100))));
        assert!(!sweep.is_overdue(at(1050)) && sweep.is_overdue(at(1051)));
        assert_eq!((sweep.next(at(100)), sweep.next(at(100))), (Some(look("a")), None));
        assert_eq!(sweep.retain(|_| false, at(200)), [look("a")]);
        assert_eq!((sweep.len(), sweep.is_overdue(at(9999))), (0, false));
    }
}
