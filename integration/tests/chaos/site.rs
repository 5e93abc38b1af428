//! Where the programs work, and what their files are compared with.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use integration::rig::component;
use integration::rig::eventually::eventually;
use integration::rig::process::{self, Process};

/// What is rendered: every service with its tags, instances in every state, nodes, keys.
const TEMPLATE: &str = r#"{{ range services }}service {{ .Name }} {{ .Tags | join "," }}
{{ range service (printf "%s|any" .Name) }}  {{ .Node }} {{ .ID }} {{ .Address }}:{{ .Port }} {{ .Status }} {{ .Tags | join "," }}
{{ end }}{{ range service (printf "production.%s" .Name) }}  serves {{ .ID }}
{{ end }}{{ end }}{{ range nodes }}node {{ .Node }} {{ .Address }}
{{ end }}{{ range ls "chaos" }}key {{ .Key }}={{ .Value }}
{{ end }}one {{ keyOrDefault "chaos/k1" "none" }}
"#;

/// How long everything may take to be as Consul has it: more than the pauses after a failure.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Site {
    folder: tempfile::TempDir,
    consul: String,
    ctemplate: PathBuf,
    consul_template: PathBuf,
}

/// A ctemplate under test.
pub(crate) struct Live {
    file: PathBuf,
    process: Process,
}

impl Site {
    pub(crate) fn new(consul: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in.ctmpl"), TEMPLATE).unwrap();
        let ctemplate =
            env::var_os("CTEMPLATE_BIN").map_or_else(|| process::program("ctemplate"), Into::into);
        let consul_template = component::consul_template().unwrap();
        Self { folder, consul, ctemplate, consul_template }
    }

    /// Starts a ctemplate that keeps a file current.
    pub(crate) fn start(&self, output: &str, arguments: &str) -> Live {
        let mut command = self.command(&self.ctemplate, output);
        command.args(arguments.split_whitespace());
        // A restart of Consul takes a second; longer pauses would only make the test longer.
        command.args(["-consul-retry-max-backoff", "1s"]);
        let log = self.folder.path().join(format!("{output}.log"));
        let process = Process::start("ctemplate", command, &log).unwrap();
        Live { file: self.folder.path().join(output), process }
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
    pub(crate) async fn is_quiet(&self, made: usize, live: &Live) {
        let theirs = self.once(&self.consul_template, "theirs.txt").await;
        let ours = self.once(&self.ctemplate, "ours.txt").await;
        assert_eq!(ours, theirs, "fresh renderings after {made} changes");
        eventually(&format!("the file after {made} changes"), PATIENCE, async || live.is(&ours))
            .await;
    }

    /// The same in a cluster, whose members come and go for a while after the last change.
    pub(crate) async fn comes_to_rest(&self, made: usize, lives: &[Live]) {
        eventually(&format!("the files after {made} changes"), PATIENCE, async || {
            let theirs = self.once(&self.consul_template, "theirs.txt").await;
            let ours = self.once(&self.ctemplate, "ours.txt").await;
            if ours != theirs {
                return Err(difference(&theirs, &ours));
            }
            lives.iter().try_for_each(|live| live.is(&ours))
        })
        .await;
    }
}

impl Live {
    fn is(&self, fresh: &str) -> Result<(), String> {
        assert!(self.process.is_running(), "{}", self.process.log());
        let file = fs::read_to_string(&self.file).unwrap_or_default();
        if file == fresh {
            return Ok(());
        }
        let log = self.process.log();
        let last: Vec<_> = log.lines().rev().take(10).collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(format!("{}:\n{}{last}", self.file.display(), difference(&file, fresh)))
    }
}

/// The lines that only one of two texts has.
fn difference(file: &str, fresh: &str) -> String {
    let only = |mark: &str, one: &str, other: &str| {
        let lines = one.lines().filter(|line| !other.lines().any(|other| other == *line));
        let mut text = String::new();
        text.extend(lines.flat_map(|line| [mark, line, "\n"]));
        text
    };
    only("file: ", file, fresh) + &only("fresh: ", fresh, file)
}
