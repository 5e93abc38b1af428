//! Marathon behind TLS and a token, as DC/OS runs it: a real HAProxy in front of the development Marathon.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use daemon::secret::Secret;
    use daemon::tls::Tls;
    use integration::rig::authority::Authority;
    use integration::rig::component;
    use integration::rig::eventually::eventually;
    use integration::rig::marathon::DevMarathon;
    use integration::rig::network::Network;
    use integration::rig::process::{Process, command};
    use marathon::{Client, Config, Kind, kinds};

    /// HAProxy, which ends TLS and wants a token.
    fn gate(folder: &Path, bind: &str, certificate: &Path, marathon: &str) -> Process {
        let config = format!(
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n\
             listen gate\n  bind {bind} ssl crt {}\n\
             \x20 http-request deny deny_status 401 unless {{ req.hdr(authorization) -m str token=s3cr3t }}\n\
             \x20 server marathon {}\n",
            certificate.display(),
            marathon.trim_start_matches("http://"),
        );
        let file = folder.join("gate.cfg");
        fs::write(&file, config).unwrap();
        let mut haproxy = command(component::haproxy().unwrap());
        haproxy.arg("-db").arg("-f").arg(&file);
        Process::start("gate", haproxy, &folder.join("gate.log")).unwrap()
    }

    #[tokio::test]
    async fn marathon_is_reached_over_https_with_a_token_from_a_file() {
        let network = Network::claim().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let marathon = DevMarathon::start(&network, &[]).await.unwrap();
        let address = network.host(21);
        let authority = Authority::new(folder.path()).unwrap();
        let issued = authority.issue("gate", &[&address.to_string()]).unwrap();
        let bind = format!("{address}:8443");
        let gate = gate(folder.path(), &bind, &issued.both, marathon.url());

        let token = folder.path().join("token");
        fs::write(&token, "s3cr3t\n").unwrap();
        let tls = Tls { authorities: vec![authority.certificate().to_owned()], ..Tls::default() };
        let config = Config {
            token: Some(Secret::File(token.clone())),
            tls,
            ..Config::new(format!("https://{bind}").parse().unwrap())
        };
        let client = Client::new(config.clone()).unwrap();
        eventually("Marathon behind the gate", Duration::from_secs(20), async || {
            client.apps_with_tasks().await.map_err(|error| format!("{error}\n{}", gate.log()))
        })
        .await;
        client.events(&[kinds::STATUS_UPDATE]).await.unwrap();

        fs::write(&token, "another").unwrap();
        let error = client.apps_with_tasks().await.unwrap_err();
        assert_eq!(error.status(), Some(401), "{error}");
        let stranger = Client::new(Config { tls: Tls::default(), ..config });
        // Without any authority on this system it cannot even be made.
        if let Ok(stranger) = stranger {
            let error = stranger.apps_with_tasks().await.unwrap_err();
            assert!(matches!(error.kind, Kind::Connect(_)), "{error}");
            assert!(!error.may_have_been_delivered());
        }
    }
}
