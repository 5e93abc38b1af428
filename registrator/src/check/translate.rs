//! Marathon's own health checks as checks that Consul runs.

use marathon::{App, HealthCheck};

use super::{Check, DEFAULT_INTERVAL, Reader, Target};
use crate::ports::Port;
use crate::service::Protocol;
use crate::skipped::Reason;

impl Reader<'_> {
    /// The app's health checks that ask this port. A command asks none, and goes with the first.
    pub(super) fn translated(&mut self, app: &App) -> Vec<Check> {
        let checks = app.health_checks.iter();
        let mine: Vec<_> = checks.filter(|check| is_of(check, self.port)).collect();
        mine.into_iter().filter_map(|check| self.translate(check)).collect()
    }

    fn translate(&mut self, check: &HealthCheck) -> Option<Check> {
        let port = check.port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
        let authority = super::authority(&self.port.address, port.unwrap_or(self.port.port));
        let path = check.path.as_deref().unwrap_or_default().trim_start_matches('/');
        let http = |scheme: &str, any_certificate| Target::Http {
            url: format!("{scheme}://{authority}/{path}"),
            method: None,
            any_certificate,
        };
        let target = match check.protocol.trim_start_matches("MESOS_") {
            "" | "HTTP" => http("http", false),
            // Marathon takes any certificate.
            "HTTPS" => http("https", true),
            "TCP" => Target::Tcp(authority),
            "COMMAND" if self.scripts => Target::Script(self.command(check)?),
            protocol => {
                let why = match protocol {
                    "COMMAND" => "the agent runs no scripts (enable_script_checks)",
                    _ => "Consul has no such check",
                };
                let key = format!("healthChecks {}", check.protocol);
                self.wrong.push(Reason::Key { key, why: why.to_owned() });
                return None;
            }
        };
        let seconds = |given: Option<u32>| given.filter(|s| *s > 0).map(|s| format!("{s}s"));
        let mut translated = self.check(target);
        if translated.interval == DEFAULT_INTERVAL {
            // Marathon's own default.
            translated.interval =
                seconds(check.interval_seconds).unwrap_or_else(|| "60s".to_owned());
        }
        translated.timeout = translated.timeout.or_else(|| seconds(check.timeout_seconds));
        Some(translated)
    }

    /// Marathon sets these variables; only the ports before this one are not known here.
    fn command(&self, check: &HealthCheck) -> Option<String> {
        let Port { address, port, index, .. } = self.port;
        let command = check.command.as_ref()?.value.replace("$HOST", address);
        let command = command.replace(&format!("$PORT{index}"), &port.to_string());
        Some(command.replace("$PORT", &port.to_string()))
    }
}

fn is_of(check: &HealthCheck, port: &Port) -> bool {
    port.protocol == Protocol::Tcp
        && match check.protocol.as_str() {
            "COMMAND" => port.index == 0,
            _ => check.port_index.unwrap_or_default() == port.index,
        }
}
