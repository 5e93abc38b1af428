//! Consul's HTTP API as the three programs use it: typed answers and blocking queries.
//!
//! Names are Consul's own. Source of every rule: <https://developer.hashicorp.com/consul/api-docs>; tested with Consul
//! 1.8.7 and 1.19.2.
//!
//! # Layout
//!
//! - [`client`]: one agent's or server's address, token and datacenter; how a request becomes an [`Answer`].
//! - [`index`]: what to do with `X-Consul-Index` (pure).
//! - [`query`]: the parameters every read takes, and what comes back with every answer.
//! - [`wire`]: types as Consul spells them.
//! - [`agent`], [`catalog`], [`connect`], [`federation`], [`health`], [`kv`], [`session`], [`txn`]: one API family each.
//! - [`access`]: the options of a program that say how to reach Consul.
//! - [`error`]: what can go wrong, with the URL.

pub mod access;
pub mod agent;
pub mod catalog;
pub mod client;
pub mod connect;
pub mod error;
pub mod federation;
pub mod health;
pub mod index;
pub mod kv;
pub mod query;
pub mod session;
pub mod txn;
pub mod wire;

pub use access::{Access, AccessError};
pub use client::{Client, Config, Token, Traffic, Transport};
pub use error::{Error, Kind};
pub use index::{Cursor, Index, Progress};
pub use query::{Answer, Consistency, Query, Tenancy};
