//! Protocols that leave something out, which the simulation has to notice.

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    None,
    /// Nothing is read again under the lock: what was known before counts.
    NoVerify,
    /// Everybody believes to have the lock.
    NoLock,
    /// Any write of the folder is a change.
    IndexesForHashes,
}
