//! Texts that are suspiciously empty (pure): a mistake elsewhere must not empty a load balancer.
//!
//! Guards protect a file that is there. Without one there is nothing to lose.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::data::Data;
use crate::dependency::Dependency;
use crate::store::Store;

/// Why a text is not trusted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Suspicion {
    /// A service has almost disappeared.
    #[error("{dependency} has {found} instances, and min_instances is {wanted}")]
    TooFew {
        /// The service.
        dependency: String,
        /// How many instances it has.
        found: usize,
        /// How many it must have.
        wanted: u32,
    },
    /// Much of the text has disappeared.
    #[error(
        "the file would shrink from {before} to {after} bytes, more than the {allowed} % that max_shrink allows"
    )]
    Shrinks {
        /// Length of the old text in bytes.
        before: usize,
        /// Length of the new one.
        after: usize,
        /// How much shorter it may be, in percent of the old one.
        allowed: u8,
    },
}

/// Demands that each service a text was made of has at least so many instances.
///
/// # Errors
///
/// The first service that has fewer.
pub fn instances(used: &BTreeSet<Dependency>, store: &Store, wanted: u32) -> Result<(), Suspicion> {
    for dependency in used {
        if let Some(Data::Instances(instances)) = store.recall(dependency).map(|known| known.data())
            && instances.len() < usize::try_from(wanted).unwrap_or(usize::MAX)
        {
            let (dependency, found) = (dependency.to_string(), instances.len());
            return Err(Suspicion::TooFew { dependency, found, wanted });
        }
    }
    Ok(())
}

/// Demands that a new text is not shorter than the old one by more than a part of it.
///
/// # Errors
///
/// When it is.
pub fn shrink(before: usize, after: usize, allowed: u8) -> Result<(), Suspicion> {
    let lost = before.saturating_sub(after);
    if lost.saturating_mul(100) > before.saturating_mul(allowed.into()) {
        return Err(Suspicion::Shrinks { before, after, allowed });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Instance;
    use crate::dependency::Instances;

    #[test]
    fn a_text_may_lose_a_part() {
        for (before, after, allowed, is_fine) in [
            (100, 50, 50, true),
            (100, 49, 50, false),
            (100, 200, 0, true),
            (100, 100, 0, true),
            (100, 99, 0, false),
            (100, 0, 100, true),
            (0, 0, 0, true),
            (3, 2, 33, false),
            (3, 2, 34, true),
        ] {
            assert_eq!(
                shrink(before, after, allowed).is_ok(),
                is_fine,
                "{before} {after} {allowed}"
            );
        }
    }

    #[test]
    fn every_service_has_its_instances() {
        let (web, db) = (service("web"), service("db"));
        let used = BTreeSet::from([web.clone(), db.clone(), Dependency::Partitions]);
        let mut store = Store::default();
        store.insert(web, Data::Instances(vec![Instance::default(), Instance::default()]));
        store.insert(db.clone(), Data::Instances(vec![Instance::default()]));
        assert_eq!(instances(&used, &store, 1), Ok(()));
        let error = instances(&used, &store, 2).unwrap_err().to_string();
        assert_eq!(error, format!("{db} has 1 instances, and min_instances is 2"));
    }

    fn service(name: &str) -> Dependency {
        Dependency::Instances(Instances::passing(name, None))
    }
}
