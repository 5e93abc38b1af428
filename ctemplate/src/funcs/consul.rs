//! What Consul knows.

use serde_json::Value as Json;

use super::{Arguments, FunctionError, wrong};
use crate::data::{Data, KeyPair};
use crate::dependency::{Dependency, Instances, KeyPath};
use crate::render::session::Session;

type Result = std::result::Result<Json, FunctionError>;

/// `service "[TAG.]NAME[@DC][~NEAR][|STATUS]"`: the instances of a service, only passing ones unless told otherwise.
pub fn service(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let text = match arguments.count() {
        2 => {
            let [query, statuses] = arguments.texts()?;
            format!("{query}|{statuses}")
        }
        _ => arguments.optional_text()?.into_owned(),
    };
    if text.is_empty() {
        return Ok(Json::Array(Vec::new()));
    }
    list(session, Dependency::Instances(Instances::parse(&text).map_err(wrong)?))
}

/// `services ["@DC"]`: the names and tags of all services.
pub fn services(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    list(session, Dependency::services(&arguments.optional_text()?).map_err(wrong)?)
}

/// `nodes ["@DC~NEAR"]`: all nodes.
pub fn nodes(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    list(session, Dependency::nodes(&arguments.optional_text()?).map_err(wrong)?)
}

/// `node ["NAME@DC"]`: a node with its services, by default the agent's own.
pub fn node(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let dependency = Dependency::node(&arguments.optional_text()?).map_err(wrong)?;
    session.recall(dependency).map_or(Ok(Json::Null), |data| json(&data))
}

/// `datacenters`: the names of all datacenters.
pub fn datacenters(session: &Session<'_>, _: &Arguments<'_>) -> Result {
    list(session, Dependency::Datacenters)
}

/// `key "PATH[@DC]"`: the value of a key; nothing is rendered until it exists.
pub fn key(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let dependency = key_dependency("key", arguments.texts()?)?;
    let value = key_value(session, dependency.clone());
    if value.is_none() {
        session.is_missing(dependency);
    }
    Ok(value.unwrap_or_default().into())
}

/// `keyExists "PATH[@DC]"`: whether a key exists, with a value or without.
pub fn key_exists(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    Ok(key_value(session, key_dependency("keyExists", arguments.texts()?)?).is_some().into())
}

/// `keyOrDefault "PATH[@DC]" DEFAULT`: the value of a key, or the default when it is absent or empty.
pub fn key_or_default(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [path, default] = arguments.texts()?;
    let value = key_value(session, key_dependency("keyOrDefault", [path])?);
    Ok(value.filter(|value| !value.is_empty()).unwrap_or_else(|| default.into_owned()).into())
}

/// `ls "PREFIX[@DC]"`: the keys right below a prefix.
pub fn ls(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    keys(session, "ls", arguments, |pair| !pair.key.is_empty() && !pair.key.contains('/'))
}

/// `tree "PREFIX[@DC]"`: all keys below a prefix, but no folders.
pub fn tree(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    keys(session, "tree", arguments, |pair| !pair.key.is_empty() && !pair.key.ends_with('/'))
}

/// The value of a key, `None` while it is unknown or absent.
pub(super) fn key_value(session: &Session<'_>, dependency: Dependency) -> Option<String> {
    match &*session.recall(dependency)? {
        Data::Key(value) => value.clone(),
        _ => None,
    }
}

/// The dependency of a function that reads one key.
pub(super) fn key_dependency(
    function: &'static str,
    [path]: [impl AsRef<str>; 1],
) -> std::result::Result<Dependency, FunctionError> {
    KeyPath::parse(function, path.as_ref()).map(Dependency::Key).map_err(wrong)
}

fn keys(
    session: &Session<'_>,
    function: &'static str,
    arguments: &Arguments<'_>,
    is_wanted: fn(&KeyPair) -> bool,
) -> Result {
    let [prefix] = arguments.texts()?;
    let dependency = Dependency::Keys(KeyPath::parse(function, &prefix).map_err(wrong)?);
    match session.recall(dependency).as_deref() {
        Some(Data::Keys(pairs)) => {
            serde_json::to_value(pairs.iter().filter(|pair| is_wanted(pair)).collect::<Vec<_>>())
                .map_err(wrong)
        }
        _ => Ok(Json::Array(Vec::new())),
    }
}

fn list(session: &Session<'_>, dependency: Dependency) -> Result {
    session.recall(dependency).map_or(Ok(Json::Array(Vec::new())), |data| json(&data))
}

fn json(data: &Data) -> Result {
    serde_json::to_value(data).map_err(wrong)
}
