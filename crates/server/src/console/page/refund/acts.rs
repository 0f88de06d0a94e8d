//! What a person can do to a refund now, and the forms that do it. What the door refuses is told on
//! the page; nothing was changed then.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use tuikuan_domain::refund::AttentionReason;
use tuikuan_domain::{Command, PendingReason, Refund, Refusal, Status};
use tuikuan_engine::EngineError;

use super::{Wrong, href, refuse, visible};
use crate::api::note::is_note;
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::page::to_saying;
use crate::console::text::notice::{Notice, Told};
use crate::console::visit::Visit;
use crate::policy::Permission;

/// What can be done now, by the names that the page uses.
pub(super) struct Acts(Vec<&'static str>);

impl Acts {
    /// For a refund as it stands, and a person.
    pub(super) fn of(refund: &Refund, visit: &Visit) -> Self {
        if !visit.may(Permission::Operate) {
            return Self(Vec::new());
        }
        let waits = matches!(
            refund.pending_reason,
            Some(PendingReason::InsufficientBalance | PendingReason::MerchantHold)
        );
        let queued = refund.status == Status::Queued;
        let withdrawn = queued && refund.submitted_at.is_none();
        let mut acts = vec!["note"];
        let mut add = |possible: bool, act| {
            if possible {
                acts.push(act);
            }
        };
        add(refund.status.can_query(), "query");
        add(refund.status == Status::Rejected, "retry");
        add(queued && waits, "retry_now");
        add(
            withdrawn || refund.status == Status::AwaitingApproval,
            "cancel",
        );
        add(refund.status == Status::AwaitingApproval, "approval");
        add(refund.status == Status::Abnormal, "elsewhere");
        add(refund.status == Status::Abnormal, "settle");
        add(refund.status == Status::Closed, "again");
        add(
            refund.status != Status::Abnormal && resolvable(refund),
            "resolve",
        );
        add(true, "redeliver");
        Self(acts)
    }

    /// Whether something can be done.
    pub(super) fn can(&self, act: &str) -> bool {
        self.0.contains(&act)
    }

    /// Whether the person only looks.
    pub(super) fn only_looks(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether an attention can be dealt with by saying so.
fn resolvable(refund: &Refund) -> bool {
    let Some(attention) = refund.attention else {
        return false;
    };
    refund.status.is_end()
        || matches!(
            attention.reason,
            AttentionReason::QueriesExhausted
                | AttentionReason::UnknownForLong
                | AttentionReason::ManyAttempts
        )
}

/// `POST /console/refunds/{id}/query`.
pub(crate) async fn query(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    act(
        &app,
        &visit,
        &refund,
        Command::Query,
        Notice::Refund(Told::Queried),
    )
    .await
}

/// `POST /console/refunds/{id}/retry`.
pub(crate) async fn retry(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    act(
        &app,
        &visit,
        &refund,
        Command::Retry,
        Notice::Refund(Told::Retried),
    )
    .await
}

/// `POST /console/refunds/{id}/cancel`.
pub(crate) async fn cancel(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    act(
        &app,
        &visit,
        &refund,
        Command::Cancel,
        Notice::Refund(Told::Cancelled),
    )
    .await
}

/// `POST /console/refunds/{id}/resolve`.
pub(crate) async fn resolve(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    let note = fields.trimmed("note").to_owned();
    if !is_note(&note) {
        let field = "resolve";
        let typed = note;
        return refuse(&app, &visit, refund, Wrong { field, typed }).await;
    }
    let command = Command::Resolve { note };
    act(
        &app,
        &visit,
        &refund,
        command,
        Notice::Refund(Told::Resolved),
    )
    .await
}

/// `POST /console/refunds/{id}/note`.
pub(crate) async fn note(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    let text = fields.trimmed("note").to_owned();
    if !is_note(&text) {
        let field = "note";
        return refuse(&app, &visit, refund, Wrong { field, typed: text }).await;
    }
    act(
        &app,
        &visit,
        &refund,
        Command::Note { text },
        Notice::Refund(Told::Noted),
    )
    .await
}

/// `POST /console/refunds/{id}/redeliver`.
pub(crate) async fn redeliver(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    let wanted = fields
        .text("delivery")
        .parse()
        .map_err(|_foreign| Fault::Refused)?;
    let delivery = app.engine.store().delivery(&wanted).await?;
    if delivery.is_none_or(|delivery| delivery.refund_id != refund.id) {
        return Err(Fault::NotFound);
    }
    let notice = match app.engine.redeliver(&wanted, &visit.by()).await {
        Ok(()) => Notice::Refund(Told::Redelivered),
        // The endpoint is gone.
        Err(EngineError::NotFound) => Notice::Refund(Told::NotPossible),
        Err(error) => return Err(error.into()),
    };
    Ok(to_saying(&app, &href(&refund), notice))
}

async fn act(
    app: &Shared,
    visit: &Visit,
    refund: &Refund,
    command: Command,
    notice: Notice,
) -> Result<Response, Fault> {
    let notice = match app.engine.command(&refund.id, command, &visit.by()).await {
        Ok(_) => notice,
        Err(EngineError::Refused(refusal)) => notice_of(&refusal),
        Err(error) => return Err(error.into()),
    };
    Ok(to_saying(app, &href(refund), notice))
}

/// Why something could not be done, in a sentence of ours.
pub(crate) fn notice_of(refusal: &Refusal) -> Notice {
    match refusal {
        Refusal::AlreadySubmitted => Notice::Refund(Told::AlreadySubmitted),
        Refusal::Contradicted => Notice::Refund(Told::Contradicted),
        Refusal::AmountExceedsRefundable { .. } | Refusal::RefundableChanged { .. } => {
            Notice::Refund(Told::NothingLeft)
        }
        Refusal::TooManyRefunds | Refusal::WindowClosed { .. } => {
            Notice::Refund(Told::NotRefundable)
        }
        Refusal::SamePerson | Refusal::NotAPerson => Notice::Refund(Told::SamePerson),
        Refusal::ContentChanged => Notice::ChangedMeanwhile,
        Refusal::ApprovalExpired { .. } => Notice::Refund(Told::ApprovalExpired),
        Refusal::LimitReached { .. } => Notice::Refund(Told::LimitReached),
        Refusal::ElsewhereUnderWay { .. } => Notice::Refund(Told::ElsewhereUnderWay),
        Refusal::NotFound
        | Refusal::AmountZero
        | Refusal::AmountAboveMaximum { .. }
        | Refusal::ContentDiffers { .. }
        | Refusal::ReplacesUnknown
        | Refusal::ReplacesNotClosed { .. }
        | Refusal::AlreadyReplaced { .. }
        | Refusal::OrderNumbersDisagree
        | Refusal::NotIn { .. } => Notice::Refund(Told::NotPossible),
    }
}
