//! What a template can depend on.
//!
//! Templates name their dependencies in consul-template's notation (`production.web@dc1~_agent|passing`), and a
//! dependency prints as consul-template's id of it, which operators know from its logs.

mod query;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use consul::Tenancy;

pub use self::query::ParseError;

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
        /// Where.
        scope: Scope,
    },
    /// All nodes.
    Nodes {
        /// Where.
        scope: Scope,
        /// Sorted by distance from this node.
        near: Option<String>,
    },
    /// A node with its services.
    Node {
        /// The agent's own node when not given.
        name: Option<String>,
        /// Where.
        scope: Scope,
    },
    /// The names of all datacenters.
    Datacenters {
        /// Only those that answer.
        reachable: bool,
    },
    /// All partitions.
    Partitions,
    /// All peers.
    Peerings {
        /// Those of this partition.
        partition: Option<String>,
    },
    /// The services that others may use.
    ExportedServices {
        /// Of this partition.
        partition: Option<String>,
    },
    /// The services that others share with us.
    ImportedServices {
        /// With this partition.
        partition: Option<String>,
    },
    /// The root certificates of the service mesh.
    CaRoots,
    /// The certificate of a service.
    CaLeaf(String),
    /// The text of a file.
    File(PathBuf),
}

/// Where to look.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// Not the agent's own datacenter.
    pub datacenter: Option<String>,
    /// Which part of it.
    pub tenancy: Tenancy,
}

/// A key or a prefix of keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath {
    /// Without a leading slash.
    pub path: String,
    /// Where.
    pub scope: Scope,
}

/// Which instances of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instances {
    /// The service's name.
    pub name: String,
    /// Only instances with this tag.
    pub tag: Option<String>,
    /// What serves it in the mesh instead of the instances themselves.
    pub connect: bool,
    /// Where.
    pub scope: Scope,
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

impl Instances {
    /// The passing instances of a service, with a tag when given.
    pub fn passing(name: &str, tag: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            tag: tag.map(str::to_owned),
            connect: false,
            scope: Scope::default(),
            near: None,
            statuses: BTreeSet::from([Status::Passing]),
        }
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

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let near = |near: &Option<String>| suffix("~", near.as_ref());
        match self {
            Self::Key(key) => write!(f, "kv.get({}{})", key.path, key.scope),
            Self::Keys(key) => write!(f, "kv.list({}{})", key.path, key.scope),
            Self::Instances(wanted) => {
                let kind = if wanted.connect { "connect" } else { "service" };
                let tag = wanted.tag.as_ref().map(|tag| format!("{tag}.")).unwrap_or_default();
                // Otherwise the first part of a name could be taken for a tag.
                let (name, scope) = (wanted.name.replace('.', "\\."), &wanted.scope);
                write!(f, "health.{kind}({tag}{name}{scope}{}", near(&wanted.near))?;
                let statuses: Vec<_> = wanted.statuses.iter().map(|status| status.name()).collect();
                write!(f, "|{})", statuses.join(","))
            }
            Self::Services { scope } => named(f, "catalog.services", &scope.to_string()),
            Self::Nodes { scope, near: by } => {
                named(f, "catalog.nodes", &format!("{scope}{}", near(by)))
            }
            Self::Node { name, scope } => {
                let name = name.as_deref().unwrap_or_default();
                named(f, "catalog.node", &format!("{name}{scope}"))
            }
            Self::Datacenters { reachable: false } => f.write_str("catalog.datacenters"),
            Self::Datacenters { reachable: true } => f.write_str("catalog.datacenters(reachable)"),
            Self::Partitions => f.write_str("list.partitions"),
            Self::Peerings { partition } => {
                write!(f, "list.peerings{}", suffix("?partition=", partition.as_ref()))
            }
            Self::ExportedServices { partition } => {
                write!(f, "list.exportedServices({})", partition.as_deref().unwrap_or_default())
            }
            Self::ImportedServices { partition } => {
                write!(f, "list.importedServices({})", partition.as_deref().unwrap_or_default())
            }
            Self::CaRoots => f.write_str("connect.caroots"),
            Self::CaLeaf(service) => write!(f, "connect.caleaf({service})"),
            Self::File(path) => write!(f, "file({})", path.display()),
        }
    }
}

/// `@dc1@partition=p@ns=n`
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tenancy { namespace, partition, peer, sameness_group } = &self.tenancy;
        for (mark, value) in [
            ("@", &self.datacenter),
            ("@partition=", partition),
            ("@ns=", namespace),
            ("@peer=", peer),
            ("@sameness-group=", sameness_group),
        ] {
            f.write_str(&suffix(mark, value.as_ref()))?;
        }
        Ok(())
    }
}

fn suffix(mark: &str, text: Option<&String>) -> String {
    text.map(|text| format!("{mark}{text}")).unwrap_or_default()
}

fn named(f: &mut fmt::Formatter<'_>, name: &str, arguments: &str) -> fmt::Result {
    if arguments.is_empty() { f.write_str(name) } else { write!(f, "{name}({arguments})") }
}
