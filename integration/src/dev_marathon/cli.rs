//! The command line of `dev-marathon`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Parser;
use daemon::log::LogArgs;

use super::compat::Compat;
use super::words;

const AFTER_HELP: &str = "\
Example:
  dev-marathon --listen 127.0.0.1:8080 --agent 127.0.1.1 --agent 127.0.1.2 \\
      --image 'test-server=target/debug/test-server' --admin 127.0.0.1:8081
  curl -X POST localhost:8080/v2/apps -d '{\"id\": \"/web\", \"cmd\": \"python3 -m http.server $PORT0\"}'

Admin interface (--admin), for tests; bodies are JSON:
  GET    /faults          the switches as they are
  POST   /faults          set some of: {\"answers\": \"normal|empty|truncated|unavailable|redirect-loop\",
                          \"delay_ms\": 0, \"unauthorized\": false, \"freeze_streams\": false,
                          \"lose_events\": 0, \"duplicate_events\": 0, \"reorder_events\": 0,
                          \"invalid_utf8\": false}
  DELETE /faults          all back to normal
  POST   /streams/drop    close every event stream
  POST   /leader          {\"leader\": \"host:port\"}: another leader; streams are closed
  POST   /tasks/ID/kill   SIGKILL to a task, as if it had crashed

Exit codes: 0 after SIGTERM or SIGINT, when all tasks are gone; 1 when it cannot run; 64 for a usage error.";

/// A Marathon for development: its REST API and event stream, with processes of this machine as tasks.
///
/// Apps are deployed, scaled, health-checked, restarted and rolled over as Marathon does it. A task's host ports
/// come from 31000-32000 on the address of its agent; all of 127.0.0.0/8 is local on Linux, so several agents fit on
/// one machine. When this program ends, all its tasks end.
#[derive(Clone, Debug, Parser)]
#[command(name = "dev-marathon", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// Where the API listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// An agent: the address its tasks are reached at, which is its host name too; may be repeated
    #[arg(long = "agent", value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = agent)]
    pub agents: Vec<Ipv4Addr>,

    /// The wire format
    #[arg(long, value_name = "VERSION", default_value = "1.11")]
    pub compat: Compat,

    /// The command that stands for a docker image, cut into words as a shell does (quotes, backslash, nothing
    /// expanded); the app's args follow; NAME matches with or without a tag; may be repeated
    #[arg(long = "image", value_name = "NAME=COMMAND", value_parser = image)]
    pub images: Vec<(String, Vec<String>)>,

    /// Where tests can order faults
    #[arg(long, value_name = "ADDRESS")]
    pub admin: Option<SocketAddr>,

    /// Demand basic authentication
    #[arg(long, value_name = "USER:PASSWORD", value_parser = credentials)]
    pub credentials: Option<String>,

    /// The logs.
    #[command(flatten)]
    pub log: LogArgs,
}

fn agent(text: &str) -> Result<Ipv4Addr, String> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_loopback() => Ok(address),
        Ok(_) => Err("an agent needs an address of 127.0.0.0/8".to_owned()),
        Err(err) => Err(err.to_string()),
    }
}

fn image(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, command) = text.split_once('=').ok_or("expected NAME=COMMAND")?;
    let words = words::split(command)?;
    if name.is_empty() || words.is_empty() {
        return Err("expected NAME=COMMAND".to_owned());
    }
    Ok((name.to_owned(), words))
}

fn credentials(text: &str) -> Result<String, String> {
    if text.contains(':') { Ok(text.to_owned()) } else { Err("expected USER:PASSWORD".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_checked() {
        let parse = |args: &[&str]| Cli::try_parse_from([&["dev-marathon"], args].concat());
        let cli = parse(&["--image", "web:1=sh -c 'a b'", "--agent", "127.3.0.1"]).unwrap();
        let words = ["sh", "-c", "a b"].map(str::to_owned).to_vec();
        assert_eq!(cli.images, [("web:1".to_owned(), words)]);
        assert_eq!(cli.agents, [Ipv4Addr::new(127, 3, 0, 1)]);
        for bad in [
            ["--agent", "10.0.0.1"],
            ["--agent", "name"],
            ["--image", "web"],
            ["--image", "web="],
            ["--compat", "2.0"],
            ["--credentials", "user"],
        ] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
    }
}
