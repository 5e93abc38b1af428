//! The program as an operator meets it.

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    fn registrator(args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_registrator"));
        // Whatever the environment of the test says must not reach the program.
        for name in
            ["CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN", "MARATHON_URL", "MARATHON_CREDENTIALS"]
        {
            command.env_remove(name);
        }
        command.args(args).output().unwrap()
    }

    fn stderr(output: &Output) -> String {
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    #[test]
    fn help_teaches_and_version_tells() {
        let help = registrator(&["--help"]);
        let text = String::from_utf8_lossy(&help.stdout).into_owned();
        assert_eq!(help.status.code(), Some(0));
        for option in [
            "--consul",
            "--marathon",
            "--resync-interval",
            "--dry-run",
            "--once",
            "--host",
            "--owner",
            "--adopt",
            "--no-guard",
            "--log-format",
            "Examples:",
            "Exit codes:",
        ] {
            assert!(text.contains(option), "{option} in {text}");
        }
        for flag in ["--version", "-v", "-V"] {
            let version = registrator(&[flag]);
            assert_eq!(version.status.code(), Some(0), "{flag}");
            assert!(version.stdout.starts_with(b"registrator "), "{flag}");
        }
    }

    #[test]
    fn wrong_usage_is_one_clear_line_and_64() {
        let rows: [(&[&str], &str); 7] = [
            (
                &["--marathon", "ftp://a:8080"],
                "error: --marathon: \"ftp://a:8080\" is not an endpoint",
            ),
            (&["--marathon", "http://a:b"], "invalid port number"),
            (&["--marathon", ","], "no Marathon endpoint given"),
            (&["--consul", "ftp://a"], "error: --consul: "),
            (&["-i", "0s"], "error: --resync-interval: must be greater than 0"),
            (&["--resync-interval", "soon"], "'soon' is not a duration"),
            (&["--owner", ""], "error: --owner: must not be empty"),
        ];
        for (args, want) in rows {
            let output = registrator(args);
            let text = stderr(&output);
            assert_eq!(output.status.code(), Some(64), "{args:?}");
            assert!(text.contains(want), "{args:?}: {text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
        assert_eq!(registrator(&["--nonsense"]).status.code(), Some(64));
    }

    #[test]
    fn credentials_are_in_no_message() {
        let rows: [&[&str]; 3] = [
            &["--marathon", "ftp://ann:secret@a:8080"],
            &["--marathon-credentials", ":secret"],
            &["--marathon", "http://ann:secret@127.0.0.1:1", "--consul", "127.0.0.1:1", "--once"],
        ];
        for args in rows {
            let output = registrator(args);
            assert!(!output.status.success());
            assert!(!stderr(&output).contains("secret"), "{}", stderr(&output));
        }
    }

    #[test]
    fn once_without_consul_is_69() {
        let output = registrator(&["--once", "--consul", "127.0.0.1:1", "-l", "error"]);
        assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
        assert!(stderr(&output).contains("127.0.0.1:1"), "{}", stderr(&output));
    }
}
