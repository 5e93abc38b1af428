//! What is written to Consul: ids, registrations, checks, and the mark of ownership.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use consul::wire::Weights;
use marathon::TaskId;

use crate::check::Check;

/// Before a further name in a service's id.
const ALIAS: &str = ":name=";

/// Keys of the service metadata that say who registered a service and for what. A service without [`OWNER`](mark::OWNER)
/// is not ours, whatever its id looks like.
pub mod mark {
    /// Keys with this prefix belong to the registrator.
    pub const PREFIX: &str = "registrator-";
    /// The owner's id, as given by `--owner`.
    pub const OWNER: &str = "registrator-owner";
    /// The app's id.
    pub const APP: &str = "registrator-app";
    /// The task's id.
    pub const TASK: &str = "registrator-task";
    /// The version of the app that the task runs.
    pub const VERSION: &str = "registrator-version";
    /// The check, as text. An agent does not tell how a check is defined, so this is how a change of it is seen.
    pub const CHECK: &str = "registrator-check";
}

/// The protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// `<task id>:<port>`, with `:udp` behind it for UDP, and `:name=<name>` for all but the first of several names. The port is
/// the declared one, so an id can be told before the task has its host ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceId {
    /// The task.
    pub task: TaskId,
    /// The declared port: of the container, or of the app's definition.
    pub port: u16,
    /// Distinguishes the two services of a port that serves both.
    pub protocol: Protocol,
    /// A further name of the port.
    pub alias: Option<String>,
}

impl ServiceId {
    /// The id of a port's first or only name.
    pub const fn new(task: TaskId, port: u16, protocol: Protocol) -> Self {
        Self { task, port, protocol, alias: None }
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = match self.protocol {
            Protocol::Tcp => "",
            Protocol::Udp => ":udp",
        };
        write!(f, "{}:{}{suffix}", self.task, self.port)?;
        match &self.alias {
            Some(alias) => write!(f, "{ALIAS}{alias}"),
            None => Ok(()),
        }
    }
}

/// The text is no id of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form <task id>:<port>[:udp][:name=<name>]")]
pub struct ParseError;

impl FromStr for ServiceId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, alias) = match text.rsplit_once(ALIAS) {
            Some((rest, alias)) => (rest, Some(alias.to_owned())),
            None => (text, None),
        };
        let (rest, protocol) = match rest.strip_suffix(":udp") {
            Some(rest) => (rest, Protocol::Udp),
            None => (rest, Protocol::Tcp),
        };
        let (task, port) = rest.rsplit_once(':').ok_or(ParseError)?;
        let port = port.parse().map_err(|_| ParseError)?;
        let id = Self { task: TaskId::new(task), port, protocol, alias };
        // Rejects spellings that we would not print, such as a port of `080`.
        if !task.is_empty() && id.to_string() == text { Ok(id) } else { Err(ParseError) }
    }
}

/// A service as it should be. Its id is the key it is kept under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// The service's name.
    pub name: String,
    /// In the order given.
    pub tags: Vec<String>,
    /// With the [`mark`].
    pub meta: BTreeMap<String, String>,
    /// Where it is reached.
    pub address: String,
    /// Where it is reached.
    pub port: u16,
    /// Its share of traffic.
    pub weights: Weights,
    /// Others may change its tags in the catalog.
    pub tag_override: bool,
    /// How Consul checks it.
    pub checks: Vec<Check>,
    /// Why it is registered and gets no traffic.
    pub rest: Option<String>,
}

/// Services by id. There may be thousands, and most are the same each time: they are shared, not copied.
pub type Services = BTreeMap<ServiceId, Arc<Registration>>;

impl Registration {
    /// A value of the metadata.
    pub fn meta(&self, key: &str) -> Option<&str> {
        self.meta.get(key).map(String::as_str)
    }

    /// The time within which a TTL check wants to hear from us. Read from the metadata, which an agent tells after a restart of ours.
    pub fn ttl(&self) -> Option<Duration> {
        let text = self.meta(mark::CHECK)?.strip_prefix("ttl ")?;
        daemon::duration::parse(text.split(' ').next()?).ok()
    }
}

