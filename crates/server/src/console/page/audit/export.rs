//! The log as a file: one JSON object on each line, newest first, with the hash of each entry. It is
//! read page by page while it is sent, so that its length costs no memory.

use std::convert::Infallible;
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
    // What cannot be noted must not leave (INV-35).
    app.engine
        .audit(&visit.by(), Action::AUDIT_EXPORTED, "audit", detail)
        .await?;
    let (sender, receiver) = mpsc::channel(1);
    app.tasks.spawn(send(Arc::clone(&app), filter, sender));
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    let headers = response.headers_mut();
    let media = HeaderValue::from_static("application/x-ndjson");
    headers.insert(header::CONTENT_TYPE, media);
    let file = HeaderValue::from_static("attachment; filename=\"audit.jsonl\"");
    headers.insert(header::CONTENT_DISPOSITION, file);
    Ok(response)
}

/// Reads page by page until the end, or until nobody reads any more.
async fn send(app: App, mut filter: AuditFilter, sender: mpsc::Sender<Result<Bytes, Infallible>>) {
    loop {
        let page = match app.engine.store().list_audit(filter.clone()).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "an export of the audit log ended early");
                return;
            }
        };
        let lines: String = page.entries.iter().map(line).collect();
        let sent = tokio::select! {
            () = app.stopping.cancelled() => return,
            sent = sender.send(Ok(Bytes::from(lines))) => sent,
        };
        match (sent, page.next) {
            (Ok(()), Some(next)) => filter.before = Some(next),
            (Ok(()), None) | (Err(_), _) => return,
        }
    }
}

fn line(found: &AuditEntry) -> String {
    let entry = &found.entry;
    let hash: String = found
        .hash
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let detail = serde_json::from_str(&entry.detail);
    let line = json!({
        "number": found.number,
        "at": entry.at.to_string(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": detail.unwrap_or_else(|_| serde_json::Value::from(entry.detail.as_str())),
        "hash": hash,
    });
    format!("{line}\n")
}
