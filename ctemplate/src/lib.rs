//! Renders templates from Consul and keeps them current.
