//! Settings as one source gives them: a file, a variable, the command line.
//!
//! Laying one over another is associative, and a layer without settings changes nothing: what is given later wins key by
//! key, and templates and the lists of an environment are appended.

use std::fmt;
use std::time::Duration;

use daemon::duration;
use daemon::redact::Redacted;
use hcl::{Error, Kind, Object, Value};

use super::decode::{
    Decode, Fields, Given, Line, Mode, Percent, Scope, Signal, Words, blocks, word,
};
use super::settings::{OnError, Write};

/// What can be laid over an earlier one of its kind.
pub(super) trait Merge: Sized {
    /// Lays a later one over this.
    fn merge(&mut self, later: Self) {
        *self = later;
    }
}

macro_rules! later_wins {
    ($($type:ty),*) => {
        $(impl Merge for $type {})*
    };
}

later_wins!(
    String,
    bool,
    i64,
    u32,
    f64,
    Duration,
    Redacted<String>,
    Signal,
    Words,
    Line,
    Mode,
    Percent,
    Write,
    OnError
);

impl<T: Merge> Merge for Option<T> {
    fn merge(&mut self, later: Self) {
        match (self, later) {
            (Some(earlier), Some(later)) => earlier.merge(later),
            (this, Some(later)) => *this = Some(later),
            (_, None) => {}
        }
    }
}

impl<T> Merge for Vec<T> {
    fn merge(&mut self, later: Self) {
        self.extend(later);
    }
}

/// Tables of keys: each becomes a structure with optional fields, how it is read, and how two are merged.
macro_rules! layers {
    ($($(#[$doc:meta])* $name:ident { $($key:literal $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(super) struct $name {
            $(pub(super) $field: Option<$type>,)*
        }

        impl $name {
            /// The keys, as one writes them.
            pub(super) const KEYS: &[&str] = &[$($key),*];

            fn read(mut fields: Fields<'_>, scope: &mut Scope) -> Result<Self, Error> {
                let layer = Self { $($field: fields.take($key, scope)?,)* };
                fields.finish(scope, Self::KEYS)?;
                Ok(layer)
            }
        }

        impl Merge for $name {
            fn merge(&mut self, later: Self) {
                $(self.$field.merge(later.$field);)*
            }
        }
    )*};
}

