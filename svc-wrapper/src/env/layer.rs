//! The variables of one source, and how layers of them lie over one another (pure).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use consul::kv::KvPair;
use daemon::redact::Redacted;

use super::{Found, Inheritance, LONGEST, Mapped, Origin, Reason, Rules, Skipped, tree};
use crate::service::Instance;

/// Variables by their names, and what became none.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) skipped: Vec<Skipped>,
}

/// A variable on its way into the environment.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) value: Redacted<OsString>,
    pub(super) origin: Origin,
    /// What reports call it: the key, with the path in its value.
    pub(super) label: String,
}

impl Layer {
    pub(super) fn defaults(rules: &Rules, defaults: &[(String, Redacted<OsString>)]) -> Self {
        let mut layer = Self::default();
        for (name, value) in defaults {
            let (label, value) = (name.clone(), value.clone());
            layer.take(rules, Ok(name.clone()), Variable { value, origin: Origin::Default, label });
        }
        layer
    }

    pub(super) fn found(rules: &Rules, found: &Found) -> Self {
        let mut layer = Self::default();
        match found {
            Found::Folder { folder, pairs } => {
                for pair in pairs {
                    // Consul's user interface makes the prefix itself a key when one creates the folder by hand.
                    if let Some(key) = pair.key.strip_prefix(folder).filter(|key| !key.is_empty()) {
                        layer.pair(rules, key, pair);
                    }
                }
            }
            Found::Service { service, instances } => {
                if let Some(instance) = instances.first() {
                    layer.instance(rules, service, instance);
                }
            }
        }
        layer
    }

    pub(super) fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// Lays another layer over this one.
    pub(super) fn lay(&mut self, over: Self) {
        self.variables.extend(over.variables);
        self.skipped.extend(over.skipped);
    }

    /// Takes a variable out again.
    pub(super) fn drop(&mut self, name: &str, why: Reason) {
        if let Some(variable) = self.variables.remove(name) {
            self.skipped.push(Skipped { key: variable.label, why });
        }
    }

    pub(super) fn into_mapped(self, inheritance: Inheritance) -> Mapped {
        let mut mapped = Mapped { skipped: self.skipped, ..Mapped::default() };
        mapped.environment.inheritance = inheritance;
        for (name, variable) in self.variables {
            mapped.origins.insert(name.clone(), variable.origin);
            mapped.environment.variables.insert(name, variable.value);
        }
        mapped
    }

    fn pair(&mut self, rules: &Rules, key: &str, pair: &KvPair) {
        let leaves = rules.expand.and_then(|syntax| tree::leaves(syntax, &pair.value));
        let whole = || vec![(Vec::new(), pair.value.clone())];
        for (path, value) in leaves.unwrap_or_else(whole) {
            let label = [vec![pair.key.clone()], path.clone()].concat().join(":");
            let value = Redacted::new(OsString::from_vec(value));
            let origin = Origin::Key(pair.key.clone());
            self.take(rules, rules.naming.name(key, &path), Variable { value, origin, label });
        }
    }

    fn instance(&mut self, rules: &Rules, service: &str, instance: &Instance) {
        for (text, value) in rules.formats.variables(service, instance) {
            let origin = Origin::Service(service.to_owned());
            let variable = Variable { value: OsString::from(value).into(), origin, label: text };
            self.take(rules, rules.naming.service(&variable.label), variable);
        }
    }

    /// Consul lists keys in the order of their bytes, and the last one of those that become the same variable wins, as
    /// with envconsul. The others are reported.
    fn take(&mut self, rules: &Rules, name: Result<String, Reason>, variable: Variable) {
        let name = match name.and_then(|name| fits(rules, name, &variable)) {
            Ok(name) => name,
            Err(why) => return self.skipped.push(Skipped { key: variable.label, why }),
        };
        let winner = variable.label.clone();
        if let Some(loser) = self.variables.insert(name, variable) {
            self.skipped.push(Skipped { key: loser.label, why: Reason::Collision(winner) });
        }
    }
}

fn fits(rules: &Rules, name: String, variable: &Variable) -> Result<String, Reason> {
    let value = variable.value.expose().as_bytes();
    match rules.filter.refuses(&name) {
        Some(why) => Err(why),
        None if !super::is_name(&name) => Err(Reason::Name),
        None if value.contains(&0) => Err(Reason::Nul),
        None if name.len() + value.len() > LONGEST => Err(Reason::TooLong),
        None => Ok(name),
    }
}

/// An environment of these variables, for tests of what works on environments.
#[cfg(test)]
impl FromIterator<(String, OsString)> for super::Environment {
    fn from_iter<I: IntoIterator<Item = (String, OsString)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name, value.into())).collect();
        Self { variables, ..Self::default() }
    }
}
