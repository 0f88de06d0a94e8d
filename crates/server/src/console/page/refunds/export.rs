//! `GET /console/refunds/export.csv`: every refund of the filter, page by page, so that memory stays
//! small however many there are. The export is in the audit log before its first byte leaves
//! (INV-35).

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tuikuan_domain::Refund;
use tuikuan_store::{Action, LIST_MAX, Place, RefundSearch};

use super::Asked;
use super::csv;
use super::filter::Filter;
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::language::Language;
use crate::console::text::refunds::Words;
use crate::console::text::{status, story};
use crate::console::visit::Visit;

/// Pages that wait for a slow reader.
const WAITING_MAX: usize = 2;

/// `GET /console/refunds/export.csv`.
pub(crate) async fn export(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Asked,
) -> Result<Response, Fault> {
    let filter = Filter::read(&asked);
    let mut search = filter.search(&visit, LIST_MAX).ok_or(Fault::Refused)?;
    search.place = Place::Newest;
    let place = app.exports.take(&visit.by()).ok_or(Fault::TooMany)?;
    let detail = serde_json::json!({ "filter": filter.spoken() });
    app.engine
        .audit(&visit.by(), Action::REFUNDS_EXPORTED, "refunds", detail)
        .await?;
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let language = visit.language();
    let name = format!("refunds-{}.csv", format::day(visit.now()));
    let written = Arc::clone(&app);
    app.tasks.spawn(async move {
        let _place = place;
        write(&written, search, language, &sender).await;
    });
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    let headers = response.headers_mut();
    let media = HeaderValue::from_static("text/csv; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, media);
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let disposition = disposition.map_err(|_foreign| Fault::Internal)?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

type Sender = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Writes page after page until the end, or until nobody reads any more. A page that cannot be read
/// breaks the connection: a file that ends early must not look whole.
async fn write(app: &Shared, mut search: RefundSearch, language: Language, sender: &Sender) {
    let mut text = String::from(csv::BYTE_ORDER_MARK);
    let heads = Words::of(language).columns;
    text.push_str(&csv::line(&heads.map(csv::text)));
    loop {
        let found = tokio::select! {
            () = app.stopping.cancelled() => return broken(sender, "the service stops").await,
            found = app.engine.store().search_refunds(search.clone()) => found,
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "an export ended early: refunds could not be read");
                return broken(sender, "the store did not answer").await;
            }
        };
        for refund in &found.items {
            text.push_str(&csv::line(&cells(refund, language)));
        }
        let page = Bytes::from(std::mem::take(&mut text));
        if sender.send(Ok(page)).await.is_err() {
            return;
        }
        match found.older {
            Some(cursor) => search.place = Place::Older(cursor),
            None => return,
        }
    }
}

async fn broken(sender: &Sender, reason: &'static str) {
    let broken = sender.send(Err(std::io::Error::other(reason))).await;
    // Nobody reads any more: nothing is to be broken.
    drop(broken);
}

fn cells(refund: &Refund, language: Language) -> [String; 19] {
    let content = &refund.content;
    let time = |time: Option<jiff::Timestamp>| time.map_or_else(String::new, format::date_time);
    let maybe = |text: Option<&str>| csv::text(text.unwrap_or_default());
    let named = |text: Option<&str>| csv::number(text.unwrap_or_default());
    let error = refund.error.as_ref();
    [
        csv::text(refund.id.as_str()),
        csv::text(refund.merchant.as_str()),
        csv::number(refund.out_refund_no.as_str()),
        named(content.order.out_trade_no.as_ref().map(AsRef::as_ref)),
        named(content.order.transaction_id.as_ref().map(AsRef::as_ref)),
        named(refund.refund_id.as_ref().map(AsRef::as_ref)),
        content.amount.to_yuan(),
        refund
            .total
            .map_or_else(String::new, |total| total.to_yuan()),
        csv::text(status::status(refund.status, language)),
        csv::text(refund.status.as_str()),
        maybe(content.reason.as_ref().map(|reason| reason.as_str())),
        csv::text(story::source(refund.origin, language)),
        maybe(error.map(|error| error.code.as_str())),
        maybe(error.map(|error| error.message.as_str())),
        maybe(refund.user_received_account.as_deref()),
        time(Some(refund.created_at)),
        time(refund.submitted_at),
        time(refund.succeeded_at),
        time(refund.ended_at),
    ]
}
