//! One refund request under one number for life, and the two doors through which it changes.
//! A record is never edited elsewhere: [`decide`] and [`observe`] return the next one.

use std::fmt;

use jiff::Timestamp;
use tuikuan_terms::{Fen, MchId, OutRefundNo, SubMchId, WechatRefundId};

use crate::approval::ApprovalState;
use crate::event::Source;
use crate::ids::{MerchantName, PaymentId, RefundId};
use crate::outcome::ErrorNote;
use crate::payment::OrderRef;
use crate::person::Actor;

mod adopt;
mod command;
mod decide;
mod elsewhere;
mod fields;
mod lookup;
mod observation;
mod observe;
mod report;
mod request;
mod status;
mod transition;

pub use adopt::adopt;
pub use command::{Approval, Command, Context, Refusal, Situation};
pub use decide::decide;
pub use elsewhere::{ELSEWHERE, ELSEWHERE_OUTCOME, Elsewhere, ElsewhereEnd};
pub use fields::{ReplayError, replay};
pub use observation::Observation;
pub use observe::observe;
pub use status::{Money, PendingReason, Status};
pub use transition::{AttemptEnd, AttemptMark, Changed, Plan, Step, Transition};

/// Where WeChat takes the money from, for merchants on the old fund flow (limits P34).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FundsAccount {
    /// The available balance.
    Available,
    /// Takings not yet settled.
    Unsettled,
}

impl FundsAccount {
    /// The account as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Unsettled => "unsettled",
        }
    }

    /// Reads what [`FundsAccount::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Available, Self::Unsettled]
            .into_iter()
            .find(|a| a.as_str() == text)
    }
}

/// The reason shown to the buyer: 1 to 80 bytes of UTF-8, characters of at most 3 bytes, no control
/// characters (limits P20).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reason(String);

/// Why a text cannot be a reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// Too long, or nothing.
    #[error("a reason has 1 to 80 bytes of UTF-8 (26 Chinese characters), this one has {bytes}")]
    Length {
        /// How long it is.
        bytes: usize,
    },
    /// A character that WeChat does not take.
    #[error(
        "a reason has no emoji, no control characters, and no space around it; found {found:?}"
    )]
    Character {
        /// The first one.
        found: char,
    },
}

impl Reason {
    /// The reason as it goes to WeChat.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Reason {
    type Err = ReasonError;
    fn from_str(text: &str) -> Result<Self, ReasonError> {
        let stray = |c: char| c.len_utf8() > 3 || c.is_control();
        let around = text.trim() != text;
        let space = || text.chars().find(|c| around && c.is_whitespace());
        if let Some(found) = text.chars().find(|c| stray(*c)).or_else(space) {
            return Err(ReasonError::Character { found });
        }
        match text.len() {
            1..=80 => Ok(Self(text.to_owned())),
            bytes => Err(ReasonError::Length { bytes }),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a refund needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttentionReason {
    /// A second person must agree.
    Approval,
    /// The bank refused the money: change of account or settlement by hand.
    Abnormal,
    /// WeChat and our record contradict each other.
    Conflict,
    /// The merchant's balance is too small.
    InsufficientBalance,
    /// Keys, certificate or permissions of the merchant need mending.
    Configuration,
    /// WeChat refused the refund and nothing moved.
    Refused,
    /// WeChat has not been heard for long.
    UnknownForLong,
    /// The same request was sent many times without a trace.
    ManyAttempts,
    /// The query rhythm is used up and the refund has not ended.
    QueriesExhausted,
}

impl AttentionReason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Approval,
        Self::Abnormal,
        Self::Conflict,
        Self::InsufficientBalance,
        Self::Configuration,
        Self::Refused,
        Self::UnknownForLong,
        Self::ManyAttempts,
        Self::QueriesExhausted,
    ];

    /// The reason as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Abnormal => "abnormal",
            Self::Conflict => "conflict",
            Self::InsufficientBalance => "insufficient_balance",
            Self::Configuration => "configuration",
            Self::Refused => "refused",
            Self::UnknownForLong => "unknown_for_long",
            Self::ManyAttempts => "many_attempts",
            Self::QueriesExhausted => "queries_exhausted",
        }
    }

    /// Reads what [`AttentionReason::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// A refund that needs a person, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// Why.
    pub reason: AttentionReason,
    /// Since when.
    pub since: Timestamp,
}

