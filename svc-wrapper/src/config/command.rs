//! What to run, and how it is signalled and ended (pure).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::time::Duration;

use super::Error;
use crate::cli::{CommandArgs, Leftovers, Target};

/// A command with its arguments, none of which any shell sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Looked up in PATH unless it holds a slash.
    pub program: OsString,
    /// As they were given.
    pub arguments: Vec<OsString>,
}

/// How the command is signalled and ended.
#[derive(Clone, Debug)]
pub struct Handling {
    /// Who gets what is forwarded.
    pub target: Target,
    /// Signals that are forwarded as others, or not at all.
    pub rewrites: BTreeMap<i32, Option<i32>>,
    /// What lies between SIGTERM and the command's, if anything.
    pub drain: Option<Drain>,
    /// How long it may take to end once it was told, if there is a limit.
    pub kill_timeout: Option<Duration>,
    /// What happens to the processes it leaves behind.
    pub leftovers: Leftovers,
    /// Its exit codes that become 0.
    pub expected: BTreeSet<u8>,
    /// What the kernel sends it when we die.
    pub death_signal: Option<i32>,
}

/// What lies between our SIGTERM and the command's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drain {
    /// This long a time, and a program that is run in it.
    Time(Duration, Option<Command>),
    /// The run of this program.
    PreStop(Command),
}

impl Command {
    pub(super) fn new(words: Vec<OsString>) -> Result<Self, Error> {
        let mut words = words.into_iter();
        let program = words.next().ok_or(Error::NoCommand)?;
        Ok(Self { program, arguments: words.collect() })
    }
}

impl Handling {
    pub(super) fn new(args: &CommandArgs) -> Self {
        Self {
            target: args.signal_target,
            rewrites: args.rewrite.iter().map(|rewrite| (rewrite.from, rewrite.to)).collect(),
            drain: Drain::new(args),
            kill_timeout: args.kill_timeout,
            leftovers: args.leftovers,
            expected: args.expect_exit.iter().copied().collect(),
            death_signal: args.pdeathsig,
        }
    }

    /// What is forwarded for a signal, if anything.
    pub fn forwarded(&self, number: i32) -> Option<i32> {
        self.rewrites.get(&number).copied().unwrap_or(Some(number))
    }
}

impl Drain {
    /// How long a program may take when no time is given: as long as Docker by default leaves a container to stop.
    const PRE_STOP_LIMIT: Duration = Duration::from_secs(10);

    fn new(args: &CommandArgs) -> Option<Self> {
        let pre_stop = Command::new(args.pre_stop.clone()).ok();
        match (args.drain, pre_stop) {
            (Some(time), pre_stop) => Some(Self::Time(time, pre_stop)),
            (None, Some(pre_stop)) => Some(Self::PreStop(pre_stop)),
            (None, None) => None,
        }
    }

    /// How long it is at most.
    pub const fn limit(&self) -> Duration {
        match self {
            Self::Time(time, _) => *time,
            Self::PreStop(_) => Self::PRE_STOP_LIMIT,
        }
    }

    /// The program to run.
    pub const fn pre_stop(&self) -> Option<&Command> {
        match self {
            Self::Time(_, pre_stop) => pre_stop.as_ref(),
            Self::PreStop(command) => Some(command),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn handling(line: &str) -> Handling {
        let words = ["svc-wrapper"].into_iter().chain(line.split_whitespace()).chain(["true"]);
        Handling::new(&Cli::try_parse_from(words).unwrap().command)
    }

    #[test]
    fn does_nothing_special_unless_told_to() {
        let plain = handling("");
        assert_eq!((plain.target, plain.leftovers), (Target::Child, Leftovers::Ignore));
        assert_eq!((plain.drain, plain.kill_timeout, plain.death_signal), (None, None, None));
        assert!(plain.rewrites.is_empty() && plain.expected.is_empty());
    }

    #[test]
    fn takes_a_drain_apart() {
        let leave = Command { program: "leave".into(), arguments: vec!["-q".into()] };
        let (time, pre_stop) = ("--drain 3s", "--pre-stop leave --pre-stop -q");
        let three = Duration::from_secs(3);
        for (line, want, limit) in [
            (time.to_owned(), Drain::Time(three, None), 3),
            (format!("{pre_stop} {time}"), Drain::Time(three, Some(leave.clone())), 3),
            (pre_stop.to_owned(), Drain::PreStop(leave), 10),
        ] {
            let drain = handling(&line).drain.unwrap();
            assert_eq!((&drain, drain.limit().as_secs()), (&want, limit), "{line}");
        }
    }

    #[test]
    fn collects_what_may_be_repeated() {
        let given =
            handling("--rewrite TERM:QUIT --rewrite 1:none --expect-exit 1,2 --expect-exit 143");
        assert_eq!(given.expected, BTreeSet::from([1, 2, 143]));
        for (number, want) in [(15, Some(3)), (1, None), (2, Some(2))] {
            assert_eq!(given.forwarded(number), want, "{number}");
        }
    }
}
