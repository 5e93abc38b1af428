//! Waits between attempts, and says once that Consul fails, and once that it works again.

use std::time::{Duration, Instant};

use daemon::backoff::{Backoff, jitter};
use daemon::outage::Outage;

pub(super) struct Patience {
    backoff: Backoff,
    outage: Outage,
}

impl Patience {
    pub(super) fn new() -> Self {
        let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
        Self { backoff, outage: Outage::default() }
    }

    pub(super) async fn fails(&mut self, error: &(dyn std::fmt::Display + Sync)) {
        if self.outage.failed(error, Instant::now()) {
            tracing::warn!(error = %error, "Consul cannot be read, trying again");
        }
        self.pauses().await;
    }

    pub(super) async fn pauses(&mut self) {
        tokio::time::sleep(self.backoff.next(jitter())).await;
    }

    pub(super) fn works(&mut self) {
        self.backoff.reset();
        if let Some(recovery) = self.outage.recovered(Instant::now()) {
            let seconds = recovery.lasted.as_secs();
            tracing::info!(seconds, failures = recovery.failures, "Consul can be read again");
        }
    }
}
