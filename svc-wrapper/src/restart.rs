//! The restart protocol: one effective change of configuration, one rolling restart of the app (pure).
//!
//! Every instance of an app runs this machine. `D` is the digest of the configuration as it is, `Hb` of the one this
//! instance's child was started with, `V` the app version this task was launched as, `L` the version at which the app
//! last changed its configuration or was restarted.
//!
//! - An instance wants a restart while `D ≠ Hb`: a level, so that a lost message, an outage or a crash only delays it.
//! - It is *doomed* when `V < L`: Marathon will replace it anyway. One request makes every living instance doomed, so
//!   none of them can want another for the same change, and those that replace them start with the new configuration.
//! - Marathon refuses (409) a restart while the app is being deployed. Nothing here forces one, unless it was asked to.
//! - The lock spares Marathon the crowd. Under it, everything is read again before the one request is sent, the intent is
//!   written down before that, and the lock is given back when the effect is seen and recorded. An intent without a record
//!   of its effect is the memory of a holder that died: `L` says whether its request arrived.
//!
//! | state | meaning | leaves for |
//! | --- | --- | --- |
//! | sync | `D = Hb` | settle, when that changes |
//! | settle | `D ≠ Hb`, changed a moment ago | sync when it flips back, check when it stays |
//! | hold | what Consul answers cannot be trusted; operators paused restarts; it is too early for the next one | settle or check, when the cause is gone |
//! | check | asks Marathon about the app | doomed, wait-deployment, elect, hold, blocked |
//! | wait-deployment | the app is being deployed | check, when it no longer is; elect, when it is stuck and something may be done |
//! | doomed | Marathon replaces this task | check, when a rollback saved it |
//! | elect | wants the lock | verify with the lock, check after another gave it back, hold |
//! | verify | reads all again under the lock | intend, record, leaving, or what the answers say |
//! | intend | writes the intent | post; check when it could not be written |
//! | post | asks Marathon to restart the app | ambiguous, wait-deployment, check, record |
//! | ambiguous | asked, effect not seen yet | record, or what the app shows; check when it shows nothing for 30 s |
//! | record | writes down what came of it | what the app shows; verify after a repair; blocked |
//! | blocked | Marathon refused for good | check after 5 minutes or with the next change |
//! | leaving | the command is being ended | – |
//!
//! With [`Way::Signal`] settle leads to a signal and sync. With [`Way::Exit`] it leads to elect, and verify to leaving.

use std::time::Duration;

mod action;
mod event;
pub mod flap;
pub mod intent;
mod moment;
mod policy;
mod protocol;
mod state;
mod stuck;
#[cfg(test)]
mod tests;

pub use action::{Action, Delay, Request};
pub use event::{
    Accepted, Answer, App, Bar, Election, Event, Fault, Found, Posted, Progress, Slot, Task,
    Unusable, Wanted, Written,
};
pub use moment::Moment;
pub use policy::{Identity, Policy, Way};
pub use protocol::Instance;
pub use state::{Cause, Draft, Next, State, Tenure, Ticket};
pub use stuck::Stuck;

/// How long a session lives without a renewal; Consul takes up to twice as long to notice a dead one.
pub const LEASE: Duration = Duration::from_secs(15);
/// The part of a lease in which no request is sent any more, because its answer may come after the end.
pub const MARGIN: Duration = Duration::from_secs(5);
/// How long Marathon may take to show the effect of a request whose answer is not known.
pub const DOUBT: Duration = Duration::from_secs(30);
/// How long a change may be kept from settling by further ones.
pub const LONGEST_SETTLE: Duration = Duration::from_secs(30);
pub(crate) const BLOCKED: Duration = Duration::from_mins(5);
/// How long a hold rests on what was read, so that operators may shorten it.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_mins(1);
