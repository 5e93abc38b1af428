//! The options of a program that say how Consul is reached, with the environment variables that Consul's own command
//! line reads: <https://developer.hashicorp.com/consul/commands#environment-variables>.

use std::path::PathBuf;

use clap::Args;
use daemon::redact::Redacted;
use daemon::tls::{HalfIdentity, Identity, Tls};
use thiserror::Error;

use crate::client::{Config, Token, Transport};

const HEADING: &str = "Consul";

/// How Consul is reached, besides its address.
#[derive(Args, Clone, Debug, Default)]
pub struct Access {
    /// ACL token; the environment keeps it out of the process list [env: `CONSUL_HTTP_TOKEN`]
    #[arg(long, value_name = "TOKEN", help_heading = HEADING)]
    pub consul_token: Option<Redacted<String>>,

    /// File with the ACL token, read again for each request [env: `CONSUL_HTTP_TOKEN_FILE`]
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub consul_token_file: Option<PathBuf>,

    /// User and password for a proxy in front of Consul [env: `CONSUL_HTTP_AUTH`]
    #[arg(long, value_name = "USER:PASSWORD", help_heading = HEADING)]
    pub consul_auth: Option<Redacted<String>>,

    /// Ask this datacenter instead of the agent's own
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    pub consul_datacenter: Option<String>,

    /// Ask in this namespace (Consul Enterprise) [env: `CONSUL_NAMESPACE`]
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    pub consul_namespace: Option<String>,

    /// PEM file, or folder of them, with the authorities to trust instead of the system's; may be repeated
    /// [env: `CONSUL_CACERT`, `CONSUL_CAPATH`]
    #[arg(long, value_name = "PATH", help_heading = HEADING)]
    pub consul_ca: Vec<PathBuf>,

    /// PEM file with our certificate [env: `CONSUL_CLIENT_CERT`]
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub consul_cert: Option<PathBuf>,

    /// PEM file with our certificate's key [env: `CONSUL_CLIENT_KEY`]
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub consul_key: Option<PathBuf>,

    /// The name to expect in Consul's certificate [default: the host in the address] [env: `CONSUL_TLS_SERVER_NAME`]
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    pub consul_tls_server_name: Option<String>,

    /// Take any certificate of Consul's [env: `CONSUL_HTTP_SSL_VERIFY=false`]
    #[arg(long, help_heading = HEADING)]
    pub consul_insecure: bool,
}

/// Options or variables that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AccessError {
    /// A certificate without its key, or the other way round.
    #[error("Consul: {0}")]
    Identity(#[from] HalfIdentity),
    /// Neither true nor false.
    #[error("{name} is '{value}': expected true or false")]
    Switch {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
    },
}

impl Access {
    /// Completes the options with the environment, in which what is empty is not set.
    ///
    /// # Errors
    ///
    /// When they contradict each other. Whether files can be read shows when a [`Client`](crate::Client) is made.
    pub fn config(
        &self,
        address: String,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Config, AccessError> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let tls = self.tls(&variable)?;
        let https =
            !address.contains("://") && switch("CONSUL_HTTP_SSL", &variable)?.unwrap_or(false);
        Ok(Config {
            address: if https { format!("https://{address}") } else { address },
            token: Token::first(
                self.consul_token.as_ref(),
                self.consul_token_file.as_deref(),
                variable,
                ["CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE"],
            ),
            credentials: self
                .consul_auth
                .clone()
                .or_else(|| variable("CONSUL_HTTP_AUTH").map(Redacted::new)),
            datacenter: self.consul_datacenter.clone(),
            namespace: self.consul_namespace.clone().or_else(|| variable("CONSUL_NAMESPACE")),
            tls,
            transport: Transport::default(),
        })
    }

    fn tls(&self, variable: &impl Fn(&'static str) -> Option<String>) -> Result<Tls, AccessError> {
        let path = |given: &Option<PathBuf>, name| {
            given.clone().or_else(|| variable(name).map(PathBuf::from))
        };
        let authorities = if self.consul_ca.is_empty() {
            let names = ["CONSUL_CACERT", "CONSUL_CAPATH"];
            names.into_iter().filter_map(|name| variable(name).map(PathBuf::from)).collect()
        } else {
            self.consul_ca.clone()
        };
        let certificate = path(&self.consul_cert, "CONSUL_CLIENT_CERT");
        let identity = Identity::of(certificate, path(&self.consul_key, "CONSUL_CLIENT_KEY"))?;
        let server_name = self.consul_tls_server_name.clone();
        Ok(Tls {
            authorities,
            identity,
            server_name: server_name.or_else(|| variable("CONSUL_TLS_SERVER_NAME")),
            insecure: self.consul_insecure
                || switch("CONSUL_HTTP_SSL_VERIFY", variable)? == Some(false),
        })
    }
}

/// Go's `strconv.ParseBool`, which Consul reads these variables with.
fn switch(
    name: &'static str,
    variable: &impl Fn(&'static str) -> Option<String>,
) -> Result<Option<bool>, AccessError> {
    match variable(name).as_deref() {
        None => Ok(None),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
        Some(value) => Err(AccessError::Switch { name, value: value.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        access: Access,
    }

    fn config(line: &str, variables: &[(&str, &str)]) -> Result<Config, AccessError> {
        let cli = Cli::parse_from(["x"].into_iter().chain(line.split_whitespace()));
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        cli.access.config("c:1".to_owned(), |name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    fn value(token: &str) -> Token {
        Token::from(token.to_owned())
    }

    #[test]
    fn options_come_before_the_environment() {
        let both = [("CONSUL_HTTP_TOKEN", "env"), ("CONSUL_HTTP_TOKEN_FILE", "/env")];
        let file = |path: &str| Token::File(path.into());
        for (line, variables, want) in [
            ("", &both[..0], None),
            ("", &both[1..], Some(file("/env"))),
            ("", &both, Some(value("env"))),
            ("--consul-token-file /flag", &both, Some(file("/flag"))),
            ("--consul-token flag --consul-token-file /flag", &both, Some(value("flag"))),
            ("", &[("CONSUL_HTTP_TOKEN", "")], None),
        ] {
            assert_eq!(config(line, variables).unwrap().token, want, "{line} {variables:?}");
        }
    }

    #[test]
    fn tls_is_read_as_consul_reads_it() {
        let variables = [
            ("CONSUL_HTTP_SSL", "true"),
            ("CONSUL_CACERT", "/ca.pem"),
            ("CONSUL_CLIENT_CERT", "/me.pem"),
            ("CONSUL_CLIENT_KEY", "/me.key"),
            ("CONSUL_TLS_SERVER_NAME", "server.dc1.consul"),
        ];
        let got = config("", &variables).unwrap();
        assert_eq!(got.address, "https://c:1");
        let identity = Identity { certificate: "/me.pem".into(), key: "/me.key".into() };
        let want = Tls {
            authorities: vec!["/ca.pem".into()],
            identity: Some(identity),
            server_name: Some("server.dc1.consul".to_owned()),
            insecure: false,
        };
        assert_eq!(got.tls, want);
        assert!(config("", &[("CONSUL_HTTP_SSL_VERIFY", "0")]).unwrap().tls.insecure);
        let error = config("--consul-cert /a", &[]).unwrap_err();
        assert_eq!(error, AccessError::Identity(HalfIdentity));
        let error = config("", &[("CONSUL_HTTP_SSL", "yes")]).unwrap_err().to_string();
        assert_eq!(error, "CONSUL_HTTP_SSL is 'yes': expected true or false");
    }
}
