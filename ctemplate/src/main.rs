//! `ctemplate`: renders templates from Consul and keeps them current.

use std::process::ExitCode;

use ctemplate::cli::{Cli, with_two_dashes};
use ctemplate::exit::Exit;

fn main() -> ExitCode {
    let args = with_two_dashes(std::env::args_os());
    daemon::cli::parse_from::<Cli>(args, Exit::Flags)
        .map_or_else(|exit| exit, |cli| ctemplate::main(&cli))
}
