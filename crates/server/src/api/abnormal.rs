//! An abnormal refund is sent elsewhere. The fields of a card go to WeChat, encrypted; nothing here
//! keeps them, and no answer repeats them (INV-36).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use secrecy::SecretString;
use serde::Serialize;
use tuikuan_domain::refund::{Elsewhere, ElsewhereEnd};
use tuikuan_engine::{BANKS, Receiver};
use utoipa::ToSchema;

use crate::api::{json, refund, refund_body};
use crate::app::{App, Shared};
use crate::auth::Caller;
use crate::body::{self, API_BYTES_MAX};
use crate::documentation::WriteProblems;
use crate::json::Fields;
use crate::policy::Permission;
use crate::problem::Problem;
use crate::shape::{ErrorBody, RefundBody};

/// Where the money of an abnormal refund goes instead.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AbnormalRefund)]
pub struct AbnormalBody {
    /// `buyer_card`: a debit card of the buyer. `merchant`: the merchant's settlement account; pay the
    /// buyer another way then.
    #[schema(example = "buyer_card")]
    pub to: String,
    /// The card's bank, for `buyer_card`: one of WeChat's 15 codes.
    #[schema(required = false, example = "ICBC_DEBIT")]
    pub bank_type: Option<String>,
    /// The card's number, for `buyer_card`. It is encrypted to WeChat and never kept.
    #[schema(required = false, write_only)]
    pub bank_account: Option<String>,
    /// The holder's name, for `buyer_card`. It is encrypted to WeChat and never kept.
    #[schema(required = false, write_only)]
    pub real_name: Option<String>,
}

/// What WeChat answered. Whatever it is, WeChat is asked about the refund at once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AbnormalOutcome)]
pub struct AbnormalOutcomeBody<'a> {
    /// `accepted`, `refused`, `not_sent` or `unknown` (no answer that proves anything: do not send it
    /// again before the refund was asked about).
    #[schema(example = "accepted")]
    pub outcome: &'static str,
    /// What went wrong.
    #[schema(required = true)]
    pub error: Option<ErrorBody<'a>>,
    /// The refund as it stands now.
    pub refund: RefundBody<'a>,
}

/// Send an abnormal refund to another account than the one it was paid from.
///
/// Possible in `abnormal`, with API v3 credentials. The status changes when a query says so. Where a
/// second person had to agree to the refund, only a person other than the one who asked for it, with
/// the role to approve, may send it elsewhere.
#[utoipa::path(post, operation_id = "send_abnormal_refund", path = "/v1/refunds/{id}/abnormal", tag = "refunds",
    params(("id" = String, Path, description = "Our id of the refund")),
    request_body = AbnormalBody,
    responses((status = 200, description = "What WeChat answered, and the refund", body = AbnormalOutcomeBody<'static>), WriteProblems))]
pub(crate) async fn send(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, sent) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(sent, API_BYTES_MAX, app.settings.body_timeout).await?;
    let receiver = receiver(Fields::of(&bytes)?)?;
    let refund = refund::visible(&app, &caller, &id).await?;
    if refund.under_approval() {
        let (store, now) = (app.engine.store(), app.engine.now());
        let approves = app
            .keys
            .caller(&head.headers, (store, now), Permission::Approve);
        approves.await?;
    }
    let by = caller.by();
    let (refund, end) = send_elsewhere(&app, refund.id, receiver, by).await?;
    let body = AbnormalOutcomeBody {
        outcome: end.as_str(),
        error: end.note().map(ErrorBody::of),
        refund: refund_body(&app, &refund).await?,
    };
    Ok(json(StatusCode::OK, &body))
}

/// Sends it on a task of its own: a caller who goes away takes nothing back that has left.
pub(crate) async fn send_elsewhere(
    app: &App,
    id: tuikuan_domain::RefundId,
    receiver: Receiver,
    by: tuikuan_engine::By,
) -> Result<(tuikuan_domain::Refund, ElsewhereEnd), tuikuan_engine::EngineError> {
    let shared: Arc<Shared> = Arc::clone(app);
    let task = app
        .tasks
        .spawn(async move { shared.engine.send_elsewhere(&id, receiver, &by).await });
    task.await
        .unwrap_or(Err(tuikuan_engine::EngineError::Interrupted))
}

fn receiver(mut fields: Fields<'_>) -> Result<Receiver, Problem> {
    let to = fields.word("to", Elsewhere::parse);
    let to = fields.require("to", to);
    let bank = fields.word("bank_type", bank);
    let account = fields.text("bank_account");
    let name = fields.text("real_name");
    if to == Some(Elsewhere::BuyerCard) {
        let bank = fields.require("bank_type", bank);
        let account = fields.require("bank_account", account).unwrap_or_default();
        let name = fields.require("real_name", name).unwrap_or_default();
        if !is_account(&account) {
            fields.fault(
                "bank_account",
                "format",
                "a card number has 12 to 30 digits",
            );
        }
        if !is_name(&name) {
            fields.fault(
                "real_name",
                "format",
                "a name has 1 to 60 characters on one line",
            );
        }
        fields.finish()?;
        let bank = bank.unwrap_or(BANKS[0].0);
        return Ok(Receiver::BuyerCard {
            bank,
            account: SecretString::from(account),
            name: SecretString::from(name),
        });
    }
    for (field, given) in [
        ("bank_type", bank.is_some()),
        ("bank_account", account.is_some()),
        ("real_name", name.is_some()),
    ] {
        if given {
            fields.fault(field, "not_allowed", "only for `buyer_card`");
        }
    }
    fields.finish()?;
    Ok(Receiver::Merchant)
}

/// A bank's code.
pub(crate) fn bank(text: &str) -> Option<&'static str> {
    BANKS
        .iter()
        .map(|(code, _)| *code)
        .find(|code| *code == text)
}

/// Whether a text can be a card's number.
pub(crate) fn is_account(text: &str) -> bool {
    (12..=30).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a text can be a holder's name.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=60).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}
