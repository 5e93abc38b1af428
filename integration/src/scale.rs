//! The benchmark: consul-template and ctemplate on the same template and the same large Consul, one after the other.
//!
//! # Layout
//!
//! - [`statistics`], [`table`], [`plot`]: pure: percentiles, the report, the picture.
//! - [`catalog`]: what Consul holds, and the changes made to it.
//! - [`subject`]: the programs that are measured, with their templates.
//! - [`usage`]: what a process uses, from `/proc`, and what Consul counts.
//! - [`bystander`]: another client of the same Consul on the same host.
//! - [`measure`]: one program, measured.

pub mod bystander;
pub mod catalog;
pub mod measure;
pub mod plot;
pub mod statistics;
pub mod subject;
pub mod table;
pub mod usage;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use tempfile::TempDir;

use self::catalog::{Catalog, Size};
use self::measure::{Bounds, Measurement};
use self::plot::{Chart, Series};
use self::subject::{Programs, Subject};
use crate::rig::authority::Authority;
use crate::rig::component;
use crate::rig::dev_agent::DevAgent;
use crate::rig::process::program;

/// The limit of connections from one address under which consul-template can work.
pub(crate) const RAISED: u32 = 8_000;
/// Consul's own limit.
const STOCK: u32 = 200;

/// Measures ctemplate and consul-template on one Consul with many services
///
/// Everything listens on a loopback address of its own and ends with the program.
#[derive(Clone, Debug, Parser)]
#[command(version, after_help = AFTER)]
pub struct Cli {
    /// How many services
    #[arg(long, default_value_t = 1000)]
    pub services: usize,
    /// Instances of each service
    #[arg(long, default_value_t = 10)]
    pub instances: usize,
    /// Nodes that the instances are spread over
    #[arg(long, default_value_t = 20)]
    pub nodes: usize,
    /// Changes that are made and waited for, one after the other
    #[arg(long, default_value_t = 40)]
    pub changes: usize,
    /// Seconds for which the programs are watched while nothing changes
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub idle: u64,
    /// Seconds that the first file and each change may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub patience: u64,
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Subject::ALL)]
    pub subjects: Vec<Subject>,
    /// How many connections Consul takes from one address; everything is measured with each of these limits. Its own is
    /// 200, with which consul-template may never get to a file
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_values_t = [RAISED, STOCK])]
    pub limits: Vec<u32>,
    /// Measure these numbers of services instead, with a limit of 8000, and draw a picture of them
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub sizes: Vec<usize>,
    /// Where the picture goes
    #[arg(long, value_name = "FILE", default_value = "docs/scale.svg")]
    pub plot: PathBuf,
    /// The ctemplate to measure; the one beside this program by default
    #[arg(long, value_name = "PATH")]
    pub ctemplate: Option<PathBuf>,
    /// Another argument for ctemplate; may be repeated
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub ctemplate_arg: Vec<String>,
}

const AFTER: &str = "\
Environment: CONSUL_BIN and CONSUL_TEMPLATE_BIN name binaries to use instead of those of integration/fetch.
Exit codes: 0 measured, 1 something is missing or does not start, 64 usage.";

/// Measures, and prints the report.
///
/// # Errors
///
/// When a program is missing or does not start, Consul refuses a change, or the picture cannot be written.
pub async fn run(cli: &Cli) -> Result<()> {
    let shutdown = daemon::shutdown::on_signal()?;
    // Dropping the work ends all programs it started.
    shutdown.run_until_cancelled(measure_all(cli)).await.unwrap_or(Ok(()))
}

async fn measure_all(cli: &Cli) -> Result<()> {
    if !cli.sizes.is_empty() {
        return draw(cli).await;
    }
    let size = Size { services: cli.services, instances: cli.instances, nodes: cli.nodes };
    for limit in &cli.limits {
        let measured = measure_size(cli, size, *limit).await?;
        say(&format!("\n{size}, at most {limit} connections from one address"))?;
        say(&table::table(&measured))?;
    }
    Ok(())
}

/// Measures several numbers of services, and draws cost and latency.
async fn draw(cli: &Cli) -> Result<()> {
    let series = |subject: &Subject| Series { name: subject.name(), points: Vec::new() };
    let mut cost: Vec<_> = cli.subjects.iter().map(series).collect();
    let mut latency = cost.clone();
    for services in &cli.sizes {
        let size = Size { services: *services, instances: cli.instances, nodes: cli.nodes };
        let measured = measure_size(cli, size, RAISED).await?;
        say(&format!("\n{size}"))?;
        say(&table::table(&measured))?;
        for ((cost, latency), one) in cost.iter_mut().zip(&mut latency).zip(&measured) {
            cost.points.extend(one.cpu_per_change.map(|cpu| point(*services, cpu)));
            latency.points.extend(one.latency.map(|latency| point(*services, latency.median)));
        }
    }
    let charts = [
        Chart { title: "CPU per change, ms".to_owned(), series: cost },
        Chart { title: "change to file, median, ms".to_owned(), series: latency },
    ];
    if let Some(folder) = cli.plot.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&cli.plot, plot::svg(&charts, "services"))
        .with_context(|| cli.plot.display().to_string())
}

#[expect(clippy::cast_precision_loss, reason = "numbers of services are small")]
fn point(services: usize, time: Duration) -> (f64, f64) {
    (services as f64, time.as_secs_f64() * 1e3)
}

/// Measures all programs on a Consul of their own, which holds a catalog of this size.
async fn measure_size(cli: &Cli, size: Size, limit: u32) -> Result<Vec<Measurement>> {
    let folder = TempDir::new()?;
    let authority = Authority::new(folder.path())?;
    let settings = [
        format!("limits {{ http_max_conns_per_client = {limit} }}"),
        subject::tls(&authority)?,
        // Counters that only grow, where Consul otherwise keeps ten seconds.
        "telemetry { prometheus_retention_time = \"24h\" disable_hostname = true }".to_owned(),
    ];
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let consul = DevAgent::start_with(&settings, consul::Config::default()).await?;
    let mut catalog = Catalog::new(&consul, size)?;
    catalog.seed().await?;

    let programs = Programs {
        consul_template: component::consul_template()?,
        // It is started in a folder of its own.
        ctemplate: std::path::absolute(
            cli.ctemplate.clone().unwrap_or_else(|| program("ctemplate")),
        )?,
        arguments: cli.ctemplate_arg.clone(),
        authority: authority.certificate().to_owned(),
    };
    let bounds = Bounds {
        changes: cli.changes,
        idle: Duration::from_secs(cli.idle),
        patience: Duration::from_secs(cli.patience),
    };
    let mut measured = Vec::new();
    for subject in &cli.subjects {
        let folder = TempDir::new()?;
        let command = programs.command(*subject, &consul, folder.path())?;
        let one = measure::measure(*subject, command, folder.path(), &consul, &mut catalog, bounds);
        measured.push(one.await.with_context(|| subject.name())?);
    }
    Ok(measured)
}

/// Prints a part of a report.
pub(crate) fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}
