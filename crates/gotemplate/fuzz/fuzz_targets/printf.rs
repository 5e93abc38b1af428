//! Any format prints any arguments.

#![no_main]

#[path = "../check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|format: &str| check::printf(format));
