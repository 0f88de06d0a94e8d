//! What people do to a refund that exists. The door decides; a refund that is not in the right
//! status is a 409 that says where it stands.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use tuikuan_domain::Command;
use utoipa::ToSchema;

use crate::api::{json, refund, refund_body};
use crate::app::{App, Shared};
use crate::auth::Caller;
use crate::body::{self, API_BYTES_MAX};
use crate::documentation::WriteProblems;
use crate::json::Fields;
use crate::problem::Problem;
use crate::shape::RefundBody;

/// The longest note of a resolution, in characters.
const NOTE_CHARS_MAX: usize = 500;

/// Withdraw a refund that was not submitted yet.
#[utoipa::path(post, operation_id = "cancel_refund", path = "/v1/refunds/{id}/cancel", tag = "refunds",
    params(("id" = String, Path, description = "Our id of the refund")),
    responses((status = 200, description = "The refund as it stands now", body = RefundBody<'static>), WriteProblems))]
pub(crate) async fn cancel(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    require_empty(&app, request.into_body()).await?;
    act(&app, &caller, &id, Command::Cancel).await
}

/// Send a rejected refund again, under the same number.
///
/// One that never reached WeChat is judged by the rules like a request: it may need a second person
/// now, or a limit of the day may refuse it.
#[utoipa::path(post, operation_id = "retry_refund", path = "/v1/refunds/{id}/retry", tag = "refunds",
    params(("id" = String, Path, description = "Our id of the refund")),
    responses((status = 200, description = "The refund as it stands now", body = RefundBody<'static>), WriteProblems))]
pub(crate) async fn retry(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    require_empty(&app, request.into_body()).await?;
    act(&app, &caller, &id, Command::Retry).await
}

/// Bring the next query of WeChat forward to now.
///
/// Possible in `unknown`, `processing` and `abnormal`; at most 10 queries a minute come of it.
#[utoipa::path(post, operation_id = "query_refund", path = "/v1/refunds/{id}/query", tag = "refunds",
    params(("id" = String, Path, description = "Our id of the refund")),
    responses((status = 200, description = "The refund as it stands now", body = RefundBody<'static>), WriteProblems))]
pub(crate) async fn query(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    require_empty(&app, request.into_body()).await?;
    act(&app, &caller, &id, Command::Query).await
}

/// How an abnormal refund, or an attention, was dealt with.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Resolution)]
pub struct ResolutionBody {
    /// What was done, for the history: 1 to 500 characters on one line.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "paid out in cash, receipt 4711"
    )]
    pub note: String,
}

/// Say how an abnormal refund was settled another way, or that an attention was dealt with.
#[utoipa::path(post, operation_id = "resolve_refund", path = "/v1/refunds/{id}/resolve", tag = "refunds",
    params(("id" = String, Path, description = "Our id of the refund")),
    request_body = ResolutionBody,
    responses((status = 200, description = "The refund as it stands now", body = RefundBody<'static>), WriteProblems))]
pub(crate) async fn resolve(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(body, API_BYTES_MAX, app.settings.body_timeout).await?;
    let mut fields = Fields::of(&bytes)?;
    let note = fields.text("note");
    let given = fields.require("note", note);
    let missing = given.is_none();
    let note = given.unwrap_or_default();
    let good = (1..=NOTE_CHARS_MAX).contains(&note.chars().count())
        && note.trim() == note
        && !note.chars().any(char::is_control);
    if !missing && !good {
        fields.fault(
            "note",
            "format",
            "a note has 1 to 500 characters on one line",
        );
    }
    fields.finish()?;
    act(&app, &caller, &id, Command::Resolve { note }).await
}

async fn act(
    app: &Shared,
    caller: &Caller,
    id: &str,
    command: Command,
) -> Result<Response, Problem> {
    let refund = refund::visible(app, caller, id).await?;
    let refund = app
        .engine
        .command(&refund.id, command, &caller.by())
        .await?;
    Ok(json(StatusCode::OK, &refund_body(app, &refund).await?))
}

/// A command without content has no body, or an empty object.
pub(crate) async fn require_empty(app: &Shared, body: Body) -> Result<(), Problem> {
    let bytes = body::read(body, API_BYTES_MAX, app.settings.body_timeout).await?;
    if bytes.is_empty() {
        Ok(())
    } else {
        Fields::of(&bytes)?.finish()
    }
}
