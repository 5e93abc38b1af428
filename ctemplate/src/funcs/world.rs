//! Environment variables and files.

use serde_json::Value as Json;

use super::{Arguments, FunctionError};
use crate::data::Data;
use crate::dependency::Dependency;
use crate::render::session::Session;

type Result = std::result::Result<Json, FunctionError>;

/// `env NAME`: an environment variable, empty when it is not set.
pub fn env(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [name] = arguments.texts()?;
    Ok(session.variable(&name).unwrap_or_default().into())
}

/// `mustEnv NAME`: an environment variable that must be set and not empty.
pub fn must_env(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [name] = arguments.texts()?;
    let value = session.variable(&name).filter(|value| !value.is_empty());
    value
        .map(Json::from)
        .ok_or_else(|| FunctionError(format!("the environment variable {name} is not set")))
}

/// `envOrDefault NAME DEFAULT`: an environment variable, or the default when it is not set.
pub fn env_or_default(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [name, default] = arguments.texts()?;
    Ok(session.variable(&name).unwrap_or(&default).into())
}

/// `file PATH`: the text of a file.
pub fn file(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [path] = arguments.texts()?;
    match session.recall(Dependency::File(path.as_ref().into())).as_deref() {
        Some(Data::File(text)) => Ok(text.as_str().into()),
        _ => Ok("".into()),
    }
}
