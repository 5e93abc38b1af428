//! As much of HAProxy's configuration as it takes to change servers while it runs (pure).
//!
//! Lines are compared word by word as they are written; only servers are understood, and of those only the ones that can
//! be told to a running HAProxy as they stand: an address, a port, and words without quotes. Every other line, a server
//! with a host name too, is a line like any other: when it changes, HAProxy has to load the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;

/// The words that begin a section (HAProxy's manual, "Configuration Manual", sections 3, 4 and 12).
const SECTIONS: [&str; 20] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "userlist",
    "peers",
    "resolvers",
    "mailers",
    "cache",
    "http-errors",
    "ring",
    "log-forward",
    "log-profile",
    "program",
    "fcgi-app",
    "crt-store",
    "traces",
    "acme",
    "haterm",
];
/// Words of a server that are followed by free text, in which `check` or `weight` mean nothing.
const FREE: [&str; 8] =
    ["cookie", "sni", "check-sni", "verifyhost", "namespace", "redir", "agent-send", "track"];
/// What HAProxy takes when nothing is said.
const WEIGHT: u16 = 1;
/// The heaviest server.
const HEAVIEST: u16 = 256;

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// What stands before the first section: comments.
    preamble: String,
    sections: Vec<Section>,
}

/// A section of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The words of its first line.
    pub heading: Vec<String>,
    /// The words of its lines, without the servers that are understood.
    pub lines: Vec<Vec<String>>,
    /// The servers that are understood, by name.
    pub servers: BTreeMap<String, Server>,
    /// Servers whose lines are among `lines`.
    fixed: BTreeSet<String>,
    /// Whether nothing else says which servers it has.
    is_plain: bool,
    /// As it is written.
    text: String,
}

/// A server that can be told to a running HAProxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub address: SocketAddr,
    /// Its part of the traffic, 0 to 256.
    pub weight: u16,
    /// Whether HAProxy asks it how it is.
    pub is_checked: bool,
    /// Whether it begins in maintenance.
    pub is_disabled: bool,
    /// All its other words, those of `default-server` first.
    pub keywords: Vec<String>,
}

/// Which server: its backend, then its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The name of the section.
    pub backend: String,
    /// The name in it.
    pub name: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.backend, self.name)
    }
}

impl Configuration {
    /// Reads a file. There is none that cannot be read: what is wrong with it is for HAProxy to say.
    pub fn parse(text: &str) -> Self {
        // What a condition lets in is known to HAProxy alone.
        let is_plain = !text.lines().any(|line| line.trim_start().starts_with('.'));
        let mut configuration = Self::default();
        let mut defaults = Defaults::default();
        for line in text.lines() {
            let words = words(line);
            if words.first().is_some_and(|word| SECTIONS.contains(&word.as_str())) {
                let inherited = defaults.inherited(&words);
                configuration.sections.push(Section {
                    heading: words,
                    text: String::new(),
                    is_plain,
                    ..Section::default()
                });
                defaults.of_section = inherited;
                configuration.keep(line);
                continue;
            }
            configuration.keep(line);
            if let Some(section) = configuration.sections.last_mut() {
                section.read(words, &mut defaults);
            }
        }
        configuration
    }

    /// Keeps a line as it is written. Sections may change their places, so the last one ends as all others do.
    fn keep(&mut self, line: &str) {
        let text = self.sections.last_mut().map_or(&mut self.preamble, |section| &mut section.text);
        text.push_str(line);
        text.push('\n');
    }

    /// Its sections, in their order.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The sections that have servers, by name.
    pub fn backends(&self) -> BTreeMap<&str, &Section> {
        self.sections.iter().filter_map(|it| Some((it.backend()?, it))).collect()
    }

    /// A server of it.
    pub fn server(&self, place: &Place) -> Option<&Server> {
        let mut sections = self.sections.iter();
        sections.find(|it| it.backend() == Some(&place.backend))?.servers.get(&place.name)
    }

    /// The text of this file, with the servers of `other` in each section that is otherwise the same there.
    pub fn with_servers_of(&self, other: &Self) -> String {
        let others: BTreeMap<_, _> = other.sections.iter().map(|it| (&it.heading, it)).collect();
        let text = |section: &Section| {
            let same = others.get(&section.heading).filter(|it| it.lines == section.lines);
            same.copied().unwrap_or(section).text.clone()
        };
        let sections: String = self.sections.iter().map(text).collect();
        format!("{}{sections}", self.preamble)
    }
}

