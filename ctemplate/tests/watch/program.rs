//! The program beside a real Consul that takes few connections, and over TLS.

use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;

use consul::Config;
use integration::http;
use integration::rig::authority::Authority;
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;
use integration::rig::process::Process;
use integration::scale::bystander::Bystander;
use integration::scale::catalog::{Catalog, Expectation, Size};
use integration::scale::subject::{self, OUTPUT, Programs, Subject};
use integration::scale::usage;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_mins(1);
const MANY: Size = Size { services: 300, instances: 2, nodes: 5 };
/// Enough to take all connections that Consul has.
const ENOUGH: Size = Size { services: 100, instances: 2, nodes: 5 };
/// Changes that the file has to show, one after the other.
const CHANGES: usize = 10;
/// So few connections from one address that ctemplate alone could take all.
const FEW: &str = "limits { http_max_conns_per_client = 16 }";

/// The program at work.
struct Site {
    folder: TempDir,
    catalog: Catalog,
    process: Process,
    address: SocketAddrV4,
    /// The last of the services.
    last: String,
    /// From the moment at which the program starts.
    bystander: Bystander,
}

impl Site {
    async fn start(
        consul: &DevAgent,
        size: Size,
        subject: Subject,
        arguments: &[&str],
        folder: TempDir,
    ) -> Self {
        let catalog = Catalog::new(consul, size).unwrap();
        catalog.seed().await.unwrap();
        let programs = Programs {
            consul_template: PathBuf::new(),
            ctemplate: env!("CARGO_BIN_EXE_ctemplate").into(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            authority: folder.path().join("authority.pem"),
        };
        let command = programs.command(subject, consul, folder.path()).unwrap();
        let bystander = Bystander::start(consul).unwrap();
        let process = Process::start("ctemplate", command, &folder.path().join("log")).unwrap();
        let address = SocketAddrV4::new(consul.ip(), subject.port());
        let last = format!("app-{:04}", size.services - 1);
        Self { folder, catalog, process, address, last, bystander }
    }

    /// Waits until the file shows it; gives back the most connections seen meanwhile.
    async fn shows(&self, expectation: &Expectation) -> u32 {
        let mut most = 0;
        eventually(&format!("{expectation:?}"), PATIENCE, async || {
            assert!(self.process.is_running(), "{}", self.process.log());
            most = most.max(usage::connections(self.process.pid(), self.address).unwrap());
            let file = std::fs::read_to_string(self.folder.path().join(OUTPUT)).unwrap_or_default();
            expectation.is_met(&file).then_some(()).ok_or_else(|| self.process.log())
        })
        .await;
        most
    }

    /// The same for many changes.
    async fn follows(&mut self) -> u32 {
        let mut most = 0;
        for _ in 0..CHANGES {
            let expectation = self.catalog.change().await.unwrap();
            most = most.max(self.shows(&expectation).await);
        }
        most
    }

    /// Waits for the first file, which has all services.
    async fn renders(&self) -> u32 {
        let text = format!("backend cluster_staging:{}", self.last);
        self.shows(&Expectation { text, is_there: true }).await
    }
}

#[tokio::test]
async fn leaves_others_half_of_the_connections_that_consul_takes() {
    let consul = DevAgent::start_with(&[FEW], Config::default()).await.unwrap();
    let mut site =
        Site::start(&consul, ENOUGH, Subject::Ctemplate, &[], tempfile::tempdir().unwrap()).await;
    let most = site.renders().await.max(site.follows().await);
    // A connection that is given up may be there for a moment beside the next one.
    assert!(most < 12, "{most} connections");
    let log = site.process.log();
    assert!(!log.contains("refuses") && !log.contains("status 429"), "{log}");
    let seen = site.bystander.seen();
    assert!((seen.refused, seen.failed) == (0, 0) && seen.requests > 0, "{seen:?}");
}

/// A Consul that takes few connections, and a token that does not let anybody see this.
async fn secretive() -> (DevAgent, String) {
    const ROOT: &str = "00000000-0000-4000-8000-00000000000f";
    let acl = format!(
        "acl {{ enabled = true default_policy = \"allow\" tokens {{ master = \"{ROOT}\" }} }}"
    );
    let consul = DevAgent::start_with(&[FEW, &acl], Config::default()).await.unwrap();
    let put = async |path: &str, body: Json| -> Json {
        let url = format!("http://{}/v1/acl/{path}", consul.api());
        let put = http::client().unwrap().put(url).header("X-Consul-Token", ROOT).json(&body);
        put.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let rules = r#"agent_prefix "" { policy = "deny" }"#;
    // The servers take a while to begin with ACLs.
    eventually("the policy", PATIENCE, async || {
        let url = format!("http://{}/v1/acl/policies", consul.api());
        let get = http::client().unwrap().get(url).header("X-Consul-Token", ROOT).send().await;
        let status = get.map_err(|error| error.to_string())?.status();
        status.is_success().then_some(()).ok_or_else(|| status.to_string())
    })
    .await;
    put("policy", json!({ "Name": "secretive", "Rules": rules })).await;
    let token = put("token", json!({ "Policies": [{ "Name": "secretive" }] })).await;
    let token = token["SecretID"].as_str().unwrap().to_owned();
    (consul, token)
}

#[tokio::test]
async fn leaves_room_for_others_also_where_consul_does_not_tell_its_limit() {
    let (consul, token) = secretive().await;
    let mut site = Site::start(
        &consul,
        ENOUGH,
        Subject::Ctemplate,
        &["-consul-token", &token],
        tempfile::tempdir().unwrap(),
    )
    .await;
    site.renders().await;
    // Few connections alone do not tell: it may be about to make more.
    let mut last = site.bystander.seen();
    eventually("others find room", PATIENCE, async || {
        let seen = site.bystander.seen();
        if (seen.refused, seen.failed) != (last.refused, last.failed) {
            last = seen;
        }
        let connections = usage::connections(site.process.pid(), site.address).unwrap();
        let is_calm = seen.requests >= last.requests + 20 && connections <= 8;
        let state = || format!("{connections} connections, {seen:?}, {}", site.process.log());
        is_calm.then_some(()).ok_or_else(state)
    })
    .await;
    let before = site.bystander.seen();
    site.follows().await;
    let seen = site.bystander.seen();
    assert_eq!((seen.refused, seen.failed), (before.refused, before.failed));
    assert!(seen.requests > before.requests);
    assert!(site.process.log().contains("Consul refuses requests"), "{}", site.process.log());
}

/// `SCALE_SERVICES` says how many services there are.
#[tokio::test]
async fn watches_more_services_than_consul_takes_connections() {
    let services = std::env::var("SCALE_SERVICES").map_or(MANY.services, |n| n.parse().unwrap());
    let consul = DevAgent::start().await.unwrap();
    let mut site = Site::start(
        &consul,
        Size { services, ..MANY },
        Subject::Ctemplate,
        &[],
        tempfile::tempdir().unwrap(),
    )
    .await;
    let most = site.renders().await.max(site.follows().await);
    // While the plan changes, some of those that are no longer used are still there.
    assert!(most <= 150, "{most} connections");
    let seen = site.bystander.seen();
    assert!((seen.refused, seen.failed) == (0, 0) && seen.requests > 0, "{seen:?}");
}

#[tokio::test]
async fn watches_many_services_over_few_connections_with_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path()).unwrap();
    let tls = subject::tls(&authority).unwrap();
    // One more would be refused, and that would be in the log.
    let limit = "limits { http_max_conns_per_client = 20 }";
    let mut consul = DevAgent::start_with(&[&tls, limit], Config::default()).await.unwrap();
    let mut site = Site::start(&consul, MANY, Subject::Tls, &[], folder).await;
    let most = site.renders().await.max(site.follows().await);
    assert!(most <= 20, "{most} connections");

    // All requests fail at once, and are made again.
    consul.stop();
    consul.start_again().await.unwrap();
    site.catalog.seed().await.unwrap();
    let most = site.follows().await;
    assert!(most <= 20, "{most} connections");
    let log = site.process.log();
    assert!(!log.contains("refuses") && !log.contains("status 429"), "{log}");
}
