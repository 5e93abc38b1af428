//! A deployment: steps from one set of definitions to another.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::App;
use crate::dev_marathon::app_id::AppId;

/// What a step does to an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Make it known; no task yet.
    Start,
    /// End all its tasks.
    Stop,
    /// Have as many tasks as defined.
    Scale {
        /// More than before, so the step waits until all are healthy.
        up: bool,
    },
    /// Replace all tasks that were started under another configuration.
    Restart,
}

impl Kind {
    /// Marathon's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "StartApplication",
            Self::Stop => "StopApplication",
            Self::Scale { .. } => "ScaleApplication",
            Self::Restart => "RestartApplication",
        }
    }
}

/// Actions that run side by side.
pub type Step = BTreeMap<AppId, Kind>;

/// A running deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// The version of the definitions it leads to.
    pub version: Timestamp,
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// The step it is at, from 1; 0 before it has begun.
    pub current: usize,
    /// The definitions before it; `None` for a new app.
    pub before: BTreeMap<AppId, Option<App>>,
    /// The groups before and after it, in the format that carries them (before 1.8).
    pub groups: Option<(Value, Value)>,
}

impl Deployment {
    /// Whether one of its actions is on the app.
    pub fn touches(&self, id: &AppId) -> bool {
        self.before.contains_key(id)
    }

    /// The step it is at.
    pub fn step(&self) -> Option<&Step> {
        self.steps.get(self.current.checked_sub(1)?)
    }

    /// Where an app stands in it, if it is touched at all.
    pub fn standing_of(&self, id: &AppId) -> Option<Standing> {
        self.touches(id).then(|| self.standing(id))
    }

    fn standing(&self, id: &AppId) -> Standing {
        let position = |(i, step): (usize, &Step)| step.get(id).map(|kind| (i + 1, *kind));
        let actions = self.steps.iter().enumerate().filter_map(position);
        let ahead = actions.clone().find(|(i, _)| *i >= self.current);
        match ahead {
            Some((i, kind)) if i == self.current => Standing::Now(kind),
            Some(_) => Standing::Later,
            None => Standing::Done,
        }
    }
}

/// Where an app stands in a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its action is part of the present step.
    Now(Kind),
    /// Its action is to come: it is left as it is.
    Later,
    /// Nothing more is done to it.
    Done,
}

/// Orders the actions: stop, start, then one step for each layer of dependencies.
pub fn plan(kinds: &[(AppId, Kind)], target: &BTreeMap<AppId, &App>) -> Vec<Step> {
    let pick = |wanted: &dyn Fn(&Kind) -> bool| -> Step {
        kinds.iter().filter(|(_, kind)| wanted(kind)).cloned().collect()
    };
    let mut steps = vec![pick(&|k| *k == Kind::Stop), pick(&|k| *k == Kind::Start)];
    let rest = pick(&|k| !matches!(k, Kind::Stop | Kind::Start));
    let mut layers: BTreeMap<usize, Step> = BTreeMap::new();
    for (id, kind) in rest {
        let depth = depth(&id, target, &mut BTreeSet::new());
        layers.entry(depth).or_default().insert(id, kind);
    }
    steps.extend(layers.into_values());
    steps.retain(|step| !step.is_empty());
    steps
}

/// How many apps have to be there before; a circle counts once.
fn depth(id: &AppId, apps: &BTreeMap<AppId, &App>, seen: &mut BTreeSet<AppId>) -> usize {
    let Some(app) = apps.get(id) else { return 0 };
    if !seen.insert(id.clone()) {
        return 0;
    }
    let wanted = app.spec.dependencies.iter().map(|text| absolute(text, id));
    let wanted: Vec<String> = wanted.collect();
    let is_wanted = |other: &AppId| {
        wanted.iter().any(|w| other.as_str() == w || (other != id && other.is_in(w)))
    };
    let needed = apps.keys().filter(|other| *other != id && is_wanted(other));
    let depths = needed.map(|other| depth(other, apps, &mut seen.clone()) + 1);
    depths.max().unwrap_or(0)
}

/// Dependencies may be relative to the app's group.
fn absolute(text: &str, of: &AppId) -> String {
    if text.starts_with('/') {
        return text.to_owned();
    }
    let joined = format!("{}/{text}", of.parent());
    AppId::parse(&joined).map_or(joined, |id| id.to_string())
}
