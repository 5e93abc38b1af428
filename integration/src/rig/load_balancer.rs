//! A real HAProxy under a real ctemplate, as an operator runs the two.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::eventually::within;
use super::process::{self, Process, program};

/// How long a first rendering and a start of HAProxy may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a load balancer is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// HAProxy's binary.
    pub haproxy: PathBuf,
    /// Where Consul is.
    pub consul: String,
    /// The template to render.
    pub template: PathBuf,
    /// The settings of the site.
    pub values: PathBuf,
}

/// HAProxy as master and workers, and the ctemplate that writes its configuration and reloads it.
#[derive(Debug)]
pub struct LoadBalancer {
    config: PathBuf,
    ctemplate: Process,
    haproxy: Process,
}

impl LoadBalancer {
    /// Renders the configuration once, starts HAProxy with it, then keeps it current. Files go to `folder` and begin
    /// with `name`.
    ///
    /// # Errors
    ///
    /// When the first rendering fails or a process cannot be started.
    pub async fn start(name: &str, folder: &Path, settings: &Settings) -> Result<Self> {
        let file = |suffix: &str| folder.join(format!("{name}{suffix}"));
        let (config, socket) = (file(".cfg"), file(".sock"));
        let render = |command: Option<String>| {
            let mut ctemplate = process::command(program("ctemplate"));
            ctemplate.args(["-consul-addr", &settings.consul]).arg("-values").arg(&settings.values);
            ctemplate.args(["-check", &format!("'{}' -c -q -f {{}}", settings.haproxy.display())]);
            let template = format!("{}:{}", settings.template.display(), config.display());
            match command {
                None => ctemplate.args(["-once", "-template", &template]),
                // A single change goes out at once or nearly so; a rolling restart does not reload for every task.
                Some(command) => ctemplate.args([
                    "-wait",
                    "50ms:500ms",
                    "-template",
                    &format!("{template}:{command}"),
                ]),
            };
            ctemplate
        };

        let once = Process::start("ctemplate", render(None), &file(".ctemplate.log"))?;
        if once.wait(PATIENCE).is_none_or(|status| !status.success()) {
            bail!("the first {} was not rendered:\n{}", config.display(), once.log());
        }
        let mut haproxy = process::command(&settings.haproxy);
        haproxy.arg("-W").arg("-f").arg(&config).arg("-S").arg(&socket);
        let haproxy = Process::start("haproxy", haproxy, &file(".haproxy.log"))?;
        within("HAProxy's master socket", PATIENCE, async || is_up(&socket, &haproxy)).await?;
        let reload =
            format!("'{}' -reload-haproxy {}", program("ctemplate").display(), socket.display());
        let ctemplate = Process::start("ctemplate", render(Some(reload)), &file(".ctemplate.log"))?;
        Ok(Self { config, ctemplate, haproxy })
    }

    /// The file that ctemplate writes.
    pub fn config_path(&self) -> &Path {
        &self.config
    }

    /// What that file holds now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn config(&self) -> Result<String> {
        fs::read_to_string(&self.config).with_context(|| self.config.display().to_string())
    }

    /// The servers of a backend that the file lists now, by name; none when there is no such backend.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn servers(&self, backend: &str) -> Result<Vec<String>> {
        Ok(servers_of(&self.config()?, backend))
    }

    /// The ctemplate that keeps the file current.
    pub const fn ctemplate(&self) -> &Process {
        &self.ctemplate
    }

    /// The master of HAProxy.
    pub const fn haproxy(&self) -> &Process {
        &self.haproxy
    }
}

fn is_up(socket: &Path, haproxy: &Process) -> Result<(), String> {
    if !haproxy.is_running() {
        return Err(format!("HAProxy has ended:\n{}", haproxy.log()));
    }
    UnixStream::connect(socket).map(drop).map_err(|error| error.to_string())
}

/// The names of the servers of one backend, each of which is listed again as an unchecked backup.
fn servers_of(config: &str, backend: &str) -> Vec<String> {
    let heading = format!("backend {backend}");
    let lines = config.lines().skip_while(|line| *line != heading).skip(1);
    let section = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let servers = section.filter_map(|line| line.trim().strip_prefix("server "));
    let names =
        servers.filter(|line| !line.contains(" backup ")).filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_servers_of_a_backend() {
        let config = "backend a\n  mode http\n  server x 1.1.1.1:1 check\n  server x_unchecked 1.1.1.1:1 backup weight 1\n\nbackend b\n  server y 1.1.1.1:2\n";
        assert_eq!(servers_of(config, "a"), ["x"]);
        assert_eq!(servers_of(config, "b"), ["y"]);
        assert_eq!(servers_of(config, "c"), [""; 0]);
    }
}
