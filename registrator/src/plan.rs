//! What to write so that the agent has what it should have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::service::{Actual, Owner, Ownership, REST, Registration, ServiceId, Services, mark};

/// The difference between what should be and what is. Holds nothing that is not ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be written.
    pub register: BTreeMap<ServiceId, Write>,
    /// To be taken out of rotation for a reason, or put back.
    pub maintenance: BTreeMap<String, Option<String>>,
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
    pub registration: Arc<Registration>,
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
pub fn plan(desired: &Services, actual: &BTreeMap<String, Actual>, ownership: &Ownership) -> Plan {
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
        self.register.is_empty() && self.maintenance.is_empty() && self.deregister.is_empty()
    }

    fn want(
        &mut self,
        id: &ServiceId,
        wanted: &Arc<Registration>,
        found: Option<(&Actual, Owner)>,
    ) {
        let (changes, is_resting) = match found {
            None => (None, None),
            Some((found, Owner::Ours)) => {
                (Some(changes(wanted, found)), found.registration.rest.as_deref())
            }
            Some((_, Owner::Other(owner))) => {
                self.taken.insert(id.clone(), Some(owner));
                return;
            }
            Some((_, Owner::Nobody)) => {
                self.taken.insert(id.clone(), None);
                return;
            }
        };
        let is_same = changes.as_ref().is_some_and(Vec::is_empty);
        // A maintenance of somebody else's is none of our business.
        let foreign = is_resting.filter(|reason| !reason.starts_with(REST));
        let rest = wanted.rest.as_deref().or(foreign);
        // Replacing the checks of a service ends its maintenance.
        if is_resting != rest || (rest.is_some() && !is_same) {
            self.maintenance.insert(id.to_string(), rest.map(str::to_owned));
        } else if is_same {
            self.keep += 1;
        }
        if !is_same {
            let write = Write { registration: Arc::clone(wanted), changes };
            self.register.insert(id.clone(), write);
        }
    }
}

fn changes(wanted: &Registration, found: &Actual) -> Vec<Change> {
    let is = &found.registration;
    let mut changes = Vec::new();
    let mut note = |field, from: String, to: String| changes.push(Change { field, from, to });
    if is.name != wanted.name {
        note("name", is.name.clone(), wanted.name.clone());
    }
    // Tags that others may change are theirs once they are written.
    if is.tags != wanted.tags && !(is.tag_override && wanted.tag_override) {
        let (from, to) = (is.tags.join(","), wanted.tags.join(","));
        // A comma within a tag can make two different lists look alike.
        if from == to {
            note("tags", format!("{:?}", is.tags), format!("{:?}", wanted.tags));
        } else {
            note("tags", from, to);
        }
    }
    if is.meta != wanted.meta {
        note("meta", meta_text(is), meta_text(wanted));
    }
    if (&is.address, is.port) != (&wanted.address, wanted.port) {
        let endpoint = |service: &Registration| format!("{}:{}", service.address, service.port);
        note("endpoint", endpoint(is), endpoint(wanted));
    }
    if is.weights != wanted.weights {
        let weights = |service: &Registration| {
            format!("{}/{}", service.weights.passing, service.weights.warning)
        };
        note("weights", weights(is), weights(wanted));
    }
    if is.tag_override != wanted.tag_override {
        note("tag-override", is.tag_override.to_string(), wanted.tag_override.to_string());
    }
    // A definition cannot be compared, only its text in the metadata; but a check that was taken away shows.
    if !wanted.checks.is_empty() && !found.has_check {
        note("check", "missing".to_owned(), "present".to_owned());
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
        for (id, reason) in &self.maintenance {
            match reason {
                Some(reason) => writeln!(f, "~ {id}  out of rotation: {reason}")?,
                None => writeln!(f, "~ {id}  back in rotation")?,
            }
        }
        let new = self.register.values().filter(|write| write.changes.is_none()).count();
        let changed = self.register.len() - new;
        let (gone, keep) = (self.deregister.len(), self.keep);
        write!(f, "{new} to register, {changed} to change, {gone} to deregister, {keep} unchanged")
    }
}

impl Plan {
    /// For machines.
    pub fn to_json(&self) -> Value {
        let service = |id: &str, service: &Registration| {
            json!({
                "id": id, "name": service.name, "address": service.address, "port": service.port,
                "tags": service.tags, "meta": service.meta,
                "weights": {"passing": service.weights.passing, "warning": service.weights.warning},
                "checks": service.checks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        };
        let written = |is_new: bool| {
            let of_kind = self.register.iter().filter(move |(_, w)| w.changes.is_none() == is_new);
            of_kind.map(move |(id, write)| {
                let mut json = service(&id.to_string(), &write.registration);
                let changes = write.changes.iter().flatten();
                let changes = changes.map(
                    |Change { field, from, to }| json!({"field": field, "from": from, "to": to}),
                );
                if let (false, Some(json)) = (is_new, json.as_object_mut()) {
                    json.insert("changes".to_owned(), changes.collect());
                }
                json
            })
        };
        let gone = self.deregister.iter().map(|(id, gone)| service(id, gone));
        let taken = self.taken.iter().map(|(id, by)| json!({"id": id.to_string(), "owner": by}));
        json!({
            "register": written(true).collect::<Vec<_>>(),
            "change": written(false).collect::<Vec<_>>(),
            "maintenance": self.maintenance,
            "deregister": gone.collect::<Vec<_>>(),
            "taken": taken.collect::<Vec<_>>(),
            "unchanged": self.keep,
        })
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