/// What a caller asks for. Two requests under one identity are the same when all of this agrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The order, by one or both numbers.
    pub order: OrderRef,
    /// What to refund.
    pub amount: Fen,
    /// Shown to the buyer.
    pub reason: Option<Reason>,
    /// Where WeChat takes the money from.
    pub funds_account: Option<FundsAccount>,
    /// Item list of a single-item promotion, as JSON text.
    pub goods_detail: Option<String>,
    /// Not to be submitted before.
    pub not_before: Option<Timestamp>,
    /// Refuse unless exactly this is left of the payment.
    pub expected_refundable: Option<Fen>,
    /// The closed refund that this one replaces.
    pub replaces: Option<RefundId>,
    /// The caller's own data, as JSON text.
    pub metadata: Option<String>,
}

/// A refund to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// Our id, made by the caller of the door.
    pub id: RefundId,
    /// The merchant's name in the configuration.
    pub merchant: MerchantName,
    /// The merchant number.
    pub mch_id: MchId,
    /// The sub-merchant, for a service provider.
    pub sub_mch_id: Option<SubMchId>,
    /// The refund's number, for life (INV-2).
    pub out_refund_no: OutRefundNo,
    /// What is asked.
    pub content: Content,
    /// Who asks.
    pub requested_by: Actor,
}

/// One refund.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "two facts that have nothing to do with each other"
)]
pub struct Refund {
    /// Our id.
    pub id: RefundId,
    /// The merchant's name in the configuration.
    pub merchant: MerchantName,
    /// The merchant number.
    pub mch_id: MchId,
    /// The sub-merchant, for a service provider.
    pub sub_mch_id: Option<SubMchId>,
    /// The refund's number, for life (INV-2).
    pub out_refund_no: OutRefundNo,
    /// What was asked; the order's numbers are completed when they become known.
    pub content: Content,
    /// Where the request came from.
    pub origin: Source,
    /// Who asked for it; `None` for refunds older than this field.
    pub requested_by: Option<Actor>,
    /// Where it stands with the second person.
    pub approval: ApprovalState,
    /// The payment it draws on, once known.
    pub payment_id: Option<PaymentId>,
    /// The order's total, once known.
    pub total: Option<Fen>,
    /// Where it stands.
    pub status: Status,
    /// What a queued refund waits for.
    pub pending_reason: Option<PendingReason>,
    /// WeChat's number of the refund, once accepted.
    pub refund_id: Option<WechatRefundId>,
    /// The account that received the money; display only.
    pub user_received_account: Option<String>,
    /// Whether a person is needed.
    pub attention: Option<Attention>,
    /// The last thing that went wrong.
    pub error: Option<ErrorNote>,
    /// WeChat refused it in an answer that needs a look before it counts.
    pub refusal_unconfirmed: bool,
    /// Contradictions recorded, each once, sorted and joined by commas.
    pub contradictions: Option<String>,
    /// Attempts begun.
    pub attempts: u32,
    /// Refusals of the kind "not now", and failures to reach WeChat, in a row.
    pub waits: u32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// First attempt whose bytes may have left.
    pub submitted_at: Option<Timestamp>,
    /// Start of the last attempt.
    pub last_attempt_at: Option<Timestamp>,
    /// When it was sent elsewhere last, as far as WeChat may have taken it.
    pub elsewhere_at: Option<Timestamp>,
    /// Whether WeChat has not said since then how it stands.
    pub elsewhere_open: bool,
    /// When the money arrived, by WeChat's clock where WeChat says so.
    pub succeeded_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Grows by one with each change; equals the number of its events.
    pub version: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_wechat_would_not_take_says_which_rule_it_breaks() {
        let said = |text: &str| text.parse::<Reason>().map_err(|error| error.to_string());
        assert!(said(&"退".repeat(26)).is_ok());
        assert!(
            said(&"退".repeat(27))
                .unwrap_err()
                .ends_with("this one has 81")
        );
        assert!(said("").unwrap_err().ends_with("this one has 0"));
        assert!(said("不合适😀").unwrap_err().ends_with("found '😀'"));
        assert!(said("a\nb").unwrap_err().ends_with(r"found '\n'"));
        assert!(said("sold out ").unwrap_err().ends_with("found ' '"));
    }
}
