//! A real HAProxy under a real ctemplate, as an operator runs the two.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};

use super::eventually::within;
use super::haproxy::Haproxy;
use super::process::{self, Process, program};

/// How long a first rendering may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a load balancer is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where Consul is.
    pub consul: String,
    /// The template to render. What it renders is to have HAProxy's [socket](Haproxy::socket).
    pub template: PathBuf,
    /// The settings of the site.
    pub values: PathBuf,
}

/// HAProxy as master and workers, and the ctemplate that writes its configuration and tells it of changes.
#[derive(Debug)]
pub struct LoadBalancer {
    config: PathBuf,
    ctemplate: Process,
    haproxy: Haproxy,
}

impl LoadBalancer {
    /// Renders the configuration once, starts HAProxy with it, then keeps both current. Files are put beside
    /// HAProxy's.
    ///
    /// # Errors
    ///
    /// When the first rendering fails or a process cannot be started.
    pub async fn start(mut haproxy: Haproxy, settings: &Settings) -> Result<Self> {
        let (config, log) = (haproxy.config_path(), haproxy.file(".ctemplate.log"));
        let render = || {
            let mut ctemplate = process::command(program("ctemplate"));
            ctemplate.args(["-consul-addr", &settings.consul]).arg("-values").arg(&settings.values);
            ctemplate.args(["-check", &format!("'{}' -c -q -f {{}}", haproxy.binary().display())]);
            ctemplate.arg("-template");
            ctemplate.arg(format!("{}:{}", settings.template.display(), config.display()));
            ctemplate
        };
        let mut once = render();
        once.arg("-once");
        let once = Process::start("ctemplate", once, &log)?;
        let has_ended = async || if once.is_running() { Err(once.log()) } else { Ok(()) };
        within("the first rendering", PATIENCE, has_ended).await?;
        if once.wait(PATIENCE).is_none_or(|status| !status.success()) {
            bail!("the first {} was not rendered:\n{}", config.display(), once.log());
        }

        let section = haproxy.file(".hcl");
        let text = format!(
            "haproxy {{\n  socket = \"{}\"\n  master_socket = \"{}\"\n}}\n",
            haproxy.socket().display(),
            haproxy.master_socket().display()
        );
        fs::write(&section, text)?;
        let mut ctemplate = render();
        ctemplate.arg("-config").arg(section);
        later_than(&config).await?;
        haproxy.start().await?;
        let ctemplate = Process::start("ctemplate", ctemplate, &log)?;
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

    /// The HAProxy that it is for.
    pub const fn haproxy(&self) -> &Haproxy {
        &self.haproxy
    }
}

/// Waits for the second after that in which a file was put in place. HAProxy tells in seconds when it began: ctemplate cannot
/// know that one of the file's own second has read it, and would reload it for nothing.
async fn later_than(file: &Path) -> Result<()> {
    let changed = fs::metadata(file)?.ctime();
    within("another second", PATIENCE, async || {
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        if i64::try_from(now.as_secs()).is_ok_and(|now| now > changed) {
            return Ok(());
        }
        Err(format!("{now:?}"))
    })
    .await
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
