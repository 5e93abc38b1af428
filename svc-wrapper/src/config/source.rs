//! Where the configuration comes from (pure).

use std::ffi::OsString;

use daemon::redact::Redacted;

use super::{Error, NONE, Positional, Variables};
use crate::cli::ConfigurationArgs;
use crate::env;

/// Where configuration comes from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Consul.
    pub consul: consul::Config,
    /// The folder in the KV store, with its slash at the end.
    pub prefix: String,
}

impl Source {
    /// `None` where no Consul is known.
    pub(super) fn new(
        args: &ConfigurationArgs,
        positional: Option<&Positional>,
        app_id: Option<&str>,
        variables: &Variables<impl Fn(&'static str) -> Option<OsString>>,
    ) -> Result<Option<Self>, Error> {
        let prefix = positional.map(|words| &words.prefix).or(args.prefix.as_ref());
        let address = match positional {
            Some(words) => Some(words.consul.clone()),
            None => variables.unless(args.consul.as_ref(), "CONSUL_HTTP_ADDR")?,
        };
        let address = match (address, prefix) {
            (Some(address), _) if address != NONE => address,
            (None, Some(_)) => return Err(Error::NoConsul),
            _ => return Ok(None),
        };
        let prefix = prefix.map(String::as_str).or(app_id).ok_or(Error::NoPrefix)?;
        let token = match &args.consul_token {
            Some(token) => Some(token.clone()),
            None => variables.text("CONSUL_HTTP_TOKEN")?.map(Redacted::new),
        };
        let consul = consul::Config {
            address,
            token: token.map(consul::Token::Value),
            ..consul::Config::default()
        };
        // Built once to be judged: an address that cannot work is a matter of the command line.
        drop(consul::Client::new(consul.clone()).map_err(Error::Consul)?);
        // A URL's path cannot hold these parts, and without any part it would be the whole store.
        if prefix.trim_matches('/').split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(Error::Prefix(prefix.to_owned()));
        }
        Ok(Some(Self { consul, prefix: env::folder(prefix) }))
    }

    /// By convention the prefix is the app's id.
    pub(super) fn app_id(&self) -> String {
        self.prefix.trim_end_matches('/').to_owned()
    }
}
