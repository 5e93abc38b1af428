//! What is going to happen in a run, drawn from its seed.

use crate::mix::{MINUTE, Millis, SECOND};
use crate::world::{Happening, Server, World};

impl World {
    /// Draws the changes of the configuration, and the faults among them.
    pub(crate) fn plan(&mut self) {
        self.plan_changes();
        self.horizon = self.horizon.max(10 * MINUTE) + 2 * MINUTE;
        let mix = self.mix;
        self.scatter(mix.crashes, |_, _| Happening::Crash);
        self.scatter(mix.pauses, |world, _| {
            Happening::Pause(world.random.between(SECOND, 60 * SECOND))
        });
        self.scatter(mix.outages, |world, at| {
            let server = *world.random.pick(&[Server::Consul, Server::Marathon]);
            Happening::Outage(server, at + world.random.between(2 * SECOND, 2 * MINUTE))
        });
        self.scatter(mix.revocations, |world, at| {
            Happening::Revoke(at + world.random.between(5 * SECOND, 3 * MINUTE))
        });
        self.scatter(mix.deployments, |world, _| {
            let stalls = world.random.chance(0.3);
            Happening::Deploy(if stalls { world.random.between(MINUTE, 20 * MINUTE) } else { 0 })
        });
        self.scatter(mix.deployments, |world, _| Happening::RollBack(world.random.chance(0.5)));
        self.scatter(mix.refusals, |world, at| {
            Happening::Busy(at + world.random.between(10 * SECOND, 3 * MINUTE))
        });
        self.scatter(mix.holds, |world, at| {
            Happening::Hold(at + world.random.between(MINUTE, 10 * MINUTE))
        });
        self.scatter(mix.resets, |_, _| Happening::Reset);
    }

    /// A tenth of the runs has none, in which nothing may be restarted.
    fn plan_changes(&mut self) {
        if self.random.chance(0.1) {
            return;
        }
        let pace = *self.random.pick(&[15 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE]);
        let (mut at, mut value, mut fresh) = (5 * SECOND, 0, 0);
        for _ in 0..self.random.between(4, 20) {
            at += self.random.between(1, 2 * pace);
            fresh += 1;
            let before = value;
            value = match self.random.between(0, 10) {
                0..6 => fresh,
                // The same value once more.
                6 | 7 => value,
                // An earlier one.
                8 => usize::try_from(self.random.between(0, fresh as u64)).unwrap(),
                // There and back again.
                _ => {
                    self.at(at, Happening::Write(fresh));
                    at += self.random.between(100, 6 * SECOND);
                    before
                }
            };
            self.at(at, Happening::Write(value));
        }
        self.horizon = at;
    }

    fn scatter(&mut self, most: u64, make: impl Fn(&mut Self, Millis) -> Happening) {
        if most == 0 {
            return;
        }
        for _ in 0..self.random.between(0, most + 1) {
            let at = self.random.between(10 * SECOND, self.horizon);
            let what = make(self, at);
            self.at(at, what);
        }
    }
}
