//! Names of configurations.

use svc_wrapper::env::Digest;

/// Made once, because a run asks for them often.
pub(crate) struct Digests {
    values: Vec<Digest>,
    empty: Digest,
    /// The index of the folder stands in for what is in it, as in the tools that restart on every write.
    by_index: bool,
}

impl Digests {
    pub(crate) fn new(by_index: bool) -> Self {
        let name = |value: usize| Digest::parse(&format!("v1:{value}")).unwrap();
        Self {
            values: (0..64).map(name).collect(),
            empty: Digest::parse("v1:empty").unwrap(),
            by_index,
        }
    }

    pub(crate) fn of(&self, index: u64, value: Option<usize>) -> Digest {
        if self.by_index {
            return Digest::parse(&format!("index:{index}")).unwrap();
        }
        value.map_or(&self.empty, |value| &self.values[value]).clone()
    }
}
