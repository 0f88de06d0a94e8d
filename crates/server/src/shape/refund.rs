//! The shape of a refund.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use tuikuan_domain::{Actor, ErrorNote, Refund, Step};
use tuikuan_engine::content_hash;
use tuikuan_store::Job;
use tuikuan_terms::Fen;
use utoipa::ToSchema;

use crate::shape::{CURRENCY, Time};

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refund)]
pub struct RefundBody<'a> {
    /// Our id.
    #[schema(example = "rf_0194f0a1b2c37d4e8f90a1b2c3d4e5f6")]
    pub id: &'a str,
    /// The merchant's short name.
    pub merchant: &'a str,
    /// The refund's number towards WeChat, for life.
    pub out_refund_no: &'a str,
    /// The merchant's order number.
    #[schema(required = true)]
    pub out_trade_no: Option<&'a str>,
    /// WeChat's order number.
    #[schema(required = true)]
    pub transaction_id: Option<&'a str>,
    /// WeChat's number of the refund, once accepted.
    #[schema(required = true)]
    pub refund_id: Option<&'a str>,
    /// What is refunded, in fen.
    #[schema(minimum = 1, example = 1980)]
    pub amount: i64,
    /// The order's total in fen, once known.
    #[schema(required = true)]
    pub total: Option<i64>,
    /// Always `CNY`.
    #[schema(example = "CNY")]
    pub currency: &'static str,
    /// Where it stands: `awaiting_approval`, `queued`, `submitting`, `unknown`, `processing`,
    /// `abnormal`, `succeeded`, `settled_offline`, `closed`, `rejected` or `cancelled`.
    #[schema(example = "processing")]
    pub status: &'static str,
    /// What a queued refund waits for.
    #[schema(required = true)]
    pub pending_reason: Option<&'static str>,
    /// Whether a person is needed, and why.
    #[schema(required = true)]
    pub attention: Option<AttentionBody>,
    /// The last thing that went wrong.
    #[schema(required = true)]
    pub error: Option<ErrorBody<'a>>,
    /// Where the request came from.
    pub origin: &'static str,
    /// Who asked for it: a person (`usr_...`), a key without an owner (`key_...`), `cli` or `engine`.
    #[schema(required = true)]
    pub requested_by: Option<&'a str>,
    /// Where it stands with the second person; null when none is needed.
    #[schema(required = true)]
    pub approval: Option<ApprovalBody<'a>>,
    /// The reason shown to the buyer.
    #[schema(required = true)]
    pub reason: Option<&'a str>,
    /// Where WeChat takes the money from, where the caller said so.
    #[schema(required = true)]
    pub funds_account: Option<&'static str>,
    /// The item list the caller gave.
    #[schema(required = true, value_type = Option<Value>)]
    pub goods_detail: Option<&'a RawValue>,
    /// Not submitted before.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub not_before: Option<Time>,
    /// What the caller expected to be left.
    #[schema(required = true)]
    pub expected_refundable: Option<i64>,
    /// The caller's own data.
    #[schema(required = true, value_type = Option<Object>)]
    pub metadata: Option<&'a RawValue>,
    /// The closed refund that this one replaces.
    #[schema(required = true)]
    pub replaces: Option<&'a str>,
    /// Grows by one with each change.
    pub version: i64,
    /// Attempts begun.
    pub attempts: u32,
    /// The account that received the money, for display.
    #[schema(required = true)]
    pub user_received_account: Option<&'a str>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Time,
    /// First attempt that may have reached WeChat.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub submitted_at: Option<Time>,
    /// When the money arrived.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub succeeded_at: Option<Time>,
    /// When it ended.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Time>,
    /// What the engine does next, and when; null when nothing is to be done.
    #[schema(required = true)]
    pub next: Option<Next>,
}

impl<'a> RefundBody<'a> {
    pub(crate) fn of(refund: &'a Refund, next: Option<Next>) -> Self {
        let content = &refund.content;
        Self {
            id: refund.id.as_str(),
            merchant: refund.merchant.as_str(),
            out_refund_no: refund.out_refund_no.as_str(),
            out_trade_no: content.order.out_trade_no.as_ref().map(AsRef::as_ref),
            transaction_id: content.order.transaction_id.as_ref().map(AsRef::as_ref),
            refund_id: refund.refund_id.as_ref().map(AsRef::as_ref),
            amount: content.amount.get(),
            total: refund.total.map(Fen::get),
            currency: CURRENCY,
            status: refund.status.as_str(),
            pending_reason: refund.pending_reason.map(|reason| reason.as_str()),
            attention: refund.attention.map(|attention| AttentionBody {
                reason: attention.reason.as_str(),
                since: Time(attention.since),
            }),
            error: refund.error.as_ref().map(ErrorBody::of),
            origin: refund.origin.as_str(),
            requested_by: refund.requested_by.as_ref().map(Actor::as_str),
            approval: ApprovalBody::of(refund),
            reason: content.reason.as_ref().map(|reason| reason.as_str()),
            funds_account: content.funds_account.map(|account| account.as_str()),
            goods_detail: document(content.goods_detail.as_deref()),
            not_before: content.not_before.map(Time),
            expected_refundable: content.expected_refundable.map(Fen::get),
            metadata: document(content.metadata.as_deref()),
            replaces: content.replaces.as_ref().map(|id| id.as_str()),
            version: refund.version,
            attempts: refund.attempts,
            user_received_account: refund.user_received_account.as_deref(),
            created_at: Time(refund.created_at),
            submitted_at: refund.submitted_at.map(Time),
            succeeded_at: refund.succeeded_at.map(Time),
            ended_at: refund.ended_at.map(Time),
            next,
        }
    }
}

