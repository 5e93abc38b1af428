//! How many tasks a rolling replacement may start and kill at this moment.
//!
//! Marathon's `TaskReplaceActor` decides by counting what happened since the replacement began; this decides
//! by what there is, which keeps the same two promises at every instant and cannot get out of step:
//!
//! - healthy tasks never become fewer than `ceil(n * minimumHealthCapacity)` by our doing;
//! - there are never more tasks than `floor(n * (1 + maximumOverCapacity))`, and one more only where
//!   both bounds are the same, for otherwise nothing could move.

/// The tasks of an app that is being replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Old tasks that are healthy and not being killed.
    pub old_healthy: usize,
    /// Old tasks that are not healthy (or not yet) and not being killed.
    pub old_unhealthy: usize,
    /// New tasks that are healthy.
    pub new_healthy: usize,
    /// New tasks that are not healthy yet.
    pub new_unhealthy: usize,
    /// Tasks that are being killed but still there.
    pub dying: usize,
}

/// What to do now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// New tasks to start.
    pub start: usize,
    /// Old unhealthy tasks to kill.
    pub kill_unhealthy: usize,
    /// Old healthy tasks to kill.
    pub kill_healthy: usize,
}

/// The two capacities of an upgrade strategy, in tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Never fewer healthy tasks.
    pub min_healthy: usize,
    /// Never more tasks.
    pub max_total: usize,
}

impl Bounds {
    /// The bounds for `instances` tasks.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "numbers of tasks are small, and validation keeps both capacities in 0..=1"
    )]
    pub fn new(instances: usize, min_health: f64, over: f64) -> Self {
        let n = instances as f64;
        let min_healthy = (n * min_health).ceil() as usize;
        let max_total = (n * (1.0 + over)).floor() as usize;
        Self { min_healthy, max_total: max_total.max(instances) }
    }
}

/// Decides the next moves towards `instances` new tasks and no old one.
pub fn moves(instances: usize, bounds: Bounds, now: Census) -> Moves {
    let healthy = now.old_healthy + now.new_healthy;
    let stuck = bounds.min_healthy == bounds.max_total && healthy >= bounds.max_total;
    let max_total = bounds.max_total + usize::from(stuck && instances > 0);
    let new = now.new_healthy + now.new_unhealthy;
    let total = new + now.old_healthy + now.old_unhealthy + now.dying;
    let wanted = instances.saturating_sub(new);
    Moves {
        start: wanted.min(max_total.saturating_sub(total)),
        // They serve nobody, and an app whose old tasks all fail could never be repaired otherwise.
        kill_unhealthy: now.old_unhealthy,
        kill_healthy: now.old_healthy.min(healthy.saturating_sub(bounds.min_healthy)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_moves_are_marathons() {
        let old = |n| Census { old_healthy: n, ..Census::default() };
        let rows = [
            // name, n, min, over, census, start, kill healthy
            ("the seed app", 4, 0.5, 0.5, old(4), 2, 2),
            ("defaults", 3, 1.0, 1.0, old(3), 3, 0),
            ("no health needed, no room", 2, 0.0, 0.0, old(2), 0, 2),
            ("full health, no room: one over", 1, 1.0, 0.0, old(1), 1, 0),
            ("3/.7/.3: one over", 3, 0.7, 0.3, old(3), 1, 0),
            ("scaled down at once", 2, 1.0, 0.0, old(5), 0, 3),
            ("to nothing", 0, 1.0, 1.0, old(2), 0, 2),
        ];
        for (name, n, min, over, census, start, kill_healthy) in rows {
            let got = moves(n, Bounds::new(n, min, over), census);
            assert_eq!(got, Moves { start, kill_unhealthy: 0, kill_healthy }, "{name}");
        }
    }

    #[test]
    fn a_broken_app_can_be_replaced() {
        let census = Census { old_unhealthy: 4, ..Census::default() };
        let got = moves(4, Bounds::new(4, 1.0, 0.0), census);
        assert_eq!(got, Moves { start: 0, kill_unhealthy: 4, kill_healthy: 0 });
    }

    #[test]
    fn a_new_version_that_never_gets_healthy_leaves_the_minimum() {
        let census = Census { old_healthy: 2, new_unhealthy: 4, ..Census::default() };
        let got = moves(4, Bounds::new(4, 0.5, 0.5), census);
        assert_eq!(got, Moves::default());
    }
}
