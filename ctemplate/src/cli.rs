//! The command line, as typed.
//!
//! Flags are consul-template's, with one dash or two; those that set something are in [`Flags`].

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser};
use daemon::log::Format;

use crate::config::flags::{Flags, switch};

/// Renders templates from Consul and keeps them current
#[derive(Clone, Debug, Parser)]
#[command(
    version,
    long_about = ABOUT,
    after_help = AFTER,
    args_override_self = true,
    disable_version_flag = true
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Cli {
    /// A file of settings, or a folder of them. May be repeated: later ones win, and flags win over all of them
    #[arg(long = "config", value_name = "PATH")]
    pub configs: Vec<PathBuf>,

    /// What the settings say.
    #[command(flatten)]
    pub flags: Flags,

    /// Run this before a new file replaces the old one; {} is the new file's path. When the command fails the old file
    /// stays. For templates that have no `check` of their own
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    pub check: Option<String>,

    /// Render every template once, then leave
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        hide_default_value = true,
        value_parser = switch
    )]
    pub once: bool,

    /// Print what would be written, write nothing and run nothing
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        hide_default_value = true,
        value_parser = switch
    )]
    pub dry: bool,

    /// Print how the files would change, write nothing and run nothing
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        hide_default_value = true,
        value_parser = switch
    )]
    pub diff: bool,

    /// Read and parse settings and templates, then leave
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        hide_default_value = true,
        value_parser = switch
    )]
    pub parse_only: bool,

    /// Do nothing but reload the HAProxy whose master listens here (haproxy -W -S SOCKET), wait until it has, and leave:
    /// a command for -template. Unlike a signal it is never lost, and it fails when HAProxy cannot load the file
    #[arg(long, value_name = "SOCKET", conflicts_with_all = ["template", "configs"])]
    pub reload_haproxy: Option<PathBuf>,

    /// What to log: trace, debug, info, warn or error, or a filter such as `info,hyper=debug` [default: info]
    /// [env: `CT_LOG`]
    #[arg(long, short = 'l', value_name = "FILTER", help_heading = "Logs")]
    pub log_level: Option<String>,

    /// How to log: lines for people, or one JSON object a line
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text, help_heading = "Logs")]
    pub log_format: Format,

    /// Print the version
    #[arg(short = 'v', short_alias = 'V', long, action = ArgAction::Version)]
    pub version: Option<bool>,
}

const ABOUT: &str = "\
Renders templates from Consul and keeps them current.

Watches everything a template asks of Consul, renders it again when something changes, writes the file when it differs, \
and runs a command afterwards:

  ctemplate -check 'haproxy -c -q -f {}' \\
            -template 'internal.cfg.hbs:/etc/haproxy/haproxy.cfg:ctemplate -reload-haproxy /run/haproxy-master.sock'

Templates that end in .hbs are Handlebars, all others are Go templates as consul-template has them. Partials are read from the folder `partials` beside a template, settings from the \
file `values.toml` beside it.";

const AFTER: &str = "\
Flags that begin with -vault are read and have no effect.
Exit codes, as consul-template's: 0 success, 13 wrong flags, 14 a template, its check or its command failed \
(with -once) or a file cannot be written, 15 wrong configuration.
SIGTERM and SIGINT end it cleanly with 0. Without -once, errors are logged, the last good file stays, and the next \
change is the next attempt.";

/// Rewrites Go's `-flag` to `--flag`, and leaves short options and everything after `--` alone.
pub fn with_two_dashes(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut options_ended = false;
    args.into_iter()
        .map(|arg| {
            options_ended |= arg == "--";
            match arg.to_str() {
                Some(text) if !options_ended && is_long_with_one_dash(text) => {
                    format!("-{text}").into()
                }
                _ => arg,
            }
        })
        .collect()
}

fn is_long_with_one_dash(text: &str) -> bool {
    let name = text.strip_prefix('-').and_then(|rest| rest.split('=').next()).unwrap_or_default();
    name.len() > 1 && name.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_is_as_good_as_two() {
        for (typed, meant) in [
            ("-once", "--once"),
            ("--once", "--once"),
            ("-consul-addr=1.2.3.4:8500", "--consul-addr=1.2.3.4:8500"),
            ("-h", "-h"),
            ("-", "-"),
            ("in:out", "in:out"),
            ("-5", "-5"),
        ] {
            assert_eq!(with_two_dashes([typed.into()]), [OsString::from(meant)], "{typed}");
        }
        let args = ["-once", "--", "-once"].map(OsString::from);
        assert_eq!(with_two_dashes(args), ["--once", "--", "-once"].map(OsString::from));
    }
}
