//! An instance of a service becomes five variables, as with envconsul's `-service-query` (pure).
//!
//! Of several instances envconsul lets the last one of the answer win. Here the first in the order of
//! (id, address, port) does, which stays the same while that instance is healthy, whatever else comes and goes.

use consul::wire::ServiceEntry;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

use thiserror::Error;

/// What variables tell about an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its own address, else its node's.
    pub address: String,
    /// 0 when it has none; Consul checks no range.
    pub port: i64,
    /// The service's name, as it is registered.
    pub name: String,
    /// Its tags.
    pub tags: Vec<String>,
}

/// How an instance's variables are named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    /// The id's.
    pub id: Format,
    /// The name's.
    pub name: Format,
    /// The address's.
    pub address: Format,
    /// The tags', joined with commas.
    pub tag: Format,
    /// The port's.
    pub port: Format,
}

/// A name with `{{service}}` and `{{key}}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Service,
    Key,
}

/// A format that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is no format: expected text with {{{{service}}}} and {{{{key}}}} in it")]
pub struct FormatError(String);

impl Formats {
    /// Names, not yet sanitised, and values.
    pub fn variables(&self, service: &str, instance: &Instance) -> [(String, String); 5] {
        let Instance { id, address, port, name, tags } = instance;
        [
            (self.id.apply(service, "id"), id.clone()),
            (self.name.apply(service, "name"), name.clone()),
            (self.address.apply(service, "address"), address.clone()),
            (self.tag.apply(service, "tag"), tags.join(",")),
            (self.port.apply(service, "port"), port.to_string()),
        ]
    }
}

impl Format {
    fn apply(&self, service: &str, key: &str) -> String {
        let words = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Service => service,
            Piece::Key => key,
        });
        words.collect()
    }
}

/// envconsul's own, which becomes `web_id` as every name is sanitised.
impl Default for Format {
    fn default() -> Self {
        Self(vec![Piece::Service, Piece::Text("/".to_owned()), Piece::Key])
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let wrong = || FormatError(text.to_owned());
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, inner)) = rest.split_once("{{") {
            let (name, after) = inner.split_once("}}").ok_or_else(wrong)?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(match name.trim() {
                "service" => Piece::Service,
                "key" => Piece::Key,
                _ => return Err(wrong()),
            });
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        if pieces.is_empty() { Err(wrong()) } else { Ok(Self(pieces)) }
    }
}

/// The instances of an answer, in their order.
pub fn instances(entries: Vec<ServiceEntry>) -> Vec<Instance> {
    let mut instances: Vec<Instance> = entries
        .into_iter()
        .map(|ServiceEntry { node, service, .. }| Instance {
            id: service.id,
            address: if service.address.is_empty() { node.address } else { service.address },
            port: service.port,
            name: service.service,
            tags: service.tags,
        })
        .collect();
    instances.sort();
    instances
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_five_variables() {
        let instance = Instance {
            id: "web:1".to_owned(),
            address: "10.0.0.1".to_owned(),
            port: 80,
            name: "web".to_owned(),
            tags: vec!["a".to_owned(), "b".to_owned()],
        };
        let formats =
            Formats { id: "X_{{ key }}_{{service}}".parse().unwrap(), ..Formats::default() };
        let shown =
            formats.variables("web", &instance).map(|(name, value)| format!("{name}={value}"));
        let want = [
            "X_id_web=web:1",
            "web/name=web",
            "web/address=10.0.0.1",
            "web/tag=a,b",
            "web/port=80",
        ];
        assert_eq!(shown, want);
    }

    #[test]
    fn refuses_formats_that_are_none() {
        for text in ["", "{{service", "{{name}}", "{{}}"] {
            let error = text.parse::<Format>().unwrap_err().to_string();
            assert!(error.contains("expected text with {{service}} and {{key}}"), "{error}");
        }
    }

    #[test]
    fn orders_instances_whatever_consul_does() {
        let entry = |id: &str, address: &str| {
            let mut entry = ServiceEntry::default();
            id.clone_into(&mut entry.service.id);
            address.clone_into(&mut entry.service.address);
            "10.0.0.9".clone_into(&mut entry.node.address);
            entry
        };
        let got = instances(vec![entry("b", "x"), entry("a", "y"), entry("a", "")]);
        let shown: Vec<_> = got.iter().map(|one| (one.id.as_str(), one.address.as_str())).collect();
        assert_eq!(shown, [("a", "10.0.0.9"), ("a", "y"), ("b", "x")]);
    }
}
