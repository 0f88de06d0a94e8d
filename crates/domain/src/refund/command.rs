//! The first door's input: what somebody on our side wants, and why it may be refused.

use jiff::Timestamp;
use tuikuan_terms::Fen;

use crate::approval::{DayLimit, LimitOf, Usage};
use crate::event::Source;
use crate::payment::{Payment, REFUNDS_PER_PAYMENT_MAX};
use crate::person::Actor;
use crate::refund::{Elsewhere, NewRefund, Refund, Status};
use crate::retry::Schedule;

/// What somebody on our side wants of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A new refund (or the same again).
    Request(Box<NewRefund>),
    /// A second person agrees to exactly this content (INV-32).
    Approve {
        /// Who.
        by: Actor,
        /// What they say to it, for the history.
        comment: Option<String>,
    },
    /// A second person does not agree: it is withdrawn.
    Reject {
        /// Who.
        by: Actor,
        /// Why, for the history.
        comment: Option<String>,
    },
    /// The engine withdraws what nobody agreed to in time.
    Expire,
    /// A remark for the history; nothing else changes.
    Note {
        /// What is said.
        text: String,
    },
    /// Withdraw it before it is submitted.
    Cancel,
    /// Send a rejected refund again, under the same number.
    Retry,
    /// An abnormal refund was settled another way, or an attention was dealt with.
    Resolve {
        /// What was done, for the history.
        note: String,
    },
    /// Send an abnormal refund to another account than the one it was paid from.
    SendElsewhere(Elsewhere),
    /// Ask WeChat now.
    Query,
    /// The engine is about to send it.
    Submit,
    /// An attempt was begun by a process that is gone.
    Rescue,
}

/// The records a command is held against.
#[derive(Debug, Clone, Copy, Default)]
pub struct Situation<'a> {
    /// The refund, if it exists.
    pub refund: Option<&'a Refund>,
    /// The payment, if it is known.
    pub payment: Option<&'a Payment>,
    /// For a request that names one: the refund to be replaced.
    pub replaced: Option<&'a Refund>,
}

/// Whether a new refund needs a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// It is queued at once.
    NotNeeded,
    /// It waits for a second person.
    Needed {
        /// Until then; afterwards it is withdrawn.
        until: Timestamp,
    },
    /// A second person agreed to it before it was asked for, as part of a batch: it is queued at
    /// once.
    Given {
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
    },
}

/// The rest of a door's input.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The time.
    pub now: Timestamp,
    /// Where the input comes from.
    pub source: Source,
    /// Whose command it is; what WeChat says is the engine's.
    pub actor: &'a Actor,
    /// The engine's schedules.
    pub schedule: &'a Schedule,
    /// The greatest order total accepted.
    pub total_max: Fen,
    /// Whether a new refund needs a second person.
    pub approval: Approval,
}

