//! One rendering: what the template sees of the world, and the record of what it looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    // Template engines call functions through shared references that must be `Sync`; nothing contends for them.
    notes: Mutex<Notes>,
    results: Mutex<Vec<Outcome>>,
}

/// What a function gave for its arguments, and what it looked at.
#[derive(Clone, Debug)]
struct Outcome {
    function: &'static str,
    arguments: Vec<Value>,
    result: Value,
    seen: Arc<Sight>,
}

/// So many results are kept.
const RESULTS: usize = 8;

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
    found: Vec<Arc<Known>>,
    unknown: Vec<Arc<Dependency>>,
    missing: Vec<Arc<Dependency>>,
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
    pub used: Arc<BTreeSet<Dependency>>,
    /// Those of them that are not known yet.
    pub missing: BTreeSet<Dependency>,
    /// What was left out of the text, and why.
    pub problems: BTreeSet<String>,
}

/// What the last rendering came upon, for the next one: almost all of it is the same.
#[derive(Debug, Default)]
pub struct Past {
    /// The dependencies as they were come upon, if all of them were known.
    known: Option<Vec<Arc<Dependency>>>,
    used: Arc<BTreeSet<Dependency>>,
    results: Vec<Outcome>,
}

impl Session {
    /// A rendering from the given store.
    pub fn new(store: Store, surroundings: Arc<Surroundings>, now: SystemTime) -> Self {
        let scratch = Value::object(Scratch::default());
        let (notes, results) = (Mutex::default(), Mutex::default());
        Self { store, surroundings, now, scratch, notes, results }
    }

    /// The same, with what an earlier one came upon.
    #[must_use]
    pub fn after(mut self, past: &mut Past) -> Self {
        self.results = mem::take(&mut past.results).into();
        self
    }

    /// The value of a dependency, `None` (and on record as missing) while it is not known.
    pub fn recall(&self, dependency: Dependency) -> Option<Arc<Known>> {
        let known = self.store.recall(&dependency).cloned();
        self.note(|sight| {
            if let Some(known) = &known {
                sight.found.push(Arc::clone(known));
            } else {
                let dependency = Arc::new(dependency);
                sight.missing.push(Arc::clone(&dependency));
                sight.unknown.push(dependency);
            }
        });
        known
    }

    /// Puts on record that a dependency is known, but not what the template waits for.
    pub fn is_missing(&self, dependency: Dependency) {
        self.note(|sight| {
            sight.missing.push(Arc::new(dependency));
        });
    }

    /// Puts on record what is left out of the text.
    pub fn report(&self, problems: impl IntoIterator<Item = String>) {
        self.note(|sight| sight.problems.extend(problems));
    }

    /// The result of a function whose result follows from its arguments and from what it looks at: the last one, if all of
    /// that is still so.
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn remembered<E>(
        &self,
        function: &'static str,
        arguments: &[Value],
        make: impl FnOnce() -> Result<Value, E>,
    ) -> Result<Value, E> {
        let is_it = |outcome: &Outcome| {
            outcome.function == function
                && outcome.arguments.len() == arguments.len()
                && outcome.arguments.iter().zip(arguments).all(|(a, b)| a.is_same(b))
        };
        let mut results = lock(&self.results);
        if let Some(index) = results.iter().position(is_it) {
            let outcome = results.remove(index);
            // A result with a map that a template has changed is not the same as itself.
            if outcome.seen.holds(&self.store) && outcome.result.is_same(&outcome.result) {
                self.note(|sight| sight.parts.push(Arc::clone(&outcome.seen)));
                let result = outcome.result.clone();
                results.push(outcome);
                return Ok(result);
            }
        }
        drop(results);
        lock(&self.notes).begin();
        let result = make();
        let seen = lock(&self.notes).end();
        if let Ok(result) = &result {
            let (arguments, result) = (arguments.to_vec(), result.clone());
            let mut results = lock(&self.results);
            let excess = (results.len() + 1).saturating_sub(RESULTS);
            results.drain(..excess);
            results.push(Outcome { function, arguments, result, seen });
        }
        result
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
    pub fn into_record(self, past: &mut Past) -> Record {
        past.results = self.results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut seen = Seen::default();
        for sight in notes.around.iter().chain([&notes.now]) {
            seen.add(sight);
        }
        let Seen { known, unknown, missing, problems } = seen;
        Record { used: past.update(&known, unknown), missing, problems }
    }

    fn note(&self, write: impl FnOnce(&mut Sight)) {
        write(&mut lock(&self.notes).now);
    }

    fn notes(&mut self) -> &mut Notes {
        self.notes.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of nothing that is known.
impl Default for Session {
    fn default() -> Self {
        Self::new(Store::default(), Arc::default(), SystemTime::UNIX_EPOCH)
    }
}

impl Notes {
    fn begin(&mut self) {
        self.around.push(mem::take(&mut self.now));
    }

    fn end(&mut self) -> Arc<Sight> {
        let outer = self.around.pop().unwrap_or_default();
        let seen = Arc::new(mem::replace(&mut self.now, outer));
        self.now.parts.push(Arc::clone(&seen));
        seen
    }
}

impl Witness for Session {
    type Seen = Arc<Sight>;

    fn begin(&mut self) {
        self.notes().begin();
    }

    fn end(&mut self) -> Arc<Sight> {
        self.notes().end()
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
        self.found.iter().all(|known| store.has(known))
            && self.unknown.iter().all(|it| store.recall(it).is_none())
            && self.parts.iter().all(|part| part.holds(store))
    }
}

/// A sight and its parts.
#[derive(Default)]
struct Seen<'a> {
    known: Vec<&'a Arc<Dependency>>,
    unknown: Vec<&'a Dependency>,
    missing: BTreeSet<Dependency>,
    problems: BTreeSet<String>,
}

impl<'a> Seen<'a> {
    fn add(&mut self, sight: &'a Sight) {
        self.known.extend(sight.found.iter().map(|known| known.dependency()));
        self.unknown.extend(sight.unknown.iter().map(|it| &**it));
        self.missing.extend(sight.missing.iter().map(|it| Dependency::clone(it)));
        self.problems.extend(sight.problems.iter().cloned());
        for part in &sight.parts {
            self.add(part);
        }
    }
}

impl Past {
    fn update(
        &mut self,
        known: &[&Arc<Dependency>],
        unknown: Vec<&Dependency>,
    ) -> Arc<BTreeSet<Dependency>> {
        let is_known = unknown.is_empty();
        let is_same = |last: &Vec<Arc<Dependency>>| {
            last.len() == known.len() && last.iter().zip(known).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        if !(is_known && self.known.as_ref().is_some_and(is_same)) {
            let used = known.iter().map(|it| &***it).chain(unknown).cloned().collect();
            // An equal set stays the same one, so that others see at once that nothing is new.
            if *self.used != used {
                self.used = Arc::new(used);
            }
            self.known = is_known.then(|| known.iter().map(|it| Arc::clone(it)).collect());
        }
        Arc::clone(&self.used)
    }
}
