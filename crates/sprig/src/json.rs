//! JSON as Go reads and writes it: its errors, its notation of numbers, and what it escapes.

mod read;
mod write;

pub use self::read::{Failure, Numbers, parse};
pub use self::write::{Style, write};
