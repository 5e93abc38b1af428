//! Everything about an environment that does not come from Consul.

use rustix::process::{Resource, getrlimit};

use crate::config::Mapping;
use crate::defaults::{self, Defaults};
use crate::env::{self, Found, Given, Mapped, Rules, Surroundings};

/// The rules, the defaults and the process that an environment is for.
#[derive(Clone, Debug, Default)]
pub struct Local {
    /// The rules.
    pub rules: Rules,
    /// The defaults.
    pub defaults: Defaults,
    /// The process.
    pub surroundings: Surroundings,
}

impl Local {
    /// Reads the file of defaults, if there is one, and looks at this process.
    ///
    /// # Errors
    ///
    /// When the file gives no defaults.
    pub fn read(mapping: &Mapping) -> Result<Self, defaults::Error> {
        let stack = getrlimit(Resource::Stack).current;
        // Our own arguments are at least those of the command.
        let surroundings = Surroundings::new(std::env::vars_os(), std::env::args_os(), stack);
        let defaults = mapping.defaults.as_deref().map(defaults::read).transpose()?;
        Ok(Self {
            rules: mapping.rules.clone(),
            defaults: defaults.unwrap_or_default(),
            surroundings,
        })
    }

    /// What the child gets when Consul says this.
    pub fn effective(&self, found: &[Found]) -> Mapped {
        let given = Given { defaults: &self.defaults, found, surroundings: &self.surroundings };
        env::effective(&self.rules, &given)
    }
}
