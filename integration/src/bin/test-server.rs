//! The web service that the tutorial deploys; see `integration::test_server`.

use std::process::ExitCode;

use daemon::cli::fail;
use daemon::exit::Exit;
use integration::test_server::{Cli, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match daemon::cli::parse::<Cli>() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    if let Err(error) = daemon::log::init(&cli.log) {
        return fail(&error, Exit::Usage);
    }
    match serve(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref(), Exit::Failure),
    }
}
