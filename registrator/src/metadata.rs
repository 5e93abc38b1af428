//! Which `SERVICE_*` keys an app has, and which of them is meant for a port.
//!
//! Keys come from the app's `env`, its `labels`, and the labels of its ports. Behind the prefix stands what the key is about:
//!
//! | key | about |
//! | --- | --- |
//! | `SERVICE_<KEY>` | all ports; one port, when it is a label of that port |
//! | `SERVICE_<port>_<KEY>` | the port with this declared number |
//! | `SERVICE_PORT_<NAME>_<KEY>` | the port with this name, in upper case and with `_` for `-` |
//!
//! What wins, first to last: the port's own label; the app's label by the port's name, by its number; `env` by name, by
//! number; a generic label; a generic variable. An empty value counts as absent.

use std::collections::{BTreeMap, BTreeSet};

use marathon::App;

use crate::ports::{self, Port};
use crate::skipped::Reason;

/// The original's rule: an exact upper-case prefix, and the rest in any case.
pub const PREFIX: &str = "SERVICE_";
const BY_NAME: &str = "PORT_";
/// Keys whose rest keeps its case.
pub const META: &str = "META_";

/// The `SERVICE_*` keys of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    env: Source,
    labels: Source,
    /// By the port's index.
    own: BTreeMap<usize, Keys>,
    wrong: BTreeSet<Reason>,
    /// Another container of the same pod has ports, and the same name was given to both, or none.
    pub(crate) shares_name: bool,
}

type Keys = BTreeMap<String, Value>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Source {
    generic: Keys,
    by_number: BTreeMap<u16, Keys>,
    by_name: BTreeMap<String, Keys>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    /// As written.
    key: String,
    text: String,
}

/// A value and the key it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// As an operator would look for it.
    pub key: &'a str,
    /// Not empty.
    pub value: &'a str,
    /// It is about this port alone.
    pub of_port: bool,
}

/// What an app's definition says about its ports.
struct Known {
    names: BTreeSet<String>,
    numbers: BTreeSet<u32>,
    /// A port without a number of its own may get any.
    any_number: bool,
}

impl Metadata {
    /// Collects the keys.
    pub fn of(app: &App) -> Self {
        Self::among(app, std::slice::from_ref(app))
    }

    /// Collects the keys of one container of a pod, which may be about a port of another one.
    pub fn among(app: &App, containers: &[App]) -> Self {
        let declared = ports::declared(app);
        let all: Vec<_> = containers.iter().flat_map(ports::declared).collect();
        let known = Known {
            names: all.iter().filter_map(|port| port.name).map(spelled).collect(),
            numbers: all.iter().map(|port| port.number).collect(),
            any_number: all.iter().any(|port| port.number == 0),
        };
        let shares_name = containers.iter().any(|other| {
            !std::ptr::eq(other, app)
                && !ports::declared(other).is_empty()
                && given_names(other) == given_names(app)
        });
        let mut metadata = Self { shares_name, ..Self::default() };
        // Backwards: of two spellings the upper-case one, which sorts first, wins.
        for (from_labels, pairs) in [(false, &app.env), (true, &app.labels)] {
            for (key, value) in pairs.iter().rev() {
                metadata.take(key, value, from_labels, &known);
            }
        }
        for (index, port) in declared.iter().enumerate() {
            for (key, value) in port.labels.into_iter().flatten().rev() {
                let Some(rest) = key.strip_prefix(PREFIX).filter(|_| !value.is_empty()) else {
                    continue;
                };
                let value = Value { key: key.clone(), text: value.clone() };
                if metadata.is_readable(&value) {
                    metadata.own.entry(index).or_default().insert(normal(rest), value);
                }
            }
        }
        metadata
    }

    fn take(&mut self, key: &str, value: &str, from_labels: bool, known: &Known) {
        let Some(rest) = key.strip_prefix(PREFIX).filter(|_| !value.is_empty()) else { return };
        let value = Value { key: key.to_owned(), text: value.to_owned() };
        if !self.is_readable(&value) {
            return;
        }
        let source = if from_labels { &mut self.labels } else { &mut self.env };
        match about(rest, known) {
            About::All => drop(source.generic.insert(normal(rest), value)),
            About::Number(number, rest) => {
                drop(source.by_number.entry(number).or_default().insert(normal(rest), value));
            }
            About::Name(name, rest) => {
                drop(source.by_name.entry(name).or_default().insert(normal(rest), value));
            }
            About::Nothing(port) => {
                let why = format!("the app has no port {port}");
                self.wrong.insert(Reason::Key { key: key.to_owned(), why });
            }
        }
    }

