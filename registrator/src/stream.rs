//! Keeps attached to Marathon's event stream.
//!
//! Events sent while nobody was attached are lost, so every attachment is announced: whoever listens reads everything again.

use std::time::{Duration, Instant};

use daemon::backoff::{Backoff, jitter};
use daemon::outage::Outage;
use marathon::{Client, Event};
use tokio::sync::mpsc::Sender;
use tracing::{info, warn};

use crate::trigger::SUBSCRIBED;

/// A stream that lasted this long was a good one; the next attempt comes soon.
const GOOD: Duration = Duration::from_secs(10);

/// What the stream has to tell.
#[derive(Debug)]
pub enum Signal {
    /// From now on every event is told.
    Attached,
    /// It happened.
    Event(Event),
    /// Nothing is told until the next attachment.
    Lost,
}

/// Attaches, again and again, until nobody listens.
///
/// A listener too slow to keep up is dropped by Marathon, attached again here, and reads everything: nothing is lost.
pub async fn follow(client: Client, signals: Sender<Signal>) {
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(15));
    let mut outage = Outage::default();
    while !signals.is_closed() {
        let start = Instant::now();
        let Err(err) = attach(&client, &signals, &mut outage).await else { return };
        if outage.failed(&err, Instant::now()) {
            warn!(error = %err, "Event stream lost");
        }
        if signals.send(Signal::Lost).await.is_err() {
            return;
        }
        if start.elapsed() >= GOOD {
            backoff.reset();
        }
        tokio::time::sleep(backoff.next(jitter())).await;
    }
}

/// Ends without an error when nobody listens any more.
async fn attach(
    client: &Client,
    signals: &Sender<Signal>,
    outage: &mut Outage,
) -> Result<(), marathon::Error> {
    let mut stream = client.events(&SUBSCRIBED).await?;
    let again = outage.recovered(Instant::now());
    let failures = again.map_or(0, |recovery| recovery.failures);
    info!(url = stream.url(), failures, "Event stream attached");
    let mut signal = Signal::Attached;
    while signals.send(signal).await.is_ok() {
        signal = Signal::Event(stream.next().await?);
    }
    Ok(())
}
