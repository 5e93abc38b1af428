//! How often an app may be restarted (pure).
//!
//! An app that writes into its own prefix, or a tool that rewrites a value again and again, would be restarted without end.
//! Five restarts within half an hour are taken for that: from then on each pause is twice as long as the last, up to an
//! hour, until the app was left alone for an hour during which it could have been restarted.

use std::time::Duration;

use super::moment::Moment;

/// How many restarts are too many,
pub const TOO_MANY: usize = 5;
/// within which time.
pub const WITHIN: Duration = Duration::from_mins(30);
/// The longest pause, and how long must be quiet to forget the past.
pub const LONGEST_PAUSE: Duration = Duration::from_hours(1);
const FIRST_PAUSE: Duration = Duration::from_mins(5);
/// More only say what these do.
const KEPT: usize = 16;

/// The restarts that count, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window(Vec<Moment>);

impl Window {
    /// Restarts as they were recorded.
    pub fn new(mut moments: Vec<Moment>) -> Self {
        moments.sort_unstable();
        Self(moments)
    }

    /// Oldest first.
    pub fn moments(&self) -> &[Moment] {
        &self.0
    }

    /// The window with one more restart. `barred` is how long the last one barred the next.
    #[must_use]
    pub fn restarted(&self, barred: Moment, now: Moment) -> Self {
        let quiet = now.since(barred) >= LONGEST_PAUSE;
        let mut moments = if quiet { Vec::new() } else { self.0.clone() };
        moments.push(now);
        moments.sort_unstable();
        match evidence(&moments) {
            // What came before proves nothing any more, and what comes between only fills the list.
            Some(start) => {
                drop(moments.drain(..start));
                while moments.len() > KEPT {
                    moments.remove(TOO_MANY);
                }
            }
            None => moments.retain(|moment| now.since(*moment) < WITHIN),
        }
        Self(moments)
    }

    /// The window without its latest restart, which did not happen.
    #[must_use]
    pub fn withdrawn(mut self) -> Self {
        self.0.pop();
        self
    }

    /// How long after its latest restart the next one has to wait.
    pub fn pause(&self) -> Duration {
        let Some(start) = evidence(&self.0) else { return Duration::ZERO };
        let doublings = self.0.len().saturating_sub(start + TOO_MANY);
        let factor = u32::try_from(doublings).ok().and_then(|power| 2_u32.checked_pow(power));
        FIRST_PAUSE.saturating_mul(factor.unwrap_or(u32::MAX)).min(LONGEST_PAUSE)
    }
}

/// Where too many restarts within the time begin.
fn evidence(moments: &[Moment]) -> Option<usize> {
    moments.windows(TOO_MANY).position(|run| match run {
        [first, .., last] => last.since(*first) < WITHIN,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: u64) -> Moment {
        Moment::from_millis(1_000_000_000_000 + minute * 60_000)
    }

    /// The pauses, in minutes, after restarts at those minutes.
    fn pauses(minutes: &[u64]) -> Vec<u64> {
        let mut window = Window::default();
        let mut barred = minute(0);
        let mut pauses = Vec::new();
        for at in minutes {
            window = window.restarted(barred, minute(*at));
            barred = minute(*at).after(window.pause());
            pauses.push(window.pause().as_secs() / 60);
        }
        pauses
    }

    #[test]
    fn lets_five_pass_and_then_slows_down() {
        assert_eq!(pauses(&[0, 1, 2, 3]), [0, 0, 0, 0]);
        assert_eq!(pauses(&[0, 1, 2, 3, 4, 9, 19, 39, 79]), [0, 0, 0, 0, 5, 10, 20, 40, 60]);
        assert_eq!(pauses(&[0, 8, 16, 24, 32, 40]), [0; 6], "slow enough");
    }

    #[test]
    fn an_app_that_never_stops_is_restarted_once_an_hour() {
        let (mut window, mut now, mut barred) = (Window::default(), minute(0), minute(0));
        for restart in 0..1_000 {
            window = window.restarted(barred, now);
            barred = now.after(window.pause());
            assert!(restart < 9 || window.pause() == LONGEST_PAUSE, "{restart}");
            assert!(window.moments().len() <= KEPT && window.moments().is_sorted());
            now = barred.after(Duration::from_secs(1));
        }
    }

    #[test]
    fn forgets_after_an_hour_in_which_nobody_wanted_one() {
        assert_eq!(pauses(&[0, 1, 2, 3, 4, 68, 69]), [0, 0, 0, 0, 5, 10, 20]);
        assert_eq!(pauses(&[0, 1, 2, 3, 4, 69, 70]), [0, 0, 0, 0, 5, 0, 0]);
    }
}
