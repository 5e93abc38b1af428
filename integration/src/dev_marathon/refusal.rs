//! Every error that the API answers, with the status and the body Marathon gives it.

use serde_json::{Value, json};

use super::app_id::AppId;
use super::compat::Compat;

/// One complaint about one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, as in `/upgradeStrategy/minimumHealthCapacity`.
    pub path: String,
    /// What is wrong with it.
    pub error: String,
}

impl Violation {
    /// A complaint about `path`.
    pub fn new(path: impl Into<String>, error: impl Into<String>) -> Self {
        Self { path: path.into(), error: error.into() }
    }
}

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The body is not JSON; the parser's words.
    NotJson(String),
    /// Values of the wrong JSON type.
    Types(Vec<Violation>),
    /// Values of the right type that make no sense.
    Invalid(Vec<Violation>),
    /// POST of an app that there is.
    AppExists(AppId),
    /// Running deployments touch the same app.
    Locked(Vec<String>),
    /// No such app, or not in that version.
    NoApp(String, Option<String>),
    /// No such group.
    NoGroup(String),
    /// No such task.
    NoTask(String),
    /// No such deployment.
    NoDeployment(String),
    /// The app waits for nothing.
    NotQueued(AppId),
    /// A text that cannot be a task id.
    BadTaskId(String),
    /// `scale` and `wipe` together.
    ScaleAndWipe,
    /// There is no such pod, because there are none at all.
    NoPod(String),
    /// A path that leads nowhere.
    NoRoute(String),
    /// A path that does not know this method.
    MethodNotAllowed,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self, compat: Compat) -> u16 {
        match self {
            // Since 1.5 the types are checked by the validator too.
            Self::Types(_) if compat >= Compat::V1_11 => 422,
            Self::Types(_) | Self::NotJson(_) | Self::BadTaskId(_) | Self::ScaleAndWipe => 400,
            Self::Invalid(_) => 422,
            Self::AppExists(_) | Self::Locked(_) => 409,
            // Marathon 1.9 to 1.11 take an unknown path for an internal error.
            Self::NoRoute(_) if compat >= Compat::V1_11 => 500,
            Self::NoRoute(_)
            | Self::NoPod(_)
            | Self::NoApp(..)
            | Self::NoGroup(_)
            | Self::NoTask(_)
            | Self::NoDeployment(_)
            | Self::NotQueued(_) => 404,
            Self::MethodNotAllowed => 405,
        }
    }

    /// The JSON body.
    pub fn body(&self) -> Value {
        match self {
            Self::NotJson(details) => json!({"message": "Invalid JSON", "details": details}),
            Self::Types(all) => json!({"message": "Invalid JSON", "details": details(all)}),
            Self::Invalid(all) => {
                json!({"message": "Object is not valid", "details": details(all)})
            }
            Self::Locked(ids) => json!({
                "message": self.message(),
                "deployments": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>(),
            }),
            _ => json!({"message": self.message()}),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NotJson(_) | Self::Types(_) => "Invalid JSON".to_owned(),
            Self::Invalid(_) => "Object is not valid".to_owned(),
            Self::AppExists(id) => format!("An app with id [{id}] already exists."),
            // `<DEPLOYMENT_ID>` is what Marathon says, literally.
            Self::Locked(_) => {
                "App is locked by one or more deployments. Override with the option \
                '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'."
                    .to_owned()
            }
            Self::NoApp(id, None) => format!("App '{id}' does not exist"),
            Self::NoApp(id, Some(version)) => {
                format!("App '{id}' does not exist in version {version}")
            }
            Self::NoGroup(id) => format!("Group '{id}' does not exist"),
            Self::NoTask(id) => format!("Task '{id}' does not exist"),
            Self::NoDeployment(id) => format!("DeploymentPlan {id} does not exist"),
            Self::NotQueued(id) => format!("Application {id} not found in tasks queue."),
            Self::BadTaskId(id) => {
                format!("Invalid task id '{id}'. [requirement failed: unknown task id format]")
            }
            Self::ScaleAndWipe => "You cannot use scale and wipe at the same time.".to_owned(),
            Self::NoPod(id) => format!("Pod '{id}' does not exist"),
            Self::NoRoute(path) => format!("URI not found: {path}"),
            Self::MethodNotAllowed => "Method Not Allowed".to_owned(),
        }
    }
}

/// Several complaints about one path are one entry.
fn details(violations: &[Violation]) -> Value {
    let mut entries: Vec<(&str, Vec<&str>)> = Vec::new();
    for violation in violations {
        match entries.iter_mut().find(|(path, _)| *path == violation.path) {
            Some((_, errors)) => errors.push(&violation.error),
            None => entries.push((&violation.path, vec![&violation.error])),
        }
    }
    entries.into_iter().map(|(path, errors)| json!({"path": path, "errors": errors})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_marathon_does() {
        let web = AppId::parse("/web").unwrap();
        let rows = [
            (Refusal::AppExists(web.clone()), 409, "An app with id [/web] already exists."),
            (Refusal::NoApp("/web".into(), None), 404, "App '/web' does not exist"),
            (Refusal::ScaleAndWipe, 400, "You cannot use scale and wipe at the same time."),
            (Refusal::NoRoute("/x".into()), 500, "URI not found: /x"),
            (Refusal::NotQueued(web), 404, "Application /web not found in tasks queue."),
        ];
        for (refusal, status, message) in rows {
            assert_eq!(refusal.status(Compat::V1_11), status, "{refusal:?}");
            assert_eq!(refusal.body(), json!({"message": message}));
        }
        assert_eq!(Refusal::NoRoute(String::new()).status(Compat::V1_4), 404);
        assert_eq!(Refusal::Types(Vec::new()).status(Compat::V0_13), 400);
    }

    #[test]
    fn gathers_the_errors_of_a_path() {
        let all =
            [Violation::new("/a", "one"), Violation::new("/b", "two"), Violation::new("/a", "3")];
        let want =
            json!([{"path": "/a", "errors": ["one", "3"]}, {"path": "/b", "errors": ["two"]}]);
        assert_eq!(details(&all), want);
    }
}
