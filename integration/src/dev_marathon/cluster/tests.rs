//! Deployments against simulated processes that start, get healthy and end in any order.

use std::cell::Cell;

use jiff::SignedDuration;
use serde_json::json;

use super::change::Edit;
use super::task::End;
use super::*;

/// A cluster whose processes are entries of lists, advanced in an order that a seed decides.
struct Simulation {
    cluster: Cluster,
    now: Timestamp,
    seed: u64,
    uuids: Cell<u128>,
    starting: Vec<String>,
    probed: Vec<(String, usize)>,
    ending: Vec<String>,
    events: Vec<Value>,
    /// New tasks never answer a probe well.
    is_broken: bool,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let hosts = [Ipv4Addr::new(127, 0, 1, 1), Ipv4Addr::new(127, 0, 1, 2)];
        Self {
            cluster: Cluster::new(Compat::V1_11, &hosts, Uuid::nil(), 31_000),
            now: Timestamp::UNIX_EPOCH,
            seed: seed * 2 + 1,
            uuids: Cell::new(1),
            starting: Vec::new(),
            probed: Vec::new(),
            ending: Vec::new(),
            events: Vec::new(),
            is_broken: false,
        }
    }

    fn turn<T>(&mut self, change: impl FnOnce(&mut Cluster, &Outside<'_>) -> T) -> T {
        self.now += SignedDuration::from_millis(1);
        let uuid = || {
            self.uuids.set(self.uuids.get() + 1);
            Uuid::from_u128(self.uuids.get())
        };
        let outside = Outside { now: self.now, is_free: &|_, _| true, uuid: &uuid };
        let answer = change(&mut self.cluster, &outside);
        for action in self.cluster.take_actions() {
            match action {
                Action::Launch(launch) => self.starting.push(launch.task),
                Action::Kill { task, .. } => self.ending.push(task),
                Action::Watch(watch) if !self.is_broken => {
                    self.probed.extend((0..watch.checks.len()).map(|i| (watch.task.clone(), i)));
                }
                Action::Announce(event) => self.events.push(event),
                Action::Watch(_) | Action::Wake(_) => {}
            }
        }
        answer
    }

    fn random(&mut self, below: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        usize::try_from(self.seed % 1_000_003).unwrap() % below
    }

    /// Lets one thing happen; answers whether anything was left.
    fn step(&mut self) -> bool {
        let (a, b, c) = (self.starting.len(), self.probed.len(), self.ending.len());
        if a + b + c == 0 {
            return false;
        }
        let pick = self.random(a + b + c);
        let happening = if pick < a {
            Happening::Started { task: self.starting.swap_remove(pick) }
        } else if pick < a + b {
            let (task, check) = self.probed.swap_remove(pick - a);
            Happening::Probed { task, check, result: Ok(()) }
        } else {
            let task = self.ending.swap_remove(pick - a - b);
            Happening::Ended { task, end: End::Signaled(15) }
        };
        self.turn(|cluster, outside| cluster.on(happening, outside));
        true
    }

    fn settle(&mut self) {
        while self.step() {}
    }

    fn counts(&self) -> (usize, usize) {
        let healthy = self.cluster.tasks().filter(|t| t.is_healthy()).count();
        (healthy, self.cluster.tasks().count())
    }

    fn put(&mut self, body: &Value, force: bool) -> Result<change::Receipt, Refusal> {
        self.turn(|cluster, outside| {
            let fields = definition::read(body, cluster.compat)?;
            let app = cluster.define(web(), fields, true)?;
            cluster.deploy(vec![Edit::Put(app)], force, outside)
        })
    }

    fn count_events(&self, kind: &str) -> usize {
        self.events.iter().filter(|e| e["eventType"] == kind).count()
    }
}

fn web() -> AppId {
    AppId::parse("/app/web").unwrap()
}

fn definition(n: usize, min: f64, over: f64) -> Value {
    json!({
        "cmd": "x", "instances": n, "healthChecks": [{"gracePeriodSeconds": 5}],
        "upgradeStrategy": {"minimumHealthCapacity": min, "maximumOverCapacity": over},
    })
}

