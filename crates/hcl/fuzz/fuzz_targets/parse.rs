//! Any text is read and can be written again, or is refused with a place.

#![no_main]

#[path = "../check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|text: &str| check::parse(text));
