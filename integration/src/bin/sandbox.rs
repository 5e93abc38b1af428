//! `sandbox`: the whole platform on this machine, with one command.

use std::process::ExitCode;

use daemon::exit::Exit;
use integration::sandbox::{self, Cli};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match daemon::cli::parse::<Cli>() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    match sandbox::run(&cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => daemon::cli::fail(error.as_ref(), Exit::Failure),
    }
}
