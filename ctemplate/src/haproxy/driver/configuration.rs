//! As much of HAProxy's configuration as it takes to change servers while it runs (pure).
//!
//! Lines are compared word by word as they are written; only servers are understood, and of those only the ones that can
//! be told to a running HAProxy as they stand: an address, a port, and words without quotes. Every other line, a server
//! with a host name too, is a line like any other: when it changes, HAProxy has to load the file.
//!
//! A file is read with the last one at hand: a section that is written as it was there is the very same value, so that what
//! has changed is found without comparing words.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

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
    sections: Vec<Arc<Section>>,
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
    /// The words of `default-server` that it begins with.
    inherited: Vec<String>,
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
        Self::parse_after(text, &Self::default())
    }

    /// The same, with the sections of `last` that are in the file as they were.
    pub fn parse_after(text: &str, last: &Self) -> Self {
        let Parts { preamble, sections, is_plain } = Parts::of(text);
        let known = last.sections.iter().map(|it| (first_line(&it.text), it));
        let known: HashMap<_, _> = known.collect();
        let mut defaults = Defaults::default();
        let section = |text| {
            let known = known.get(first_line(text)).copied();
            let is_same = |it: &&Arc<Section>| {
                let is_written_so = it.is_plain == is_plain && it.text == text;
                // What `defaults` say is for others to know.
                let is_alone = !it.is("defaults");
                is_written_so && is_alone && it.inherited == defaults.inherited(&it.heading)
            };
            let same = known.filter(is_same).cloned();
            same.unwrap_or_else(|| Arc::new(Section::parse(text, is_plain, &mut defaults)))
        };
        Self {
            preamble: preamble.to_owned(),
            sections: sections.into_iter().map(section).collect(),
        }
    }

    /// Its sections, in their order.
    pub fn sections(&self) -> &[Arc<Section>] {
        &self.sections
    }

    /// The sections that have servers, by name.
    pub fn backends(&self) -> BTreeMap<&str, &Section> {
        self.sections.iter().filter_map(|it| Some((it.backend()?, it.as_ref()))).collect()
    }

    /// A server of it.
    pub fn server(&self, place: &Place) -> Option<&Server> {
        let mut sections = self.sections.iter();
        sections.find(|it| it.backend() == Some(&place.backend))?.servers.get(&place.name)
    }

    /// The text of this file, with the servers of `other` in each section that is otherwise the same there.
    pub fn with_servers_of(&self, other: &Self) -> String {
        let others: BTreeMap<_, _> = other.sections.iter().map(|it| (&it.heading, it)).collect();
        let sections: String = self
            .sections
            .iter()
            .map(|section| {
                let same = others.get(&section.heading).filter(|it| it.lines == section.lines);
                same.copied().unwrap_or(section).text.as_str()
            })
            .collect();
        format!("{}{sections}", self.preamble)
    }
}

impl Section {
    fn parse(text: &str, is_plain: bool, defaults: &mut Defaults) -> Self {
        let mut lines = text.lines().map(words);
        let heading = lines.next().unwrap_or_default();
        let inherited = defaults.begin(&heading);
        let mut text = text.to_owned();
        // Sections may change their places, so the last one ends as all others do.
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let mut section = Self { heading, is_plain, inherited, text, ..Self::default() };
        for words in lines {
            section.read(words, defaults);
        }
        section
    }

    /// Whether it is of this kind.
    fn is(&self, kind: &str) -> bool {
        self.heading.first().is_some_and(|word| word == kind)
    }

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
                // Of two with the same name, HAProxy takes neither.
                let is_ours = self.is_plain && is_plain(name) && !self.servers.contains_key(*name);
                if let Some(server) = server.filter(|_| is_ours) {
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
    fn inherited(&self, heading: &[String]) -> &[String] {
        let mut words = heading.iter().map(String::as_str).skip_while(|word| *word != "from");
        let named = words.nth(1).map(|name| self.by_name.get(name));
        let named = named.map(|words| words.map(Vec::as_slice).unwrap_or_default());
        match heading.first().map(String::as_str) {
            Some("defaults") => named.unwrap_or_default(),
            Some("backend" | "listen") => named.unwrap_or(&self.last),
            _ => &[],
        }
    }

    /// A section begins, with these words.
    fn begin(&mut self, heading: &[String]) -> Vec<String> {
        self.of_section = self.inherited(heading).to_vec();
        self.remember(heading);
        self.of_section.clone()
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

/// The parts of a file as they are written.
struct Parts<'a> {
    preamble: &'a str,
    sections: Vec<&'a str>,
    /// Whether there are no conditions: what they let in is known to HAProxy alone.
    is_plain: bool,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (mut starts, mut at, mut is_plain) = (Vec::new(), 0, true);
        for line in text.split_inclusive('\n') {
            let content = line.trim_start();
            is_plain &= !content.starts_with('.');
            let word = content.split(|c: char| c.is_ascii_whitespace() || c == '#').next();
            if word.is_some_and(|word| SECTIONS.contains(&word)) {
                starts.push(at);
            }
            at += line.len();
        }
        let preamble = text.get(..starts.first().copied().unwrap_or(at)).unwrap_or_default();
        let ends = starts.iter().copied().skip(1).chain([at]);
        let sections = starts.iter().zip(ends).filter_map(|(start, end)| text.get(*start..end));
        Self { preamble, sections: sections.collect(), is_plain }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
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
mod tests;
