//! The development Marathon, driven by a public Marathon client: Python's `marathon`.

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};
    use std::time::Duration;

    use integration::rig::marathon::DevMarathon;
    use integration::rig::network::Network;
    use tokio::task::spawn_blocking;

    const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/marathon_client.py");
    const STEPS: [&str; 10] = [
        "created",
        "listed",
        "scaled",
        "restarted",
        "rolled back",
        "reverted",
        "killed",
        "queued",
        "refused",
        "deleted",
    ];

    /// Debian's own Python, because `python3-marathon` is installed for that one.
    fn python(arguments: &[&str]) -> Output {
        Command::new("/usr/bin/python3").args(arguments).output().expect("/usr/bin/python3")
    }

    async fn drive(compat: &'static str) {
        let module = python(&["-c", "import marathon"]);
        assert!(module.status.success(), "no Python client: run integration/fetch python-marathon");
        let network = Network::claim().unwrap();
        let marathon = DevMarathon::start(&network, &["--compat", compat]).await.unwrap();
        let url = marathon.url().to_owned();
        let output = spawn_blocking(move || python(&[SCRIPT, &url, compat])).await.unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}\n{}", marathon.process.log());
        for step in STEPS {
            assert!(out.lines().any(|line| line == step), "{step} is missing in\n{out}");
        }
        marathon.terminate();
        let status = marathon.process.wait(Duration::from_secs(20)).expect("an end after SIGTERM");
        assert!(status.success(), "{status}");
    }

    #[tokio::test]
    async fn believes_marathon_1_11() {
        drive("1.11").await;
    }

    #[tokio::test]
    async fn believes_marathon_1_4() {
        drive("1.4").await;
    }

    #[tokio::test]
    async fn believes_marathon_0_13() {
        drive("0.13").await;
    }
}
