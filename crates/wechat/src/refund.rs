//! What both generations say, in one form. The wire names stand beside the fields.

use tuikuan_terms::{Fen, MchId, OutRefundNo, OutTradeNo, SubMchId, TransactionId, WechatRefundId};

/// An order by one or both of its numbers. WeChat prefers `transaction_id` when both are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRef {
    /// `transaction_id`.
    pub transaction_id: Option<TransactionId>,
    /// `out_trade_no`.
    pub out_trade_no: Option<OutTradeNo>,
}

/// Where WeChat takes the money from: v2 `refund_account`, v3 `funds_account`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FundsAccount {
    /// v2 `REFUND_SOURCE_RECHARGE_FUNDS`, v3 `AVAILABLE`.
    Available,
    /// v2 `REFUND_SOURCE_UNSETTLED_FUNDS`, v3 `UNSETTLED`.
    Unsettled,
}

/// A refund to be applied for. The same value always gives the same business parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundSubmission {
    /// The order.
    pub order: OrderRef,
    /// `out_refund_no`.
    pub out_refund_no: OutRefundNo,
    /// `refund_fee` / `amount.refund`.
    pub refund: Fen,
    /// `total_fee` / `amount.total`: the order's total, also on partial refunds.
    pub total: Fen,
    /// `refund_desc` / `reason`: at most 80 bytes.
    pub reason: Option<String>,
    /// The funding source.
    pub funds_account: Option<FundsAccount>,
    /// `detail` / `goods_detail` as JSON text: an array of items.
    pub goods_detail: Option<String>,
    /// `notify_url`: always send it, see v3 section 12 of the documentation.
    pub notify_url: Option<String>,
}

/// A refund's state in WeChat's words. v2 `CHANGE` is `Abnormal`, `REFUNDCLOSE` is `Closed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundStatus {
    /// The v2 answer to an application: taken, nothing more.
    Accepted,
    /// `PROCESSING`.
    Processing,
    /// `SUCCESS`.
    Success,
    /// `CHANGE` / `ABNORMAL`.
    Abnormal,
    /// `REFUNDCLOSE` / `CLOSED`.
    Closed,
}

impl RefundStatus {
    /// Reads either generation's word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "PROCESSING" => Some(Self::Processing),
            "SUCCESS" => Some(Self::Success),
            "CHANGE" | "ABNORMAL" => Some(Self::Abnormal),
            "REFUNDCLOSE" | "CLOSED" | "CLOSE" => Some(Self::Closed),
            _ => None,
        }
    }
}

/// What WeChat says about one refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundReport {
    /// The merchant number, where the message names it.
    pub mch_id: Option<MchId>,
    /// The sub-merchant, where the message names it.
    pub sub_mch_id: Option<SubMchId>,
    /// `out_refund_no`.
    pub out_refund_no: OutRefundNo,
    /// `refund_id`.
    pub refund_id: Option<WechatRefundId>,
    /// `transaction_id`.
    pub transaction_id: Option<TransactionId>,
    /// `out_trade_no`.
    pub out_trade_no: Option<OutTradeNo>,
    /// The requested amount.
    pub refund: Fen,
    /// The order's total.
    pub total: Option<Fen>,
    /// The state.
    pub status: RefundStatus,
    /// `refund_recv_accout` / `user_received_account`: display only, an open set.
    pub user_received_account: Option<String>,
    /// `success_time`, unix seconds.
    pub success_time: Option<i64>,
    /// `refund_channel` / `channel`.
    pub channel: Option<String>,
    /// Cash to the buyer: `cash_refund_fee` / `amount.payer_refund`.
    pub payer_refund: Option<Fen>,
    /// `settlement_refund_fee` / `amount.settlement_refund`.
    pub settlement_refund: Option<Fen>,
    /// `refund_request_source` of a v2 notification: `API` or `VENDOR_PLATFORM`.
    pub request_source: Option<String>,
}

/// An order's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TradeState {
    /// `SUCCESS`: paid.
    Paid,
    /// `REFUND`: paid, and at least one refund was applied for, perhaps a partial one.
    Refunded,
    /// Anything else: not refundable.
    Other(String),
}

impl TradeState {
    /// Reads the wire's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "SUCCESS" => Self::Paid,
            "REFUND" => Self::Refunded,
            other => Self::Other(other.chars().take(32).collect()),
        }
    }

    /// Whether the order was paid.
    #[must_use]
    pub const fn is_paid(&self) -> bool {
        matches!(self, Self::Paid | Self::Refunded)
    }
}

/// What WeChat says about one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentReport {
    /// The merchant number, where the message names it.
    pub mch_id: Option<MchId>,
    /// The sub-merchant, where the message names it.
    pub sub_mch_id: Option<SubMchId>,
    /// `out_trade_no`.
    pub out_trade_no: OutTradeNo,
    /// `transaction_id`.
    pub transaction_id: Option<TransactionId>,
    /// `total_fee` / `amount.total`; absent while not paid.
    pub total: Option<Fen>,
    /// `time_end` / `success_time`, unix seconds.
    pub paid_at: Option<i64>,
    /// The state.
    pub state: TradeState,
}

/// To whom an abnormal refund goes instead.
#[derive(Debug, Clone)]
pub enum AbnormalTarget {
    /// A debit card of the buyer. The fields are encrypted to WeChat and never kept.
    UserBankCard {
        /// `bank_type`, such as `ICBC_DEBIT`.
        bank_type: String,
        /// The card number.
        bank_account: secrecy::SecretString,
        /// The holder's name.
        real_name: secrecy::SecretString,
    },
    /// The merchant's settlement account.
    MerchantBankCard,
}

/// The handling of an abnormal refund (v3 only).
#[derive(Debug, Clone)]
pub struct AbnormalRefund {
    /// WeChat's number of the refund.
    pub refund_id: WechatRefundId,
    /// Our number of the same refund.
    pub out_refund_no: OutRefundNo,
    /// Where the money goes.
    pub target: AbnormalTarget,
}
