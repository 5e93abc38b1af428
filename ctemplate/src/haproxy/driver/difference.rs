//! Whether one file can follow another without a reload (pure).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::configuration::{Configuration, Place, Section};

/// Why a HAProxy that runs `loaded` has to load `wanted`; none when only servers differ that can be told to it. `resting`
/// are the words of servers that are no longer in the file, but still in the process.
pub fn reload_reason(
    loaded: &Configuration,
    wanted: &Configuration,
    resting: &BTreeMap<Place, Vec<String>>,
) -> Option<String> {
    let (old, new) = (loaded.sections(), wanted.sections());
    let is_like = |(old, new): (&Arc<Section>, &Arc<Section>)| {
        Arc::ptr_eq(old, new) || old.heading == new.heading
    };
    if old.len() != new.len() || !old.iter().zip(new).all(is_like) {
        return Some(of_headings(old, new));
    }
    let mut changed = old.iter().zip(new).filter(|(old, new)| !Arc::ptr_eq(old, new));
    changed.find_map(|(old, new)| of_section(old, new, resting))
}

/// The names of the sections that both have, with other servers.
pub fn changed_backends(loaded: &Configuration, wanted: &Configuration) -> BTreeSet<String> {
    let old = loaded.backends();
    let is_changed = |name, new: &Section| {
        old.get(name).is_some_and(|old| !std::ptr::eq(*old, new) && old.servers != new.servers)
    };
    let changed = wanted.backends().into_iter().filter(|(name, new)| is_changed(*name, new));
    changed.map(|(name, _)| name.to_owned()).collect()
}

fn of_headings(old: &[Arc<Section>], new: &[Arc<Section>]) -> String {
    let missing = |from: &[Arc<Section>], others: &[Arc<Section>]| {
        let others: BTreeSet<_> = others.iter().map(|it| &it.heading).collect();
        let missing = from.iter().find(|section| !others.contains(&section.heading));
        missing.map(|section| section.heading.join(" "))
    };
    match (missing(new, old), missing(old, new)) {
        (Some(heading), _) => format!("{heading} is new"),
        (None, Some(heading)) => format!("{heading} is gone"),
        (None, None) => "the sections have another order".to_owned(),
    }
}

fn of_section(
    old: &Section,
    new: &Section,
    resting: &BTreeMap<Place, Vec<String>>,
) -> Option<String> {
    let heading = new.heading.join(" ");
    if old.lines != new.lines {
        let missing = |from: &Section, other: &Section| {
            from.lines.iter().find(|line| !other.lines.contains(line)).map(|line| start(line))
        };
        return Some(match (missing(new, old), missing(old, new)) {
            (Some(line), _) => format!("{heading}: '{line}' is new"),
            (None, Some(line)) => format!("{heading}: '{line}' is gone"),
            (None, None) => format!("{heading}: its lines have another order"),
        });
    }
    let backend = new.backend()?;
    let changed = new.servers.iter().find(|(name, server)| {
        let place = || Place { backend: backend.to_owned(), name: (*name).clone() };
        let known = old.servers.get(*name).map(|it| &it.keywords);
        known.or_else(|| resting.get(&place())).is_some_and(|known| *known != server.keywords)
    });
    changed.map(|(name, _)| format!("{heading}: server {name} has other settings"))
}

/// The first two words of a line: what follows may be a password.
fn start(line: &[String]) -> String {
    match line {
        [first, second, _, ..] => format!("{first} {second} …"),
        line => line.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "global\n maxconn 10\nfrontend f\n bind :80\n default_backend b\nbackend b\n balance first\n server s 1.1.1.1:1 check weight 1\n server t 1.1.1.1:2 check\n";

    fn reason(old: &str, new: &str) -> Option<String> {
        reload_reason(&Configuration::parse(old), &Configuration::parse(new), &BTreeMap::new())
    }

    #[test]
    fn only_what_servers_can_be_told_needs_no_reload() {
        for (from, to, want) in [
            ("maxconn", "maxconn", None),
            (" maxconn 10", "\n  maxconn   10 # ten\n", None),
            ("1.1.1.1:1", "2.2.2.2:1", None),
            ("weight 1", "weight 7", None),
            ("weight 1", "weight 1 disabled", None),
            (" server t 1.1.1.1:2 check\n", "", None),
            (" server t 1.1.1.1:2 check\n", " server u 1.1.1.1:2 backup\n", None),
            ("server t 1.1.1.1:2", "server t host:2", Some("'server t …' is new")),
            ("maxconn 10", "maxconn 11", Some("global: 'maxconn 11' is new")),
            (" bind :80\n", "", Some("frontend f: 'bind :80' is gone")),
            ("check weight 1", "check backup weight 1", Some("server s has other settings")),
            (
                "balance first\n",
                "default-server inter 1s\n balance first\n",
                Some("'default-server inter …' is new"),
            ),
            ("backend b\n", "backend c\n", Some("backend c is new")),
            ("frontend f\n bind :80\n default_backend b\n", "", Some("frontend f is gone")),
            (
                " bind :80\n default_backend b\n",
                " default_backend b\n bind :80\n",
                Some("another order"),
            ),
        ] {
            let new = OLD.replace(from, to);
            let got = reason(OLD, &new);
            assert_eq!(got.is_some(), want.is_some(), "{new}\n{got:?}");
            assert!(want.is_none_or(|want| got.clone().unwrap().contains(want)), "{got:?}");
        }
    }

    #[test]
    fn names_whose_servers_have_changed() {
        let loaded = Configuration::parse(OLD);
        for (from, to, want) in [
            ("maxconn 10", "maxconn 11", ""),
            ("weight 1", "weight 1 # one", ""),
            ("weight 1", "weight 2", "b"),
            (" server t 1.1.1.1:2 check\n", "", "b"),
            ("backend b", "backend c", ""),
        ] {
            let wanted = Configuration::parse_after(&OLD.replace(from, to), &loaded);
            let names: Vec<_> = changed_backends(&loaded, &wanted).into_iter().collect();
            assert_eq!(names.join(" "), want, "{from} -> {to}");
        }
    }

    #[test]
    fn a_server_that_comes_back_otherwise_before_it_was_deleted_needs_one() {
        let gone = Configuration::parse(&OLD.replace(" server t 1.1.1.1:2 check\n", ""));
        let place = Place { backend: "b".to_owned(), name: "t".to_owned() };
        for (keywords, want) in [("check", false), ("backup", true)] {
            let resting = BTreeMap::from([(place.clone(), vec![keywords.to_owned()])]);
            let reason = reload_reason(&gone, &Configuration::parse(OLD), &resting);
            assert_eq!(reason.is_some(), want, "{reason:?}");
        }
    }
}
