//! The log as a file: one JSON object on each line, newest first, with the hash of each entry. It is
//! read page by page while it is sent, so that its length costs no memory. A whole file ends with the
//! head, as that of the command line does; one that is cut has none, and the transfer breaks off.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tuikuan_store::{Action, AuditEntry, AuditFilter, LIST_MAX};

use super::Asked;
use crate::app::App;
use crate::console::fault::Fault;
use crate::console::visit::Visit;

/// `GET /console/audit/export`.
pub(crate) async fn export(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let filter = AuditFilter {
        before: None,
        limit: LIST_MAX,
        ..asked.filter(&visit)
    };
    let detail = json!({
        "actor": filter.actor,
        "action": filter.action,
        "subject": filter.subject,
        "from": filter.from.map(|time| time.to_string()),
        "to": filter.to.map(|time| time.to_string()),
    });
    let place = app.exports.take(&visit.by()).ok_or(Fault::TooMany)?;
    // What cannot be noted must not leave (INV-35).
    app.engine
        .audit(&visit.by(), Action::AUDIT_EXPORTED, "audit", detail)
        .await?;
    let newest = AuditFilter {
        limit: 1,
        ..AuditFilter::of(visit.merchants.clone())
    };
    let newest = app.engine.store().list_audit(newest).await?;
    let head = head(newest.entries.first());
    let (sender, receiver) = mpsc::channel(1);
    let sending = send(Arc::clone(&app), filter, (head, sender));
    app.tasks.spawn(async move {
        let _place = place;
        sending.await;
    });
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    let headers = response.headers_mut();
    let media = HeaderValue::from_static("application/x-ndjson");
    headers.insert(header::CONTENT_TYPE, media);
    let file = HeaderValue::from_static("attachment; filename=\"audit.jsonl\"");
    headers.insert(header::CONTENT_DISPOSITION, file);
    Ok(response)
}

type Sender = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Reads page by page until the end, or until nobody reads any more.
async fn send(app: App, mut filter: AuditFilter, (head, sender): (String, Sender)) {
    loop {
        let page = tokio::select! {
            () = app.stopping.cancelled() => Err("the service stops"),
            page = app.engine.store().list_audit(filter.clone()) => page.map_err(|error| {
                tracing::error!(%error, "an export of the audit log ended early");
                "the store did not answer"
            }),
        };
        let page = match page {
            Ok(page) => page,
            Err(reason) => {
                // Nobody reads any more: nothing is to be broken.
                drop(sender.send(Err(std::io::Error::other(reason))).await);
                return;
            }
        };
        let mut lines: String = page.entries.iter().map(line).collect();
        if page.next.is_none() {
            lines.push_str(&head);
        }
        if sender.send(Ok(Bytes::from(lines))).await.is_err() {
            return;
        }
        match page.next {
            Some(next) => filter.before = Some(next),
            None => return,
        }
    }
}

/// The line that ends a file: the newest entry whoever exports may see.
fn head(newest: Option<&AuditEntry>) -> String {
    let number = newest.map_or(0, |found| found.number);
    let hash = newest.map_or_else(|| "0".repeat(64), hash);
    format!(
        "{}\n",
        json!({ "head": { "number": number, "hash": hash } })
    )
}

fn hash(found: &AuditEntry) -> String {
    let bytes = found.hash.iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn line(found: &AuditEntry) -> String {
    let entry = &found.entry;
    let detail = serde_json::from_str(&entry.detail);
    let line = json!({
        "number": found.number,
        "at": entry.at.to_string(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": detail.unwrap_or_else(|_| serde_json::Value::from(entry.detail.as_str())),
        "hash": hash(found),
    });
    format!("{line}\n")
}
