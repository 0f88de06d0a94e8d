//! What the control side may do to the world: play the payer, decide refunds, fill accounts, turn
//! keys. Every refusal names the field.

use serde::{Deserialize, Serialize};
use tuikuan_terms::{OutRefundNo, OutTradeNo};

use super::pay::{NewOrder, PlaceRefused};
use super::{Application, World};
use crate::books::{
    Api, Coupon, CouponKind, FundsAccount, MerchantKey, OrderKey, OrderState, Origin, RefundStatus,
};
use crate::refusal::Refusal;

/// A paid order to be made, as POST /orders takes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaidOrder {
    /// Merchant number; the provider's in provider mode.
    pub mch_id: String,
    /// Sub-merchant in provider mode.
    #[serde(default)]
    pub sub_mch_id: Option<String>,
    /// The merchant's order number.
    pub out_trade_no: String,
    /// Order total in fen.
    pub total: i64,
    /// When it was paid, unix milliseconds; now when left out.
    #[serde(default)]
    pub paid_at_ms: Option<i64>,
    /// The same as RFC 3339.
    #[serde(default)]
    pub paid_at: Option<String>,
    /// Coupons the payer used.
    #[serde(default)]
    pub coupons: Vec<CouponInput>,
    /// Where the payment is told; nowhere when left out.
    #[serde(default)]
    pub notify_url: Option<String>,
    /// Format of that notification; v3 when left out.
    #[serde(default)]
    pub api: Option<Api>,
    /// The payer.
    #[serde(default)]
    pub openid: Option<String>,
    /// Text that comes back with the payment.
    #[serde(default)]
    pub attach: Option<String>,
}

impl PaidOrder {
    /// A plain order of an ordinary merchant, paid now.
    #[must_use]
    pub fn new(mch_id: &str, out_trade_no: &str, total: i64) -> Self {
        Self {
            mch_id: mch_id.to_owned(),
            sub_mch_id: None,
            out_trade_no: out_trade_no.to_owned(),
            total,
            paid_at_ms: None,
            paid_at: None,
            coupons: Vec::new(),
            notify_url: None,
            api: None,
            openid: None,
            attach: None,
        }
    }
}

/// A coupon of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CouponInput {
    /// Who pays for it.
    pub kind: CouponKind,
    /// Its amount in fen.
    pub amount: i64,
}

/// A refund made by hand in the merchant portal, as POST /portal-refunds takes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalRefund {
    /// Merchant number.
    pub mch_id: String,
    /// Sub-merchant in provider mode.
    #[serde(default)]
    pub sub_mch_id: Option<String>,
    /// The order.
    pub out_trade_no: String,
    /// Amount in fen.
    pub amount: i64,
    /// Its number; WeChat's own choice when left out.
    #[serde(default)]
    pub out_refund_no: Option<String>,
}

/// Why the control side is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A field breaks a rule.
    #[error("{field}: {reason}")]
    Field {
        /// Which field.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// There is no such thing.
    #[error("no such {what}: {id}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Under which number.
        id: String,
    },
    /// It is there, but its state forbids it.
    #[error("{what} {id}: {reason}")]
    Conflict {
        /// What it is about.
        what: &'static str,
        /// Its number.
        id: String,
        /// Why not.
        reason: String,
    },
}

pub(super) fn field(field: &'static str, reason: impl Into<String>) -> ControlError {
    ControlError::Field {
        field,
        reason: reason.into(),
    }
}

impl World {
    pub(super) fn known(&self, mch_id: &str) -> Result<MerchantKey, ControlError> {
        self.merchant_key(mch_id)
            .ok_or_else(|| ControlError::NotFound {
                what: "merchant",
                id: mch_id.to_owned(),
            })
    }

