//! What operators can ask a wrapper over HTTP.

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use consul::kv::Condition;
    use integration::http;
    use integration::rig::dev_agent::DevAgent;
    use integration::rig::eventually::eventually;
    use integration::rig::network::Network;
    use rustix::process::{Pid, Signal, kill_process};
    use serde_json::{Value, json};

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A wrapper that ends with the test.
    struct Wrapped {
        process: Child,
        status: String,
        _network: Network,
    }

    impl Wrapped {
        fn start(arguments: &[&str]) -> Self {
            let network = Network::claim().unwrap();
            let status = format!("{}:9090", network.host(1));
            let process = Command::new(env!("CARGO_BIN_EXE_svc-wrapper"))
                .args(["--log-level", "error", "--status", &status])
                .args(arguments)
                .stdin(Stdio::null())
                .spawn()
                .unwrap();
            Self { process, status, _network: network }
        }

        fn signal(&self, signal: Signal) {
            let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
            kill_process(pid, signal).unwrap();
        }

        /// The page, once there is one: its status and its text.
        async fn page(&self, path: &str) -> (u16, String) {
            let url = format!("http://{}{path}", self.status);
            eventually(&url, PATIENCE, async || {
                let answer = http::get(&url).await.map_err(|error| error.to_string())?;
                let status = answer.status().as_u16();
                Ok((status, answer.text().await.map_err(|error| error.to_string())?))
            })
            .await
        }

        async fn shows(&self, path: &str, status: u16, words: &str) {
            eventually(words, PATIENCE, async || match self.page(path).await {
                (found, text) if found == status && text.contains(words) => Ok(()),
                found => Err(format!("{found:?}")),
            })
            .await;
        }
    }

    impl Drop for Wrapped {
        fn drop(&mut self) {
            if matches!(self.process.try_wait(), Ok(None)) {
                self.signal(Signal::TERM);
                self.process.wait().unwrap();
            }
        }
    }

    #[tokio::test]
    async fn tells_how_its_command_fares() {
        let wrapped = Wrapped::start(&["--consul", "none", "sleep", "600"]);
        wrapped.shows("/health", 200, "alive").await;
        wrapped.shows("/ready", 200, "the command runs").await;
        wrapped.shows("/metrics", 200, "svc_wrapper_signals_total 0").await;
        wrapped.signal(Signal::WINCH);
        wrapped.shows("/metrics", 200, "svc_wrapper_signals_total 1").await;
        assert_eq!(wrapped.page("/").await.0, 404);
    }

    #[tokio::test]
    async fn tells_of_the_configuration_and_never_its_values() {
        let mut agent = DevAgent::reserve().unwrap();
        let arguments = ["--consul", &agent.api(), "--prefix", "app/x", "sleep", "600"];
        let wrapped = Wrapped::start(&arguments);
        wrapped.shows("/ready", 503, "not started").await;
        wrapped.shows("/health", 200, "alive").await;

        agent.start_again().await.unwrap();
        wrapped.shows("/ready", 200, "the command runs").await;
        for (key, value) in [("app/x/TOKEN", "s3cr3t"), ("app/x/a-b", "s3cr3t")] {
            agent.client().kv_put(key, value, Condition::Always).await.unwrap();
        }
        wrapped.shows("/metrics", 200, "svc_wrapper_skipped_keys 1").await;
        wrapped.shows("/metrics", 200, "svc_wrapper_configuration_changes_total 1").await;
        let (_, text) = wrapped.page("/status").await;
        let status: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status["configuration"]["variables"], json!(["TOKEN"]));
        assert_eq!(status["protocol"], Value::Null);
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
        assert!(!text.contains("s3cr3t"), "{text}");
    }

    #[test]
    fn an_address_that_is_taken_is_one_line() {
        let network = Network::claim().unwrap();
        let taken = std::net::TcpListener::bind((network.host(1), 9090)).unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let arguments = ["--consul", "none", "--log-level", "off", "--status", &address, "true"];
        let output =
            Command::new(env!("CARGO_BIN_EXE_svc-wrapper")).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(1), 1), "{text}");
        assert!(text.starts_with(&format!("error: --status {address}: ")), "{text}");
    }
}
