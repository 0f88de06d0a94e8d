//! A future that waits to be driven, by whom the seed says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tuikuan_domain::{BatchId, Refund};
use tuikuan_engine::batch::BatchError;
use tuikuan_engine::step::Work;
use tuikuan_engine::{EngineError, LedgerError, Received, Registered, Requested};

/// Set when the future wants to be polled.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How a task ended.
pub(crate) enum Done {
    /// Jobs were claimed.
    Claimed(Result<Vec<Work>, LedgerError>),
    /// A job was run.
    Ran(Result<(), LedgerError>),
    /// A client asked for a refund.
    Asked(Result<Requested, EngineError>),
    /// A client wanted something of a refund.
    Commanded(Result<Refund, EngineError>),
    /// A payment was registered.
    Registered(Result<Registered, EngineError>),
    /// A notification was taken in.
    Received(Received),
    /// A file was brought.
    Brought(Result<BatchId, BatchError>),
    /// Something was done to a batch.
    Steered(Result<(), BatchError>),
}

/// What a task is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    Claim,
    /// The key of a job.
    Job(String),
    /// Which ask.
    Ask(usize),
    Command(usize),
    /// Which order.
    Register(usize),
    /// Which file.
    Bring(usize),
    Steer(usize),
    /// A notification: its attempt, and whether it has to be understood.
    Notice {
        attempt: Option<u64>,
        true_one: bool,
    },
}

/// A task of one node.
pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) node: u64,
    pub(crate) about: About,
    flag: Arc<Flag>,
    waker: Waker,
    future: Pin<Box<dyn Future<Output = Done> + Send>>,
}

impl Task {
    pub(crate) fn new(
        (id, node): (u64, u64),
        about: About,
        future: impl Future<Output = Done> + Send + 'static,
    ) -> Self {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        Self {
            id,
            node,
            about,
            waker: Waker::from(Arc::clone(&flag)),
            flag,
            future: Box::pin(future),
        }
    }

    pub(crate) fn ready(&self) -> bool {
        self.flag.0.load(Ordering::Relaxed)
    }

    pub(crate) fn poll(&mut self) -> Option<Done> {
        self.flag.0.store(false, Ordering::Relaxed);
        match self
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker))
        {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }
}
