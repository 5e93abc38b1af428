//! What is asked of Consul for a dependency (pure): variants of a service's instances share one question.
//!
//! A question is written as the dependency that it answers in full: `health.service(web|any)` for `production.web` and
//! `web|passing`. Consul would leave out tags and states for us, with one blocking query each; all of them wake for the
//! same changes.

use std::collections::BTreeSet;

use crate::data::Data;
use crate::data::answer::ServiceEntry;
use crate::dependency::{Dependency, Instances, Status};

/// What Consul said to a question.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Every instance of a service.
    Entries(Vec<ServiceEntry>),
    /// The value of the one dependency that asks so.
    Data(Data),
}

/// The question for a dependency.
pub(super) fn of(dependency: &Dependency) -> Dependency {
    match dependency {
        Dependency::Instances(wanted) if is_shared(wanted) => Dependency::Instances(Instances {
            tag: None,
            statuses: BTreeSet::from([Status::Any]),
            ..wanted.clone()
        }),
        other => other.clone(),
    }
}

/// Whether all variants can be told from the instances themselves. The mesh has rules of its own; an order by distance
/// belongs to one asker.
pub(super) const fn is_shared(wanted: &Instances) -> bool {
    !wanted.connect && wanted.near.is_none()
}

/// The values of the variants.
pub(super) fn split(content: Content, variants: &[Dependency]) -> Vec<(Dependency, Data)> {
    match content {
        Content::Data(data) => {
            variants.first().map(|only| (only.clone(), data)).into_iter().collect()
        }
        Content::Entries(entries) => variants
            .iter()
            .filter_map(|variant| match variant {
                Dependency::Instances(wanted) => {
                    let chosen = entries.iter().filter(|entry| has_tag(entry, wanted));
                    Some((variant.clone(), Data::instances(wanted, chosen.cloned().collect())))
                }
                _ => None,
            })
            .collect(),
    }
}

fn has_tag(entry: &ServiceEntry, wanted: &Instances) -> bool {
    let Some(tag) = &wanted.tag else { return true };
    entry.service.tags.iter().flatten().any(|it| lower(it).eq(lower(tag)))
}

/// As Go lowers letters, by which Consul compares names and tags: each becomes one letter.
pub(super) fn lower(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter_map(|letter| letter.to_lowercase().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::answer::{Check, Service};

    fn dependency(text: &str) -> Dependency {
        Dependency::Instances(Instances::parse(text).unwrap())
    }

    fn entry(id: &str, tags: &[&str], status: &str) -> ServiceEntry {
        let service = Service {
            id: id.to_owned(),
            tags: Some(tags.iter().map(ToString::to_string).collect()),
            ..Service::default()
        };
        let check = Check { status: status.to_owned(), ..Check::default() };
        ServiceEntry { service, checks: Some(vec![check]), ..ServiceEntry::default() }
    }

    #[test]
    fn variants_of_a_service_ask_the_same() {
        for text in ["web", "production.web", "web|any", "web|warning,critical"] {
            assert_eq!(of(&dependency(text)), dependency("web|any"), "{text}");
        }
        for text in ["web@dc2|any", "web~_agent", "db|any"] {
            assert_eq!(of(&dependency(text)), dependency(text), "{text}");
        }
    }

    #[test]
    fn each_variant_gets_its_instances() {
        let entries = vec![
            entry("1", &["Blue", "x"], "passing"),
            entry("2", &["blue"], "critical"),
            entry("3", &["green"], "warning"),
            entry("4", &["BL\u{dc}"], "passing"),
        ];
        for (text, want) in [
            ("web", "14"),
            ("web|any", "1234"),
            ("blue.web", "1"),
            ("BLUE.web|any", "12"),
            ("web|critical,warning", "23"),
            ("green.web", ""),
            ("blu.web|any", ""),
        ] {
            let variants = [dependency(text)];
            let content = Content::Entries(entries.clone());
            let values = split(content, &variants);
            let Some((_, Data::Instances(instances))) = values.first() else { panic!() };
            let ids: String = instances.iter().map(|it| it.id.as_str()).collect();
            assert_eq!(ids, want, "{text}");
        }
    }
}
