//! What the child inherits, and how much there is room for (pure).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

use super::naming::is_of_scheduler;

/// What the child gets of the wrapper's own variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inheritance {
    /// All of them.
    #[default]
    Whole,
    /// PATH and HOME, without which hardly a program runs, and what the scheduler says.
    Pristine,
}

/// The process that an environment is for. Its variables may be secrets, so that they are not shown.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// Its own variables.
    pub inherited: BTreeMap<OsString, OsString>,
    /// How many bytes there is room for besides, as execve(2) counts them.
    pub room: usize,
}

impl Inheritance {
    /// Whether the child gets this variable.
    pub fn keeps(self, name: &OsStr) -> bool {
        match self {
            Self::Whole => true,
            Self::Pristine => name
                .to_str()
                .is_some_and(|name| matches!(name, "PATH" | "HOME") || is_of_scheduler(name)),
        }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("room", &self.room).finish_non_exhaustive()
    }
}

impl Surroundings {
    /// For a process with these variables and arguments. `stack` is the limit of its stack, if there is one.
    pub fn new(
        inherited: impl IntoIterator<Item = (OsString, OsString)>,
        arguments: impl IntoIterator<Item = OsString>,
        stack: Option<u64>,
    ) -> Self {
        let inherited: BTreeMap<_, _> = inherited.into_iter().collect();
        let variables = inherited.iter().map(|(name, value)| size(name.len(), value.len()));
        let arguments = arguments.into_iter().map(|argument| size(argument.len(), 0));
        let room = room(stack, variables.chain(arguments).sum());
        Self { inherited, room }
    }

    /// What a reference in a value can see of the inherited variables.
    pub(super) fn value(&self, name: &str, inheritance: Inheritance) -> Option<&OsStr> {
        let name = OsStr::new(name);
        self.inherited.get(name).filter(|_| inheritance.keeps(name)).map(OsString::as_os_str)
    }
}

/// What a variable takes: its equals sign, its NUL, and the pointer to it.
pub(super) const fn size(name: usize, value: usize) -> usize {
    name + value + 2 + size_of::<usize>()
}

/// execve(2): arguments and variables have a quarter of the stack's limit, at most 6 MiB, at least 128 KiB.
fn room(stack: Option<u64>, taken: usize) -> usize {
    const LEAST: usize = 128 * 1024;
    const MOST: usize = 6 * 1024 * 1024;
    /// The program's path, and what the kernel itself puts there.
    const KERNEL: usize = 2 * 4096;
    let quarter = stack.and_then(|bytes| usize::try_from(bytes / 4).ok()).unwrap_or(MOST);
    quarter.clamp(LEAST, MOST).saturating_sub(KERNEL + taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pristine_leaves_what_the_scheduler_says() {
        for (name, want) in [
            ("PATH", true),
            ("HOME", true),
            ("MESOS_TASK_ID", true),
            ("MARATHON_APP_ID", true),
            ("HOST", true),
            ("PORT0", true),
            ("PORT_3000", true),
            ("CONSUL_HTTP_TOKEN", false),
            ("LD_PRELOAD", false),
            ("LANG", false),
        ] {
            assert_eq!(Inheritance::Pristine.keeps(OsStr::new(name)), want, "{name}");
            assert!(Inheritance::Whole.keeps(OsStr::new(name)));
        }
    }

    #[test]
    fn counts_what_is_taken_already() {
        for (stack, taken, want) in [
            (Some(8 << 20), 0, (2 << 20) - 8192),
            (Some(8 << 20), 1000, (2 << 20) - 9192),
            (Some(1 << 30), 0, (6 << 20) - 8192),
            (None, 0, (6 << 20) - 8192),
            (Some(4096), 0, (128 << 10) - 8192),
            (Some(4096), 1 << 20, 0),
        ] {
            assert_eq!(room(stack, taken), want, "{stack:?} {taken}");
        }
        let variables = [(OsString::from("A"), OsString::from("1"))];
        let all = Surroundings::new(variables, [OsString::from("ls")], Some(8 << 20)).room;
        assert_eq!(all, (2 << 20) - 8192 - (1 + 1 + 2 + 8) - (2 + 2 + 8));
    }
}
