//! One rendering: what the template sees of the world, and the record of what it looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use gotemplate::{Value, Witness};

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
    notes: Mutex<Notes>,
}

/// What is on record so far.
#[derive(Debug, Default)]
struct Notes {
    now: Sight,
    /// What belongs around it, from the outside in.
    around: Vec<Sight>,
}

/// What a part of a template looked at, and what it found.
#[derive(Debug, Default)]
pub struct Sight {
    used: BTreeMap<Dependency, Option<Arc<Known>>>,
    missing: BTreeSet<Dependency>,
    problems: BTreeSet<String>,
    /// What its parts looked at.
    parts: Vec<Arc<Self>>,
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
        Self { store, surroundings, now, scratch, notes: Mutex::default() }
    }

    /// The value of a dependency, `None` (and on record as missing) while it is not known.
    pub fn recall(&self, dependency: Dependency) -> Option<Arc<Known>> {
        let known = self.store.recall(&dependency).cloned();
        self.note(|sight| {
            if known.is_none() {
                sight.missing.insert(dependency.clone());
            }
            sight.used.insert(dependency, known.clone());
        });
        known
    }

    /// Puts on record that a dependency is known, but not what the template waits for.
    pub fn is_missing(&self, dependency: Dependency) {
        self.note(|sight| {
            sight.missing.insert(dependency);
        });
    }

    /// Puts on record what is left out of the text.
    pub fn report(&self, problems: impl IntoIterator<Item = String>) {
        self.note(|sight| sight.problems.extend(problems));
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
        let notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut record = Record::default();
        for sight in notes.around.iter().chain([&notes.now]) {
            sight.write(&mut record);
        }
        record
    }

    fn note(&self, write: impl FnOnce(&mut Sight)) {
        write(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner).now);
    }

    fn notes(&mut self) -> &mut Notes {
        self.notes.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witness for Session {
    type Seen = Arc<Sight>;

    fn begin(&mut self) {
        let notes = self.notes();
        let outer = mem::take(&mut notes.now);
        notes.around.push(outer);
    }

    fn end(&mut self) -> Arc<Sight> {
        let notes = self.notes();
        let outer = notes.around.pop().unwrap_or_default();
        let seen = Arc::new(mem::replace(&mut notes.now, outer));
        notes.now.parts.push(Arc::clone(&seen));
        seen
    }

    fn holds(&mut self, seen: &Arc<Sight>) -> bool {
        let holds = seen.holds(&self.store);
        if holds {
            self.notes().now.parts.push(Arc::clone(seen));
        }
        holds
    }
}

impl Sight {
    /// Whether the store still has what was found, the very same.
    fn holds(&self, store: &Store) -> bool {
        let is_found = |(dependency, found): (&Dependency, &Option<Arc<Known>>)| match (
            store.recall(dependency),
            found,
        ) {
            (Some(known), Some(found)) => Arc::ptr_eq(known, found),
            (None, None) => true,
            _ => false,
        };
        self.used.iter().all(is_found) && self.parts.iter().all(|part| part.holds(store))
    }

    fn write(&self, record: &mut Record) {
        record.used.extend(self.used.keys().cloned());
        record.missing.extend(self.missing.iter().cloned());
        record.problems.extend(self.problems.iter().cloned());
        for part in &self.parts {
            part.write(record);
        }
    }
}
