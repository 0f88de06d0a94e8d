//! A stream that breaks after a number of bytes (F-4): what a caller sees when the network fails
//! in the middle of an answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// No limit.
const NEVER: usize = usize::MAX;

/// How many bytes may still leave on a connection.
#[derive(Clone)]
pub(super) struct Cut(Arc<AtomicUsize>);

impl Default for Cut {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(NEVER)))
    }
}

impl Cut {
    /// The connection breaks after that many further bytes.
    pub(super) fn after(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Release);
    }
}

/// The stream below HTTP.
pub(super) struct CutStream<S> {
    inner: S,
    cut: Cut,
}

impl<S> CutStream<S> {
    pub(super) fn new(inner: S, cut: Cut) -> Self {
        Self { inner, cut }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CutStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CutStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.cut.0.load(Ordering::Acquire);
        if left == 0 {
            // What was allowed must still arrive.
            ready!(Pin::new(&mut self.inner).poll_flush(context))?;
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let allowed = bytes.get(..left.min(bytes.len())).unwrap_or(bytes);
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, allowed))?;
        if left != NEVER {
            self.cut.0.store(left - written, Ordering::Release);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
