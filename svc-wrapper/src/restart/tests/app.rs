//! A whole app in one thread: several instances, a lock and a Marathon that rolls them.
//!
//! Time goes in steps of half a second and delays are drawn from a seeded sequence, so that a run repeats exactly. The
//! fault mixes and the full simulation are a later step; this one shows the protocol's promises in the absence of crashes.

use super::*;

/// A question under way: whose, since when, due when.
struct Call {
    instance: usize,
    ticket: Ticket,
    request: Request,
    due: u64,
}

struct World {
    start: Instant,
    /// Half seconds.
    time: u64,
    value: String,
    changed: u64,
    /// Instances still to be replaced, and when the next one is.
    rolling: Option<(Vec<usize>, u64)>,
    instances: Vec<(Instance, u64)>,
    holder: Option<usize>,
    calls: Vec<Call>,
    posts: u64,
    deployments: u64,
    /// How many further posts lose their answer after taking effect.
    lose: u64,
    marathon_up: bool,
    random: u64,
}

impl World {
    fn new(size: usize) -> Self {
        let start = Instant::now();
        let instance = || Instance::new(digest("old"), Some(version(0)), SETTLE, start);
        Self {
            start,
            time: 0,
            value: "old".to_owned(),
            changed: 0,
            rolling: None,
            instances: (0..size).map(|_| (instance(), 0)).collect(),
            holder: None,
            calls: Vec::new(),
            posts: 0,
            deployments: 0,
            lose: 0,
            marathon_up: true,
            random: 42,
        }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(500) * u32::try_from(self.time).unwrap()
    }

    fn draw(&mut self) -> f64 {
        // Knuth's MMIX generator.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.random >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn set(&mut self, value: &str) {
        value.clone_into(&mut self.value);
        for index in 0..self.instances.len() {
            self.send(index, wants(value));
        }
    }

    fn send(&mut self, index: usize, event: Event) {
        let now = self.now();
        let (instance, actions) = self.instances[index].0.clone().on(event, now);
        self.instances[index].0 = instance;
        for action in actions {
            match action {
                Action::Release => {
                    assert_eq!(self.holder.take(), Some(index), "releases what it does not hold");
                }
                Action::Ask(ticket, request, delay) => {
                    let random = self.draw();
                    let half_seconds = delay.with(random).as_millis() / 500;
                    let due = self.time + 1 + u64::try_from(half_seconds).unwrap();
                    self.calls.retain(|call| call.instance != index);
                    self.calls.push(Call { instance: index, ticket, request, due });
                }
            }
        }
    }

    fn step(&mut self) {
        self.time += 1;
        self.roll();
        let due: Vec<Call> = self.calls.extract_if(.., |call| call.due <= self.time).collect();
        for call in due {
            match self.answer(call.instance, call.request) {
                Some(answer) => self.send(call.instance, Event::Answered(call.ticket, answer)),
                None => self.calls.push(call),
            }
        }
        for index in 0..self.instances.len() {
            if Some(index) == self.holder {
                let until = self.now() + LEASE;
                self.send(index, Event::Renewed(until));
            }
            self.send(index, Event::Tick);
        }
    }

    fn app(&self) -> Result<App, Fault> {
        let app = App { changed: version(self.changed), deploying: self.rolling.is_some() };
        if self.marathon_up { Ok(app) } else { Err(Fault::Unreachable) }
    }

    fn answer(&mut self, index: usize, request: Request) -> Option<Answer> {
        Some(match request {
            Request::App => Answer::App(self.app()),
            Request::Verify => {
                Answer::Verified(self.app().map(|app| (Wanted::Is(digest(&self.value)), app)))
            }
            Request::Lock if self.holder.is_none() => {
                self.holder = Some(index);
                Answer::Lock(Election::Won(self.now() + LEASE))
            }
            Request::Lock => Answer::Lock(Election::Lost),
            Request::LockFree if self.holder.is_some() => return None,
            Request::LockFree => Answer::LockFree,
            Request::Post => Answer::Posted(self.post()),
        })
    }

    fn post(&mut self) -> Posted {
        self.posts += 1;
        if !self.marathon_up {
            return Posted::Later;
        }
        if self.rolling.is_some() {
            return Posted::Conflict;
        }
        self.deploy();
        if self.lose > 0 {
            self.lose -= 1;
            return Posted::Unknown;
        }
        Posted::Accepted
    }

    fn deploy(&mut self) {
        self.deployments += 1;
        self.changed = self.time;
        self.rolling = Some(((0..self.instances.len()).rev().collect(), self.time + 4));
    }

    /// Replaces one instance every two seconds; the new one reads what is there now.
    fn roll(&mut self) {
        let Some((mut left, due)) = self.rolling.take() else { return };
        if self.time < due {
            self.rolling = Some((left, due));
            return;
        }
        if let Some(index) = left.pop() {
            self.calls.retain(|call| call.instance != index);
            self.holder = self.holder.filter(|holder| *holder != index);
            let boot = digest(&self.value);
            let instance = Instance::new(boot, Some(version(self.changed)), SETTLE, self.now());
            self.instances[index] = (instance, self.changed);
        }
        self.rolling = (!left.is_empty()).then_some((left, self.time + 4));
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 2 {
            self.step();
        }
    }

    fn everybody_is_in_sync(&self) -> bool {
        self.instances.iter().all(|(instance, _)| *instance.state() == State::Sync)
    }
}

#[test]
fn one_change_of_many_instances_is_one_restart() {
    for size in [1, 2, 10, 50] {
        let mut world = World::new(size);
        world.set("new");
        world.run(400);
        assert!(world.everybody_is_in_sync(), "{size}");
        assert_eq!((world.posts, world.deployments), (1, 1), "{size}");
        assert_eq!(world.holder, None, "{size}");
    }
}

#[test]
fn a_change_that_takes_itself_back_is_none() {
    let mut world = World::new(10);
    world.set("new");
    world.run(1);
    world.set("old");
    world.run(100);
    world.set("old");
    world.run(100);
    assert!(world.everybody_is_in_sync());
    assert_eq!(world.posts, 0);
}

#[test]
fn changes_during_a_deployment_are_one_restart_after_it() {
    let mut world = World::new(10);
    world.deploy();
    // Half of the instances are replaced already, and their successors see the changes.
    world.run(11);
    for value in ["1", "2", "3"] {
        world.set(value);
        world.run(1);
    }
    world.run(400);
    assert!(world.everybody_is_in_sync());
    assert_eq!((world.posts, world.deployments), (1, 2));
}

#[test]
fn a_marathon_that_was_down_is_asked_again() {
    let mut world = World::new(10);
    world.marathon_up = false;
    world.set("new");
    world.run(120);
    assert_eq!(world.deployments, 0);
    world.marathon_up = true;
    world.run(400);
    assert!(world.everybody_is_in_sync());
    assert_eq!(world.deployments, 1);
}

#[test]
fn an_answer_that_got_lost_is_looked_for_not_asked_for_again() {
    let mut world = World::new(10);
    world.lose = 1;
    world.set("new");
    world.run(400);
    assert!(world.everybody_is_in_sync());
    assert_eq!((world.posts, world.deployments), (1, 1));
}
