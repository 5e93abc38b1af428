//! Where the real components are.
//!
//! `integration/fetch` gets them; this only looks at the places it documents.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Consul: `CONSUL_BIN`, else the newest version in the cache.
///
/// # Errors
///
/// When there is none, with the command that gets it.
pub fn consul() -> Result<PathBuf> {
    if let Some(path) = env::var_os("CONSUL_BIN") {
        return existing(path.into(), "the path in CONSUL_BIN");
    }
    let cached =
        ["consul-1.19.2", "consul-1.8.7"].map(|version| cache().join(version).join("consul"));
    match cached.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!("Consul is missing; get it with `integration/fetch consul`"),
    }
}

/// consul-template: `CONSUL_TEMPLATE_BIN`, else the one in the cache.
///
/// # Errors
///
/// When there is none, with the command that gets it.
pub fn consul_template() -> Result<PathBuf> {
    if let Some(path) = env::var_os("CONSUL_TEMPLATE_BIN") {
        return existing(path.into(), "the path in CONSUL_TEMPLATE_BIN");
    }
    let cached = cache().join("consul-template-0.41.1/consul-template");
    let missing = "consul-template is missing; get it with `integration/fetch consul-template`";
    cached.is_file().then_some(cached).context(missing)
}

/// HAProxy: `HAPROXY_BIN`, else the one on PATH or in `/usr/sbin`.
///
/// # Errors
///
/// When there is none, with the command that gets it.
pub fn haproxy() -> Result<PathBuf> {
    installed("HAPROXY_BIN", "haproxy", "haproxy")
}

/// Chromium: `CHROMIUM_BIN`, else the one on PATH.
///
/// # Errors
///
/// When there is none, with the command that gets it.
pub fn chromium() -> Result<PathBuf> {
    installed("CHROMIUM_BIN", "chromium", "chromium")
}

/// nginx: `NGINX_BIN`, else the one on PATH or in `/usr/sbin`.
///
/// # Errors
///
/// When there is none, with the command that gets it.
pub fn nginx() -> Result<PathBuf> {
    installed("NGINX_BIN", "nginx", "nginx")
}

/// Varnish: `VARNISHD_BIN`, else the one on PATH or in `/usr/sbin`.
///
/// # Errors
///
/// When there is none, with the command that gets it.
pub fn varnish() -> Result<PathBuf> {
    installed("VARNISHD_BIN", "varnishd", "varnish")
}

/// tini: `TINI_BIN`, else the one on PATH.
///
/// # Errors
///
/// When there is none, with the command that gets it.
pub fn tini() -> Result<PathBuf> {
    installed("TINI_BIN", "tini", "tini")
}

/// wrk: `WRK_BIN`, else the one on PATH.
///
/// # Errors
///
/// When there is none, with the command that gets it.
pub fn wrk() -> Result<PathBuf> {
    installed("WRK_BIN", "wrk", "wrk")
}

/// A program that a variable names, or that a package of the system brings.
fn installed(variable: &str, program: &str, component: &str) -> Result<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return existing(path.into(), &format!("the path in {variable}"));
    }
    let missing = || format!("{program} is missing; get it with `integration/fetch {component}`");
    on_path(program).with_context(missing)
}

/// Runs `integration/fetch`, which says on standard error what it does, and gives back the paths it prints.
///
/// # Errors
///
/// When a component can neither be found nor fetched.
pub fn fetch(components: &[&str]) -> Result<Vec<PathBuf>> {
    let script = workspace().join("integration/fetch");
    let output = Command::new(&script)
        .args(components)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| script.display().to_string())?;
    if !output.status.success() {
        bail!("{} {}: {}", script.display(), components.join(" "), output.status);
    }
    let paths = String::from_utf8_lossy(&output.stdout);
    Ok(paths.lines().map(PathBuf::from).collect())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Where Debian puts what is for root, which is not on everybody's PATH.
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn existing(path: PathBuf, what: &str) -> Result<PathBuf> {
    if path.is_file() { Ok(path) } else { bail!("{what} is not a file: {}", path.display()) }
}

fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
    base.unwrap_or_else(home).join("consul-sidecars")
}
