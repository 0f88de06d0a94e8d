//! Delivers the world's notifications to real addresses and tells it what came back. It never
//! follows a redirect, as WeChat does not, and gives each receiver five seconds.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Semaphore;

use super::{Shared, StartError};
use crate::identity::Authority;
use crate::message::NotificationAttempt;

/// How long a receiver may take (limits page, P32).
const DEADLINE: Duration = Duration::from_secs(5);
/// Deliveries on their way at once.
const DELIVERIES_MAX: usize = 256;
/// The longest answer read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The longest sleep between two looks at the world.
const NAP_MAX: Duration = Duration::from_secs(1);

/// The client for notifications; it trusts the simulator's own authority and those given.
pub(super) fn client(authority: &Authority, trust: &[String]) -> Result<Client, StartError> {
    let own = std::iter::once(&authority.issued.certificate_pem);
    let certificates = own
        .chain(trust)
        .map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_bad| StartError::Authority)?;
    Client::builder()
        .tls_backend_rustls()
        .tls_certs_merge(certificates)
        .timeout(DEADLINE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent("Mozilla/4.0")
        .build()
        .map_err(|source| StartError::Client { source })
}

/// Sends what is due until the simulator stops.
pub(super) async fn run(client: Client, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(DELIVERIES_MAX));
    while !shared.stop.is_cancelled() {
        let (due, next) = {
            let now_ms = shared.clock().now_ms();
            let mut world = shared.world();
            (world.due_notifications(now_ms), world.next_event_at())
        };
        for attempt in due {
            let (client, shared, room) = (client.clone(), Arc::clone(&shared), Arc::clone(&room));
            shared.tracker.clone().spawn(async move {
                tokio::select! {
                    () = shared.stop.cancelled() => {}
                    () = deliver(&client, &shared, &room, attempt) => {}
                }
            });
        }
        let nap = next.map_or(NAP_MAX, |at| shared.clock().until(at).min(NAP_MAX));
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = shared.bell.notified() => {}
            () = tokio::time::sleep(nap.max(Duration::from_millis(1))) => {}
        }
    }
}

async fn deliver(client: &Client, shared: &Shared, room: &Semaphore, attempt: NotificationAttempt) {
    let Ok(_permit) = room.acquire().await else {
        return;
    };
    let id = attempt.id;
    let answer = tokio::time::timeout(DEADLINE, post(client, attempt)).await;
    let mut world = shared.world();
    match answer {
        Ok(Ok((status, body))) => world.notification_answered(id, status, &body),
        Ok(Err(error)) => world.notification_failed(id, &chain(&error)),
        Err(_elapsed) => world.notification_failed(id, "no answer within 5 s"),
    }
    drop(world);
    shared.bell.notify_one();
}

async fn post(
    client: &Client,
    attempt: NotificationAttempt,
) -> Result<(u16, Vec<u8>), reqwest::Error> {
    let mut request = client.post(&attempt.url).body(attempt.body);
    for (name, value) in &attempt.headers {
        request = request.header(name, value);
    }
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_BYTES_MAX.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
        if room == 0 {
            break;
        }
    }
    Ok((status, body))
}

/// An error with its causes, in one line.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
