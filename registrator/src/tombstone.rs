//! Tasks that are known to end, so that an answer read before, or by a standby that lags, cannot bring them back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use marathon::{TaskId, TaskState};

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grave {
    since: Instant,
    evidence: Evidence,
    fate: Fate,
}

/// The graves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tombstones {
    graves: BTreeMap<TaskId, Grave>,
}

impl Tombstones {
    /// The task ends.
    pub fn bury(&mut self, task: TaskId, evidence: Evidence, fate: Fate, now: Instant) {
        let new = Grave { since: now, evidence, fate };
        let grave = self.graves.entry(task).or_insert(new);
        grave.evidence = grave.evidence.max(evidence);
        grave.fate = grave.fate.max(fate);
    }

    /// What is known of the task's end.
    pub fn fate(&self, task: &TaskId) -> Option<Fate> {
        self.graves.get(task).map(|grave| grave.fate)
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
        View::of(Apps { apps: vec![serde_json::from_value(app).unwrap()], malformed: Vec::new() })
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
            graves.bury("a.1".into(), evidence, Fate::Killing, start);
            graves.sweep(&view(state), start + secs(asked), start + secs(now));
            assert_eq!(graves.fate(&"a.1".into()).is_some(), want, "{name}");
        }
    }
}
