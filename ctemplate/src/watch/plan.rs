//! Which way every question is watched (pure).
//!
//! | what | way |
//! | --- | --- |
//! | all questions fit into the limit | direct: a blocking query each |
//! | more, and Consul says by itself what has changed | signals, and reads of what they tell of |
//! | more, and it does not (keys, the mesh, peers) | direct first; what does not fit is read by the clock |
//! | files | direct: they take no connection |
//!
//! Signals are blocking queries too. One follows the nodes. What else there are depends on how many nodes there is room for:
//!
//! | room for | signals | the rest |
//! | --- | --- | --- |
//! | two a node | on each node's checks and on its services | none |
//! | one a node | on each node's checks, on all services, on some nodes' services | looks at the services of the other nodes |
//! | fewer | on all checks, on all services, on some nodes' checks | looks at checks and services of the other nodes |
//!
//! A signal of a node brings what is there, and so tells which services to read. One on the whole catalog tells
//! only that something has changed; then the nodes without one of their own are looked at, one after the other, and only
//! the services that are not as they were read are read again. Checks come first because most changes show in them:
//! whatever is registered or removed mostly has some. Where a node's services have an index of their own (Consul 1.19, not 1.8)
//! a look at a node that is as it was costs a few bytes.
//!
//! Rejected, as measured with 10,000 instances: `health/state/any` in one answer is 5 MB, and takes Consul 100 ms; the answers
//! about single services with a filter that leaves only their index take it half a millisecond each; `internal/ui/node`
//! has checks and services in one answer, but belongs to no documented interface.
//!
//! As far as the limit goes services are watched directly; one eighth of it stays free for reads and looks. Those that
//! are direct already come first: Consul 1.8 counts a blocking query that was given up until it would have answered. Later
//! ones do so except with services. For the same reason it is always the same nodes that have signals.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::source;
use crate::dependency::{Dependency, Scope};

/// So many requests are kept free for reads and looks under a small limit, of which they are at most a half.
const FREE: usize = 4;

/// What there is to plan for.
#[derive(Debug)]
pub(super) struct Demand<'a> {
    /// The questions.
    pub(super) sources: BTreeSet<&'a Dependency>,
    /// How many requests may be open.
    pub(super) limit: usize,
    /// When questions that are direct last had another answer: a count that grows.
    pub(super) changed: &'a BTreeMap<Dependency, u64>,
    /// The nodes, where they are known.
    pub(super) nodes: &'a BTreeMap<Scope, BTreeSet<String>>,
}

/// Which way every question is watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// With a blocking query each.
    pub(super) direct: BTreeSet<Dependency>,
    /// Read when a signal or the clock says so.
    pub(super) read: BTreeSet<Dependency>,
    /// What says so.
    pub(super) signals: BTreeSet<Signal>,
}

/// A blocking query that tells what to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Signal {
    /// Where.
    pub(super) scope: Scope,
    /// On what.
    pub(super) kind: Kind,
}

/// What a signal is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The nodes themselves.
    Nodes,
    /// All checks.
    Checks,
    /// All services.
    Services,
    /// The checks of a node.
    ChecksOf(String),
    /// The services of a node.
    ServicesOf(String),
}

impl Kind {
    /// What tells of the same for all nodes, where this is about one.
    pub(super) const fn of_all(&self) -> Option<Self> {
        match self {
            Self::ChecksOf(_) => Some(Self::Checks),
            Self::ServicesOf(_) => Some(Self::Services),
            Self::Nodes | Self::Checks | Self::Services => None,
        }
    }
}

impl Signal {
    /// Whether its first answer is as large as those of the services that it tells of.
    pub(super) const fn is_large(&self) -> bool {
        matches!(self.kind, Kind::ChecksOf(_) | Kind::ServicesOf(_))
    }
}

/// Plans.
pub(super) fn plan(demand: &Demand<'_>) -> Plan {
    let (mut files, mut ranked): (Vec<&Dependency>, Vec<_>) =
        demand.sources.iter().partition(|it| matches!(it, Dependency::File(_)));
    if ranked.len() <= demand.limit {
        files.append(&mut ranked);
        return Plan { direct: files.into_iter().cloned().collect(), ..Plan::default() };
    }
    // Only the question about instances has a scope whose signals tell of its changes.
    ranked.sort_by_key(|it| (signalled(it).is_some(), Reverse(demand.changed.get(*it))));
    let scopes: BTreeSet<&Scope> = ranked.iter().copied().filter_map(signalled).collect();
    let half = demand.limit / 2;
    let usable = demand.limit - (demand.limit / 8).max(FREE).min(half);
    let unsignalled = ranked.iter().filter(|it| signalled(it).is_none()).count();
    let share = usable.saturating_sub(unsignalled).max(half);
    let share_of_scope = share / scopes.len().max(1);
    let signals: BTreeSet<Signal> =
        scopes.into_iter().flat_map(|scope| signals(scope, demand, share_of_scope)).collect();
    // Until the nodes are known, there is room for theirs.
    let is_known = signals.iter().all(|it| demand.nodes.contains_key(&it.scope));
    let for_signals = if is_known { signals.len() } else { signals.len().max(share) };
    let slots = usable.saturating_sub(for_signals);
    let read = ranked.split_off(slots.min(ranked.len()));
    Plan {
        direct: ranked.into_iter().chain(files).cloned().collect(),
        read: read.into_iter().cloned().collect(),
        signals,
    }
}