    /// What was no UTF-8 in Marathon's answer has this character where it could not be read.
    fn is_readable(&mut self, value: &Value) -> bool {
        let good = !value.text.contains(char::REPLACEMENT_CHARACTER)
            && !value.key.contains(char::REPLACEMENT_CHARACTER);
        if !good {
            let (key, why) = (value.key.clone(), "not valid UTF-8".to_owned());
            self.wrong.insert(Reason::Key { key, why });
        }
        good
    }

    /// Keys that are about nothing, whatever the port.
    pub fn wrong(&self) -> impl Iterator<Item = &Reason> {
        self.wrong.iter()
    }

    /// The value of `key`, without its prefix, for a port.
    pub fn get(&self, port: &Port, key: &str) -> Option<Found<'_>> {
        self.layers(port).find_map(|(keys, of_port)| {
            let value = keys.get(key)?;
            Some(Found { key: &value.key, value: &value.text, of_port })
        })
    }

    /// The values of all keys that begin with `prefix`, by what follows it.
    pub fn all(&self, port: &Port, prefix: &str) -> BTreeMap<&str, Found<'_>> {
        let mut all = BTreeMap::new();
        for (keys, of_port) in self.layers(port) {
            for (key, value) in keys {
                if let Some(rest) = key.strip_prefix(prefix) {
                    let found = Found { key: &value.key, value: &value.text, of_port };
                    all.entry(rest).or_insert(found);
                }
            }
        }
        all
    }

    /// What counts for a port, first what wins.
    fn layers(&self, port: &Port) -> impl Iterator<Item = (&Keys, bool)> {
        let name = port.name.as_deref().map(spelled).unwrap_or_default();
        let of_port = [
            self.own.get(&port.index),
            self.labels.by_name.get(&name),
            self.labels.by_number.get(&port.declared),
            self.env.by_name.get(&name),
            self.env.by_number.get(&port.declared),
        ];
        let generic = [&self.labels.generic, &self.env.generic];
        let of_port = of_port.into_iter().flatten().map(|keys| (keys, true));
        of_port.chain(generic.into_iter().map(|keys| (keys, false)))
    }
}

fn given_names(app: &App) -> [Option<&String>; 4] {
    let [name, names] = ["SERVICE_NAME", "SERVICE_NAMES"];
    [app.labels.get(name), app.labels.get(names), app.env.get(name), app.env.get(names)]
}

enum About<'a> {
    All,
    Number(u16, &'a str),
    Name(String, &'a str),
    /// A port that the app has not.
    Nothing(String),
}

fn about<'a>(rest: &'a str, known: &Known) -> About<'a> {
    if let Some((name, key)) = by_name(rest, known) {
        return About::Name(name, key);
    }
    let Some((port, key)) = rest.split_once('_').filter(|(_, key)| !key.is_empty()) else {
        return About::All;
    };
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || port.starts_with('0') {
        return About::All;
    }
    match port.parse::<u16>() {
        Ok(number) if known.any_number || known.numbers.contains(&u32::from(number)) => {
            About::Number(number, key)
        }
        _ => About::Nothing(port.to_owned()),
    }
}

/// Of several names that fit, `ADMIN` and `ADMIN_API`, the longest is meant.
fn by_name<'a>(rest: &'a str, known: &Known) -> Option<(String, &'a str)> {
    let (head, rest) = rest.split_at_checked(BY_NAME.len())?;
    let rest = head.eq_ignore_ascii_case(BY_NAME).then_some(rest)?;
    let fits = known.names.iter().filter_map(|name| {
        let (head, tail) = rest.split_at_checked(name.len())?;
        let key = tail.strip_prefix('_').filter(|key| !key.is_empty())?;
        head.eq_ignore_ascii_case(name).then_some((name, key))
    });
    fits.max_by_key(|(name, _)| name.len()).map(|(name, key)| (name.clone(), key))
}

