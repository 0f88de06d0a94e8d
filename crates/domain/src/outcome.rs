//! What an answer from WeChat proves, in our own words. The engine's verdict translates the wire
//! into these; the doors know nothing of the wire.
//!
//! Not to have heard is not to have failed (INV-5): everything that proves nothing is
//! [`Outcome::Unknown`].

use jiff::Timestamp;
use tuikuan_terms::{Fen, MchId, OutRefundNo, OutTradeNo, SubMchId, TransactionId, WechatRefundId};

/// Why something went as it did, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorNote {
    /// WeChat's code, or one of ours (lower case).
    pub code: String,
    /// WeChat's text, as data; at most 500 characters.
    pub message: String,
    /// Who said it.
    pub source: ErrorSource,
    /// What to do about it.
    pub advice: String,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorSource {
    /// WeChat Pay answered with a code.
    Wechat,
    /// The network, or an answer nobody can use.
    Transport,
    /// Tuikuan's own rules.
    Engine,
}

impl ErrorSource {
    /// The source as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wechat => "wechat",
            Self::Transport => "transport",
            Self::Engine => "engine",
        }
    }

    /// Reads what [`ErrorSource::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Wechat, Self::Transport, Self::Engine]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// The state WeChat reports for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WechatState {
    /// In progress (v2 apply says no more than "accepted", which is the same).
    Processing,
    /// The money has arrived.
    Success,
    /// The bank refused it; a person must act.
    Abnormal,
    /// Failed for good, the merchant has the money.
    Closed,
}

impl WechatState {
    /// All states.
    pub const ALL: [Self; 4] = [
        Self::Processing,
        Self::Success,
        Self::Abnormal,
        Self::Closed,
    ];
}

/// A verified statement about one refund. Amounts are the requested ones (INV-21).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The merchant number the statement is about.
    pub mch_id: MchId,
    /// The sub-merchant, where the statement names one.
    pub sub_mch_id: Option<SubMchId>,
    /// The refund's number.
    pub out_refund_no: OutRefundNo,
    /// WeChat's number of the refund.
    pub refund_id: Option<WechatRefundId>,
    /// The order's number, where named.
    pub out_trade_no: Option<OutTradeNo>,
    /// WeChat's number of the order, where named.
    pub transaction_id: Option<TransactionId>,
    /// The requested refund amount.
    pub amount: Fen,
    /// The order's total, where named.
    pub total: Option<Fen>,
    /// The state.
    pub state: WechatState,
    /// The account that received the money; display only.
    pub user_received_account: Option<String>,
    /// When the money arrived, by WeChat's clock.
    pub success_time: Option<Timestamp>,
}

/// What an attempt to submit proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// WeChat has taken the refund.
    Accepted(Report),
    /// A verified definite refusal: nothing moved and nothing will.
    Refused(ErrorNote),
    /// A refusal that needs a look before it counts: unsigned, or worded so that an earlier try
    /// may have moved the money. WeChat is asked; only if it knows nothing, it is a refusal.
    RefusedUnconfirmed(ErrorNote),
    /// Not accepted now: wait and send the same again.
    NotNow(Wait, ErrorNote),
    /// WeChat says the order does not exist: look the order up, then send the same again or end.
    OrderMissing(ErrorNote),
    /// No byte of the request left this machine.
    NotSent(ErrorNote),
    /// Proves nothing.
    Unknown(ErrorNote),
}

/// What a refund that was not accepted waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wait {
    /// The merchant's balance.
    Balance,
    /// WeChat's rate limit.
    RateLimit,
    /// The order is still being processed by WeChat.
    OrderNotReady,
    /// Somebody must mend the merchant's keys, certificate or permissions.
    Merchant,
}

impl Wait {
    /// All waits.
    pub const ALL: [Self; 4] = [
        Self::Balance,
        Self::RateLimit,
        Self::OrderNotReady,
        Self::Merchant,
    ];
}

/// What a query of a refund found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// WeChat knows the refund.
    Found(Report),
    /// WeChat does not know the number.
    NotFound,
    /// No usable answer.
    Unanswered(ErrorNote),
    /// No usable answer until somebody mends the merchant's keys, certificate or permissions.
    MerchantFault(ErrorNote),
}

/// A verified statement about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentReport {
    /// The merchant's order number.
    pub out_trade_no: OutTradeNo,
    /// WeChat's order number.
    pub transaction_id: Option<TransactionId>,
    /// What was paid.
    pub total: Fen,
    /// When.
    pub paid_at: Option<Timestamp>,
}

/// What a query of an order found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentFinding {
    /// A paid order.
    Paid(PaymentReport),
    /// The order exists but is not paid (or was revoked).
    NotPaid(ErrorNote),
    /// No such order.
    NotFound(ErrorNote),
    /// No usable answer.
    Unanswered(ErrorNote),
    /// No usable answer until somebody mends the merchant's keys, certificate or permissions.
    MerchantFault(ErrorNote),
}