/// Where signals tell of changes of a question's answer.
pub(super) const fn signalled(source: &Dependency) -> Option<&Scope> {
    match source {
        Dependency::Instances(wanted)
            if source::is_shared(wanted)
                && wanted.scope.tenancy.peer.is_none()
                && wanted.scope.tenancy.sameness_group.is_none() =>
        {
            Some(&wanted.scope)
        }
        _ => None,
    }
}

fn signals(scope: &Scope, demand: &Demand<'_>, share: usize) -> Vec<Signal> {
    let mut kinds = vec![Kind::Nodes];
    if let Some(nodes) = demand.nodes.get(scope) {
        let of_nodes = nodes.iter().cloned().map(Kind::ChecksOf);
        let of_nodes = of_nodes.chain(nodes.iter().cloned().map(Kind::ServicesOf));
        if 2 * nodes.len() < share {
            kinds.extend(of_nodes);
        } else {
            kinds.push(Kind::Services);
            if kinds.len() + nodes.len() > share {
                kinds.push(Kind::Checks);
            }
            kinds.extend(of_nodes.take(share.saturating_sub(kinds.len())));
        }
    }
    kinds.into_iter().map(|kind| Signal { scope: scope.clone(), kind }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependency::{Instances, KeyPath};

    fn services(count: usize) -> Vec<Dependency> {
        let service = |n| Instances::parse(&format!("s{n:04}|any")).unwrap();
        (0..count).map(|n| Dependency::Instances(service(n))).collect()
    }

    const LIMIT: usize = 80;

    fn planned(
        limit: usize,
        sources: &[Dependency],
        nodes: usize,
        changed: &[&Dependency],
    ) -> Plan {
        let changed = changed.iter().zip(1..).map(|(it, at)| (Dependency::clone(it), at)).collect();
        let nodes = (0..nodes).map(|n| format!("n{n}")).collect();
        plan(&Demand {
            sources: sources.iter().collect(),
            limit,
            changed: &changed,
            nodes: &BTreeMap::from([(Scope::default(), nodes)]),
        })
    }

    #[test]
    fn the_table() {
        for (count, nodes, direct, read, signals) in [
            (0, 5, 0, 0, 0),
            (80, 5, 80, 0, 0),
            // 80 less 10 for reads, less the signals: one for the nodes, and two a node.
            (81, 5, 59, 22, 11),
            (1000, 34, 1, 999, 69),
            // As many as there is room for.
            (1000, 35, 0, 1000, 70),
            (1000, 300, 0, 1000, 70),
        ] {
            let plan = planned(LIMIT, &services(count), nodes, &[]);
            let got = (plan.direct.len(), plan.read.len(), plan.signals.len());
            assert_eq!(got, (direct, read, signals), "{count} services on {nodes} nodes");
        }
    }

    #[test]
    fn more_nodes_than_room() {
        let has = |plan: &Plan, kind| plan.signals.iter().any(|it| it.kind == kind);
        for (nodes, of_checks, of_services, has_checks, has_services) in [
            (34, 34, 34, false, false),
            (35, 35, 33, false, true),
            (68, 68, 0, false, true),
            (69, 67, 0, true, true),
            (300, 67, 0, true, true),
        ] {
            let plan = planned(LIMIT, &services(1000), nodes, &[]);
            let count =
                |is: fn(&Kind) -> bool| plan.signals.iter().filter(|it| is(&it.kind)).count();
            assert_eq!(count(|it| matches!(it, Kind::ChecksOf(_))), of_checks, "{nodes}");
            assert_eq!(count(|it| matches!(it, Kind::ServicesOf(_))), of_services, "{nodes}");
            assert_eq!(has(&plan, Kind::Checks), has_checks, "{nodes}");
            assert_eq!(has(&plan, Kind::Services), has_services, "{nodes}");
        }
    }

    #[test]
    fn a_small_limit_leaves_room_for_reads() {
        for (limit, direct, signals) in
            [(4, 0, 3), (6, 0, 3), (8, 0, 4), (12, 0, 8), (16, 1, 11), (32, 17, 11), (40, 24, 11)]
        {
            let plan = planned(limit, &services(100), 5, &[]);
            let got = (plan.direct.len(), plan.signals.len());
            assert_eq!(got, (direct, signals), "{limit}");
        }
    }

    #[test]
    fn a_half_is_for_signals_whatever_else_there_is() {
        let mut sources = services(1000);
        for n in 0..60 {
            let key = KeyPath::parse("kv.get", &format!("k{n}")).unwrap();
            sources.push(Dependency::Key(key));
        }
        let plan = planned(LIMIT, &sources, 300, &[]);
        assert_eq!((plan.direct.len(), plan.signals.len()), (30, 40));
    }

    #[test]
    fn what_no_signal_tells_of_and_what_changed_last_is_direct() {
        let key = Dependency::Key(KeyPath::parse("kv.get", "a").unwrap());
        let file = Dependency::File("/f".into());
        let mut sources = services(100);
        let [last, other] = [99, 98].map(|n| sources[n].clone());
        sources.extend([key.clone(), file.clone()]);
        let plan = planned(LIMIT, &sources, 5, &[&other, &last]);
        for it in [&key, &file, &last, &other] {
            assert!(plan.direct.contains(it), "{it}");
        }
        assert_eq!(plan.direct.len() + plan.read.len(), 102);
        // The file takes no connection.
        assert_eq!(plan.direct.len(), 60);
    }
}
