//! JSON as Go reads and writes it: its errors, its notation of numbers, and what it escapes.

mod read;
mod write;

pub(crate) use self::{
    read::parse,
    write::{Style, write},
};
