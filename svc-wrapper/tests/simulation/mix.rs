//! What goes wrong, and how often.

/// Milliseconds of the simulation's own time.
pub(crate) type Millis = u64;

pub(crate) const SECOND: Millis = 1_000;
pub(crate) const MINUTE: Millis = 60 * SECOND;

/// The network between an instance and whom it asks. Probabilities are those of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    /// It takes its time, up to `slowest`, and thereby overtakes and is overtaken.
    pub(crate) slow: f64,
    pub(crate) slowest: Millis,
    /// A request never arrives.
    pub(crate) lost: f64,
    /// An answer never arrives.
    pub(crate) unanswered: f64,
    /// A request arrives a second time, later.
    pub(crate) doubled: f64,
}

/// A mix of faults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    pub(crate) name: &'static str,
    /// For everything but restarts,
    pub(crate) network: Network,
    /// and for them.
    pub(crate) restarts: Network,
    /// How many of each there are in a run, at most.
    pub(crate) crashes: u64,
    pub(crate) pauses: u64,
    pub(crate) outages: u64,
    pub(crate) revocations: u64,
    pub(crate) deployments: u64,
    pub(crate) refusals: u64,
    pub(crate) holds: u64,
    pub(crate) resets: u64,
    /// A read without a quorum shows what was.
    pub(crate) stale: f64,
    /// How long Marathon shows the old version of an app whose deployment it already shows.
    pub(crate) window: Millis,
    /// How much the hosts' clocks differ.
    pub(crate) skew: Millis,
    /// The most of a hundred restarts that no living instance needed,
    pub(crate) needless: f64,
    /// and the most requests for a hundred of them, which is what the lock is for.
    pub(crate) requests: f64,
    /// How many more restarts than reasons for one a run may have.
    pub(crate) excess: u64,
}

const GOOD: Network = Network { slow: 0.0, slowest: 1, lost: 0.0, unanswered: 0.0, doubled: 0.0 };

pub(crate) const IDEAL: Mix = Mix {
    name: "ideal",
    network: GOOD,
    restarts: GOOD,
    crashes: 0,
    pauses: 0,
    outages: 0,
    revocations: 0,
    deployments: 0,
    refusals: 0,
    holds: 0,
    resets: 0,
    stale: 0.0,
    window: 100,
    skew: 500,
    needless: 0.1,
    requests: 100.0,
    excess: 0,
};

pub(crate) const FAULTS: Mix = Mix {
    name: "faults",
    network: Network { slow: 0.02, slowest: 8_000, lost: 0.01, unanswered: 0.01, doubled: 0.01 },
    restarts: Network { slow: 0.1, slowest: 20_000, lost: 0.05, unanswered: 0.1, doubled: 0.02 },
    crashes: 12,
    pauses: 8,
    outages: 6,
    revocations: 2,
    deployments: 4,
    refusals: 2,
    holds: 1,
    resets: 1,
    stale: 0.02,
    window: 500,
    skew: 2_000,
    needless: 0.8,
    requests: 125.0,
    excess: 3,
};

pub(crate) const NASTY: Mix = Mix {
    name: "nasty",
    network: Network { slow: 0.1, slowest: 14_000, lost: 0.05, unanswered: 0.05, doubled: 0.05 },
    restarts: Network { slow: 0.3, slowest: 60_000, lost: 0.1, unanswered: 0.4, doubled: 0.05 },
    crashes: 30,
    pauses: 20,
    outages: 16,
    revocations: 4,
    deployments: 8,
    refusals: 4,
    holds: 2,
    resets: 2,
    stale: 0.05,
    window: 2_000,
    skew: 5_000,
    needless: 3.0,
    requests: 135.0,
    excess: 3,
};
