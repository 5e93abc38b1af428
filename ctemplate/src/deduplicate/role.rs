//! Who leads and who follows: a state machine without clock and network.
//!
//! | role | lock seen | data seen | next |
//! | --- | --- | --- | --- |
//! | any but leading | | readable | following |
//! | any but leading | | unreadable | alone |
//! | following | | none | waiting |
//! | waiting, for too long | | none | alone |
//! | any | got it | | leading |
//! | leading | another's, or nobody's | | as if waiting |

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::snapshot::{Snapshot, Unreadable};
use crate::dependency::Dependency;

/// What an instance is for a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Another should have data soon, at the latest then.
    Waiting {
        /// Then it asks Consul itself.
        until: Instant,
    },
    /// It uses what another has found out.
    Following(Arc<Snapshot>),
    /// It asks Consul because nobody else has usable data.
    Alone,
    /// It asks Consul for all, and holds the lock by this session.
    Leading {
        /// The session's id.
        session: String,
    },
}

/// Something that changes a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What Consul has of the template.
    Seen {
        /// The session that holds the lock.
        holder: Option<String>,
        /// The data, if there are any.
        data: Option<Result<Arc<Snapshot>, Unreadable>>,
    },
    /// We hold the lock, by this session.
    Elected(String),
    /// We have lost the lock.
    Deposed,
    /// Time has passed.
    Passed,
}

impl Role {
    /// Another has this long to have data.
    pub fn waiting(now: Instant, patience: Duration) -> Self {
        Self::Waiting { until: now + patience }
    }

    /// What follows from an event.
    #[must_use]
    pub fn on(self, event: Event, now: Instant, patience: Duration) -> Self {
        match (self, event) {
            (_, Event::Elected(session)) => Self::Leading { session },
            (Self::Leading { .. }, Event::Deposed) => Self::waiting(now, patience),
            (Self::Leading { session }, Event::Seen { holder, .. })
                if holder.as_ref() == Some(&session) =>
            {
                Self::Leading { session }
            }
            (_, Event::Seen { data: Some(Ok(snapshot)), .. }) => Self::Following(snapshot),
            (_, Event::Seen { data: Some(Err(_)), .. }) => Self::Alone,
            (Self::Leading { .. } | Self::Following(_), Event::Seen { data: None, .. }) => {
                Self::waiting(now, patience)
            }
            (Self::Waiting { until }, Event::Passed) if until <= now => Self::Alone,
            (role, Event::Seen { .. } | Event::Deposed | Event::Passed) => role,
        }
    }

    /// Whether Consul is asked for a dependency. What another has not said although it had everything that it needs is
    /// not going to come.
    pub fn asks(&self, dependency: &Dependency) -> bool {
        if !is_shared(dependency) {
            return true;
        }
        match self {
            Self::Waiting { .. } => false,
            Self::Following(snapshot) => snapshot.recall(dependency).is_none(),
            Self::Alone | Self::Leading { .. } => true,
        }
    }
}

