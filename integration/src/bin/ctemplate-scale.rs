//! `ctemplate-scale`: ctemplate and consul-template on a large Consul, side by side.

use std::process::ExitCode;

use daemon::exit::Exit;
use integration::scale::{self, Cli};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match daemon::cli::parse::<Cli>() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    match scale::run(&cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => daemon::cli::fail(error.as_ref(), Exit::Failure),
    }
}
