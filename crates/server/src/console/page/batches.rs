//! "Batches": the files of refunds, newest first, and the way to bring one. A file that cannot be
//! used is shown with every fault; nothing of it is kept.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use tuikuan_domain::MerchantName;
use tuikuan_domain::batch::Batch;
use tuikuan_engine::batch::file::{self, FileFaults, Format, Whose};
use tuikuan_engine::batch::{BatchError, Upload};
use tuikuan_store::{BatchCursor, BatchFilter};
use tuikuan_terms::Fen;

use super::overview::visible;
use super::{again, html, to};
use crate::api::batch::label;
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::text::batches::{self as text, Words};
use crate::console::upload::Sent;
use crate::console::visit::Visit;
use crate::policy::Permission;

/// Batches on one page.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "batches.html")]
struct BatchesPage {
    frame: Frame,
    words: &'static Words,
    rows: Vec<Row>,
    merchants: Vec<String>,
    may_ask: bool,
    chosen: String,
    wrong: Option<Wrong>,
    older: Option<String>,
}

/// A batch in the list.
struct Row {
    id: String,
    name: String,
    merchant: String,
    state: &'static str,
    class: &'static str,
    lines: String,
    amount: String,
    created: String,
}

/// What is wrong with a file.
struct Wrong {
    said: String,
    faults: Vec<FaultRow>,
}

/// One fault of a file.
struct FaultRow {
    line: u32,
    column: &'static str,
    message: String,
}

/// Where a list begins.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Place {
    after: Option<String>,
}

/// `GET /console/batches`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(place): Query<Place>,
) -> Result<Response, Fault> {
    html(&BatchesPage::read(&app, &visit, &place).await?)
}

/// `POST /console/batches`.
pub(crate) async fn upload(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    sent: Option<Extension<Arc<Sent>>>,
) -> Result<Response, Fault> {
    let merchant = fields.text("merchant").parse().ok();
    let merchant: MerchantName = merchant.ok_or(Fault::NotFound)?;
    if !visit.covers(&merchant) {
        return Err(Fault::NotFound);
    }
    let words = Words::of(visit.language());
    let sent = sent.map(|Extension(sent)| sent).unwrap_or_default();
    if sent.bytes.is_empty() {
        let said = words.no_file.to_owned();
        return refused(&app, &visit, (&merchant, said, Vec::new())).await;
    }
    let file = match read(&app, &merchant, &sent).await? {
        Ok(file) => file,
        Err(faults) => {
            let count = faults.total.to_string();
            let said = text::filled(words.file_bad, &count);
            let rows = faults.listed.into_iter().map(|fault| FaultRow {
                line: fault.line,
                column: fault.column.unwrap_or_default(),
                message: text::file_fault(fault.kind, visit.language())
                    .map_or(fault.message, str::to_owned),
            });
            return refused(&app, &visit, (&merchant, said, rows.collect())).await;
        }
    };
    let upload = Upload {
        merchant: merchant.clone(),
        name: label(&sent.name),
        file,
    };
    match app.engine.accept_batch(upload, &visit.by()).await {
        Ok(accepted) => Ok(to(&format!("/console/batches/{}", accepted.batch.id))),
        Err(BatchError::Busy) => {
            let said = words.busy.to_owned();
            refused(&app, &visit, (&merchant, said, Vec::new())).await
        }
        Err(error) => Err(fault(error)),
    }
}

async fn read(
    app: &Shared,
    name: &MerchantName,
    sent: &Arc<Sent>,
) -> Result<Result<file::File, FileFaults>, Fault> {
    let merchant = app.engine.merchant(name).ok_or(Fault::NotFound)?;
    let (merchant, sent) = (Arc::clone(merchant), Arc::clone(sent));
    let lines = sent.name.ends_with(".jsonl") || sent.name.ends_with(".ndjson");
    let format = if lines {
        Format::JsonLines
    } else {
        Format::Csv
    };
    let reading = tokio::task::spawn_blocking(move || {
        let whose = Whose {
            merchant: &merchant.name,
            mch_id: &merchant.mch_id,
            sub_mch_id: merchant.sub_mch_id.as_ref(),
        };
        file::read(&sent.bytes, format, whose)
    });
    reading.await.ok().ok_or(Fault::Internal)
}

async fn refused(
    app: &Shared,
    visit: &Visit,
    (merchant, said, faults): (&MerchantName, String, Vec<FaultRow>),
) -> Result<Response, Fault> {
    let mut page = BatchesPage::read(app, visit, &Place::default()).await?;
    page.chosen = merchant.to_string();
    page.wrong = Some(Wrong { said, faults });
    again(&page)
}

/// A fault of an act on a batch that has no page of its own.
pub(super) fn fault(error: BatchError) -> Fault {
    match error {
        BatchError::NotFound => Fault::NotFound,
        BatchError::Busy | BatchError::Refused(_) => Fault::Refused,
        BatchError::Altered => {
            tracing::error!("the stored lines of a batch are not those that were checked");
            Fault::Internal
        }
        BatchError::Engine(error) => error.into(),
    }
}

impl BatchesPage {
    async fn read(app: &Shared, visit: &Visit, place: &Place) -> Result<Self, Fault> {
        let words = Words::of(visit.language());
        let after = place.after.as_deref().map(str::parse::<BatchCursor>);
        let after = after.transpose().ok().ok_or(Fault::NotFound)?;
        let filter = BatchFilter {
            allowed: visit.merchants.clone(),
            merchant: None,
            state: None,
            after,
            limit: PAGE,
        };
        let found = app.engine.store().batches(filter).await?;
        let older = found
            .next
            .map(|next| format!("/console/batches?after={next}"));
        let row = |batch: &Batch| Row {
            id: batch.id.to_string(),
            name: batch
                .name
                .clone()
                .unwrap_or_else(|| words.unnamed.to_owned()),
            merchant: batch.merchant.to_string(),
            state: text::state(batch.state, visit.language()),
            class: text::class(batch.state),
            lines: format::count(i64::from(batch.summary.lines)),
            amount: money(batch.summary.new_amount),
            created: format::short(batch.created.at, visit.now()),
        };
        let merchants = visible(app, visit);
        Ok(Self {
            rows: found.items.iter().map(row).collect(),
            merchants: merchants.iter().map(ToString::to_string).collect(),
            may_ask: visit.may(Permission::Operate),
            chosen: String::new(),
            wrong: None,
            older,
            frame: Frame::of(app, visit, words.title).await?,
            words,
        })
    }
}

/// A sum as people read it.
pub(super) fn money(fen: i64) -> String {
    Fen::new(fen).map_or_else(|_foreign| fen.to_string(), format::money)
}
