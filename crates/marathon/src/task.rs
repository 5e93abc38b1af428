//! A task as Marathon reports it.

use serde::Deserialize;

use crate::TaskId;
use crate::lenient;

/// One task of an app, as far as the programs want to know: there may be tens of thousands. Fields are empty where this
/// release of Marathon, or this state, has none.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Never used twice.
    pub id: TaskId,
    /// The Mesos agent's host name or address.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub host: String,
    /// Host ports in the order of the definition; a mapping without host port takes no slot.
    #[serde(default, deserialize_with = "lenient::list")]
    pub ports: Vec<u16>,
    /// Since 0.14, filled once the task runs.
    #[serde(default, deserialize_with = "lenient::list")]
    pub ip_addresses: Vec<TaskIp>,
    /// One for each check that had a first result.
    #[serde(default, deserialize_with = "lenient::list")]
    pub health_check_results: Vec<HealthCheckResult>,
    /// Since 1.1; use [`Task::state`].
    #[serde(default, rename = "state")]
    pub reported_state: Option<TaskState>,
    /// When it ran.
    #[serde(default)]
    pub started_at: Option<String>,
    /// The version of the app it was started from.
    #[serde(default)]
    pub version: Option<String>,
}

impl Task {
    /// The state, for releases that do not report one derived from `startedAt`.
    pub fn state(&self) -> TaskState {
        match &self.reported_state {
            Some(state) => state.clone(),
            None if self.started_at.is_some() => TaskState::Running,
            None => TaskState::Staging,
        }
    }
}

/// An address of the task's own (container networking), or the agent's.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskIp {
    /// The address.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub ip_address: String,
}

/// The latest result of one health check.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheckResult {
    /// The last success is later than the last failure.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub alive: bool,
}

/// The Mesos state of a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
#[expect(missing_docs, reason = "the names are Mesos' own, and its documentation defines them")]
pub enum TaskState {
    Staging,
    Starting,
    Running,
    Killing,
    Finished,
    Failed,
    Killed,
    Error,
    Lost,
    Unreachable,
    Gone,
    Dropped,
    Unknown,
    /// One this program was not told of.
    Other(String),
}

impl TaskState {
    /// The task has ended and does not come back.
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Finished | Self::Failed | Self::Killed | Self::Error | Self::Gone | Self::Dropped
        )
    }
}

impl From<String> for TaskState {
    fn from(state: String) -> Self {
        match state.as_str() {
            "TASK_STAGING" => Self::Staging,
            "TASK_STARTING" => Self::Starting,
            "TASK_RUNNING" => Self::Running,
            "TASK_KILLING" => Self::Killing,
            "TASK_FINISHED" => Self::Finished,
            "TASK_FAILED" => Self::Failed,
            "TASK_KILLED" => Self::Killed,
            "TASK_ERROR" => Self::Error,
            "TASK_LOST" => Self::Lost,
            "TASK_UNREACHABLE" => Self::Unreachable,
            "TASK_GONE" | "TASK_GONE_BY_OPERATOR" => Self::Gone,
            "TASK_DROPPED" => Self::Dropped,
            "TASK_UNKNOWN" => Self::Unknown,
            _ => Self::Other(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_comes_from_started_at_where_it_is_not_reported() {
        let state = |json: &str| serde_json::from_str::<Task>(json).unwrap().state();
        assert_eq!(state(r#"{"id":"a.1","startedAt":null,"stagedAt":"x"}"#), TaskState::Staging);
        assert_eq!(state(r#"{"id":"a.1","startedAt":"2015-09-11T22:11:03Z"}"#), TaskState::Running);
        assert_eq!(
            state(r#"{"id":"a.1","startedAt":"x","state":"TASK_KILLING"}"#),
            TaskState::Killing
        );
    }

    #[test]
    fn null_missing_and_empty_are_alike() {
        let bare: Task = serde_json::from_str(r#"{"id":"a.1"}"#).unwrap();
        let nulls = r#"{"id":"a.1","appId":null,"host":null,"ports":null,"ipAddresses":null,
            "healthCheckResults":[null],"slaveId":null,"state":null,"version":null,"extra":{}}"#;
        assert_eq!(serde_json::from_str::<Task>(nulls).unwrap(), bare);
    }
}
