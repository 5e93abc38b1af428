//! A frame to an event.
//!
//! The type is taken from the JSON: old releases send no `event` line. An event that cannot be read is
//! [`Event::Unknown`], never an error: events are hints, and the state is read over REST.

use serde::Deserialize;

use crate::sse::Frame;
use crate::task::TaskState;
use crate::{AppId, InstanceId, TaskId};

/// Names of the events that are read here, for the filter of the stream.
pub mod kinds {
    /// [`Event::StatusUpdate`](super::Event::StatusUpdate)
    pub const STATUS_UPDATE: &str = "status_update_event";
    /// [`Event::HealthChanged`](super::Event::HealthChanged), of one check
    pub const HEALTH_STATUS_CHANGED: &str = "health_status_changed_event";
    /// [`Event::InstanceChanged`](super::Event::InstanceChanged)
    pub const INSTANCE_CHANGED: &str = "instance_changed_event";
    /// [`Event::HealthChanged`](super::Event::HealthChanged), of all checks together
    pub const INSTANCE_HEALTH_CHANGED: &str = "instance_health_changed_event";
    /// [`Event::AppTerminated`](super::Event::AppTerminated)
    pub const APP_TERMINATED: &str = "app_terminated_event";
    /// [`Event::Unknown`](super::Event::Unknown), as are the next two: that there was one says it all
    pub const POD_CREATED: &str = "pod_created_event";
    /// The definition of a pod changed.
    pub const POD_UPDATED: &str = "pod_updated_event";
    /// A pod was deleted.
    pub const POD_DELETED: &str = "pod_deleted_event";
    /// [`Event::DeploymentSuccess`](super::Event::DeploymentSuccess)
    pub const DEPLOYMENT_SUCCESS: &str = "deployment_success";
    /// [`Event::DeploymentFailed`](super::Event::DeploymentFailed)
    pub const DEPLOYMENT_FAILED: &str = "deployment_failed";
}

/// What happened, as far as the programs want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A task changed its state.
    StatusUpdate {
        /// The task's app.
        app: AppId,
        /// The task.
        task: TaskId,
        /// The new state.
        status: TaskState,
        /// The Mesos agent's name.
        host: String,
    },
    /// An instance changed its condition (1.4 and later).
    InstanceChanged {
        /// The instance's app.
        app: AppId,
        /// The instance.
        instance: InstanceId,
        /// The condition, as Marathon spells it: `Running`, `Killing`, `Failed`…
        condition: String,
        /// The Mesos agent's name, when the instance has one.
        host: Option<String>,
    },
    /// A check, or all checks together, changed to good or bad.
    HealthChanged {
        /// The instance's app.
        app: AppId,
        /// The instance; before 1.4 the task.
        instance: InstanceId,
        /// `None` when not yet known.
        healthy: Option<bool>,
    },
    /// The last task of a deleted app is gone.
    AppTerminated {
        /// The app that was.
        app: AppId,
    },
    /// A deployment reached its end.
    DeploymentSuccess {
        /// The deployment.
        id: String,
    },
    /// A deployment was cancelled.
    DeploymentFailed {
        /// The deployment.
        id: String,
    },
    /// Anything else, or one of the above with fields missing or too large to be read.
    Unknown {
        /// As far as it could be told; else empty.
        kind: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    event_type: String,
    app_id: Option<AppId>,
    run_spec_id: Option<AppId>,
    task_id: Option<String>,
    instance_id: Option<String>,
    task_status: Option<TaskState>,
    condition: Option<String>,
    host: Option<String>,
    alive: Option<bool>,
    healthy: Option<bool>,
    id: Option<String>,
}

/// Reads the event in a frame.
pub fn decode(frame: &Frame) -> Event {
    let unknown = |kind: Option<String>| Event::Unknown { kind: kind.unwrap_or_default() };
    match serde_json::from_str::<Wire>(&frame.data) {
        Err(_) => unknown(frame.event.clone()),
        Ok(wire) => {
            let kind = wire.event_type.clone();
            wire.into_event().unwrap_or_else(|| unknown(Some(kind)))
        }
    }
}

