//! Configuration: from what is in a real Consul to what the child of the real program has.

#![cfg(test)]

mod access;
mod fixture;
mod rows;
mod show;
mod start;
mod table;
