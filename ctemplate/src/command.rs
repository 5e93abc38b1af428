//! Commands that check a new file or tell others of it.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;

/// How long a command may take; consul-template's default.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A command line. One word is run as it is; a line with spaces is a shell's, in a process group of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    line: String,
}

/// A command that did not succeed.
#[derive(Debug, Error)]
#[error("'{line}': {reason}")]
pub struct CommandError {
    /// The command line.
    pub line: String,
    /// How it ended, and what it printed.
    pub reason: String,
}

impl Command {
    /// A command line.
    pub const fn new(line: String) -> Self {
        Self { line }
    }

    /// The command line, for logs.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The same with `{}` replaced by a path, quoted for the shell.
    #[must_use]
    pub fn with_path(&self, path: &Path) -> Self {
        let quoted = format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
        Self { line: self.line.replace("{}", &quoted) }
    }

    /// Runs the command to its end.
    ///
    /// # Errors
    ///
    /// When it cannot be started, fails, or takes longer than 30 s; then it is killed with all it started.
    pub async fn run(&self) -> Result<(), CommandError> {
        let wrong = |reason: String| CommandError { line: self.line.clone(), reason };
        let child = self.build().spawn().map_err(|error| wrong(error.to_string()))?;
        let group = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let Ok(output) = tokio::time::timeout(TIMEOUT, child.wait_with_output()).await else {
            if let Some(group) = group {
                // Fails only when the whole group has ended by itself.
                kill_process_group(group, Signal::KILL).ok();
            }
            return Err(wrong(format!("took longer than {} s and was killed", TIMEOUT.as_secs())));
        };
        let output = output.map_err(|error| wrong(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(wrong(describe(output.status, &output.stdout, &output.stderr)))
    }

    fn build(&self) -> tokio::process::Command {
        let mut command = if self.line.contains(char::is_whitespace) {
            let mut shell = tokio::process::Command::new("sh");
            shell.args(["-c", &self.line]);
            shell
        } else {
            tokio::process::Command::new(&self.line)
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        command
    }
}

/// `exit status: 1: last lines of what it printed`.
fn describe(status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> String {
    const LINES: usize = 10;
    let printed = [stdout, stderr].map(String::from_utf8_lossy).concat();
    let lines: Vec<_> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines
        .iter()
        .skip(lines.len().saturating_sub(LINES))
        .copied()
        .collect::<Vec<_>>()
        .join("\n");
    if last.is_empty() { status.to_string() } else { format!("{status}: {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<(), CommandError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Command::new(line.to_owned()).run())
    }

    #[test]
    fn says_what_a_failing_command_printed() {
        assert!(run("true").is_ok());
        assert_eq!(
            run("echo out; echo err >&2; exit 3").unwrap_err().reason,
            "exit status: 3: out\nerr"
        );
        assert!(
            run("/no/such/program")
                .unwrap_err()
                .to_string()
                .starts_with("'/no/such/program': No such file")
        );
    }

    #[test]
    fn a_path_is_one_word_whatever_it_holds() {
        let command = Command::new("test -e {}".to_owned()).with_path(Path::new("/tmp/it's $HOME"));
        assert_eq!(command.line(), r"test -e '/tmp/it'\''s $HOME'");
    }
}
