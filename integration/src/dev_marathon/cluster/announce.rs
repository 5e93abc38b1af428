//! The events of the stream, field by field.
//!
//! Health events name tasks up to 1.3 and instances from 1.4 on; `failed_health_check_event` of 1.5 and later
//! has an instance's id under the name `taskId`, as Marathon really sends it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::deployment::Deployment;
use super::task::Task;
use super::{Action, App, Cluster};
use crate::dev_marathon::app_id::AppId;
use crate::dev_marathon::compat::Compat;
use crate::dev_marathon::{stamp, wire};

impl Cluster {
    /// Leaves an event to be sent; `fields` is an object.
    fn announce(&mut self, kind: &str, mut fields: Value, now: Timestamp) {
        if let Some(map) = fields.as_object_mut() {
            map.insert("eventType".to_owned(), kind.into());
            map.insert("timestamp".to_owned(), stamp::text(now).into());
        }
        self.actions.push(Action::Announce(fields));
    }

    /// A client posted or put a definition.
    pub fn announce_api_post(&mut self, client: &str, uri: &str, app: &AppId, now: Timestamp) {
        let Some(record) = self.apps.get(app) else { return };
        let definition = wire::definition(&record.app, self.compat);
        let fields = json!({"clientIp": client, "uri": uri, "appDefinition": definition});
        self.announce("api_post_event", fields, now);
    }

    /// A stream came or went.
    pub fn announce_stream(&mut self, kind: &str, client: &str, now: Timestamp) {
        self.announce(kind, json!({"remoteAddress": client}), now);
    }

    pub(super) fn announce_status(&mut self, task: &Task, state: &str, why: &str, now: Timestamp) {
        let mut fields = json!({
            "slaveId": task.agent, "taskId": task.id, "taskStatus": state, "message": why,
            "appId": task.app.as_str(), "host": task.host.to_string(), "ports": task.ports,
            "version": stamp::text(task.definition.version),
        });
        if self.compat >= Compat::V1_4
            && let Some(map) = fields.as_object_mut()
        {
            map.insert("ipAddresses".to_owned(), wire::ip_addresses(task));
        }
        self.announce("status_update_event", fields, now);
    }

    pub(super) fn announce_instance(&mut self, task: &Task, condition: &str, now: Timestamp) {
        if !self.compat.has_instances() {
            return;
        }
        let fields = json!({
            "instanceId": task.instance.id(&task.app, self.compat), "condition": condition,
            "runSpecId": task.app.as_str(), "agentId": task.agent, "host": task.host.to_string(),
            "runSpecVersion": stamp::text(task.definition.version),
        });
        self.announce("instance_changed_event", fields, now);
    }

    pub(super) fn announce_alive(&mut self, task: &Task, alive: bool, now: Timestamp) {
        let (key, id) = self.health_subject(task);
        let fields = json!({
            "appId": task.app.as_str(), key: id, "alive": alive,
            "version": stamp::text(task.definition.version),
        });
        self.announce("health_status_changed_event", fields, now);
    }

    pub(super) fn announce_health(&mut self, task: &Task, now: Timestamp) {
        if !self.compat.has_instances() {
            return;
        }
        let fields = json!({
            "instanceId": task.instance.id(&task.app, self.compat), "runSpecId": task.app.as_str(),
            "runSpecVersion": stamp::text(task.definition.version), "healthy": task.health(),
        });
        self.announce("instance_health_changed_event", fields, now);
    }

    pub(super) fn announce_failed_check(&mut self, task: &Task, index: usize, now: Timestamp) {
        let (key, id) = self.health_subject(task);
        let key = if self.compat >= Compat::V1_11 { "taskId" } else { key };
        let check = task.definition.fields.get("healthChecks").and_then(|all| all.get(index));
        let fields = json!({"appId": task.app.as_str(), key: id, "healthCheck": check});
        self.announce("failed_health_check_event", fields, now);
    }

    pub(super) fn announce_unhealthy_kill(&mut self, task: &Task, reason: &str, now: Timestamp) {
        let mut fields = json!({
            "appId": task.app.as_str(), "taskId": task.id, "reason": reason,
            "host": task.host.to_string(), "slaveId": task.agent,
            "version": stamp::text(task.definition.version),
        });
        if !self.compat.has_instances() {
            return self.announce("unhealthy_task_kill_event", fields, now);
        }
        if let Some(map) = fields.as_object_mut() {
            let id = task.instance.id(&task.app, self.compat);
            map.insert("instanceId".to_owned(), id.into());
        }
        self.announce("unhealthy_instance_kill_event", fields, now);
    }

    fn health_subject(&self, task: &Task) -> (&'static str, String) {
        if self.compat.has_instances() {
            ("instanceId", task.instance.id(&task.app, self.compat))
        } else {
            ("taskId", task.id.clone())
        }
    }

    pub(super) fn announce_checks(&mut self, app: &App, now: Timestamp) {
        let checks = app.fields.get("healthChecks").and_then(Value::as_array);
        for check in checks.into_iter().flatten() {
            let version = stamp::text(app.version);
            let fields =
                json!({"appId": app.id.as_str(), "version": version, "healthCheck": check});
            self.announce("add_health_check_event", fields, now);
        }
    }

    pub(super) fn announce_app_terminated(&mut self, id: &AppId, now: Timestamp) {
        self.announce("app_terminated_event", json!({"appId": id.as_str()}), now);
    }

    pub(super) fn announce_group_change(
        &mut self,
        group: &str,
        version: Timestamp,
        now: Timestamp,
    ) {
        let fields = json!({"groupId": group, "version": stamp::text(version)});
        self.announce("group_change_success", fields, now);
    }

    pub(super) fn announce_step(&mut self, kind: &str, deployment: &Deployment, now: Timestamp) {
        let step = deployment.step().map(wire::step);
        let fields = json!({"plan": wire::plan(deployment, self.compat), "currentStep": step});
        self.announce(kind, fields, now);
    }

    pub(super) fn announce_deployment_success(&mut self, deployment: &Deployment, now: Timestamp) {
        let fields = json!({"id": deployment.id, "plan": wire::plan(deployment, self.compat)});
        self.announce("deployment_success", fields, now);
    }

    pub(super) fn announce_deployment_failed(
        &mut self,
        deployment: &Deployment,
        reason: &str,
        now: Timestamp,
    ) {
        let plan = wire::plan(deployment, self.compat);
        let fields = json!({"id": deployment.id, "plan": plan, "reason": reason});
        self.announce("deployment_failed", fields, now);
    }
}
