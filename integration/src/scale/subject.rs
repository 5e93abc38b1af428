//! The programs that are measured, and what they render: frontends and backends of all services, for two environments.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::rig::authority::Authority;
use crate::rig::dev_agent::DevAgent;
use crate::rig::process;

/// Where Consul speaks TLS.
pub const TLS_PORT: u16 = 8501;
/// The name in its certificate.
pub const TLS_NAME: &str = "localhost";
/// The file that the programs write, in their folder.
pub const OUTPUT: &str = "out.cfg";

/// The same file in the language of consul-template.
const GO: &str = r#"{{ range $environment := parseJSON `["production","staging"]` -}}
{{ range services -}}
{{ if .Tags | contains $environment -}}
frontend internal_http_in_{{ $environment }}:{{ .Name }}
{{- range .Tags }}{{ if regexMatch "^internal-listen-http-[0-9]+$" . }}
  bind *:{{ . | replaceAll "internal-listen-http-" "" }}
{{- end }}{{ end }}
  default_backend cluster_{{ $environment }}:{{ .Name }}
backend cluster_{{ $environment }}:{{ .Name }}
{{- range service (printf "%s.%s" $environment .Name) }}
  server {{ .ID }} {{ .Address }}:{{ .Port }} check weight {{ .Weights.Passing }} #
{{- range .Tags }}{{ if regexMatch "^v[0-9]+$" . }} {{ . }}{{ end }}{{ end }}
{{- end }}
{{ end -}}
{{ end -}}
{{ end -}}
"#;

/// The same file in Handlebars.
const HANDLEBARS: &str = r#"{{#each (parseJSON "[\"production\",\"staging\"]") as |environment|}}
{{#each (services) as |app|}}
{{#if (contains environment app.Tags)}}
frontend internal_http_in_{{environment}}:{{app.Name}}
{{#each app.Tags as |tag|}}
{{#if (regexMatch "^internal-listen-http-[0-9]+$" tag)}}
  bind *:{{replaceAll "internal-listen-http-" "" tag}}
{{/if}}
{{/each}}
  default_backend cluster_{{environment}}:{{app.Name}}
backend cluster_{{environment}}:{{app.Name}}
{{#each (service (print environment "." app.Name)) as |one|}}
  server {{one.ID}} {{one.Address}}:{{one.Port}} check weight {{one.Weights.Passing}} #{{#each one.Tags as |tag|}}{{#if (regexMatch "^v[0-9]+$" tag)}} {{tag}}{{/if}}{{/each}}

{{/each}}
{{/if}}
{{/each}}
{{/each}}
"#;

/// A way to keep the file current.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// consul-template.
    ConsulTemplate,
    /// ctemplate with the same template.
    Ctemplate,
    /// ctemplate with a template in Handlebars.
    Handlebars,
    /// ctemplate with the same template, over TLS.
    Tls,
}

/// Where the programs are, and what they are told.
#[derive(Clone, Debug)]
pub struct Programs {
    /// consul-template.
    pub consul_template: PathBuf,
    /// ctemplate.
    pub ctemplate: PathBuf,
    /// Further arguments of ctemplate.
    pub arguments: Vec<String>,
    /// The certificate of the authority that issued Consul's.
    pub authority: PathBuf,
}

/// The settings with which Consul also speaks TLS, with a certificate of this authority.
///
/// # Errors
///
/// When it cannot be written.
pub fn tls(authority: &Authority) -> Result<String> {
    let issued = authority.issue("consul", &[TLS_NAME])?;
    // In development mode Consul would take the certificate for gRPC, too, and want more of it.
    Ok(format!(
        "ports {{ https = {TLS_PORT} grpc = -1 }} cert_file = \"{}\" key_file = \"{}\"",
        issued.certificate.display(),
        issued.key.display()
    ))
}

impl Subject {
    /// All of them; the first is what the others are compared with.
    pub const ALL: [Self; 4] = [Self::ConsulTemplate, Self::Ctemplate, Self::Handlebars, Self::Tls];

    /// What the report calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsulTemplate => "consul-template",
            Self::Ctemplate => "ctemplate",
            Self::Handlebars => "ctemplate, Handlebars",
            Self::Tls => "ctemplate, TLS",
        }
    }

    /// The port of Consul that it asks.
    pub const fn port(self) -> u16 {
        match self {
            Self::Tls => TLS_PORT,
            _ => 8500,
        }
    }
}

impl Programs {
    /// The command that keeps [`OUTPUT`] in the folder current; its template is put there.
    ///
    /// # Errors
    ///
    /// When the template cannot be written.
    pub fn command(&self, subject: Subject, consul: &DevAgent, folder: &Path) -> Result<Command> {
        let (name, text) = match subject {
            Subject::Handlebars => ("in.hbs", HANDLEBARS),
            _ => ("in.ctmpl", GO),
        };
        fs::write(folder.join(name), text)?;
        let mut command = if subject == Subject::ConsulTemplate {
            process::command(&self.consul_template)
        } else {
            process::command(&self.ctemplate)
        };
        if subject != Subject::ConsulTemplate {
            command.args(&self.arguments);
        }
        command.current_dir(folder).args(["-log-level", "warn"]);
        command.arg("-template").arg(format!("{name}:{OUTPUT}"));
        command.arg("-consul-addr").arg(format!("{}:{}", consul.ip(), subject.port()));
        if subject == Subject::Tls {
            command.args(["-consul-ssl", "-consul-ssl-server-name", TLS_NAME]);
            command.arg("-consul-ssl-ca-cert").arg(&self.authority);
        }
        Ok(command)
    }
}