    /// Makes a paid order and answers its WeChat number.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn place_paid_order(&mut self, new: &PaidOrder) -> Result<String, ControlError> {
        let merchant = self.known(&new.mch_id)?;
        let sub_mch_id = self.sub_of(merchant, new.sub_mch_id.as_deref());
        self.check_order(merchant, sub_mch_id.as_deref(), new)?;
        let paid_at_ms = match (&new.paid_at, new.paid_at_ms) {
            (Some(text), None) => crate::beijing::parse_rfc3339(text)
                .ok_or_else(|| field("paid_at", "not an RFC 3339 time"))?,
            (None, at_ms) => at_ms.unwrap_or(self.now_ms),
            (Some(_), Some(_)) => return Err(field("paid_at", "give paid_at or paid_at_ms")),
        };
        let key = self
            .place_order(NewOrder {
                merchant,
                sub_mch_id,
                sub_app_id: None,
                out_trade_no: new.out_trade_no.clone(),
                total: new.total,
                api: new.api.unwrap_or(Api::V3),
                trade_type: "JSAPI".to_owned(),
                openid: new.openid.clone(),
                attach: new.attach.clone(),
                notify_url: new.notify_url.clone(),
                sign_type: None,
            })
            .map_err(|refused| self.conflict_of(refused, &new.out_trade_no))?;
        self.pay_with(key, &new.coupons, paid_at_ms)
    }

    fn conflict_of(&self, refused: PlaceRefused, out_trade_no: &str) -> ControlError {
        let reason = match refused {
            PlaceRefused::Paid => "is paid already",
            PlaceRefused::Differs => "exists with another total",
        };
        ControlError::Conflict {
            what: "order",
            id: out_trade_no.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// The sub-merchant that is named, or the only one: a provider with one need not name it.
    fn sub_of(&self, merchant: MerchantKey, named: Option<&str>) -> Option<String> {
        let only = match self.merchant(merchant).sub_merchants.as_slice() {
            [only] => Some(only.sub_mch_id.as_str()),
            _ => None,
        };
        named.or(only).map(str::to_owned)
    }

    fn check_order(
        &self,
        merchant: MerchantKey,
        sub_mch_id: Option<&str>,
        new: &PaidOrder,
    ) -> Result<(), ControlError> {
        new.out_trade_no
            .parse::<OutTradeNo>()
            .map_err(|error| field("out_trade_no", error.to_string()))?;
        if !(1..=1_000_000_000_000).contains(&new.total) {
            return Err(field("total", "must be 1 to 1000000000000 fen"));
        }
        let provider = self.merchant(merchant).is_provider();
        match sub_mch_id {
            None if provider => return Err(field("sub_mch_id", "needed, this is a provider")),
            Some(sub) if !self.merchant(merchant).serves(sub) => {
                return Err(field("sub_mch_id", "not a sub-merchant of this merchant"));
            }
            _ => {}
        }
        match &new.notify_url {
            Some(url) if !crate::rules::is_notify_url(url) => {
                Err(field("notify_url", "must be http(s), without query"))
            }
            _ => Ok(()),
        }
    }

    fn pay_with(
        &mut self,
        key: OrderKey,
        coupons: &[CouponInput],
        paid_at_ms: i64,
    ) -> Result<String, ControlError> {
        let mut sum: i64 = 0;
        for coupon in coupons {
            if coupon.amount < 1 {
                return Err(field("coupons", "an amount is below 1 fen"));
            }
            sum = sum.saturating_add(coupon.amount);
        }
        if sum >= self.books[key].total {
            return Err(field("coupons", "their sum must be below the total"));
        }
        let coupons = coupons
            .iter()
            .map(|coupon| Coupon {
                id: format!("{:018}", self.dice.below(1_000_000_000_000_000)),
                kind: coupon.kind,
                amount: coupon.amount,
            })
            .collect();
        self.pay(key, coupons, paid_at_ms);
        Ok(self.books[key].transaction_id.clone().unwrap_or_default())
    }

    /// The payer pays an order that was placed over the wire.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn pay_order(
        &mut self,
        mch_id: &str,
        sub: Option<&str>,
        out_trade_no: &str,
        coupons: &[CouponInput],
    ) -> Result<String, ControlError> {
        let key = self.known_order(mch_id, sub, out_trade_no)?;
        if self.books[key].state != OrderState::NotPay {
            return Err(ControlError::Conflict {
                what: "order",
                id: out_trade_no.to_owned(),
                reason: "does not wait for payment".to_owned(),
            });
        }
        let now_ms = self.now_ms;
        self.pay_with(key, coupons, now_ms)
    }

    fn known_order(
        &self,
        mch_id: &str,
        sub: Option<&str>,
        out_trade_no: &str,
    ) -> Result<OrderKey, ControlError> {
        let merchant = self.known(mch_id)?;
        let sub = self.sub_of(merchant, sub);
        self.books
            .order_by_trade_no(merchant, sub.as_deref(), out_trade_no)
            .ok_or_else(|| ControlError::NotFound {
                what: "order",
                id: out_trade_no.to_owned(),
            })
    }

    /// Like [`World::order`], and a provider with one sub-merchant need not name it.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn find(
        &self,
        mch_id: &str,
        sub: Option<&str>,
        out_trade_no: &str,
    ) -> Result<&crate::books::Order, ControlError> {
        let key = self.known_order(mch_id, sub, out_trade_no)?;
        Ok(&self.books[key])
    }

    /// Decides a refund: processing to any end, abnormal to success.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn decide(&mut self, refund_id: &str, status: RefundStatus) -> Result<(), ControlError> {
        let key = self
            .books
            .refund_by_id(refund_id)
            .ok_or_else(|| ControlError::NotFound {
                what: "refund",
                id: refund_id.to_owned(),
            })?;
        let from = self.books[key].status;
        self.decide_now(key, status).map_err(|refusal| {
            let reason = match refusal {
                Refusal::NotEnough => "the merchant's balance is too low".to_owned(),
                _ => format!("is {} and cannot become {}", from.v3(), status.v3()),
            };
            ControlError::Conflict {
                what: "refund",
                id: refund_id.to_owned(),
                reason,
            }
        })
    }

    /// A person refunds in the merchant portal (F-15). Answers WeChat's refund number.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn portal_refund(&mut self, new: &PortalRefund) -> Result<String, ControlError> {
        let key = self.known_order(&new.mch_id, new.sub_mch_id.as_deref(), &new.out_trade_no)?;
        if new.amount < 1 {
            return Err(field("amount", "must be at least 1 fen"));
        }
        let number = match &new.out_refund_no {
            Some(number) => number.clone(),
            None => format!("P{}", self.dice.hex(27)),
        };
        number
            .parse::<OutRefundNo>()
            .map_err(|error| field("out_refund_no", error.to_string()))?;
        let order = &self.books[key];
        let application = Application {
            merchant: order.merchant,
            sub_mch_id: order.sub_mch_id.clone(),
            transaction_id: None,
            out_trade_no: Some(order.out_trade_no.clone()),
            out_refund_no: number,
            amount: new.amount,
            total: order.total,
            reason: None,
            notify_url: None,
            funds: FundsAccount::Default,
            api: order.terms.api,
            origin: Origin::VendorPlatform,
        };
        let refund = self
            .apply(&application, None)
            .map_err(|refusal| ControlError::Conflict {
                what: "order",
                id: new.out_trade_no.clone(),
                reason: refusal.v2().1.to_owned(),
            })?;
        Ok(self.books[refund].refund_id.clone())
    }
}
