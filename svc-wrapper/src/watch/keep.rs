//! Keeps what was found in the cache, if there is one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use daemon::outage::Outage;

use crate::cache;
use crate::env::Found;

/// Where what was found is kept, and what is there already.
#[derive(Clone, Debug)]
pub(super) struct Keep {
    path: Option<PathBuf>,
    kept: Option<Arc<[Found]>>,
    outage: Arc<std::sync::Mutex<Outage>>,
}

impl Keep {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, kept: None, outage: Arc::default() }
    }

    /// Writes it down unless that was done already. A failure is said once, and harms nothing else.
    pub(super) async fn note(&mut self, found: &[Found]) {
        let Some(path) = self.path.clone().filter(|_| self.kept.as_deref() != Some(found)) else {
            return;
        };
        let found: Arc<[Found]> = found.into();
        let written = Arc::clone(&found);
        let shown = path.display().to_string();
        // A slow disk must not hold up the renewal of a lock.
        let outcome = tokio::task::spawn_blocking(move || cache::write(&path, &written)).await;
        let outcome = outcome.map_err(std::io::Error::other).and_then(|outcome| outcome);
        let mut outage = self.outage.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                self.kept = Some(found);
                if outage.recovered(Instant::now()).is_some() {
                    tracing::info!(cache = shown, "Cache written again");
                }
            }
            Err(error) => {
                if outage.failed(&error, Instant::now()) {
                    tracing::warn!(cache = shown, error = %error, "Cache not written");
                }
            }
        }
    }
}
