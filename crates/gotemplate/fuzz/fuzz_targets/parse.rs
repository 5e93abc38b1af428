//! Any text parses and executes, or fails with an error.

#![no_main]

#[path = "../check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|text: &str| check::parse(text));
