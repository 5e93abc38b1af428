//! Marathon's REST API and event stream as the programs use them.
//!
//! Reads the wire formats of Marathon 0.11 to 1.11: a field that is null, missing or empty means the same, and unknown fields
//! are ignored. What Marathon calls a thing is what it is called here.
//!
//! # Layout
//!
//! | file | for |
//! | --- | --- |
//! | `id.rs` | newtypes of the identifiers, and which tasks an instance id means |
//! | `app.rs` `task.rs` `deployment.rs` | wire types of the v2 API |
//! | `pod.rs` | pure: the status of a pod to apps and tasks |
//! | `lenient.rs` | what "null, missing and empty alike" means to serde |
//! | `elements.rs` | pure: cuts the apps out of an answer while it comes |
//! | `sse.rs` | pure: bytes to frames of a server-sent event stream |
//! | `event.rs` | pure: a frame to an [`Event`] |
//! | `endpoint.rs` | `http://a:8080,b:8080` and credentials to a list of endpoints |
//! | `access.rs` | the options of a program: credentials, token, TLS |
//! | `client.rs` | requests, fail-over, redirects |
//! | `stream.rs` | the open event stream and its keep-alive deadline |
//! | `error.rs` | what went wrong, where, and whether to try again |

mod access;
mod app;
mod client;
mod deployment;
mod elements;
mod endpoint;
mod error;
mod event;
mod id;
mod lenient;
mod pod;
pub mod sse;
mod stream;
mod task;

pub use access::Access;
pub use app::{
    App, Apps, CheckCommand, Container, Discovery, DiscoveryPort, Docker, HealthCheck, IpAddress,
    Malformed, Network, NetworkMode, PortDefinition, PortMapping, VersionInfo,
};
pub use client::{Client, Config};
pub use deployment::{Action, Deployment, DeploymentRef, Submitted};
pub use endpoint::{Credentials, Endpoint, EndpointError, Endpoints};
pub use error::{Error, Kind};
pub use event::{Event, decode, kinds};
pub use id::{AppId, InstanceId, TaskId};
pub use pod::Pod;
pub use stream::EventStream;
pub use task::{HealthCheckResult, Task, TaskIp, TaskState};
