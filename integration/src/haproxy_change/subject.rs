//! The ways from Consul to HAProxy that are measured. All render the same template to the same file.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::rig::dev_agent::DevAgent;
use crate::rig::haproxy::Haproxy;
use crate::rig::process;

/// As the shipped template for internal services has it: a frontend and a backend for each service that asks for a port, and
/// servers named by what they are. HAProxy's checks are left out: they would ask what is not there.
const TEMPLATE: &str = r#"global
  stats socket {{ env "STATS_SOCKET" }} mode 600 level admin

defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
{{ range services }}{{ $name := .Name }}{{ range .Tags }}{{ if regexMatch "^internal-listen-http-[0-9]+$" . }}
frontend internal_http_in:{{ $name }}
  bind {{ env "BIND" }}:{{ . | replaceAll "internal-listen-http-" "" }}
  default_backend cluster:{{ $name }}

backend cluster:{{ $name }}
  balance roundrobin
{{- range service $name }}
  server {{ .Address }}:{{ .Port }} {{ .Address }}:{{ .Port }} weight {{ .Weights.Passing }}
{{- end }}
{{ end }}{{ end }}{{ end }}"#;

/// A way from Consul to HAProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// consul-template, whose command reloads HAProxy.
    ConsulTemplate,
    /// ctemplate with the same command.
    Reload,
    /// ctemplate, which tells HAProxy what has changed.
    Runtime,
}

/// What checks each file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Check {
    /// Nothing, until HAProxy loads it.
    None,
    /// `haproxy -c`, as ctemplate's `check`, and before the reload in the command of consul-template, which has none.
    Haproxy,
}

/// What is measured: a way, and what checks the files on it.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The way.
    pub subject: Subject,
    /// What checks them.
    pub check: Check,
}

/// The programs that do it.
#[derive(Clone, Debug)]
pub struct Programs {
    /// consul-template.
    pub consul_template: PathBuf,
    /// ctemplate.
    pub ctemplate: PathBuf,
}

impl Subject {
    /// All of them; the first is what the others are compared with.
    pub const ALL: [Self; 3] = [Self::ConsulTemplate, Self::Reload, Self::Runtime];

    /// What the report calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsulTemplate => "consul-template, reload",
            Self::Reload => "ctemplate, reload",
            Self::Runtime => "ctemplate, runtime",
        }
    }
}

impl Check {
    /// Both.
    pub const ALL: [Self; 2] = [Self::None, Self::Haproxy];

    /// What the report says of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "files unchecked",
            Self::Haproxy => "files checked",
        }
    }

    /// The command that checks a file.
    fn command(self, haproxy: &Haproxy, file: &str) -> Option<String> {
        match self {
            Self::None => None,
            Self::Haproxy => Some(format!("{} -c -q -f {file}", haproxy.binary().display())),
        }
    }
}

impl Setup {
    /// What checks the file and how HAProxy gets what is in it, as a part of the section of the template.
    fn follow(self, ctemplate: &Path, haproxy: &Haproxy) -> String {
        let Self { subject, check } = self;
        let (socket, master) = (haproxy.socket(), haproxy.master_socket());
        let reload = format!("{} -reload-haproxy {}", ctemplate.display(), master.display());
        let own = check.command(haproxy, "{}").map(|check| format!("check = {check:?}\n  "));
        let own = own.unwrap_or_default();
        match subject {
            Subject::ConsulTemplate => {
                let file = haproxy.config_path().display().to_string();
                let commands = check.command(haproxy, &file).into_iter().chain([reload]);
                format!("command = {:?}", commands.collect::<Vec<_>>().join(" && "))
            }
            Subject::Reload => format!("{own}command = {reload:?}"),
            // Its only reload brings the frontends, before anything is measured.
            Subject::Runtime => format!(
                "{own}haproxy {{ socket = \"{}\" master_socket = \"{}\" reload_interval = \"50ms\" }}",
                socket.display(),
                master.display()
            ),
        }
    }
}

impl Programs {
    /// The command that keeps HAProxy current, with frontends on this address; its files are put into the folder.
    ///
    /// # Errors
    ///
    /// When these cannot be written.
    pub fn command(
        &self,
        setup: Setup,
        consul: &DevAgent,
        haproxy: &Haproxy,
        bind: Ipv4Addr,
        folder: &Path,
    ) -> Result<Command> {
        fs::write(folder.join("in.ctmpl"), TEMPLATE)?;
        let configuration = format!(
            "template {{\n  source = \"in.ctmpl\"\n  destination = \"{}\"\n  {}\n}}\n",
            haproxy.config_path().display(),
            setup.follow(&self.ctemplate, haproxy)
        );
        fs::write(folder.join("config.hcl"), configuration)?;
        let mut command = match setup.subject {
            Subject::ConsulTemplate => process::command(&self.consul_template),
            Subject::Reload | Subject::Runtime => process::command(&self.ctemplate),
        };
        command.current_dir(folder).args(["-config", "config.hcl", "-log-level", "warn"]);
        command.arg("-consul-addr").arg(consul.api());
        command.env("STATS_SOCKET", haproxy.socket()).env("BIND", bind.to_string());
        Ok(command)
    }
}
