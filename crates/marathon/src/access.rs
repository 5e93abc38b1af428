//! The options of a program that say how Marathon is reached, besides its addresses.

use std::path::PathBuf;

use clap::Args;
use daemon::redact::Redacted;
use daemon::secret::Secret;
use daemon::tls::{Identity, Tls};

use crate::client::Config;
use crate::endpoint::{Credentials, EndpointError, Endpoints};

const HEADING: &str = "Marathon";

/// How Marathon is reached, besides its addresses.
#[derive(Args, Clone, Debug, Default)]
#[group(id = "marathon-access")]
pub struct Access {
    /// User and password, for endpoints that name none in their URL [env: `MARATHON_CREDENTIALS`]
    #[arg(long, value_name = "USER:PASSWORD", help_heading = HEADING)]
    pub marathon_credentials: Option<Redacted<String>>,

    /// Token of DC/OS; the environment keeps it out of the process list [env: `MARATHON_TOKEN`]
    #[arg(long, value_name = "TOKEN", help_heading = HEADING)]
    pub marathon_token: Option<Redacted<String>>,

    /// File with the token of DC/OS, read again for each request [env: `MARATHON_TOKEN_FILE`]
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub marathon_token_file: Option<PathBuf>,

    /// PEM file, or folder of them, with the authorities to trust instead of the system's; may be repeated
    /// [env: `MARATHON_CA`]
    #[arg(long, value_name = "PATH", help_heading = HEADING)]
    pub marathon_ca: Vec<PathBuf>,

    /// PEM file with our certificate [env: `MARATHON_CERT`]
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub marathon_cert: Option<PathBuf>,

    /// PEM file with our certificate's key [env: `MARATHON_KEY`]
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub marathon_key: Option<PathBuf>,

    /// Take any certificate of Marathon's
    #[arg(long, help_heading = HEADING)]
    pub marathon_insecure: bool,
}

impl Access {
    /// Completes the options with the environment, in which what is empty is not set. Time-outs are the usual ones.
    ///
    /// # Errors
    ///
    /// When they contradict each other. Whether files can be read shows when a [`Client`](crate::Client) is made.
    pub fn config(
        &self,
        endpoints: Endpoints,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Config, EndpointError> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let credentials = self.marathon_credentials.as_ref().map(|given| given.expose().clone());
        let credentials = credentials.or_else(|| variable("MARATHON_CREDENTIALS"));
        let credentials = credentials.map(|text| text.parse::<Credentials>()).transpose()?;
        let path = |given: &Option<PathBuf>, name| {
            given.clone().or_else(|| variable(name).map(PathBuf::from))
        };
        let certificate = path(&self.marathon_cert, "MARATHON_CERT");
        let identity = Identity::of(certificate, path(&self.marathon_key, "MARATHON_KEY"))?;
        let authorities = if self.marathon_ca.is_empty() {
            variable("MARATHON_CA").map(PathBuf::from).into_iter().collect()
        } else {
            self.marathon_ca.clone()
        };
        let tls =
            Tls { authorities, identity, server_name: None, insecure: self.marathon_insecure };
        let token = Secret::first(
            self.marathon_token.as_ref(),
            self.marathon_token_file.as_deref(),
            variable,
            ["MARATHON_TOKEN", "MARATHON_TOKEN_FILE"],
        );
        let endpoints = endpoints.with_credentials(credentials.as_ref());
        Ok(Config { token, tls, ..Config::new(endpoints) })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use daemon::tls::HalfIdentity;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        access: Access,
    }

    fn config(line: &str, variables: &[(&str, &str)]) -> Result<Config, EndpointError> {
        let cli = Cli::parse_from(["x"].into_iter().chain(line.split_whitespace()));
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        let value = |name| find(name).map(|(_, value)| (*value).to_owned());
        cli.access.config("a:8080".parse().unwrap(), value)
    }

    #[test]
    fn options_come_before_the_environment() {
        let variables = [
            ("MARATHON_CREDENTIALS", "env:secret"),
            ("MARATHON_TOKEN", "env"),
            ("MARATHON_CA", "/env.pem"),
            ("MARATHON_CERT", "/me.pem"),
            ("MARATHON_KEY", "/me.key"),
        ];
        let got = config("", &variables).unwrap();
        let user = |config: &Config| {
            let first = config.endpoints.iter().next().unwrap();
            first.credentials.as_ref().map(|credentials| credentials.user().to_owned())
        };
        assert_eq!(user(&got).as_deref(), Some("env"));
        assert_eq!(got.token, Some(Secret::from("env".to_owned())));
        assert_eq!(got.tls.authorities, [PathBuf::from("/env.pem")]);
        assert!(got.tls.identity.is_some());

        let line = "--marathon-credentials flag:x --marathon-token-file /t --marathon-ca /flag.pem";
        let got = config(line, &variables).unwrap();
        assert_eq!(user(&got).as_deref(), Some("flag"));
        assert_eq!(got.token, Some(Secret::File("/t".into())));
        assert_eq!(got.tls.authorities, [PathBuf::from("/flag.pem")]);
    }

    #[test]
    fn half_an_identity_is_refused() {
        let error = config("--marathon-key /k", &[]).unwrap_err();
        assert_eq!(error, EndpointError::Identity(HalfIdentity));
    }
}
