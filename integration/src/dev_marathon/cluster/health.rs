//! What one health check knows about one task.

use jiff::Timestamp;

use super::task::Phase;
use super::{Cluster, Outside};
use crate::dev_marathon::spec::HealthCheck;

/// The memory of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckState {
    /// Whether any probe has come back.
    pub has_result: bool,
    /// The first good probe.
    pub first_success: Option<Timestamp>,
    /// The last good probe.
    pub last_success: Option<Timestamp>,
    /// The last bad probe that counted.
    pub last_failure: Option<Timestamp>,
    /// What was wrong then.
    pub last_failure_cause: Option<String>,
    /// Bad probes in a row that counted.
    pub consecutive_failures: u32,
}

/// What a probe means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do: good, or bad before it counts.
    Fine,
    /// A failure that counts.
    Failed,
    /// One failure too many.
    Fatal,
}

impl CheckState {
    /// The last probe that counted was good.
    pub fn is_alive(&self) -> bool {
        self.last_success.is_some() && self.last_success > self.last_failure
    }

    /// Takes in a probe of a task that has been running since `started`.
    pub fn on(
        &mut self,
        check: &HealthCheck,
        started: Timestamp,
        now: Timestamp,
        result: Result<(), String>,
    ) -> Verdict {
        self.has_result = true;
        let Err(cause) = result else {
            self.first_success.get_or_insert(now);
            self.last_success = Some(now);
            self.consecutive_failures = 0;
            return Verdict::Fine;
        };
        // A clock that goes backwards makes the task young again, no more.
        let age = now.duration_since(started).unsigned_abs();
        if self.first_success.is_none() && age < check.grace() {
            return Verdict::Fine;
        }
        let fatal = check.survives().is_some_and(|most| self.consecutive_failures >= most);
        self.consecutive_failures += 1;
        self.last_failure = Some(now);
        self.last_failure_cause = Some(cause);
        if fatal { Verdict::Fatal } else { Verdict::Failed }
    }
}

impl Cluster {
    /// A check of a task came back.
    pub(super) fn on_probed(
        &mut self,
        id: &str,
        index: usize,
        result: Result<(), String>,
        outside: &Outside<'_>,
    ) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let Phase::Running { since } = task.phase else { return };
        let (was_alive, was_healthy) =
            (task.checks.get(index).map(CheckState::is_alive), task.health());
        let Some(check) = task.definition.spec.health_checks.get(index) else { return };
        let Some(state) = task.checks.get_mut(index) else { return };
        let verdict = state.on(check, since, outside.now, result);
        let (alive, cause) = (state.is_alive(), state.last_failure_cause.clone());
        let task = task.clone();
        if verdict != Verdict::Fine {
            self.announce_failed_check(&task, index, outside.now);
        }
        if was_alive != Some(alive) {
            self.announce_alive(&task, alive, outside.now);
        }
        if task.health() != was_healthy {
            self.announce_health(&task, outside.now);
        }
        if verdict == Verdict::Fatal {
            self.announce_unhealthy_kill(&task, cause.as_deref().unwrap_or_default(), outside.now);
            self.kill(id, false, outside);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    #[test]
    fn follows_marathons_rules() {
        use Verdict::{Failed, Fatal, Fine};
        // Each probe: second, good; then verdict, alive, consecutive failures.
        type Probe = (i64, bool, Verdict, bool, u32);
        let rows: [(&str, u32, &str, &[Probe]); 5] = [
            (
                "failures in the grace period do not count",
                1,
                "HTTP",
                &[
                    (1, false, Fine, false, 0),
                    (9, false, Fine, false, 0),
                    (10, false, Failed, false, 1),
                ],
            ),
            (
                "after the first success they do",
                1,
                "HTTP",
                &[
                    (1, true, Fine, true, 0),
                    (2, false, Failed, false, 1),
                    (3, false, Fatal, false, 2),
                ],
            ),
            (
                "a success forgives",
                1,
                "TCP",
                &[(1, true, Fine, true, 0), (2, false, Failed, false, 1), (3, true, Fine, true, 0)],
            ),
            (
                "max 0 never kills",
                0,
                "HTTP",
                &[(20, false, Failed, false, 1), (21, false, Failed, false, 2)],
            ),
            ("the agent kills at once with max 0", 0, "COMMAND", &[(20, false, Fatal, false, 1)]),
        ];
        for (name, max, protocol, probes) in rows {
            let check = HealthCheck {
                protocol: protocol.to_owned(),
                grace_period_seconds: 10.0,
                max_consecutive_failures: max,
                ..HealthCheck::default()
            };
            let mut state = CheckState::default();
            for &(second, good, verdict, alive, failures) in probes {
                let result = if good { Ok(()) } else { Err("bad".to_owned()) };
                let got = state.on(&check, at(0), at(second), result);
                let got = (got, state.is_alive(), state.consecutive_failures);
                assert_eq!(got, (verdict, alive, failures), "{name} at {second}");
            }
        }
    }
}
