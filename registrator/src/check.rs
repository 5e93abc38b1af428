//! Checks that Consul's agent runs, and the `SERVICE_CHECK_*` keys that ask for them.
//!
//! The keys are those of gliderlabs' registrator, and so is the order in which the first match wins.

use std::fmt;
use std::time::Duration;

use marathon::App;

use crate::metadata::{Found, Metadata};
use crate::policy::Policy;
use crate::ports::Port;
use crate::service::Protocol;
use crate::skipped::Reason;

mod translate;

/// Three times what lies between two looks at the agent.
const LEAST_TTL: Duration = Duration::from_secs(6);

const DEFAULT_INTERVAL: &str = "10s";

/// A check that Consul's agent runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is asked.
    pub target: Target,
    /// In Go's notation. Not of [`Target::Ttl`].
    pub interval: String,
    /// In Go's notation; Consul's default is 10 s.
    pub timeout: Option<String>,
    /// The state until the first run. Marathon has found the task healthy, so `passing` is the default.
    pub initial_status: String,
    /// Consul removes the service when it was critical for this long.
    pub deregister_after: Option<String>,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A request of a URL.
    Http {
        /// With scheme, `http` or `https`.
        url: String,
        /// `GET` when absent.
        method: Option<String>,
        /// Take any certificate.
        any_certificate: bool,
    },
    /// A connection to `host:port`.
    Tcp(String),
    /// gRPC's health service.
    Grpc {
        /// `host:port`, or `host:port/service`.
        address: String,
        /// Over TLS.
        tls: bool,
        /// Take any certificate.
        any_certificate: bool,
    },
    /// Word from us, within this time, that Marathon finds the task healthy.
    Ttl(String),
    /// A program that the agent runs.
    Script(String),
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Http { url, method, any_certificate } => {
                let method = method.as_deref().unwrap_or_default();
                let space = if method.is_empty() { "" } else { " " };
                write!(f, "http {method}{space}{url}")?;
                f.write_str(if *any_certificate { " any-certificate" } else { "" })?;
            }
            Target::Tcp(address) => write!(f, "tcp {address}")?,
            Target::Grpc { address, tls, any_certificate } => {
                write!(f, "grpc{} {address}", if *tls { "s" } else { "" })?;
                f.write_str(if *any_certificate { " any-certificate" } else { "" })?;
            }
            Target::Ttl(ttl) => write!(f, "ttl {ttl}")?,
            Target::Script(script) => write!(f, "script {script:?}")?,
        }
        if !matches!(self.target, Target::Ttl(_)) {
            write!(f, " interval {}", self.interval)?;
        }
        write!(f, " initially {}", self.initial_status)?;
        if let Some(timeout) = &self.timeout {
            write!(f, " timeout {timeout}")?;
        }
        if let Some(after) = &self.deregister_after {
            write!(f, " deregister-after {after}")?;
        }
        Ok(())
    }
}

/// All checks of a service as one text, which fits into its metadata: a long one ends in a fingerprint of the whole.
pub fn text_of(checks: &[Check]) -> Option<String> {
    const LONGEST: usize = 480;
    let text = checks.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match text.get(..text.floor_char_boundary(LONGEST)) {
        _ if checks.is_empty() => None,
        Some(start) if start.len() < text.len() => {
            Some(format!("{start}… {:016x}", fingerprint(&text)))
        }
        _ => Some(text),
    }
}

/// FNV-1a: the same in every release of this program, as a hash of the standard library need not be.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The id of a service's check, the first of which is 0.
pub fn id_of(service: &str, index: usize) -> String {
    match index {
        0 => format!("service:{service}"),
        _ => format!("service:{service}:{}", index + 1),
    }
}

/// The checks of a port, and the keys that could not be followed. `scripts` says whether the agent runs programs.
pub fn of_port(
    app: &App,
    metadata: &Metadata,
    port: &Port,
    scripts: bool,
    policy: &Policy,
) -> (Vec<Check>, Vec<Reason>) {
    let mut reader = Reader { metadata, port, scripts, wrong: Vec::new() };
    let checks = match reader.explicit() {
        Asked::Check(check) => vec![*check],
        Asked::No if metadata.is_on(port, "CHECK_MARATHON", policy.marathon_checks) => {
            reader.translated(app)
        }
        Asked::No | Asked::Nothing => Vec::new(),
    };
    (checks, reader.wrong)
}

/// What the keys of a port ask for.
enum Asked {
    Check(Box<Check>),
    /// No check, or one that cannot be.
    Nothing,
    No,
}

struct Reader<'a> {
    metadata: &'a Metadata,
    port: &'a Port,
    scripts: bool,
    wrong: Vec<Reason>,
}

