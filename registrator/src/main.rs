//! The `registrator` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    registrator::main()
}
