//! The routing table and what makes a text fit for HAProxy's configuration.

use gotemplate::{Error, Value};

use super::Parameter::{Any, Text};
use super::consul::{key_dependency, known};
use super::{Function, exactly, json, text_of, texts, wrong};
use crate::data::Data;
use crate::dependency::{Dependency, Instances, Scope};
use crate::haproxy::routes::{self, Table};
use crate::haproxy::site::Site;
use crate::haproxy::{names, servers as backend, users as listed};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("keyInteger", &[Text, Any, Any, Any], key_integer),
    Function::new("quote", &[Text], quote),
    Function::new("routes", &[Any], routes),
    Function::new("rules", &[Any], rules),
    Function::new("servers", &[Text, Text], servers),
    Function::new("users", &[Text], users),
];

type Result = std::result::Result<Value, Error>;

/// `routes VALUES`: the routing table that the tags of all services make together; see `templates/README.md`.
pub fn routes(session: &Session, arguments: &[Value]) -> Result {
    session.remembered("routes", arguments, || {
        let table = table(session, arguments)?;
        serde_json::to_value(table.routes).map(json::from_serde).map_err(wrong)
    })
}

/// `rules VALUES`: which host names and paths the external frontends send where, in the order HAProxy must try them.
pub fn rules(session: &Session, arguments: &[Value]) -> Result {
    session.remembered("rules", arguments, || {
        let table = table(session, arguments)?;
        serde_json::to_value(table.rules()).map(json::from_serde).map_err(wrong)
    })
}

fn table(session: &Session, arguments: &[Value]) -> std::result::Result<Table, Error> {
    let [values] = exactly(arguments)?;
    let site: Site = serde::Deserialize::deserialize(json::to_serde(values)).map_err(wrong)?;
    site.check().map_err(Error::new)?;
    let services = session.recall(Dependency::Services { scope: Scope::default() });
    let Some(Data::Services(services)) = services.as_ref().map(|known| known.data()) else {
        return Ok(Table::default());
    };
    let mut table = routes::table(services, &site);
    session.report(std::mem::take(&mut table.problems));
    Ok(table)
}

/// `users LIST`: the users that the key `service/haproxy/auth/LIST` has, a `NAME:HASH` a line. Nobody when it is absent.
pub fn users(session: &Session, arguments: &[Value]) -> Result {
    let [list] = texts(arguments)?;
    let path = format!("service/haproxy/auth/{list}");
    let text = match key_dependency(&[Value::from(path.as_str())])? {
        Some(dependency) => known(session, dependency).filter(|value| !value.is_nil()),
        None => None,
    };
    let (users, problems) = match &text {
        Some(text) => listed::users(&path, text_of(text)?),
        None => (Vec::new(), Vec::new()),
    };
    session.report(problems);
    serde_json::to_value(users).map(json::from_serde).map_err(wrong)
}

/// `servers ENVIRONMENT NAME`: the passing instances of a service in an environment, as servers of a backend.
pub fn servers(session: &Session, arguments: &[Value]) -> Result {
    let [environment, name] = texts(arguments)?;
    let wanted = Instances::passing(name, Some(environment));
    let instances = session.recall(Dependency::Instances(wanted));
    let Some(Data::Instances(instances)) = instances.as_ref().map(|known| known.data()) else {
        return Ok(Value::list([]));
    };
    let (servers, problems) = backend::servers(name, instances);
    session.report(problems);
    serde_json::to_value(servers).map(json::from_serde).map_err(wrong)
}

/// `keyInteger PATH MINIMUM MAXIMUM DEFAULT`: a key that must be an integer; the default when it is absent, or is
/// something else, which is reported.
pub fn key_integer(session: &Session, arguments: &[Value]) -> Result {
    let [path, minimum, maximum, default] = exactly(arguments)?;
    let integer = |value: &Value| {
        let found = match value {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_i64(),
        };
        found.ok_or_else(|| Error::new(format!("'{value}' is no integer")))
    };
    let (range, default) = (integer(minimum)?..=integer(maximum)?, integer(default)?);
    let value = match key_dependency(arguments)? {
        Some(dependency) => known(session, dependency).filter(|value| !value.is_nil()),
        None => None,
    };
    let Some(value) = value else { return Ok(default.into()) };
    match integer(&value) {
        Ok(value) if range.contains(&value) => Ok(value.into()),
        _ => {
            // Without the value: it could be anything, a password in the wrong place too.
            let path = text_of(path)?;
            let problem = format!(
                "key {path:?} is left out: it is no integer from {minimum} to {maximum}; {default} is used"
            );
            session.report([problem]);
            Ok(default.into())
        }
    }
}

/// `quote TEXT`: the text as one word of HAProxy's configuration, whatever it holds.
pub fn quote(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    Ok(names::quote(text).into())
}
