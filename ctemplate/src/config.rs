//! The command line, checked and complete.

use std::path::{Path, PathBuf};
use std::time::Duration;

use daemon::duration;
use thiserror::Error;

use crate::cli::Cli;
use crate::command::Command;
use crate::output::folder;

/// What to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The templates, in the order given.
    pub templates: Vec<TemplateConfig>,
    /// Settings that override those beside the templates.
    pub values: Option<PathBuf>,
    /// Whether to leave after every template was rendered once.
    pub once: bool,
    /// Whether to print instead of writing.
    pub dry: bool,
    /// How long to wait for quiet.
    pub wait: Wait,
    /// Consul.
    pub consul: consul::Client,
}

/// A template and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateConfig {
    /// The template.
    pub source: PathBuf,
    /// The file it becomes; it is printed when there is none.
    pub destination: Option<PathBuf>,
    /// Run when that file has changed.
    pub command: Option<Command>,
    /// Run on the new file before it replaces the old one.
    pub check: Option<Command>,
}

/// How long to wait for quiet before rendering again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// Nothing must change for this long.
    pub min: Duration,
    /// But the first change waits no longer than this.
    pub max: Duration,
}

/// A flag whose value makes no sense.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// `-template`.
    #[error("-template '{text}': {reason}")]
    Template {
        /// As typed.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// `-wait`.
    #[error("-wait: {0}")]
    Wait(String),
    /// `-consul-addr`.
    #[error("-consul-addr '{address}': {reason}")]
    Consul {
        /// As typed.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Config {
    /// Checks what was typed.
    pub fn new(cli: Cli) -> Result<Self, ConfigError> {
        let check = cli.check.map(Command::new);
        let address = cli.consul_addr;
        let consul = consul::Config {
            address: address.clone(),
            token: cli.consul_token.filter(|token| !token.is_empty()).map(consul::Token::from),
            ..consul::Config::default()
        };
        let template = |text: &String| TemplateConfig::parse(text, check.clone(), cli.dry);
        Ok(Self {
            templates: cli.templates.iter().map(template).collect::<Result<_, _>>()?,
            values: cli.values,
            once: cli.once,
            dry: cli.dry,
            wait: match cli.wait {
                // Rendering once waits for nothing but data.
                Some(text) if !cli.once => Wait::parse(&text)?,
                _ => Wait::default(),
            },
            consul: consul::Client::new(consul).map_err(|error| {
                let reason = error.kind.to_string();
                ConfigError::Consul { address, reason }
            })?,
        })
    }
}

impl TemplateConfig {
    /// Reads `IN[:OUT[:COMMAND]]`; the command may hold colons.
    fn parse(text: &str, check: Option<Command>, dry: bool) -> Result<Self, ConfigError> {
        let wrong = |reason| ConfigError::Template { text: text.to_owned(), reason };
        let mut parts = text.splitn(3, ':').map(|part| (!part.is_empty()).then_some(part));
        let source = parts
            .next()
            .flatten()
            .map(PathBuf::from)
            .ok_or(wrong("the template's path is missing"))?;
        let destination = parts.next().flatten().map(PathBuf::from);
        let command = parts.next().flatten().map(|command| Command::new(command.to_owned()));
        if source.extension() != Some("hbs".as_ref()) {
            return Err(wrong("only Handlebars templates (.hbs) are known"));
        }
        if destination.is_none() && !dry {
            return Err(wrong("the file to write is missing; write IN:OUT, or use -dry to print"));
        }
        Ok(Self { source, destination, command, check })
    }

    /// The folder whose `partials` and `values.toml` belong to the template.
    pub fn folder(&self) -> &Path {
        folder(&self.source)
    }
}

impl Wait {
    /// Reads `MIN[:MAX]`.
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |error: duration::ParseError| ConfigError::Wait(error.to_string());
        let (min, max) = text.split_once(':').map_or((text, None), |(min, max)| (min, Some(max)));
        let min = duration::parse(min).map_err(wrong)?;
        let max = max.map(duration::parse).transpose().map_err(wrong)?.unwrap_or(min * 4);
        if max < min {
            return Err(ConfigError::Wait(format!("the maximum in '{text}' is below the minimum")));
        }
        Ok(Self { min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_up_to_three_parts() {
        let parse = |text| TemplateConfig::parse(text, None, false);
        let template = parse("/a/in.hbs:/b/out:sh -c 'a:b'").unwrap();
        assert_eq!(template.source, Path::new("/a/in.hbs"));
        assert_eq!(template.destination.as_deref(), Some(Path::new("/b/out")));
        assert_eq!(template.command, Some(Command::new("sh -c 'a:b'".to_owned())));
        assert_eq!(template.folder(), Path::new("/a"));
        assert_eq!(parse("in.hbs:out").unwrap().folder(), Path::new("."));
        for text in ["", ":out", "in.hbs", "in.hbs:", "in.txt:out"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(TemplateConfig::parse("in.hbs", None, true).is_ok());
    }

    #[test]
    fn the_longest_wait_is_four_times_the_shortest_by_default() {
        let seconds =
            |min, max| Ok(Wait { min: Duration::from_secs(min), max: Duration::from_secs(max) });
        assert_eq!(Wait::parse("2s"), seconds(2, 8));
        assert_eq!(Wait::parse("2s:3s"), seconds(2, 3));
        assert!(Wait::parse("3s:2s").is_err());
        assert!(Wait::parse("soon").is_err());
    }
}
