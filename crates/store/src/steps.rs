//! Room for others around a write, for whoever drives the futures himself: deterministic simulations.

use std::task::Poll;

use crate::store::Writing;

/// Whether others may run before and after a write of the caller's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steps {
    None,
    Around,
}

impl Steps {
    /// Of somebody who opens a store.
    pub(crate) const fn of(writing: Writing) -> Self {
        match writing {
            Writing::Stepped => Self::Around,
            Writing::Thread | Writing::Inline => Self::None,
        }
    }

    /// Lets others run, once.
    pub(crate) async fn pause(self) {
        let mut left = self == Self::Around;
        std::future::poll_fn(|context| {
            if !std::mem::take(&mut left) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
