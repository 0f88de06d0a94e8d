//! `GET /console/stream`: tells an open page that something it shows has changed; the page then
//! fetches itself. With `?refund=` only what concerns that refund counts. The stream ends with the
//! session.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tuikuan_domain::RefundId;

use super::fault::Fault;
use super::session;
use super::visit::Visit;
use crate::app::{App, Shared};
use crate::places::Place;

/// Events read from the store at once.
const BATCH_MAX: u32 = 200;

/// Changes that come closer together than this are told once.
const GATHER: Duration = Duration::from_millis(200);

/// The session is looked at again this often while nothing happens.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// What a page wants to hear of.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Wanted {
    refund: Option<String>,
}

/// `GET /console/stream`.
pub(crate) async fn changes(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Fault> {
    let refund = match wanted.refund {
        Some(id) => Some(id.parse::<RefundId>().map_err(|_foreign| Fault::NotFound)?),
        None => None,
    };
    let place = app.pages.take(&visit.by()).ok_or(Fault::TooMany)?;
    let (sender, receiver) = mpsc::channel(1);
    let position = *app.engine.subscribe().borrow();
    let watcher = Watcher {
        sender,
        visit,
        refund,
        position,
        _place: place,
    };
    app.tasks.spawn(watcher.run(Arc::clone(&app)));
    let heartbeat = KeepAlive::new().interval(app.settings.stream_heartbeat);
    Ok(Sse::new(ReceiverStream::new(receiver))
        .keep_alive(heartbeat)
        .into_response())
}

type Message = Result<Event, Infallible>;

/// One open page.
struct Watcher {
    sender: mpsc::Sender<Message>,
    visit: Arc<Visit>,
    refund: Option<RefundId>,
    position: i64,
    _place: Place,
}

/// The page is gone, or may not listen any more.
struct Gone;

impl Watcher {
    async fn run(mut self, app: App) {
        let mut committed = app.engine.subscribe();
        loop {
            let step = async {
                let gone = self.sender.closed();
                tokio::select! {
                    () = gone => return Err(Gone),
                    changed = committed.changed() => if changed.is_err() { return Err(Gone) },
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                tokio::time::sleep(GATHER).await;
                self.tell(&app).await
            };
            tokio::select! {
                () = app.stopping.cancelled() => return,
                end = step => if end.is_err() { return },
            }
        }
    }

    async fn tell(&mut self, app: &Shared) -> Result<(), Gone> {
        self.still_welcome(app).await?;
        if self.concerns(app).await? {
            let message = Event::default().event("changed").data("{}");
            self.sender
                .send(Ok(message))
                .await
                .map_err(|_foreign| Gone)?;
        }
        Ok(())
    }

    /// Whether anything after the position reached concerns the page.
    async fn concerns(&mut self, app: &Shared) -> Result<bool, Gone> {
        let mut concerned = false;
        loop {
            let allowed = &self.visit.merchants;
            let found = app
                .engine
                .store()
                .events_after(self.position, allowed, BATCH_MAX)
                .await;
            let (events, reached) = found.map_err(|error| {
                tracing::error!(%error, "a page's stream ended: events could not be read");
                Gone
            })?;
            let refund = self.refund.as_ref();
            concerned |= events
                .iter()
                .any(|event| refund.is_none_or(|id| event.refund_id == *id));
            if reached <= self.position {
                return Ok(concerned);
            }
            self.position = reached;
        }
    }

    /// A session that was revoked hears nothing more.
    async fn still_welcome(&self, app: &Shared) -> Result<(), Gone> {
        let store = app.engine.store();
        let session = store.session(&self.visit.session.hash).await;
        let user = store.user(&self.visit.user.id).await;
        let (Ok(Some(session)), Ok(Some(user))) = (session, user) else {
            return Err(Gone);
        };
        let same = user.disabled_at.is_none() && user.scope == self.visit.user.scope;
        if same && session::lives(&session, app.engine.now()) {
            Ok(())
        } else {
            Err(Gone)
        }
    }
}
