//! A remark for the history of a refund.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use tuikuan_domain::Command;
use utoipa::ToSchema;

use crate::api::{json, refund, refund_body};
use crate::app::App;
use crate::auth::Caller;
use crate::body::{self, API_BYTES_MAX};
use crate::documentation::WriteProblems;
use crate::json::Fields;
use crate::problem::Problem;
use crate::shape::RefundBody;

/// The longest remark, in characters.
const NOTE_CHARS_MAX: usize = 500;

/// A remark.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Note)]
pub struct NoteBody {
    /// What is said, for the history: 1 to 500 characters on one line.
    #[schema(min_length = 1, max_length = 500, example = "the buyer called")]
    pub text: String,
}

/// Write a remark into the history. Nothing else changes.
#[utoipa::path(post, operation_id = "note_refund", path = "/v1/refunds/{id}/note", tag = "refunds",
    params(("id" = String, Path, description = "Our id of the refund")),
    request_body = NoteBody,
    responses((status = 200, description = "The refund as it stands now", body = RefundBody<'static>), WriteProblems))]
pub(crate) async fn note(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, sent) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(sent, API_BYTES_MAX, app.settings.body_timeout).await?;
    let mut fields = Fields::of(&bytes)?;
    let text = fields.text("text");
    let given = fields.require("text", text);
    let missing = given.is_none();
    let text = given.unwrap_or_default();
    if !missing && !is_note(&text) {
        fields.fault(
            "text",
            "format",
            "a note has 1 to 500 characters on one line",
        );
    }
    fields.finish()?;
    let refund = refund::visible(&app, &caller, &id).await?;
    let command = Command::Note { text };
    let refund = app
        .engine
        .command(&refund.id, command, &caller.by())
        .await?;
    Ok(json(StatusCode::OK, &refund_body(&app, &refund).await?))
}

/// Whether a text can stand in the history as a note.
pub(crate) fn is_note(text: &str) -> bool {
    (1..=NOTE_CHARS_MAX).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}
