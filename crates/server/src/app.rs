//! What all handlers share. Passed to each; there are no globals.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tuikuan_engine::Engine;

use crate::auth::Keys;
use crate::console::Console;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::settings::Settings;

/// What all handlers share.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) metrics: Metrics,
    /// What the console keeps beside the store.
    pub(crate) console: Console,
    /// One permit for each file that is taken in, from its first byte until it is checked.
    pub(crate) uploads: Arc<Semaphore>,
    /// One place for each event stream.
    pub(crate) streams: Places,
    /// One place for each open page that is told of changes.
    pub(crate) pages: Places,
    /// One place for each file that is sent.
    pub(crate) exports: Places,
    /// Every task the server starts.
    pub(crate) tasks: TaskTracker,
    /// Turns when the server is told to stop.
    pub(crate) stopping: CancellationToken,
    /// The OpenAPI document, written once.
    pub(crate) openapi: Bytes,
}

/// A handle on [`Shared`].
pub(crate) type App = Arc<Shared>;
