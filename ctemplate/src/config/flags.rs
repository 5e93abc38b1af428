//! consul-template's flags: each is a layer of settings that is made from its text.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use daemon::duration;

use super::decode::{Signal, Words};
use super::layer::{self, Layer, Merge, Origin, Placed};
use super::signal;

/// The flags that were given, as one layer: what is given later wins, templates and lists are appended.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    layer: Layer,
}

impl Flags {
    /// What they set.
    pub(super) fn layer(&self) -> Layer {
        self.layer.clone()
    }
}

/// A flag.
struct Flag {
    name: &'static str,
    /// What the help calls its value; a switch (`-flag`, `-flag=false`) has none.
    value: Option<&'static str>,
    help: &'static str,
    set: fn(&mut Layer, &str) -> Result<(), String>,
}

/// A table with rows `"name" (VALUE) "help" => setter`.
macro_rules! flags {
    ($($name:literal $(($value:literal))? $help:literal => $set:expr,)*) => {
        &[$(Flag { name: $name, value: flags!(@ $($value)?), help: $help, set: $set },)*]
    };
    (@) => { None };
    (@ $value:literal) => { Some($value) };
}

/// The heading in the help, and its flags.
const GENERAL: (&str, &[Flag]) = (
    "Options",
    flags! {
        "template" ("IN[:OUT[:COMMAND]]") "A template, the file it becomes, and the command to run when that file has changed. May be repeated"
            => |layer, text| { layer.templates.get_or_insert_default().push(template(text)?); Ok(()) },
        "wait" ("MIN[:MAX]") "Wait until nothing has changed for MIN, but at most MAX (four times MIN by default), before rendering again"
            => |layer, text| { layer.wait = Some(layer::Wait::parse(text)?); Ok(()) },
        "template-error-fatal" "Whether to end when a template cannot be rendered, whatever the configuration says for each"
            => |layer, text| set(&mut layer.template_error_fatal, switch(text)),
        "default-left-delimiter" ("TEXT") "What opens an action of Go templates, instead of {{"
            => |layer, text| set(&mut layer.default_delimiters.get_or_insert_default().left, string(text)),
        "default-right-delimiter" ("TEXT") "What closes it, instead of }}"
            => |layer, text| set(&mut layer.default_delimiters.get_or_insert_default().right, string(text)),
        "max-stale" ("DURATION") "How old the answer of a Consul server that does not lead may be; 0 to ask only the leader [default: 2s]"
            => |layer, text| set(&mut layer.max_stale, time(text)),
        "dedup" "Share what is asked of Consul with other instances, through Consul's KV store"
            => |layer, text| set(&mut layer.deduplicate.get_or_insert_default().enabled, switch(text)),
        "once-timeout" ("DURATION") "With -once: fail when it takes longer than this"
            => |layer, text| set(&mut layer.once_timeout, time(text)),
        "haproxy-socket" ("SOCKET") "Tell the HAProxy with this admin socket what has changed in the file of the only template; its command is then for what it takes a reload to change"
            => |layer, text| set(&mut layer.haproxy.get_or_insert_default().socket, string(text)),
        "values" ("FILE") "Settings of this site, in TOML or JSON, that override those beside the template"
            => |layer, text| set(&mut layer.values, string(text)),
        "status" ("ADDRESS") "Serve a page for people at this address and port, and /health, /ready, /metrics, /status and /routes"
            => |layer, text| set(&mut layer.status.get_or_insert_default().address, string(text)),
        "pid-file" ("FILE") "A file to hold our process id while we run"
            => |layer, text| set(&mut layer.pid_file, string(text)),
        "kill-signal" ("SIGNAL") "The signal that ends us [default: SIGINT]"
            => |layer, text| set(&mut layer.kill_signal, signal(text)),
        "reload-signal" ("SIGNAL") "The signal that makes us read configuration and templates again [default: SIGHUP]"
            => |layer, text| set(&mut layer.reload_signal, signal(text)),
    },
);

