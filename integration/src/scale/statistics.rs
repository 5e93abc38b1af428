//! Percentiles of a few dozen times.

use std::time::Duration;

/// What a series of times is told as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Half of them are at most this.
    pub median: Duration,
    /// 99 of a hundred are at most this: with less than a hundred the longest.
    pub p99: Duration,
}

impl Summary {
    /// The summary of some times; nothing of none.
    pub fn of(times: &[Duration]) -> Option<Self> {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        Some(Self { median: percentile(&sorted, 50)?, p99: percentile(&sorted, 99)? })
    }
}

/// The nearest rank: the smallest value that at least `percent` of a hundred do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times =
            |numbers: &[u64]| numbers.iter().map(|n| Duration::from_millis(*n)).collect::<Vec<_>>();
        let hundred: Vec<_> = (1..=200).rev().collect();
        for (numbers, want) in [
            (&[][..], None),
            (&[7], Some((7, 7))),
            (&[4, 1, 3, 2], Some((2, 4))),
            (&[3, 1, 2], Some((2, 3))),
            (&hundred, Some((100, 198))),
        ] {
            let want = want.map(|(median, p99)| Summary {
                median: Duration::from_millis(median),
                p99: Duration::from_millis(p99),
            });
            assert_eq!(Summary::of(&times(numbers)), want, "{numbers:?}");
        }
    }
}
