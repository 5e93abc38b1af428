//! Options: where the configuration comes from, and how it becomes variables.

use clap::Args;
use daemon::redact::Redacted;

/// Options about the configuration.
#[derive(Clone, Debug, Args)]
pub struct ConfigurationArgs {
    /// Where Consul is: host:port or http://host:port; 'none' to be a plain init [env: `CONSUL_HTTP_ADDR`]
    #[arg(long, value_name = "ADDRESS", help_heading = "Configuration")]
    pub consul: Option<String>,

    /// Consul's ACL token; the environment keeps it out of the process list [env: `CONSUL_HTTP_TOKEN`]
    #[arg(long, value_name = "TOKEN", help_heading = "Configuration")]
    pub consul_token: Option<Redacted<String>>,

    /// The folder of the configuration in the KV store [default: the app id without its leading slash]
    #[arg(long, value_name = "PREFIX", help_heading = "Configuration")]
    pub prefix: Option<String>,
}