impl Section {
    /// The name that servers of it are told with, when it can have servers.
    pub fn backend(&self) -> Option<&str> {
        match self.heading.as_slice() {
            [kind, name, ..] if matches!(kind.as_str(), "backend" | "listen") => {
                Some(name.as_str()).filter(|name| is_plain(name))
            }
            _ => None,
        }
    }

    /// Whether the server `name`, which runs, is none of ours.
    pub fn is_foreign(&self, name: &str) -> bool {
        !self.is_plain || self.fixed.contains(name)
    }

    fn read(&mut self, words: Vec<String>, defaults: &mut Defaults) {
        let can_have_servers = self.backend().is_some();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => return,
            ["default-server", keywords @ ..] => {
                defaults.of_section.extend(keywords.iter().map(|&word| word.to_owned()));
                defaults.remember(&self.heading);
            }
            ["server", name, rest @ ..] if can_have_servers => {
                let server = Server::parse(rest, &defaults.of_section);
                if let Some(server) = server.filter(|_| self.is_plain && is_plain(name)) {
                    self.servers.insert((*name).to_owned(), server);
                    return;
                }
                self.fixed.insert((*name).to_owned());
            }
            ["server-template", ..] => self.is_plain = false,
            _ => {}
        }
        self.lines.push(words);
    }
}

impl Server {
    /// Reads what follows a server's name.
    fn parse(words: &[&str], defaults: &[String]) -> Option<Self> {
        let (address, own) = words.split_first()?;
        let mut server = Self {
            address: address.parse().ok().filter(|address: &SocketAddr| address.port() != 0)?,
            weight: WEIGHT,
            is_checked: false,
            is_disabled: false,
            keywords: Vec::new(),
        };
        let mut words = defaults.iter().map(String::as_str).chain(own.iter().copied());
        while let Some(word) = words.next() {
            if !is_plain(word) {
                return None;
            }
            match word {
                "weight" => {
                    let weight = words.next()?.parse().ok();
                    server.weight = weight.filter(|weight| *weight <= HEAVIEST)?;
                    continue;
                }
                "disabled" => server.is_disabled = true,
                "enabled" => server.is_disabled = false,
                "check" => server.is_checked = true,
                "no-check" => server.is_checked = false,
                // It takes a command of its own, and no answer tells whether it was taken.
                "agent-check" => return None,
                _ => {}
            }
            if !matches!(word, "disabled" | "enabled") {
                server.keywords.push(word.to_owned());
            }
            if FREE.contains(&word) {
                let value = words.next().filter(|value| is_plain(value))?;
                server.keywords.push(value.to_owned());
            }
        }
        Some(server)
    }
}

/// The words of `default-server` that hold where a file is read.
#[derive(Debug, Default)]
struct Defaults {
    of_section: Vec<String>,
    by_name: BTreeMap<String, Vec<String>>,
    last: Vec<String>,
}

impl Defaults {
    /// What a section begins with: what it names (`backend a from b`), else what the last `defaults` say.
    fn inherited(&mut self, heading: &[String]) -> Vec<String> {
        let mut words = heading.iter().map(String::as_str).skip_while(|word| *word != "from");
        let named = words.nth(1).map(|name| self.by_name.get(name).cloned().unwrap_or_default());
        let inherited = match heading.first().map(String::as_str) {
            Some("defaults") => named.unwrap_or_default(),
            Some("backend" | "listen") => named.unwrap_or_else(|| self.last.clone()),
            _ => Vec::new(),
        };
        self.of_section.clone_from(&inherited);
        self.remember(heading);
        inherited
    }

    fn remember(&mut self, heading: &[String]) {
        if heading.first().is_some_and(|kind| kind == "defaults") {
            self.last.clone_from(&self.of_section);
            if let Some(name) = heading.get(1).filter(|name| *name != "from") {
                self.by_name.insert(name.clone(), self.of_section.clone());
            }
        }
    }
}

/// Whether a word means the same in a file and in a command.
fn is_plain(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '\'' | '"' | '$' | ';');
    !word.is_empty() && word.chars().all(is_plain) && !word.contains("<<")
}

