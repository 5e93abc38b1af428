//! `haproxy-change`: from a change in Consul to a request that the new server answers, through a real HAProxy.

use std::process::ExitCode;

use daemon::exit::Exit;
use integration::haproxy_change::{self, Cli};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match daemon::cli::parse::<Cli>() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    match haproxy_change::run(&cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => daemon::cli::fail(error.as_ref(), Exit::Failure),
    }
}
