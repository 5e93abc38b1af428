//! SIGTERM and SIGINT as a token.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// A token that is cancelled by the first SIGTERM or SIGINT.
///
/// The second such signal ends the process at once with [`Exit::Failure`], for operators who do not want to wait for an
/// orderly end.
///
/// # Errors
///
/// When the handlers cannot be installed. Must be called within a tokio runtime.
pub fn on_signal() -> io::Result<CancellationToken> {
    let stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal finds the flag unset and sets it, the second finds it set and leaves.
        signal_hook::flag::register_conditional_shutdown(
            signal,
            Exit::Failure as i32,
            Arc::clone(&stopping),
        )?;
        signal_hook::flag::register(signal, Arc::clone(&stopping))?;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal, "Stopping");
        cancel.cancel();
    });
    Ok(token)
}
