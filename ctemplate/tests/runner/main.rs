//! How the program runs: modes, commands, the child, signals, exit codes. Each with the real program.
//!
//! What changes is mostly a file that a template reads, so that most tests need no Consul.

#![cfg(test)]

#[path = "../consul/fixture.rs"]
#[expect(dead_code, reason = "the tests beside Consul use the rest")]
mod fixture;

mod child;
mod commands;
mod deduplicate;
mod files;
mod log;
mod modes;
mod pid1;
mod signals;

use fixture::Program;

/// An address where nobody answers.
const NOWHERE: &str = "127.0.0.1:1";

/// The text of a file `data`.
const DATA: (&str, &str) = ("t.hbs", "{{file \"data\"}}");

/// The program with this configuration beside these files, not started yet.
fn configured(files: &[(&str, &str)], configuration: &str) -> Program {
    Program::new(&[files, &[("config.hcl", configuration)]].concat())
}

/// Starts it with its configuration and further flags.
fn start(program: &mut Program, args: &[&str]) {
    program.start(NOWHERE, &[&["-config", "config.hcl"], args].concat());
}

/// Replaces a file as a whole: a half-written one would be read.
fn write(program: &Program, name: &str, text: &str) {
    let new = program.path(&format!("{name}.new"));
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, program.path(name)).unwrap();
}
