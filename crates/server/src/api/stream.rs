//! `GET /v1/stream`: every event the caller may see, as server-sent events. The id of a message is
//! the event's place among all events, so a reader that lost its connection resumes with
//! `Last-Event-ID` and misses nothing. Slow readers are waited for, never skipped: what was not
//! sent yet is read from the store again. The stream ends with the key: when it is revoked or has
//! expired, when its owner is, or when it covers other merchants than at the beginning (INV-34).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tuikuan_domain::MerchantName;
use tuikuan_store::{Merchants, ReadError, StoredEvent};

use crate::app::{App, Shared};
use crate::auth::Caller;
use crate::code::Code;
use crate::documentation::ReadProblems;
use crate::parameters::Parameters;
use crate::places::Place;
use crate::policy::Permission;
use crate::problem::{Fault, Problem};
use crate::shape::EventBody;

/// Events read from the store at once.
const BATCH_MAX: u32 = 100;

/// Messages that wait for a slow reader: what waits leaves even if the key is revoked meanwhile.
const QUEUE_MAX: usize = 4;

/// Commits that come closer together than this are read together.
const GATHER: Duration = Duration::from_millis(20);

/// The key is looked at again this often while nothing happens.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// All events as they happen, as server-sent events.
///
/// Begins now, or after the event named by `Last-Event-ID` (or `after`). Each message has the
/// event's place as its id, the event's type, and the event as JSON data. Comments keep the
/// connection open. When the server stops or the key may not hear all of it any more, the stream
/// ends; resume with the last id.
#[utoipa::path(get, operation_id = "stream_events", path = "/v1/stream", tag = "events",
    params(("Last-Event-ID" = Option<i64>, Header, description = "The id of the last message seen"),
        ("after" = Option<i64>, Query, description = "The same as a parameter; the header wins"),
        ("merchant" = Option<String>, Query, description = "Events of this merchant only")),
    responses((status = 200, description = "Messages without end", content_type = "text/event-stream", body = String), ReadProblems))]
pub(crate) async fn stream(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(request.uri());
    let after = parameters.parsed::<i64>("after");
    let merchant = parameters.parsed::<MerchantName>("merchant");
    parameters.finish()?;
    let allowed = match merchant {
        Some(name) => {
            crate::api::merchant(&app, &caller, &name)?;
            Merchants::Only(vec![name])
        }
        None => caller.merchants.clone(),
    };
    let after = last_event_id(request.headers())?.or(after);
    let position = after.unwrap_or_else(|| *app.engine.subscribe().borrow());
    let Some(place) = app.streams.take(&caller.by()) else {
        return Err(Problem::new(
            Code::TOO_MANY_STREAMS,
            "all event streams are in use, or all that one key may have",
        ));
    };
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let reader = Reader {
        sender,
        caller,
        allowed,
        position,
        _place: place,
    };
    app.tasks.spawn(reader.run(Arc::clone(&app)));
    let heartbeat = KeepAlive::new()
        .interval(app.settings.stream_heartbeat)
        .text("still here");
    Ok(Sse::new(ReceiverStream::new(receiver))
        .keep_alive(heartbeat)
        .into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    match value.to_str().ok().and_then(|text| text.parse().ok()) {
        Some(position) => Ok(Some(position)),
        None => {
            let message = "Last-Event-ID is the id of a message of this stream";
            Err(Problem::parameters(vec![Fault::parameter(
                "Last-Event-ID",
                "format",
                message,
            )]))
        }
    }
}

type Message = Result<Event, Infallible>;

/// One client of the stream.
struct Reader {
    sender: mpsc::Sender<Message>,
    caller: Arc<Caller>,
    allowed: Merchants,
    position: i64,
    _place: Place,
}

/// The stream has come to its end: the client went away or may not listen any more, or events
/// cannot be read.
struct Gone;

impl Reader {
    async fn run(mut self, app: App) {
        let mut committed = app.engine.subscribe();
        loop {
            let step = async {
                if self.send_all(&app).await.is_err() {
                    return Err(Gone);
                }
                let gone = self.sender.closed();
                tokio::select! {
                    () = gone => return Err(Gone),
                    changed = committed.changed() => if changed.is_err() { return Err(Gone) },
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                tokio::time::sleep(GATHER).await;
                Ok(())
            };
            tokio::select! {
                () = app.stopping.cancelled() => return,
                end = step => if end.is_err() { return },
            }
        }
    }

    /// Sends everything after the position reached.
    async fn send_all(&mut self, app: &Shared) -> Result<(), Gone> {
        loop {
            self.still_welcome(app).await?;
            let found = app
                .engine
                .store()
                .events_after(self.position, &self.allowed, BATCH_MAX)
                .await;
            let (events, reached) = found.map_err(|error| unreadable(&error))?;
            for event in &events {
                self.send(app, event).await?;
            }
            if reached <= self.position {
                return Ok(());
            }
            self.position = reached;
        }
    }

    /// Sends one event as soon as there is room for it, if the key is still good then.
    async fn send(&self, app: &Shared, event: &StoredEvent) -> Result<(), Gone> {
        let place = loop {
            match tokio::time::timeout(LOOK_EVERY, self.sender.reserve()).await {
                Ok(place) => break place.map_err(|_foreign| Gone)?,
                Err(_late) => self.still_welcome(app).await?,
            }
        };
        self.still_welcome(app).await?;
        place.send(Ok(message(event)));
        Ok(())
    }

    async fn still_welcome(&self, app: &Shared) -> Result<(), Gone> {
        let (store, now) = (app.engine.store(), app.engine.now());
        let good = app
            .keys
            .still_welcome(&self.caller, (store, now), Permission::View);
        if good.await { Ok(()) } else { Err(Gone) }
    }
}

fn unreadable(error: &ReadError) -> Gone {
    tracing::error!(%error, "an event stream ended: events could not be read");
    Gone
}

/// Text and numbers under fixed names: this cannot fail to be JSON.
fn message(event: &StoredEvent) -> Event {
    let data = serde_json::to_string(&EventBody::of(event)).unwrap_or_default();
    Event::default()
        .id(event.position.to_string())
        .event(event.kind.type_name())
        .data(data)
}