impl Wire {
    /// `None` for a type not modelled, or a field missing.
    fn into_event(self) -> Option<Event> {
        let app = self.app_id.or(self.run_spec_id);
        let instance = self.instance_id.or_else(|| self.task_id.clone()).map(InstanceId::new);
        Some(match self.event_type.as_str() {
            kinds::STATUS_UPDATE => Event::StatusUpdate {
                app: app?,
                task: TaskId::new(self.task_id?),
                status: self.task_status?,
                host: self.host.unwrap_or_default(),
            },
            kinds::INSTANCE_CHANGED => Event::InstanceChanged {
                app: app?,
                instance: instance?,
                condition: self.condition?,
                host: self.host,
            },
            kinds::HEALTH_STATUS_CHANGED | kinds::INSTANCE_HEALTH_CHANGED => Event::HealthChanged {
                app: app?,
                instance: instance?,
                healthy: self.alive.or(self.healthy),
            },
            kinds::APP_TERMINATED => Event::AppTerminated { app: app? },
            kinds::DEPLOYMENT_SUCCESS => Event::DeploymentSuccess { id: self.id? },
            kinds::DEPLOYMENT_FAILED => Event::DeploymentFailed { id: self.id? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> Event {
        decode(&Frame { event: None, data: data.to_owned(), oversized: false })
    }

    #[test]
    fn events_of_every_version() {
        let rows = [
            (
                r#"{"slaveId":"S0","taskId":"a.1","taskStatus":"TASK_KILLING","message":"","appId":"/a","host":"srv4",
                    "ipAddresses":[],"ports":[31182],"version":"v","eventType":"status_update_event","timestamp":"t"}"#,
                Event::StatusUpdate {
                    app: "/a".into(),
                    task: "a.1".into(),
                    status: TaskState::Killing,
                    host: "srv4".into(),
                },
            ),
            (
                r#"{"appId":"/a","taskId":"a.1","version":"v","alive":true,"eventType":"health_status_changed_event"}"#,
                Event::HealthChanged {
                    app: "/a".into(),
                    instance: "a.1".into(),
                    healthy: Some(true),
                },
            ),
            (
                r#"{"appId":"/a","instanceId":"a.marathon-1","alive":false,"eventType":"health_status_changed_event"}"#,
                Event::HealthChanged {
                    app: "/a".into(),
                    instance: "a.marathon-1".into(),
                    healthy: Some(false),
                },
            ),
            (
                r#"{"instanceId":"a.instance-1","runSpecId":"/a","healthy":null,"eventType":"instance_health_changed_event"}"#,
                Event::HealthChanged {
                    app: "/a".into(),
                    instance: "a.instance-1".into(),
                    healthy: None,
                },
            ),
            (
                r#"{"instanceId":"a.instance-1","condition":"Killing","runSpecId":"/a","host":"h","eventType":"instance_changed_event"}"#,
                Event::InstanceChanged {
                    app: "/a".into(),
                    instance: "a.instance-1".into(),
                    condition: "Killing".into(),
                    host: Some("h".into()),
                },
            ),
            (
                r#"{"appId":"/a","eventType":"app_terminated_event"}"#,
                Event::AppTerminated { app: "/a".into() },
            ),
            (
                r#"{"id":"d","plan":{},"eventType":"deployment_success"}"#,
                Event::DeploymentSuccess { id: "d".into() },
            ),
            (
                r#"{"eventType":"status_update_event"}"#,
                Event::Unknown { kind: "status_update_event".into() },
            ),
        ];
        for (json, want) in rows {
            assert_eq!(event(json), want, "{json}");
        }
    }

    #[test]
    fn what_is_not_json_goes_by_its_event_line() {
        let frame =
            Frame { event: Some("deployment_info".into()), data: String::new(), oversized: true };
        assert_eq!(decode(&frame), Event::Unknown { kind: "deployment_info".into() });
        assert_eq!(event("nonsense"), Event::Unknown { kind: String::new() });
    }
}