layers! {
    /// A whole file.
    Layer {
        "block_query_wait" block_query_wait: Duration,
        "consul" consul: Consul,
        "deduplicate" deduplicate: Deduplicate,
        "default_delimiters" default_delimiters: Delimiters,
        "err_on_failed_lookup" err_on_failed_lookup: bool,
        "exec" exec: Exec,
        "haproxy" haproxy: Haproxy,
        "kill_signal" kill_signal: Signal,
        "log_file" log_file: LogFile,
        "log_level" log_level: String,
        "max_stale" max_stale: Duration,
        "nomad" nomad: Nomad,
        "once" once: bool,
        "once_timeout" once_timeout: Duration,
        "parseonly" parse_only: bool,
        "pid_file" pid_file: String,
        "reload_signal" reload_signal: Signal,
        "status" status: Status,
        "syslog" syslog: Syslog,
        "template" templates: Vec<Placed>,
        "template_error_fatal" template_error_fatal: bool,
        "values" values: String,
        "vault" vault: Vault,
        "wait" wait: Wait,
    }
    /// How Consul is reached.
    Consul {
        "address" address: String,
        "auth" auth: Auth,
        "namespace" namespace: String,
        "retry" retry: Retry,
        "ssl" ssl: Ssl,
        "token" token: Redacted<String>,
        "token_file" token_file: String,
        "transport" transport: Transport,
    }
    /// HTTP's basic authentication.
    Auth {
        "enabled" enabled: bool,
        "password" password: Redacted<String>,
        "username" username: String,
    }
    /// When to repeat what failed.
    Retry {
        "attempts" attempts: i64,
        "backoff" backoff: Duration,
        "enabled" enabled: bool,
        "max_backoff" max_backoff: Duration,
    }
    /// TLS.
    Ssl {
        "ca_cert" ca_cert: String,
        "ca_cert_bytes" ca_cert_bytes: String,
        "ca_path" ca_path: String,
        "cert" cert: String,
        "enabled" enabled: bool,
        "key" key: String,
        "server_name" server_name: String,
        "verify" verify: bool,
    }
    /// Connections.
    Transport {
        "dial_keep_alive" dial_keep_alive: Duration,
        "dial_timeout" dial_timeout: Duration,
        "disable_keep_alives" disable_keep_alives: bool,
        "idle_conn_timeout" idle_conn_timeout: Duration,
        "max_conns_per_host" max_conns_per_host: u32,
        "max_idle_conns" max_idle_conns: u32,
        "max_idle_conns_per_host" max_idle_conns_per_host: u32,
        "tls_handshake_timeout" tls_handshake_timeout: Duration,
    }
    /// Waiting for quiet. The switch is called `bool`, by a mistake of consul-template's that files may rely on.
    Wait {
        "bool" enabled: bool,
        "max" max: Duration,
        "min" min: Duration,
    }
    /// Sharing between instances.
    Deduplicate {
        "block_query_wait" block_query_wait: Duration,
        "enabled" enabled: bool,
        "max_stale" max_stale: Duration,
        "prefix" prefix: String,
        "ttl" ttl: Duration,
    }
    /// Delimiters of Go templates.
    Delimiters {
        "left" left: String,
        "right" right: String,
    }
    /// A program to run.
    Exec {
        "command" command: Words,
        "enabled" enabled: bool,
        "env" env: Env,
        "kill_signal" kill_signal: Signal,
        "kill_timeout" kill_timeout: Duration,
        "reload_signal" reload_signal: Signal,
        "splay" splay: Duration,
        "timeout" timeout: Duration,
    }
    /// Its environment. The last two are older names of the first ones.
    Env {
        "allowlist" allowlist: Vec<String>,
        "custom" custom: Vec<String>,
        "denylist" denylist: Vec<String>,
        "pristine" pristine: bool,
        "blacklist" blacklist: Vec<String>,
        "whitelist" whitelist: Vec<String>,
    }
    /// A HAProxy that follows a file.
    Haproxy {
        "check_ports" check_ports: bool,
        "enabled" enabled: bool,
        "master_socket" master_socket: String,
        "reload_interval" reload_interval: Duration,
        "socket" socket: String,
    }
    /// A log file.
    LogFile {
        "log_rotate_bytes" rotate_bytes: i64,
        "log_rotate_duration" rotate_duration: Duration,
        "log_rotate_max_files" rotate_max_files: i64,
        "path" path: String,
    }
    /// What others can ask us.
    Status {
        "address" address: String,
    }
    /// The system's log.
    Syslog {
        "enabled" enabled: bool,
        "facility" facility: String,
        "name" name: String,
    }
    /// A template.
    Template {
        "backup" backup: bool,
        "check" check: Line,
        "command" command: Words,
        "command_timeout" command_timeout: Duration,
        "contents" contents: String,
        "create_dest_dirs" create_dest_dirs: bool,
        "destination" destination: String,
        "error_fatal" error_fatal: bool,
        "error_on_missing_key" error_on_missing_key: bool,
        "exec" exec: Exec,
        "function_blacklist" function_blacklist: Vec<String>,
        "function_denylist" function_denylist: Vec<String>,
        "gid" gid: i64,
        "group" group: String,
        "haproxy" haproxy: Haproxy,
        "left_delimiter" left_delimiter: String,
        "max_shrink" max_shrink: Percent,
        "min_instances" min_instances: u32,
        "on_error" on_error: OnError,
        "perms" perms: Mode,
        "right_delimiter" right_delimiter: String,
        "sandbox_path" sandbox_path: String,
        "source" source: String,
        "uid" uid: i64,
        "user" user: String,
        "wait" wait: Wait,
        "write" write: Write,
    }
    /// What consul-template would ask Vault with.
    Vault {
        "address" address: String,
        "client_user_agent" client_user_agent: String,
        "default_lease_duration" default_lease_duration: Duration,
        "enabled" enabled: bool,
        "k8s_auth_role_name" k8s_auth_role_name: String,
        "k8s_service_account_token" k8s_service_account_token: Redacted<String>,
        "k8s_service_account_token_path" k8s_service_account_token_path: String,
        "k8s_service_mount_path" k8s_service_mount_path: String,
        "lease_renewal_threshold" lease_renewal_threshold: f64,
        "namespace" namespace: String,
        "renew_token" renew_token: bool,
        "retry" retry: Retry,
        "ssl" ssl: Ssl,
        "token" token: Redacted<String>,
        "transport" transport: Transport,
        "unwrap_token" unwrap_token: bool,
        "vault_agent_token_file" agent_token_file: String,
    }
    /// What consul-template would ask Nomad with.
    Nomad {
        "address" address: String,
        "auth_password" auth_password: Redacted<String>,
        "auth_username" auth_username: String,
        "enabled" enabled: bool,
        "namespace" namespace: String,
        "retry" retry: Retry,
        "ssl" ssl: Ssl,
        "token" token: Redacted<String>,
        "transport" transport: Transport,
    }
}

