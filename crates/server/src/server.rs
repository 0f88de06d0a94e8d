//! The server: connections in, answers out, and an orderly end. Every connection and every task is
//! tracked; nothing outlives [`Server::serve`].

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tuikuan_engine::Engine;

use crate::app::App;
use crate::code::Code;
use crate::gate::Peer;
use crate::metrics::Open;
use crate::problem::{PROBLEM_JSON, Problem};
use crate::route::{router, shared};
use crate::settings::Settings;

/// Header lines of one request beyond which it is refused (431).
const HEADERS_MAX: usize = 64;

/// The largest head of a request, and the read buffer of a connection.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// After a failed accept (no file descriptor is left, say) the next one waits so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often the use of keys is noted in the store.
const KEY_USE_NOTED_EVERY: Duration = Duration::from_secs(10);

/// What a server is made of.
pub struct ServerParts {
    /// The engine it is the surface of.
    pub engine: Engine,
    /// Its numbers.
    pub settings: Settings,
}

/// The HTTP surface of an engine.
pub struct Server {
    app: App,
    router: Router,
    /// What a connection hears that finds all others in use.
    full: Vec<u8>,
}

impl Server {
    /// A server that does not listen yet.
    #[must_use]
    pub fn new(parts: ServerParts) -> Self {
        let app = shared(parts.engine, parts.settings, CancellationToken::new());
        let router = router(&app);
        Self {
            app,
            router,
            full: full(),
        }
    }

    /// The router alone, for calls without a connection.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves until `shutdown`, then lets requests at work end for a while.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let app = &self.app;
        app.tasks.spawn(note_used_keys(Arc::clone(app)));
        let permits = Arc::new(Semaphore::new(app.settings.connections_max));
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.admit(stream, &permits),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        app.stopping.cancel();
        app.tasks.close();
        if tokio::time::timeout(app.settings.drain_timeout, app.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some requests had not ended when the server stopped");
        }
    }

    fn admit(&self, stream: TcpStream, permits: &Arc<Semaphore>) {
        match Arc::clone(permits).try_acquire_owned() {
            Ok(permit) => {
                let app = Arc::clone(&self.app);
                self.app
                    .tasks
                    .spawn(connection(app, self.router.clone(), stream, permit));
            }
            Err(_) => {
                self.app.metrics.connections_refused.inc();
                refuse(stream, &self.full);
            }
        }
    }
}

/// The whole answer to a connection for which there is no room.
fn full() -> Vec<u8> {
    let body = Problem::new(Code::TOO_MANY_CONNECTIONS, "all connections are in use").bytes();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {PROBLEM_JSON}\r\nretry-after: 2\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

/// Tells a connection that there is no room. The answer fits in the socket's buffer, so that
/// nothing waits; a client that is gone already hears nothing.
fn refuse(stream: TcpStream, answer: &[u8]) {
    let sent = stream
        .into_std()
        .and_then(|mut socket| socket.write_all(answer));
    if let Err(error) = sent {
        tracing::debug!(%error, "a refused connection was already gone");
    }
}

async fn connection(app: App, router: Router, stream: TcpStream, permit: OwnedSemaphorePermit) {
    let _open = (Open::count(&app), permit);
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone at once");
        return;
    }
    let Ok(peer) = stream.peer_addr().map(|address| Peer(address.ip())) else {
        return;
    };
    let service = TowerToHyperService::new(router.map_request(
        move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            request
        },
    ));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.settings.head_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let mut stopping = false;
    loop {
        tokio::select! {
            end = serving.as_mut() => {
                if let Err(error) = end {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = app.stopping.cancelled(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Notes in the store which keys were used, some time later and not for every request.
async fn note_used_keys(app: App) {
    loop {
        let stop = tokio::select! {
            () = app.stopping.cancelled() => true,
            () = tokio::time::sleep(KEY_USE_NOTED_EVERY) => false,
        };
        for (key, at) in app.keys.take_used() {
            if let Err(error) = app.engine.store().touch_key(key, at).await {
                tracing::warn!(%error, "the use of a key could not be noted");
            }
        }
        if stop {
            return;
        }
    }
}
