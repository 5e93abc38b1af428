//! What to do with `X-Consul-Index`.
//!
//! The rules are those of Consul's page on blocking queries: the index of one answer is the `index` parameter of the
//! next query; one that goes backwards (a restored snapshot, a rebuilt cluster) or is zero makes the next query start
//! from nothing; an equal index means the wait ran out without a change.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// A position in the history of what a query reads; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(NonZeroU64);

impl Index {
    /// The index that an answer carried, unless it is the zero that Consul's page tells clients not to use.
    pub fn new(value: u64) -> Option<Self> {
        NonZeroU64::new(value).map(Self)
    }

    /// The number to send.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a series of blocking queries stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    position: Option<Index>,
}

/// What an answer meant for a [`Cursor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There may be something new: the index moved forward, or this is the first answer.
    Moved,
    /// The wait ran out, nothing changed.
    Unchanged,
    /// The index went backwards or was unusable. The answer is as good as any, and the next query will not block.
    Reset,
}

impl Progress {
    /// How long to wait before the next query: a proxy may answer at once where Consul would block, and is not to be
    /// flooded.
    pub const fn pause(self) -> Duration {
        match self {
            Self::Moved => Duration::ZERO,
            Self::Unchanged | Self::Reset => Duration::from_millis(100),
        }
    }
}

impl Cursor {
    /// The index to wait on; `None` asks for an answer at once.
    pub const fn position(self) -> Option<Index> {
        self.position
    }

    /// Takes the index of an answer.
    pub fn advance(&mut self, answered: Option<Index>) -> Progress {
        let progress = match (self.position, answered) {
            (None, Some(_)) => Progress::Moved,
            (Some(last), Some(index)) if index > last => Progress::Moved,
            (Some(last), Some(index)) if index == last => Progress::Unchanged,
            _ => Progress::Reset,
        };
        self.position = if progress == Progress::Reset { None } else { answered };
        progress
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn follows_the_rules_of_blocking_queries() {
        let mut cursor = Cursor::default();
        for (answered, progress, position) in [
            (7, Progress::Moved, 7),
            (7, Progress::Unchanged, 7),
            (9, Progress::Moved, 9),
            (3, Progress::Reset, 0),
            (3, Progress::Moved, 3),
            (0, Progress::Reset, 0),
        ] {
            assert_eq!(cursor.advance(Index::new(answered)), progress, "{answered}");
            assert_eq!(cursor.position(), Index::new(position), "{answered}");
        }
    }

    proptest! {
        #[test]
        fn never_waits_on_an_index_that_was_not_answered(answers in prop::collection::vec(0_u64..5, 1..50)) {
            let mut cursor = Cursor::default();
            for answered in answers {
                cursor.advance(Index::new(answered));
                prop_assert!(cursor.position().is_none_or(|index| index.get() == answered));
            }
        }

        #[test]
        fn a_growing_index_is_never_lost(mut answers in prop::collection::btree_set(1_u64..1000, 1..50)) {
            let mut cursor = Cursor::default();
            while let Some(answered) = answers.pop_first() {
                prop_assert_eq!(cursor.advance(Index::new(answered)), Progress::Moved);
            }
        }
    }
}