/// Whether the answer is the same for everybody, and no secret of one instance: the same kinds as consul-template's, which
/// also shares distances from its own agent.
pub fn is_shared(dependency: &Dependency) -> bool {
    let is_ours = |near: &Option<String>| near.as_deref() == Some("_agent");
    match dependency {
        Dependency::Key(_)
        | Dependency::Keys(_)
        | Dependency::Services { .. }
        | Dependency::Datacenters { .. }
        | Dependency::Partitions
        | Dependency::ExportedServices { .. }
        | Dependency::ImportedServices { .. } => true,
        Dependency::Instances(wanted) => !is_ours(&wanted.near),
        Dependency::Nodes { near, .. } => !is_ours(near),
        Dependency::Node { .. }
        | Dependency::Peerings { .. }
        | Dependency::CaRoots
        | Dependency::CaLeaf(_)
        | Dependency::File(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependency::{Instances, KeyPath, Scope};

    const PATIENCE: Duration = Duration::from_secs(15);

    #[test]
    fn roles_follow_from_what_is_seen() {
        let now = Instant::now();
        let later = now + PATIENCE;
        let snapshot = Arc::new(Snapshot::default());
        let waiting = || Role::waiting(now, PATIENCE);
        let following = || Role::Following(Arc::clone(&snapshot));
        let leading = || Role::Leading { session: "a".to_owned() };
        let seen =
            |holder: Option<&str>, data| Event::Seen { holder: holder.map(str::to_owned), data };
        let readable = || Some(Ok(Arc::clone(&snapshot)));
        let unreadable = || Some(Err(Unreadable::TooLarge));
        for (case, role, event, at, want) in [
            ("data come", waiting(), seen(Some("b"), readable()), now, following()),
            ("no data yet", waiting(), seen(Some("b"), None), now, waiting()),
            ("still time", waiting(), Event::Passed, now, waiting()),
            ("too late", waiting(), Event::Passed, later, Role::Alone),
            ("nonsense", waiting(), seen(Some("b"), unreadable()), now, Role::Alone),
            ("data after all", Role::Alone, seen(Some("b"), readable()), now, following()),
            ("still nothing", Role::Alone, seen(None, None), now, Role::Alone),
            ("the leader went", following(), seen(None, None), now, waiting()),
            ("turned bad", following(), seen(Some("b"), unreadable()), now, Role::Alone),
            ("elected", following(), Event::Elected("a".to_owned()), now, leading()),
            ("our own data", leading(), seen(Some("a"), readable()), now, leading()),
            ("another leads", leading(), seen(Some("b"), readable()), now, following()),
            ("lock deleted", leading(), seen(None, None), now, waiting()),
            ("session gone", leading(), Event::Deposed, now, waiting()),
            ("not ours to lose", following(), Event::Deposed, now, following()),
        ] {
            assert_eq!(role.on(event, at, PATIENCE), want, "{case}");
        }
    }

    #[test]
    fn what_is_the_same_for_everybody_is_shared() {
        let (scope, partition) = (Scope::default, || None);
        let near = |node: &str| Some(node.to_owned());
        let key = || KeyPath { path: "a".to_owned(), scope: scope() };
        let instances =
            |near| Dependency::Instances(Instances { near, ..Instances::passing("web", None) });
        for (dependency, want) in [
            (Dependency::Key(key()), true),
            (Dependency::Keys(key()), true),
            (instances(None), true),
            (instances(near("n1")), true),
            (instances(near("_agent")), false),
            (Dependency::Services { scope: scope() }, true),
            (Dependency::Nodes { scope: scope(), near: None }, true),
            (Dependency::Nodes { scope: scope(), near: near("_agent") }, false),
            (Dependency::Datacenters { reachable: true }, true),
            (Dependency::Partitions, true),
            (Dependency::ExportedServices { partition: partition() }, true),
            (Dependency::ImportedServices { partition: partition() }, true),
            (Dependency::Node { name: near("n1"), scope: scope() }, false),
            (Dependency::Peerings { partition: partition() }, false),
            (Dependency::CaRoots, false),
            (Dependency::CaLeaf("web".to_owned()), false),
            (Dependency::File("/a".into()), false),
        ] {
            assert_eq!(is_shared(&dependency), want, "{dependency}");
        }
    }

    #[test]
    fn consul_is_asked_for_what_nobody_else_says() {
        let here = Dependency::Datacenters { reachable: false };
        let lacking = Dependency::Datacenters { reachable: true };
        let near = Instances { near: Some("_agent".to_owned()), ..Instances::passing("web", None) };
        let near = Dependency::Instances(near);
        let snapshot = Snapshot::from([(here.to_string(), crate::data::Data::Datacenters(vec![]))]);
        let following = Role::Following(Arc::new(snapshot));
        for (role, want) in [
            (following, [false, true, true]),
            (Role::waiting(Instant::now(), PATIENCE), [false, false, true]),
            (Role::Alone, [true; 3]),
            (Role::Leading { session: "a".to_owned() }, [true; 3]),
        ] {
            let asked = [&here, &lacking, &near].map(|dependency| role.asks(dependency));
            assert_eq!(asked, want, "{role:?}");
        }
    }
}