/// Why a command was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such refund.
    #[error("no such refund")]
    NotFound,
    /// The amount is zero.
    #[error("amount must be at least 1 fen")]
    AmountZero,
    /// The amount is above the configured maximum.
    #[error("amount {requested} fen is above the configured maximum of {maximum} fen")]
    AmountAboveMaximum {
        /// The amount asked.
        requested: Fen,
        /// The configured maximum.
        maximum: Fen,
    },
    /// More than is left of the payment (INV-1).
    #[error("amount {requested} fen exceeds the {refundable} fen left of the payment")]
    AmountExceedsRefundable {
        /// The amount asked.
        requested: Fen,
        /// What is left.
        refundable: Fen,
    },
    /// What is left is not what the caller expected.
    #[error("{actual} fen are left of the payment, expected were {expected} fen")]
    RefundableChanged {
        /// What the caller expected.
        expected: Fen,
        /// What is left.
        actual: Fen,
    },
    /// The order has its full number of refunds (INV-9).
    #[error("the payment already has {REFUNDS_PER_PAYMENT_MAX} refunds, WeChat allows no more")]
    TooManyRefunds,
    /// The refund window has passed (INV-10).
    #[error("the payment of {paid_at} is older than one year, WeChat no longer refunds it")]
    WindowClosed {
        /// When it was paid.
        paid_at: Timestamp,
    },
    /// The identity exists with other content (INV-15).
    #[error("a refund with this identity exists with other content: {}", fields.join(", "))]
    ContentDiffers {
        /// The fields that differ.
        fields: Vec<&'static str>,
    },
    /// `replaces` names a refund that does not exist, or of another payment or merchant.
    #[error("the refund to be replaced does not exist for this payment")]
    ReplacesUnknown,
    /// `replaces` names a refund that is not closed (INV-3).
    #[error("the refund to be replaced is {}, only a closed one can be replaced", status.as_str())]
    ReplacesNotClosed {
        /// Where it stands.
        status: Status,
    },
    /// Another refund already stands in for the one to be replaced.
    #[error("{by} already replaces this refund")]
    AlreadyReplaced {
        /// Which.
        by: crate::ids::RefundId,
    },
    /// The numbers name different orders.
    #[error("out_trade_no and transaction_id belong to different payments")]
    OrderNumbersDisagree,
    /// The command does not fit the refund's status.
    #[error("a refund that is {} cannot be {wanted}", status.as_str())]
    NotIn {
        /// Where it stands.
        status: Status,
        /// What was wanted, as a participle.
        wanted: &'static str,
    },
    /// WeChat has said that it knows this refund after all: sending it again could pay twice.
    #[error("WeChat knows this refund after all: settle the conflict instead of sending it again")]
    Contradicted,
    /// Who asked for it cannot agree to it (INV-32).
    #[error("who asked for a refund cannot approve it: another person must")]
    SamePerson,
    /// Only a person can agree.
    #[error("a refund is approved by a person: use a key that belongs to one, or the console")]
    NotAPerson,
    /// It is no longer what was looked at (INV-32).
    #[error("the refund changed since it was looked at: look again, then approve")]
    ContentChanged,
    /// Nobody agreed in time.
    #[error("the approval was due by {until}: ask for the refund anew")]
    ApprovalExpired {
        /// Until when.
        until: Timestamp,
    },
    /// The day's limit is reached (INV-33).
    #[error(
        "the limit of one {} and day is reached: {} fen in {} refunds so far today",
        of.as_str(), used.amount, used.count
    )]
    LimitReached {
        /// Whose.
        of: LimitOf,
        /// What may be asked in one day.
        limit: DayLimit,
        /// What was asked today.
        used: Usage,
    },
    /// It was sent elsewhere a moment ago, and WeChat has not said yet what became of it.
    #[error("the refund was sent elsewhere a moment ago: wait for what WeChat says")]
    ElsewhereUnderWay {
        /// Since when.
        since: Timestamp,
    },
    /// It may already be with WeChat and cannot be withdrawn.
    #[error("the refund was already submitted and cannot be cancelled")]
    AlreadySubmitted,
}

impl Refusal {
    /// The stable code of the refusal, as interfaces show it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "refund_not_found",
            Self::AmountZero => "amount_zero",
            Self::AmountAboveMaximum { .. } => "amount_above_maximum",
            Self::AmountExceedsRefundable { .. } => "amount_exceeds_refundable",
            Self::RefundableChanged { .. } => "refundable_changed",
            Self::TooManyRefunds => "too_many_refunds",
            Self::WindowClosed { .. } => "refund_window_closed",
            Self::ContentDiffers { .. } => "content_differs",
            Self::ReplacesUnknown => "replaces_unknown",
            Self::ReplacesNotClosed { .. } => "replaces_not_closed",
            Self::AlreadyReplaced { .. } => "already_replaced",
            Self::OrderNumbersDisagree => "order_numbers_disagree",
            Self::NotIn { .. } => "wrong_status",
            Self::Contradicted => "contradicted",
            Self::SamePerson => "same_person",
            Self::NotAPerson => "approval_needs_person",
            Self::ContentChanged => "content_changed",
            Self::ApprovalExpired { .. } => "approval_expired",
            Self::LimitReached { .. } => "limit_reached",
            Self::ElsewhereUnderWay { .. } => "elsewhere_under_way",
            Self::AlreadySubmitted => "already_submitted",
        }
    }
}
