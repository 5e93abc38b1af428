//! What a site may say in its values, and what happens when it says something else.

#[cfg(test)]
#[path = "golden/catalog.rs"]
mod catalog;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::process::Command;
    use std::time::Duration;

    use integration::rig::component;
    use integration::rig::eventually::eventually;
    use integration::rig::process::{Process, command};
    use rustix::process::Signal;
    use tempfile::TempDir;

    use crate::catalog::Catalog;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// The shipped templates' files for a site without services.
    fn shipped(folder: &TempDir, values: &str) -> Result<[PathBuf; 2], String> {
        let site = folder.path().join("site.toml");
        fs::write(&site, values).unwrap();
        let catalog: Catalog = serde_json::from_str(r#"{"instances": [], "keys": {}}"#).unwrap();
        let mut files = Vec::new();
        for name in ["internal.cfg", "external.cfg"] {
            let rendered = catalog.rendered(&format!("{name}.hbs"), Some(&site));
            let (text, _) = rendered.map_err(|error| {
                error.to_string().replace(&site.display().to_string(), "site.toml")
            })?;
            let file = folder.path().join(name);
            fs::write(&file, text).unwrap();
            files.push(file);
        }
        Ok(files.try_into().unwrap())
    }

    #[test]
    fn haproxy_takes_what_the_shipped_templates_take() {
        for values in [
            "",
            "[timeout]\nserver = \"24d\"\nclient = \"9999999ms\"\nconnect = \"99h\"",
            "[global]\nlog = \"stdout format raw\"",
            "[global]\nlog = \"[::1]:514 len 2048\"",
            "[internal]\nbind = \"[2001:db8::1]\"\nstats_port = 8404",
            "[check]\npath = \"/up?full=1\"\nfall = 100",
            "[external]\nhsts = \"\"\n[external.headers]\nX-Own = \"a \\\\ \\\"b\\\" ${HOME} #\"\nX-Frame-Options = \"\"",
            "[well_known.mesos]\nport = 5050\nservers = [\"[::1]:5050\", \"no-such-host.invalid:5050\"]\ncheck = \"/\"\ntimeout = \"1m\"",
            "[global]\nstats_socket = \"/tmp/a b\\\"c.sock\"\nmax_reloads = 1\nhard_stop_after = \"1ms\"",
            "[site]\nwhatever = { is = [\"wanted\"] }",
        ] {
            let folder = tempfile::tempdir().unwrap();
            for file in shipped(&folder, values).unwrap() {
                let mut haproxy = Command::new(component::haproxy().unwrap());
                let output = haproxy.args(["-c", "-f"]).arg(&file).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success(), "{values}:\n{said}");
            }
        }
    }

    #[test]
    fn they_take_nothing_else_and_say_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        for (values, want) in [
            (
                "external.https_port = 70000",
                "external.https_port: expected a port from 1 to 65535, found 70000",
            ),
            (
                "external.http_port = \"80\"",
                "external.http_port: expected a port from 1 to 65535, found \"80\"",
            ),
            ("external.prot = 1", "external.prot: there is no such setting; there are bind, "),
            ("extrenal.port = 1", "extrenal: there is no such setting; there are check, "),
            ("timeout.client = 60", "timeout.client: expected a time such as "),
            ("timeout.client = \"60\"", "timeout.client: expected a time such as "),
            ("timeout.client = \"99h\\n  maxconn 1\"", "timeout.client: expected a time such as "),
            ("timeout.client = \"25d\"", "timeout.client: expected a time such as "),
            ("global.log = \"/dev/log local0\\n  daemon\"", "global.log: expected a socket, "),
            ("internal.bind = \"*:80 ssl\"", "internal.bind: expected an address "),
            ("check.path = \"/a b\"", "check.path: expected a path such as "),
            ("external.headers.X = \"a\\nb\"", "external.headers.X: expected a text in one line"),
            ("external.headers.\"X Y\" = \"\"", "external.headers.X Y: a setting cannot be named"),
            ("pages.errors.302 = \"x\"", "pages.errors.302: a setting cannot be named"),
            ("environments = [{port_prefix = \"1\"}]", "environments[0].name: it is missing"),
            ("environments = [{name = \"a b\"}]", "environments[0].name: expected a name "),
            (
                "internal.stats_port = 18500",
                "consul and internal.stats_port are both on port 18500",
            ),
            ("well_known.x.port = 1", "well_known.x.check: it is missing"),
            (
                "well_known.x = {port = 1, check = \"/\", timeout = \"1s\", servers = [\"a\"]}",
                "well_known.x.servers[0]: expected a host and a port",
            ),
        ] {
            let error = shipped(&folder, values).unwrap_err();
            assert!(error.contains(&format!(": {want}")), "{values}: {error}");
        }
    }

    /// A template of our own, with a schema beside it.
    fn folder(values: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let schema = r#"{"properties": {"port": {"type": "integer", "minimum": 1}}, "additionalProperties": false}"#;
        for (name, text) in [
            ("t.hbs", "port {{values.port}}"),
            ("values.schema.json", schema),
            ("site.toml", values),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn start(folder: &TempDir, args: &[&str]) -> Process {
        let mut command = command(env!("CARGO_BIN_EXE_ctemplate"));
        command.current_dir(folder.path()).args(args);
        command.args(["-values", "site.toml", "-template", "t.hbs:out"]);
        Process::start("ctemplate", command, &folder.path().join("log")).unwrap()
    }

    #[test]
    fn the_program_does_not_start_with_values_that_are_not_allowed() {
        let folder = folder("port = 0");
        fs::write(folder.path().join("out"), "port 7").unwrap();
        let program = start(&folder, &["-once"]);
        assert_eq!(program.wait(PATIENCE).and_then(|it| it.code()), Some(15), "{}", program.log());
        let want = "error: site.toml: port: 0 is less than the minimum of 1";
        assert!(program.log().contains(want), "{}", program.log());
        assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "port 7");
    }

    #[tokio::test]
    async fn the_last_good_values_stay() {
        let folder = folder("port = 1");
        let program = start(&folder, &[]);
        let becomes = async |text: &str| {
            eventually(text, PATIENCE, async || {
                let out = fs::read_to_string(folder.path().join("out")).unwrap_or_default();
                if out == text { Ok(()) } else { Err(program.log()) }
            })
            .await;
        };
        becomes("port 1").await;
        fs::write(folder.path().join("site.toml"), "prot = 2").unwrap();
        program.signal(Signal::HUP);
        eventually("the error", PATIENCE, async || {
            let log = program.log();
            let is_told = log.contains("The old configuration stays")
                && log.contains("site.toml: prot: there is no such setting; there are port");
            if is_told { Ok(()) } else { Err(log) }
        })
        .await;
        becomes("port 1").await;
        fs::write(folder.path().join("site.toml"), "port = 3").unwrap();
        program.signal(Signal::HUP);
        becomes("port 3").await;
    }
}
