//! What Consul knows.

use gotemplate::{Error, Value};

use super::Parameter::Text;
use super::{Function, text_of, texts, wrong};
use crate::data::Data;
use crate::data::value::{INSTANCE, KEY_PAIR, SNIPPET, list_of};
use crate::dependency::{Dependency, Instances, KeyPath};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("service", &[], service).rest(Text),
    Function::new("connect", &[], connect).rest(Text),
    Function::new("services", &[], services).rest(Text),
    Function::new("nodes", &[], nodes).rest(Text),
    Function::new("node", &[], node).rest(Text).any(),
    Function::new("key", &[Text], key),
    Function::new("keyExists", &[Text], key_exists),
    Function::new("keyOrDefault", &[Text, Text], key_or_default),
    Function::new("ls", &[Text], ls),
    Function::new("tree", &[Text], tree),
    Function::new("safeLs", &[Text], safe_ls),
    Function::new("safeTree", &[Text], safe_tree),
];

type Result = std::result::Result<Value, Error>;

/// `service "[TAG.]NAME[?QUERY][@DC][~NEAR][|STATUS]"`: the instances of a service, only passing ones unless told
/// otherwise. Several texts are joined with `|`.
pub fn service(session: &Session, arguments: &[Value]) -> Result {
    instances(session, arguments, false)
}

/// `connect`: the same for what serves it in the mesh.
pub fn connect(session: &Session, arguments: &[Value]) -> Result {
    instances(session, arguments, true)
}

fn instances(session: &Session, arguments: &[Value], connect: bool) -> Result {
    let text = joined(arguments, "|")?;
    if arguments.first().is_none_or(|first| first.as_str() == Some("")) {
        return Ok(list_of(INSTANCE, []));
    }
    let wanted = Instances { connect, ..Instances::parse(&text).map_err(wrong)? };
    Ok(known(session, Dependency::Instances(wanted)).unwrap_or_else(|| list_of(INSTANCE, [])))
}

/// `services ["?QUERY@DC"]`: the names and tags of all services.
pub fn services(session: &Session, arguments: &[Value]) -> Result {
    let dependency = Dependency::services(&joined(arguments, "")?).map_err(wrong)?;
    Ok(known(session, dependency).unwrap_or_else(|| list_of(SNIPPET, [])))
}

/// `nodes ["?QUERY@DC~NEAR"]`: all nodes.
pub fn nodes(session: &Session, arguments: &[Value]) -> Result {
    let dependency = Dependency::nodes(&joined(arguments, "")?).map_err(wrong)?;
    Ok(known(session, dependency).unwrap_or_else(|| list_of("*dependency.Node", [])))
}

/// `node ["NAME?QUERY@DC"]`: a node with its services, by default the agent's own.
pub fn node(session: &Session, arguments: &[Value]) -> Result {
    let dependency = Dependency::node(&joined(arguments, "")?).map_err(wrong)?;
    Ok(known(session, dependency).unwrap_or(Value::Nil))
}

/// `key "PATH?QUERY@DC"`: the value of a key; nothing is rendered until it exists.
pub fn key(session: &Session, arguments: &[Value]) -> Result {
    let Some(dependency) = key_dependency(arguments)? else { return Ok("".into()) };
    let value = known(session, dependency.clone()).filter(|value| !value.is_nil());
    if value.is_none() {
        session.is_missing(dependency);
    }
    Ok(value.unwrap_or_else(|| "".into()))
}

/// `keyExists "PATH?QUERY@DC"`: whether a key exists, with a value or without.
pub fn key_exists(session: &Session, arguments: &[Value]) -> Result {
    let Some(dependency) = key_dependency(arguments)? else { return Ok(false.into()) };
    Ok(known(session, dependency).is_some_and(|value| !value.is_nil()).into())
}

/// `keyOrDefault "PATH?QUERY@DC" DEFAULT`: the value of a key, or the default when it is absent or empty.
pub fn key_or_default(session: &Session, arguments: &[Value]) -> Result {
    let [_, default] = super::exactly(arguments)?;
    let value = match key_dependency(arguments)? {
        Some(dependency) => known(session, dependency).filter(Value::truth),
        None => None,
    };
    Ok(value.unwrap_or_else(|| default.clone()))
}

/// `ls "PREFIX?QUERY@DC"`: the keys right below a prefix.
pub fn ls(session: &Session, arguments: &[Value]) -> Result {
    keys(session, arguments, is_leaf, true)
}

/// `tree "PREFIX?QUERY@DC"`: all keys below a prefix, but no folders.
pub fn tree(session: &Session, arguments: &[Value]) -> Result {
    keys(session, arguments, is_no_folder, true)
}

/// `safeLs`: the same as `ls`, but nothing is rendered while there is none.
pub fn safe_ls(session: &Session, arguments: &[Value]) -> Result {
    keys(session, arguments, is_leaf, false)
}

/// `safeTree`: the same as `tree`, but nothing is rendered while there is none.
pub fn safe_tree(session: &Session, arguments: &[Value]) -> Result {
    keys(session, arguments, is_no_folder, false)
}

fn is_leaf(key: &str) -> bool {
    !key.is_empty() && !key.contains('/')
}

fn is_no_folder(key: &str) -> bool {
    !key.is_empty() && !key.ends_with('/')
}

fn keys(
    session: &Session,
    arguments: &[Value],
    wanted: fn(&str) -> bool,
    maybe_none: bool,
) -> Result {
    let [prefix] = texts(arguments)?;
    if prefix.is_empty() {
        return Ok(list_of(KEY_PAIR, []));
    }
    let dependency = Dependency::Keys(KeyPath::parse("kv.list", prefix).map_err(wrong)?);
    let Some(known) = session.recall(dependency.clone()) else {
        return Ok(list_of(KEY_PAIR, []));
    };
    let Data::Keys(pairs) = known.data() else { return Ok(list_of(KEY_PAIR, [])) };
    let values = known.value();
    let chosen: Vec<_> = pairs
        .iter()
        .zip(super::items(&values))
        .filter(|(pair, _)| wanted(&pair.key))
        .map(|(_, value)| value.clone())
        .collect();
    if chosen.is_empty() && !maybe_none {
        session.is_missing(dependency);
    }
    Ok(list_of(KEY_PAIR, chosen))
}

/// The value of a dependency.
pub(super) fn known(session: &Session, dependency: Dependency) -> Option<Value> {
    session.recall(dependency).map(|known| known.value())
}

/// The dependency of a function whose first argument is a key; `None` for the empty one.
pub(super) fn key_dependency(
    arguments: &[Value],
) -> std::result::Result<Option<Dependency>, Error> {
    let path = arguments.first().map(text_of).transpose()?.unwrap_or_default();
    if path.is_empty() {
        return Ok(None);
    }
    KeyPath::parse("kv.get", path).map(|key| Some(Dependency::Key(key))).map_err(wrong)
}

/// The texts of the arguments in one.
pub(super) fn joined(arguments: &[Value], separator: &str) -> std::result::Result<String, Error> {
    let texts = arguments.iter().map(text_of).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(texts.join(separator))
}
