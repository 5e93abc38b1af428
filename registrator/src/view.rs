//! What Marathon last said, kept app by app so that one app can be read again.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::sync::Arc;

use marathon::{App, AppId, Apps, NetworkMode, Pod, Task};

use crate::metadata::PREFIX;
use crate::ports;

/// Every app and pod, as of its last good answer. What two views have in common is there once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    apps: BTreeMap<AppId, Arc<App>>,
    /// No app has the id of a pod.
    pods: BTreeMap<AppId, Arc<Pod>>,
    unreadable: BTreeMap<AppId, String>,
}

/// What Marathon said about one app.
#[derive(Clone, Debug, PartialEq)]
pub enum AppAnswer {
    /// This is it.
    Found(Box<App>),
    /// It is a pod, and this one.
    Pod(Pod),
    /// It does not exist.
    Gone(AppId),
}

impl View {
    /// The view that an answer with all apps gives, each of them [`trimmed`].
    pub fn of<T: Into<Arc<App>>>(answer: Apps<T>) -> Self {
        let malformed = answer.malformed.into_iter().filter_map(|app| Some((app.id?, app.reason)));
        let mut view = Self { unreadable: malformed.collect(), ..Self::default() };
        for app in answer.apps {
            view.insert(app.into());
        }
        view
    }

    /// The app as an answer has it, [`trimmed`]; of one that has not changed, the one that is here.
    pub fn shared(&self, app: App) -> Arc<App> {
        let app = trimmed(app);
        match self.apps.get(&app.id) {
            Some(known) if **known == app => Arc::clone(known),
            _ => Arc::new(app),
        }
    }

    /// The same of a pod.
    pub fn shared_pod(&self, pod: Pod) -> Arc<Pod> {
        let pod = trimmed_pod(pod);
        match self.pods.get(&pod.id) {
            Some(known) if **known == pod => Arc::clone(known),
            _ => Arc::new(pod),
        }
    }

    /// The same with all pods, each of them [`trimmed_pod`].
    #[must_use]
    pub fn with_pods<T: Into<Arc<Pod>>>(mut self, answer: Apps<T>) -> Self {
        let malformed = answer.malformed.into_iter().filter_map(|pod| Some((pod.id?, pod.reason)));
        self.unreadable.extend(malformed);
        let pods = answer.apps.into_iter().map(Into::into);
        self.pods.extend(pods.map(|pod| (pod.id.clone(), pod)));
        self
    }

    /// Takes in what Marathon said about one app.
    pub fn update(&mut self, answer: AppAnswer) {
        match answer {
            AppAnswer::Found(app) => self.insert(self.shared(*app)),
            AppAnswer::Pod(pod) => {
                let pod = self.shared_pod(pod);
                self.unreadable.remove(&pod.id);
                self.apps.remove(&pod.id);
                self.pods.insert(pod.id.clone(), pod);
            }
            AppAnswer::Gone(id) => {
                self.unreadable.remove(&id);
                self.apps.remove(&id);
                self.pods.remove(&id);
            }
        }
    }

    fn insert(&mut self, app: Arc<App>) {
        // Tasks are embedded on request; something on the way may not have passed that on.
        if app.tasks.is_empty() && app.tasks_running > 0 {
            let why = format!("has {} running tasks and shows none", app.tasks_running);
            self.unreadable.insert(app.id.clone(), why);
        } else {
            self.unreadable.remove(&app.id);
        }
        self.pods.remove(&app.id);
        self.apps.insert(app.id.clone(), app);
    }

    /// Apps, and containers of pods, whose last answer was good, both in the order of their ids.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.all().filter(|app| !self.unreadable.contains_key(&app.id))
    }

    /// Apps whose last answer could not be read, and why.
    pub fn unreadable(&self) -> impl Iterator<Item = (&AppId, &str)> {
        self.unreadable.iter().map(|(id, why)| (id, why.as_str()))
    }

    /// The app with this id, or the containers of the pod with it.
    pub fn named(&self, id: &AppId) -> &[App] {
        let pod = || self.pods.get(id).map(|pod| pod.containers.as_slice()).unwrap_or_default();
        self.apps.get(id).map_or_else(pod, |app| slice::from_ref(app.as_ref()))
    }

    /// The tasks of one app.
    pub fn tasks_of(&self, app: &AppId) -> impl Iterator<Item = &Task> {
        self.named(app).iter().flat_map(|app| &app.tasks)
    }

    /// Whether Marathon said that there is no app at all.
    pub fn is_empty(&self) -> bool {
        self.apps.is_empty() && self.pods.is_empty() && self.unreadable.is_empty()
    }

    /// All tasks that Marathon knows.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.all().flat_map(|app| &app.tasks)
    }

    fn all(&self) -> impl Iterator<Item = &App> {
        let pods = self.pods.values().flat_map(|pod| &pod.containers);
        self.apps.values().map(Arc::as_ref).chain(pods)
    }

    /// The host names that tasks run on.
    pub fn hosts(&self) -> BTreeSet<&str> {
        self.tasks().map(|task| task.host.as_str()).collect()
    }
}

