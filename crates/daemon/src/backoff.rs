//! How long to wait before the next attempt.

use std::time::Duration;

/// Exponential back-off with full jitter.
///
/// Attempt *n* waits a random time between `min` and `min × 2ⁿ`, at most `max`. Full jitter spreads clients that failed
/// together; the random number comes from the caller, so that the rule itself is a function of its arguments.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// A back-off between `min` and `max`; a `max` below `min` counts as `min`.
    pub fn new(min: Duration, max: Duration) -> Self {
        Self { min, max: max.max(min), failures: 0 }
    }

    /// Counts a failure and says how long to wait; `random` is taken from `0.0..1.0`.
    pub fn next(&mut self, random: f64) -> Duration {
        let factor = 2_u32.checked_pow(self.failures).unwrap_or(u32::MAX);
        let ceiling = self.min.saturating_mul(factor).min(self.max);
        self.failures = self.failures.saturating_add(1);
        self.min + ceiling.saturating_sub(self.min).mul_f64(random.clamp(0.0, 1.0))
    }

    /// Starts again at `min`, after a success.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A random number from `0.0..1.0` for [`Backoff::next`].
///
/// Jitter needs spread, not secrecy: the standard library's randomly seeded hasher is enough and costs no dependency.
pub fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = u32::try_from(RandomState::new().hash_one(0_u8) >> 32).unwrap_or_default();
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_up_to_the_maximum_and_starts_again() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let waits: Vec<u64> = (0..5).map(|_| backoff.next(1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.next(1.0), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn stays_within_its_bounds(randoms in prop::collection::vec(0.0..1.0, 1..80)) {
            let (min, max) = (Duration::from_millis(100), Duration::from_mins(1));
            let mut backoff = Backoff::new(min, max);
            for random in randoms {
                let wait = backoff.next(random);
                prop_assert!(min <= wait && wait <= max);
            }
        }
    }

    #[test]
    fn jitter_is_a_fraction_and_varies() {
        let randoms: Vec<f64> = (0..100).map(|_| jitter()).collect();
        assert!(randoms.iter().all(|random| (0.0..1.0).contains(random)));
        assert!(
            randoms.iter().any(|random| *random < 0.5)
                && randoms.iter().any(|random| *random >= 0.5)
        );
    }
}
