//! The notation: what functions take to what it means.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use consul::Tenancy;
use gotemplate::{Value, sprintf};
use regex::{Captures, Regex};
use thiserror::Error;
use url::form_urlencoded;

use super::{Dependency, Instances, KeyPath, Scope, Status};

/// A text that names no dependency, in consul-template's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ParseError(String);

const QUERY: &str = r"(?:\?(?P<query>[[:word:]\-=&]+))?";
const DATACENTER: &str = r"(?:@(?P<dc>[[:word:].\-]+))?";
const NEAR: &str = r"(?:~(?P<near>[[:word:].\-]+))?";
/// The parameters of a query, as messages list them.
const PARAMETERS: &str = "ns,peer,partition,sameness-group";

type Parsed<T> = Result<T, ParseError>;

impl Instances {
    /// Reads `[TAG.]NAME[?QUERY][@DATACENTER][~NEAR][|STATUS,…]`. A tag may hold dots; those of a name have a backslash
    /// before them, which consul-template does not know.
    pub fn parse(text: &str) -> Parsed<Self> {
        static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
            let name = r"(?:(?P<tag>[[:word:]=:.\-]+)\.)?(?P<name>(?:[[:word:]\-]|\\\.)+)";
            grammar(&format!(r"{name}{QUERY}{DATACENTER}{NEAR}(?:\|(?P<filter>[[:word:],]+))?"))
        });
        let label = "health.service";
        let found = captures(&GRAMMAR, label, text)?;
        let mut statuses = BTreeSet::new();
        let filter = part(&found, "filter").unwrap_or_else(|| "passing".to_owned());
        for name in filter.split(',').filter(|name| !name.is_empty()) {
            let status = Status::parse(name)
                .ok_or_else(|| wrong(&[label, name, text], "%s: invalid filter: %q in %q"))?;
            statuses.insert(status);
        }
        let scope = scope(label, &found)?;
        if scope.tenancy.peer.is_some() && scope.tenancy.sameness_group.is_some() {
            return Err(wrong(&[label], "%s: cannot specify both peer and sameness-group"));
        }
        Ok(Self {
            name: part(&found, "name").unwrap_or_default().replace("\\.", "."),
            tag: part(&found, "tag"),
            connect: false,
            scope,
            near: part(&found, "near"),
            statuses,
        })
    }
}

impl KeyPath {
    /// Reads `PATH[?QUERY][@DATACENTER]`; one leading slash is dropped. Errors begin with the label.
    pub fn parse(label: &'static str, text: &str) -> Parsed<Self> {
        static GRAMMAR: LazyLock<Regex> =
            LazyLock::new(|| grammar(&format!(r"/?(?P<path>[^@?]+){QUERY}{DATACENTER}")));
        let found = captures(&GRAMMAR, label, text)?;
        Ok(Self { path: part(&found, "path").unwrap_or_default(), scope: scope(label, &found)? })
    }
}

impl Dependency {
    /// Reads the argument of `services`: `[?QUERY][@DATACENTER]`.
    pub fn services(text: &str) -> Parsed<Self> {
        static GRAMMAR: LazyLock<Regex> =
            LazyLock::new(|| grammar(&format!("{QUERY}{DATACENTER}")));
        let label = "catalog.services";
        let found = captures(&GRAMMAR, label, text)?;
        Ok(Self::Services { scope: scope(label, &found)? })
    }

    /// Reads the argument of `nodes`: `[?QUERY][@DATACENTER][~NEAR]`.
    pub fn nodes(text: &str) -> Parsed<Self> {
        static GRAMMAR: LazyLock<Regex> =
            LazyLock::new(|| grammar(&format!("{QUERY}{DATACENTER}{NEAR}")));
        let label = "catalog.nodes";
        let found = captures(&GRAMMAR, label, text)?;
        Ok(Self::Nodes { scope: scope(label, &found)?, near: part(&found, "near") })
    }

    /// Reads the argument of `node`: nothing, or `NAME[?QUERY][@DATACENTER]`.
    pub fn node(text: &str) -> Parsed<Self> {
        static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
            grammar(&format!(r"(?:(?P<name>[[:word:].\-]+){QUERY}{DATACENTER})?"))
        });
        let label = "catalog.node";
        let found = captures(&GRAMMAR, label, text)?;
        Ok(Self::Node { name: part(&found, "name"), scope: scope(label, &found)? })
    }

    /// Reads the argument of `peerings`: `[?QUERY]`.
    pub fn peerings(text: &str) -> Parsed<Self> {
        static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| grammar(QUERY));
        let label = "list.peering";
        let found = captures(&GRAMMAR, label, text)?;
        Ok(Self::Peerings { partition: scope(label, &found)?.tenancy.partition })
    }
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, and the tests of this file compile them all"
)]
fn grammar(pattern: &str) -> Regex {
    Regex::new(&format!(r"\A(?:{pattern})\z")).expect("a valid pattern")
}