const CONSUL: (&str, &[Flag]) = (
    "Consul",
    flags! {
        "consul-addr" ("ADDRESS") "Where Consul is: host:port, http://host:port or https://host:port [default: 127.0.0.1:8500] [env: CONSUL_HTTP_ADDR]"
            => |layer, text| set(&mut consul(layer).address, string(text)),
        "consul-auth" ("USER[:PASSWORD]") "User and password for a proxy in front of Consul"
            => |layer, text| { consul(layer).auth = Some(auth(text)?); Ok(()) },
        "consul-token" ("TOKEN") "ACL token; the environment keeps it out of the process list [env: CONSUL_TOKEN, CONSUL_HTTP_TOKEN]"
            => |layer, text| { consul(layer).token = Some(text.to_owned().into()); Ok(()) },
        "consul-token-file" ("FILE") "File with the ACL token, read again for each request [env: CONSUL_TOKEN_FILE, CONSUL_HTTP_TOKEN_FILE]"
            => |layer, text| set(&mut consul(layer).token_file, string(text)),
        "consul-retry" "Whether to ask again after a failure [default: true]"
            => |layer, text| set(&mut retry(layer).enabled, switch(text)),
        "consul-retry-attempts" ("NUMBER") "How often; 0 for as long as it takes [default: 0]"
            => |layer, text| set(&mut retry(layer).attempts, integer(text)),
        "consul-retry-backoff" ("DURATION") "The pause after the first failure; it doubles with each one [default: 250ms]"
            => |layer, text| set(&mut retry(layer).backoff, time(text)),
        "retry" ("DURATION") "The same, by its old name"
            => |layer, text| set(&mut retry(layer).backoff, time(text)),
        "consul-retry-max-backoff" ("DURATION") "The longest pause; 0 for no limit [default: 1m]"
            => |layer, text| set(&mut retry(layer).max_backoff, time(text)),
        "consul-ssl" "Use TLS"
            => |layer, text| set(&mut ssl(layer).enabled, switch(text)),
        "consul-ssl-verify" "Whether Consul's certificate must be good [default: true]"
            => |layer, text| set(&mut ssl(layer).verify, switch(text)),
        "consul-ssl-ca-cert" ("FILE") "PEM file with the authorities to trust instead of the system's"
            => |layer, text| set(&mut ssl(layer).ca_cert, string(text)),
        "consul-ssl-ca-path" ("FOLDER") "Folder of such files"
            => |layer, text| set(&mut ssl(layer).ca_path, string(text)),
        "consul-ssl-cert" ("FILE") "PEM file with our certificate"
            => |layer, text| set(&mut ssl(layer).cert, string(text)),
        "consul-ssl-key" ("FILE") "PEM file with its key"
            => |layer, text| set(&mut ssl(layer).key, string(text)),
        "consul-ssl-server-name" ("NAME") "The name to expect in Consul's certificate"
            => |layer, text| set(&mut ssl(layer).server_name, string(text)),
        "consul-transport-dial-keep-alive" ("DURATION") "How long a connection is silent before the kernel asks whether Consul lives [default: 30s]"
            => |layer, text| set(&mut transport(layer).dial_keep_alive, time(text)),
        "consul-transport-dial-timeout" ("DURATION") "How long connecting may take [default: 30s]"
            => |layer, text| set(&mut transport(layer).dial_timeout, time(text)),
        "consul-transport-disable-keep-alives" "Use a connection for one request only"
            => |layer, text| set(&mut transport(layer).disable_keep_alives, switch(text)),
        "consul-transport-max-conns-per-host" ("NUMBER") "How many connections to Consul there may be; 0 for 100 [default: 0]"
            => |layer, text| set(&mut transport(layer).max_conns_per_host, count(text)),
        "consul-transport-max-idle-conns-per-host" ("NUMBER") "How many unused connections are kept [default: 100]"
            => |layer, text| set(&mut transport(layer).max_idle_conns_per_host, count(text)),
        "consul-transport-tls-handshake-timeout" ("DURATION") "Without effect: the handshake is part of -consul-transport-dial-timeout"
            => |layer, text| set(&mut transport(layer).tls_handshake_timeout, time(text)),
    },
);

