//! From all layers to the complete settings: defaults, the environment, and what only shows when everything is known.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use daemon::log::Format;
use daemon::secret::Secret;
use rustix::process::Signal;

use super::ConfigError;
use super::layer::{self, Layer, Merge, Origin, Placed};
use super::settings::{
    Auth, CommandLine, Consul, Deduplicate, Delimiters, Env, Exec, Haproxy, Log, LogFile, MaxFiles,
    MissingKey, Output, Retry, Settings, Source, Ssl, Syslog, Template, Transport, Wait, defaults,
};

/// How long the command of a template may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a child may take to end.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);
/// The least time between two reloads of a HAProxy.
const RELOAD_INTERVAL: Duration = Duration::from_secs(2);
/// How long a log file is written before a new one begins.
const ROTATE_DURATION: Duration = Duration::from_hours(24);
/// What syslog knows, in the order of its numbers (RFC 5424, section 6.2.1), without the four that have no name there.
const FACILITIES: [&str; 20] = [
    "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV",
    "FTP", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7",
];

/// What only the command line says.
#[derive(Clone, Debug)]
pub(super) struct Modes {
    pub(super) once: bool,
    pub(super) parse_only: bool,
    pub(super) output: Output,
    pub(super) check: Option<CommandLine>,
    pub(super) log_format: Format,
}

/// Completes the layers. `errors_fatal` is what the command line or `CT_LOCAL_CONFIG` says over every template.
pub(super) fn finalize(
    layer: Layer,
    modes: &Modes,
    errors_fatal: Option<bool>,
    variable: &impl Fn(&'static str) -> Option<String>,
) -> Result<Settings, ConfigError> {
    let first = |names: &[&'static str]| {
        names.iter().find_map(|name| variable(name)).map(|text| text.trim().to_owned())
    };
    let mut warnings = Vec::new();
    for (section, is_set) in [("vault", layer.vault.is_some()), ("nomad", layer.nomad.is_some())] {
        if is_set {
            warnings.push(format!("{section} has no effect: only Consul is asked"));
        }
    }
    let common = Common {
        check: modes.check.as_ref(),
        error_fatal: layer.template_error_fatal,
        errors_fatal,
        may_print: modes.output != Output::Write,
    };
    let mut templates = layer.templates.unwrap_or_default();
    of_the_only_template(layer.haproxy, &mut templates)?;
    let delimiters = layer.default_delimiters.unwrap_or_default();
    let consul = layer.consul.unwrap_or_default();
    warnings.extend(without_effect(&consul));
    Ok(Settings {
        consul: finish_consul(consul, &first),
        templates: templates.into_iter().map(|it| common.template(it)).collect::<Result<_, _>>()?,
        wait: layer.wait.filter(|_| !modes.once).as_ref().and_then(wait).unwrap_or_default(),
        deduplicate: layer.deduplicate.filter(|_| !modes.once).and_then(deduplicate),
        exec: layer.exec.and_then(|layer| exec(layer, Duration::ZERO)),
        delimiters: Delimiters { left: given(delimiters.left), right: given(delimiters.right) },
        log: Log {
            filter: filter(layer.log_level.or_else(|| {
                first(&["CT_LOG", "CONSUL_TEMPLATE_LOG", "CONSUL_TEMPLATE_LOG_LEVEL"])
            }))?,
            format: modes.log_format,
            file: layer.log_file.and_then(log_file),
            syslog: layer.syslog.map(syslog).transpose()?.flatten(),
        },
        status: layer.status.and_then(|it| given(it.address)).map(status).transpose()?,
        pid_file: path(layer.pid_file),
        kill_signal: layer.kill_signal.map_or(Some(Signal::INT), |signal| signal.0),
        reload_signal: layer.reload_signal.map_or(Some(Signal::HUP), |signal| signal.0),
        max_stale: layer.max_stale.unwrap_or(Duration::from_secs(2)),
        block_query_wait: layer.block_query_wait.unwrap_or(Duration::from_mins(1)),
        err_on_failed_lookup: layer.err_on_failed_lookup.unwrap_or(false),
        once: modes.once,
        once_timeout: layer.once_timeout.filter(|_| modes.once),
        parse_only: modes.parse_only,
        output: modes.output,
        values: path(layer.values),
        warnings,
    })
}

/// A HAProxy that no template names is that of the only one.
fn of_the_only_template(
    haproxy: Option<layer::Haproxy>,
    templates: &mut [Placed],
) -> Result<(), ConfigError> {
    match (haproxy, templates) {
        (None, _) => Ok(()),
        (Some(mut haproxy), [Placed { template, .. }]) => {
            if let Some(own) = template.haproxy.take() {
                haproxy.merge(own);
            }
            template.haproxy = Some(haproxy);
            Ok(())
        }
        (Some(_), templates) => Err(ConfigError::Haproxy(templates.len())),
    }
}

fn haproxy(layer: layer::Haproxy, has_command: bool) -> Result<Option<Haproxy>, &'static str> {
    let (socket, master_socket) = (path(layer.socket), path(layer.master_socket));
    match socket.filter(|_| layer.enabled.unwrap_or(true)) {
        None => Ok(None),
        Some(_) if master_socket.is_none() && !has_command => {
            Err("haproxy needs a master_socket, or the template a command that reloads it")
        }
        Some(socket) => Ok(Some(Haproxy {
            socket,
            master_socket,
            reload_interval: layer.reload_interval.unwrap_or(RELOAD_INTERVAL),
            check_ports: layer.check_ports.unwrap_or(true),
        })),
    }
}

