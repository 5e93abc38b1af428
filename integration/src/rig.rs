//! What tests and the sandbox start real programs with.
//!
//! Everything here is owned by a value: a [`network::Network`] gives its addresses back when it is dropped, a
//! [`process::Process`] is stopped when it is dropped, and dies with the program that started it even when
//! that one is killed. So a test that fails half-way leaves nothing running.
//!
//! # Layout
//!
//! - [`network`], [`process`], [`eventually`], [`component`]: addresses, programs, conditions, where binaries are.
//! - [`consul`], [`dev_agent`], [`haproxy`], [`load_balancer`]: a Consul cluster, a single one; HAProxy, alone and under
//!   ctemplate.
//! - [`marathon`]: a development Marathon and what tests ask it.
//! - [`platform`], [`app`]: all of them together, with a registrator on each agent; an app on it.
//! - [`load`], [`wrk`], [`https`]: clients that count failures, a real load generator, and one for the external load
//!   balancer.
//! - [`authority`]: certificates in files.

pub mod app;
pub mod authority;
pub mod component;
pub mod consul;
pub mod dev_agent;
pub mod eventually;
pub mod haproxy;
pub mod https;
pub mod load;
pub mod load_balancer;
pub mod marathon;
pub mod network;
pub mod platform;
pub mod process;
pub mod wrk;
