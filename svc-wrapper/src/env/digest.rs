//! A name for what a child is given (pure).

use std::fmt;
use std::os::unix::ffi::OsStrExt;

use sha2::{Digest as _, Sha256};

use super::Environment;

/// Names an effective environment: equal digests mean equal variables.
///
/// It covers exactly what the child gets from us, after all rules. The algorithm's name is part of it, so that wrappers
/// that compute it differently never take each other's word.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest(String);

impl Digest {
    /// Takes the name of an algorithm and what it gave, as another wrapper wrote them: `v1:5d41…`.
    pub fn parse(text: &str) -> Option<Self> {
        let (algorithm, name) = text.split_once(':')?;
        (!algorithm.is_empty() && !name.is_empty()).then(|| Self(text.to_owned()))
    }
}

impl Environment {
    /// Names this environment. Lengths go in front of names and values, so that no two environments run together.
    pub fn digest(&self) -> Digest {
        const BYTES: usize = 16;
        let mut hash = Sha256::new();
        for (name, value) in self.iter() {
            for part in [name.as_bytes(), value.expose().as_bytes()] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        let hex = |byte: &u8| [byte >> 4, byte & 0xf].map(|half| char::from_digit(half.into(), 16));
        let name = hash.finalize().iter().take(BYTES).flat_map(hex).flatten().collect();
        Digest(["v1:".to_owned(), name].concat())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
