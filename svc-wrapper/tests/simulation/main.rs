//! The restart protocol among faults: the real state machine of every instance, everything else simulated.
//!
//! A run has no clock, no thread and no network. What happens, when, and what gets lost is drawn from one seed, so that a
//! seed that fails fails again:
//!
//! ```text
//! SIMULATION_SEED=nasty:4711 cargo test -p svc-wrapper --test simulation one_seed -- --nocapture
//! ```

#![cfg(test)]

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

mod consul;
mod digests;
mod ledger;
mod marathon;
mod mix;
mod mutation;
mod plan;
mod process;
mod random;
mod scenarios;
mod servers;
mod shell;
mod world;

use ledger::Outcome;
use mix::{FAULTS, IDEAL, Mix, NASTY};
use mutation::Mutation;
use world::World;

/// How many runs of each mix; `SIMULATION_SEEDS` asks for another number.
fn seeds() -> u64 {
    let given = std::env::var("SIMULATION_SEEDS");
    given.map_or(10_000, |text| text.parse().unwrap())
}

fn run(seed: u64, mix: Mix, mutation: Mutation, tracing: bool) -> Outcome {
    let size = 1 + usize::try_from(seed % 8).unwrap();
    let mut world = World::new(seed, mix, mutation, size);
    world.tracing = tracing;
    world.plan();
    world.run()
}

/// What is wrong with a run, if anything.
fn fault(mix: Mix, outcome: &Outcome) -> Option<String> {
    if let Some(violation) = outcome.violations.first() {
        return Some(violation.clone());
    }
    if outcome.stale > 0 {
        return Some("I4: ends with an instance that is not in sync".to_owned());
    }
    let excess = outcome.excess;
    (excess > mix.excess).then(|| format!("a loop: {excess} more restarts than reasons"))
}

/// All seeds of a mix, and the first that fails.
fn runs(seeds: u64, mix: Mix, mutation: Mutation) -> (Outcome, Option<(u64, String)>) {
    let next = AtomicU64::new(0);
    let work = || {
        let (mut sum, mut failed) = (Outcome::default(), None);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return (sum, failed);
            }
            let outcome = run(seed, mix, mutation, false);
            if let Some(fault) = fault(mix, &outcome) {
                failed.get_or_insert((seed, fault));
            }
            sum.add(outcome);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut sum = Outcome::default();
        let mut failed: Option<(u64, String)> = None;
        for worker in workers {
            let (outcome, failure) = worker.join().unwrap();
            sum.add(outcome);
            failed = [failed, failure].into_iter().flatten().min();
        }
        (sum, failed)
    })
}

fn say(mix: Mix, mutation: Mutation, sum: &Outcome) {
    let Outcome { runs, events, changes, restarts, needless, posts, stale, excess, violations } =
        sum;
    let (name, violations) = (mix.name, violations.len());
    let (needless_rate, request_rate) = (sum.needless_rate(), sum.request_rate());
    writeln!(
        std::io::stdout(),
        "{name} {mutation:?}: {runs} runs, {events} events, {changes} changes, {restarts} restarts, \
         {needless} needless ({needless_rate:.2} %), {posts} requests ({request_rate:.1} %), \
         {stale} stale, {excess} excess at most, {violations} violations"
    )
    .unwrap();
}

/// What is wrong with all runs of a mix together.
fn blames(mix: Mix, sum: &Outcome, failed: Option<(u64, String)>) -> Vec<String> {
    let seed = failed.map(|(seed, fault)| format!("SIMULATION_SEED={}:{seed}: {fault}", mix.name));
    let rate = |name, rate, most| {
        (rate > most).then(|| format!("{rate:.2} {name} in 100 restarts, more than {most}"))
    };
    let needless = rate("needless", sum.needless_rate(), mix.needless);
    let requests = rate("requests", sum.request_rate(), mix.requests);
    [seed, needless, requests].into_iter().flatten().collect()
}

fn holds(mix: Mix) {
    let (sum, failed) = runs(seeds(), mix, Mutation::None);
    say(mix, Mutation::None, &sum);
    assert_eq!(blames(mix, &sum, failed), [""; 0]);
}

#[test]
fn keeps_its_promises_when_nothing_goes_wrong() {
    holds(IDEAL);
}

#[test]
fn keeps_its_promises_among_faults() {
    holds(FAULTS);
}

#[test]
fn keeps_its_promises_when_nearly_everything_goes_wrong() {
    holds(NASTY);
}

/// A protocol with something left out must not pass for whole.
fn notices(mutation: Mutation, mix: Mix) {
    let (sum, failed) = runs(seeds() / 5, mix, mutation);
    say(mix, mutation, &sum);
    let blames = blames(mix, &sum, failed);
    assert_ne!(blames, [""; 0], "{mutation:?} passes for whole");
    writeln!(std::io::stdout(), "{mutation:?} fails: {}", blames.join("; ")).unwrap();
}

#[test]
fn notices_that_nothing_is_verified() {
    notices(Mutation::NoVerify, FAULTS);
}

#[test]
fn notices_that_there_is_no_lock() {
    notices(Mutation::NoLock, FAULTS);
}

#[test]
fn notices_that_indexes_stand_in_for_hashes() {
    notices(Mutation::IndexesForHashes, IDEAL);
}

#[test]
fn a_seed_always_means_the_same_run() {
    for seed in 0..100 {
        let run = || format!("{:?}", run(seed, NASTY, Mutation::None, false));
        assert_eq!(run(), run(), "{seed}");
    }
}

/// Replays the run that `SIMULATION_SEED` names, and tells all of it.
#[test]
fn one_seed() {
    let Ok(seed) = std::env::var("SIMULATION_SEED") else { return };
    let (name, seed) = seed.split_once(':').unwrap();
    let mix = [IDEAL, FAULTS, NASTY].into_iter().find(|mix| mix.name == name).unwrap();
    let outcome = run(seed.parse().unwrap(), mix, Mutation::None, true);
    say(mix, Mutation::None, &outcome);
    assert_eq!(fault(mix, &outcome), None);
}
