//! `SERVICE_*` keys to names, tags and metadata.
//!
//! Keys come from the app's `env` and `labels`. `SERVICE_<port>_<KEY>` is about one port, by its declared number;
//! `SERVICE_<KEY>` about all. What wins, first to last: label of the port, env of the port, generic label, generic env.
//! An empty value counts as absent.

use std::collections::BTreeMap;

use marathon::App;

use crate::skipped::Reason;

/// The original's rule: an exact upper-case prefix, and the rest in any case.
const PREFIX: &str = "SERVICE_";
const META: &str = "META_";

/// Of the catalog's limits (agent/structs of Consul): 64 pairs, of which five are ours.
const MAX_META_PAIRS: usize = 59;
const MAX_META_KEY: usize = 128;
pub(crate) const MAX_META_VALUE: usize = 512;

/// The `SERVICE_*` keys of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    generic: BTreeMap<String, String>,
    of_port: BTreeMap<(u16, String), String>,
}

/// A value and the key it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// As an operator would look for it.
    pub key: String,
    /// Not empty.
    pub value: &'a str,
    /// It is about this port alone.
    pub of_port: bool,
}

impl Metadata {
    /// Collects the keys.
    pub fn of(app: &App) -> Self {
        let mut metadata = Self::default();
        // Labels after env, and backwards within each: of two spellings the upper-case one, which sorts first, wins.
        for (key, value) in app.env.iter().rev().chain(app.labels.iter().rev()) {
            if let Some(rest) = key.strip_prefix(PREFIX).filter(|_| !value.is_empty()) {
                metadata.insert(rest, value);
            }
        }
        metadata
    }

    fn insert(&mut self, rest: &str, value: &str) {
        match port_and_key(rest) {
            Some((port, key)) => {
                self.of_port.insert((port, normal(key)), value.to_owned());
            }
            None => {
                self.generic.insert(normal(rest), value.to_owned());
            }
        }
    }

    /// The value of `key`, without its prefix, for a port.
    pub fn get(&self, port: u16, key: &str) -> Option<Found<'_>> {
        if let Some(value) = self.of_port.get(&(port, key.to_owned())) {
            return Some(Found { key: format!("{PREFIX}{port}_{key}"), value, of_port: true });
        }
        let value = self.generic.get(key)?;
        Some(Found { key: format!("{PREFIX}{key}"), value, of_port: false })
    }

    /// Whether a port is to be left out. Anything but a plain no means yes, as in gliderlabs' registrator.
    pub fn ignores(&self, port: u16) -> bool {
        const NO: [&str; 4] = ["false", "0", "no", "off"];
        self.get(port, "IGNORE")
            .is_some_and(|found| !NO.contains(&found.value.to_lowercase().as_str()))
    }

    /// The service's name. One that several ports would share gets `-<port>`.
    ///
    /// # Errors
    /// The name cannot be one.
    pub fn name(&self, app: &App, port: u16, several: bool) -> Result<String, Reason> {
        let name = match self.get(port, "NAME") {
            Some(found) if found.of_port || !several => found.value.to_owned(),
            Some(found) => format!("{}-{port}", found.value),
            None if several => format!("{}-{port}", app.id.last_segment()),
            None => app.id.last_segment().to_owned(),
        };
        if is_name(&name) { Ok(name) } else { Err(Reason::Name(name)) }
    }

    /// The service's tags.
    pub fn tags(&self, port: u16) -> Vec<String> {
        self.get(port, "TAGS").map(|found| split_tags(found.value)).unwrap_or_default()
    }

    /// What `SERVICE_META_<key>` asks for, as far as Consul takes it, and what it would not.
    pub fn meta(&self, port: u16) -> (BTreeMap<String, String>, Vec<Reason>) {
        let generic = self.generic.iter().map(|(key, value)| (key, value, false));
        let of_port = self.of_port.iter().filter(|((of, _), _)| *of == port);
        let of_port = of_port.map(|((_, key), value)| (key, value, true));
        let (mut meta, mut wrong) = (BTreeMap::new(), Vec::new());
        for (key, value, of_port) in generic.chain(of_port) {
            let Some(name) = key.strip_prefix(META) else { continue };
            match meta_problem(name, value, meta.len()) {
                None => {
                    meta.insert(name.to_owned(), value.clone());
                }
                Some(why) => {
                    let port = if of_port { format!("{port}_") } else { String::new() };
                    let key = format!("{PREFIX}{port}{key}");
                    wrong.push(Reason::Key { key, why: why.to_owned() });
                }
            }
        }
        (meta, wrong)
    }
}

/// Splits at commas. `\,` is a comma that does not split; blanks around a tag and empty tags are dropped.
pub fn split_tags(text: &str) -> Vec<String> {
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

fn port_and_key(rest: &str) -> Option<(u16, &str)> {
    let (port, key) = rest.split_once('_')?;
    let number: u16 = port.parse().ok()?;
    (!key.is_empty() && number.to_string() == port).then_some((number, key))
}

/// Upper case, but for the key that becomes one of the service's metadata.
fn normal(key: &str) -> String {
    match key.split_at_checked(META.len()) {
        Some((head, tail)) if head.eq_ignore_ascii_case(META) => format!("{META}{tail}"),
        _ => key.to_ascii_uppercase(),
    }
}

fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && !name.chars().any(|char| char.is_control() || char.is_whitespace())
}

