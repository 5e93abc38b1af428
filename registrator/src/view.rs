//! What Marathon last said, kept app by app so that one app can be read again.

use std::collections::{BTreeMap, BTreeSet};

use marathon::{App, AppId, Apps, Task};

use crate::metadata::PREFIX;

/// Every app, as of its last good answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    apps: BTreeMap<AppId, App>,
    unreadable: BTreeMap<AppId, String>,
}

/// What Marathon said about one app.
#[derive(Clone, Debug, PartialEq)]
pub enum AppAnswer {
    /// This is it.
    Found(Box<App>),
    /// It does not exist.
    Gone(AppId),
}

impl View {
    /// The view that an answer with all apps gives.
    pub fn of(answer: Apps) -> Self {
        let malformed = answer.malformed.into_iter().filter_map(|app| Some((app.id?, app.reason)));
        let mut view = Self { apps: BTreeMap::new(), unreadable: malformed.collect() };
        for app in answer.apps {
            view.insert(app);
        }
        view
    }

    /// Takes in what Marathon said about one app.
    pub fn update(&mut self, answer: AppAnswer) {
        match answer {
            AppAnswer::Found(app) => self.insert(*app),
            AppAnswer::Gone(id) => {
                self.unreadable.remove(&id);
                self.apps.remove(&id);
            }
        }
    }

    fn insert(&mut self, mut app: App) {
        trim(&mut app);
        // Tasks are embedded on request; something on the way may not have passed that on.
        if app.tasks.is_empty() && app.tasks_running > 0 {
            let why = format!("has {} running tasks and shows none", app.tasks_running);
            self.unreadable.insert(app.id.clone(), why);
        } else {
            self.unreadable.remove(&app.id);
        }
        self.apps.insert(app.id.clone(), app);
    }

    /// Apps whose last answer was good, in the order of their ids.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.apps.values().filter(|app| !self.unreadable.contains_key(&app.id))
    }

    /// Apps whose last answer could not be read, and why.
    pub fn unreadable(&self) -> impl Iterator<Item = (&AppId, &str)> {
        self.unreadable.iter().map(|(id, why)| (id, why.as_str()))
    }

    /// The tasks of one app.
    pub fn tasks_of(&self, app: &AppId) -> &[Task] {
        self.apps.get(app).map(|app| app.tasks.as_slice()).unwrap_or_default()
    }

    /// Whether Marathon said that there is no app at all.
    pub fn is_empty(&self) -> bool {
        self.apps.is_empty() && self.unreadable.is_empty()
    }

    /// All tasks that Marathon knows.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.apps.values().flat_map(|app| &app.tasks)
    }

    /// The host names that tasks run on.
    pub fn hosts(&self) -> BTreeSet<&str> {
        self.tasks().map(|task| task.host.as_str()).collect()
    }
}

impl AppAnswer {
    /// The tasks in it.
    pub fn tasks(&self) -> &[Task] {
        match self {
            Self::Found(app) => &app.tasks,
            Self::Gone(_) => &[],
        }
    }
}

/// Forgets what nothing is decided from: in a large cluster it is most of an answer.
fn trim(app: &mut App) {
    app.env.retain(|key, _| key.starts_with(PREFIX));
    app.labels.retain(|key, _| key.starts_with(PREFIX));
    app.deployments = Vec::new();
    app.tasks.shrink_to_fit();
    for task in &mut app.tasks {
        task.reported_state = Some(task.state());
        task.started_at = None;
    }
}
