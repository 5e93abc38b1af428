//! A cluster whose leaders change and whose agent restarts while there are changes.

use std::env;

use integration::rig::component;
use integration::rig::consul::Consul;
use integration::rig::network::Network;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::changes::World;
use crate::site::Site;
use crate::{BURST, told};

const CHANGES: usize = 500;
/// Changes for each trouble.
const TROUBLE: usize = 150;
/// More than the smaller budgets have connections.
const SERVICES: u32 = 50;
/// Each way of watching: all directly, by the signals of each node, by those of some and of the whole catalog, by the latter
/// alone.
const BUDGETS: [&str; 4] = ["100", "40", "20", "6"];

/// What can happen to a cluster.
async fn trouble(consul: &mut Consul, random: &mut StdRng) {
    match random.random_range(0..3) {
        0 => consul.move_leader().await.unwrap(),
        1 => consul.crash_leader().await.unwrap(),
        _ => consul.crash_agent(0, true).unwrap(),
    }
    // Another one at once could take the majority.
    consul.settle().await.unwrap();
}

async fn changes(world: &mut World, random: &mut StdRng, count: usize) {
    for _ in 0..count {
        world.change(random).await;
    }
}

#[tokio::test]
async fn files_are_what_fresh_renderings_make_whoever_leads() {
    let (mut random, total) = told(CHANGES);
    let network = Network::claim().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let servers = [1, 2, 3].map(|n| network.host(n));
    let settings = ["limits { http_max_conns_per_client = 8000 }".to_owned()];
    let binary = component::consul().unwrap();
    let agents = [network.host(4)];
    let consul = Consul::start_with(&binary, folder.path(), &servers, &agents, &settings);
    let mut consul = consul.await.unwrap();
    let api = consul.agents()[0].api();
    let mut world = World::new(&api, SERVICES);
    let site = Site::new(api);
    let more = env::var("CHAOS_ARGUMENTS").unwrap_or_default();
    let lives = BUDGETS.map(|budget| {
        let budget_arguments = format!("-consul-transport-max-conns-per-host {budget} {more}");
        site.start(&format!("live-{budget}.txt"), &budget_arguments)
    });

    let (mut made, mut troubled) = (0, 0);
    while made < total {
        let burst = random.random_range(1..=BURST).min(total - made);
        made += burst;
        if made / TROUBLE > troubled {
            troubled = made / TROUBLE;
            let mut other = StdRng::from_rng(&mut random);
            tokio::join!(changes(&mut world, &mut random, burst), trouble(&mut consul, &mut other));
        } else {
            changes(&mut world, &mut random, burst).await;
        }
        site.comes_to_rest(made, &lives).await;
    }
}
