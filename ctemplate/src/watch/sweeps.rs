//! The looks at nodes that have no signal of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use consul::Index;
use tokio::task::AbortHandle;

use super::plan::{Kind, Signal};
use super::signal::{News, Visit};
use super::sweep::Sweep;
use crate::dependency::Scope;

/// The looks to take, and what is known that makes them cheap.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    /// All that are ever taken.
    covered: BTreeSet<Signal>,
    checks: Sweep,
    services: Sweep,
    tasks: BTreeMap<Signal, Task>,
    scopes: BTreeMap<Scope, Known>,
}

#[derive(Debug)]
struct Task {
    handle: AbortHandle,
    /// What the signal on all services had said when it began.
    after: Option<Index>,
}

/// What the services of nodes had as indexes.
#[derive(Debug, Default)]
struct Known {
    /// All of them.
    catalog: Option<Index>,
    nodes: BTreeMap<Signal, Index>,
    /// Whether each node has one of its own. One that is older than what the signal on all services had said before cannot be
    /// that of all.
    is_by_node: bool,
}

impl Sweeps {
    /// From now on these are taken, each once to begin with.
    pub(super) fn cover(&mut self, covered: BTreeSet<Signal>, now: Instant) {
        if covered == self.covered {
            return;
        }
        let new: Vec<_> = covered.difference(&self.covered).cloned().collect();
        for look in new {
            self.sweep_of(&look).insert(look, now);
        }
        for sweep in [&mut self.checks, &mut self.services] {
            for gone in sweep.retain(|it| covered.contains(it), now) {
                if let Some(task) = self.tasks.remove(&gone) {
                    task.handle.abort();
                }
            }
        }
        for (scope, known) in &mut self.scopes {
            known.nodes.retain(|it, _| it.scope == *scope && covered.contains(it));
        }
        self.scopes.retain(|scope, _| covered.iter().any(|it| it.scope == *scope));
        self.covered = covered;
    }

    /// What a signal tells of is to be looked at.
    pub(super) fn heard(&mut self, signal: &Signal, news: &News, now: Instant) {
        if news.is_everything {
            self.scopes.remove(&signal.scope);
        }
        if signal.kind == Kind::Services {
            self.scopes.entry(signal.scope.clone()).or_default().catalog = news.index;
        }
        let is_told = |look: &&Signal| {
            look.scope == signal.scope && look.kind.of_all().as_ref() == Some(&signal.kind)
        };
        let told: Vec<_> = self.covered.iter().filter(is_told).cloned().collect();
        for look in told {
            self.sweep_of(&look).insert(look, now);
        }
    }

    /// The next one; it has to be started.
    pub(super) fn next(&mut self, now: Instant) -> Option<Visit> {
        let at = self.checks.next(now).or_else(|| self.services.next(now))?;
        let known = self.scopes.get(&at.scope).filter(|known| known.is_by_node);
        let last = known.and_then(|known| known.nodes.get(&at)).copied();
        Some(Visit { at, last })
    }

    pub(super) fn started(&mut self, at: Signal, handle: AbortHandle) {
        let after = self.scopes.get(&at.scope).and_then(|known| known.catalog);
        self.tasks.insert(at, Task { handle, after });
    }

    /// A look was taken. False when nobody wants to know.
    pub(super) fn visited(&mut self, at: &Signal, index: Option<Index>, now: Instant) -> bool {
        let Some(task) = self.tasks.remove(at) else { return false };
        self.sweep_of(at).done(at, now);
        if let (Kind::ServicesOf(_), Some(index)) = (&at.kind, index)
            && let Some(known) = self.scopes.get_mut(&at.scope)
        {
            known.is_by_node |= task.after.is_some_and(|after| index < after);
            known.nodes.insert(at.clone(), index);
        }
        true
    }

    /// When something may begin that only waits for that.
    pub(super) fn pause_ends(&self, now: Instant) -> Option<Instant> {
        let ends = [&self.checks, &self.services].into_iter().filter_map(|it| it.pause_ends(now));
        ends.min()
    }

