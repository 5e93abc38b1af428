//! What Consul, the defaults and the services say becomes the child's variables (pure).
//!
//! [`effective`] is the one function of it: rules, defaults, what was found and the surroundings go in, variables and
//! whatever became none come out.
//!
//! | layer, each over those before it | file |
//! | --- | --- |
//! | what the wrapper itself inherited, all or with `--pristine` a part: [`Environment::over`] | `inherited.rs` |
//! | the defaults | `crate::defaults` |
//! | services, in the order they were asked for | `service.rs` |
//! | folders, in the order they were given: keys to names in `naming.rs`, values to more of them in `tree.rs` | `layer.rs` |
//!
//! What is unfit is left out before layers are laid over one another, so that a bad key never hides a good one. Then
//! references between values are followed (`references.rs`), and the largest are left out until the rest fits
//! (`room.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use consul::kv::KvPair;
use daemon::redact::Redacted;

use crate::service::Instance;

mod digest;
mod glob;
mod inherited;
mod layer;
mod naming;
mod references;
mod room;
mod skipped;
#[cfg(test)]
mod tests;
mod tree;

pub use digest::Digest;
pub use glob::{Glob, GlobError};
pub use inherited::{Inheritance, Surroundings};
pub use naming::{Naming, Nested, is_name, is_reserved};
pub use skipped::{Reason, Skipped};
pub use tree::Syntax;

use layer::Layer;

/// The longest name and value together; execve(2): 32 pages for one string, here with its equals sign and its NUL.
const LONGEST: usize = 32 * 4096 - 2;

/// The variables that we give a child, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, Redacted<OsString>>,
    inheritance: Inheritance,
}

/// What keys and values become, and which of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How keys become names.
    pub naming: Naming,
    /// Which names pass.
    pub filter: Filter,
    /// Which values become several variables.
    pub expand: Option<Syntax>,
    /// Whether `${NAME}` in a value is another variable's value.
    pub references: bool,
    /// How services become names.
    pub formats: crate::service::Formats,
    /// What the child gets besides.
    pub inheritance: Inheritance,
}

/// Which names pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these, if there are any.
    pub allow: Vec<Glob>,
    /// Not these.
    pub deny: Vec<Glob>,
    /// These although they are reserved.
    pub reserved: BTreeSet<String>,
}

/// What there is to make an environment of.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Variables from a file, in its order.
    pub defaults: &'a [(String, Redacted<OsString>)],
    /// What Consul said, later over earlier.
    pub found: &'a [Found],
    /// The process it is for.
    pub surroundings: &'a Surroundings,
}

/// What Consul said to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// About a folder of the KV store.
    Folder {
        /// Its name, with the slash at its end.
        folder: String,
        /// What lies in it, in Consul's order.
        pairs: Vec<KvPair>,
    },
    /// About a service.
    Service {
        /// Its name.
        service: String,
        /// Its healthy instances, in their own order.
        instances: Vec<Instance>,
    },
}

/// Where a variable comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file of defaults.
    Default,
    /// This service.
    Service(String),
    /// This key, in full.
    Key(String),
}

/// What everything came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// The variables.
    pub environment: Environment,
    /// Where each comes from.
    pub origins: BTreeMap<String, Origin>,
    /// What became none.
    pub skipped: Vec<Skipped>,
}

impl Environment {
    /// The variables in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Redacted<OsString>)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of a variable.
    pub fn value(&self, name: &str) -> Option<&Redacted<OsString>> {
        self.variables.get(name)
    }

    /// How many variables there are.
    pub fn len(&self) -> usize {
        self.variables.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// Everything that the child gets, of which `inherited` is what the wrapper has.
    pub fn over(
        &self,
        inherited: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> BTreeMap<OsString, OsString> {
        let mut all: BTreeMap<_, _> =
            inherited.into_iter().filter(|(name, _)| self.inheritance.keeps(name)).collect();
        all.extend(self.iter().map(|(name, value)| (name.into(), value.expose().clone())));
        all
    }
}

impl Filter {
    fn refuses(&self, name: &str) -> Option<Reason> {
        let any = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(name));
        if is_reserved(name) && !self.reserved.contains(name) {
            Some(Reason::Reserved)
        } else if any(&self.deny) || !(self.allow.is_empty() || any(&self.allow)) {
            Some(Reason::Filtered)
        } else {
            None
        }
    }
}

/// The variables of a child, and whatever became none.
pub fn effective(rules: &Rules, given: &Given<'_>) -> Mapped {
    let mut all = Layer::default();
    let layers = [Layer::defaults(rules, given.defaults)].into_iter();
    for layer in layers.chain(given.found.iter().map(|found| Layer::found(rules, found))) {
        all.lay(layer);
    }
    let inherited = |name: &str| given.surroundings.value(name, rules.inheritance);
    if rules.references {
        references::follow(&mut all, inherited);
    }
    room::fit(&mut all, given.surroundings.room);
    all.into_mapped(rules.inheritance)
}

/// Whether an answer gives any variable.
pub fn gives_any(rules: &Rules, found: &Found) -> bool {
    !Layer::found(rules, found).is_empty()
}

/// The prefix as a folder, so that `app/x` never takes in `app/x2`.
pub fn folder(prefix: &str) -> String {
    let trimmed = prefix.trim_matches('/');
    format!("{trimmed}/")
}
