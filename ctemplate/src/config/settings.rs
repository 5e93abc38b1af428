//! The settings, complete and checked: what everything else reads.
//!
//! Names and units are consul-template's. Its defaults hold too, but for those in [`defaults`], which are ours on purpose.
//! [`Serialize`] is what the log shows of them at level debug: secrets are left out.

mod consul;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use daemon::log::Format;
use rustix::process::Signal;
use serde::Serialize;

pub use self::consul::{Auth, Consul, Retry, Ssl, Transport};
use super::show;
use crate::output::folder;

/// Where ours differ from consul-template's. `consul { retry { attempts = 12 } }`, `error_fatal = true`,
/// `on_error = "exit"` and `log_level = "warn"` bring its own back.
pub mod defaults {
    use std::num::NonZeroU32;

    use super::OnError;

    /// A query is repeated for as long as it fails: the last good file is better than no program.
    pub const ATTEMPTS: Option<NonZeroU32> = None;
    /// A template that cannot be rendered does not end the program, unless it renders once.
    pub const ERROR_FATAL: bool = false;
    /// Nor does a check or a command that fails.
    pub const ON_ERROR: OnError = OnError::Continue;
    /// The log tells of each file that is written.
    pub const LOG_LEVEL: &str = "info";
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// How Consul is reached.
    pub consul: Consul,
    /// The templates: those of the configuration files in their order, then those of the command line.
    pub templates: Vec<Template>,
    /// How long to wait for quiet, for templates that do not say it themselves. Off with `once`.
    pub wait: Wait,
    /// Share what is asked of Consul with other instances. Off with `once`.
    pub deduplicate: Option<Deduplicate>,
    /// The program to run as a child, told of each change.
    pub exec: Option<Exec>,
    /// The delimiters of Go templates that have none of their own.
    pub delimiters: Delimiters,
    /// The logs.
    pub log: Log,
    /// Where `/status` and its like are served, if anywhere.
    pub status: Option<SocketAddr>,
    /// The file that holds our process id while we run.
    pub pid_file: Option<PathBuf>,
    /// Ends the program; none for off. SIGTERM and SIGINT end it too, unless they are the signal to reload.
    #[serde(serialize_with = "show::signal")]
    pub kill_signal: Option<Signal>,
    /// Reads the configuration and the templates again; none for off.
    #[serde(serialize_with = "show::signal")]
    pub reload_signal: Option<Signal>,
    /// How old the answer of a server that does not lead may be; zero to ask the leader only.
    #[serde(serialize_with = "show::duration")]
    pub max_stale: Duration,
    /// How long one blocking query waits for a change.
    #[serde(serialize_with = "show::duration")]
    pub block_query_wait: Duration,
    /// Whether a dependency for which Consul has no data is an error.
    pub err_on_failed_lookup: bool,
    /// Whether to leave after every template was rendered once.
    pub once: bool,
    /// With `once`: how long that may take; for as long as it takes when not given.
    #[serde(serialize_with = "show::optional_duration")]
    pub once_timeout: Option<Duration>,
    /// Whether to read and parse the templates, and to leave then.
    pub parse_only: bool,
    /// What becomes of a text.
    pub output: Output,
    /// Settings for Handlebars templates that override those beside them.
    pub values: Option<PathBuf>,
    /// What in the configuration has no effect, or not the one that was meant. For the log, once it works.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// What becomes of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// It becomes the file, and commands run.
    #[default]
    Write,
    /// It is printed when the file differs. Nothing is written and nothing run.
    Print,
    /// What it would change in the file is printed. Nothing is written and nothing run.
    Diff,
}

/// How long to wait for quiet before rendering again; all zero for off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// Nothing must change for this long.
    #[serde(serialize_with = "show::duration")]
    pub min: Duration,
    /// But the first change waits no longer than this.
    #[serde(serialize_with = "show::duration")]
    pub max: Duration,
}

/// Sharing between instances: one asks Consul, and leaves the answers in its KV store for the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deduplicate {
    /// Where in the KV store.
    pub prefix: String,
    /// How long the one that asks may be silent before another takes over.
    #[serde(serialize_with = "show::duration")]
    pub ttl: Duration,
    /// How old the answer of a server that does not lead may be.
    #[serde(serialize_with = "show::duration")]
    pub max_stale: Duration,
}

