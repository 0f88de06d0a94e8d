//! A second person agrees to a refund or does not (INV-32). Who sends `content_hash` agrees to
//! exactly what they looked at.

use std::sync::Arc;

use axum::Extension;
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

/// The longest comment, in characters.
const COMMENT_CHARS_MAX: usize = 500;

/// What a second person says of a refund. The body may be left out.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Decision)]
pub struct DecisionBody {
    /// Why, for the history: 1 to 500 characters on one line.
    #[schema(min_length = 1, max_length = 500, example = "checked with the buyer")]
    pub comment: Option<String>,
    /// `approval.content_hash` of the refund as it was looked at: refused when it is another one now.
    #[schema(min_length = 64, max_length = 64)]
    pub content_hash: Option<String>,
}

/// A second person agrees.
///
/// Takes a key that belongs to a person other than the one who asked.
#[utoipa::path(post, operation_id = "approve_refund", path = "/v1/refunds/{id}/approve", tag = "refunds",
    params(("id" = String, Path, description = "Our id of the refund")),
    request_body = Option<DecisionBody>,
    responses((status = 200, description = "The refund as it stands now", body = RefundBody<'static>), WriteProblems))]
pub(crate) async fn approve(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let said = Said::read(&app, request).await?;
    let approve = Command::Approve {
        by: caller.by().actor,
        comment: said.comment,
    };
    decided(&app, &caller, &id, (approve, said.seen)).await
}

/// A second person does not agree: the refund is withdrawn.
///
/// Takes a key that belongs to a person.
#[utoipa::path(post, operation_id = "reject_refund", path = "/v1/refunds/{id}/reject", tag = "refunds",
    params(("id" = String, Path, description = "Our id of the refund")),
    request_body = Option<DecisionBody>,
    responses((status = 200, description = "The refund as it stands now", body = RefundBody<'static>), WriteProblems))]
pub(crate) async fn reject(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let said = Said::read(&app, request).await?;
    let reject = Command::Reject {
        by: caller.by().actor,
        comment: said.comment,
    };
    decided(&app, &caller, &id, (reject, said.seen)).await
}

async fn decided(
    app: &Shared,
    caller: &Caller,
    id: &str,
    (command, seen): (Command, Option<[u8; 32]>),
) -> Result<Response, Problem> {
    let refund = refund::visible(app, caller, id).await?;
    let by = caller.by();
    let refund = app
        .engine
        .command_on(&refund.id, seen, command, &by)
        .await?;
    Ok(json(StatusCode::OK, &refund_body(app, &refund).await?))
}

/// The body of a decision.
#[derive(Default)]
struct Said {
    comment: Option<String>,
    seen: Option<[u8; 32]>,
}

impl Said {
    async fn read(app: &Shared, request: Request) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let bytes = body::read(body, API_BYTES_MAX, app.settings.body_timeout).await?;
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        body::require_json(&head.headers)?;
        let mut fields = Fields::of(&bytes)?;
        let comment = fields.text("comment");
        if comment.as_deref().is_some_and(|text| !is_comment(text)) {
            let message = "a comment has 1 to 500 characters on one line";
            fields.fault("comment", "format", message);
        }
        let hash = fields.text("content_hash");
        let seen = hash.as_deref().and_then(digest);
        if hash.is_some() && seen.is_none() {
            let message = "64 hexadecimal digits, as the refund shows them";
            fields.fault("content_hash", "format", message);
        }
        fields.finish()?;
        Ok(Self { comment, seen })
    }
}

fn is_comment(text: &str) -> bool {
    (1..=COMMENT_CHARS_MAX).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

/// SHA-256 from its hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().enumerate() {
        let at = place.checked_mul(2)?;
        let pair = text.get(at..at.checked_add(2)?)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_64_hexadecimal_digits() {
        assert_eq!(digest(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(digest(&"0F".repeat(32)), Some([15; 32]));
        for bad in [
            "",
            "0f",
            &"0g".repeat(32),
            &"+1".repeat(32),
            &"款".repeat(64),
        ] {
            assert_eq!(digest(bad), None, "{bad}");
        }
    }
}
