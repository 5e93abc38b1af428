//! What becomes of each task of an app, and why.

use std::collections::BTreeSet;
use std::fmt;

use marathon::{AppId, Task};
use serde_json::{Value, json};

use crate::mirror::Mirror;
use crate::origin;
use crate::service::{Registration, ServiceId};
use crate::skipped::{Reason, Skipped};

/// The answer to `registrator explain`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    app: String,
    /// About the app as a whole.
    notes: Vec<String>,
    tasks: Vec<Explained>,
}

#[derive(Clone, Debug, PartialEq)]
struct Explained {
    task: Task,
    is_here: bool,
    services: Vec<Service>,
    notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Service {
    id: ServiceId,
    registration: Registration,
    /// `None` when the agent has it as it should be.
    unwritten: Option<Vec<String>>,
}

/// What becomes of the app's tasks; `None` when Marathon does not know it. `skipped` is what was left out in the last step,
/// and `unwritten` are the services that it found to be written.
pub fn explain(
    mirror: &Mirror,
    app: &AppId,
    skipped: &BTreeSet<Skipped>,
    unwritten: &BTreeSet<ServiceId>,
) -> Option<Explanation> {
    let unreadable = mirror.view().unreadable().find(|(id, _)| *id == app);
    let known = mirror.view().named(app);
    if unreadable.is_none() && known.is_empty() {
        return None;
    }
    let of_app = skipped.iter().filter(|skipped| skipped.app == *app);
    let notes = |about: Option<&Task>| {
        let mine = of_app.clone().filter(|it| it.task.as_ref() == about.map(|task| &task.id));
        mine.map(|skipped| skipped.reason.to_string()).collect::<Vec<_>>()
    };
    let mut app_notes = notes(None);
    if let Some((_, why)) = unreadable {
        app_notes.push(Reason::Unreadable(why.to_owned()).to_string());
        app_notes.dedup();
    }
    let tasks = known.iter().filter(|_| unreadable.is_none());
    let service = |(id, registration): (&ServiceId, &Registration)| Service {
        unwritten: unwritten
            .contains(id)
            .then(|| origin::keys(mirror.view(), app, id).into_values().collect()),
        id: id.clone(),
        registration: registration.clone(),
    };
    let tasks = tasks.flat_map(|app| &app.tasks).map(|task| Explained {
        task: task.clone(),
        is_here: mirror.heres().any(|(_, here)| here.may_be(&task.host)),
        services: mirror.services_of(&task.id).map(service).collect(),
        notes: notes(Some(task)),
    });
    Some(Explanation { app: app.to_string(), notes: app_notes, tasks: tasks.collect() })
}

impl Explained {
    fn verdict(&self) -> &'static str {
        match self.services.as_slice() {
            _ if !self.is_here => "on another agent",
            [] => "not registered",
            services if services.iter().any(|service| service.unwritten.is_some()) => {
                "to be written"
            }
            _ => "registered",
        }
    }
}

impl Explanation {
    /// For machines.
    pub fn to_json(&self) -> Value {
        let tasks = self.tasks.iter().map(|it| {
            let services = it.services.iter().map(|Service { id, registration, unwritten }| {
                json!({"id": id.to_string(), "name": registration.name, "address": registration.address,
                    "port": registration.port, "tags": registration.tags, "in_rotation": registration.rest.is_none(),
                    "is_written": unwritten.is_none(), "keys": unwritten})
            });
            json!({
                "task": it.task.id.as_str(), "host": it.task.host, "verdict": it.verdict(),
                "state": format!("{:?}", it.task.state()),
                "services": services.collect::<Vec<_>>(), "notes": it.notes,
            })
        });
        json!({"app": self.app, "notes": self.notes, "tasks": tasks.collect::<Vec<_>>()})
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.app)?;
        if self.tasks.is_empty() {
            write!(f, "\n  no tasks")?;
        }
        for note in &self.notes {
            write!(f, "\n  {note}")?;
        }
        for it in &self.tasks {
            let Explained { task, services, notes, .. } = it;
            write!(f, "\n  {} on {}, {:?}: {}", task.id, task.host, task.state(), it.verdict())?;
            for Service { id, registration, unwritten } in services {
                let Registration { name, address, port, tags, .. } = registration;
                write!(f, "\n    {id}  {name} at {address}:{port}")?;
                if !tags.is_empty() {
                    write!(f, " tagged {}", tags.join(","))?;
                }
                match unwritten.as_deref() {
                    None => {}
                    Some([]) => write!(f, ", not on the agent as it should be")?,
                    Some(keys) => {
                        let keys = keys.join(", ");
                        write!(f, ", not on the agent as it should be: made from {keys}")?;
                    }
                }
            }
            for note in notes {
                write!(f, "\n    {note}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Instant;

    use marathon::Apps;

    use super::*;
    use crate::here::Here;
    use crate::mirror::Rules;
    use crate::policy::Policy;
    use crate::service::Ownership;
    use crate::view::View;

    #[test]
    fn every_task_has_its_reason() {
        let app = json!({"id": "/web", "ports": [80, 81], "env": {"SERVICE_81_IGNORE": "1", "SERVICE_80_WEIGHT": "2", "SERVICE_99999_NAME": "x"},
            "healthChecks": [{}], "tasks": [
            {"id": "web.1", "host": "srv1", "ports": [31000, 31001], "state": "TASK_RUNNING", "healthCheckResults": [{"alive": true}]},
            {"id": "web.2", "host": "srv1", "ports": [31002, 31003], "state": "TASK_RUNNING"},
            {"id": "web.3", "host": "10.0.0.9", "ports": [31002, 31003], "state": "TASK_RUNNING"},
        ]});
        let apps = vec![serde_json::from_value(app).unwrap()];
        let view = View::of::<marathon::App>(Apps { apps, malformed: Vec::new() });
        let ownership = Ownership { owner: "me".into(), adopt: false };
        let rules = Rules { ownership, policy: Policy::default(), guard: true };
        let mut mirror = Mirror::new(rules, view, Instant::now());
        mirror.set_here("local", Here::new("10.0.0.1", "srv1", &[]));
        let step = mirror.step("local", &BTreeMap::new(), Instant::now());
        let app = AppId::from("/web");
        let unwritten = step.plan.register.into_keys().collect();
        let explanation = explain(&mirror, &app, &step.skipped, &unwritten).unwrap();
        insta::assert_snapshot!(explanation, @r"
        /web
          SERVICE_99999_NAME left out: the app has no port 99999
          web.1 on srv1, Running: to be written
            web.1:80  web-80 at 10.0.0.1:31000, not on the agent as it should be: made from SERVICE_80_WEIGHT
            port 81 is ignored by SERVICE_81_IGNORE
          web.2 on srv1, Running: not registered
            task is not healthy yet
          web.3 on 10.0.0.9, Running: on another agent
        ");
        assert_eq!(explanation.to_json()["tasks"][1]["verdict"], "not registered");
        let written = explain(&mirror, &app, &step.skipped, &BTreeSet::new()).unwrap();
        assert_eq!(written.to_json()["tasks"][0]["verdict"], "registered");
        assert_eq!(explain(&mirror, &"/none".into(), &step.skipped, &unwritten), None);
    }
}
