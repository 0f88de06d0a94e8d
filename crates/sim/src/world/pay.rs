//! Orders: placed by the merchant, paid by the payer whom the control side plays.

use super::World;
use crate::beijing;
use crate::books::{Api, Coupon, MerchantKey, Order, OrderKey, OrderState, Terms};

/// An order to be placed.
#[derive(Debug, Clone)]
pub(crate) struct NewOrder {
    pub(crate) merchant: MerchantKey,
    pub(crate) sub_mch_id: Option<String>,
    pub(crate) sub_app_id: Option<String>,
    pub(crate) out_trade_no: String,
    pub(crate) total: i64,
    pub(crate) api: Api,
    pub(crate) trade_type: String,
    pub(crate) openid: Option<String>,
    pub(crate) attach: Option<String>,
    pub(crate) notify_url: Option<String>,
    pub(crate) sign_type: Option<String>,
}

/// Why an order number cannot be used (again).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaceRefused {
    /// It is paid.
    Paid,
    /// It was placed with other content, or closed.
    Differs,
}

impl World {
    /// Places an order; the same order again is the same order.
    pub(crate) fn place_order(&mut self, new: NewOrder) -> Result<OrderKey, PlaceRefused> {
        let sub = new.sub_mch_id.as_deref();
        if let Some(key) = self
            .books
            .order_by_trade_no(new.merchant, sub, &new.out_trade_no)
        {
            let order = &self.books[key];
            return match order.state {
                OrderState::Paid => Err(PlaceRefused::Paid),
                OrderState::NotPay if order.total == new.total => Ok(key),
                OrderState::NotPay | OrderState::Closed => Err(PlaceRefused::Differs),
            };
        }
        let prepay_id = format!("wx{}{}", beijing::compact(self.now_ms), self.dice.hex(20));
        let openid = match new.openid {
            Some(openid) => openid,
            None => format!("oUpF8u{}", self.dice.hex(22)),
        };
        let app_id = self.merchant(new.merchant).app_id.clone();
        Ok(self.books.add_order(Order {
            merchant: new.merchant,
            sub_mch_id: new.sub_mch_id,
            out_trade_no: new.out_trade_no,
            transaction_id: None,
            total: new.total,
            coupons: Vec::new(),
            state: OrderState::NotPay,
            paid_at_ms: None,
            refunded: 0,
            refunded_cash: 0,
            refunds: Vec::new(),
            last_application_ms: None,
            terms: Terms {
                api: new.api,
                app_id,
                sub_app_id: new.sub_app_id,
                trade_type: new.trade_type,
                openid,
                attach: new.attach,
                notify_url: new.notify_url,
                sign_type: new.sign_type,
                prepay_id,
            },
        }))
    }

    /// The payer pays, with these coupons, at that time; the merchant is told.
    pub(super) fn pay(&mut self, key: OrderKey, coupons: Vec<Coupon>, paid_at_ms: i64) {
        let number = self.books.next_transaction();
        let order = &mut self.books[key];
        order.state = OrderState::Paid;
        order.paid_at_ms = Some(paid_at_ms);
        order.transaction_id = Some(format!("420000{}{number:014}", beijing::day(paid_at_ms)));
        order.coupons = coupons;
        self.books.index_transaction(key);
        self.notify_payment(key);
    }

    /// The URL a payer would open or scan.
    pub(crate) fn code_url(&self, key: OrderKey) -> String {
        let prepay_id = &self.books[key].terms.prepay_id;
        let tail = prepay_id
            .get(prepay_id.len().saturating_sub(9)..)
            .unwrap_or(prepay_id);
        format!("weixin://wxpay/bizpayurl?pr={tail}")
    }

    /// An application that broke a rule of form (P2).
    pub(crate) fn refuse_application(&mut self, merchant: MerchantKey) {
        let (now_ms, limits) = (self.now_ms, self.limits.clone());
        self.merchant_mut(merchant).usage.refused(&limits, now_ms);
    }
}
