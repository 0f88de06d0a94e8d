//! The server's numbers, with defaults for production. Everything a client can make us hold has a
//! bound here (INV-28); the sizes of bodies are fixed beside the code that reads them.

use std::time::Duration;

pub use crate::console::cookie::Scheme;

/// What the server may be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Connections served at once; one more is answered 503 and closed.
    pub connections_max: usize,
    /// A connection that has not sent a whole head after so long is closed.
    pub head_timeout: Duration,
    /// A body must have arrived whole after so long.
    pub body_timeout: Duration,
    /// A request that is not answered after so long is answered 503; repeating it is safe.
    pub request_timeout: Duration,
    /// Batch files taken in at once: each is held in memory until it is checked.
    pub uploads_max: usize,
    /// Event streams served at once.
    pub streams_max: usize,
    /// Open pages of the console that are told of changes at once.
    pub pages_max: usize,
    /// Files sent at once: exports, reports, results.
    pub exports_max: usize,
    /// A silent event stream carries a comment after so long, so that proxies keep it open.
    pub stream_heartbeat: Duration,
    /// On shutdown, requests at work have so long to end.
    pub drain_timeout: Duration,
    /// How long a key that was found good is taken as good without looking again. A revoked key
    /// works at most so long.
    pub key_cache: Duration,
    /// Who may read `/metrics`.
    pub metrics_access: MetricsAccess,
    /// Where people reach the console, without a path: forms may come from there, and links of
    /// invitation lead there.
    pub public_url: Option<String>,
    /// Whether people reach the console over https.
    pub scheme: Scheme,
}

/// Who may read `/metrics`. The figures name merchants, so nobody from outside reads them freely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Requests from this machine that no proxy has forwarded; all others with a good API key.
    Local,
    /// A good API key is needed, as for the rest of the interface.
    Key,
    /// Everybody who reaches the address.
    Everybody,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            uploads_max: 4,
            streams_max: 64,
            pages_max: 256,
            exports_max: 32,
            stream_heartbeat: Duration::from_secs(15),
            drain_timeout: Duration::from_secs(10),
            key_cache: Duration::from_secs(1),
            metrics_access: MetricsAccess::Local,
            public_url: None,
            scheme: Scheme::Http,
        }
    }
}