const EXEC: (&str, &[Flag]) = (
    "Child",
    flags! {
        "exec" ("COMMAND") "Run this as a child once everything is rendered, and tell it of each change"
            => |layer, text| {
                let exec = exec(layer);
                exec.enabled = Some(true);
                exec.command = Some(Words(vec![text.to_owned()]));
                Ok(())
            },
        "exec-kill-signal" ("SIGNAL") "The signal that ends it [default: SIGINT]"
            => |layer, text| set(&mut exec(layer).kill_signal, signal(text)),
        "exec-kill-timeout" ("DURATION") "How long it may take to end before it is killed [default: 30s]"
            => |layer, text| set(&mut exec(layer).kill_timeout, time(text)),
        "exec-reload-signal" ("SIGNAL") "The signal that tells it of a change; it is started again when there is none"
            => |layer, text| set(&mut exec(layer).reload_signal, signal(text)),
        "exec-splay" ("DURATION") "A random pause of up to this long before it is told or ended [default: 0s]"
            => |layer, text| set(&mut exec(layer).splay, time(text)),
        "exec-env-pristine" "Whether it gets nothing of our environment"
            => |layer, text| set(&mut env(layer).pristine, switch(text)),
        "exec-env-custom" ("NAME=VALUE") "A variable for it. May be repeated"
            => |layer, text| { append(&mut env(layer).custom, text); Ok(()) },
        "exec-env-allowlist" ("PATTERN") "Names of variables that it gets of ours. May be repeated"
            => |layer, text| { append(&mut env(layer).allowlist, text); Ok(()) },
        "exec-env-denylist" ("PATTERN") "Names of variables that it does not get. May be repeated"
            => |layer, text| { append(&mut env(layer).denylist, text); Ok(()) },
    },
);

const LOGS: (&str, &[Flag]) = (
    "Logs",
    flags! {
        "log-file" ("FILE") "Write the log to this file too"
            => |layer, text| set(&mut log_file(layer).path, string(text)),
        "log-rotate-bytes" ("NUMBER") "Begin a new log file after so many bytes; 0 for no limit [default: 0]"
            => |layer, text| set(&mut log_file(layer).rotate_bytes, integer(text)),
        "log-rotate-duration" ("DURATION") "Begin a new log file after so long [default: 24h]"
            => |layer, text| set(&mut log_file(layer).rotate_duration, time(text)),
        "log-rotate-max-files" ("NUMBER") "How many old log files to keep; 0 for all, -1 for none [default: 0]"
            => |layer, text| set(&mut log_file(layer).rotate_max_files, integer(text)),
        "syslog" "Write the log to syslog too"
            => |layer, text| set(&mut syslog(layer).enabled, switch(text)),
        "syslog-facility" ("NAME") "As this facility [default: LOCAL0]"
            => |layer, text| set(&mut syslog(layer).facility, string(text)),
        "syslog-name" ("NAME") "As this program [default: ctemplate]"
            => |layer, text| set(&mut syslog(layer).name, string(text)),
    },
);

/// Not in the help: they are read, so that command lines need no change, and have no effect.
const VAULT: (&str, &[Flag]) = (
    "Vault",
    flags! {
        "vault-addr" ("ADDRESS") "" => |layer, text| set(&mut vault(layer).address, string(text)),
        "vault-agent-token-file" ("FILE") "" => |layer, text| set(&mut vault(layer).agent_token_file, string(text)),
        "vault-client-user-agent" ("TEXT") "" => |layer, text| set(&mut vault(layer).client_user_agent, string(text)),
        "vault-default-lease-duration" ("DURATION") "" => |layer, text| set(&mut vault(layer).default_lease_duration, time(text)),
        "vault-renew-token" "" => |layer, text| set(&mut vault(layer).renew_token, switch(text)),
        "vault-retry" "" => |layer, text| set(&mut vault(layer).retry.get_or_insert_default().enabled, switch(text)),
        "vault-retry-attempts" ("NUMBER") "" => |layer, text| set(&mut vault(layer).retry.get_or_insert_default().attempts, integer(text)),
        "vault-retry-backoff" ("DURATION") "" => |layer, text| set(&mut vault(layer).retry.get_or_insert_default().backoff, time(text)),
        "vault-retry-max-backoff" ("DURATION") "" => |layer, text| set(&mut vault(layer).retry.get_or_insert_default().max_backoff, time(text)),
        "vault-ssl" "" => |layer, text| set(&mut vault(layer).ssl.get_or_insert_default().enabled, switch(text)),
        "vault-ssl-ca-cert" ("FILE") "" => |layer, text| set(&mut vault(layer).ssl.get_or_insert_default().ca_cert, string(text)),
        "vault-ssl-ca-path" ("FOLDER") "" => |layer, text| set(&mut vault(layer).ssl.get_or_insert_default().ca_path, string(text)),
        "vault-ssl-cert" ("FILE") "" => |layer, text| set(&mut vault(layer).ssl.get_or_insert_default().cert, string(text)),
        "vault-ssl-key" ("FILE") "" => |layer, text| set(&mut vault(layer).ssl.get_or_insert_default().key, string(text)),
        "vault-ssl-server-name" ("NAME") "" => |layer, text| set(&mut vault(layer).ssl.get_or_insert_default().server_name, string(text)),
        "vault-ssl-verify" "" => |layer, text| set(&mut vault(layer).ssl.get_or_insert_default().verify, switch(text)),
        "vault-token" ("TOKEN") "" => |layer, text| { vault(layer).token = Some(text.to_owned().into()); Ok(()) },
        "vault-transport-dial-keep-alive" ("DURATION") "" => |layer, text| set(&mut vault_transport(layer).dial_keep_alive, time(text)),
        "vault-transport-dial-timeout" ("DURATION") "" => |layer, text| set(&mut vault_transport(layer).dial_timeout, time(text)),
        "vault-transport-disable-keep-alives" "" => |layer, text| set(&mut vault_transport(layer).disable_keep_alives, switch(text)),
        "vault-transport-max-conns-per-host" ("NUMBER") "" => |layer, text| set(&mut vault_transport(layer).max_conns_per_host, count(text)),
        "vault-transport-max-idle-conns-per-host" ("NUMBER") "" => |layer, text| set(&mut vault_transport(layer).max_idle_conns_per_host, count(text)),
        "vault-transport-tls-handshake-timeout" ("DURATION") "" => |layer, text| set(&mut vault_transport(layer).tls_handshake_timeout, time(text)),
        "vault-unwrap-token" "" => |layer, text| set(&mut vault(layer).unwrap_token, switch(text)),
    },
);

