//! The names of signals.

use rustix::process::Signal;

/// The signals that consul-template knows by name.
const SIGNALS: [(&str, Signal); 27] = [
    ("SIGABRT", Signal::ABORT),
    ("SIGALRM", Signal::ALARM),
    ("SIGBUS", Signal::BUS),
    ("SIGCONT", Signal::CONT),
    ("SIGFPE", Signal::FPE),
    ("SIGHUP", Signal::HUP),
    ("SIGILL", Signal::ILL),
    ("SIGINT", Signal::INT),
    ("SIGIO", Signal::IO),
    ("SIGIOT", Signal::ABORT),
    ("SIGKILL", Signal::KILL),
    ("SIGPIPE", Signal::PIPE),
    ("SIGPROF", Signal::PROF),
    ("SIGQUIT", Signal::QUIT),
    ("SIGSEGV", Signal::SEGV),
    ("SIGSTOP", Signal::STOP),
    ("SIGSYS", Signal::SYS),
    ("SIGTERM", Signal::TERM),
    ("SIGTRAP", Signal::TRAP),
    ("SIGTSTP", Signal::TSTP),
    ("SIGTTIN", Signal::TTIN),
    ("SIGTTOU", Signal::TTOU),
    ("SIGUSR1", Signal::USR1),
    ("SIGUSR2", Signal::USR2),
    ("SIGWINCH", Signal::WINCH),
    ("SIGXCPU", Signal::XCPU),
    ("SIGXFSZ", Signal::XFSZ),
];

/// Reads a name, in any case; `SIGNULL` is none.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn parse(text: &str) -> Result<Option<Signal>, String> {
    if text.eq_ignore_ascii_case("SIGNULL") {
        return Ok(None);
    }
    let found = SIGNALS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, signal)| Some(*signal)).ok_or_else(|| {
        format!("'{text}' is no signal: expected a name such as SIGHUP, SIGUSR1 or SIGTERM")
    })
}

/// The name of a signal that was parsed.
pub(super) fn name(signal: Signal) -> &'static str {
    SIGNALS.iter().find(|(_, known)| *known == signal).map_or("SIGNULL", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        for (text, want) in [
            ("SIGTERM", Ok(Some(Signal::TERM))),
            ("sigusr1", Ok(Some(Signal::USR1))),
            ("SigIot", Ok(Some(Signal::ABORT))),
            ("signull", Ok(None)),
        ] {
            assert_eq!(parse(text), want, "{text}");
        }
        for text in ["", "TERM", "15", "SIGCHLD", "SIGRTMIN"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_read_is_written_back() {
        for (text, signal) in SIGNALS.iter().filter(|(name, _)| *name != "SIGIOT") {
            assert_eq!(name(*signal), *text);
        }
    }
}
