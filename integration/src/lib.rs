//! The sandbox and the test rig: real Consul, real HAProxy, a development Marathon.
//!
//! # Layout
//!
//! - [`rig`]: what tests start real programs with: addresses of their own, processes that never outlive
//!   the test, and waiting for conditions.
//! - [`dev_marathon`]: a Marathon for development whose tasks are processes of this machine; the program
//!   `dev-marathon` is its command line.
//! - [`http`]: HTTP clients for all of it.
//! - [`deploy`]: an app definition to Marathon; the program `marathon-deploy` is its command line.
//! - [`story`]: what the README tells, step by step; `sandbox --check` and the tests walk through it.
//! - [`scale`]: the benchmark of ctemplate; the program `ctemplate-scale` is its command line.
//! - [`haproxy_change`]: the benchmark of changes through HAProxy; the program `haproxy-change` is its command line.
//! - [`test_server`]: the web service that the tutorial deploys; the program `test-server` is its command line.

pub mod deploy;
pub mod dev_marathon;
pub mod haproxy_change;
pub mod http;
pub mod rig;
pub mod sandbox;
pub mod scale;
pub mod story;
pub mod test_server;