macro_rules! sections {
    ($($type:ty),*) => {
        $(impl Decode for $type {
            fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
                Self::decode_given(&Given { earlier: Vec::new(), last: value }, scope)
            }

            fn decode_given(given: &Given<'_>, scope: &mut Scope) -> Result<Self, Error> {
                let fields = Fields::of(given, scope)?;
                Self::read(fields, scope)
            }
        })*
    };
}

sections!(
    Auth,
    Retry,
    Ssl,
    Transport,
    Deduplicate,
    Delimiters,
    Exec,
    Env,
    Haproxy,
    LogFile,
    Status,
    Syslog,
    Vault,
    Nomad
);

impl Layer {
    /// Reads a file's tree.
    pub(super) fn of_file(object: &Object, scope: &mut Scope) -> Result<Self, Error> {
        Self::read(Fields::of_object(object), scope)
    }
}

/// A section, or only the address.
impl Decode for Consul {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        Self::decode_given(&Given { earlier: Vec::new(), last: value }, scope)
    }

    fn decode_given(given: &Given<'_>, scope: &mut Scope) -> Result<Self, Error> {
        if let Kind::String(address) = &given.last.kind {
            return Ok(Self { address: Some(address.clone()), ..Self::default() });
        }
        let fields = Fields::of(given, scope)?;
        Self::read(fields, scope)
    }
}

/// A section, or `"min:max"`.
impl Decode for Wait {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        Self::decode_given(&Given { earlier: Vec::new(), last: value }, scope)
    }

    fn decode_given(given: &Given<'_>, scope: &mut Scope) -> Result<Self, Error> {
        if let Kind::String(text) = &given.last.kind {
            return Self::parse(text).map_err(|reason| scope.wrong(given.last, reason));
        }
        let fields = Fields::of(given, scope)?;
        Self::read(fields, scope)
    }
}

impl Wait {
    /// Reads `min[:max]`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parse = |text: &str| duration::parse(text.trim()).map_err(|error| error.to_string());
        let (min, max) = match text.split_once(':') {
            None => (parse(text)?, None),
            Some((min, max)) => (parse(min)?, Some(parse(max)?)),
        };
        let max = max.unwrap_or(min * 4);
        if max < min {
            return Err(format!("the maximum in '{text}' is below the minimum"));
        }
        Ok(Self { enabled: None, min: Some(min), max: Some(max) })
    }
}

impl Decode for Write {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        word(value, scope, &[("atomic", Self::Atomic), ("inplace", Self::InPlace)])
    }
}

impl Decode for OnError {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        let words = [("continue", Self::Continue), ("retry", Self::Retry), ("exit", Self::Exit)];
        word(value, scope, &words)
    }
}

/// A template and where it is written, for what is wrong with it as a whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    /// `file:line:column`, or the flag.
    pub(super) origin: Origin,
    /// What is written there.
    pub(super) template: Template,
}

/// Where a template is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a file or variable, as `file:line:column`.
    File(String),
    /// In a flag: its value.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(place) => f.write_str(place),
            Self::Flag(text) => write!(f, "-template '{text}'"),
        }
    }
}

impl Decode for Vec<Placed> {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        let blocks = blocks(value).ok_or_else(|| scope.expected("a section", value))?;
        let placed = blocks.into_iter().map(|(object, position)| {
            let origin = Origin::File(format!("{}:{position}", scope.file));
            let template = Template::read(Fields::of_object(object), scope)?;
            Ok(Placed { origin, template })
        });
        placed.collect()
    }

    fn decode_given(given: &Given<'_>, scope: &mut Scope) -> Result<Self, Error> {
        let values = given.earlier.iter().copied().chain([given.last]);
        let lists: Result<Vec<_>, _> = values.map(|value| Self::decode(value, scope)).collect();
        Ok(lists?.concat())
    }
}
