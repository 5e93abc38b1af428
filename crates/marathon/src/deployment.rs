//! Deployments, and what a mutation answers.

use serde::Deserialize;

use crate::AppId;
use crate::lenient;

/// A running deployment; finished ones vanish from the list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// What a mutation answered with.
    pub id: String,
    /// The version it establishes.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub version: String,
    /// Apps that are locked while it runs.
    #[serde(default, deserialize_with = "lenient::list")]
    pub affected_apps: Vec<AppId>,
    /// 0 before the first step, then counted from 1.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub current_step: u32,
    /// 0 for a deployment with nothing to do.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub total_steps: u32,
    /// What the current step does.
    #[serde(default, deserialize_with = "lenient::list")]
    pub current_actions: Vec<Action>,
}

/// One action of a deployment step.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Action {
    /// `StartApplication`, `ScaleApplication`, `RestartApplication`, `StopApplication`. The documentation calls the
    /// field `type`.
    #[serde(alias = "type", default, deserialize_with = "lenient::or_default")]
    pub action: String,
    /// The app it is about; absent for pods.
    #[serde(default)]
    pub app: Option<AppId>,
}

/// A deployment named in an app or in a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeploymentRef {
    /// Of [`Deployment`].
    pub id: String,
}

/// The answer to an accepted update, restart or delete.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Submitted {
    /// The version being established.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub version: String,
    /// The deployment that does it.
    pub deployment_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_forms_are_read() {
        let old = r#"[{"id":"d","version":"v","affectedApps":["/a"],"currentStep":1,"totalSteps":2,
            "steps":[[{"action":"ScaleApplication","app":"/a"}]],"currentActions":[{"type":"ScaleApplication","app":"/a"}]}]"#;
        let new = r#"[{"id":"d","version":"v","affectedApps":["/a"],"affectedPods":[],"currentStep":1,"totalSteps":2,
            "steps":[{"actions":[]}],"currentActions":[{"action":"ScaleApplication","app":"/a","readinessCheckResults":[]}]}]"#;
        let read = |json| serde_json::from_str::<Vec<Deployment>>(json).unwrap();
        assert_eq!(read(old), read(new));
    }
}
