//! The real program, with its log.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

const WRAPPER: &str = env!("CARGO_BIN_EXE_svc-wrapper");

/// A wrapper whose log is read.
pub(crate) struct Wrapped {
    process: Child,
    log: BufReader<ChildStderr>,
}

/// What is left of a wrapper.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: Vec<u8>,
    pub(crate) log: String,
}

impl Wrapped {
    /// With these variables and a PATH.
    pub(crate) fn start<S: AsRef<OsStr>>(arguments: &[S], variables: &[(&str, &str)]) -> Self {
        let mut process = Command::new(WRAPPER)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(variables.iter().copied())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { process, log }
    }

    /// Reads the log up to a line with these words.
    pub(crate) fn says(&mut self, words: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "no '{words}' in:\n{seen}");
            if line.contains(words) {
                return line;
            }
            seen.push_str(&line);
        }
    }

    /// Waits for its end.
    pub(crate) fn ends(mut self) -> Ended {
        let mut stdout = self.process.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut output = Vec::new();
            stdout.read_to_end(&mut output).map(|_| output)
        });
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        let output = reader.join().unwrap().unwrap();
        Ended { status: self.process.wait().unwrap(), output, log }
    }

    /// Standard output, once the child is over.
    pub(crate) fn output(self) -> Vec<u8> {
        let ended = self.ends();
        assert!(ended.status.success(), "{}: {}", ended.status, ended.log);
        ended.output
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        // The wrapper passes it on, so that the child ends too; killed, it would leave the child behind.
        let pid =
            rustix::process::Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        if matches!(self.process.try_wait(), Ok(None)) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            drop(self.process.wait());
        }
    }
}
