//! What people do to a batch that exists. The domain decides; a batch that is not in the right state
//! is a 409 that says where it stands.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use tuikuan_domain::batch::{Faulty, Steer, SteerRefusal};
use utoipa::ToSchema;

use super::{answer, visible};
use crate::api::command::require_empty;
use crate::app::{App, Shared};
use crate::auth::Caller;
use crate::body::{self, API_BYTES_MAX};
use crate::code::Code;
use crate::documentation::WriteProblems;
use crate::json::Fields;
use crate::problem::Problem;
use crate::shape::BatchBody;

/// How a batch is submitted.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BatchSubmission)]
pub struct BatchSubmissionBody {
    /// What becomes of lines with a fault: `refuse` (also when not said) refuses the batch,
    /// `leave_out` refunds the others.
    pub faulty_lines: Option<String>,
}

/// To what somebody agrees.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BatchApproval)]
pub struct BatchApprovalBody {
    /// The `content_hash` of the batch that was looked at.
    pub content_hash: String,
}

/// Ask for all refunds of the batch; where the rules want it, a second person must approve first.
#[utoipa::path(post, operation_id = "submit_batch", path = "/v1/batches/{id}/submit", tag = "batches",
    params(("id" = String, Path, description = "Our id of the batch")),
    request_body = Option<BatchSubmissionBody>,
    responses((status = 200, description = "The batch as it stands now", body = BatchBody<'static>), WriteProblems))]
pub(crate) async fn submit(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let bytes = body::read(
        request.into_body(),
        API_BYTES_MAX,
        app.settings.body_timeout,
    )
    .await?;
    let mut faulty = None;
    if !bytes.is_empty() {
        let mut fields = Fields::of(&bytes)?;
        faulty = fields.word("faulty_lines", faulty_word);
        fields.finish()?;
    }
    let batch = visible(&app, &caller.merchants, &id).await?;
    let faulty = faulty.unwrap_or(Faulty::Refuse);
    let batch = app
        .engine
        .submit_batch(&batch.id, faulty, &caller.by())
        .await?;
    answer(&app, StatusCode::OK, &batch).await
}

fn faulty_word(text: &str) -> Option<Faulty> {
    match text {
        "refuse" => Some(Faulty::Refuse),
        "leave_out" => Some(Faulty::LeaveOut),
        _ => None,
    }
}

/// A second person agrees to exactly this content.
#[utoipa::path(post, operation_id = "approve_batch", path = "/v1/batches/{id}/approve", tag = "batches",
    params(("id" = String, Path, description = "Our id of the batch")),
    request_body = BatchApprovalBody,
    responses((status = 200, description = "The batch as it stands now", body = BatchBody<'static>), WriteProblems))]
pub(crate) async fn approve(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    visible(&app, &caller.merchants, &id).await?;
    let (head, body) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(body, API_BYTES_MAX, app.settings.body_timeout).await?;
    let mut fields = Fields::of(&bytes)?;
    let content = fields.text("content_hash");
    let content = fields.require("content_hash", content).unwrap_or_default();
    fields.finish()?;
    act(&app, &caller, &id, Steer::Approve { content }).await
}

/// A second person does not agree: nothing of it is refunded.
#[utoipa::path(post, operation_id = "reject_batch", path = "/v1/batches/{id}/reject", tag = "batches",
    params(("id" = String, Path, description = "Our id of the batch")),
    responses((status = 200, description = "The batch as it stands now", body = BatchBody<'static>), WriteProblems))]
pub(crate) async fn reject(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    require_empty(&app, request.into_body()).await?;
    act(&app, &caller, &id, Steer::Reject).await
}

/// No further line becomes a refund for now; those in the queue leave.
#[utoipa::path(post, operation_id = "pause_batch", path = "/v1/batches/{id}/pause", tag = "batches",
    params(("id" = String, Path, description = "Our id of the batch")),
    responses((status = 200, description = "The batch as it stands now", body = BatchBody<'static>), WriteProblems))]
pub(crate) async fn pause(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    require_empty(&app, request.into_body()).await?;
    act(&app, &caller, &id, Steer::Pause).await
}

/// Go on with a paused batch.
#[utoipa::path(post, operation_id = "resume_batch", path = "/v1/batches/{id}/resume", tag = "batches",
    params(("id" = String, Path, description = "Our id of the batch")),
    responses((status = 200, description = "The batch as it stands now", body = BatchBody<'static>), WriteProblems))]
pub(crate) async fn resume(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    require_empty(&app, request.into_body()).await?;
    act(&app, &caller, &id, Steer::Resume).await
}

/// Withdraw what was not sent. Refunds that were sent go on to their end.
#[utoipa::path(post, operation_id = "cancel_batch", path = "/v1/batches/{id}/cancel", tag = "batches",
    params(("id" = String, Path, description = "Our id of the batch")),
    responses((status = 200, description = "The batch as it stands now", body = BatchBody<'static>), WriteProblems))]
pub(crate) async fn cancel(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    require_empty(&app, request.into_body()).await?;
    act(&app, &caller, &id, Steer::Cancel).await
}

async fn act(app: &Shared, caller: &Caller, id: &str, act: Steer) -> Result<Response, Problem> {
    let batch = visible(app, &caller.merchants, id).await?;
    let batch = app
        .engine
        .steer_batch(&batch.id, &act, &caller.by())
        .await?;
    answer(app, StatusCode::OK, &batch).await
}

/// What a refusal looks like.
pub(super) fn problem(refusal: &SteerRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        SteerRefusal::NotIn { state, .. } => {
            Problem::new(Code::BATCH_WRONG_STATE, detail).with("state", state.as_str())
        }
        SteerRefusal::Faulty { lines } => {
            Problem::new(Code::BATCH_HAS_FAULTS, detail).with("faulty_lines", *lines)
        }
        SteerRefusal::Nothing => Problem::new(Code::BATCH_EMPTY, detail),
        SteerRefusal::SamePerson => Problem::new(Code::SAME_PERSON, detail),
        SteerRefusal::NotAPerson => Problem::new(Code::APPROVAL_NEEDS_PERSON, detail),
        SteerRefusal::Expired { .. } => Problem::new(Code::APPROVAL_EXPIRED, detail),
        SteerRefusal::ContentChanged => Problem::new(Code::CONTENT_CHANGED, detail),
    }
}

#[cfg(test)]
mod tests {
    use tuikuan_domain::batch::BatchState;

    use super::*;

    #[test]
    fn a_refusal_keeps_the_code_that_the_domain_gave_it() {
        let refusals = [
            SteerRefusal::NotIn {
                state: BatchState::Draft,
                wanted: "paused",
            },
            SteerRefusal::Faulty { lines: 1 },
            SteerRefusal::Nothing,
            SteerRefusal::SamePerson,
            SteerRefusal::NotAPerson,
            SteerRefusal::Expired {
                until: jiff::Timestamp::UNIX_EPOCH,
            },
            SteerRefusal::ContentChanged,
        ];
        for refusal in refusals {
            let body: serde_json::Value =
                serde_json::from_slice(&problem(&refusal).bytes()).unwrap();
            assert_eq!(body["code"], refusal.code());
        }
    }
}
