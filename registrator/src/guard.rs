//! Refuses removals that look like a mistake of Marathon's rather than the end of tasks.
//!
//! A Marathon that has just changed its leader may answer with no apps, or with few. Removals without any other evidence
//! than such an answer are held back when there are no apps at all, or when they are more than half of our services and
//! these are ten or more. They are let through when a later complete answer, some time after, leaves the same tasks out.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Fewer services than this are not worth suspecting.
const MIN_SERVICES: usize = 10;

/// How much later than the suspicious answer the one that confirms it must have been asked for.
pub const CONFIRM_AFTER: Duration = Duration::from_secs(10);

/// What is held back, if anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Switched off: lets everything through.
    Off,
    /// Nothing is held back.
    Open,
    /// These removals wait for an answer asked for after `until`.
    Holding {
        /// Ids on the agent.
        ids: BTreeSet<String>,
        /// See [`CONFIRM_AFTER`].
        until: Instant,
    },
}

/// The circumstances of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// How many services on the agent are ours.
    pub ours: usize,
    /// Marathon said that there is no app at all.
    pub no_apps: bool,
    /// When the last complete answer was asked for.
    pub asked: Instant,
    /// Now.
    pub now: Instant,
}

impl Guard {
    /// Switched on or off.
    pub fn new(on: bool) -> Self {
        if on { Self::Open } else { Self::Off }
    }

    /// Which of the removals, for which there is no evidence but an answer of Marathon's, have to wait.
    pub fn hold(&mut self, removals: &BTreeSet<String>, about: Circumstances) -> BTreeSet<String> {
        let (confirmed, until) = match self {
            Self::Off => return BTreeSet::new(),
            Self::Open => (BTreeSet::new(), None),
            Self::Holding { ids, until } if about.asked >= *until => (std::mem::take(ids), None),
            Self::Holding { until, .. } => (BTreeSet::new(), Some(*until)),
        };
        let held: BTreeSet<_> = removals.difference(&confirmed).cloned().collect();
        if !is_suspicious(held.len(), about) {
            *self = Self::Open;
            return BTreeSet::new();
        }
        let until = until.unwrap_or(about.now + CONFIRM_AFTER);
        *self = Self::Holding { ids: held.clone(), until };
        held
    }

    /// When to ask Marathon for a complete answer that may confirm what is held back.
    pub fn ask_at(&self) -> Option<Instant> {
        match self {
            Self::Holding { until, .. } => Some(*until),
            Self::Off | Self::Open => None,
        }
    }
}

fn is_suspicious(removals: usize, about: Circumstances) -> bool {
    let many = about.ours >= MIN_SERVICES && removals * 2 > about.ours;
    removals > 0 && (about.no_apps || many)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> BTreeSet<String> {
        (0..count).map(|id| id.to_string()).collect()
    }

    fn about(ours: usize, no_apps: bool, at: Instant) -> Circumstances {
        Circumstances { ours, no_apps, asked: at, now: at }
    }

    #[test]
    fn what_is_suspicious() {
        let rows = [
            ("nothing", 0, 0, true, 0),
            ("few services", 9, 9, false, 0),
            ("half of ten", 10, 5, false, 0),
            ("more than half of ten", 10, 6, false, 6),
            ("no apps", 1, 1, true, 1),
        ];
        for (name, ours, removals, no_apps, want) in rows {
            let about = about(ours, no_apps, Instant::now());
            assert_eq!(Guard::new(true).hold(&ids(removals), about).len(), want, "{name}");
            assert!(Guard::new(false).hold(&ids(removals), about).is_empty(), "{name}, off");
        }
    }

    #[test]
    fn a_later_answer_confirms_and_an_early_one_does_not() {
        let start = Instant::now();
        let mut guard = Guard::new(true);
        assert_eq!(guard.hold(&ids(10), about(10, true, start)).len(), 10);
        let early = start + CONFIRM_AFTER / 2;
        assert_eq!(guard.hold(&ids(10), about(10, true, early)).len(), 10);
        assert_eq!(guard.ask_at(), Some(start + CONFIRM_AFTER), "asking early does not put it off");
        assert!(guard.hold(&ids(10), about(10, true, start + CONFIRM_AFTER)).is_empty());
        assert_eq!(guard.ask_at(), None);
    }

    #[test]
    fn an_answer_with_other_removals_confirms_only_what_both_left_out() {
        let start = Instant::now();
        let mut guard = Guard::new(true);
        assert_eq!(guard.hold(&ids(11), about(20, false, start)).len(), 11);
        let held = guard.hold(&ids(20), about(20, true, start + CONFIRM_AFTER));
        assert_eq!(held, ids(20).difference(&ids(11)).cloned().collect());
    }

    #[test]
    fn a_good_answer_ends_the_suspicion() {
        let start = Instant::now();
        let mut guard = Guard::new(true);
        assert_eq!(guard.hold(&ids(10), about(10, false, start)).len(), 10);
        assert!(guard.hold(&ids(0), about(10, false, start)).is_empty());
        assert_eq!(guard, Guard::Open);
    }
}
