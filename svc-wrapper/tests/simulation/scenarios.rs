//! Stories, each told in full: who changes what when, and how many restarts that makes.

use crate::mix::{IDEAL, MINUTE, Mix, Network, SECOND};
use crate::mutation::Mutation;
use crate::shell::SETTLE;
use crate::world::{Happening, Server, World};

const HOUR: u64 = 60 * MINUTE;

fn app(size: usize, mix: Mix) -> World {
    let mut world = World::new(7, mix, Mutation::None, size);
    world.pass(MINUTE);
    world
}

fn write(world: &mut World, value: usize) {
    world.after(0, Happening::Write(value));
    world.pass(1);
}

/// Requests and restarts so far, in an app that is in sync.
fn counts(world: &World) -> (u64, u64) {
    assert!(world.is_settled());
    assert_eq!(world.ledger.violations, [""; 0]);
    (world.ledger.posts, world.ledger.restarts)
}

#[test]
fn one_change_is_one_request_and_one_restart_however_many_instances() {
    for size in [1, 2, 10, 50] {
        let mut world = app(size, IDEAL);
        write(&mut world, 1);
        world.pass(10 * MINUTE);
        assert_eq!(counts(&world), (1, 1), "{size}");
        assert!(!world.consul.is_locked());
    }
}

#[test]
fn a_write_that_changes_nothing_and_a_change_taken_back_are_none() {
    let mut world = app(10, IDEAL);
    write(&mut world, 0);
    world.pass(MINUTE);
    write(&mut world, 1);
    world.pass(SETTLE / 2);
    write(&mut world, 0);
    world.pass(HOUR);
    assert_eq!(counts(&world), (0, 0));
}

#[test]
fn changes_during_a_deployment_are_one_restart_after_it() {
    let mut world = app(10, IDEAL);
    write(&mut world, 1);
    world.pass(20 * SECOND);
    assert!(world.marathon.deployment.is_some());
    for value in 2..6 {
        write(&mut world, value);
        world.pass(2 * SECOND);
    }
    assert!(world.marathon.deployment.is_some());
    world.pass(10 * MINUTE);
    assert_eq!(counts(&world), (2, 2));
}

#[test]
fn a_marathon_that_is_down_for_a_minute_delays_the_restart() {
    let mut world = app(10, IDEAL);
    world.after(0, Happening::Outage(Server::Marathon, 2 * MINUTE));
    write(&mut world, 1);
    world.pass(MINUTE / 2);
    assert_eq!(world.ledger.posts, 0);
    world.pass(10 * MINUTE);
    assert_eq!(counts(&world), (1, 1));
}

#[test]
fn an_answer_that_got_lost_is_looked_for_not_asked_for_again() {
    let restarts = Network { unanswered: 1.0, ..IDEAL.restarts };
    let mut world = app(10, Mix { restarts, ..IDEAL });
    write(&mut world, 1);
    world.pass(10 * MINUTE);
    assert_eq!(counts(&world), (1, 1));
}

/// Kills whoever asked for the restart, while the request is on its way, and has it arrive or not.
fn killed_after_its_request(lost: f64) -> (u64, u64) {
    let restarts = Network { lost, slow: 1.0, slowest: 2 * SECOND, ..IDEAL.restarts };
    let mut world = app(10, Mix { restarts, ..IDEAL });
    write(&mut world, 1);
    while world.ledger.posts == 0 {
        assert!(world.step(u64::MAX));
    }
    assert_eq!(world.ledger.restarts, 0, "too late to be killed");
    let poster = world.ledger.poster;
    world.processes[poster].alive = false;
    world.after(SECOND, Happening::Launch);
    world.mix = IDEAL;
    world.pass(10 * MINUTE);
    counts(&world)
}

#[test]
fn a_poster_that_dies_after_its_request_has_a_successor_that_knows() {
    assert_eq!(killed_after_its_request(0.0), (1, 1));
    assert_eq!(killed_after_its_request(1.0), (2, 1));
}

#[test]
fn without_the_right_to_lock_chance_and_marathon_sort_it_out() {
    let mut world = app(10, IDEAL);
    world.consul.read_only = true;
    write(&mut world, 1);
    world.pass(10 * MINUTE);
    let (posts, restarts) = counts(&world);
    assert!(posts <= 10 && restarts == 1, "{posts} requests, {restarts} restarts");
}

#[test]
fn operators_pause_restarts_and_resume_them() {
    let mut world = app(10, IDEAL);
    world.after(0, Happening::Hold(HOUR));
    write(&mut world, 1);
    world.pass(HOUR - 2 * MINUTE);
    assert_eq!(world.ledger.posts, 0);
    world.pass(MINUTE + 10 * SECOND);
    assert_eq!(world.ledger.posts, 1, "not within seconds");
    world.pass(10 * MINUTE);
    assert_eq!(counts(&world), (1, 1));
}

#[test]
fn an_app_that_writes_into_its_own_folder_is_restarted_ever_more_rarely() {
    let mut world = app(3, IDEAL);
    let restarted = |world: &mut World, hours: u64| {
        let before = world.ledger.restarts;
        for minute in 0..60 * hours {
            write(world, 1 + usize::try_from(minute % 60).unwrap());
            world.pass(MINUTE);
        }
        world.ledger.restarts - before
    };
    let first = restarted(&mut world, 2);
    assert!((5..=9).contains(&first), "{first}");
    let later = restarted(&mut world, 24);
    assert!((20..=25).contains(&later), "{later}");
    // Left alone it settles, and after an hour in which it could have been restarted all is forgotten.
    world.pass(3 * HOUR);
    let (_, before) = counts(&world);
    write(&mut world, 0);
    world.pass(10 * MINUTE);
    assert_eq!(counts(&world).1, before + 1);
}

#[test]
fn a_deployment_that_hangs_and_is_rolled_back_leaves_one_restart_to_do() {
    for anew in [false, true] {
        let mut world = app(4, IDEAL);
        world.after(0, Happening::Deploy(HOUR));
        world.pass(SECOND);
        write(&mut world, 1);
        world.pass(30 * MINUTE);
        assert_eq!(world.ledger.posts, 0);
        world.after(0, Happening::RollBack(anew));
        world.pass(10 * MINUTE);
        let (posts, restarts) = counts(&world);
        // A new version replaces everybody, and everybody then has the new configuration.
        assert_eq!((posts, restarts), if anew { (0, 0) } else { (1, 1) });
    }
}
