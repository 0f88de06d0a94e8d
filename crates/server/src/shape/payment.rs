//! The shape of a payment.

use serde::Serialize;
use tuikuan_domain::Payment;
use utoipa::ToSchema;

use crate::shape::{CURRENCY, RefundBody, Time};

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentBody<'a> {
    /// The merchant's short name.
    pub merchant: &'a str,
    /// The merchant's order number.
    pub out_trade_no: &'a str,
    /// WeChat's order number, when known.
    #[schema(required = true)]
    pub transaction_id: Option<&'a str>,
    /// What was paid, in fen.
    pub total: i64,
    /// Always `CNY`.
    #[schema(example = "CNY")]
    pub currency: &'static str,
    /// When it was paid, when known.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub paid_at: Option<Time>,
    /// Refunded, here or elsewhere, in fen.
    pub refunded: i64,
    /// Held by refunds under way, in fen.
    pub reserved: i64,
    /// What can still be refunded, in fen.
    pub refundable: i64,
    /// Its refunds, oldest first.
    pub refunds: Vec<RefundBody<'a>>,
}

impl<'a> PaymentBody<'a> {
    pub(crate) fn of(payment: &'a Payment, refunds: Vec<RefundBody<'a>>) -> Self {
        Self {
            merchant: payment.merchant.as_str(),
            out_trade_no: payment.out_trade_no.as_str(),
            transaction_id: payment.transaction_id.as_ref().map(AsRef::as_ref),
            total: payment.total.get(),
            currency: CURRENCY,
            paid_at: payment.paid_at.map(Time),
            refunded: payment.refunded().get(),
            reserved: payment.reserved.get(),
            refundable: payment.refundable().get(),
            refunds,
        }
    }
}
