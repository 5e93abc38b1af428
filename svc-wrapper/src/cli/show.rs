//! Options of `svc-wrapper env`.

use clap::{Args, Parser, ValueEnum};

use super::Cli;

/// Prints what the command would get from its configuration, where it comes from, and what became of the rest.
///
/// `svc-wrapper env` with nothing but options after it is this; `svc-wrapper -- env`, or `env` with anything else after
/// it, runs the program env.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "svc-wrapper env",
    args_override_self = true,
    override_usage = "svc-wrapper [OPTIONS] [MARATHON CONSUL PREFIX] env [OPTIONS]"
)]
pub struct Show {
    /// All that makes an environment, and that has no meaning here.
    #[command(flatten)]
    pub cli: Cli,

    /// What is shown, and how.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// What `svc-wrapper env` shows, and how.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Show values too, not only names
    #[arg(long, help_heading = "Env")]
    pub show_values: bool,

    /// How to print
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text", help_heading = "Env")]
    pub output: OutputAs,
}

/// How `svc-wrapper env` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputAs {
    /// A line for each variable
    Text,
    /// One JSON object
    Json,
}
