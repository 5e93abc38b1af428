//! Identifiers. Two strings that must not be swapped are two types.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The absolute path of an app, with its leading slash: `/app/production/web`. Clones share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct AppId(Arc<str>);

impl AppId {
    /// A relative id is taken relative to the root group, as Marathon does with a posted one.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        let inner = id.trim_matches('/');
        Self(format!("/{inner}").into())
    }

    /// With the leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `web` of `/app/production/web`.
    pub fn last_segment(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl From<String> for AppId {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

impl From<&str> for AppId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<AppId> for String {
    fn from(id: AppId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One run of one task: `app_web.<uuid>`, since 1.8 `app_web.instance-<uuid>._app.<incarnation>`. Never used twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(String);

impl TaskId {
    /// Takes the id as Marathon or Mesos spells it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As Marathon spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TaskId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What events since 1.4 name instead of a task. In 1.8 and later an instance outlives its task: a failed task is
/// relaunched in the same instance with the next incarnation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(String);

impl InstanceId {
    /// Takes the id as an event spells it; events before 1.4 carry the task id instead, which covers just that task.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As Marathon spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `task` runs in this instance: equal ids, a task of an instance (1.8 and later), or `<app>.<uuid>` in
    /// `<app>.marathon-<uuid>` (1.4 to 1.7).
    pub fn covers(&self, task: &TaskId) -> bool {
        let (instance, task) = (self.as_str(), task.as_str());
        match task.strip_prefix(instance) {
            Some(rest) => rest.is_empty() || rest.starts_with('.'),
            None => legacy_task_id(instance).is_some_and(|id| id == task),
        }
    }
}

impl From<&str> for InstanceId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn legacy_task_id(instance: &str) -> Option<String> {
    let (app, last) = instance.rsplit_once('.')?;
    let uuid = last.strip_prefix("marathon-").or_else(|| last.strip_prefix("instance-"))?;
    Some(format!("{app}.{uuid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "f16ce949-65fc-11e7-bbb2-3e4c59999dee";

    #[test]
    fn an_instance_covers_its_tasks_in_every_version() {
        let rows = [
            ("0.13: the task itself", format!("a_b.{UUID}"), format!("a_b.{UUID}"), true),
            ("1.4", format!("a_b.marathon-{UUID}"), format!("a_b.{UUID}"), true),
            ("1.8", format!("a_b.instance-{UUID}"), format!("a_b.instance-{UUID}._app.1"), true),
            ("1.8, task of 1.7", format!("a_b.instance-{UUID}"), format!("a_b.{UUID}"), true),
            ("other app", format!("a_c.instance-{UUID}"), format!("a_b.instance-{UUID}"), false),
            ("not at a dot", "a_b.instance-1".into(), "a_b.instance-12._app.1".into(), false),
        ];
        for (name, instance, task, want) in rows {
            assert_eq!(InstanceId::new(instance).covers(&TaskId::new(task)), want, "{name}");
        }
    }

    #[test]
    fn app_ids_are_absolute() {
        let rows = [("a/b", "/a/b", "b"), ("/a/b", "/a/b", "b"), ("//a", "/a", "a"), ("", "/", "")];
        for (given, want, last) in rows {
            let id = AppId::new(given);
            assert_eq!((id.as_str(), id.last_segment()), (want, last), "{given}");
        }
    }
}
