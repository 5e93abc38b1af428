//! The wrapper with options of its own.

use std::process::Command;

use crate::init::{Init, Running};

/// Starts it with these words.
pub(crate) fn wrapper(words: &[&str]) -> Running {
    Running::spawn(Command::new(Init::Wrapper.program()).args(words))
}
