//! Which of Consul's answers say something about the configuration (pure).
//!
//! | answer to one question | while it gave variables | while it gave none |
//! | --- | --- | --- |
//! | pairs, instances | usable | usable |
//! | no variable left (deleted, or a revoked token: Consul 1.19 answers both with 404 and an index) | hold | usable |
//! | no healthy instance left of a service | hold | usable |
//! | filtered by ACL | hold | hold |
//! | no index, no leader | hold | hold |
//! | cannot be decoded | hold | hold |
//!
//! Of several questions, one that holds, holds all.

use consul::{Answer, Error, Kind};

use crate::env::{self, Found, Mapped, Rules};
use crate::restart::{Unusable, Wanted};

/// All answers together.
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

/// Judges an answer. `configured` tells whether the child was started with any variable from there.
pub fn judge(answer: Answer<Found>, rules: &Rules, configured: bool) -> Result<Found, Unusable> {
    if answer.index.is_none() || !answer.known_leader {
        Err(Unusable::Unreliable)
    } else if answer.filtered_by_acls {
        Err(Unusable::Filtered)
    } else if configured && !env::gives_any(rules, &answer.value) {
        Err(Unusable::Empty)
    } else {
        Ok(answer.value)
    }
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
    use consul::kv::KvPair;

    use super::*;

    fn answer(keys: &[&str]) -> Answer<Found> {
        let pair = |key: &&str| KvPair { key: format!("p/{key}"), ..KvPair::default() };
        let pairs = keys.iter().map(pair).collect();
        Answer {
            value: Found::Folder { folder: "p/".to_owned(), pairs },
            index: Index::new(7),
            known_leader: true,
            last_contact: Duration::ZERO,
            filtered_by_acls: false,
        }
    }

    #[test]
    fn trusts_only_whole_answers() {
        let filtered = Answer { filtered_by_acls: true, ..answer(&["A"]) };
        let leaderless = Answer { known_leader: false, ..answer(&["A"]) };
        let stranger = Answer { index: None, ..answer(&["A"]) };
        let service = Found::Service { service: "web".to_owned(), instances: Vec::new() };
        let gone = Answer { value: service, ..answer(&[]) };
        for (name, answer, configured, want) in [
            ("pairs", answer(&["A"]), true, None),
            ("deleted or revoked", answer(&[]), true, Some(Unusable::Empty)),
            ("only bad keys left", answer(&["a-b", "folder/"]), true, Some(Unusable::Empty)),
            ("never had any", answer(&[]), false, None),
            ("no instance left", gone.clone(), true, Some(Unusable::Empty)),
            ("never had an instance", gone, false, None),
            ("filtered", filtered, true, Some(Unusable::Filtered)),
            ("no leader", leaderless, true, Some(Unusable::Unreliable)),
            ("not Consul", stranger, true, Some(Unusable::Unreliable)),
        ] {
            assert_eq!(judge(answer, &Rules::default(), configured).err(), want, "{name}");
        }
    }
}
