//! The command lines of `dev-marathon` and `test-server`.

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    const PROGRAMS: [&str; 2] =
        [env!("CARGO_BIN_EXE_dev-marathon"), env!("CARGO_BIN_EXE_test-server")];

    fn run(program: &str, arguments: &[&str]) -> Output {
        Command::new(program).args(arguments).output().unwrap()
    }

    #[test]
    fn helps_and_tells_its_version() {
        for program in PROGRAMS {
            let help = run(program, &["--help"]);
            let text = String::from_utf8_lossy(&help.stdout).into_owned();
            assert!(help.status.success() && text.contains("Exit codes:"), "{text}");
            let version = run(program, &["--version"]);
            assert!(String::from_utf8_lossy(&version.stdout).contains(env!("CARGO_PKG_VERSION")));
        }
    }

    #[test]
    fn usage_errors_end_with_64_and_a_taken_address_with_1() {
        for program in PROGRAMS {
            for arguments in [&["--listen", "nowhere"][..], &["--no-such-option"]] {
                let output = run(program, arguments);
                assert_eq!(output.status.code(), Some(64), "{program} {arguments:?}");
                assert!(output.stdout.is_empty() && !output.stderr.is_empty());
            }
            // An address of documentation (RFC 5737), which is none of this machine's.
            let output = run(program, &["--listen", "203.0.113.1:8080"]);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(text.contains("cannot listen on 203.0.113.1:8080"), "{text}");
        }
    }
}
