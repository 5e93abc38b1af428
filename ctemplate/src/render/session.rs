//! One rendering: what the template sees of the world, and the record of what it looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use gotemplate::Value;

use crate::dependency::Dependency;
use crate::funcs::scratch::Scratch;
use crate::store::{Known, Store};

/// What template functions see of the world during one rendering.
#[derive(Debug)]
pub struct Session {
    store: Store,
    surroundings: Arc<Surroundings>,
    now: SystemTime,
    scratch: Value,
    // Template engines call functions through shared references that must be `Sync`; nothing contends for it.
    record: Mutex<Record>,
}

/// What a template may see of the machine.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The environment variables that it may read.
    pub environment: BTreeMap<String, String>,
    /// The only folder from which it may read files.
    pub sandbox: Option<PathBuf>,
    /// The site's settings.
    pub values: Value,
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

impl Session {
    /// A rendering from the given store.
    pub fn new(store: Store, surroundings: Arc<Surroundings>, now: SystemTime) -> Self {
        let scratch = Value::object(Scratch::default());
        Self { store, surroundings, now, scratch, record: Mutex::default() }
    }

    /// The value of a dependency, `None` (and on record as missing) while it is not known.
    pub fn recall(&self, dependency: Dependency) -> Option<Arc<Known>> {
        let known = self.store.recall(&dependency).cloned();
        self.note(|record| {
            if known.is_none() {
                record.missing.insert(dependency.clone());
            }
            record.used.insert(dependency);
        });
        known
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
        self.surroundings.environment.get(name).map(String::as_str)
    }

    /// What it may see of the machine.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The time of the rendering.
    pub const fn now(&self) -> SystemTime {
        self.now
    }

    /// What the template remembers while it is rendered.
    pub fn scratch(&self) -> Value {
        self.scratch.clone()
    }

    /// What the rendering looked at.
    pub fn into_record(self) -> Record {
        self.record.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, write: impl FnOnce(&mut Record)) {
        write(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