const GROUPS: [&(&str, &[Flag]); 5] = [&GENERAL, &CONSUL, &EXEC, &LOGS, &VAULT];

fn set<T>(field: &mut Option<T>, value: Result<T, String>) -> Result<(), String> {
    *field = Some(value?);
    Ok(())
}

fn append(field: &mut Option<Vec<String>>, text: &str) {
    field.get_or_insert_default().push(text.to_owned());
}

fn consul(layer: &mut Layer) -> &mut layer::Consul {
    layer.consul.get_or_insert_default()
}

fn retry(layer: &mut Layer) -> &mut layer::Retry {
    consul(layer).retry.get_or_insert_default()
}

fn ssl(layer: &mut Layer) -> &mut layer::Ssl {
    consul(layer).ssl.get_or_insert_default()
}

fn transport(layer: &mut Layer) -> &mut layer::Transport {
    consul(layer).transport.get_or_insert_default()
}

fn exec(layer: &mut Layer) -> &mut layer::Exec {
    layer.exec.get_or_insert_default()
}

fn env(layer: &mut Layer) -> &mut layer::Env {
    exec(layer).env.get_or_insert_default()
}

fn log_file(layer: &mut Layer) -> &mut layer::LogFile {
    layer.log_file.get_or_insert_default()
}

fn syslog(layer: &mut Layer) -> &mut layer::Syslog {
    layer.syslog.get_or_insert_default()
}

fn vault(layer: &mut Layer) -> &mut layer::Vault {
    layer.vault.get_or_insert_default()
}

fn vault_transport(layer: &mut Layer) -> &mut layer::Transport {
    vault(layer).transport.get_or_insert_default()
}

#[expect(clippy::unnecessary_wraps, reason = "beside its peers, which can fail")]
fn string(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// Go's `strconv.ParseBool`.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "expected an integer".to_owned())
}

fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "expected a number".to_owned())
}

fn time(text: &str) -> Result<std::time::Duration, String> {
    duration::parse(text).map_err(|error| error.to_string())
}

fn signal(text: &str) -> Result<Signal, String> {
    signal::parse(text).map(Signal)
}

fn auth(text: &str) -> Result<layer::Auth, String> {
    if text.is_empty() {
        return Err("the user is missing".to_owned());
    }
    let (username, password) =
        text.split_once(':').map_or((text, None), |(user, password)| (user, Some(password)));
    let password = password.map(|password| password.to_owned().into());
    Ok(layer::Auth { enabled: None, username: Some(username.to_owned()), password })
}

/// Reads `IN[:OUT[:COMMAND]]`; the command may hold colons.
fn template(text: &str) -> Result<Placed, String> {
    let mut parts =
        text.splitn(3, ':').map(|part| Some(part.to_owned()).filter(|it| !it.is_empty()));
    let mut next = || parts.next().flatten();
    let source = next().filter(|path| !path.trim().is_empty());
    let template = layer::Template {
        source: Some(source.ok_or("the template's path is missing")?),
        destination: next(),
        command: next().map(|command| Words(vec![command])),
        ..layer::Template::default()
    };
    Ok(Placed { origin: Origin::Flag(text.to_owned()), template })
}

