//! What the root of a container owes its processes, with real ones.

#![cfg(test)]

mod exit;
mod init;
mod observe;
mod options;
mod orphans;
mod shell;
mod signals;
mod start;
mod stop;
mod terminal;
