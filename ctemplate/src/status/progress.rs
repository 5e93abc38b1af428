//! What became of one template so far.

use std::time::{Duration, Instant};

/// Counts and times of a template; they outlive a reload of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How often it was rendered, with or without everything it needs.
    pub renders: u64,
    /// How often its file was replaced.
    pub writes: u64,
    /// How often it failed, with its check and its command.
    pub failures: u64,
    /// When it was last rendered.
    pub rendered: Option<Instant>,
    /// How long that took.
    pub took: Duration,
    /// When its file was last replaced.
    pub written: Option<Instant>,
    /// Whether its file was at least once as it should be, and everybody told.
    pub is_in_place: bool,
}

impl Progress {
    /// A rendering that began at `start` is done.
    pub fn rendered(&mut self, start: Instant, now: Instant) {
        self.renders += 1;
        self.rendered = Some(now);
        self.took = now.saturating_duration_since(start);
    }

    /// The file was replaced.
    pub const fn written(&mut self, now: Instant) {
        self.writes += 1;
        self.written = Some(now);
    }
}
