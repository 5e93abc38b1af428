//! What to write so that the agent has what it should have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::service::{Actual, Owner, Ownership, Registration, ServiceId, mark};

/// The difference between what should be and what is. Holds nothing that is not ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be written.
    pub register: BTreeMap<ServiceId, Write>,
    /// To be removed, by the id the agent knows.
    pub deregister: BTreeMap<String, Registration>,
    /// How many are as they should be.
    pub keep: usize,
    /// Wanted, but the agent has a service of this id that is not ours: its owner, if it is marked.
    pub taken: BTreeMap<ServiceId, Option<String>>,
}

/// A service to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// As it should be.
    pub registration: Registration,
    /// What is different from what the agent has; `None` when it has none.
    pub changes: Option<Vec<Change>>,
}

/// A difference, in the words of the dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which field.
    pub field: &'static str,
    /// On the agent.
    pub from: String,
    /// As it should be.
    pub to: String,
}

/// Compares what should be with what is.
pub fn plan(
    desired: &BTreeMap<ServiceId, Registration>,
    actual: &BTreeMap<String, Actual>,
    ownership: &Ownership,
) -> Plan {
    let mut plan = Plan::default();
    let mut wanted = BTreeSet::new();
    for (id, registration) in desired {
        let text = id.to_string();
        plan.want(
            id,
            registration,
            actual.get(&text).map(|found| (found, ownership.of(&text, found))),
        );
        wanted.insert(text);
    }
    for (id, found) in actual {
        if !wanted.contains(id) && ownership.of(id, found) == Owner::Ours {
            plan.deregister.insert(id.clone(), found.registration.clone());
        }
    }
    plan
}

impl Plan {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.register.is_empty() && self.deregister.is_empty()
    }

    fn want(&mut self, id: &ServiceId, wanted: &Registration, found: Option<(&Actual, Owner)>) {
        let changes = match found {
            None => None,
            Some((found, Owner::Ours)) => Some(changes(wanted, found)),
            Some((_, Owner::Other(owner))) => {
                self.taken.insert(id.clone(), Some(owner));
                return;
            }
            Some((_, Owner::Nobody)) => {
                self.taken.insert(id.clone(), None);
                return;
            }
        };
        if changes.as_ref().is_some_and(Vec::is_empty) {
            self.keep += 1;
        } else {
            let write = Write { registration: wanted.clone(), changes };
            self.register.insert(id.clone(), write);
        }
    }
}

fn changes(wanted: &Registration, found: &Actual) -> Vec<Change> {
    let is = &found.registration;
    let check = |present: bool| if present { "present" } else { "missing" }.to_owned();
    let endpoint = |service: &Registration| format!("{}:{}", service.address, service.port);
    let rows = [
        ("name", is.name.clone(), wanted.name.clone()),
        ("tags", is.tags.join(","), wanted.tags.join(",")),
        ("meta", meta_text(is), meta_text(wanted)),
        ("endpoint", endpoint(is), endpoint(wanted)),
        // A definition cannot be compared, only its text in the metadata; but a check that was taken away shows.
        ("check", check(found.has_check || wanted.check.is_none()), check(true)),
    ];
    let mut changes: Vec<_> = rows
        .into_iter()
        .filter(|(_, from, to)| from != to)
        .map(|(field, from, to)| Change { field, from, to })
        .collect();
    // A comma within a tag can make two different lists look alike.
    if is.tags != wanted.tags && !changes.iter().any(|change| change.field == "tags") {
        let (from, to) = (format!("{:?}", is.tags), format!("{:?}", wanted.tags));
        changes.push(Change { field: "tags", from, to });
    }
    changes
}

fn meta_text(service: &Registration) -> String {
    let pairs: Vec<_> =
        service.meta.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    pairs.join(" ")
}

impl fmt::Display for Plan {
    /// One line for each service, then one for each changed field, then the sum.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, service) in &self.deregister {
            writeln!(f, "- {id}  {}", Line(service))?;
        }
        for (id, write) in &self.register {
            let sign = if write.changes.is_some() { '~' } else { '+' };
            writeln!(f, "{sign} {id}  {}", Line(&write.registration))?;
            for Change { field, from, to } in write.changes.iter().flatten() {
                writeln!(f, "    {field}: {from} -> {to}")?;
            }
        }
        let new = self.register.values().filter(|write| write.changes.is_none()).count();
        let changed = self.register.len() - new;
        let (gone, keep) = (self.deregister.len(), self.keep);
        write!(f, "{new} to register, {changed} to change, {gone} to deregister, {keep} unchanged")
    }
}

struct Line<'a>(&'a Registration);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Registration { name, tags, address, port, .. } = self.0;
        write!(f, "{name} at {address}:{port}")?;
        if !tags.is_empty() {
            write!(f, " tagged {}", tags.join(","))?;
        }
        match self.0.meta(mark::CHECK) {
            Some(check) => write!(f, " checked by {check}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
