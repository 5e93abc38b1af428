//! Which way every question is watched (pure).
//!
//! | what | way |
//! | --- | --- |
//! | all questions fit into the limit | direct: a blocking query each |
//! | more, and Consul says by itself what has changed | a signal, and reads of what it names |
//! | more, and it does not (keys, the mesh, peers) | direct first; what does not fit is read by the clock |
//! | files | direct: they take no connection |
//!
//! Signals are blocking queries too. Where the nodes are few, each node has two, on its checks and on its services: they
//! name the services that changed. Otherwise two on the whole catalog tell that something changed, and everything is
//! read. A third follows the nodes. As far as the limit goes services are watched directly; one eighth of it stays free for
//! reads. Those that are direct already come first: Consul 1.8 counts a blocking query that was given up until it
//! would have answered.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::source;
use crate::dependency::{Dependency, Scope};

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
    let share = demand.limit / 2 / scopes.len().max(1);
    let signals: BTreeSet<Signal> =
        scopes.into_iter().flat_map(|scope| signals(scope, demand, share)).collect();
    let kept_free = (demand.limit / 8).max(1);
    // Until the nodes are known, there is room for theirs.
    let is_known = signals.iter().all(|it| demand.nodes.contains_key(&it.scope));
    let for_signals = if is_known { signals.len() } else { signals.len().max(demand.limit / 2) };
    let slots = demand.limit.saturating_sub(kept_free + for_signals);
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
    match demand.nodes.get(scope) {
        None => {}
        Some(nodes) if 2 * nodes.len() < share => {
            kinds.extend(nodes.iter().cloned().map(Kind::ChecksOf));
            kinds.extend(nodes.iter().cloned().map(Kind::ServicesOf));
        }
        Some(_) => kinds.extend([Kind::Checks, Kind::Services]),
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

    fn planned(sources: &[Dependency], nodes: usize, changed: &[&Dependency]) -> Plan {
        let changed = changed.iter().zip(1..).map(|(it, at)| (Dependency::clone(it), at)).collect();
        let nodes = (0..nodes).map(|n| format!("n{n}")).collect();
        plan(&Demand {
            sources: sources.iter().collect(),
            limit: 80,
            changed: &changed,
            nodes: &BTreeMap::from([(Scope::default(), nodes)]),
        })
    }

    #[test]
    fn the_table() {
        for (count, nodes, direct, read, signals) in [
            (0, 5, 0, 0, 0),
            (80, 5, 80, 0, 0),
            // 80 less 10 for reads, less the signals: one for the nodes, and two a node or two for all.
            (81, 5, 59, 22, 11),
            (1000, 19, 31, 969, 39),
            (1000, 20, 67, 933, 3),
        ] {
            let plan = planned(&services(count), nodes, &[]);
            let got = (plan.direct.len(), plan.read.len(), plan.signals.len());
            assert_eq!(got, (direct, read, signals), "{count} services on {nodes} nodes");
        }
    }

    #[test]
    fn what_no_signal_tells_of_and_what_changed_last_is_direct() {
        let key = Dependency::Key(KeyPath::parse("kv.get", "a").unwrap());
        let file = Dependency::File("/f".into());
        let mut sources = services(100);
        let [last, other] = [99, 98].map(|n| sources[n].clone());
        sources.extend([key.clone(), file.clone()]);
        let plan = planned(&sources, 20, &[&other, &last]);
        for it in [&key, &file, &last, &other] {
            assert!(plan.direct.contains(it), "{it}");
        }
        assert_eq!(plan.direct.len() + plan.read.len(), 102);
        // The file takes no connection.
        assert_eq!(plan.direct.len(), 68);
    }
}
