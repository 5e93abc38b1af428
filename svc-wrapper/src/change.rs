//! What differs between two environments, by key alone (pure).

use std::fmt;

use crate::env::Environment;

/// The variables that differ. Values stay out of it, because this is made to be logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Only in the second.
    pub added: Vec<String>,
    /// Only in the first.
    pub removed: Vec<String>,
    /// In both, with another value.
    pub changed: Vec<String>,
}

impl Change {
    /// Compares; empty when somebody touched keys without changing any variable.
    pub fn between(before: &Environment, after: &Environment) -> Self {
        let missing_in = |there: &Environment, here: &Environment| {
            let only = here.iter().filter(|(name, _)| there.value(name).is_none());
            only.map(|(name, _)| name.to_owned()).collect()
        };
        Self {
            added: missing_in(before, after),
            removed: missing_in(after, before),
            changed: after
                .iter()
                .filter(|(name, value)| before.value(name).is_some_and(|old| old != *value))
                .map(|(name, _)| name.to_owned())
                .collect(),
        }
    }

    /// Whether nothing differs.
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// `+NEW -OLD ~OTHER`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [('+', &self.added), ('-', &self.removed), ('~', &self.changed)];
        let words = kinds
            .iter()
            .flat_map(|(sign, names)| names.iter().map(move |name| format!("{sign}{name}")));
        f.write_str(&words.collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
    }

    #[test]
    fn tells_keys_apart() {
        let before = environment(&[("A", "1"), ("B", "1"), ("C", "1")]);
        let after = environment(&[("B", "2"), ("C", "1"), ("D", "secret")]);
        assert_eq!(Change::between(&before, &after).to_string(), "+D -A ~B");
        assert!(Change::between(&before, &before.clone()).is_empty());
    }
}
