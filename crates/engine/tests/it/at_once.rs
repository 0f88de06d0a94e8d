//! What SQLite answers without waiting, for tests and simulations that are not asynchronous.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The answer of a future that never waits.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}
