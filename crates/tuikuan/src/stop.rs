//! Signals: the first asks for an orderly end, the second ends the process at once.

use anyhow::Context;
use tokio_util::sync::CancellationToken;

/// What a process ended by a second signal says.
const ENDED_AT_ONCE: i32 = 130;

/// Cancels the token at the first SIGINT or SIGTERM; the second ends the process.
pub(crate) fn on_signal(stopping: CancellationToken) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("signals could not be listened to")?;
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping; once more to stop at once");
        stopping.cancel();
        signals.next().await;
        end_at_once();
    });
    Ok(())
}

#[expect(
    clippy::exit,
    reason = "the operator asked twice; the store is safe at every instant"
)]
fn end_at_once() {
    std::process::exit(ENDED_AT_ONCE);
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (interrupt, terminate) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        Ok(Self {
            interrupt,
            terminate,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
