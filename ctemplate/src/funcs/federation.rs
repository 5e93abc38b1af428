//! Datacenters, partitions, peers, what they share, and the certificates of the mesh.

use gotemplate::{Error, List, Type, Value};

use super::Function;
use super::Parameter::{Bool, Text};
use super::consul::{joined, known};
use super::{texts, wrong};
use crate::data::value::list_of;
use crate::dependency::Dependency;
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("datacenters", &[], datacenters).rest(Bool),
    Function::new("partitions", &[], partitions),
    Function::new("peerings", &[], peerings).rest(Text),
    Function::new("exportedServices", &[], exported_services).rest(Text),
    Function::new("importedServices", &[Text], imported_services),
    Function::new("caRoots", &[], ca_roots).rest(Text),
    Function::new("caLeaf", &[], ca_leaf).rest(Text).any(),
];

type Result = std::result::Result<Value, Error>;

/// `datacenters [REACHABLE]`: the names of all datacenters, or of those that answer.
pub fn datacenters(session: &Session, arguments: &[Value]) -> Result {
    let reachable = match arguments {
        [] => false,
        [reachable] => reachable.truth(),
        more => {
            return Err(Error::new(format!(
                "datacenters: wrong number of arguments, expected 0 or 1, but got {}",
                more.len()
            )));
        }
    };
    let none = || List::new(Type::String, []).into();
    Ok(known(session, Dependency::Datacenters { reachable }).unwrap_or_else(none))
}

/// `partitions`: all partitions.
pub fn partitions(session: &Session, _: &[Value]) -> Result {
    Ok(list(session, Dependency::Partitions, "*dependency.Partition"))
}

/// `peerings ["?QUERY"]`: all peers.
pub fn peerings(session: &Session, arguments: &[Value]) -> Result {
    let dependency = Dependency::peerings(&joined(arguments, "")?).map_err(wrong)?;
    Ok(list(session, dependency, "*dependency.Peering"))
}

/// `exportedServices [PARTITION]`: the services that others may use.
pub fn exported_services(session: &Session, arguments: &[Value]) -> Result {
    if arguments.len() > 1 {
        let message = "exportedServices: wrong number of arguments, expected 0 or 1";
        return Err(Error::new(message));
    }
    let partition = Some(joined(arguments, "")?).filter(|text| !text.is_empty());
    Ok(list(session, Dependency::ExportedServices { partition }, "dependency.ExportedService"))
}

/// `importedServices PARTITION`: the services that others share with us.
pub fn imported_services(session: &Session, arguments: &[Value]) -> Result {
    let [partition] = texts(arguments)?;
    let partition = Some(partition.to_owned()).filter(|text| !text.is_empty());
    Ok(list(session, Dependency::ImportedServices { partition }, "dependency.ImportedService"))
}

/// `caRoots`: the root certificates of the mesh.
pub fn ca_roots(session: &Session, _: &[Value]) -> Result {
    Ok(list(session, Dependency::CaRoots, "*api.CARoot"))
}

/// `caLeaf SERVICE`: the certificate of a service, with its key.
pub fn ca_leaf(session: &Session, arguments: &[Value]) -> Result {
    let service = arguments.first().and_then(Value::as_str).unwrap_or_default();
    if service.is_empty() {
        return Ok(Value::Nil);
    }
    Ok(known(session, Dependency::CaLeaf(service.to_owned())).unwrap_or(Value::Nil))
}

fn list(session: &Session, dependency: Dependency, kind: &str) -> Value {
    known(session, dependency).unwrap_or_else(|| list_of(kind, []))
}
