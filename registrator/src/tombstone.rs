//! Tasks that are known to end, so that an answer read before, or by a standby that lags, cannot bring them back.
//!
//! An event tells at once which task ends, and only an answer tells what replaces it: in a roll Marathon kills the old tasks
//! in the same moment in which it finds the new ones healthy. So a grave counts when an answer has come that was asked for
//! after the event, or when waiting for one has taken too long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use marathon::{AppId, TaskId, TaskState};

use crate::view::View;

/// A grave is kept at least this long: by then every answer that was under way has come.
const KEEP: Duration = Duration::from_mins(1);

/// How sure it is that a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// An instance is being killed. From 1.8 on an instance outlives its tasks, so a late event may hit the next task: an
    /// answer that was asked for [`DOUBT`] later and says "running" lifts it.
    Instance,
    /// The task itself was named.
    Task,
}

/// See [`Evidence::Instance`].
pub const DOUBT: Duration = Duration::from_secs(5);

/// How far a task has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It was told to end.
    Killing,
    /// It has ended.
    Ended,
}

impl Fate {
    /// How long the removal may wait for an answer. A task that was told to end serves until it has, and its health check
    /// says so; one that has ended serves nobody.
    const fn patience(self) -> Duration {
        match self {
            Self::Killing => Duration::from_secs(5),
            Self::Ended => Duration::from_millis(50),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Grave {
    app: AppId,
    since: Instant,
    counts_from: Instant,
    evidence: Evidence,
    fate: Fate,
}

/// The graves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tombstones {
    graves: BTreeMap<TaskId, Grave>,
}

impl Tombstones {
    /// The task ends. Gives back when that counts at the latest.
    pub fn bury(
        &mut self,
        app: &AppId,
        task: TaskId,
        (evidence, fate): (Evidence, Fate),
        now: Instant,
    ) -> Instant {
        let counts_from = now + fate.patience();
        let new = Grave { app: app.clone(), since: now, counts_from, evidence, fate };
        let grave = self.graves.entry(task).or_insert(new);
        grave.evidence = grave.evidence.max(evidence);
        if grave.fate < fate {
            grave.fate = fate;
            grave.since = now;
        }
        grave.counts_from = grave.counts_from.min(counts_from);
        grave.counts_from
    }

    /// What is known of the task's end, whether it counts yet or not.
    pub fn fate(&self, task: &TaskId) -> Option<Fate> {
        self.graves.get(task).map(|grave| grave.fate)
    }

    /// What is known of the task's end and counts now.
    pub fn counting(&self, task: &TaskId, now: Instant) -> Option<Fate> {
        self.graves.get(task).filter(|grave| grave.counts_from <= now).map(|grave| grave.fate)
    }

    /// When the next grave begins to count.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        self.graves.values().map(|grave| grave.counts_from).filter(|at| *at > now).min()
    }

    /// Marathon has answered, about this app or about everything: what it was asked for after the event counts.
    pub fn answered(&mut self, app: Option<&AppId>, asked: Instant, now: Instant) {
        let of_app = |grave: &&mut Grave| app.is_none_or(|app| grave.app == *app);
        for grave in self.graves.values_mut().filter(of_app) {
            if grave.since <= asked {
                grave.counts_from = grave.counts_from.min(now);
            }
        }
    }

    /// Drops what a complete answer of Marathon, asked for at `asked`, makes needless or proves wrong.
    pub fn sweep(&mut self, view: &View, asked: Instant, now: Instant) {
        if self.graves.is_empty() {
            return;
        }
        let buried = view.tasks().filter(|task| self.graves.contains_key(&task.id));
        let states: BTreeMap<_, _> = buried.map(|task| (task.id.clone(), task.state())).collect();
        self.graves.retain(|task, grave| match states.get(task) {
            None => now < grave.since + KEEP || asked <= grave.since,
            Some(TaskState::Running) => {
                grave.evidence == Evidence::Task || asked < grave.since + DOUBT
            }
            Some(_) => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use marathon::Apps;

    use super::*;

    fn view(state: Option<&str>) -> View {
        let tasks: Vec<_> =
            state.iter().map(|state| serde_json::json!({"id": "a.1", "state": state})).collect();
        let app = serde_json::json!({"id": "/a", "tasks": tasks});
        View::of::<marathon::App>(Apps {
            apps: vec![serde_json::from_value(app).unwrap()],
            malformed: Vec::new(),
        })
    }

    #[test]
    fn graves_are_kept_while_they_may_be_needed() {
        let secs = Duration::from_secs;
        let rows = [
            ("just gone", Evidence::Task, None, 1, 2, true),
            ("long gone", Evidence::Task, None, 69, 70, false),
            ("killing goes on", Evidence::Instance, Some("TASK_KILLING"), 600, 600, true),
            ("a stale answer", Evidence::Instance, Some("TASK_RUNNING"), 1, 2, true),
            (
                "the next task of the instance",
                Evidence::Instance,
                Some("TASK_RUNNING"),
                6,
                7,
                false,
            ),
            ("named itself", Evidence::Task, Some("TASK_RUNNING"), 600, 600, true),
        ];
        for (name, evidence, state, asked, now, want) in rows {
            let start = Instant::now();
            let mut graves = Tombstones::default();
            graves.bury(&"/a".into(), "a.1".into(), (evidence, Fate::Killing), start);
            graves.sweep(&view(state), start + secs(asked), start + secs(now));
            assert_eq!(graves.fate(&"a.1".into()).is_some(), want, "{name}");
        }
    }
    #[test]
    fn a_grave_counts_when_an_answer_has_come_or_patience_is_at_an_end() {
        let millis = Duration::from_millis;
        let start = Instant::now();
        let task: TaskId = "a.1".into();
        let bury = |graves: &mut Tombstones, fate, at| {
            graves.bury(&"/a".into(), task.clone(), (Evidence::Task, fate), at)
        };
        let mut graves = Tombstones::default();
        let latest = bury(&mut graves, Fate::Killing, start);
        assert_eq!(latest, start + Fate::Killing.patience());
        assert_eq!(graves.next(start), Some(latest));
        assert_eq!(graves.counting(&task, start), None);
        assert_eq!(graves.counting(&task, latest), Some(Fate::Killing));

        for (app, asked, counts) in [
            (None, start.checked_sub(millis(1)).unwrap(), false),
            (Some("/b"), start + millis(1), false),
            (Some("/a"), start + millis(1), true),
            (None, start + millis(1), true),
        ] {
            let mut graves = graves.clone();
            let now = start + millis(2);
            graves.answered(app.map(AppId::from).as_ref(), asked, now);
            assert_eq!(graves.counting(&task, now).is_some(), counts, "{app:?} {asked:?}");
        }

        let ended = start + millis(10);
        let latest = bury(&mut graves, Fate::Ended, ended);
        assert_eq!(latest, ended + Fate::Ended.patience());
        assert_eq!(graves.counting(&task, latest), Some(Fate::Ended));
    }
}
