//! What the catalog means for a load balancer.
//!
//! Tags say which services are reached where; this is where they are read, checked and, when two services want the
//! same thing, decided. The shipped templates only print the result. Everything here is pure, but for [`driver`] and [`reload`],
//! which bring a running HAProxy to its file.
//!
//! # Layout
//!
//! - [`driver`]: a running HAProxy told what has changed, without a reload where that is possible.
//! - [`names`]: which names, hosts and addresses may enter HAProxy's configuration, and how a text is quoted.
//! - [`tags`]: tags to what they ask for.
//! - [`reload`]: a HAProxy told to load its new file, through its master's socket.
//! - [`routes`]: the catalog to the routing table: one winner for every port and host.
//! - [`servers`]: the instances of a service to the servers of a backend.
//! - [`settings`]: how a backend treats its traffic, by tags.
//! - [`site`]: what a site says about routing.
//! - [`users`]: the users of a service, from a key.

pub mod driver;
pub mod names;
pub mod reload;
pub mod routes;
pub mod servers;
pub mod settings;
pub mod site;
pub mod tags;
pub mod users;
