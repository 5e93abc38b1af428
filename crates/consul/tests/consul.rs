//! What only a real Consul can show: transactions, TLS and tokens.

#[cfg(test)]
mod tests {
    use std::fs;

    use consul::kv::Condition;
    use consul::txn::Operation;
    use consul::{Client, Config, Kind, Query, Token};
    use daemon::tls::{Identity, Tls};
    use integration::rig::authority::Authority;
    use integration::rig::dev_agent::DevAgent;

    async fn value(client: &Client, key: &str) -> Option<(u64, String)> {
        let pair = client.kv_get(key, &Query::default()).await.unwrap().value?;
        Some((pair.modify_index, String::from_utf8(pair.value).unwrap()))
    }

    #[tokio::test]
    async fn a_transaction_happens_whole_or_not_at_all() {
        let agent = DevAgent::start().await.unwrap();
        let client = agent.client();
        let key = |key: &str| key.to_owned();
        let cas = |index, text: &str| Operation::Cas { key: key("b"), value: text.into(), index };
        client.kv_put("a", "1", Condition::Always).await.unwrap();
        let (index, _) = value(client, "a").await.unwrap();

        let writes = [
            Operation::CheckIndex { key: key("a"), index },
            Operation::CheckNotExists { key: key("b") },
            cas(0, "first"),
        ];
        assert!(client.txn(&writes).await.unwrap());
        assert_eq!(value(client, "b").await.unwrap().1, "first");

        let again = [Operation::Set { key: key("c"), value: b"x".to_vec() }, cas(0, "second")];
        assert!(!client.txn(&again).await.unwrap());
        assert_eq!(value(client, "b").await.unwrap().1, "first");
        assert_eq!(value(client, "c").await, None, "nothing of a refused transaction happens");

        let unlocked = Operation::CheckSession { key: key("a"), session: key("00000000") };
        assert!(!client.txn(&[unlocked]).await.unwrap());
        assert!(client.txn(&[Operation::Delete { key: key("b") }]).await.unwrap());
        assert_eq!(value(client, "b").await, None);
    }

    #[tokio::test]
    async fn https_is_spoken_with_a_name_and_a_certificate_of_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path()).unwrap();
        let server = authority.issue("server", &["server.dc1.consul"]).unwrap();
        let ours = authority.issue("ours", &["ours"]).unwrap();
        let settings = [
            "ports { https = 8501 grpc = -1 }",
            "verify_incoming_https = true",
            &format!("ca_file = {:?}", authority.certificate()),
            &format!("cert_file = {:?}", server.certificate),
            &format!("key_file = {:?}", server.key),
        ];
        let agent = DevAgent::start_with(&settings, Config::default()).await.unwrap();
        let address = format!("https://{}", agent.ip());
        let tls = Tls {
            authorities: vec![authority.certificate().to_owned()],
            identity: Some(Identity { certificate: ours.certificate, key: ours.key }),
            server_name: Some("server.dc1.consul".to_owned()),
            insecure: false,
        };
        let ask = async |tls: &Tls| {
            let config = Config { address: address.clone(), tls: tls.clone(), ..Config::default() };
            let nodes = Client::new(config)?.nodes(None, &Query::default()).await?;
            Ok::<_, consul::Error>(nodes.value.len())
        };
        assert_eq!(ask(&tls).await.unwrap(), 1);
        assert_eq!(
            ask(&Tls { insecure: true, server_name: None, ..tls.clone() }).await.unwrap(),
            1
        );
        for (name, other) in [
            ("the host's name", Tls { server_name: None, ..tls.clone() }),
            ("another name", Tls { server_name: Some("x.consul".to_owned()), ..tls.clone() }),
            ("no certificate", Tls { identity: None, ..tls.clone() }),
        ] {
            let error = ask(&other).await.unwrap_err();
            assert!(matches!(error.kind, Kind::Transport(_)), "{name}: {error}");
        }
    }

    #[tokio::test]
    async fn a_token_is_read_anew_for_each_request() {
        let master = "11111111-2222-4333-8444-555555555555";
        let settings = [
            "acl { enabled = true default_policy = \"deny\" }",
            // Consul 1.11 renamed it, and still knows the old name.
            &format!("acl {{ tokens {{ master = \"{master}\" agent = \"{master}\" }} }}"),
        ];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, master).unwrap();
        let access = Config { token: Some(Token::File(file.clone())), ..Config::default() };
        let agent = DevAgent::start_with(&settings, access).await.unwrap();
        let client = agent.client();
        client.kv_put("a", "1", Condition::Always).await.unwrap();

        fs::write(&file, "00000000-0000-4000-8000-000000000000\n").unwrap();
        let error = client.kv_put("a", "2", Condition::Always).await.unwrap_err();
        assert_eq!(error.status(), Some(403), "{error}");
        fs::remove_file(&file).unwrap();
        let error = client.kv_put("a", "2", Condition::Always).await.unwrap_err();
        assert!(matches!(error.kind, Kind::Token(_)) && error.is_transient(), "{error}");
        fs::write(&file, master).unwrap();
        assert!(client.kv_put("a", "2", Condition::Always).await.unwrap());
    }
}
