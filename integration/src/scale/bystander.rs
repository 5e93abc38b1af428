//! Another client of the same Consul on the same host, which asks at a steady rate and opens a connection each time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use reqwest::StatusCode;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::http;
use crate::rig::dev_agent::DevAgent;

/// Between two requests: fifty a second.
const PERIOD: Duration = Duration::from_millis(20);
/// How long a request may take before it counts as failed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The client; it stops when it is dropped.
#[derive(Debug)]
pub struct Bystander {
    seen: Arc<Mutex<Seen>>,
    _task: JoinSet<()>,
}

/// What it was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// All requests that have ended.
    pub requests: u32,
    /// Those answered with 429.
    pub refused: u32,
    /// Those that were answered otherwise than with 200, or not at all.
    pub failed: u32,
}

impl Bystander {
    /// Starts asking who leads, which needs nothing of Consul but a connection.
    ///
    /// # Errors
    ///
    /// When this machine cannot make HTTP clients.
    pub fn start(consul: &DevAgent) -> Result<Self> {
        let client = http::builder().timeout(TIMEOUT).pool_max_idle_per_host(0).build()?;
        let url = format!("http://{}/v1/status/leader", consul.api());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let into = Arc::clone(&seen);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut clock = interval(PERIOD);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                clock.tick().await;
                let status = http::status(&client.get(&url).send().await);
                into.lock().unwrap_or_else(PoisonError::into_inner).count(status);
            }
        });
        Ok(Self { seen, _task: task })
    }

    /// What it was answered so far.
    pub fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    const fn count(&mut self, status: Option<StatusCode>) {
        self.requests += 1;
        match status {
            Some(StatusCode::OK) => {}
            Some(StatusCode::TOO_MANY_REQUESTS) => self.refused += 1,
            _ => self.failed += 1,
        }
    }

    /// How many of a hundred requests were refused; nothing when there was none.
    pub fn refused_percent(self) -> Option<f64> {
        let share = f64::from(self.refused) * 100.0 / f64::from(self.requests);
        (self.requests > 0).then_some(share)
    }
}
