//! Which of Consul's answers say something about the configuration (pure).
//!
//! | answer | while configured | while not |
//! | --- | --- | --- |
//! | pairs | usable | usable |
//! | no variable left (deleted, or a revoked token: Consul 1.19 answers both with 404 and an index) | hold | usable |
//! | filtered by ACL | hold | hold |
//! | no index, no leader | hold | hold |
//! | cannot be decoded | hold | hold |

use consul::kv::KvPair;
use consul::{Answer, Error, Kind};

use crate::env::{self, Mapped};
use crate::restart::{Unusable, Wanted};

/// An answer that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The configuration.
    Usable(Mapped),
    /// Nothing that can be relied on.
    Unusable(Unusable),
}

impl Reading {
    /// What the restart protocol needs of it.
    pub fn wanted(&self) -> Wanted {
        match self {
            Self::Usable(mapped) => Wanted::Is(mapped.environment.digest()),
            Self::Unusable(why) => Wanted::Unusable(*why),
        }
    }
}

/// Judges an answer. `configured` tells whether the child was started with any variable of ours.
pub fn judge(prefix: &str, answer: &Answer<Vec<KvPair>>, configured: bool) -> Reading {
    if answer.index.is_none() || !answer.known_leader {
        return Reading::Unusable(Unusable::Unreliable);
    }
    if answer.filtered_by_acls {
        return Reading::Unusable(Unusable::Filtered);
    }
    let mapped = env::map(prefix, &answer.value);
    if configured && mapped.environment.is_empty() {
        return Reading::Unusable(Unusable::Empty);
    }
    Reading::Usable(mapped)
}

/// What an error says about the configuration: mostly nothing, because an outage changes no configuration.
pub const fn judge_error(error: &Error) -> Option<Unusable> {
    match &error.kind {
        Kind::Decode(_) => Some(Unusable::Undecodable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use consul::Index;

    use super::*;

    fn answer(pairs: usize) -> Answer<Vec<KvPair>> {
        let pair = KvPair { key: "p/A".to_owned(), ..KvPair::default() };
        Answer {
            value: vec![pair; pairs],
            index: Index::new(7),
            known_leader: true,
            last_contact: Duration::ZERO,
            filtered_by_acls: false,
        }
    }

    #[test]
    fn trusts_only_whole_answers() {
        let unusable = |answer: &Answer<_>, configured| match judge("p/", answer, configured) {
            Reading::Usable(_) => None,
            Reading::Unusable(why) => Some(why),
        };
        let filtered = Answer { filtered_by_acls: true, ..answer(1) };
        let leaderless = Answer { known_leader: false, ..answer(1) };
        let stranger = Answer { index: None, ..answer(1) };
        for (name, answer, configured, want) in [
            ("pairs", &answer(1), true, None),
            ("deleted or revoked", &answer(0), true, Some(Unusable::Empty)),
            ("never had any", &answer(0), false, None),
            ("filtered", &filtered, true, Some(Unusable::Filtered)),
            ("no leader", &leaderless, true, Some(Unusable::Unreliable)),
            ("not Consul", &stranger, true, Some(Unusable::Unreliable)),
        ] {
            assert_eq!(unusable(answer, configured), want, "{name}");
        }
    }
}
