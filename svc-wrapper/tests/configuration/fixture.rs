//! The program and the tests' own client, as the tests of restarts have them.

use std::sync::OnceLock;

use consul::Client;
use consul::kv::Condition;
use tokio::runtime::{Builder, Runtime};

#[path = "../consul/wrapped.rs"]
mod wrapped;

pub(crate) use wrapped::Wrapped;

/// Runs a future of the tests' own client, whose connections live as long as the runtime they were made in.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let build = || Builder::new_current_thread().enable_all().build().unwrap();
    RUNTIME.get_or_init(build).block_on(future)
}

pub(crate) fn put(client: &Client, key: &str, value: impl Into<Vec<u8>>) {
    assert!(block_on(client.kv_put(key, value.into(), Condition::Always)).unwrap());
}