    /// Whether they have waited for long.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.checks.is_overdue(now) || self.services.is_overdue(now)
    }

    /// How many are not done.
    pub(super) fn len(&self) -> usize {
        self.checks.len() + self.services.len()
    }

    /// How many are under way.
    pub(super) fn under_way(&self) -> usize {
        self.tasks.len()
    }

    fn sweep_of(&mut self, look: &Signal) -> &mut Sweep {
        if matches!(look.kind, Kind::ChecksOf(_)) { &mut self.checks } else { &mut self.services }
    }
}

impl Drop for Sweeps {
    fn drop(&mut self) {
        self.tasks.values().for_each(|task| task.handle.abort());
    }
}

/// The looks to take: those at nodes without a signal of their own, where there is one on the whole catalog.
pub(super) fn covered(
    signals: &BTreeSet<Signal>,
    nodes: &BTreeMap<Scope, BTreeSet<String>>,
) -> BTreeSet<Signal> {
    let mut covered = BTreeSet::new();
    for (scope, nodes) in nodes {
        let has =
            |kind: &Kind| signals.contains(&Signal { scope: scope.clone(), kind: kind.clone() });
        let each = nodes
            .iter()
            .flat_map(|node| [Kind::ChecksOf(node.clone()), Kind::ServicesOf(node.clone())]);
        let looks = each.filter(|kind| !has(kind) && kind.of_all().is_some_and(|all| has(&all)));
        covered.extend(looks.map(|kind| Signal { scope: scope.clone(), kind }));
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(kind: Kind) -> Signal {
        Signal { scope: Scope::default(), kind }
    }

    fn of(node: &str) -> Signal {
        signal(Kind::ServicesOf(node.to_owned()))
    }

    fn news(index: u64, is_everything: bool) -> News {
        News { look: None, index: Index::new(index), is_everything }
    }

    #[test]
    fn covers_what_has_no_signal_of_its_own() {
        let kinds =
            [Kind::Nodes, Kind::Services, Kind::ChecksOf("a".into()), Kind::ServicesOf("a".into())];
        let signals = kinds.map(signal).into();
        let nodes = ["a", "b"].map(str::to_owned).into();
        let nodes = BTreeMap::from([(Scope::default(), nodes)]);
        assert_eq!(covered(&signals, &nodes), [of("b")].into());
        assert_eq!(covered(&[signal(Kind::Nodes)].into(), &nodes), [].into());
    }

    /// Takes all looks, which find these indexes, and gives back what each was told to compare with.
    fn go(sweeps: &mut Sweeps, now: Instant, found: &[(&str, u64)]) -> Vec<Option<u64>> {
        let mut last = Vec::new();
        for (node, index) in found {
            let visit = sweeps.next(now).unwrap();
            assert_eq!(visit.at, of(node));
            last.push(visit.last.map(Index::get));
            sweeps.started(visit.at, tokio::spawn(async {}).abort_handle());
            assert!(sweeps.visited(&of(node), Index::new(*index), now));
            assert!(!sweeps.visited(&of(node), Index::new(*index), now));
        }
        assert!(sweeps.next(now).is_none());
        last
    }

    #[tokio::test]
    async fn compares_indexes_only_where_each_node_has_its_own() {
        let now = Instant::now();
        for (found, is_compared) in [(9, true), (10, false), (11, false)] {
            let mut sweeps = Sweeps::default();
            sweeps.heard(&signal(Kind::Services), &news(10, false), now);
            sweeps.cover([of("a"), of("b")].into(), now);
            assert_eq!(go(&mut sweeps, now, &[("a", 10), ("b", found)]), [None, None]);
            sweeps.heard(&signal(Kind::Services), &news(20, false), now);
            let last = [10, found].map(|index| Some(index).filter(|_| is_compared));
            assert_eq!(go(&mut sweeps, now, &[("a", 20), ("b", found)]), last, "{found}");
            // Consul may be another one.
            sweeps.heard(&signal(Kind::Nodes), &news(30, true), now);
            sweeps.heard(&signal(Kind::Services), &news(30, false), now);
            assert_eq!(go(&mut sweeps, now, &[("a", 30), ("b", 30)]), [None, None]);
        }
    }
}