impl Default for Deduplicate {
    fn default() -> Self {
        Self {
            prefix: "consul-template/dedup/".to_owned(),
            ttl: Duration::from_secs(15),
            max_stale: Duration::from_secs(2),
        }
    }
}

/// A command: its words as a list, or a line for the shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CommandLine {
    words: Vec<String>,
}

impl CommandLine {
    /// A command; nothing when there is no word, or the first one is empty, which stands for "none".
    pub fn new(words: Vec<String>) -> Option<Self> {
        words.first().is_some_and(|first| !first.is_empty()).then_some(Self { words })
    }

    /// The words as written; never empty. A single one with a space in it is a line for the shell.
    pub fn words(&self) -> &[String] {
        &self.words
    }
}

/// A line that a shell runs alike.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [line] = self.words.as_slice() {
            return f.write_str(line);
        }
        let quoted = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
        f.write_str(&self.words.iter().map(quoted).collect::<Vec<_>>().join(" "))
    }
}

/// A program that runs as our child, or after a file was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exec {
    /// The program.
    pub command: CommandLine,
    /// Its environment.
    pub env: Env,
    /// Ends it.
    #[serde(serialize_with = "show::signal")]
    pub kill_signal: Option<Signal>,
    /// How long it may take to end before it is killed.
    #[serde(serialize_with = "show::duration")]
    pub kill_timeout: Duration,
    /// Tells it of a change; it is ended and started again when none.
    #[serde(serialize_with = "show::signal")]
    pub reload_signal: Option<Signal>,
    /// A random pause of up to this long before it is told or ended, so that a fleet does not restart at once.
    #[serde(serialize_with = "show::duration")]
    pub splay: Duration,
    /// How long it may run; for as long as it likes when zero.
    #[serde(serialize_with = "show::duration")]
    pub timeout: Duration,
}

/// A child's environment: ours, but for what the lists say. Patterns are globs (`*`, `?`, `[a-z]`) for names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Env {
    /// Whether it gets nothing but `custom`.
    pub pristine: bool,
    /// `NAME=VALUE`, over everything else. Values may be secrets.
    #[serde(serialize_with = "show::names")]
    pub custom: Vec<String>,
    /// What it gets of ours; everything when empty.
    pub allowlist: Vec<String>,
    /// What it does not get, also when it is allowed.
    pub denylist: Vec<String>,
}

/// A template and what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Template {
    /// The text.
    pub source: Source,
    /// The file it becomes; it can only be printed when there is none.
    pub destination: Option<PathBuf>,
    /// Whether the folders of that file are made when they are not there.
    pub create_dest_dirs: bool,
    /// The file's mode; that of the old file when none, and 0644 when there is no old file.
    #[serde(serialize_with = "show::mode")]
    pub perms: Option<u32>,
    /// The file's owner: a name or a number; that of the old file when none.
    pub user: Option<String>,
    /// The file's group: a name or a number; that of the old file when none.
    pub group: Option<String>,
    /// Whether the old file is kept with `.bak` at its end.
    pub backup: bool,
    /// Delimiters of a Go template instead of [`Settings::delimiters`].
    pub delimiters: Delimiters,
    /// What a Go template gets for a key that a map does not have.
    pub missing_key: MissingKey,
    /// Whether the program ends when the template cannot be rendered. With `once` it always does.
    pub error_fatal: bool,
    /// How long to wait for quiet instead of [`Settings::wait`].
    pub wait: Option<Wait>,
    /// Run when the file has changed.
    pub exec: Option<Exec>,
    /// Functions that the template must not call. Patterns are globs.
    pub function_denylist: Vec<String>,
    /// The folder that the function `file` does not leave.
    pub sandbox_path: Option<PathBuf>,
    /// The HAProxy that follows the file.
    pub haproxy: Option<Haproxy>,
    /// Run on the new file before it replaces the old one; `{}` in it is the new file's path. The old file stays when it
    /// fails.
    pub check: Option<CommandLine>,
    /// How the file is replaced.
    pub write: Write,
    /// What follows when the check or the command fails. With `once` the program always ends.
    pub on_error: OnError,
    /// The fewest instances that a service must have, or the old file stays.
    pub min_instances: Option<u32>,
    /// The greatest part of the old file, in percent, by which a new one may be shorter, or the old file stays.
    pub max_shrink: Option<u8>,
}

