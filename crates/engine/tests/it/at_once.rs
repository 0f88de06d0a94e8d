//! The answer of a store, for tests and simulations that are not asynchronous.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

/// The answer of a future that does not wait, or that waits for a database while a runtime is there.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(answer) => answer,
        Poll::Pending => match Handle::try_current() {
            Ok(runtime) => runtime.block_on(future),
            Err(_) => panic!("it waits"),
        },
    }
}
