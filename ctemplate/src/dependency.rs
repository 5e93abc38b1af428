//! What a template can depend on.
//!
//! Templates name their dependencies in consul-template's notation (`production.web@dc1~_agent|passing`), and a
//! dependency prints as consul-template's id of it, which operators know from its logs.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

/// One thing that can be read and watched. Equal dependencies share one watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependency {
    /// The value of a key.
    Key(KeyPath),
    /// All keys that begin with a text.
    Keys(KeyPath),
    /// The instances of a service.
    Instances(Instances),
    /// The names and tags of all services.
    Services {
        /// Not the agent's own datacenter.
        datacenter: Option<String>,
    },
    /// All nodes.
    Nodes {
        /// Not the agent's own datacenter.
        datacenter: Option<String>,
        /// Sorted by distance from this node.
        near: Option<String>,
    },
    /// A node with its services.
    Node {
        /// The agent's own node when not given.
        name: Option<String>,
        /// Not the agent's own datacenter.
        datacenter: Option<String>,
    },
    /// The names of all datacenters.
    Datacenters,
    /// The text of a file.
    File(PathBuf),
}

/// A key or a prefix of keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath {
    /// Without a leading slash.
    pub path: String,
    /// Not the agent's own datacenter.
    pub datacenter: Option<String>,
}

/// Which instances of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instances {
    /// The service's name.
    pub name: String,
    /// Only instances with this tag.
    pub tag: Option<String>,
    /// Not the agent's own datacenter.
    pub datacenter: Option<String>,
    /// Sorted by distance from this node.
    pub near: Option<String>,
    /// Only instances in one of these states.
    pub statuses: BTreeSet<Status>,
}

/// The state of an instance: the worst of its checks and its node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// As a filter: every state.
    Any,
    /// A check is critical.
    Critical,
    /// The instance or its node is in maintenance.
    Maintenance,
    /// All checks pass, or there are none.
    Passing,
    /// A check warns.
    Warning,
}

/// A text that names no dependency.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{function} \"{text}\": {reason}")]
pub struct ParseError {
    function: &'static str,
    text: String,
    reason: &'static str,
}

impl Instances {
    /// The passing instances of a service, with a tag when given.
    pub fn passing(name: &str, tag: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            tag: tag.map(str::to_owned),
            datacenter: None,
            near: None,
            statuses: BTreeSet::from([Status::Passing]),
        }
    }

    /// Reads `[TAG.]NAME[@DATACENTER][~NEAR][|STATUS,…]`. A tag may hold dots, a name may not.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
            grammar(
                r"(?:(?P<tag>[[:word:]=:.\-]+)\.)?(?P<name>[[:word:]\-]+)(?:@(?P<dc>[[:word:].\-]+))?(?:~(?P<near>[[:word:].\-]+))?(?:\|(?P<filter>[[:word:],]+))?",
            )
        });
        let wrong = |reason| ParseError { function: "service", text: text.to_owned(), reason };
        let found =
            GRAMMAR.captures(text).ok_or(wrong("expected [TAG.]NAME[@DC][~NEAR][|STATUS]"))?;
        let part = |name| found.name(name).map(|part| part.as_str().to_owned());
        let statuses =
            match part("filter") {
                None => BTreeSet::from([Status::Passing]),
                Some(filter) => filter.split(',').map(Status::parse).collect::<Option<_>>().ok_or(
                    wrong("a status is one of any, passing, warning, critical, maintenance"),
                )?,
            };
        Ok(Self {
            name: part("name").unwrap_or_default(),
            tag: part("tag"),
            datacenter: part("dc"),
            near: part("near"),
            statuses,
        })
    }

    /// Whether Consul itself can leave out what is not wanted.
    pub fn only_passing(&self) -> bool {
        self.statuses.iter().eq([&Status::Passing])
    }
}

impl Status {
    fn parse(text: &str) -> Option<Self> {
        [Self::Any, Self::Critical, Self::Maintenance, Self::Passing, Self::Warning]
            .into_iter()
            .find(|status| status.name() == text)
    }

    /// Consul's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Critical => "critical",
            Self::Maintenance => "maintenance",
            Self::Passing => "passing",
            Self::Warning => "warning",
        }
    }
}

impl KeyPath {
    /// Reads `PATH[@DATACENTER]`; one leading slash is dropped.
    pub fn parse(function: &'static str, text: &str) -> Result<Self, ParseError> {
        static GRAMMAR: LazyLock<Regex> =
            LazyLock::new(|| grammar(r"/?(?P<path>[^@?]+)(?:@(?P<dc>[[:word:].\-]+))?"));
        let wrong = || ParseError { function, text: text.to_owned(), reason: "expected PATH[@DC]" };
        let found = GRAMMAR.captures(text).ok_or_else(wrong)?;
        let part = |name| found.name(name).map(|part| part.as_str().to_owned());
        Ok(Self { path: part("path").unwrap_or_default(), datacenter: part("dc") })
    }
}

impl Dependency {
    /// Reads the argument of `services`: `[@DATACENTER]`.
    pub fn services(text: &str) -> Result<Self, ParseError> {
        let place = Place::parse("services", text)?;
        match place {
            Place { name: None, near: None, datacenter } => Ok(Self::Services { datacenter }),
            _ => Err(ParseError {
                function: "services",
                text: text.to_owned(),
                reason: "expected @DC",
            }),
        }
    }

