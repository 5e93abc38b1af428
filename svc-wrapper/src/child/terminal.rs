//! The terminal: whose turn is it.
//!
//! It is handed over where the command has a process group of its own. The wrapper blocks SIGTTOU, so that the kernel lets it
//! do so from the background too (tcsetpgrp(3)).
//!
//! Below a group of another PID namespace, ours is number 0 (`pid_namespaces(7)`), which is why `rustix` is no help here.

use std::fs::File;
use std::io::{self, IsTerminal, stdin};
use std::os::fd::AsFd;

use nix::unistd::{Pid as Group, getpgrp, tcgetpgrp, tcsetpgrp};
use rustix::process::Pid;

/// Standard input is a terminal, and it was our group's turn when we were started.
#[derive(Debug)]
pub struct Terminal(());

impl Terminal {
    /// The terminal, if it is ours to hand over. A background job leaves it to those that have it.
    pub fn ours() -> Option<Self> {
        (stdin().is_terminal() && is_turn_of(getpgrp(), stdin())).then_some(Self(()))
    }

    /// Gives it to the child's group, unless somebody else has taken it meanwhile.
    ///
    /// # Errors
    ///
    /// When there is no such group any more.
    pub fn hand_to(&self, child: Pid) -> io::Result<()> {
        if is_turn_of(getpgrp(), stdin()) { Ok(tcsetpgrp(stdin(), group(child))?) } else { Ok(()) }
    }

    /// Takes it back from the child's group. A group that has no number in our namespace cannot be given it.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn take_from(&self, child: Pid) -> io::Result<()> {
        if is_turn_of(group(child), stdin()) && getpgrp() != NAMELESS { take() } else { Ok(()) }
    }
}

const NAMELESS: Group = Group::from_raw(0);

/// Gives the terminal to our own group, whoever has it.
pub(super) fn take() -> io::Result<()> {
    Ok(tcsetpgrp(stdin(), getpgrp())?)
}

/// Whether it is our group's turn at the terminal of our session, wherever standard input comes from.
pub fn is_in_foreground() -> bool {
    let group = getpgrp();
    group != NAMELESS && File::open("/dev/tty").is_ok_and(|terminal| is_turn_of(group, terminal))
}

fn is_turn_of(group: Group, terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal).is_ok_and(|turn| turn == group)
}

fn group(child: Pid) -> Group {
    Group::from_raw(child.as_raw_nonzero().get())
}
