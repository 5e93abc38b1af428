//! What Marathon last said, kept app by app so that one app can be read again.

use std::collections::{BTreeMap, BTreeSet};

use marathon::{App, AppId, Apps, Pod, Task};

use crate::metadata::PREFIX;

/// Every app and pod, as of its last good answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    apps: BTreeMap<AppId, App>,
    /// By the pod's id, which no app has: its containers.
    pods: BTreeMap<AppId, Vec<App>>,
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
    pub fn of(answer: Apps) -> Self {
        let malformed = answer.malformed.into_iter().filter_map(|app| Some((app.id?, app.reason)));
        let mut view = Self { unreadable: malformed.collect(), ..Self::default() };
        for app in answer.apps {
            view.insert(app);
        }
        view
    }

    /// The same with all pods, each of them [`trimmed_pod`].
    #[must_use]
    pub fn with_pods(mut self, answer: Apps<Pod>) -> Self {
        let malformed = answer.malformed.into_iter().filter_map(|pod| Some((pod.id?, pod.reason)));
        self.unreadable.extend(malformed);
        self.pods.extend(answer.apps.into_iter().map(|pod| (pod.id, pod.containers)));
        self
    }

    /// Takes in what Marathon said about one app.
    pub fn update(&mut self, answer: AppAnswer) {
        match answer {
            AppAnswer::Found(app) => self.insert(trimmed(*app)),
            AppAnswer::Pod(pod) => {
                let Pod { id, containers } = trimmed_pod(pod);
                self.unreadable.remove(&id);
                self.apps.remove(&id);
                self.pods.insert(id, containers);
            }
            AppAnswer::Gone(id) => {
                self.unreadable.remove(&id);
                self.apps.remove(&id);
                self.pods.remove(&id);
            }
        }
    }

    fn insert(&mut self, app: App) {
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
        let pod = || self.pods.get(id).map(Vec::as_slice).unwrap_or_default();
        self.apps.get(id).map_or_else(pod, std::slice::from_ref)
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
        self.apps.values().chain(self.pods.values().flatten())
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
            Self::Found(app) => std::slice::from_ref(app.as_ref()),
            Self::Pod(pod) => &pod.containers,
            Self::Gone(_) => &[],
        };
        apps.iter().flat_map(|app| &app.tasks)
    }
}

/// The app without what nothing is decided from: in a large cluster that is most of an answer.
pub fn trimmed(mut app: App) -> App {
    app.env.retain(|key, _| key.starts_with(PREFIX));
    app.labels.retain(|key, _| key.starts_with(PREFIX));
    app.deployments = Vec::new();
    app.tasks.shrink_to_fit();
    for task in &mut app.tasks {
        task.reported_state = Some(task.state());
        task.started_at = None;
    }
    app
}

/// The same of a pod.
pub fn trimmed_pod(mut pod: Pod) -> Pod {
    pod.containers = pod.containers.into_iter().map(trimmed).collect();
    pod
}
