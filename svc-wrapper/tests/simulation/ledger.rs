//! What is counted, and what must not happen.

/// One run's counts.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) events: u64,
    /// Writes that made the configuration another.
    pub(crate) changes: u64,
    /// Those, and instances that had to start with something else than what was there.
    pub(crate) reasons: u64,
    /// Requests for a restart that were sent.
    pub(crate) posts: u64,
    /// Who sent the last of them.
    pub(crate) poster: usize,
    /// Requests that have not arrived yet.
    pub(crate) under_way: u64,
    /// Those that Marathon accepted,
    pub(crate) restarts: u64,
    /// although no living instance had anything but the current configuration.
    pub(crate) needless: u64,
    pub(crate) violations: Vec<String>,
}

/// What came of a run, or of many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) runs: u64,
    pub(crate) events: u64,
    pub(crate) changes: u64,
    pub(crate) posts: u64,
    pub(crate) restarts: u64,
    pub(crate) needless: u64,
    /// Runs that ended with an instance that is not in sync.
    pub(crate) stale: u64,
    /// The most restarts that any run had beyond its reasons for one.
    pub(crate) excess: u64,
    pub(crate) violations: Vec<String>,
}

impl Ledger {
    pub(crate) fn outcome(self, settled: bool) -> Outcome {
        let mut violations = self.violations;
        // I6: whatever goes wrong, without a reason nothing is restarted.
        if self.reasons == 0 && self.restarts > 0 {
            violations.push(format!("I6: {} restarts for nothing", self.restarts));
        }
        Outcome {
            runs: 1,
            events: self.events,
            changes: self.changes,
            posts: self.posts,
            restarts: self.restarts,
            needless: self.needless,
            stale: u64::from(!settled),
            excess: self.restarts.saturating_sub(self.reasons),
            violations,
        }
    }
}

impl Outcome {
    pub(crate) fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.events += other.events;
        self.changes += other.changes;
        self.posts += other.posts;
        self.restarts += other.restarts;
        self.needless += other.needless;
        self.stale += other.stale;
        self.excess = self.excess.max(other.excess);
        self.violations.extend(other.violations);
    }

    /// In a hundred restarts.
    pub(crate) fn needless_rate(&self) -> f64 {
        self.rate(self.needless)
    }

    /// For a hundred restarts.
    pub(crate) fn request_rate(&self) -> f64 {
        self.rate(self.posts)
    }

    fn rate(&self, number: u64) -> f64 {
        let float = |number| f64::from(u32::try_from(number).unwrap());
        100.0 * float(number) / float(self.restarts.max(1))
    }
}