impl Flag {
    fn arg(&'static self, heading: &'static str) -> Arg {
        let parse = |text: &str| {
            let mut layer = Layer::default();
            (self.set)(&mut layer, text).map(|()| layer)
        };
        let arg = Arg::new(self.name)
            .long(self.name)
            .help(self.help)
            .value_parser(parse)
            .action(ArgAction::Append)
            .hide(self.help.is_empty());
        let arg = if heading == GENERAL.0 { arg } else { arg.help_heading(heading) };
        if let Some(value) = self.value {
            return arg.value_name(value).allow_hyphen_values(true);
        }
        let arg = arg.value_name("BOOL").num_args(0..=1).require_equals(true);
        arg.default_missing_value("true")
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let flags = GROUPS.iter().flat_map(|group| group.1.iter().map(|flag| (flag, group.0)));
        flags.fold(command, |command, (flag, heading)| command.arg(flag.arg(heading)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let mut given = Vec::new();
        for flag in GROUPS.iter().flat_map(|group| group.1) {
            let layers = matches.get_many::<Layer>(flag.name).into_iter().flatten();
            given.extend(matches.indices_of(flag.name).into_iter().flatten().zip(layers));
        }
        given.sort_by_key(|(index, _)| *index);
        for (_, layer) in given {
            self.layer.merge(layer.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn given(args: &[&str]) -> Result<Layer, clap::Error> {
        let command = Flags::augment_args(Command::new("test").no_binary_name(true));
        Flags::from_arg_matches(&command.try_get_matches_from(args)?).map(|flags| flags.layer)
    }

    #[test]
    fn a_template_has_up_to_three_parts() {
        let parts = |text| {
            let layer::Template { source, destination, command, .. } = template(text)?.template;
            Ok::<_, String>((source, destination, command.map(|words| words.0)))
        };
        let text = |text: &str| Some(text.to_owned());
        let command = Some(vec!["sh -c 'a:b'".to_owned()]);
        assert_eq!(
            parts("/a/in.hbs:/b/out:sh -c 'a:b'"),
            Ok((text("/a/in.hbs"), text("/b/out"), command))
        );
        assert_eq!(parts("in:out"), Ok((text("in"), text("out"), None)));
        assert_eq!(parts("in::"), Ok((text("in"), None, None)));
        for text in ["", " ", ":out", "::x"] {
            assert!(parts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn later_flags_win_and_lists_are_appended() {
        let layer = given(&[
            "--consul-retry-backoff=1s",
            "--retry",
            "2s",
            "--template=a:b",
            "--consul-ssl",
            "--consul-ssl=false",
            "--template=c:d",
            "--exec-env-custom",
            "A=1",
            "--exec-env-custom=B=-x",
            "--log-rotate-max-files",
            "-1",
        ]);
        let layer = layer.unwrap();
        let consul = layer.consul.unwrap();
        assert_eq!(consul.retry.unwrap().backoff, Some(Duration::from_secs(2)));
        assert_eq!(consul.ssl.unwrap().enabled, Some(false));
        let sources: Vec<_> =
            layer.templates.unwrap().into_iter().map(|it| it.template.source.unwrap()).collect();
        assert_eq!(sources, ["a", "c"]);
        let custom = layer.exec.unwrap().env.unwrap().custom.unwrap();
        assert_eq!(custom, ["A=1", "B=-x"]);
        assert_eq!(layer.log_file.unwrap().rotate_max_files, Some(-1));
    }

    #[test]
    fn a_flag_says_what_is_wrong_with_its_value() {
        for (flag, want) in [
            ("--wait=3s:2s", "the maximum in '3s:2s' is below the minimum"),
            ("--wait=soon", "'soon' is not a duration"),
            ("--dedup=maybe", "expected true or false"),
            ("--kill-signal=BACON", "'BACON' is no signal"),
            ("--consul-auth=", "the user is missing"),
            ("--consul-retry-attempts=x", "expected an integer"),
        ] {
            let error = given(&[flag]).unwrap_err().to_string();
            assert!(error.contains(want), "{flag}: {error}");
        }
    }
}