fn meta_problem(key: &str, value: &str, pairs: usize) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=MAX_META_KEY).contains(&key.len()) || !key.bytes().all(allowed) {
        Some("a metadata key is of up to 128 letters, digits, - and _")
    } else if key.starts_with(crate::service::mark::PREFIX) || key.starts_with("consul-") {
        Some("the prefix is reserved")
    } else if value.len() > MAX_META_VALUE {
        Some("longer than 512 bytes")
    } else if pairs >= MAX_META_PAIRS {
        Some("too many metadata keys")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(id: &str, env: &[(&str, &str)], labels: &[(&str, &str)]) -> App {
        let json = serde_json::json!({
            "id": id,
            "env": env.iter().copied().collect::<BTreeMap<_, _>>(),
            "labels": labels.iter().copied().collect::<BTreeMap<_, _>>(),
        });
        serde_json::from_value(json).unwrap()
    }

    type Pairs = &'static [(&'static str, &'static str)];

    type Row = (&'static str, Pairs, Pairs, bool, &'static str);

    #[test]
    fn names() {
        let rows: [Row; 11] = [
            ("default", &[], &[], false, "web"),
            ("default, several ports", &[], &[], true, "web-80"),
            ("env", &[("SERVICE_NAME", "e")], &[], false, "e"),
            ("label wins", &[("SERVICE_NAME", "e")], &[("SERVICE_NAME", "l")], false, "l"),
            ("suffix", &[("SERVICE_NAME", "e")], &[], true, "e-80"),
            ("port wins", &[("SERVICE_80_NAME", "p")], &[("SERVICE_NAME", "l")], true, "p"),
            ("other port", &[("SERVICE_81_NAME", "p")], &[], true, "web-80"),
            ("empty is absent", &[("SERVICE_NAME", "")], &[], false, "web"),
            ("any case", &[("SERVICE_Name", "n"), ("service_name", "x")], &[], false, "n"),
            ("upper case wins", &[("SERVICE_NAME", "u"), ("SERVICE_Name", "n")], &[], false, "u"),
            ("no port", &[("SERVICE_080_NAME", "p"), ("SERVICE_80", "x")], &[], false, "web"),
        ];
        for (name, env, labels, several, want) in rows {
            let app = app("/app/production/web", env, labels);
            assert_eq!(Metadata::of(&app).name(&app, 80, several).unwrap(), want, "{name}");
        }
    }

    #[test]
    fn tags() {
        let (env, labels) =
            ([("SERVICE_80_TAGS", "p")], [("SERVICE_TAGS", "production,balance-leastconn")]);
        let metadata = Metadata::of(&app("/a", &env, &labels));
        assert_eq!(metadata.tags(80), ["p"]);
        assert_eq!(metadata.tags(81), ["production", "balance-leastconn"]);
        assert_eq!(Metadata::default().tags(80), [""; 0]);
    }

    #[test]
    fn tags_are_split_as_gliderlabs_does() {
        let rows: [(&str, &[&str]); 11] = [
            ("", &[]),
            ("foobar", &["foobar"]),
            ("foo,bar", &["foo", "bar"]),
            (r"foo\,bar", &["foo,bar"]),
            (r"foo,bar\,baz", &["foo", "bar,baz"]),
            (r"\,foobar\,", &[",foobar,"]),
            (",,,,foo,,,bar,,,", &["foo", "bar"]),
            (",,,,", &[]),
            (r",,\,,", &[","]),
            (" a , b ", &["a", "b"]),
            (r"a\b", &[r"a\b"]),
        ];
        for (given, want) in rows {
            assert_eq!(split_tags(given), want, "{given:?}");
        }
    }

    #[test]
    fn a_port_can_be_ignored_or_not() {
        let rows: [(Pairs, bool); 5] = [
            (&[], false),
            (&[("SERVICE_IGNORE", "1")], true),
            (&[("SERVICE_IGNORE", "False")], false),
            (&[("SERVICE_80_IGNORE", "true")], true),
            (&[("SERVICE_IGNORE", "yes"), ("SERVICE_80_IGNORE", "no")], false),
        ];
        for (env, want) in rows {
            assert_eq!(Metadata::of(&app("/a", env, &[])).ignores(80), want, "{env:?}");
        }
    }

    #[test]
    fn meta_keeps_its_case_and_what_consul_would_refuse_is_named() {
        let long = "x".repeat(513);
        let env = [
            ("SERVICE_META_Team", "a"),
            ("SERVICE_80_META_Team", "b"),
            ("SERVICE_META_a.b", "c"),
            ("SERVICE_META_registrator-owner", "me"),
            ("SERVICE_META_long", &long),
        ];
        let (meta, wrong) = Metadata::of(&app("/a", &env, &[])).meta(80);
        assert_eq!(meta, BTreeMap::from([("Team".into(), "b".into())]));
        assert_eq!(wrong.len(), 3, "{wrong:?}");
    }

    #[test]
    fn a_name_that_breaks_lines_is_refused() {
        for name in ["a b", "a\nb"] {
            let app = app("/a", &[("SERVICE_NAME", name)], &[]);
            assert_eq!(Metadata::of(&app).name(&app, 80, false), Err(Reason::Name(name.into())));
        }
    }
}
