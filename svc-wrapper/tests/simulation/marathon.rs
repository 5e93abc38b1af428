//! A Marathon with one app.

use svc_wrapper::restart::{Accepted, App, Moment, Posted};
use svc_wrapper::version::Version;

use crate::mix::Millis;

/// When the simulated time begins.
pub(crate) const EPOCH: Millis = 1_795_000_000_000;

pub(crate) struct Marathon {
    pub(crate) up: bool,
    /// Too many deployments of other apps.
    pub(crate) busy: bool,
    /// What the app's new tasks are launched as.
    pub(crate) version: Release,
    /// What it was before the running deployment.
    before: Release,
    pub(crate) deployment: Option<Deployment>,
    deployments: u64,
}

/// A version of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    since: Millis,
    pub(crate) version: Version,
}

pub(crate) struct Deployment {
    pub(crate) id: u64,
    /// From when on the new version is shown.
    shown: Millis,
    /// Until when nothing moves.
    pub(crate) stalled: Millis,
}

impl Release {
    fn new(since: Millis) -> Self {
        let moment = Moment::from_millis(EPOCH + since);
        Self { since, version: Version::parse(&moment.to_string()).unwrap() }
    }

    /// The one made now: later than this one, however short a time that is.
    fn next(self, now: Millis) -> Self {
        Self::new(now.max(self.since + 1))
    }
}

impl Marathon {
    pub(crate) fn new() -> Self {
        Self {
            up: true,
            busy: false,
            version: Release::new(0),
            before: Release::new(0),
            deployment: None,
            deployments: 0,
        }
    }

    pub(crate) fn app(&self, now: Millis) -> App {
        let version = match &self.deployment {
            Some(deployment) if now < deployment.shown => self.before,
            _ => self.version,
        };
        let name = |deployment: &Deployment| format!("d{}", deployment.id);
        App {
            changed: version.version,
            deployments: self.deployment.iter().map(name).collect(),
            task: None,
            progress: None,
        }
    }

    /// The request for a restart, not forced.
    pub(crate) fn restart(&mut self, window: Millis, now: Millis) -> Posted {
        if self.deployment.is_some() {
            return Posted::Conflict;
        }
        if self.busy {
            return Posted::Later;
        }
        let id = self.deploy(window, 0, now);
        let version = Some(self.version.version);
        Posted::Accepted(Accepted { version, deployment: format!("d{id}") })
    }

    /// A deployment begins, of a new version.
    pub(crate) fn deploy(&mut self, window: Millis, stalled: Millis, now: Millis) -> u64 {
        assert!(self.deployment.is_none(), "two deployments at a time");
        self.before = self.version;
        self.version = self.version.next(now);
        self.begin(now + window, stalled)
    }

    /// An operator takes the running deployment back, with a new version or the one before.
    pub(crate) fn roll_back(&mut self, anew: bool, now: Millis) -> Option<u64> {
        self.deployment.take()?;
        self.version = if anew { self.version.next(now) } else { self.before };
        Some(self.begin(now, 0))
    }

    fn begin(&mut self, shown: Millis, stalled: Millis) -> u64 {
        self.deployments += 1;
        let id = self.deployments;
        self.deployment = Some(Deployment { id, shown, stalled });
        id
    }
}
