//! Deployments that do not end, and what may be done about one (pure).
//!
//! | `--stuck` | when | then |
//! | --- | --- | --- |
//! | `wait` | | nothing but words in the log |
//! | `exit` | this task was unhealthy all the time, and its configuration is not the current one | it leaves, so that Marathon starts it again |
//! | `force` | the deployment is the recorded restart, affects this app alone and made no progress, and the configuration changed since | the next restart replaces it |

use std::time::{Duration, Instant};

use super::intent::Record;
use super::{App, Progress};
use crate::env::Digest;

/// What to do about a deployment that does not end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stuck {
    /// Say so, and wait.
    #[default]
    Wait,
    /// Leave when this task is unhealthy.
    Exit,
    /// Restart the app in spite of it.
    Force,
}

/// What a deployment looked like for how long.
#[derive(Clone, Debug)]
pub(super) struct Vigil {
    /// When it was first seen.
    since: Instant,
    /// The latest progress, and when.
    progress: (Option<Progress>, Instant),
    /// Since when this task is unhealthy.
    unhealthy: Option<Instant>,
    /// Whether it was said.
    told: bool,
}

impl Vigil {
    pub(super) const fn new(now: Instant) -> Self {
        Self { since: now, progress: (None, now), unhealthy: None, told: false }
    }

    /// Takes in one more look at the app.
    pub(super) fn note(&mut self, app: &App, now: Instant) {
        if app.progress != self.progress.0 {
            self.progress = (app.progress.clone(), now);
        }
        let unhealthy = app.task.is_some_and(|task| task.healthy == Some(false));
        self.unhealthy = unhealthy.then(|| self.unhealthy.unwrap_or(now));
    }

    /// True once, when it is time to tell.
    pub(super) fn tells(&mut self, after: Duration, now: Instant) -> bool {
        let due = !self.told && now >= self.since + after;
        self.told |= due;
        due
    }

    /// Whether this task should leave.
    pub(super) fn calls_for_exit(&self, after: Duration, now: Instant) -> bool {
        self.unhealthy.is_some_and(|since| now >= since + after)
    }

    /// Whether the deployment may be replaced, as far as one look can tell.
    pub(super) fn calls_for_force(&self, after: Duration, now: Instant) -> bool {
        let (progress, since) = &self.progress;
        progress.as_ref().is_some_and(|progress| progress.alone) && now >= *since + after
    }
}

/// Whether the deployment is the restart on record, for a configuration that is no longer the one.
pub(super) fn is_ours(app: &App, record: Option<&Record>, wanted: &Digest) -> bool {
    let [blocking] = app.deployments.as_slice() else { return false };
    record.is_some_and(|record| {
        record.deployment.as_ref() == Some(blocking) && record.target != *wanted
    })
}