/// A HAProxy that is told what has changed in its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Haproxy {
    /// The socket of its statistics, with level `admin`.
    pub socket: PathBuf,
    /// The socket of its master, for what it cannot be told; the template's command does it when none.
    pub master_socket: Option<PathBuf>,
    /// The least time between two reloads.
    #[serde(serialize_with = "show::duration")]
    pub reload_interval: Duration,
    /// Whether new ports are tried before a reload.
    pub check_ports: bool,
}

/// Where a template's text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// In this file.
    File(PathBuf),
    /// In the configuration.
    Contents(String),
}

/// A Go template's delimiters; `{{` and `}}` when none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delimiters {
    /// Before an action.
    pub left: Option<String>,
    /// After an action.
    pub right: Option<String>,
}

/// What a Go template gets for a key that a map does not have: Go's option `missingkey`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingKey {
    /// The zero value of the map's type.
    #[default]
    Zero,
    /// An error.
    Error,
}

/// How a file is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Write {
    /// By a rename: readers see the old text or the new one, never half of it.
    #[default]
    Atomic,
    /// By writing into it, for files that are mounted one by one, which a rename would detach.
    InPlace,
}

/// What follows when a check or a command fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// It is logged; the next change is the next attempt.
    Continue,
    /// It is logged and repeated, as [`Retry`] says.
    Retry,
    /// The program ends.
    Exit,
}

/// The logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// `trace`, `debug`, `info`, `warn`, `error`, or a filter such as `info,hyper=debug`.
    pub filter: String,
    /// How a line looks.
    #[serde(serialize_with = "show::format")]
    pub format: Format,
    /// Also to this file.
    pub file: Option<LogFile>,
    /// Also to syslog.
    pub syslog: Option<Syslog>,
}

/// A log file that is renamed from time to time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogFile {
    /// The file; in a folder (with `/` at its end) it is `ctemplate.log`.
    pub path: PathBuf,
    /// A new file after so many bytes; no limit when zero.
    pub rotate_bytes: u64,
    /// A new file after so long.
    #[serde(serialize_with = "show::duration")]
    pub rotate_duration: Duration,
    /// How many old files are kept.
    pub rotate_max_files: MaxFiles,
}

/// How many old log files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MaxFiles {
    /// All of them.
    All,
    /// None, or the newest ones.
    Newest(u32),
}

/// The system's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Syslog {
    /// The facility, such as `LOCAL0` or `DAEMON`.
    pub facility: String,
    /// The name of the program there.
    pub name: String,
}

impl Settings {
    /// How long a template waits for quiet.
    pub fn wait_of(&self, template: &Template) -> Wait {
        match template.wait {
            _ if self.once => Wait::default(),
            Some(own) => own,
            None => self.wait,
        }
    }

    /// The delimiters of a template, when it is one of Go's.
    pub fn delimiters_of(&self, template: &Template) -> (String, String) {
        let pick = |own: &Option<String>, common: &Option<String>, default: &str| {
            own.as_ref().or(common.as_ref()).map_or_else(|| default.to_owned(), Clone::clone)
        };
        let (own, common) = (&template.delimiters, &self.delimiters);
        (pick(&own.left, &common.left, "{{"), pick(&own.right, &common.right, "}}"))
    }
}

impl Template {
    /// A template as the command line names it, with defaults for everything else.
    pub const fn new(source: Source) -> Self {
        Self {
            source,
            destination: None,
            create_dest_dirs: true,
            perms: None,
            user: None,
            group: None,
            backup: false,
            delimiters: Delimiters { left: None, right: None },
            missing_key: MissingKey::Zero,
            error_fatal: defaults::ERROR_FATAL,
            wait: None,
            exec: None,
            function_denylist: Vec::new(),
            sandbox_path: None,
            haproxy: None,
            check: None,
            write: Write::Atomic,
            on_error: defaults::ON_ERROR,
            min_instances: None,
            max_shrink: None,
        }
    }

    /// What logs and errors call it: the file, or `(dynamic)`.
    pub fn name(&self) -> &Path {
        match &self.source {
            Source::File(path) => path,
            Source::Contents(_) => Path::new("(dynamic)"),
        }
    }

    /// The folder whose `partials` and `values.toml` belong to the template: that of its file, else the current one.
    pub fn folder(&self) -> &Path {
        folder(self.name())
    }
}

impl Wait {
    /// Whether there is something to wait for.
    pub const fn is_on(&self) -> bool {
        !self.min.is_zero()
    }
}
