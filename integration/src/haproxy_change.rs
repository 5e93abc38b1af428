//! The benchmark of what HAProxy's users see: from a change in Consul to the first request that the new server answers.
//!
//! # Layout
//!
//! - [`subject`]: the ways from Consul to HAProxy that are measured, with the template of all.
//! - [`service`]: the service that changes, and asking for it.
//! - [`measure`]: one way, measured.
//! - [`report`]: pure: what came out, side by side.

pub mod measure;
pub mod report;
pub mod service;
pub mod subject;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;

use self::measure::{Bounds, Measurement};
use self::service::Service;
use self::subject::{Check, Programs, Setup, Subject};
use crate::rig::component;
use crate::rig::dev_agent::DevAgent;
use crate::rig::process::program;
use crate::scale::catalog::{Catalog, Size};
use crate::scale::{RAISED, say};

/// A small site, and a large one.
const SERVICES: [usize; 2] = [10, 1000];
/// Nodes that the instances are spread over.
const NODES: usize = 20;

/// Measures the time from a change in Consul to the first request that the new server answers
///
/// A real Consul, a real HAProxy, and between them consul-template with a command that reloads, ctemplate with the same
/// command, and ctemplate that tells HAProxy what has changed. Everything ends with the program.
#[derive(Clone, Debug, Parser)]
#[command(version, after_help = AFTER)]
pub struct Cli {
    /// How many services; everything is measured with each of these numbers
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_values_t = SERVICES)]
    pub services: Vec<usize>,
    /// Instances of each service but the one that changes, which has one
    #[arg(long, default_value_t = 2)]
    pub instances: usize,
    /// Changes that are made and waited for, one after the other
    #[arg(long, default_value_t = 20)]
    pub changes: usize,
    /// Seconds that the first answer, and each answer after a change, may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub patience: u64,
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Subject::ALL)]
    pub subjects: Vec<Subject>,
    /// What checks each file; everything is measured with each of these
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Check::ALL)]
    pub checks: Vec<Check>,
    /// The ctemplate to measure; the one beside this program by default
    #[arg(long, value_name = "PATH")]
    pub ctemplate: Option<PathBuf>,
}

const AFTER: &str = "\
Environment: CONSUL_BIN, CONSUL_TEMPLATE_BIN and HAPROXY_BIN name binaries to use instead of those of integration/fetch.
Exit codes: 0 measured, 1 something is missing or does not do its work, 64 usage.";

/// Measures, and prints the report.
///
/// # Errors
///
/// When a program is missing, does not start, or a change does not arrive.
pub async fn run(cli: &Cli) -> Result<()> {
    let shutdown = daemon::shutdown::on_signal()?;
    // Dropping the work ends all programs it started.
    shutdown.run_until_cancelled(measure_all(cli)).await.unwrap_or(Ok(()))
}

async fn measure_all(cli: &Cli) -> Result<()> {
    for services in &cli.services {
        for check in &cli.checks {
            let measured = measure_size(cli, *services, *check).await?;
            say(&format!("\n{services} services, {}, {} changes", check.name(), cli.changes))?;
            say(&report::table(&measured))?;
        }
    }
    Ok(())
}

/// Measures all ways on a Consul of their own, with so many services.
async fn measure_size(cli: &Cli, services: usize, check: Check) -> Result<Vec<Measurement>> {
    let settings = format!("limits {{ http_max_conns_per_client = {RAISED} }}");
    let consul = DevAgent::start_with(&[&settings], consul::Config::default()).await?;
    let others = services.saturating_sub(1);
    let size = Size { services: others, instances: cli.instances, nodes: NODES };
    Catalog::new(&consul, size)?.seed().await?;
    let mut service = Service::start(&consul).await?;

    let programs = Programs {
        consul_template: component::consul_template()?,
        // It is started in a folder of its own.
        ctemplate: std::path::absolute(
            cli.ctemplate.clone().unwrap_or_else(|| program("ctemplate")),
        )?,
    };
    let bounds = Bounds { changes: cli.changes, patience: Duration::from_secs(cli.patience) };
    let mut measured = Vec::new();
    for subject in &cli.subjects {
        let setup = Setup { subject: *subject, check };
        let one = measure::measure(setup, &programs, &consul, &mut service, bounds);
        measured.push(one.await.with_context(|| subject.name())?);
    }
    Ok(measured)
}
