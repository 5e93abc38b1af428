//! Options: where the configuration comes from, and how it becomes variables.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use daemon::duration;

use crate::env::{Glob, is_name};
use crate::service::Format;

const HEADING: &str = "Configuration";

/// Options about the configuration.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ConfigurationArgs {
    /// Where Consul is: host:port or URL; 'none' to be a plain init [env: `CONSUL_HTTP_ADDR`]
    #[arg(long, value_name = "ADDRESS", help_heading = HEADING)]
    pub consul: Option<String>,

    /// How Consul is reached.
    #[command(flatten)]
    pub access: consul::Access,

    /// A folder of the configuration in the KV store; may be repeated, later ones win
    /// [default: the app id without its leading slash]
    #[arg(long, value_name = "PREFIX", help_heading = HEADING)]
    pub prefix: Vec<String>,

    /// What keys in folders below a prefix become: no variable, or one with the parts of the key joined by '_'
    #[arg(long, value_enum, value_name = "RULE", default_value = "skip", help_heading = HEADING)]
    pub nested: NestedBy,

    /// Replace what no name of a variable may hold with '_'
    #[arg(long, help_heading = HEADING)]
    pub sanitize: bool,

    /// Make names of keys and services upper case
    #[arg(long, help_heading = HEADING)]
    pub upcase: bool,

    /// Put this in front of every name that comes from a key
    #[arg(long, value_name = "PREFIX_", value_parser = name, help_heading = HEADING)]
    pub name_prefix: Option<String>,

    /// Let only these variables through, with '*' and '?'; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = HEADING)]
    pub allow: Vec<Glob>,

    /// Leave these variables out, with '*' and '?'; may be repeated, wins over --allow
    #[arg(long, value_name = "GLOB", help_heading = HEADING)]
    pub deny: Vec<Glob>,

    /// Let this reserved variable through, such as PORT0 or `LD_PRELOAD`; may be repeated
    #[arg(long, value_name = "NAME", value_parser = name, help_heading = HEADING)]
    pub allow_reserved: Vec<String>,

    /// Let the command inherit nothing but PATH, HOME and what Marathon and Mesos say
    #[arg(long, help_heading = HEADING)]
    pub pristine: bool,

    /// File with variables for whatever Consul says nothing about: lines NAME=VALUE, or a JSON object
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub defaults: Option<PathBuf>,

    /// Make several variables of a value that is an object in this syntax
    #[arg(long, value_enum, value_name = "SYNTAX", help_heading = HEADING)]
    pub expand: Option<ExpandBy>,

    /// Replace ${NAME} in values with the value of that variable
    #[arg(long, help_heading = HEADING)]
    pub expand_variables: bool,

    /// Make variables of the first healthy instance of this service; may be repeated
    #[arg(long, value_name = "NAME", value_parser = service, help_heading = HEADING)]
    pub service_query: Vec<String>,

    /// The name of a service's variable with the id [default: {{service}}/{{key}}, as of the next four]
    #[arg(long, value_name = "FORMAT", help_heading = HEADING)]
    pub service_format_id: Option<Format>,

    /// The same for the service's name
    #[arg(long, value_name = "FORMAT", help_heading = HEADING)]
    pub service_format_name: Option<Format>,

    /// The same for the address
    #[arg(long, value_name = "FORMAT", help_heading = HEADING)]
    pub service_format_address: Option<Format>,

    /// The same for the tags
    #[arg(long, value_name = "FORMAT", help_heading = HEADING)]
    pub service_format_tag: Option<Format>,

    /// The same for the port
    #[arg(long, value_name = "FORMAT", help_heading = HEADING)]
    pub service_format_port: Option<Format>,

    /// Trust answers in which all variables are gone: a deleted folder, but also a revoked token
    #[arg(long, help_heading = HEADING)]
    pub allow_empty: bool,

    /// File that keeps what Consul said last, to start from while it is away
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub cache: Option<PathBuf>,

    /// How long to wait for Consul at the start [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = HEADING)]
    pub start_timeout: Option<Duration>,

    /// What to do then [default: cache with --cache, exit with --start-timeout, else wait]
    #[arg(long, value_enum, value_name = "WAY", help_heading = HEADING)]
    pub on_start_failure: Option<OnStartFailure>,
}

/// What keys in folders below a prefix become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NestedBy {
    /// No variable
    Skip,
    /// One with the parts of the key joined by '_'
    Join,
}

/// In which syntax a value may be several variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExpandBy {
    /// JSON objects
    Json,
    /// YAML mappings, of which JSON objects are some
    Yaml,
}

/// What to do when Consul does not answer at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnStartFailure {
    /// Wait on, as long as it takes
    Wait,
    /// Start with what the cache holds; without one, leave with 69
    Cache,
    /// Start with the defaults alone
    Run,
    /// Leave with 69
    Exit,
}

/// A URL's path cannot hold the others.
fn service(text: &str) -> Result<String, String> {
    if matches!(text, "" | "." | "..") {
        return Err("it is no name of a service".to_owned());
    }
    Ok(text.to_owned())
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    Err("it is no name: expected letters, digits and '_', no digit first".to_owned())
}
