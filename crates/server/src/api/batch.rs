//! Batches: a file of refunds is uploaded, checked, looked at, steered, and its result fetched.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;
use tuikuan_domain::batch::{Batch, BatchState};
use tuikuan_domain::{BatchId, MerchantName};
use tuikuan_engine::batch::file::{self, FILE_BYTES_MAX, File, FileFaults, Format, Whose};
use tuikuan_engine::batch::{BatchError, Upload};
use tuikuan_store::{BatchFilter, LineFilter, LinesOf, Merchants};

use crate::api::{json, merchant};
use crate::app::{App, Shared};
use crate::auth::Caller;
use crate::batch_file;
use crate::body;
use crate::code::Code;
use crate::documentation::{ReadProblems, WriteProblems};
use crate::parameters::Parameters;
use crate::problem::{Fault, Problem};
use crate::shape::{BatchBody, BatchLineBody, Page};

pub(crate) mod steer;

/// The longest name of a batch, in characters; a longer one is cut.
const NAME_CHARS_MAX: usize = 100;

/// Upload a file of refunds and have every line checked.
///
/// Nothing is refunded yet. The body is CSV (`text/csv`; UTF-8 or GBK) or JSON lines
/// (`application/jsonl`), at most 64 MiB and 200,000 lines. The same content again is the same batch,
/// whatever its encoding; until it is submitted it is checked anew.
#[utoipa::path(post, operation_id = "create_batch", path = "/v1/batches", tag = "batches",
    params(("merchant" = String, Query, description = "The merchant's short name"),
        ("name" = Option<String>, Query, description = "What to call it")),
    request_body(content((String = "text/csv"), (String = "application/jsonl"))),
    responses((status = 201, description = "Checked and kept", body = BatchBody<'static>),
        (status = 200, description = "The batch of this content, which existed", body = BatchBody<'static>), WriteProblems))]
pub(crate) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let mut parameters = Parameters::of(&head.uri);
    let name: Option<MerchantName> = parameters.parsed("merchant");
    let called = parameters.text("name");
    parameters.finish()?;
    let Some(name) = name else {
        let fault = Fault::parameter("merchant", "required", "merchant is required");
        return Err(Problem::parameters(vec![fault]));
    };
    merchant(&app, &caller, &name)?;
    let format = format_of(&head.headers)?;
    let Ok(permit) = Arc::clone(&app.uploads).try_acquire_owned() else {
        let detail = "as many files as possible are being taken in already; send it again soon";
        return Err(Problem::new(Code::TOO_MANY_CONNECTIONS, detail));
    };
    let permit = Arc::new(permit);
    let bytes = body::read(body, FILE_BYTES_MAX, app.settings.request_timeout).await?;
    let file = read_file(&app, &name, (bytes, format, Arc::clone(&permit))).await?;
    let upload = Upload {
        merchant: name,
        name: called.as_deref().and_then(label),
        file,
    };
    let accepted = app.engine.accept_batch(upload, &caller.by()).await?;
    drop(permit);
    let status = if accepted.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    answer(&app, status, &accepted.batch).await
}

/// A name for people: one line, not too long.
pub(crate) fn label(text: &str) -> Option<String> {
    let clean = text.chars().filter(|c| !c.is_control());
    let clean: String = clean.take(NAME_CHARS_MAX).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// Reads a file where a long computation is allowed. It holds the permit even if nobody waits for it
/// any more.
async fn read_file(
    app: &Shared,
    name: &MerchantName,
    (bytes, format, permit): (Bytes, Format, Arc<OwnedSemaphorePermit>),
) -> Result<File, Problem> {
    let absent = || Problem::new(Code::MERCHANT_NOT_FOUND, "no merchant has this name");
    let merchant = Arc::clone(app.engine.merchant(name).ok_or_else(absent)?);
    let reading = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let whose = Whose {
            merchant: &merchant.name,
            mch_id: &merchant.mch_id,
            sub_mch_id: merchant.sub_mch_id.as_ref(),
        };
        file::read(&bytes, format, whose)
    });
    match reading.await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(faults)) => Err(faults.into()),
        Err(error) => {
            tracing::error!(%error, "a file could not be read");
            Err(Problem::new(Code::INTERNAL, "the file could not be read"))
        }
    }
}

