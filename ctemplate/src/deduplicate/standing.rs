//! How an instance stands among the others, for whoever watches it.

use tokio::sync::watch;

use super::role::Role;

/// Looks at the members of a group from outside.
#[derive(Clone, Debug, Default)]
pub struct Observer(Vec<Observed>);

/// One member.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    pub(super) folder: String,
    pub(super) role: watch::Receiver<Role>,
    pub(super) holder: watch::Receiver<Option<Holder>>,
}

/// Who has a template's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The id of its session in Consul.
    pub session: String,
    /// What it says of itself.
    pub name: String,
}

/// What an instance is for a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The folder of Consul's KV store with the lock and the data.
    pub folder: String,
    /// `leading`, `following`, `waiting` or `alone`.
    pub role: &'static str,
    /// Who has the lock, as far as it is known; ourselves when leading.
    pub holder: Option<Holder>,
}

impl Observer {
    pub(super) const fn new(members: Vec<Observed>) -> Self {
        Self(members)
    }

    /// How it stands now, by the order of the jobs; empty when nothing is shared.
    pub fn standings(&self) -> Vec<Standing> {
        let standings = self.0.iter().map(|member| Standing {
            folder: member.folder.clone(),
            role: match &*member.role.borrow() {
                Role::Waiting { .. } => "waiting",
                Role::Following(_) => "following",
                Role::Alone => "alone",
                Role::Leading { .. } => "leading",
            },
            holder: member.holder.borrow().clone(),
        });
        standings.collect()
    }
}