/// A port's name as it is written in keys; Marathon does the same for `PORT_<NAME>`.
fn spelled(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// Upper case, but for the key that becomes one of the service's metadata.
fn normal(key: &str) -> String {
    match key.split_at_checked(META.len()) {
        Some((head, tail)) if head.eq_ignore_ascii_case(META) => format!("{META}{tail}"),
        _ => key.to_ascii_uppercase(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::service::Protocol;

    /// An app with the ports 80, named `web-ui`, and 81.
    pub(crate) fn app(env: &[(&str, &str)], labels: &[(&str, &str)], own: &Json) -> App {
        let env: BTreeMap<_, _> = env.iter().copied().collect();
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let json = json!({
            "id": "/app/production/web", "env": env, "labels": labels,
            "portDefinitions": [{"port": 80, "name": "web-ui", "labels": own}, {"port": 81}],
        });
        serde_json::from_value(json).unwrap()
    }

    /// Port 80 of [`app`].
    pub(crate) fn port() -> Port {
        let (name, address) = (Some("web-ui".to_owned()), "10.0.0.1".to_owned());
        Port {
            index: 0,
            declared: 80,
            name,
            protocol: Protocol::Tcp,
            address,
            port: 31000,
            host_port: Some(31000),
        }
    }

    #[test]
    fn what_wins() {
        // Each row takes away what won the row before.
        let env = [("SERVICE_X", "7"), ("SERVICE_80_X", "5"), ("SERVICE_PORT_WEB_UI_X", "4")];
        let labels = [("SERVICE_X", "6"), ("SERVICE_80_X", "3"), ("SERVICE_PORT_WEB_UI_X", "2")];
        let own = json!({"SERVICE_X": "1"});
        let rows = [
            ("1", app(&env, &labels, &own)),
            ("2", app(&env, &labels, &json!({}))),
            ("3", app(&env, &labels[..2], &json!({}))),
            ("4", app(&env, &labels[..1], &json!({}))),
            ("5", app(&env[..2], &labels[..1], &json!({}))),
            ("6", app(&env[..1], &labels[..1], &json!({}))),
            ("7", app(&env[..1], &[], &json!({}))),
        ];
        for (want, app) in rows {
            let metadata = Metadata::of(&app);
            assert_eq!(metadata.get(&port(), "X").unwrap().value, want);
        }
    }

    #[test]
    fn keys_for_other_ports_do_not_count_and_for_no_port_are_named() {
        let env = [
            ("SERVICE_81_X", "1"),
            ("SERVICE_82_X", "1"),
            ("SERVICE_99999_X", "1"),
            ("SERVICE_080_X", "1"),
            ("SERVICE_80_", "1"),
            ("SERVICE_Y", ""),
            ("SERVICE_Z", "a\u{fffd}"),
        ];
        let metadata = Metadata::of(&app(&env, &[], &json!({})));
        for key in ["X", "Y", "Z"] {
            assert_eq!(metadata.get(&port(), key), None, "{key}");
        }
        let wrong: Vec<_> = metadata.wrong().map(ToString::to_string).collect();
        assert_eq!(
            wrong,
            [
                "SERVICE_82_X left out: the app has no port 82",
                "SERVICE_99999_X left out: the app has no port 99999",
                "SERVICE_Z left out: not valid UTF-8",
            ]
        );
    }

    #[test]
    fn the_longest_name_is_meant_and_any_case_will_do() {
        let json = json!({"id": "/a", "env": {"SERVICE_PORT_ADMIN_API_NAME": "n", "SERVICE_Port_Admin_Tags": "t"},
            "portDefinitions": [{"port": 1, "name": "admin"}, {"port": 2, "name": "admin-api"}]});
        let metadata = Metadata::of(&serde_json::from_value(json).unwrap());
        let port = |index, declared, name: &str| Port {
            index,
            declared,
            name: Some(name.into()),
            ..port()
        };
        let (admin, api) = (port(0, 1, "admin"), port(1, 2, "admin-api"));
        assert_eq!(metadata.get(&api, "NAME").unwrap().value, "n");
        assert_eq!(metadata.get(&admin, "API_NAME"), None);
        assert_eq!(metadata.get(&admin, "TAGS").unwrap().value, "t");
    }

    #[test]
    fn a_port_without_a_number_may_get_any() {
        let json = json!({"id": "/a", "env": {"SERVICE_31000_X": "1"}, "ports": [0]});
        let metadata = Metadata::of(&serde_json::from_value(json).unwrap());
        let port = Port { declared: 31000, name: None, ..port() };
        assert!(metadata.get(&port, "X").is_some() && metadata.wrong().next().is_none());
    }
}
