//! Random changes, lost nodes and restarts of Consul while ctemplate keeps a file current. At every quiet point the file
//! is what `ctemplate -once` and consul-template's `-once` make of the same Consul.
//!
//! `CHAOS_CHANGES` says how many changes are made (10,000 for a long run), `CHAOS_SEED` repeats a run that failed,
//! `CHAOS_ARGUMENTS` gives the ctemplate under test further arguments.

#![cfg(test)]

mod changes;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use consul::Config;
use integration::rig::component;
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;
use integration::rig::process::{self, Process};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::changes::World;

/// What is rendered: every service with its tags, instances in every state, nodes, keys.
const TEMPLATE: &str = r#"{{ range services }}service {{ .Name }} {{ .Tags | join "," }}
{{ range service (printf "%s|any" .Name) }}  {{ .Node }} {{ .ID }} {{ .Address }}:{{ .Port }} {{ .Status }} {{ .Tags | join "," }}
{{ end }}{{ range service (printf "production.%s" .Name) }}  serves {{ .ID }}
{{ end }}{{ end }}{{ range nodes }}node {{ .Node }} {{ .Address }}
{{ end }}{{ range ls "chaos" }}key {{ .Key }}={{ .Value }}
{{ end }}one {{ keyOrDefault "chaos/k1" "none" }}
"#;

const CHANGES: usize = 2_000;
/// The most changes between two quiet points.
const BURST: usize = 40;
/// How long everything may take to be as Consul has it: more than the pauses after a failure.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the programs work.
struct Site {
    folder: tempfile::TempDir,
    consul: String,
    ctemplate: PathBuf,
    consul_template: PathBuf,
}

impl Site {
    fn new(consul: &DevAgent) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in.ctmpl"), TEMPLATE).unwrap();
        let ctemplate =
            env::var_os("CTEMPLATE_BIN").map_or_else(|| process::program("ctemplate"), Into::into);
        let consul_template = component::consul_template().unwrap();
        Self { folder, consul: consul.api(), ctemplate, consul_template }
    }

    /// The ctemplate under test.
    fn start(&self) -> Process {
        let mut command = self.command(&self.ctemplate, "live.txt");
        let more = env::var("CHAOS_ARGUMENTS").unwrap_or_default();
        command.args(more.split_whitespace());
        // A restart of Consul takes a second; longer pauses would only make the test longer.
        command.args(["-consul-retry-max-backoff", "1s"]);
        Process::start("ctemplate", command, &self.folder.path().join("log")).unwrap()
    }

    fn command(&self, program: &Path, output: &str) -> std::process::Command {
        let mut command = process::command(program);
        command.current_dir(self.folder.path()).args(["-consul-addr", &self.consul]);
        command.args(["-log-level", "warn", "-template", &format!("in.ctmpl:{output}")]);
        command
    }

    /// What a program makes of Consul now.
    async fn once(&self, program: &Path, output: &str) -> String {
        let mut command = self.command(program, output);
        command.arg("-once").stdin(Stdio::null());
        let mut command = tokio::process::Command::from(command);
        let ended = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
        let ended = ended.expect("-once does not end").unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        fs::read_to_string(self.folder.path().join(output)).unwrap()
    }

    /// Waits until the file is what fresh renderings are.
    async fn is_quiet(&self, made: usize, ctemplate: &Process) {
        let theirs = self.once(&self.consul_template, "theirs.txt").await;
        let ours = self.once(&self.ctemplate, "ours.txt").await;
        assert_eq!(ours, theirs, "fresh renderings after {made} changes");
        let file = self.folder.path().join("live.txt");
        eventually(&format!("the file after {made} changes"), PATIENCE, async || {
            let live = fs::read_to_string(&file).unwrap_or_default();
            if live == ours { Ok(()) } else { Err(difference(&live, &ours, ctemplate)) }
        })
        .await;
    }
}

/// The lines that only one of two texts has.
fn difference(live: &str, fresh: &str, ctemplate: &Process) -> String {
    let only = |mark: &str, one: &str, other: &str| {
        let lines = one.lines().filter(|line| !other.lines().any(|other| other == *line));
        let mut text = String::new();
        text.extend(lines.flat_map(|line| [mark, line, "\n"]));
        text
    };
    let lines = only("file: ", live, fresh) + &only("fresh: ", fresh, live);
    let log = ctemplate.log();
    let last: Vec<_> = log.lines().rev().take(10).collect();
    format!("\n{lines}{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"))
}

mod tests {
    use super::*;

    #[tokio::test]
    #[expect(clippy::print_stdout, reason = "shown when the test fails: the seed repeats it")]
    async fn the_file_is_what_a_fresh_rendering_makes_at_every_quiet_point() {
        let number = |name| env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
        let seed = number("CHAOS_SEED").unwrap_or_else(rand::random);
        let changes = number("CHAOS_CHANGES").map_or(CHANGES, |n| usize::try_from(n).unwrap());
        println!("CHAOS_SEED={seed} CHAOS_CHANGES={changes}");
        let mut random = StdRng::seed_from_u64(seed);
        let settings = ["limits { http_max_conns_per_client = 8000 }"];
        let mut consul = DevAgent::start_with(&settings, Config::default()).await.unwrap();
        let mut world = World::new(&consul);
        let site = Site::new(&consul);
        let ctemplate = site.start();

        let mut made = 0;
        let mut restart_at = changes / 2;
        while made < changes {
            for _ in 0..random.random_range(1..=BURST).min(changes - made) {
                world.change(&mut random).await;
                made += 1;
            }
            if made >= restart_at {
                restart_at = usize::MAX;
                // It comes back with nothing of what it knew, its index included.
                consul.stop();
                consul.start_again().await.unwrap();
                world.forget();
                for _ in 0..random.random_range(1..=BURST) {
                    world.change(&mut random).await;
                }
            }
            assert!(ctemplate.is_running(), "{}", ctemplate.log());
            site.is_quiet(made, &ctemplate).await;
        }
    }
}
