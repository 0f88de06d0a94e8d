//! What others see of the writes of this process: that jobs changed, how far events have come, and
//! whether writing has ended for good.

use tokio::sync::watch;

use crate::error::{CommitError, Fatal};

/// What others are told once the transaction is durable.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effects {
    pub(crate) jobs: bool,
    pub(crate) position: Option<i64>,
}

/// What the others see of the writer.
#[derive(Debug)]
pub(crate) struct Signals {
    pub(crate) fatal: watch::Sender<Option<Fatal>>,
    pub(crate) jobs: watch::Sender<u64>,
    pub(crate) events: watch::Sender<i64>,
}

impl Signals {
    pub(crate) fn new() -> Self {
        Self {
            fatal: watch::Sender::new(None),
            jobs: watch::Sender::new(0),
            events: watch::Sender::new(0),
        }
    }

    pub(crate) fn tell(&self, effects: Effects) {
        if effects.jobs {
            self.jobs
                .send_modify(|count| *count = count.wrapping_add(1));
        }
        if let Some(position) = effects.position {
            // Two writers may be here at once: it only ever grows.
            self.events.send_if_modified(|last| {
                let further = position > *last;
                if further {
                    *last = position;
                }
                further
            });
        }
    }

    pub(crate) fn stop(&self, reason: &str) {
        self.fatal.send_if_modified(|fatal| {
            let first = fatal.is_none();
            if first {
                tracing::error!(reason, "the database cannot be trusted any more");
                *fatal = Some(Fatal {
                    reason: reason.to_owned(),
                });
            }
            first
        });
    }

    /// What is answered after the end.
    pub(crate) fn stopped(&self) -> CommitError {
        let reason = match &*self.fatal.borrow() {
            Some(fatal) => fatal.reason.clone(),
            None => "it was closed".to_owned(),
        };
        CommitError::Stopped { reason }
    }
}
