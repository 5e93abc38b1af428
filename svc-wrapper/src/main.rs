//! The ENTRYPOINT of a container: KV configuration into the environment, PID 1, one rolling restart per change.

use std::process::ExitCode;

fn main() -> ExitCode {
    svc_wrapper::run::run()
}
