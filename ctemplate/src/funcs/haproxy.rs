//! The routing table and what makes a text fit for HAProxy's configuration.

use serde_json::Value as Json;

use super::consul::{key_dependency, key_value};
use super::{Arguments, FunctionError, wrong};
use crate::data::Data;
use crate::dependency::{Dependency, Instances};
use crate::haproxy::routes::{self, Site};
use crate::haproxy::{names, servers as backend};
use crate::render::session::Session;

type Result = std::result::Result<Json, FunctionError>;

/// `routes VALUES`: the routing table that the tags of all services make together; see `templates/README.md`.
pub fn routes(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [values] = arguments.exactly()?;
    let site: Site = serde::Deserialize::deserialize(values).map_err(wrong)?;
    let services = session.recall(Dependency::Services { datacenter: None });
    let Some(Data::Services(services)) = services.as_deref() else {
        return Ok(Json::Array(Vec::new()));
    };
    let table = routes::table(services, &site);
    session.report(table.problems);
    serde_json::to_value(table.routes).map_err(wrong)
}

/// `servers ENVIRONMENT NAME`: the passing instances of a service in an environment, as servers of a backend.
pub fn servers(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [environment, name] = arguments.texts()?;
    let wanted = Instances::passing(&name, Some(&environment));
    let instances = session.recall(Dependency::Instances(wanted));
    let Some(Data::Instances(instances)) = instances.as_deref() else {
        return Ok(Json::Array(Vec::new()));
    };
    let (servers, problems) = backend::servers(instances);
    session.report(problems);
    serde_json::to_value(servers).map_err(wrong)
}

/// `keyInteger PATH MINIMUM MAXIMUM DEFAULT`: a key that must be an integer; the default when it is absent, or is
/// something else, which is reported.
pub fn key_integer(session: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [path, minimum, maximum, default] = arguments.texts()?;
    let integer = |text: &str| {
        text.trim().parse::<i64>().map_err(|_| FunctionError(format!("'{text}' is no integer")))
    };
    let (range, default) = (integer(&minimum)?..=integer(&maximum)?, integer(&default)?);
    let Some(value) = key_value(session, key_dependency("keyInteger", [&path])?) else {
        return Ok(default.into());
    };
    match integer(&value) {
        Ok(value) if range.contains(&value) => Ok(value.into()),
        _ => {
            let problem = format!(
                "key {path}: {value:?} is no integer from {minimum} to {maximum}; {default} is used"
            );
            session.report([problem]);
            Ok(default.into())
        }
    }
}

/// `quote TEXT`: the text as one word of HAProxy's configuration, whatever it holds.
pub fn quote(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [text] = arguments.texts()?;
    Ok(names::quote(&text).into())
}
