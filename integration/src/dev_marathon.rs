//! A Marathon for development: public Marathon clients believe it, and its tasks are processes of this machine.
//!
//! # Layout
//!
//! What decides is pure and tested by tables: [`app_id`], [`route`], [`definition`] (with [`legacy`] and
//! [`rules`]), [`spec`], [`ports`], [`placement`], [`environment`], [`words`], [`rolling`], [`wire`], and
//! [`cluster`], the state machine that owns apps, tasks, deployments and the queue.
//! What does is thin: [`serve`] wires it together, [`http`] answers requests, [`events`] keeps the streams, [`agent`]
//! runs processes, [`probe`] asks health checks, [`admin`] takes the orders of tests.
//!
//! # What is different from the real one
//!
//! - A docker image is a command of the map `--image`. There is no network namespace: a task of a bridged app has
//!   to listen on `$PORT0` (or `$PORT_3000` for container port 3000) of `$HOST`, and is reached there.
//! - The stream of events is sent in chunks, which every HTTP/1.1 client undoes; Marathon's is ended by the close
//!   of the connection.
//! - Resources are not counted, residency, readiness checks, secrets and pods are kept or ignored but not acted on.
//! - State is not kept: the end of the program ends all tasks.

pub mod admin;
pub mod agent;
pub mod app_id;
pub mod cli;
pub mod cluster;
pub mod compat;
pub mod definition;
pub mod environment;
pub mod events;
pub mod faults;
pub mod http;
pub mod legacy;
pub mod placement;
pub mod ports;
pub mod probe;
pub mod refusal;
pub mod rolling;
pub mod route;
pub mod rules;
pub mod selector;
pub mod serve;
pub mod spec;
pub mod stamp;
pub mod wire;
pub mod words;