fn captures<'t>(grammar: &Regex, label: &str, text: &'t str) -> Parsed<Captures<'t>> {
    grammar.captures(text).ok_or_else(|| wrong(&[label, text], "%s: invalid format: %q"))
}

fn part(found: &Captures<'_>, name: &str) -> Option<String> {
    found.name(name).map(|part| part.as_str().to_owned())
}

fn scope(label: &str, found: &Captures<'_>) -> Parsed<Scope> {
    let mut tenancy = Tenancy::default();
    let query = part(found, "query").unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let field = match name.as_ref() {
            "ns" => &mut tenancy.namespace,
            "partition" => &mut tenancy.partition,
            "peer" => &mut tenancy.peer,
            "sameness-group" => &mut tenancy.sameness_group,
            other => {
                let format = "%s: invalid query parameter key %q in query %q: supported keys: %s";
                return Err(wrong(&[label, other, &query, PARAMETERS], format));
            }
        };
        if field.is_none() && !value.is_empty() {
            *field = Some(value.into_owned());
        }
    }
    Ok(Scope { datacenter: part(found, "dc"), tenancy })
}

fn wrong(words: &[&str], format: &str) -> ParseError {
    let words: Vec<_> = words.iter().map(|word| Value::from(*word)).collect();
    ParseError(sprintf(format, &words))
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
            ("web|,passing,", "health.service(web|passing)"),
            (
                "t.web?ns=n&partition=p&peer=x@dc2~n1|any",
                "health.service(t.web@dc2@partition=p@ns=n@peer=x~n1|any)",
            ),
            ("web?sameness-group=g", "health.service(web@sameness-group=g|passing)"),
            ("web?ns=", "health.service(web|passing)"),
            (r"a.b.web\.api\.v2@dc1", r"health.service(a.b.web\.api\.v2@dc1|passing)"),
        ] {
            let parsed = Dependency::Instances(Instances::parse(text).unwrap());
            assert_eq!(parsed.to_string(), id, "{text}");
        }
        assert_eq!(Instances::parse("x.y.web").unwrap().tag.as_deref(), Some("x.y"));
        let dotted = Instances::parse(r"x.web\.api").unwrap();
        assert_eq!((dotted.tag.as_deref(), dotted.name.as_str()), (Some("x"), "web.api"));
    }

    #[test]
    fn refuses_what_is_no_service_query() {
        for text in ["", "a b", "web|", "web@", "é", "web\n", "web~a b", "web@dc?ns=n", "w\\eb"] {
            let want = format!("health.service: invalid format: {text:?}");
            assert_eq!(Instances::parse(text).unwrap_err().to_string(), want);
        }
        for (text, want) in [
            ("web|up", r#"health.service: invalid filter: "up" in "web|up""#),
            (
                "web?dc=a",
                r#"health.service: invalid query parameter key "dc" in query "dc=a": supported keys: ns,peer,partition,sameness-group"#,
            ),
            (
                "web?peer=a&sameness-group=b",
                "health.service: cannot specify both peer and sameness-group",
            ),
        ] {
            assert_eq!(Instances::parse(text).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn reads_places() {
        for (parsed, id) in [
            (Dependency::services(""), "catalog.services"),
            (Dependency::services("@dc2"), "catalog.services(@dc2)"),
            (Dependency::services("?ns=n@dc2"), "catalog.services(@dc2@ns=n)"),
            (Dependency::nodes("@dc2~_agent"), "catalog.nodes(@dc2~_agent)"),
            (Dependency::node(""), "catalog.node"),
            (Dependency::node("a.b@dc2"), "catalog.node(a.b@dc2)"),
            (Dependency::peerings("?partition=p"), "list.peerings?partition=p"),
            (Dependency::peerings(""), "list.peerings"),
        ] {
            assert_eq!(parsed.unwrap().to_string(), id);
        }
        assert!(Dependency::services("web").is_err());
        assert!(Dependency::nodes("web").is_err());
        for text in ["a~b", "@dc2", "?ns=n"] {
            assert!(Dependency::node(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_keys() {
        let key = KeyPath::parse("kv.get", "/service/haproxy/max conn@dc1").unwrap();
        assert_eq!(Dependency::Key(key).to_string(), "kv.get(service/haproxy/max conn@dc1)");
        assert!(KeyPath::parse("kv.get", "").is_err());
    }
}