fn format_of(headers: &HeaderMap) -> Result<Format, Problem> {
    let found = headers.get(header::CONTENT_TYPE);
    let media = found
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .map(|media| media.trim().to_ascii_lowercase());
    if headers.contains_key(header::CONTENT_ENCODING) {
        let detail = "the file must not be compressed";
        return Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    match media.as_deref() {
        Some("text/csv") => Ok(Format::Csv),
        Some("application/jsonl" | "application/x-ndjson" | "application/jsonlines") => {
            Ok(Format::JsonLines)
        }
        Some(_) | None => {
            let detail = "a batch is text/csv or application/jsonl";
            Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

/// The batch under an id, if the merchants cover it.
pub(crate) async fn visible(
    app: &Shared,
    merchants: &Merchants,
    id: &str,
) -> Result<Batch, Problem> {
    let absent = || Problem::new(Code::BATCH_NOT_FOUND, "no batch has this id");
    let id: BatchId = id.parse().ok().ok_or_else(absent)?;
    let batch = app.engine.store().batch(&id).await?.ok_or_else(absent)?;
    if merchants.allows(&batch.merchant) {
        Ok(batch)
    } else {
        Err(absent())
    }
}

/// The batch's shape.
pub(crate) async fn answer(
    app: &Shared,
    status: StatusCode,
    batch: &Batch,
) -> Result<Response, Problem> {
    let counts = app.engine.store().batch_counts(&batch.id).await?;
    Ok(json(status, &BatchBody::of(&app.engine, batch, &counts)))
}

/// Which batches to list.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BatchQuery {
    /// Of this merchant.
    pub merchant: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// At most so many; 50 when not said.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
}

/// Batches, newest first.
#[utoipa::path(get, operation_id = "list_batches", path = "/v1/batches", tag = "batches", params(BatchQuery),
    responses((status = 200, description = "A page of batches", body = Page<BatchBody<'static>>), ReadProblems))]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(request.uri());
    let filter = BatchFilter {
        allowed: caller.merchants.clone(),
        merchant: parameters.parsed("merchant"),
        state: parameters.word("state", BatchState::parse),
        after: parameters.parsed("cursor"),
        limit: parameters.limit(),
    };
    parameters.finish()?;
    let store = app.engine.store();
    let page = store.batches(filter).await?;
    let mut data = Vec::with_capacity(page.items.len());
    for batch in &page.items {
        let counts = store.batch_counts(&batch.id).await?;
        data.push(BatchBody::of(&app.engine, batch, &counts));
    }
    let next_cursor = page.next.map(|cursor| cursor.to_string());
    Ok(json(StatusCode::OK, &Page { data, next_cursor }))
}

/// One batch.
#[utoipa::path(get, operation_id = "read_batch", path = "/v1/batches/{id}", tag = "batches",
    params(("id" = String, Path, description = "Our id of the batch")),
    responses((status = 200, description = "The batch", body = BatchBody<'static>), ReadProblems))]
pub(crate) async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let batch = visible(&app, &caller.merchants, &id).await?;
    answer(&app, StatusCode::OK, &batch).await
}

/// The lines of a batch, in the order of the file.
#[utoipa::path(get, operation_id = "list_batch_lines", path = "/v1/batches/{id}/lines", tag = "batches",
    params(("id" = String, Path, description = "Our id of the batch"),
        ("filter" = Option<String>, Query, description = "`all`, `faults` or `warnings`"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "At most so many; 50 when not said", minimum = 1, maximum = 200)),
    responses((status = 200, description = "A page of lines", body = Page<BatchLineBody<'static>>), ReadProblems))]
pub(crate) async fn lines(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let batch = visible(&app, &caller.merchants, &id).await?;
    let mut parameters = Parameters::of(request.uri());
    let wanted = LinesOf {
        batch: batch.id,
        filter: parameters
            .word("filter", LineFilter::parse)
            .unwrap_or_default(),
        after: parameters.parsed("cursor").unwrap_or(0),
        limit: parameters.limit(),
    };
    parameters.finish()?;
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let lines = app.engine.store().batch_lines(wanted).await?;
    let full = lines.len() >= limit;
    let last = lines.last().filter(|_| full);
    let next_cursor = last.map(|line| line.line.number.to_string());
    let data: Vec<_> = lines.iter().map(BatchLineBody::of).collect();
    Ok(json(StatusCode::OK, &Page { data, next_cursor }))
}

/// The result: one line for each line of the file, with status, refund, error and advice.
#[utoipa::path(get, operation_id = "read_batch_result", path = "/v1/batches/{id}/result", tag = "batches",
    params(("id" = String, Path, description = "Our id of the batch"),
        ("format" = Option<String>, Query, description = "`csv` (also when not said) or `jsonl`")),
    responses((status = 200, description = "The file", content((String = "text/csv"), (String = "application/jsonl"))), ReadProblems))]
pub(crate) async fn result(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let batch = visible(&app, &caller.merchants, &id).await?;
    let mut parameters = Parameters::of(request.uri());
    let format = parameters.word("format", format_name);
    parameters.finish()?;
    let format = format.unwrap_or(Format::Csv);
    Ok(batch_file::response(&app, &caller.by(), (&batch, format)).await?)
}

/// Reads `csv` or `jsonl`.
pub(crate) fn format_name(text: &str) -> Option<Format> {
    match text {
        "csv" => Some(Format::Csv),
        "jsonl" => Some(Format::JsonLines),
        _ => None,
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let detail = error.to_string();
        match error {
            BatchError::NotFound => Self::new(Code::BATCH_NOT_FOUND, detail),
            BatchError::Busy => Self::new(Code::BATCH_BUSY, detail),
            BatchError::Altered => Self::new(Code::BATCH_ALTERED, detail),
            BatchError::Refused(refusal) => steer::problem(&refusal),
            BatchError::Engine(error) => error.into(),
        }
    }
}

impl From<FileFaults> for Problem {
    fn from(faults: FileFaults) -> Self {
        let list = faults.listed.iter().map(|fault| {
            serde_json::json!({
                "line": fault.line,
                "column": fault.column,
                "kind": fault.kind.as_str(),
                "message": fault.message,
            })
        });
        let counts = faults.counts.iter();
        let counts = counts.map(|(kind, count)| (kind.as_str().to_owned(), (*count).into()));
        let counts: serde_json::Map<String, serde_json::Value> = counts.collect();
        Self::new(Code::BATCH_FILE_FAULTS, faults.to_string())
            .with("faults", list.collect::<Vec<_>>())
            .with("counts", counts)
            .with("total", faults.total)
    }
}
