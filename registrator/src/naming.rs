//! `SERVICE_*` keys to names, tags, metadata and weights.

use std::collections::BTreeMap;

use consul::wire::Weights;
use marathon::{App, AppId};

use crate::metadata::{Found, META, Metadata};
use crate::placeholder::{Place, fill};
use crate::policy::{AppNames, Policy, PortSuffix};
use crate::ports::Port;
use crate::skipped::{Reason, Shown};

/// Of the catalog's limits (agent/structs of Consul): 64 pairs, of which five are ours.
const MAX_META_PAIRS: usize = 59;
const MAX_META_KEY: usize = 128;
/// Of metadata by Consul's rule, of tags by ours: HAProxy takes lines of 2048 bytes.
pub const MAX_VALUE: usize = 512;
const MAX_NAME: usize = 255;
/// Of Consul's weights (agent/structs).
const MAX_WEIGHT: u32 = 65535;

impl Metadata {
    /// Why a port is left out, if it is.
    pub fn excludes(&self, port: &Port, policy: &Policy) -> Option<Reason> {
        if let Some(found) = self.get(port, "IGNORE").filter(|found| is_yes(found.value)) {
            return Some(Reason::Ignored { port: port.declared, key: found.key.to_owned() });
        }
        if let Some(found) = self.get(port, "PORTS").filter(|found| !lists(found.value, port)) {
            return Some(Reason::Ignored { port: port.declared, key: found.key.to_owned() });
        }
        let named = || ["NAME", "NAMES"].iter().any(|key| self.get(port, key).is_some());
        (policy.explicit && !named()).then_some(Reason::NotNamed(port.declared))
    }

    /// The service's names, the first one of which has the plain id, and those that cannot be one. A name that several ports would
    /// share gets `-<port>`.
    pub fn names(
        &self,
        app: &App,
        port: &Port,
        several: bool,
        policy: &Policy,
    ) -> (Vec<String>, Vec<Reason>) {
        let suffix = (several || self.shares_name) && policy.port_suffix == PortSuffix::Several;
        let (mut names, mut wrong) = (Vec::new(), Vec::new());
        let mut lists = [self.get(port, "NAME"), self.get(port, "NAMES")];
        if lists.iter().flatten().any(|found| found.of_port) {
            // A port's own key wins over a generic one, also over one of the other spelling.
            lists = lists.map(|found| found.filter(|found| found.of_port));
        }
        for (found, is_list) in lists.into_iter().zip([false, true]) {
            let Some(Found { key, value, of_port }) = found else { continue };
            let given = if is_list { split(value) } else { vec![value.to_owned()] };
            for mut name in given {
                if suffix && !of_port {
                    name = format!("{name}-{}", port.declared);
                }
                match name_problem(&name) {
                    None if names.contains(&name) => {}
                    None => names.push(name),
                    Some(why) => wrong.push(Reason::Name { key: key.to_owned(), name, why }),
                }
            }
        }
        if names.is_empty() && wrong.is_empty() {
            let name = by_default(&app.id, policy.app_names);
            names.push(if suffix { format!("{name}-{}", port.declared) } else { name });
        }
        (names, wrong)
    }

    /// The service's tags, forced ones first, and those that cannot be one.
    pub fn tags(&self, place: Place<'_>, forced: &[String]) -> (Vec<String>, Vec<Reason>) {
        let (mut tags, mut wrong) = (Vec::new(), Vec::new());
        let found = self.get(place.port, "TAGS");
        let own = found.map(|found| split(found.value)).unwrap_or_default();
        let own = own.iter().map(|tag| (found.map_or("SERVICE_TAGS", |found| found.key), tag));
        for (key, tag) in forced.iter().map(|tag| ("--tags", tag)).chain(own) {
            let filled = fill(tag, place).and_then(|tag| match tag_problem(&tag) {
                Some(why) => Err(why.to_owned()),
                None => Ok(tag),
            });
            match filled {
                Ok(tag) if tags.contains(&tag) => {}
                Ok(tag) => tags.push(tag),
                Err(why) => wrong.push(Reason::Key {
                    key: key.to_owned(),
                    why: format!("tag {}: {why}", Shown(tag)),
                }),
            }
        }
        (tags, wrong)
    }

