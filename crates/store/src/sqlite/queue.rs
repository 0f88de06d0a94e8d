//! The queue in front of the writing thread: bounded, taken whole. Whoever waits for room waits
//! outside of it; whoever waits for an answer holds a place until the commit is durable.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::CommitError;
use crate::operation::{Answer, Operation};

/// What an operation comes to.
pub(super) type Answered = Result<Answer, CommitError>;

/// Who waits for the answer.
pub(super) type Reply = oneshot::Sender<Answered>;

/// An operation on its way.
pub(super) struct Ticket {
    operation: Operation,
    reply: Reply,
    place: OwnedSemaphorePermit,
}

impl Ticket {
    /// What is to be done, and whom to answer.
    pub(super) fn open(self) -> (Operation, Pending) {
        let pending = Pending {
            reply: self.reply,
            _place: self.place,
        };
        (self.operation, pending)
    }
}

/// An answer that is owed. It holds its place in the queue until it is given.
pub(super) struct Pending {
    reply: Reply,
    _place: OwnedSemaphorePermit,
}

impl Pending {
    pub(super) fn send(self, answer: Answered) {
        // Whoever asked may have gone; what was committed stays committed.
        drop(self.reply.send(answer));
    }
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Ticket>,
    thread: Thread,
    closed: bool,
}

/// What the writing thread does. Only when it sleeps it is woken: that costs a call to the system.
#[derive(Default, PartialEq, Eq)]
enum Thread {
    #[default]
    Awake,
    Asleep,
}

/// The queue.
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    places: Arc<Semaphore>,
}

impl Queue {
    pub(super) fn new(length_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            places: Arc::new(Semaphore::new(length_max.max(1))),
        }
    }

    /// Puts an operation in, waiting for room.
    pub(super) async fn put(&self, operation: Operation, reply: Reply) {
        // The semaphore is never closed; an error would drop the reply, which is an answer too.
        if let Ok(place) = Arc::clone(&self.places).acquire_owned().await {
            self.push(operation, reply, place);
        }
    }

    fn push(&self, operation: Operation, reply: Reply, place: OwnedSemaphorePermit) {
        let mut state = self.lock();
        if state.closed {
            // Dropping the reply says that the store has stopped.
            return;
        }
        state.waiting.push_back(Ticket {
            operation,
            reply,
            place,
        });
        let thread = std::mem::take(&mut state.thread);
        drop(state);
        if thread == Thread::Asleep {
            self.filled.notify_one();
        }
    }

    /// Waits for operations and takes up to `most` of them. `None`: the queue is closed and empty.
    pub(super) fn take(&self, most: usize) -> Option<Vec<Ticket>> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state.thread = Thread::Asleep;
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let count = state.waiting.len().min(most.max(1));
        Some(state.waiting.drain(..count).collect())
    }

    /// No more operations are taken in; those inside are still served.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// No more operations are taken in, and those inside are dropped.
    pub(super) fn abandon(&self) {
        let left = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
