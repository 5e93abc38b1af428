//! Random changes, lost nodes, elections and restarts of Consul while ctemplate keeps a file current. At every quiet point
//! the file is what `ctemplate -once` and consul-template's `-once` make of the same Consul.
//!
//! `CHAOS_CHANGES` says how many changes are made (10,000 for a long run), `CHAOS_SEED` repeats a run that failed,
//! `CHAOS_ARGUMENTS` gives the ctemplate under test further arguments.

#![cfg(test)]

mod changes;
mod cluster;
mod site;

use std::env;

use consul::Config;
use integration::rig::dev_agent::DevAgent;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::changes::World;
use crate::site::Site;

const CHANGES: usize = 2_000;
const SERVICES: u32 = 8;
/// The most changes between two quiet points.
const BURST: usize = 40;

/// What a test was told to do; it is shown when the test fails, and repeats it.
#[expect(clippy::print_stdout, reason = "shown when the test fails")]
fn told(changes: usize) -> (StdRng, usize) {
    let number = |name| env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let seed = number("CHAOS_SEED").unwrap_or_else(rand::random);
    let changes = number("CHAOS_CHANGES").map_or(changes, |n| usize::try_from(n).unwrap());
    println!("CHAOS_SEED={seed} CHAOS_CHANGES={changes}");
    (StdRng::seed_from_u64(seed), changes)
}

mod tests {
    use super::*;

    #[tokio::test]
    async fn the_file_is_what_a_fresh_rendering_makes_at_every_quiet_point() {
        let (mut random, changes) = told(CHANGES);
        let settings = ["limits { http_max_conns_per_client = 8000 }"];
        let mut consul = DevAgent::start_with(&settings, Config::default()).await.unwrap();
        let mut world = World::new(&consul.api(), SERVICES);
        let site = Site::new(consul.api());
        let more = env::var("CHAOS_ARGUMENTS").unwrap_or_default();
        let ctemplate = site.start("live.txt", &more);

        let mut made = 0;
        let mut restart_at = changes / 2;
        while made < changes {
            for _ in 0..random.random_range(1..=BURST).min(changes - made) {
                world.change(&mut random).await;
                made += 1;
            }
            if made >= restart_at {
                restart_at = usize::MAX;
                // It comes back with nothing of what it knew, its index included.
                consul.stop();
                consul.start_again().await.unwrap();
                world.forget();
                for _ in 0..random.random_range(1..=BURST) {
                    world.change(&mut random).await;
                }
            }
            site.is_quiet(made, &ctemplate).await;
        }
    }
}