impl AppAnswer {
    /// Whom it is about.
    pub fn id(&self) -> &AppId {
        match self {
            Self::Found(app) => &app.id,
            Self::Pod(pod) => &pod.id,
            Self::Gone(id) => id,
        }
    }

    /// The tasks in it.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        let apps = match self {
            Self::Found(app) => slice::from_ref(app.as_ref()),
            Self::Pod(pod) => &pod.containers,
            Self::Gone(_) => &[],
        };
        apps.iter().flat_map(|app| &app.tasks)
    }
}

/// The app without what nothing is decided from: in a large cluster that is most of an answer.
pub fn trimmed(mut app: App) -> App {
    app.env = about_services(app.env);
    app.labels = about_services(app.labels);
    app.deployments = Vec::new();
    let version = app.config_version().to_owned();
    let has_own_address = app.network_mode() == NetworkMode::Container || asks_for_address(&app);
    for task in &mut app.tasks {
        task.reported_state = Some(task.state());
        task.started_at = None;
        // Without one a task has that of its app.
        task.version = task.version.take().filter(|it| *it != version);
        if !has_own_address {
            task.ip_addresses = Vec::new();
        }
    }
    app
}

/// A new map: one from which all was taken away would keep its room.
fn about_services(keys: BTreeMap<String, String>) -> BTreeMap<String, String> {
    keys.into_iter().filter(|(key, _)| key.starts_with(PREFIX)).collect()
}

/// Whether a key may ask for the address of a task's own, whatever the network.
fn asks_for_address(app: &App) -> bool {
    let ports = ports::declared(app);
    let own = ports.iter().filter_map(|port| port.labels).flatten();
    let mut keys = app.env.iter().chain(&app.labels).chain(own);
    keys.any(|(key, _)| key.to_ascii_uppercase().ends_with("ADDRESS"))
}

/// The same of a pod.
pub fn trimmed_pod(mut pod: Pod) -> Pod {
    pod.containers = pod.containers.into_iter().map(trimmed).collect();
    pod
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn app(definition: &Value) -> App {
        let mut app = json!({"id": "/a", "version": "2", "env": {"A": "1"}, "tasks": [
            {"id": "a.1", "version": "2", "ipAddresses": [{"ipAddress": "172.17.0.2"}]}, {"id": "a.2", "version": "1"},
        ]});
        app.as_object_mut().unwrap().extend(definition.as_object().cloned().unwrap());
        serde_json::from_value(app).unwrap()
    }

    #[test]
    fn what_nothing_is_decided_from_is_not_kept() {
        let own = json!([{"port": 80, "labels": {"SERVICE_Address": "task"}}]);
        let rows = [
            ("host", json!({}), false),
            ("container network", json!({"networks": [{"mode": "container"}]}), true),
            ("label", json!({"labels": {"SERVICE_80_ADDRESS": "task"}}), true),
            ("label of a port", json!({"portDefinitions": own}), true),
        ];
        for (name, definition, is_kept) in rows {
            let App { env, tasks, .. } = trimmed(app(&definition));
            assert!(env.is_empty(), "{name}");
            assert_eq!(!tasks[0].ip_addresses.is_empty(), is_kept, "{name}");
            assert_eq!(
                (tasks[0].version.as_deref(), tasks[1].version.as_deref()),
                (None, Some("1"))
            );
        }
    }

    #[test]
    fn what_has_not_changed_is_shared() {
        let view = View::of(Apps { apps: vec![trimmed(app(&json!({})))], malformed: Vec::new() });
        let known = &view.apps[&AppId::from("/a")];
        assert!(Arc::ptr_eq(known, &view.shared(app(&json!({})))));
        assert!(!Arc::ptr_eq(known, &view.shared(app(&json!({"version": "3"})))));
    }
}
