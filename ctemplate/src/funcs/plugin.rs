//! Programs that give values.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use gotemplate::{Error, Value, sprintf};
use rustix::process::{Pid, Signal, kill_process};

use super::Parameter::Text;
use super::{Function, text_of};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[Function::new("plugin", &[Text], plugin).rest(Text)];

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// `plugin COMMAND ARGUMENT …`: what a program prints. It is run at each rendering.
pub fn plugin(_: &Session, arguments: &[Value]) -> Result<Value, Error> {
    let texts = arguments.iter().map(text_of).collect::<Result<Vec<_>, _>>()?;
    let Some((name, arguments)) = texts.split_first().filter(|(name, _)| !name.is_empty()) else {
        return Ok("".into());
    };
    let arguments = arguments.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    let mut command = Command::new(name);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = match command.spawn() {
        Ok(child) => finish(child),
        Err(error) => Output { failure: Some(not_started(name, &error)), ..Output::default() },
    };
    let Output { stdout, stderr, failure, is_late } = output;
    let Some(reason) = failure else { return Ok(stdout.trim().into()) };
    let mut words: Vec<Value> = vec![(*name).into(), reason.into()];
    if is_late {
        return Err(Error::new(sprintf("exec %q: %s", &words)));
    }
    words.extend([stdout.into(), stderr.into()]);
    Err(Error::new(sprintf("exec %q: %s\n\nstdout:\n\n%s\n\nstderr:\n\n%s", &words)))
}

/// How a program ended, and what it printed.
#[derive(Default)]
struct Output {
    stdout: String,
    stderr: String,
    failure: Option<String>,
    is_late: bool,
}

fn finish(mut child: Child) -> Output {
    let stdout = read(child.stdout.take());
    let stderr = read(child.stderr.take());
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (sender, ended) = mpsc::channel();
    let waiter = thread::spawn(move || sender.send(child.wait()));
    let status = ended.recv_timeout(PATIENCE);
    if let (Err(_), Some(pid)) = (&status, pid) {
        // An error says that it has ended just now.
        kill_process(pid, Signal::KILL).ok();
    }
    drop(waiter.join());
    let failure = match status {
        Ok(Ok(status)) if status.success() => None,
        // Go's words for how a program ended.
        Ok(Ok(status)) => Some(match status.code() {
            Some(code) => format!("exit status {code}"),
            None => status.to_string(),
        }),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => {
            let failure = Some(format!("did not finish in {}s", PATIENCE.as_secs()));
            return Output { failure, is_late: true, ..Output::default() };
        }
    };
    let text = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
    Output { stdout: text(stdout), stderr: text(stderr), failure, is_late: false }
}

fn read(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is what there is.
            drop(pipe.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Go's text for a program that cannot be started.
fn not_started(name: &str, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound && !name.contains('/') {
        return sprintf("exec: %q: executable file not found in $PATH", &[name.into()]);
    }
    format!("fork/exec {name}: {}", go_text(error))
}

/// Go's text of an error of the operating system: without Rust's `(os error 2)`, in lower case.
pub(super) fn go_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}