/// Reasons of ours begin with this: a service that an operator has put into maintenance is left there.
pub const REST: &str = "registrator: ";

/// A service as the agent has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    /// Without checks: the agent does not tell how they are defined. `rest` is the reason of its maintenance, whosever.
    pub registration: Registration,
    /// Whether the agent checks it.
    pub has_check: bool,
}

/// Which services on the agent are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Our id.
    pub owner: String,
    /// Also take what the original marathon-registrator left behind: it marked nothing.
    pub adopt: bool,
}

/// Whose a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Marked with our id, or adopted.
    Ours,
    /// Marked with another id.
    Other(String),
    /// Not marked.
    Nobody,
}

impl Ownership {
    /// Whose this service is.
    pub fn of(&self, id: &str, actual: &Actual) -> Owner {
        match actual.registration.meta(mark::OWNER) {
            Some(owner) if owner == self.owner => Owner::Ours,
            Some(owner) => Owner::Other(owner.to_owned()),
            None if self.adopt && is_left_behind(id, actual) => Owner::Ours,
            None => Owner::Nobody,
        }
    }
}

/// The original wrote no metadata, and ids of a Marathon task id and a port. A task id ends in a UUID, which nobody gives
/// to a service by hand.
fn is_left_behind(id: &str, actual: &Actual) -> bool {
    let is_task = |task: &TaskId| task.as_str().split('.').any(ends_in_uuid);
    actual.registration.meta.is_empty() && id.parse::<ServiceId>().is_ok_and(|id| is_task(&id.task))
}

fn ends_in_uuid(part: &str) -> bool {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let uuid = part.strip_prefix("instance-").unwrap_or(part);
    let groups: Vec<_> = uuid.split('-').collect();
    groups.len() == GROUPS.len()
        && groups.iter().zip(GROUPS).all(|(group, len)| {
            group.len() == len && group.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "2c033893-7993-11e5-8878-56847afe9799";

    proptest! {
        #[test]
        fn an_id_is_read_back_as_printed(
            task in "[ -~]{1,30}", port: u16, udp: bool, alias in prop::option::of("[a-z]{1,9}"),
        ) {
            let protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
            let id = ServiceId { task: TaskId::new(task), port, protocol, alias };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn what_parses_is_printed_alike(text in "[a-z.:0-9]{0,12}(:udp)?(:name=[a-z]?)?") {
            if let Ok(id) = text.parse::<ServiceId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn a_service_is_ours_by_its_mark_alone() {
        let marked = |owner: &str| {
            let meta = BTreeMap::from([(mark::OWNER.to_owned(), owner.to_owned())]);
            Actual { registration: Registration { meta, ..Default::default() }, has_check: false }
        };
        let foreign_meta = |key: &str| {
            let meta = BTreeMap::from([(key.to_owned(), "x".to_owned())]);
            Actual { registration: Registration { meta, ..Default::default() }, has_check: false }
        };
        let left = format!("app_web.{UUID}:3000");
        let left_1_8 = format!("app_web.instance-{UUID}._app.1:3000");
        let rows = [
            ("ours", "mysql", marked("me"), false, Owner::Ours),
            ("another's", left.as_str(), marked("you"), true, Owner::Other("you".into())),
            ("of the right shape", left.as_str(), Actual::default(), false, Owner::Nobody),
            ("adopted", left.as_str(), Actual::default(), true, Owner::Ours),
            ("adopted, new ids", left_1_8.as_str(), Actual::default(), true, Owner::Ours),
            ("by hand", "mysql:3306", Actual::default(), true, Owner::Nobody),
            ("not the original's", left.as_str(), foreign_meta("version"), true, Owner::Nobody),
        ];
        for (name, id, actual, adopt, want) in rows {
            let ownership = Ownership { owner: "me".into(), adopt };
            assert_eq!(ownership.of(id, &actual), want, "{name}");
        }
    }
}
