//! An order that a buyer paid, and how much of it is still refundable. The sums here are repeated
//! by a constraint of the database (INV-1).

use jiff::{SignedDuration, Timestamp};
use tuikuan_terms::{Fen, MchId, OutTradeNo, SubMchId, TransactionId};

use crate::ids::{MerchantName, PaymentId, RefundId};

/// At most this many refunds of one order reach WeChat (limits P14, INV-9).
pub const REFUNDS_PER_PAYMENT_MAX: u32 = 50;

/// Refundable for one year after the payment (limits P24, INV-10).
pub const REFUND_WINDOW: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How a caller names an order: by one or both of its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderRef {
    /// The merchant's order number.
    pub out_trade_no: Option<OutTradeNo>,
    /// WeChat's order number.
    pub transaction_id: Option<TransactionId>,
}

/// One paid order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Our id.
    pub id: PaymentId,
    /// The merchant's name in the configuration.
    pub merchant: MerchantName,
    /// The merchant number the order was paid to.
    pub mch_id: MchId,
    /// The sub-merchant, for orders of a service provider.
    pub sub_mch_id: Option<SubMchId>,
    /// The merchant's order number, unique within (mch_id, sub_mch_id).
    pub out_trade_no: OutTradeNo,
    /// WeChat's order number, when known.
    pub transaction_id: Option<TransactionId>,
    /// What was paid.
    pub total: Fen,
    /// When it was paid, when known.
    pub paid_at: Option<Timestamp>,
    /// Held by refunds that have not ended.
    pub reserved: Fen,
    /// Refunded by us.
    pub spent: Fen,
    /// Refunded elsewhere, as far as we know (INV-39).
    pub external: Fen,
    /// Refunds that count against [`REFUNDS_PER_PAYMENT_MAX`].
    pub refunds: u32,
    /// The refund whose attempt is on its way, if any (INV-9).
    pub in_flight: Option<RefundId>,
    /// The refund submitted last and when, for the minute between two refunds (INV-9).
    pub last_submit: Option<(RefundId, Timestamp)>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Grows by one with each change.
    pub version: i64,
}

impl Payment {
    /// What can still be refunded: total less reserved, spent and external. Never negative.
    #[must_use]
    pub fn refundable(&self) -> Fen {
        self.total
            .checked_sub(self.reserved)
            .and_then(|rest| rest.checked_sub(self.spent))
            .and_then(|rest| rest.checked_sub(self.external))
            .unwrap_or(Fen::ZERO)
    }

    /// What was refunded, by us or elsewhere.
    #[must_use]
    pub fn refunded(&self) -> Fen {
        self.spent.checked_add(self.external).unwrap_or(Fen::MAX)
    }

    /// Whether the refund window has passed at `now`; `false` while the pay time is not known.
    #[must_use]
    pub fn window_closed(&self, now: Timestamp) -> bool {
        self.paid_at
            .is_some_and(|paid| now > crate::after(paid, REFUND_WINDOW))
    }

    /// Whether INV-1 holds.
    #[must_use]
    pub fn balanced(&self) -> bool {
        self.reserved
            .checked_add(self.spent)
            .and_then(|sum| sum.checked_add(self.external))
            .is_some_and(|sum| sum <= self.total)
    }
}