const TABLE: [(usize, f64, f64); 9] = [
    (4, 0.5, 0.5),
    (1, 1.0, 1.0),
    (1, 1.0, 0.0),
    (1, 0.0, 0.0),
    (3, 0.7, 0.3),
    (5, 0.0, 0.0),
    (5, 1.0, 0.0),
    (10, 0.9, 0.1),
    (7, 0.33, 0.2),
];

#[test]
fn a_replacement_keeps_both_capacities_at_every_instant() {
    for (n, min, over) in TABLE {
        for seed in 0..50 {
            let mut sim = Simulation::new(seed);
            sim.put(&definition(n, min, over), false).unwrap();
            sim.settle();
            assert_eq!(sim.counts(), (n, n));
            let old: Vec<String> = sim.cluster.tasks().map(|t| t.id.clone()).collect();

            sim.put(&json!({"env": {"A": "2"}}), false).unwrap();
            let bounds = rolling::Bounds::new(n, min, over);
            let most = bounds.max_total + usize::from(bounds.min_healthy == bounds.max_total);
            loop {
                let (healthy, total) = sim.counts();
                let row = format!("{n}/{min}/{over} seed {seed}: {healthy} of {total}");
                assert!(healthy >= bounds.min_healthy && total <= most, "{row}");
                if !sim.step() {
                    break;
                }
            }
            assert_eq!(sim.counts(), (n, n), "{n}/{min}/{over} seed {seed}");
            assert!(old.iter().all(|id| sim.cluster.task(id).is_none()), "an old task is left");
            assert!(sim.cluster.deployments().is_empty());
        }
    }
}

use super::super::rolling;

#[test]
fn a_version_that_never_gets_healthy_hangs_and_can_be_replaced_by_force() {
    for (n, min, over) in TABLE {
        let mut sim = Simulation::new(3);
        sim.put(&definition(n, min, over), false).unwrap();
        sim.settle();
        sim.is_broken = true;
        sim.put(&json!({"cmd": "broken"}), false).unwrap();
        sim.settle();
        let min_healthy = rolling::Bounds::new(n, min, over).min_healthy;
        assert!(sim.counts().0 >= min_healthy, "{n}/{min}/{over}");
        assert_eq!(sim.cluster.deployments().len(), 1);

        assert!(matches!(sim.put(&json!({"cmd": "good"}), false), Err(Refusal::Locked(_))));
        sim.is_broken = false;
        sim.put(&json!({"cmd": "good"}), true).unwrap();
        sim.settle();
        assert_eq!(sim.counts(), (n, n), "{n}/{min}/{over}");
        assert_eq!(sim.count_events("deployment_failed"), 1);
    }
}

#[test]
fn scaling_keeps_tasks_and_an_equal_definition_changes_nothing() {
    let mut sim = Simulation::new(1);
    sim.put(&definition(3, 1.0, 1.0), false).unwrap();
    sim.settle();
    let before = sim.cluster.app(&web()).unwrap().app.clone();
    let old: Vec<String> = sim.cluster.tasks().map(|t| t.id.clone()).collect();

    sim.put(&definition(3, 1.0, 1.0), false).unwrap();
    assert!(sim.cluster.deployments().is_empty(), "nothing to do is done at once");
    assert_eq!(sim.cluster.app(&web()).unwrap().app.version, before.version);
    assert_eq!(sim.count_events("deployment_success"), 2);

    sim.put(&json!({"instances": 5}), false).unwrap();
    sim.settle();
    let after = sim.cluster.app(&web()).unwrap().app.clone();
    assert!(old.iter().all(|id| sim.cluster.task(id).is_some()));
    assert!(after.version > before.version && after.last_scaling_at == after.version);
    assert_eq!(after.last_config_change_at, before.last_config_change_at);

    sim.put(&json!({"instances": 1}), false).unwrap();
    sim.settle();
    assert_eq!(sim.counts(), (1, 1));
    let survivor = sim.cluster.tasks().next().unwrap().id.clone();
    assert!(old.contains(&survivor), "the youngest go first");
}

