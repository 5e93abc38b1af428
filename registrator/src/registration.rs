//! From one port of a task to what is written to Consul.

use marathon::{App, Task};

use crate::check;
use crate::metadata::Metadata;
use crate::placeholder::Place;
use crate::policy::Policy;
use crate::ports::{self, Port};
use crate::service::{Protocol, Registration, mark};
use crate::skipped::Reason;

/// What a registration is made from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The app.
    pub app: &'a App,
    /// Its keys.
    pub metadata: &'a Metadata,
    /// The task.
    pub task: &'a Task,
    /// The address of its agent.
    pub host: &'a str,
    /// All its ports.
    pub ports: &'a [Port],
    /// Our id.
    pub owner: &'a str,
    /// Whether the agent runs scripts.
    pub scripts: bool,
    /// What the operator decided.
    pub policy: &'a Policy,
}

/// The services of a port, by the further name in their ids, and the keys that could not be followed.
pub fn of_port(
    source: Source<'_>,
    port: &Port,
) -> (Vec<(Option<String>, Registration)>, Vec<Reason>) {
    let Source { app, metadata, task, ports, policy, .. } = source;
    let mut wrong = Vec::new();
    let mut keep = |reasons: Vec<Reason>| wrong.extend(reasons);
    let reached = match reached(source, port) {
        Ok(port) => port,
        Err(reason) => return (Vec::new(), vec![reason]),
    };
    let place = Place { app, task, port: &reached, ports };
    let (names, reasons) = metadata.names(app, port, ports.len() > 1, policy);
    keep(reasons);
    let (mut tags, reasons) = metadata.tags(place, &policy.tags);
    keep(reasons);
    let (mut meta, reasons) = metadata.meta(place);
    keep(reasons);
    let (weights, reasons) = metadata.weights(port);
    keep(reasons);
    let (checks, reasons) = check::of_port(app, metadata, &reached, source.scripts, policy);
    keep(reasons);
    if port.protocol == Protocol::Udp && !tags.iter().any(|tag| tag == "udp") {
        tags.push("udp".to_owned());
    }
    meta.insert(mark::OWNER.to_owned(), source.owner.to_owned());
    meta.insert(mark::APP.to_owned(), app.id.to_string());
    meta.insert(mark::TASK.to_owned(), task.id.to_string());
    // The task's version, not the app's: that one moves with every scaling, and every service would be written again.
    let version = task.version.as_deref().unwrap_or_else(|| app.config_version());
    meta.insert(mark::VERSION.to_owned(), version.to_owned());
    meta.extend(check::text_of(&checks).map(|text| (mark::CHECK.to_owned(), text)));
    let registration = |name: &String| Registration {
        name: name.clone(),
        tags: tags.clone(),
        meta: meta.clone(),
        address: reached.address.clone(),
        port: reached.port,
        weights,
        tag_override: metadata.is_on(port, "ENABLE_TAG_OVERRIDE", policy.tag_override),
        checks: checks.clone(),
        rest: None,
    };
    let services = names.iter().enumerate();
    let services = services.map(|(n, name)| ((n > 0).then(|| name.clone()), registration(name)));
    (services.collect(), wrong)
}

/// The port with the address that `SERVICE_ADDRESS` asks for: `host`, `task`, or one that is given.
fn reached(source: Source<'_>, port: &Port) -> Result<Port, Reason> {
    let mut reached = port.clone();
    let Some(found) = source.metadata.get(port, "ADDRESS") else { return Ok(reached) };
    match found.value {
        "host" => {
            let why = || "the port is not one of the host".to_owned();
            let missing = || Reason::Key { key: found.key.to_owned(), why: why() };
            reached.port = port.host_port.ok_or_else(missing)?;
            source.host.clone_into(&mut reached.address);
        }
        "task" => {
            reached.port = port.declared;
            ports::own_address(source.task)?.clone_into(&mut reached.address);
        }
        address => address.clone_into(&mut reached.address),
    }
    Ok(reached)
}
