//! Commands: those that check a new file, those that tell others of it, and the program that runs as our child.
//!
//! A list of words, or a single word, is started as it is. A single line with a blank in it is a shell's, in a process
//! group of its own, so that a signal reaches what the shell started.

pub mod environment;
mod running;

use std::ffi::OsString;
use std::io::{self, PipeWriter};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use daemon::redact::Redacted;
use rustix::process::Signal;
use thiserror::Error;

use self::environment::Variables;
use self::running::{Ended, Group, Tail};
use crate::config::settings::{CommandLine, Exec};

/// How long a command may take; consul-template's default.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Nothing was started for the shell to pass on, so what `kill_timeout` is for hardly matters.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// A command with all it takes to run it. Equal commands do the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    words: Vec<String>,
    variables: Redacted<Option<Variables>>,
    timeout: Duration,
    kill_signal: Signal,
    kill_timeout: Duration,
    splay: Duration,
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
    /// A command that gets our environment, and 30 s.
    pub fn new(line: String) -> Self {
        Self::of_words(vec![line])
    }

    /// The check of a template; it gets these variables, and 30 s.
    pub fn check(line: &CommandLine, variables: Variables) -> Self {
        let variables = Redacted::new(Some(variables));
        Self { variables, ..Self::of_words(line.words().to_vec()) }
    }

    /// A command or a child as it is configured, with these variables.
    pub fn configured(exec: &Exec, variables: Variables) -> Self {
        Self {
            words: exec.command.words().to_vec(),
            variables: Redacted::new(Some(variables)),
            timeout: exec.timeout,
            kill_signal: exec.kill_signal.unwrap_or(Signal::KILL),
            kill_timeout: exec.kill_timeout,
            splay: exec.splay,
        }
    }

    const fn of_words(words: Vec<String>) -> Self {
        Self {
            words,
            variables: Redacted::new(None),
            timeout: TIMEOUT,
            kill_signal: Signal::TERM,
            kill_timeout: KILL_TIMEOUT,
            splay: Duration::ZERO,
        }
    }

    /// The command line, for logs.
    pub fn line(&self) -> String {
        self.words.join(" ")
    }

    /// The same with `{}` replaced by a path, which is quoted where a shell reads it.
    #[must_use]
    pub fn with_path(&self, path: &Path) -> Self {
        let plain = path.display().to_string();
        let path =
            if self.is_shell() { format!("'{}'", plain.replace('\'', r"'\''")) } else { plain };
        let words = self.words.iter().map(|word| word.replace("{}", &path)).collect();
        Self { words, ..self.clone() }
    }

    /// Runs the command to its end.
    ///
    /// A daemon that it leaves behind does not keep it from ending, even one that holds on to its output.
    ///
    /// # Errors
    ///
    /// When it cannot be started, fails, or takes too long; then it is ended with all it started.
    pub async fn run(&self) -> Result<(), CommandError> {
        if !self.splay.is_zero() {
            tokio::time::sleep(self.splay.mul_f64(daemon::backoff::jitter())).await;
        }
        match self.run_now().await {
            Ok(ended) if ended.status.success() => {
                tracing::debug!(command = self.line(), printed = ended.printed, "Command ended");
                Ok(())
            }
            Ok(ended) => Err(self.wrong(ended.to_string())),
            Err(error) => Err(self.wrong(error.to_string())),
        }
    }

    async fn run_now(&self) -> io::Result<Ended> {
        let (reader, writer) = io::pipe()?;
        let mut tail = Tail::new(reader)?;
        let mut group = Group::of(self.build(Some(writer))?.process_group(0).spawn()?)?;
        let limit = if self.timeout.is_zero() { Duration::MAX } else { self.timeout };
        let ended = tokio::time::timeout(limit, group.wait_reading(&mut tail)).await;
        let Ok(status) = ended else {
            group.end(self.kill_signal, self.kill_timeout).await;
            let seconds = self.timeout.as_secs_f64();
            return Err(io::Error::other(format!("took longer than {seconds} s and was killed")));
        };
        Ok(Ended { status: status?, printed: tail.finish() })
    }

    fn wrong(&self, reason: String) -> CommandError {
        CommandError { line: self.line(), reason }
    }

    /// What a shell would be given to read has blanks in it and is all there is.
    pub(crate) fn is_shell(&self) -> bool {
        matches!(self.words.as_slice(), [line] if line.contains(char::is_whitespace))
    }

    /// Ready to be started: on our standard streams, or with nothing to read and its output into a pipe.
    pub(crate) fn build(&self, output: Option<PipeWriter>) -> io::Result<tokio::process::Command> {
        let empty = OsString::new();
        let words: Vec<OsString> = if self.is_shell() {
            ["sh", "-c"]
                .map(OsString::from)
                .into_iter()
                .chain(self.words.iter().map(Into::into))
                .collect()
        } else {
            self.words.iter().map(Into::into).collect()
        };
        let (program, arguments) = words.split_first().unwrap_or((&empty, &[]));
        let mut command = tokio::process::Command::new(program);
        command.args(arguments);
        if let Some(variables) = self.variables.expose() {
            command.env_clear().envs(variables);
        }
        if let Some(output) = output {
            command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        }
        Ok(command)
    }
}

#[cfg(test)]
mod tests;
