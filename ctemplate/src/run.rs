//! The loop: data, the end of a quiet time, the child, and signals.

mod queue;
mod runner;

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use consul::Client;
use daemon::notify::Notify;
use tokio::sync::{self, mpsc};
use tokio::time::sleep_until;

use self::runner::Runner;
use crate::child::Child;
use crate::command::Command;
use crate::command::environment::{self, Variables};
use crate::config::settings::{self, Env, Exec, Output, Settings};
use crate::deduplicate;
use crate::exit::End;
use crate::haproxy::driver::{self, Driver, Reload};
use crate::job::{Commands, Job};
use crate::render::Template;
use crate::signals::{Control, Roles};
use crate::source;
use crate::status::Board;

/// Updates that may wait for the loop.
const UPDATES: usize = 2048;

/// What to do, with everything read that it names.
#[derive(Debug)]
pub struct Plan {
    /// The settings.
    pub settings: Settings,
    /// The Consul that they name.
    pub client: Client,
    /// Their templates.
    pub jobs: Vec<Job>,
    /// What other instances know their templates by, in the same order.
    pub names: Vec<String>,
}

impl Plan {
    /// Reads and parses the templates.
    ///
    /// # Errors
    ///
    /// The first that cannot be read or parsed.
    pub fn new(settings: Settings, client: Client) -> anyhow::Result<Self> {
        let jobs = settings.templates.iter().map(|template| job(template, &settings));
        let (names, jobs) = jobs.collect::<anyhow::Result<(_, _)>>()?;
        Ok(Self { settings, client, jobs, names })
    }
}

/// A template, after its name for other instances.
fn job(template: &settings::Template, settings: &Settings) -> anyhow::Result<(String, Job)> {
    let source = source::load(template, &settings.delimiters, settings.values.as_deref())?;
    let name = deduplicate::name(&source);
    let parsed = Template::parse(source)?;
    let after = |exec: &Exec| Command::configured(exec, variables(&exec.env, settings));
    let env = template.exec.as_ref().map(|exec| exec.env.clone()).unwrap_or_default();
    let check = |check| Command::check(check, variables(&env, settings));
    let check = template.check.as_ref().map(check);
    let mut after = template.exec.as_ref().map(after);
    // Where HAProxy is told what has changed, the command is for what it cannot be told.
    let haproxy = template.haproxy.as_ref().filter(|_| settings.output == Output::Write);
    let driver = haproxy.and_then(|haproxy| driver(haproxy, &mut after));
    let commands = Commands { check, after };
    let wait = settings.wait_of(template);
    let job = Job::new(template.clone(), parsed, commands, wait, Instant::now());
    Ok((name, job.driving(driver)))
}

fn driver(haproxy: &settings::Haproxy, command: &mut Option<Command>) -> Option<Driver> {
    let reload = match &haproxy.master_socket {
        Some(socket) => Reload::Master(socket.clone()),
        None => Reload::Command(command.take()?),
    };
    Some(Driver::new(driver::Settings {
        socket: haproxy.socket.clone(),
        reload,
        reload_interval: haproxy.reload_interval,
        check_ports: haproxy.check_ports,
    }))
}

/// What a child or a command gets of our environment, and of the settings.
fn variables(env: &Env, settings: &Settings) -> Variables {
    environment::of_child(env, std::env::vars_os(), &environment::of_consul(&settings.consul))
}

/// Renders until told to stop, until everything was rendered once, or until the child ends. `reload` reads everything
/// again; what happens is noted on the board.
///
/// # Errors
///
/// What ended it.
pub async fn run(
    plan: Plan,
    reload: impl Fn() -> anyhow::Result<Plan>,
    control: &Control,
    notify: &Notify,
    board: Arc<Board>,
) -> anyhow::Result<End> {
    let (sender, mut updates) = mpsc::channel(UPDATES);
    let shared = Arc::new(sync::Notify::new());
    let mut runner = Runner::new(plan, sender, Arc::clone(&shared), control.clone(), board);
    let end = follow(&mut runner, &mut updates, &shared, reload, control, notify).await;
    notify.tell("STOPPING=1");
    runner.leave().await;
    if let Some(child) = runner.into_child() {
        child.stop().await;
    }
    end
}

async fn follow(
    runner: &mut Runner,
    updates: &mut mpsc::Receiver<crate::watch::Update>,
    shared: &sync::Notify,
    reload: impl Fn() -> anyhow::Result<Plan>,
    control: &Control,
    notify: &Notify,
) -> anyhow::Result<End> {
    let mut is_ready = false;
    loop {
        runner.tell();
        // A check or a command may take its time, but not the operator's: it ends with us.
        match control.stop().run_until_cancelled(runner.advance()).await {
            Some(result) => result?,
            None => return Ok(control.end()),
        }
        if runner.is_done() {
            return Ok(End::Done);
        }
        if !is_ready && runner.is_complete() {
            is_ready = true;
            notify.tell("READY=1\nSTATUS=All templates are rendered");
        }
        let wake = runner.wake();
        tokio::select! {
            () = control.stop().cancelled() => return Ok(control.end()),
            () = control.reload() => {
                notify.tell("RELOADING=1");
                match reload() {
                    Ok(plan) => {
                        control.assign(Roles::of(&plan.settings));
                        runner.replace(plan).await;
                    }
                    Err(error) => tracing::error!(error = format!("{error:#}"), "The old configuration stays"),
                }
                notify.tell("READY=1");
            }
            update = updates.recv() => {
                runner.take(update.context("all watches have ended")?)?;
                while let Ok(update) = updates.try_recv() {
                    runner.take(update)?;
                }
            }
            () = shared.notified() => runner.watch(),
            status = ended(runner.child()) => return Ok(End::of_child(status?)),
            () = sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => runner.woken(Instant::now())?,
        }
    }
}

/// The end of the child, which never comes without one.
async fn ended(child: Option<&mut Child>) -> io::Result<ExitStatus> {
    match child {
        Some(child) => child.ended().await,
        None => std::future::pending().await,
    }
}
