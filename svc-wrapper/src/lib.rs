//! The ENTRYPOINT of a container: KV configuration into the environment, PID 1, one rolling restart per change.
//!
//! # Layout
//!
//! | file | for |
//! | --- | --- |
//! | `cli.rs` `config.rs` | the command line as given; checked and complete |
//! | `env.rs` | pure: keys, values, services and defaults to variables, and the digest that names them |
//! | `service.rs` | pure: an instance of a service to five variables |
//! | `defaults.rs` `local.rs` | what does not come from Consul |
//! | `cache.rs` | what Consul said last |
//! | `show.rs` | `svc-wrapper env` |
//! | `change.rs` | pure: what differs between two environments, by key |
//! | `supervise.rs` | pure: what the supervisor does about signals and ends |
//! | `exit.rs` | pure: how the child ended, as an exit code |
//! | `reading.rs` | pure: which of Consul's answers can be trusted |
//! | `restart.rs` | pure: the restart protocol |
//! | `version.rs` | pure: Marathon's versions in order |
//! | `signals.rs` `reap.rs` `child.rs` | the operating system's half of supervision |
//! | `watch.rs` `lock.rs` `coordinate.rs` | Consul's and Marathon's half of the protocol |
//! | `status.rs` | what operators can ask for |
//! | `run.rs` | threads, and the supervisor's loop |
//!
//! # How it works
//!
//! ```text
//!   signals ──────▶ supervise ──────▶ child            main thread: never waits for the network
//!                       ▲
//!                       │ environment, once
//!   ┌───────────────────┴──────────────────────────┐   coordinator's thread
//!   │ watch ──reading──▶ restart ──ask──▶ questions │
//!   │   ▲                   ▲                │      │
//!   │   │                   └─────answer─────┤      │
//!   └───┼────────────────────────────────────┼──────┘
//!     Consul KV                  Consul lock, Marathon
//! ```
//!
//! The child's environment is read once, and the index of that answer starts the watch, so that no change falls in between.
//! From then on the configuration only ever leads to one request: that Marathon restart the app.

pub mod cache;
pub mod change;
pub mod child;
pub mod cli;
pub mod config;
pub mod coordinate;
pub mod defaults;
pub mod env;
pub mod exit;
pub mod local;
pub mod lock;
pub mod reading;
pub mod reap;
pub mod restart;
pub mod run;
pub mod service;
pub mod show;
pub mod signals;
pub mod status;
pub mod supervise;
pub mod version;
pub mod watch;
