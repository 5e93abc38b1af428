//! Arguments parsed, with the exit code that a usage error deserves.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::exit::Exit;

/// Parses this process's arguments.
///
/// # Errors
///
/// The code to leave with, after help, version or the complaint (one line) has been printed: 0 for `--help` and
/// `--version`, [`Exit::Usage`] for arguments that do not parse. Clap's own code for the latter is 2, which shells and
/// orchestrators also use for other things.
pub fn parse<C: Parser>() -> Result<C, ExitCode> {
    parse_from(std::env::args_os(), Exit::Usage)
}

/// Parses the given arguments, the program's name first, with another code for the complaint.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_from<C: Parser>(
    args: impl IntoIterator<Item = OsString>,
    usage: impl Into<ExitCode>,
) -> Result<C, ExitCode> {
    C::try_parse_from(args).map_err(|error| {
        if error.use_stderr() {
            complain(&one_line(&error.to_string()));
            return usage.into();
        }
        // A closed standard output (`--help | head -1`) is no reason to fail differently.
        drop(error.print());
        Exit::Success.into()
    })
}

/// What clap says before it repeats the usage.
fn one_line(text: &str) -> String {
    let paragraph = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let line = paragraph.collect::<Vec<_>>().join(" ");
    format!("{} (see --help)", line.strip_prefix("error: ").unwrap_or(&line))
}

/// Prints `error: …` with the whole chain of causes on standard error and gives back `exit`.
pub fn fail(error: &dyn std::error::Error, exit: impl Into<ExitCode>) -> ExitCode {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        // Wrappers that already quote their source would say everything twice.
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        cause = inner.source();
    }
    complain(&line);
    exit.into()
}

#[expect(clippy::print_stderr, reason = "the last word of a program that cannot go on")]
fn complain(line: &str) {
    eprintln!("error: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[arg(long)]
        number: u8,
    }

    #[test]
    fn complaints_have_one_line() {
        let complaint =
            |args: &[&str]| one_line(&Cli::try_parse_from(args).unwrap_err().to_string());
        assert_eq!(
            complaint(&["x", "--number", "many"]),
            "invalid value 'many' for '--number <NUMBER>': invalid digit found in string (see --help)"
        );
        assert_eq!(
            complaint(&["x"]),
            "the following required arguments were not provided: --number <NUMBER> (see --help)"
        );
        assert_eq!(
            complaint(&["x", "--nubmer", "1"]),
            "unexpected argument '--nubmer' found (see --help)"
        );
    }
}