    /// Reads the argument of `nodes`: `[@DATACENTER][~NEAR]`.
    pub fn nodes(text: &str) -> Result<Self, ParseError> {
        match Place::parse("nodes", text)? {
            Place { name: None, near, datacenter } => Ok(Self::Nodes { datacenter, near }),
            _ => Err(ParseError {
                function: "nodes",
                text: text.to_owned(),
                reason: "expected [@DC][~NEAR]",
            }),
        }
    }

    /// Reads the argument of `node`: `[NAME][@DATACENTER]`.
    pub fn node(text: &str) -> Result<Self, ParseError> {
        match Place::parse("node", text)? {
            Place { near: None, name, datacenter } => Ok(Self::Node { name, datacenter }),
            _ => Err(ParseError {
                function: "node",
                text: text.to_owned(),
                reason: "expected [NAME][@DC]",
            }),
        }
    }
}

struct Place {
    name: Option<String>,
    datacenter: Option<String>,
    near: Option<String>,
}

impl Place {
    fn parse(function: &'static str, text: &str) -> Result<Self, ParseError> {
        static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
            grammar(
                r"(?P<name>[[:word:].\-]+)?(?:@(?P<dc>[[:word:].\-]+))?(?:~(?P<near>[[:word:].\-]+))?",
            )
        });
        let wrong = || ParseError {
            function,
            text: text.to_owned(),
            reason: "expected [NAME][@DC][~NEAR]",
        };
        let found = GRAMMAR.captures(text).ok_or_else(wrong)?;
        let part = |name| found.name(name).map(|part| part.as_str().to_owned());
        Ok(Self { name: part("name"), datacenter: part("dc"), near: part("near") })
    }
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, and every test of this file compiles them"
)]
fn grammar(pattern: &str) -> Regex {
    Regex::new(&format!(r"\A(?:{pattern})\z")).expect("a valid pattern")
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |datacenter: &Option<String>| suffix('@', datacenter.as_deref());
        match self {
            Self::Key(key) => write!(f, "kv.get({}{})", key.path, at(&key.datacenter)),
            Self::Keys(key) => write!(f, "kv.list({}{})", key.path, at(&key.datacenter)),
            Self::Instances(wanted) => {
                let tag = wanted.tag.as_ref().map(|tag| format!("{tag}.")).unwrap_or_default();
                let near = suffix('~', wanted.near.as_deref());
                let statuses: Vec<_> = wanted.statuses.iter().map(|status| status.name()).collect();
                let at = at(&wanted.datacenter);
                write!(f, "health.service({tag}{}{at}{near}|{})", wanted.name, statuses.join(","))
            }
            Self::Services { datacenter } => named(f, "catalog.services", &at(datacenter)),
            Self::Nodes { datacenter, near } => named(
                f,
                "catalog.nodes",
                &format!("{}{}", at(datacenter), suffix('~', near.as_deref())),
            ),
            Self::Node { name, datacenter } => named(
                f,
                "catalog.node",
                &format!("{}{}", name.as_deref().unwrap_or_default(), at(datacenter)),
            ),
            Self::Datacenters => f.write_str("catalog.datacenters"),
            Self::File(path) => write!(f, "file({})", path.display()),
        }
    }
}

fn suffix(mark: char, text: Option<&str>) -> String {
    text.map(|text| format!("{mark}{text}")).unwrap_or_default()
}

fn named(f: &mut fmt::Formatter<'_>, name: &str, arguments: &str) -> fmt::Result {
    if arguments.is_empty() { f.write_str(name) } else { write!(f, "{name}({arguments})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_service_queries() {
        for (text, id) in [
            ("web", "health.service(web|passing)"),
            ("production.web", "health.service(production.web|passing)"),
            ("x.y.web", "health.service(x.y.web|passing)"),
            ("web@dc1", "health.service(web@dc1|passing)"),
            ("web@dc1~_agent", "health.service(web@dc1~_agent|passing)"),
            ("a=b:c.web|any", "health.service(a=b:c.web|any)"),
            ("web|warning,critical", "health.service(web|critical,warning)"),
        ] {
            let parsed = Dependency::Instances(Instances::parse(text).unwrap());
            assert_eq!(parsed.to_string(), id, "{text}");
        }
        assert_eq!(Instances::parse("x.y.web").unwrap().tag.as_deref(), Some("x.y"));
    }

    #[test]
    fn refuses_what_is_no_service_query() {
        for text in ["", "a b", "web|", "web|up", "web@", "é", "web\n", "web~a b"] {
            assert!(Instances::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Instances::parse("web|up").unwrap_err().to_string(),
            "service \"web|up\": a status is one of any, passing, warning, critical, maintenance"
        );
    }

    #[test]
    fn reads_places() {
        for (parsed, id) in [
            (Dependency::services(""), "catalog.services"),
            (Dependency::services("@dc2"), "catalog.services(@dc2)"),
            (Dependency::nodes("@dc2~_agent"), "catalog.nodes(@dc2~_agent)"),
            (Dependency::node(""), "catalog.node"),
            (Dependency::node("a.b@dc2"), "catalog.node(a.b@dc2)"),
        ] {
            assert_eq!(parsed.unwrap().to_string(), id);
        }
        assert!(Dependency::services("web").is_err());
        assert!(Dependency::nodes("web").is_err());
        assert!(Dependency::node("a~b").is_err());
    }

    #[test]
    fn reads_keys() {
        let key = KeyPath::parse("key", "/service/haproxy/max conn@dc1").unwrap();
        assert_eq!(Dependency::Key(key).to_string(), "kv.get(service/haproxy/max conn@dc1)");
        assert!(KeyPath::parse("key", "").is_err());
    }
}