impl<'a> Reader<'a> {
    fn explicit(&mut self) -> Asked {
        const KINDS: [&str; 8] = ["HTTP", "HTTPS", "CMD", "SCRIPT", "TTL", "TCP", "GRPC", "DOCKER"];
        let find = |kind| Some((self.get(&format!("CHECK_{kind}"))?, kind));
        let Some((found, kind)) = KINDS.into_iter().find_map(find) else { return Asked::No };
        let target = match kind {
            _ if found.value.eq_ignore_ascii_case("false") => None,
            // Nothing can be asked of a UDP port from outside; such a key is meant for the app's other ports.
            "HTTP" | "HTTPS" | "TCP" | "GRPC" if self.port.protocol == Protocol::Udp => None,
            "HTTP" | "HTTPS" => Some(self.http(kind, found.value)),
            "TCP" => Some(Target::Tcp(self.authority())),
            "GRPC" => Some(self.grpc(found.value)),
            "TTL" => self.ttl(found),
            "SCRIPT" => self.script(found),
            _ => {
                self.leave_out(found, "it would run within the container, which Consul cannot");
                None
            }
        };
        target.map_or(Asked::Nothing, |target| Asked::Check(Box::new(self.check(target))))
    }

    fn check(&mut self, target: Target) -> Check {
        let interval = self.get("CHECK_INTERVAL").and_then(|found| self.duration(found));
        let timeout = self.get("CHECK_TIMEOUT").and_then(|found| self.duration(found));
        let after = self.get("CHECK_DEREGISTER_AFTER").and_then(|found| self.duration(found));
        Check {
            target,
            interval: interval.unwrap_or_else(|| DEFAULT_INTERVAL.to_owned()),
            timeout,
            initial_status: self.initial_status(),
            deregister_after: after,
        }
    }

    fn http(&self, kind: &str, path: &str) -> Target {
        let scheme = kind.to_ascii_lowercase();
        let method = self.get(&format!("CHECK_{kind}_METHOD")).map(|found| found.value.to_owned());
        Target::Http {
            url: format!("{scheme}://{}/{}", self.authority(), path.trim_start_matches('/')),
            method,
            any_certificate: self.is_on("CHECK_TLS_SKIP_VERIFY"),
        }
    }

    /// The value names a service, unless it only says yes.
    fn grpc(&self, value: &str) -> Target {
        let service = match value.trim_start_matches('/') {
            "" | "true" | "1" | "yes" | "on" => String::new(),
            service => format!("/{service}"),
        };
        Target::Grpc {
            address: format!("{}{service}", self.authority()),
            tls: self.is_on("CHECK_GRPC_USE_TLS"),
            any_certificate: self.is_on("CHECK_TLS_SKIP_VERIFY"),
        }
    }

    fn ttl(&mut self, found: Found<'_>) -> Option<Target> {
        let ttl = self.duration(found)?;
        if daemon::duration::parse(&ttl).is_ok_and(|ttl| ttl < LEAST_TTL) {
            self.leave_out(found, "must be at least 6s");
            return None;
        }
        Some(Target::Ttl(ttl))
    }

    fn script(&mut self, found: Found<'_>) -> Option<Target> {
        if !self.scripts {
            self.leave_out(found, "the agent runs no scripts (enable_script_checks)");
            return None;
        }
        let Port { address, port, .. } = self.port;
        let script = found.value.replace("$SERVICE_IP", address);
        Some(Target::Script(script.replace("$SERVICE_PORT", &port.to_string())))
    }

    fn duration(&mut self, found: Found<'_>) -> Option<String> {
        match daemon::duration::parse(found.value) {
            Ok(duration) if !duration.is_zero() => return Some(found.value.to_owned()),
            Ok(_) => self.leave_out(found, "must be more than 0"),
            Err(err) => self.leave_out(found, &err.to_string()),
        }
        None
    }

    fn initial_status(&mut self) -> String {
        match self.get("CHECK_INITIAL_STATUS") {
            Some(found) if ["passing", "warning", "critical"].contains(&found.value) => {
                return found.value.to_owned();
            }
            Some(found) => self.leave_out(found, "must be passing, warning or critical"),
            None => {}
        }
        "passing".to_owned()
    }

    fn authority(&self) -> String {
        authority(&self.port.address, self.port.port)
    }

    fn is_on(&self, key: &str) -> bool {
        self.metadata.is_on(self.port, key, false)
    }

    fn get(&self, key: &str) -> Option<Found<'a>> {
        self.metadata.get(self.port, key)
    }

    fn leave_out(&mut self, found: Found<'_>, why: &str) {
        self.wrong.push(Reason::Key { key: found.key.to_owned(), why: why.to_owned() });
    }
}

fn authority(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

#[cfg(test)]
mod tests;
