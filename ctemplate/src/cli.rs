//! The command line, as typed.
//!
//! Flags are consul-template's, with one dash or two.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use daemon::log::LogArgs;

/// Renders templates from Consul and keeps them current
#[derive(Clone, Debug, Parser)]
#[command(version, long_about = ABOUT, after_help = AFTER)]
pub struct Cli {
    /// A template, the file it becomes, and the command to run when that file has changed. May be repeated
    #[arg(
        long = "template",
        value_name = "IN[:OUT[:COMMAND]]",
        required_unless_present = "reload_haproxy"
    )]
    pub templates: Vec<String>,

    /// Settings of this site, in TOML or JSON, that override those beside the template
    #[arg(long, value_name = "FILE")]
    pub values: Option<PathBuf>,

    /// Run this before a new file replaces the old one; {} is the new file's path. When the command fails the old file
    /// stays
    #[arg(long, value_name = "COMMAND")]
    pub check: Option<String>,

    /// Render every template once, then leave
    #[arg(long)]
    pub once: bool,

    /// Print what would be written, write nothing and run nothing
    #[arg(long)]
    pub dry: bool,

    /// Wait until nothing has changed for MIN, but at most MAX (four times MIN by default), before rendering again
    #[arg(long, value_name = "MIN[:MAX]")]
    pub wait: Option<String>,

    /// Where Consul is: host:port or http://host:port
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "CONSUL_HTTP_ADDR",
        default_value = "127.0.0.1:8500"
    )]
    pub consul_addr: String,

    /// The ACL token to show to Consul
    #[arg(long, value_name = "TOKEN", env = "CONSUL_HTTP_TOKEN", hide_env_values = true)]
    pub consul_token: Option<String>,

    /// Do nothing but reload the HAProxy whose master listens here (haproxy -W -S SOCKET), wait until it has, and leave:
    /// a command for -template. Unlike a signal it is never lost, and it fails when HAProxy cannot load the file
    #[arg(long, value_name = "SOCKET", conflicts_with = "templates")]
    pub reload_haproxy: Option<PathBuf>,

    /// The logs.
    #[command(flatten)]
    pub log: LogArgs,
}

const ABOUT: &str = "\
Renders templates from Consul and keeps them current.

Watches everything a template asks of Consul, renders it again when something changes, writes the file when it differs, \
and runs a command afterwards:

  ctemplate -check 'haproxy -c -q -f {}' \\
            -template 'internal.cfg.hbs:/etc/haproxy/haproxy.cfg:ctemplate -reload-haproxy /run/haproxy-master.sock'

Templates end in .hbs (Handlebars). Partials are read from the folder `partials` beside a template, settings from the \
file `values.toml` beside it.";

const AFTER: &str = "\
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
