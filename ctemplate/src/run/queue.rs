//! The commands that wait to be run (pure): each once, however many files have changed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::command::Command;
use crate::config::settings::{OnError, Retry};

/// Commands in the order in which they were first asked for.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
}

/// A command, and why it is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// The command.
    pub(super) command: Command,
    /// The templates whose files have changed.
    pub(super) jobs: BTreeSet<usize>,
    on_error: OnError,
    failures: u32,
    not_before: Instant,
    latest: Instant,
}

/// What follows when a command has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its files become what they were.
    RollBack,
    /// It is run again; its files stay.
    Again,
    /// The program ends.
    Exit,
}

impl Queue {
    /// A file of `job` has changed. Its command waits no longer than `patience` for other files.
    pub(super) fn add(
        &mut self,
        command: &Command,
        job: usize,
        on_error: OnError,
        patience: Duration,
        now: Instant,
    ) {
        if let Some(waiting) = self.waiting.iter_mut().find(|it| it.command == *command) {
            waiting.jobs.insert(job);
            // What was just written is news for a command that was to be repeated later.
            (waiting.not_before, waiting.failures) = (now, 0);
            return;
        }
        self.waiting.push(Waiting {
            command: command.clone(),
            jobs: BTreeSet::from([job]),
            on_error,
            failures: 0,
            not_before: now,
            latest: now + patience,
        });
    }

    /// When the next command is to be run. `pending` tells until when a file is still to come that the command is for as
    /// well: one reload for both is enough.
    pub(super) fn due(&self, pending: impl Fn(&Command) -> Option<Instant>) -> Option<Instant> {
        self.waiting.iter().map(|it| it.due(&pending)).min()
    }

    /// Takes a command that is due.
    pub(super) fn take(
        &mut self,
        now: Instant,
        pending: impl Fn(&Command) -> Option<Instant>,
    ) -> Option<Waiting> {
        let position = self.waiting.iter().position(|it| it.due(&pending) <= now)?;
        Some(self.waiting.remove(position))
    }

    /// A command has failed. When it is to be run again, it waits here again.
    pub(super) fn failed(
        &mut self,
        mut waiting: Waiting,
        once: bool,
        retry: &Retry,
        now: Instant,
    ) -> Verdict {
        waiting.failures += 1;
        let is_last = retry.attempts.is_some_and(|attempts| waiting.failures > attempts.get());
        match waiting.on_error {
            OnError::Exit => Verdict::Exit,
            OnError::Retry if !once && !is_last => {
                waiting.not_before = now + pause(retry, waiting.failures);
                waiting.latest = waiting.not_before;
                self.waiting.push(waiting);
                Verdict::Again
            }
            OnError::Continue | OnError::Retry => Verdict::RollBack,
        }
    }

    /// The templates have others in their places.
    pub(super) fn forget_jobs(&mut self) {
        self.waiting.iter_mut().for_each(|it| it.jobs.clear());
    }

    /// Whether nothing waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Waiting {
    fn due(&self, pending: impl Fn(&Command) -> Option<Instant>) -> Instant {
        let until = pending(&self.command).map_or(self.not_before, |until| until.min(self.latest));
        until.max(self.not_before)
    }
}

/// The pause after so many failures.
pub(super) fn pause(retry: &Retry, failures: u32) -> Duration {
    let factor = 2_u32.checked_pow(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    retry.backoff.saturating_mul(factor).min(longest(retry))
}

/// The longest pause.
pub(super) fn longest(retry: &Retry) -> Duration {
    // A century is as good as for ever, and fits into every clock.
    const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);
    if retry.max_backoff.is_zero() { CENTURY } else { retry.max_backoff.min(CENTURY) }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::Verdict::{Again, Exit, RollBack};
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn command(line: &str) -> Command {
        Command::new(line.to_owned())
    }

    fn retry(attempts: u32) -> Retry {
        Retry {
            attempts: NonZeroU32::new(attempts),
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(3),
        }
    }

    #[test]
    fn a_command_of_two_files_runs_once_when_both_are_there() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (reload, other) = (command("reload"), command("other"));
        let mut queue = Queue::default();
        queue.add(&reload, 0, OnError::Continue, MINUTE, at(0));
        queue.add(&other, 1, OnError::Continue, MINUTE, at(0));
        // Another file that is followed by a reload comes in five seconds.
        let pending = |it: &Command| (*it == reload).then(|| at(5));
        assert_eq!(queue.due(pending), Some(at(0)));
        assert_eq!(queue.take(at(0), pending).unwrap().command, other);
        assert_eq!(queue.due(pending), Some(at(5)));
        assert_eq!(queue.take(at(4), pending), None);
        queue.add(&reload, 2, OnError::Continue, MINUTE, at(5));
        assert_eq!(queue.take(at(5), |_| None).unwrap().jobs, BTreeSet::from([0, 2]));
        assert!(queue.is_empty());
    }

    #[test]
    fn no_command_waits_for_ever_for_more_files() {
        let start = Instant::now();
        let mut queue = Queue::default();
        queue.add(&command("reload"), 0, OnError::Continue, MINUTE, start);
        let later = start + Duration::from_hours(1);
        assert_eq!(queue.due(|_| Some(later)), Some(start + MINUTE));
    }

    #[test]
    fn a_failed_command_is_repeated_as_the_policy_says() {
        let now = Instant::now();
        let verdicts = |on_error, once, attempts: u32| {
            let mut queue = Queue::default();
            queue.add(&command("reload"), 0, on_error, MINUTE, now);
            let mut verdicts = vec![];
            for _ in 0..4 {
                let Some(waiting) = queue.take(now + MINUTE, |_| None) else { break };
                verdicts.push(queue.failed(waiting, once, &retry(attempts), now));
            }
            verdicts
        };
        assert_eq!(verdicts(OnError::Continue, false, 0), [RollBack]);
        assert_eq!(verdicts(OnError::Exit, false, 0), [Exit]);
        assert_eq!(verdicts(OnError::Retry, false, 0), [Again, Again, Again, Again]);
        assert_eq!(verdicts(OnError::Retry, false, 2), [Again, Again, RollBack]);
        assert_eq!(verdicts(OnError::Retry, true, 0), [RollBack]);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = |retry: &Retry| [1, 2, 3, 4].map(|failures| pause(retry, failures).as_secs());
        assert_eq!(pauses(&retry(0)), [1, 2, 3, 3]);
        let unlimited = Retry { max_backoff: Duration::ZERO, ..retry(0) };
        assert_eq!(pauses(&unlimited), [1, 2, 4, 8]);
        assert!(Instant::now().checked_add(pause(&unlimited, 1000)).is_some());
    }
}
