//! How long one comparison takes: 1,000 apps with 10,000 tasks, all of them on this agent, and of which a tenth is.
//!
//! `cargo bench -p registrator --bench plan`

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use marathon::Apps;
use registrator::here::Here;
use registrator::mirror::{Mirror, Rules};
use registrator::policy::Policy;
use registrator::service::{Actual, Ownership, Registration};
use registrator::view::View;
use serde_json::json;

const APPS: usize = 1000;
const TASKS: usize = 10;
const ROUNDS: u32 = 20;
const AGENT: &str = "local";

type Agent = BTreeMap<String, Actual>;

fn view(hosts: usize) -> View {
    let task = |app: usize, n: usize| {
        json!({
            "id": format!("app-{app}.instance-{n}._app.1"), "host": format!("10.0.0.{}", n % hosts + 1),
            "ports": [31000 + n], "state": "TASK_RUNNING", "version": "2026-01-01T00:00:00.000Z",
            "healthCheckResults": [{"alive": true}],
        })
    };
    let app = |n: usize| {
        json!({
            "id": format!("/production/app-{n}"), "version": "2026-01-01T00:00:00.000Z",
            "labels": {"SERVICE_TAGS": "production,internal-listen-http-3000", "SERVICE_CHECK_HTTP": "/health"},
            "networks": [{"mode": "container/bridge"}], "healthChecks": [{"protocol": "HTTP"}],
            "container": {"portMappings": [{"containerPort": 3000, "hostPort": 0}]},
            "tasks": (0..TASKS).map(|task_n| task(n, task_n)).collect::<Vec<_>>(),
        })
    };
    let apps = (0..APPS).filter_map(|n| serde_json::from_value(app(n)).ok()).collect();
    View::of::<marathon::App>(Apps { apps, malformed: Vec::new() })
}

fn mirror(hosts: usize, now: Instant) -> Mirror {
    let ownership = Ownership { owner: "bench".to_owned(), adopt: false };
    let rules = Rules { ownership, policy: Policy::default(), guard: true };
    let mut mirror = Mirror::new(rules, view(hosts), now);
    mirror.set_here(AGENT, Here::new("10.0.0.1", "srv1", &[]));
    mirror
}

fn timed(mut run: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        run();
    }
    start.elapsed() / ROUNDS
}

#[expect(clippy::print_stdout, reason = "the results of the benchmark")]
fn main() {
    for hosts in [1, TASKS] {
        let now = Instant::now();
        let mut fresh = mirror(hosts, now);
        let plan = fresh.step(AGENT, &Agent::new(), now).plan;
        let agent: Agent = plan
            .register
            .iter()
            .map(|(id, write)| {
                let registration = Registration::clone(&write.registration);
                let actual = Actual { registration, has_check: true };
                (id.to_string(), actual)
            })
            .collect();
        let here = plan.register.len();
        let all = timed(|| drop(mirror(hosts, now).step(AGENT, &Agent::new(), now)));
        let view = timed(|| drop(mirror(hosts, now)));
        let same = timed(|| assert!(fresh.step(AGENT, &agent, now).plan.is_empty()));
        println!(
            "{:6} tasks, {here:6} here: nothing registered yet {:8.2?}, nothing to do {:8.2?}",
            APPS * TASKS,
            all.saturating_sub(view),
            same
        );
    }
}