/// An empty text stands for none.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn status(address: String) -> Result<SocketAddr, ConfigError> {
    address.parse().map_err(|_| ConfigError::Status(address))
}

fn path(text: Option<String>) -> Option<PathBuf> {
    given(text).map(PathBuf::from)
}

fn finish_consul(
    layer: layer::Consul,
    first: &impl Fn(&[&'static str]) -> Option<String>,
) -> Consul {
    let value = |text: Option<String>| given(text).map(Secret::from);
    let file = |text: Option<String>| path(text).map(Secret::File);
    let address = layer.address.or_else(|| first(&["CONSUL_HTTP_ADDR"]));
    // What is written down goes before the environment, and of the same kind a file before a value.
    let token = file(layer.token_file)
        .or_else(|| value(layer.token.map(|token| token.expose().clone())))
        .or_else(|| file(first(&["CONSUL_TOKEN_FILE", "CONSUL_HTTP_TOKEN_FILE"])))
        .or_else(|| value(first(&["CONSUL_TOKEN", "CONSUL_HTTP_TOKEN"])));
    Consul {
        address: given(address).unwrap_or_else(|| "127.0.0.1:8500".to_owned()),
        namespace: given(layer.namespace.or_else(|| first(&["CONSUL_NAMESPACE"]))),
        token,
        auth: layer.auth.and_then(auth),
        retry: retry(&layer.retry.unwrap_or_default()),
        ssl: layer.ssl.and_then(ssl),
        transport: transport(&layer.transport.unwrap_or_default()),
    }
}

fn without_effect(consul: &layer::Consul) -> Vec<String> {
    let transport = consul.transport.clone().unwrap_or_default();
    let ssl = consul.ssl.as_ref();
    let mut found = Vec::new();
    for (is_set, key, reason) in [
        (
            transport.max_idle_conns.is_some_and(|limit| limit > 0),
            "consul.transport.max_idle_conns",
            "there is only one host; max_idle_conns_per_host is what counts",
        ),
        (
            transport.tls_handshake_timeout.is_some(),
            "consul.transport.tls_handshake_timeout",
            "the handshake is part of dial_timeout",
        ),
        (
            ssl.is_some_and(|ssl| ssl.ca_cert_bytes.as_ref().is_some_and(|it| !it.is_empty())),
            "consul.ssl.ca_cert_bytes",
            "write a file, and name it in ca_cert",
        ),
    ] {
        if is_set {
            found.push(format!("{key} has no effect: {reason}"));
        }
    }
    found
}

fn auth(layer: layer::Auth) -> Option<Auth> {
    let password = layer.password.unwrap_or_default();
    let username = layer.username.unwrap_or_default();
    let is_given = !(username.is_empty() && password.expose().is_empty());
    layer.enabled.unwrap_or(is_given).then_some(Auth { username, password })
}

fn retry(layer: &layer::Retry) -> Option<Retry> {
    let default = Retry::default();
    let attempts = |number: i64| NonZeroU32::new(u32::try_from(number.max(0)).unwrap_or(u32::MAX));
    layer.enabled.unwrap_or(true).then(|| Retry {
        attempts: layer.attempts.map_or(default.attempts, attempts),
        backoff: layer.backoff.unwrap_or(default.backoff),
        max_backoff: layer.max_backoff.unwrap_or(default.max_backoff),
    })
}

fn ssl(layer: layer::Ssl) -> Option<Ssl> {
    let texts = [
        &layer.ca_cert,
        &layer.ca_cert_bytes,
        &layer.ca_path,
        &layer.cert,
        &layer.key,
        &layer.server_name,
    ];
    let is_given =
        layer.verify.is_some() || texts.into_iter().flatten().any(|text| !text.is_empty());
    layer.enabled.unwrap_or(is_given).then(|| Ssl {
        verify: layer.verify.unwrap_or(true),
        cert: path(layer.cert),
        key: path(layer.key),
        ca_cert: path(layer.ca_cert),
        ca_path: path(layer.ca_path),
        server_name: given(layer.server_name),
    })
}

fn transport(layer: &layer::Transport) -> Transport {
    let default = Transport::default();
    Transport {
        dial_keep_alive: layer.dial_keep_alive.unwrap_or(default.dial_keep_alive),
        dial_timeout: layer.dial_timeout.unwrap_or(default.dial_timeout),
        disable_keep_alives: layer.disable_keep_alives.unwrap_or(default.disable_keep_alives),
        idle_conn_timeout: layer.idle_conn_timeout.unwrap_or(default.idle_conn_timeout),
        max_idle_conns: layer.max_idle_conns.unwrap_or(default.max_idle_conns),
        max_idle_conns_per_host: layer
            .max_idle_conns_per_host
            .unwrap_or(default.max_idle_conns_per_host),
        max_conns_per_host: layer.max_conns_per_host.unwrap_or(default.max_conns_per_host),
        tls_handshake_timeout: layer.tls_handshake_timeout.unwrap_or(default.tls_handshake_timeout),
    }
}

fn wait(layer: &layer::Wait) -> Option<Wait> {
    let min = layer.min.unwrap_or_default();
    let is_on = layer.enabled.unwrap_or(true) && !min.is_zero();
    is_on.then(|| Wait { min, max: layer.max.unwrap_or(min * 4) })
}

fn deduplicate(layer: layer::Deduplicate) -> Option<Deduplicate> {
    let default = Deduplicate::default();
    let is_given = [layer.max_stale, layer.ttl, layer.block_query_wait]
        .into_iter()
        .flatten()
        .any(|it| !it.is_zero())
        || layer.prefix.as_ref().is_some_and(|prefix| !prefix.is_empty());
    layer.enabled.unwrap_or(is_given).then(|| Deduplicate {
        prefix: layer.prefix.unwrap_or(default.prefix),
        ttl: layer.ttl.unwrap_or(default.ttl),
        max_stale: layer.max_stale.unwrap_or(default.max_stale),
    })
}

fn exec(layer: layer::Exec, timeout: Duration) -> Option<Exec> {
    let command = layer.command.and_then(|words| CommandLine::new(words.0));
    let command = command.filter(|_| layer.enabled.unwrap_or(true))?;
    Some(Exec {
        command,
        env: env(layer.env.unwrap_or_default()),
        kill_signal: layer.kill_signal.map_or(Some(Signal::INT), |signal| signal.0),
        kill_timeout: layer.kill_timeout.unwrap_or(KILL_TIMEOUT),
        reload_signal: layer.reload_signal.and_then(|signal| signal.0),
        splay: layer.splay.unwrap_or_default(),
        timeout: layer.timeout.unwrap_or(timeout),
    })
}

fn env(layer: layer::Env) -> Env {
    Env {
        pristine: layer.pristine.unwrap_or(false),
        custom: layer.custom.unwrap_or_default(),
        allowlist: combined(layer.allowlist, layer.whitelist),
        denylist: combined(layer.denylist, layer.blacklist),
    }
}

/// A list and what only the list under its older name has.
fn combined(list: Option<Vec<String>>, older: Option<Vec<String>>) -> Vec<String> {
    let mut list = list.unwrap_or_default();
    for item in older.unwrap_or_default() {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    list
}

/// A level, as consul-template calls it too, or a filter.
fn filter(text: Option<String>) -> Result<String, ConfigError> {
    let text = given(text).unwrap_or_else(|| defaults::LOG_LEVEL.to_owned());
    let level = text.to_lowercase();
    match level.as_str() {
        "err" => Ok("error".to_owned()),
        "trace" | "debug" | "info" | "warn" | "error" | "off" => Ok(level),
        _ if text.contains('=') => Ok(text),
        _ => Err(ConfigError::LogLevel(text)),
    }
}

fn log_file(layer: layer::LogFile) -> Option<LogFile> {
    let max_files = layer.rotate_max_files.unwrap_or(0);
    let rotate_duration = layer.rotate_duration.filter(|duration| !duration.is_zero());
    Some(LogFile {
        path: path(layer.path)?,
        rotate_bytes: u64::try_from(layer.rotate_bytes.unwrap_or(0)).unwrap_or(0),
        rotate_duration: rotate_duration.unwrap_or(ROTATE_DURATION),
        rotate_max_files: match max_files {
            0 => MaxFiles::All,
            // Negative for none.
            number => MaxFiles::Newest(u32::try_from(number).unwrap_or(0)),
        },
    })
}

fn syslog(layer: layer::Syslog) -> Result<Option<Syslog>, ConfigError> {
    let (facility, name) = (given(layer.facility), given(layer.name));
    if !layer.enabled.unwrap_or(facility.is_some() || name.is_some()) {
        return Ok(None);
    }
    let facility = facility.unwrap_or_else(|| "LOCAL0".to_owned());
    if !FACILITIES.contains(&facility.to_uppercase().as_str()) {
        return Err(ConfigError::Facility(facility));
    }
    Ok(Some(Syslog { facility, name: name.unwrap_or_else(|| "ctemplate".to_owned()) }))
}

/// What holds for every template.
struct Common<'a> {
    check: Option<&'a CommandLine>,
    error_fatal: Option<bool>,
    errors_fatal: Option<bool>,
    may_print: bool,
}

impl Common<'_> {
    fn template(
        &self,
        Placed { origin, template: layer }: Placed,
    ) -> Result<Template, ConfigError> {
        let wrong = |reason| ConfigError::Template { origin: origin.clone(), reason };
        let source = match (given(layer.source), given(layer.contents)) {
            (Some(source), None) => Source::File(source.into()),
            (None, Some(contents)) => Source::Contents(contents),
            (Some(_), Some(_)) => return Err(wrong("source and contents exclude each other")),
            (None, None) => return Err(wrong("source or contents must be given")),
        };
        let destination = path(layer.destination);
        if destination.is_none() && !self.may_print {
            return Err(wrong(match origin {
                Origin::Flag(_) => {
                    "the file to write is missing; write IN:OUT, or use -dry to print"
                }
                Origin::File(_) => "destination is missing; use -dry to print",
            }));
        }
        let mut command = layer.exec.unwrap_or_default();
        command.command = command.command.or(layer.command);
        let timeout = layer.command_timeout.unwrap_or(COMMAND_TIMEOUT);
        let error_fatal = self.errors_fatal.or(layer.error_fatal).or(self.error_fatal);
        let check = layer.check.and_then(|line| CommandLine::new(line.0));
        let exec = exec(command, timeout);
        let haproxy = layer.haproxy.map(|layer| haproxy(layer, exec.is_some())).transpose();
        Ok(Template {
            destination,
            create_dest_dirs: layer.create_dest_dirs.unwrap_or(true),
            perms: layer.perms.map(|mode| mode.0).filter(|mode| *mode != 0),
            user: given(layer.user.or_else(|| layer.uid.map(|id| id.to_string()))),
            group: given(layer.group.or_else(|| layer.gid.map(|id| id.to_string()))),
            backup: layer.backup.unwrap_or(false),
            delimiters: Delimiters {
                left: given(layer.left_delimiter),
                right: given(layer.right_delimiter),
            },
            missing_key: match layer.error_on_missing_key {
                Some(true) => MissingKey::Error,
                _ => MissingKey::Zero,
            },
            error_fatal: error_fatal.unwrap_or(defaults::ERROR_FATAL),
            wait: layer.wait.as_ref().and_then(wait),
            exec,
            haproxy: haproxy.map_err(wrong)?.flatten(),
            function_denylist: combined(layer.function_denylist, layer.function_blacklist),
            sandbox_path: path(layer.sandbox_path),
            check: check.or_else(|| self.check.cloned()),
            write: layer.write.unwrap_or_default(),
            on_error: layer.on_error.unwrap_or(defaults::ON_ERROR),
            min_instances: layer.min_instances,
            max_shrink: layer.max_shrink.map(|part| part.0),
            ..Template::new(source)
        })
    }
}
