//! Refunds: ask, read, list, history. `POST /v1/refunds` is the hot path: one look at the key, one
//! parse, one commit.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use tuikuan_domain::{MerchantName, Refund, RefundId, Status};
use tuikuan_store::{Attention, RefundFilter};

use crate::api::{json, merchant, refund_bodies, refund_body, request};
use crate::app::{App, Shared};
use crate::auth::Caller;
use crate::body::{self, API_BYTES_MAX};
use crate::code::Code;
use crate::documentation::{ReadProblems, WriteProblems};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::shape::{EventBody, Next, Page, RefundBody};

/// Ask for a refund.
///
/// Answers 202 for a new refund and 200 for one that exists with the same identity and content. The
/// identity is `out_refund_no`, or else the header `Idempotency-Key`; one of them is required.
/// Repeating a request with the same identity is always safe.
#[utoipa::path(post, operation_id = "create_refund", path = "/v1/refunds", tag = "refunds",
    params(("Idempotency-Key" = Option<String>, Header, description = "The identity, where no out_refund_no is given: 1 to 255 visible ASCII characters")),
    request_body = request::RefundRequestBody,
    responses((status = 202, description = "Accepted and durable", body = RefundBody<'static>),
        (status = 200, description = "It exists with the same content", body = RefundBody<'static>), WriteProblems))]
pub(crate) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(body, API_BYTES_MAX, app.settings.body_timeout).await?;
    let ask = request::parse(&head.headers, &bytes)?;
    merchant(&app, &caller, &ask.merchant)?;
    let requested = app.engine.request(ask, &caller.by()).await?;
    let status = if requested.created {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    let refund = &requested.refund;
    let body = match requested.planned {
        Some((step, due)) => RefundBody::of(refund, Some(Next::planned(step, due))),
        None => refund_body(&app, refund).await?,
    };
    Ok(json(status, &body))
}

/// One refund.
#[utoipa::path(get, operation_id = "read_refund", path = "/v1/refunds/{id}", tag = "refunds",
    params(("id" = String, Path, description = "Our id of the refund")),
    responses((status = 200, description = "The refund", body = RefundBody<'static>), ReadProblems))]
pub(crate) async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let refund = visible(&app, &caller, &id).await?;
    Ok(json(StatusCode::OK, &refund_body(&app, &refund).await?))
}

/// The refund under an id, if the caller may see it.
pub(crate) async fn visible(app: &Shared, caller: &Caller, id: &str) -> Result<Refund, Problem> {
    let absent = || Problem::new(Code::REFUND_NOT_FOUND, "no refund has this id");
    let id: RefundId = id.parse().ok().ok_or_else(absent)?;
    let refund = app.engine.store().refund(&id).await?.ok_or_else(absent)?;
    if caller.covers(&refund.merchant) {
        Ok(refund)
    } else {
        Err(absent())
    }
}

/// Which refunds to list.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RefundQuery {
    /// Of this merchant.
    pub merchant: Option<String>,
    /// In this status.
    pub status: Option<String>,
    /// Of this order.
    pub out_trade_no: Option<String>,
    /// Under this number: at most one for each merchant.
    pub out_refund_no: Option<String>,
    /// Made at or after.
    #[param(format = DateTime)]
    pub created_from: Option<String>,
    /// Made before.
    #[param(format = DateTime)]
    pub created_to: Option<String>,
    /// Those that need a person (`true`), or need none (`false`).
    pub attention: Option<bool>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// At most so many; 50 when not said.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
}

/// Refunds, newest first.
#[utoipa::path(get, operation_id = "list_refunds", path = "/v1/refunds", tag = "refunds", params(RefundQuery),
    responses((status = 200, description = "A page of refunds", body = Page<RefundBody<'static>>), ReadProblems))]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Response, Problem> {
    let filter = filter(&caller, Parameters::of(request.uri()))?;
    let page = app.engine.store().list_refunds(filter).await?;
    let data = refund_bodies(&app, &page.items).await?;
    let next_cursor = page.next.map(|cursor| cursor.to_string());
    Ok(json(StatusCode::OK, &Page { data, next_cursor }))
}

fn filter(caller: &Caller, mut parameters: Parameters) -> Result<RefundFilter, Problem> {
    let filter = RefundFilter {
        allowed: caller.merchants.clone(),
        merchant: parameters.parsed::<MerchantName>("merchant"),
        status: parameters.word("status", Status::parse),
        out_trade_no: parameters.parsed("out_trade_no"),
        out_refund_no: parameters.parsed("out_refund_no"),
        created_from: parameters.time("created_from"),
        created_to: parameters.time("created_to"),
        attention: parameters.word("attention", attention).unwrap_or_default(),
        after: parameters.parsed("cursor"),
        limit: parameters.limit(),
    };
    parameters.finish()?;
    Ok(filter)
}

fn attention(text: &str) -> Option<Attention> {
    match text {
        "true" => Some(Attention::Needed),
        "false" => Some(Attention::NotNeeded),
        _ => None,
    }
}

/// The history of a refund, oldest first.
#[utoipa::path(get, operation_id = "list_refund_events", path = "/v1/refunds/{id}/events", tag = "refunds",
    params(("id" = String, Path, description = "Our id of the refund"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "At most so many; 50 when not said", minimum = 1, maximum = 200)),
    responses((status = 200, description = "A page of events", body = Page<EventBody<'static>>), ReadProblems))]
pub(crate) async fn events(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let refund = visible(&app, &caller, &id).await?;
    let mut parameters = Parameters::of(request.uri());
    let after: i64 = parameters.parsed("cursor").unwrap_or(0);
    let limit = parameters.limit();
    parameters.finish()?;
    let found = app
        .engine
        .store()
        .events_of(&refund.id, after, limit)
        .await?;
    let last = found.last().map(|event| event.seq);
    let more = last.filter(|seq| *seq < refund.version);
    let data: Vec<_> = found.iter().map(EventBody::of).collect();
    Ok(json(
        StatusCode::OK,
        &Page {
            data,
            next_cursor: more.map(|seq| seq.to_string()),
        },
    ))
}