fn document(text: Option<&str>) -> Option<&RawValue> {
    text.and_then(|text| serde_json::from_str(text).ok())
}

/// Where a refund stands with the second person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Approval)]
pub struct ApprovalBody<'a> {
    /// `required` or `given`.
    pub state: &'static str,
    /// Until when somebody else must agree; afterwards it is withdrawn.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub until: Option<Time>,
    /// Who asked for it.
    #[schema(required = true)]
    pub requested_by: Option<&'a str>,
    /// Who agreed.
    #[schema(required = true)]
    pub approved_by: Option<&'a str>,
    /// When.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub approved_at: Option<Time>,
    /// SHA-256 of what is agreed to: merchant, order, number, amount, account and reason.
    pub content_hash: String,
}

impl<'a> ApprovalBody<'a> {
    fn of(refund: &'a Refund) -> Option<Self> {
        let state = refund.approval.name()?;
        let given = refund.approval.given();
        let hash = content_hash(refund);
        Some(Self {
            state,
            until: refund.approval.until().map(Time),
            requested_by: refund.requested_by.as_ref().map(Actor::as_str),
            approved_by: given.map(|(by, _, _)| by.as_str()),
            approved_at: given.map(|(_, at, _)| Time(at)),
            content_hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

/// Why a person is needed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attention)]
pub struct AttentionBody {
    /// `approval`, `abnormal`, `conflict`, `insufficient_balance`, `configuration`, `refused`,
    /// `unknown_for_long`, `many_attempts` or `queries_exhausted`.
    pub reason: &'static str,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Time,
}

/// What went wrong last.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RefundError)]
pub struct ErrorBody<'a> {
    /// WeChat's code, or one of ours in lower case.
    #[schema(example = "NOTENOUGH")]
    pub code: &'a str,
    /// WeChat's text, or ours.
    pub message: &'a str,
    /// Who said it: `wechat`, `transport` or `engine`.
    pub source: &'static str,
    /// What to do about it.
    pub advice: &'a str,
}

impl<'a> ErrorBody<'a> {
    pub(crate) fn of(note: &'a ErrorNote) -> Self {
        Self {
            code: &note.code,
            message: &note.message,
            source: note.source.as_str(),
            advice: advice(note),
        }
    }
}

/// What to do about an error. WeChat's codes and the network's carry their advice; ours have theirs here.
fn advice(note: &ErrorNote) -> &str {
    if !note.advice.is_empty() {
        return &note.advice;
    }
    match note.code.as_str() {
        "order_not_found" => {
            "check the order number and the merchant; retry if both are right, or ask anew under another \
             out_refund_no for the right order"
        }
        "order_not_paid" => "nothing to refund; retry once the order is paid",
        "amount_exceeds_refundable" | "refundable_changed" => {
            "look at the payment and what was refunded of it; a smaller refund takes another out_refund_no"
        }
        "total_mismatch" => "register the payment with the total that WeChat knows, then retry",
        "amount_above_maximum" => "check the amount, it is in fen; an operator sets the maximum",
        "too_many_refunds" | "refund_window_closed" => {
            "WeChat refunds no more of this payment; pay the buyer another way"
        }
        "not_configured" => "an operator mends the merchant's configuration: tuikuan doctor",
        "approval_rejected" => {
            "ask the person who did not agree; another refund takes another out_refund_no"
        }
        "approval_expired" => "ask anew under another out_refund_no if it is still wanted",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use tuikuan_domain::outcome::ErrorSource;

    use super::*;

    fn note(code: &str, advice: &str) -> ErrorNote {
        ErrorNote {
            code: code.to_owned(),
            message: "what happened".to_owned(),
            source: ErrorSource::Engine,
            advice: advice.to_owned(),
        }
    }

    #[test]
    fn an_error_of_ours_says_what_to_do() {
        assert!(advice(&note("order_not_found", "")).starts_with("check the order number"));
        assert_eq!(advice(&note("order_not_found", "as it says")), "as it says");
    }
}

/// What happens next.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Next {
    /// `submit`, `query`, `look_up_payment` or `expire_approval`.
    pub action: &'static str,
    /// When; in the past when it is being done.
    #[schema(value_type = String, format = DateTime)]
    pub at: Time,
}

impl Next {
    pub(crate) fn of(job: &Job) -> Option<Self> {
        let action = job.step?.as_str();
        Some(Self {
            action,
            at: Time(job.leased_since.unwrap_or(job.due_at)),
        })
    }

    /// As it was planned a moment ago.
    pub(crate) fn planned(step: Step, due: Timestamp) -> Self {
        Self {
            action: step.as_str(),
            at: Time(due),
        }
    }
}