    /// What `SERVICE_META_<key>` asks for, as far as Consul takes it, and what it would not.
    pub fn meta(&self, place: Place<'_>) -> (BTreeMap<String, String>, Vec<Reason>) {
        let (mut meta, mut wrong) = (BTreeMap::new(), Vec::new());
        for (name, found) in self.all(place.port, META) {
            let filled = fill(found.value, place).and_then(|value| {
                match meta_problem(name, &value, meta.len()) {
                    Some(why) => Err(why.to_owned()),
                    None => Ok(value),
                }
            });
            match filled {
                Ok(value) => drop(meta.insert(name.to_owned(), value)),
                Err(why) => wrong.push(Reason::Key { key: found.key.to_owned(), why }),
            }
        }
        (meta, wrong)
    }

    /// The service's share of traffic, and what cannot be one.
    pub fn weights(&self, port: &Port) -> (Weights, Vec<Reason>) {
        let mut wrong = Vec::new();
        let mut weight = |key, least: u32, default| {
            let Some(found) = self.get(port, key) else { return default };
            match found.value.parse::<u32>() {
                Ok(weight) if (least..=MAX_WEIGHT).contains(&weight) => weight,
                _ => {
                    let why = format!("a weight is a number from {least} to {MAX_WEIGHT}");
                    wrong.push(Reason::Key { key: found.key.to_owned(), why });
                    default
                }
            }
        };
        let passing = weight("WEIGHT", 1, 1);
        let warning = weight("WEIGHT_WARNING", 0, 1);
        (Weights { passing, warning }, wrong)
    }

    /// A switch of a port; `default` when the app says nothing.
    pub fn is_on(&self, port: &Port, key: &str, default: bool) -> bool {
        self.get(port, key).map_or(default, |found| is_yes(found.value))
    }
}

/// Anything but a plain no means yes, as in gliderlabs' registrator.
fn is_yes(value: &str) -> bool {
    const NO: [&str; 4] = ["false", "0", "no", "off"];
    !NO.contains(&value.trim().to_lowercase().as_str())
}

/// Whether a list of numbers, ranges and names has the port in it.
fn lists(list: &str, port: &Port) -> bool {
    list.split(',').map(str::trim).any(|item| {
        let range = item.split_once('-').and_then(|(from, to)| {
            Some(from.trim().parse::<u16>().ok()?..=to.trim().parse::<u16>().ok()?)
        });
        range.is_some_and(|range| range.contains(&port.declared))
            || item.parse() == Ok(port.declared)
            || (!item.is_empty() && Some(item) == port.name.as_deref())
    })
}

fn by_default(app: &AppId, names: AppNames) -> String {
    match names {
        AppNames::Last => app.last_segment().to_owned(),
        AppNames::Full => app.as_str().trim_start_matches('/').replace('/', "-"),
    }
}

/// Splits at commas. `\,` is a comma that does not split; blanks around a tag and empty tags are dropped.
pub fn split(text: &str) -> Vec<String> {
    let mut tags = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            ',' => tags.push(String::new()),
            char => {
                let escaped = char == '\\' && chars.next_if_eq(&',').is_some();
                if let Some(tag) = tags.last_mut() {
                    tag.push(if escaped { ',' } else { char });
                }
            }
        }
    }
    tags.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

fn name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > MAX_NAME {
        Some("it is longer than 255 bytes")
    } else if name.chars().any(|char| char.is_control() || char.is_whitespace()) {
        Some("it has blanks or control characters")
    } else {
        None
    }
}

fn tag_problem(tag: &str) -> Option<&'static str> {
    if tag.len() > MAX_VALUE {
        Some("it is longer than 512 bytes")
    } else if tag.chars().any(char::is_control) {
        Some("it has control characters")
    } else {
        None
    }
}

fn meta_problem(key: &str, value: &str, pairs: usize) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=MAX_META_KEY).contains(&key.len()) || !key.bytes().all(allowed) {
        Some("a metadata key is of up to 128 letters, digits, - and _")
    } else if key.starts_with(crate::service::mark::PREFIX) || key.starts_with("consul-") {
        Some("the prefix is reserved")
    } else if value.len() > MAX_VALUE {
        Some("longer than 512 bytes")
    } else if pairs >= MAX_META_PAIRS {
        Some("too many metadata keys")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