#[test]
fn a_revert_brings_the_old_tasks_back_into_their_own() {
    let mut sim = Simulation::new(5);
    sim.put(&definition(4, 0.5, 0.5), false).unwrap();
    sim.settle();
    let before = sim.cluster.app(&web()).unwrap().app.clone();
    let old: Vec<String> = sim.cluster.tasks().map(|t| t.id.clone()).collect();
    sim.is_broken = true;
    let receipt = sim.put(&json!({"cmd": "broken"}), false).unwrap();
    sim.settle();
    let kept: Vec<&String> = old.iter().filter(|id| sim.cluster.task(id).is_some()).collect();
    let kept: Vec<String> = kept.into_iter().cloned().collect();
    sim.is_broken = false;
    sim.turn(|cluster, outside| cluster.cancel(&receipt.deployment, false, outside)).unwrap();
    sim.settle();
    assert_eq!(sim.cluster.app(&web()).unwrap().app.version, before.version);
    assert_eq!(sim.counts(), (4, 4));
    assert!(!kept.is_empty() && kept.iter().all(|id| sim.cluster.task(id).is_some()));
}

#[test]
fn crashes_delay_the_next_launch_more_and_more() {
    let mut sim = Simulation::new(1);
    let body =
        json!({"cmd": "x", "backoffSeconds": 2, "backoffFactor": 3, "maxLaunchDelaySeconds": 10});
    sim.put(&body, false).unwrap();
    for want in [2, 6, 10, 10] {
        let task = sim.cluster.tasks().next().unwrap().id.clone();
        sim.starting.clear();
        let end = End::Exited(1);
        sim.turn(|cluster, outside| cluster.on(Happening::Ended { task, end }, outside));
        assert_eq!(sim.cluster.tasks().count(), 0);
        let record = sim.cluster.app(&web()).unwrap();
        assert_eq!(record.waiting.unwrap().count, 1);
        assert_eq!(record.backoff.left(sim.now), Duration::from_secs(want));
        assert_eq!(record.last_failure.as_ref().unwrap().message, "Command exited with status 1");
        sim.now += SignedDuration::from_secs(i64::try_from(want).unwrap());
        sim.turn(|cluster, outside| cluster.on(Happening::Woken, outside));
        assert_eq!(sim.cluster.tasks().count(), 1);
    }
    let task = sim.cluster.tasks().next().unwrap();
    assert!(
        task.id.ends_with("._app.5"),
        "the instance stays, its incarnation counts: {}",
        task.id
    );
}

#[test]
fn an_app_waits_for_those_it_depends_on() {
    let mut sim = Simulation::new(1);
    let ids = ["/app/a", "/app/b"].map(|id| AppId::parse(id).unwrap());
    let bodies = [json!({"cmd": "x", "dependencies": ["b"]}), json!({"cmd": "x"})];
    sim.turn(|cluster, outside| {
        let edits = ids.iter().zip(&bodies).map(|(id, body)| {
            let fields = definition::read(body, Compat::V1_11).unwrap();
            Edit::Put(cluster.define(id.clone(), fields, true).unwrap())
        });
        let edits = edits.collect();
        cluster.deploy(edits, false, outside).unwrap();
    });
    assert_eq!(sim.cluster.tasks_of(&ids[0]).count(), 0);
    assert_eq!(sim.cluster.deployments()[0].steps.len(), 3);
    sim.settle();
    assert_eq!(sim.cluster.tasks_of(&ids[0]).count(), 1);
    assert!(sim.cluster.deployments().is_empty());
}

#[test]
fn a_removed_app_is_reported_when_its_last_task_is_gone() {
    let mut sim = Simulation::new(1);
    sim.put(&definition(2, 1.0, 1.0), false).unwrap();
    sim.settle();
    sim.turn(|cluster, outside| cluster.deploy(vec![Edit::Remove(web())], true, outside)).unwrap();
    assert_eq!(sim.count_events("app_terminated_event"), 0);
    sim.settle();
    assert_eq!(sim.count_events("app_terminated_event"), 1);
    assert_eq!(sim.cluster.tasks().count(), 0);
    let killed = sim.events.iter().filter(|e| e["taskStatus"] == "TASK_KILLED").count();
    assert_eq!(killed, 2);
}
