//! The columns of a refund that stand in an index, or change as rarely: they are written only when one of
//! them changes.

use jiff::Timestamp;
use tuikuan_domain::Refund;

/// Values that stand in an index, and those that are written together with them.
#[derive(PartialEq, Eq)]
pub(crate) struct Indexed {
    pub(crate) payment_id: Option<String>,
    pub(crate) total: Option<i64>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) attention_since: Option<i64>,
    pub(crate) out_trade_no: Option<String>,
    pub(crate) refund_id: Option<String>,
    pub(crate) attention: Option<String>,
    pub(crate) ended_at: Option<i64>,
    /// What was approved, by whom and when changes only together with these two or the payment.
    pub(crate) approval: Option<String>,
    pub(crate) approval_until: Option<i64>,
}

impl Indexed {
    pub(crate) fn of(refund: &Refund) -> Self {
        let order = &refund.content.order;
        Self {
            payment_id: refund.payment_id.as_ref().map(ToString::to_string),
            total: refund.total.map(|fen| fen.get()),
            transaction_id: order.transaction_id.as_ref().map(ToString::to_string),
            attention_since: refund.attention.map(|a| a.since.as_microsecond()),
            out_trade_no: order.out_trade_no.as_ref().map(ToString::to_string),
            refund_id: refund.refund_id.as_ref().map(ToString::to_string),
            attention: refund.attention.map(|a| a.reason.as_str().to_owned()),
            ended_at: refund.ended_at.map(Timestamp::as_microsecond),
            approval: refund.approval.name().map(str::to_owned),
            approval_until: refund.approval.until().map(Timestamp::as_microsecond),
        }
    }
}

/// Whether WeChat's number of an order stands in its row. It never changes, so it is written once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transaction {
    Stored,
    Unknown,
}
