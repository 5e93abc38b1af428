//! The parameters every read takes, and what comes back with every answer.

use std::time::Duration;

use crate::index::{Cursor, Index};

/// How fresh an answer must be; see Consul's page on consistency modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// The leader's view, which may be stale only while leadership moves.
    #[default]
    Default,
    /// The leader's view, confirmed by a quorum.
    Consistent,
    /// Any server's view.
    Stale,
}

/// The parameters every read takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Answer only when something is newer than this.
    pub index: Option<Index>,
    /// How long Consul may hold the answer back while nothing is; Consul adds up to a sixteenth.
    pub wait: Duration,
    /// How fresh the answer must be.
    pub consistency: Consistency,
    /// Ask this datacenter instead of the client's.
    pub datacenter: Option<String>,
    /// Where in the datacenter to look.
    pub tenancy: Tenancy,
}

/// Namespaces and their relatives, which only Consul Enterprise has, and peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenancy {
    /// Not the client's namespace.
    pub namespace: Option<String>,
    /// Not the default partition.
    pub partition: Option<String>,
    /// What this peer exports to us.
    pub peer: Option<String>,
    /// The group in which services of one name stand in for each other.
    pub sameness_group: Option<String>,
}

impl Query {
    /// The next blocking query of a series.
    pub fn blocking(cursor: Cursor, wait: Duration) -> Self {
        Self { index: cursor.position(), wait, ..Self::default() }
    }

    /// The same with another consistency mode.
    #[must_use]
    pub const fn with_consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = consistency;
        self
    }

    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        if let Some(index) = self.index {
            parameters.push(("index", index.to_string()));
            parameters.push(("wait", format!("{}ms", self.wait.as_millis())));
        }
        match self.consistency {
            Consistency::Default => {}
            Consistency::Consistent => parameters.push(("consistent", String::new())),
            Consistency::Stale => parameters.push(("stale", String::new())),
        }
        if let Some(datacenter) = &self.datacenter {
            parameters.push(("dc", datacenter.clone()));
        }
        let Tenancy { namespace, partition, peer, sameness_group } = &self.tenancy;
        for (name, value) in [
            ("ns", namespace),
            ("partition", partition),
            ("peer", peer),
            ("sameness-group", sameness_group),
        ] {
            parameters.extend(value.as_ref().map(|value| (name, value.clone())));
        }
        parameters
    }

    /// The longest that Consul may take to answer: it adds up to wait/16 so that clients do not return together.
    pub(crate) fn patience(&self) -> Duration {
        const REPLY: Duration = Duration::from_secs(15);
        if self.index.is_some() { self.wait + self.wait / 16 + REPLY } else { REPLY }
    }
}

/// What Consul answered, and how far it can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// The data.
    pub value: T,
    /// `X-Consul-Index`, for the next blocking query.
    pub index: Option<Index>,
    /// `X-Consul-KnownLeader`: false while the cluster has no leader, when data may be missing.
    pub known_leader: bool,
    /// `X-Consul-LastContact`: how long ago the answering server heard from the leader.
    pub last_contact: Duration,
    /// `X-Consul-Results-Filtered-By-ACLs`: the token may not see everything.
    pub filtered_by_acls: bool,
}

impl<T> Answer<T> {
    /// The same answer about another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        let Self { value, index, known_leader, last_contact, filtered_by_acls } = self;
        Answer { value: change(value), index, known_leader, last_contact, filtered_by_acls }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_only_when_there_is_something_to_wait_on() {
        let minute = Duration::from_mins(1);
        assert_eq!(Query::blocking(Cursor::default(), minute).parameters(), []);
        let mut cursor = Cursor::default();
        cursor.advance(Index::new(42));
        let query = Query::blocking(cursor, minute).with_consistency(Consistency::Stale);
        assert_eq!(
            query.parameters(),
            [("index", "42".to_owned()), ("wait", "60000ms".to_owned()), ("stale", String::new())]
        );
        assert!(query.patience() > minute + minute / 16);
    }
}
