//! Mirrors Marathon tasks into Consul services.
