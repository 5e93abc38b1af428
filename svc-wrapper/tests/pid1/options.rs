//! The wrapper with options of its own.

use crate::init::{Init, Running};

/// Starts it with these words.
pub(crate) fn wrapper(words: &[&str]) -> Running {
    Running::spawn(Init::Wrapper.command().args(words))
}
