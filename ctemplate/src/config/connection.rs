//! From settings to a client of Consul.

use consul::{Access, AccessError};
use daemon::secret::Secret;

use super::settings::{Consul, Ssl};

/// How Consul is reached. What the settings leave open, TLS above all, comes from the variables that Consul's own command line
/// reads.
///
/// # Errors
///
/// When settings or variables contradict each other.
pub fn config(
    settings: &Consul,
    variable: impl Fn(&'static str) -> Option<String>,
) -> Result<consul::Config, AccessError> {
    let access = access(settings);
    let address = match settings.ssl {
        Some(_) => with_tls(&settings.address),
        None => settings.address.clone(),
    };
    let transport = &settings.transport;
    Ok(consul::Config {
        transport: consul::Transport {
            connect_timeout: transport.dial_timeout,
            keep_alive: transport.dial_keep_alive,
            idle_timeout: transport.idle_conn_timeout,
            max_idle: if transport.disable_keep_alives {
                0
            } else {
                usize::try_from(transport.max_idle_conns_per_host).unwrap_or(usize::MAX)
            },
            http2: true,
        },
        ..access.config(address, variable)?
    })
}

fn access(settings: &Consul) -> Access {
    let ssl = settings.ssl.clone();
    let insecure = ssl.as_ref().is_some_and(|ssl| !ssl.verify);
    let ssl = ssl.unwrap_or(Ssl {
        verify: true,
        cert: None,
        key: None,
        ca_cert: None,
        ca_path: None,
        server_name: None,
    });
    let (value, file) = match settings.token.clone() {
        Some(Secret::Value(value)) => (Some(value), None),
        Some(Secret::File(path)) => (None, Some(path)),
        None => (None, None),
    };
    let auth = settings.auth.as_ref();
    Access {
        consul_token: value,
        consul_token_file: file,
        consul_auth: auth.map(|it| format!("{}:{}", it.username, it.password.expose()).into()),
        consul_datacenter: None,
        consul_namespace: settings.namespace.clone(),
        consul_ca: ssl.ca_cert.or(ssl.ca_path).into_iter().collect(),
        consul_key: ssl.key.or_else(|| ssl.cert.clone()),
        consul_cert: ssl.cert,
        consul_tls_server_name: ssl.server_name,
        consul_insecure: insecure,
    }
}

/// An address with the scheme for TLS, which is stronger than another one in it.
fn with_tls(address: &str) -> String {
    let host = address.strip_prefix("http://").unwrap_or(address);
    if host.contains("://") { host.to_owned() } else { format!("https://{host}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use daemon::tls::Identity;

    use super::super::tests::settings;
    use super::*;

    fn connection(text: &str) -> consul::Config {
        config(&settings(text).consul, |_| None).unwrap()
    }

    #[test]
    fn an_address_gets_its_scheme() {
        for (text, want) in [
            ("", "127.0.0.1:8500"),
            ("consul = \"c:1\"", "c:1"),
            ("consul { ssl { enabled = true } }", "https://127.0.0.1:8500"),
            ("consul { address = \"http://c:1\" ssl { verify = true } }", "https://c:1"),
            ("consul { address = \"https://c:1\" ssl { verify = true } }", "https://c:1"),
            ("consul { address = \"https://c\" ssl { enabled = false } }", "https://c"),
        ] {
            assert_eq!(connection(text).address, want, "{text}");
        }
    }

    #[test]
    fn tls_comes_from_the_settings_then_from_the_environment() {
        let text = "consul { ssl { cert = \"/me.pem\" ca_path = \"/ca\" server_name = \"c\" verify = false } }";
        let tls = connection(text).tls;
        let identity = Identity { certificate: "/me.pem".into(), key: "/me.pem".into() };
        assert_eq!(tls.identity, Some(identity));
        assert_eq!(tls.authorities, [std::path::PathBuf::from("/ca")]);
        assert_eq!((tls.server_name.as_deref(), tls.insecure), (Some("c"), true));
        let variable = |name| (name == "CONSUL_HTTP_SSL").then(|| "true".to_owned());
        let config = config(&settings("").consul, variable).unwrap();
        assert_eq!(config.address, "https://127.0.0.1:8500");
    }

    #[test]
    fn connections_are_kept_as_the_settings_say() {
        let text = "consul { transport { dial_timeout = \"3s\" disable_keep_alives = true } }";
        let transport = connection(text).transport;
        assert_eq!((transport.connect_timeout, transport.max_idle), (Duration::from_secs(3), 0));
        assert_eq!(connection("").transport.max_idle, 100);
    }

    #[test]
    fn user_and_password_are_one_text() {
        let config = connection("consul { auth { username = \"u\" password = \"p:q\" } }");
        assert_eq!(config.credentials.unwrap().expose(), "u:p:q");
        let text = "consul { auth { enabled = false username = \"u\" } }";
        assert!(connection(text).credentials.is_none());
    }
}
