//! Waiting for a condition, never for an amount of time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Short enough to add nothing noticeable to a test, long enough not to compete with what is waited for.
const POLL: Duration = Duration::from_millis(20);

/// Asks `check` again and again until it answers `Ok`, and returns that answer.
///
/// # Errors
///
/// After `deadline`, with `what` was waited for and what `check` said last.
pub async fn within<T>(
    what: &str,
    deadline: Duration,
    mut check: impl AsyncFnMut() -> Result<T, String>,
) -> anyhow::Result<T> {
    let end = Instant::now() + deadline;
    loop {
        match check().await {
            Ok(found) => return Ok(found),
            Err(why) if Instant::now() >= end => {
                anyhow::bail!("waited {deadline:?} for {what}; at last: {why}")
            }
            Err(_) => sleep(POLL).await,
        }
    }
}

/// [`within`] for tests.
///
/// # Panics
///
/// Where [`within`] has an error.
///
/// # Examples
///
/// ```no_run
/// # async fn example() {
/// use integration::rig::eventually::eventually;
/// use std::time::Duration;
///
/// let pid = eventually("the pid file", Duration::from_secs(5), async || {
///     std::fs::read_to_string("/run/program.pid").map_err(|err| err.to_string())
/// })
/// .await;
/// # }
/// ```
#[expect(clippy::panic, reason = "a condition that never comes true is the failure of the test")]
pub async fn eventually<T>(
    what: &str,
    deadline: Duration,
    check: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    match within(what, deadline, check).await {
        Ok(found) => found,
        Err(error) => panic!("{error}"),
    }
}

/// [`eventually`] for a plain yes or no.
///
/// # Panics
///
/// After `deadline`, with `what` was waited for.
pub async fn eventually_true(what: &str, deadline: Duration, mut check: impl AsyncFnMut() -> bool) {
    eventually(
        what,
        deadline,
        async || {
            if check().await { Ok(()) } else { Err("not yet".to_owned()) }
        },
    )
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn returns_the_first_answer() {
        let mut asked = 0;
        let got = eventually("three", Duration::from_secs(5), async || {
            asked += 1;
            if asked == 3 { Ok(asked) } else { Err("too early".to_owned()) }
        })
        .await;
        assert_eq!(got, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "for the impossible; at last: still no")]
    async fn panics_with_the_last_reason() {
        let check = async || Err::<(), _>("still no".to_owned());
        eventually("the impossible", Duration::from_millis(1), check).await;
    }
}
