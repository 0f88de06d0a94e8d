//! One order: placed, paid, refunded. Sums are kept as the refunds move, never recomputed by a
//! walk, so that a call costs the same however long the history is.

use serde::Serialize;

use super::coupon::Coupon;
use super::{Api, MerchantKey, RefundKey};

/// How far the order itself has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderState {
    /// Placed, not paid.
    NotPay,
    /// Paid; refunds may follow.
    Paid,
    /// Closed without payment.
    Closed,
}

/// One order in the simulator's books.
#[derive(Debug, Clone)]
pub struct Order {
    pub(crate) merchant: MerchantKey,
    /// Sub-merchant in service-provider mode.
    pub sub_mch_id: Option<String>,
    /// The merchant's order number.
    pub out_trade_no: String,
    /// WeChat's order number, once paid.
    pub transaction_id: Option<String>,
    /// Order total in fen.
    pub total: i64,
    /// Coupons the payer used; their sum is below the total.
    pub coupons: Vec<Coupon>,
    /// How far the order has come.
    pub state: OrderState,
    /// When it was paid, unix milliseconds of the simulator's clock.
    pub paid_at_ms: Option<i64>,
    /// Sum of the refunds that are not closed, in fen.
    pub refunded: i64,
    /// Cash part of those refunds, in fen.
    pub(crate) refunded_cash: i64,
    pub(crate) refunds: Vec<RefundKey>,
    pub(crate) last_application_ms: Option<i64>,
    pub(crate) terms: Terms,
}

/// What was agreed when the order was placed; only echoed.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) api: Api,
    pub(crate) app_id: String,
    pub(crate) sub_app_id: Option<String>,
    pub(crate) trade_type: String,
    pub(crate) openid: String,
    pub(crate) attach: Option<String>,
    pub(crate) notify_url: Option<String>,
    /// v2 only: the order's sign type decides how the payment notification is signed.
    pub(crate) sign_type: Option<String>,
    pub(crate) prepay_id: String,
}

impl Order {
    pub(crate) fn identity(&self) -> (MerchantKey, String, String) {
        let sub = self.sub_mch_id.clone().unwrap_or_default();
        (self.merchant, sub, self.out_trade_no.clone())
    }

    pub(crate) fn coupon_total(&self) -> i64 {
        self.coupons.iter().map(|c| c.amount).sum()
    }

    /// Cash the payer paid, in fen.
    #[must_use]
    pub fn cash(&self) -> i64 {
        self.total - self.coupon_total()
    }

    /// Total minus non-prepaid coupons, in fen (P41).
    #[must_use]
    pub fn settlement_total(&self) -> i64 {
        let unpaid: i64 = self
            .coupons
            .iter()
            .filter(|c| c.kind == super::CouponKind::NoCash)
            .map(|c| c.amount)
            .sum();
        self.total - unpaid
    }

    /// What may still be refunded, in fen.
    #[must_use]
    pub fn refundable(&self) -> i64 {
        self.total - self.refunded
    }

    /// WeChat's word for the state; a partial refund already says `REFUND`.
    #[must_use]
    pub fn trade_state(&self) -> &'static str {
        match self.state {
            OrderState::NotPay => "NOTPAY",
            OrderState::Closed => "CLOSED",
            OrderState::Paid if self.refunds.is_empty() => "SUCCESS",
            OrderState::Paid => "REFUND",
        }
    }

    pub(crate) fn trade_state_text(&self) -> &'static str {
        match self.trade_state() {
            "SUCCESS" => "支付成功",
            "REFUND" => "转入退款",
            "CLOSED" => "已关闭",
            _ => "订单未支付",
        }
    }
}
