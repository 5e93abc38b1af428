//! One rendering: what the template sees of the world, and the record of what it looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::data::Data;
use crate::dependency::Dependency;
use crate::store::Store;

/// What template functions see of the world during one rendering.
#[derive(Debug)]
pub struct Session<'a> {
    store: &'a Store,
    environment: &'a BTreeMap<String, String>,
    // Template engines call functions through shared references that must be `Sync`; nothing contends for it.
    record: Mutex<Record>,
}

/// What one rendering looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Every dependency that was asked for.
    pub used: BTreeSet<Dependency>,
    /// Those of them that are not known yet.
    pub missing: BTreeSet<Dependency>,
    /// What was left out of the text, and why.
    pub problems: BTreeSet<String>,
}

impl<'a> Session<'a> {
    /// A rendering from the given store.
    pub fn new(store: &'a Store, environment: &'a BTreeMap<String, String>) -> Self {
        Self { store, environment, record: Mutex::default() }
    }

    /// The value of a dependency, `None` (and on record as missing) while it is not known.
    pub fn recall(&self, dependency: Dependency) -> Option<Arc<Data>> {
        let data = self.store.recall(&dependency).cloned();
        self.note(|record| {
            if data.is_none() {
                record.missing.insert(dependency.clone());
            }
            record.used.insert(dependency);
        });
        data
    }

    /// Puts on record that a dependency is known, but not what the template waits for.
    pub fn is_missing(&self, dependency: Dependency) {
        self.note(|record| {
            record.missing.insert(dependency);
        });
    }

    /// Puts on record what is left out of the text.
    pub fn report(&self, problems: impl IntoIterator<Item = String>) {
        self.note(|record| record.problems.extend(problems));
    }

    /// An environment variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// What the rendering looked at.
    pub fn into_record(self) -> Record {
        self.record.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, write: impl FnOnce(&mut Record)) {
        write(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
