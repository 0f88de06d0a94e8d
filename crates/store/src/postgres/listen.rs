//! What the nodes tell each other: that jobs changed, and how far events have come. Told after the
//! commit, on a connection of its own, some at a time; a look each second catches what was not heard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, Notification};

use crate::postgres::Shared;
use crate::postgres::open::Connector;
use crate::signals::{Effects, Signals};

const JOBS: &str = "tuikuan_jobs";
const EVENTS: &str = "tuikuan_events";

/// Nothing is lost with what is told, so nothing waits for a disk.
const LISTEN: &str = "SET synchronous_commit = off; LISTEN tuikuan_jobs; LISTEN tuikuan_events";

const TELL_JOBS: &str = "SELECT pg_notify('tuikuan_jobs', '')";
const TELL_EVENTS: &str = "SELECT pg_notify('tuikuan_events', $1)";

const POSITION: &str = "SELECT number FROM meta WHERE name = 'position'";

/// What happens within this time is told at once.
const GATHER: Duration = Duration::from_millis(3);

/// How often it is looked whether something was not heard.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The pause before a lost connection is made again, doubled each time.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(5);

/// What the other nodes are to be told.
#[derive(Default)]
pub(super) struct Outbox {
    jobs: AtomicBool,
    position: AtomicI64,
    filled: Notify,
}

impl Outbox {
    pub(super) fn put(&self, effects: Effects) {
        if effects.jobs {
            self.jobs.store(true, Ordering::Release);
        }
        if let Some(position) = effects.position {
            self.position.fetch_max(position, Ordering::AcqRel);
        }
        if effects.jobs || effects.position.is_some() {
            self.filled.notify_one();
        }
    }
}

/// What a node hears.
pub(super) fn hear(signals: &Signals, own: i32, heard: &Notification) {
    if heard.process_id() == own {
        return;
    }
    match heard.channel() {
        JOBS => signals.tell(Effects {
            jobs: true,
            position: None,
        }),
        EVENTS => signals.tell(Effects {
            jobs: false,
            position: heard.payload().parse().ok(),
        }),
        _ => {}
    }
}

/// Listens and tells, for as long as the store is open.
pub(super) async fn serve(shared: Arc<Shared>, connector: Connector) {
    let mut pause = RETRY_FIRST;
    loop {
        match connector.listen(Arc::clone(&shared.signals)).await {
            Ok(client) => {
                pause = RETRY_FIRST;
                let Err(error) = attend(&shared, &client).await;
                tracing::warn!(%error, "the connection to the other nodes was lost");
            }
            Err(error) => tracing::warn!(%error, "the other nodes cannot be heard"),
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(RETRY_LAST);
    }
}

async fn attend(
    shared: &Shared,
    client: &Client,
) -> Result<std::convert::Infallible, tokio_postgres::Error> {
    client.batch_execute(LISTEN).await?;
    let look = client.prepare(POSITION).await?;
    let tell = client.prepare(TELL_EVENTS).await?;
    // Whatever happened while nobody listened, and what was not told when the connection was lost.
    shared.outbox.jobs.store(true, Ordering::Release);
    shared.outbox.filled.notify_one();
    let position = Some(client.query_one(&look, &[]).await?.try_get(0)?);
    shared.signals.tell(Effects {
        jobs: true,
        position,
    });
    let mut told = 0;
    let mut next_look = Instant::now() + LOOK_EVERY;
    loop {
        let filled = shared.outbox.filled.notified();
        if tokio::time::timeout_at(next_look, filled).await.is_err() {
            next_look = Instant::now() + LOOK_EVERY;
            let position: i64 = client.query_one(&look, &[]).await?.try_get(0)?;
            let further = position > *shared.signals.events.borrow();
            shared.signals.tell(Effects {
                jobs: further,
                position: Some(position),
            });
            continue;
        }
        sleep(GATHER).await;
        if shared.outbox.jobs.swap(false, Ordering::AcqRel) {
            client.batch_execute(TELL_JOBS).await?;
        }
        let position = shared.outbox.position.load(Ordering::Acquire);
        if position > told {
            client.execute(&tell, &[&position.to_string()]).await?;
            told = position;
        }
    }
}