/// The words of a line as they are written, without its comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('#', None) => break,
            ('\\', None | Some('"')) => {
                word.push(c);
                word.extend(chars.next());
                continue;
            }
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            (_, None) if c.is_ascii_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn server(text: &str) -> Option<Server> {
        let configuration = Configuration::parse(text);
        let place = Place { backend: "b".to_owned(), name: "s".to_owned() };
        configuration.server(&place).cloned()
    }

    #[test]
    fn words_are_as_they_are_written() {
        for (line, want) in [
            ("  server a 1.2.3.4:5  check # why\n", vec!["server", "a", "1.2.3.4:5", "check"]),
            ("a \"b # c\" d", vec!["a", "\"b # c\"", "d"]),
            ("a 'b \" c' d", vec!["a", "'b \" c'", "d"]),
            ("a\\ b \\# c", vec!["a\\ b", "\\#", "c"]),
            ("a \"b \\\" c\" d", vec!["a", "\"b \\\" c\"", "d"]),
            ("# nothing", vec![]),
        ] {
            assert_eq!(words(line), want, "{line}");
        }
    }

    #[test]
    fn a_server_has_the_words_of_its_defaults() {
        let file = "defaults\n default-server inter 2s\n default-server weight 9\nbackend b\n default-server maxconn 5\n server s 10.0.0.1:80 check weight 3\n";
        let want = Server {
            address: "10.0.0.1:80".parse().unwrap(),
            weight: 3,
            is_checked: true,
            is_disabled: false,
            keywords: ["inter", "2s", "maxconn", "5", "check"].map(str::to_owned).to_vec(),
        };
        assert_eq!(server(file), Some(want));
        for (file, want) in [
            (
                "defaults\n default-server fall 3\ndefaults x\n default-server fall 4\nbackend b\n server s 1.1.1.1:1",
                "fall 4",
            ),
            (
                "defaults x\n default-server fall 3\ndefaults y from x\n default-server rise 4\nbackend b from y\n server s 1.1.1.1:1",
                "fall 3 rise 4",
            ),
            (
                "defaults x\n default-server fall 3\ndefaults\n timeout client 1s\nbackend b\n server s 1.1.1.1:1 cookie weight",
                "cookie weight",
            ),
            ("backend b\n server s [::1]:1\n default-server fall 3\n server t 1.1.1.1:1", ""),
        ] {
            assert_eq!(server(file).unwrap().keywords.join(" "), want, "{file}");
        }
    }

    #[test]
    fn what_is_not_understood_is_a_line() {
        for line in [
            "server s db.example.com:80",
            "server s 10.0.0.1",
            "server s 10.0.0.1:99999",
            "server s 10.0.0.1:0",
            "server s unix@/run/s.sock",
            "server s 10.0.0.1:80 weight 300",
            "server s 10.0.0.1:80 cookie \"a b\"",
            "server s 10.0.0.1:80 cookie a;b",
            "server s 10.0.0.1:80 agent-check agent-port 81",
            "server s ${HOST}:80",
        ] {
            let configuration = Configuration::parse(&format!("backend b\n {line}\n"));
            let [section] = configuration.sections() else { panic!("{line}") };
            assert_eq!((section.lines.len(), section.servers.len()), (1, 0), "{line}");
            assert!(section.is_foreign("s"), "{line}");
        }
        let templated = Configuration::parse("backend b\n server-template s 5 10.0.0.1:80\n");
        assert!(templated.sections().iter().all(|section| section.is_foreign("s1")));
        let conditional = "backend b\n.if defined(X)\n server s 10.0.0.1:80\n.endif\n";
        assert_eq!(server(conditional), None);
        assert_eq!(server("peers b\n server s 10.0.0.1:80\n"), None);
    }

    #[test]
    fn servers_of_the_shipped_templates_are_understood() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let mut servers = 0;
        for case in fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()) {
            let Ok(text) = fs::read_to_string(case.join("internal.cfg")) else { continue };
            for section in Configuration::parse(&text).sections() {
                if section.backend().is_some_and(|name| name.starts_with("cluster_")) {
                    assert_eq!(section.fixed, BTreeSet::new(), "{}: {section:?}", case.display());
                    servers += section.servers.len();
                }
            }
        }
        assert!(servers > 0);
    }

    #[test]
    fn a_good_file_takes_over_the_servers_of_a_bad_one() {
        let good = "# ours\nfrontend f\n bind :80\nbackend a\n balance first\n server x 1.1.1.1:1\nbackend b\n server y 1.1.1.1:2\n";
        let bad = "frontend f\n bind :81\nbackend a\n balance first\n\n server z 1.1.1.1:3 # new\nbackend b\n balance first\nbackend c\n server w 1.1.1.1:4";
        let merged = Configuration::parse(good).with_servers_of(&Configuration::parse(bad));
        let want = "# ours\nfrontend f\n bind :80\nbackend a\n balance first\n\n server z 1.1.1.1:3 # new\nbackend b\n server y 1.1.1.1:2\n";
        assert_eq!(merged, want);
    }
}
