//! What a form for a new refund says: read once, shown again as it was typed.

use tuikuan_domain::{MerchantName, OrderRef, Payment, RefundId};
use tuikuan_engine::{Merchant, RefundRequest};
use tuikuan_terms::{Fen, TransactionId};

use super::super::refund::visible;
use crate::app::Shared;
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::secret;
use crate::console::text::new_refund::Words;
use crate::console::visit::Visit;

/// WeChat's order numbers have so many digits.
const TRANSACTION_DIGITS: usize = 28;

/// The form as it stands.
pub(super) struct Form {
    /// Whose order it is.
    pub(super) merchant: MerchantName,
    /// The order by the number that was typed, or the merchant's own once the payment is known.
    pub(super) order: String,
    /// The amount as typed, in yuan.
    pub(super) amount: String,
    /// The reason as typed.
    pub(super) reason: String,
    /// One for each opened form (INV-15).
    pub(super) key: String,
    /// What was left when the form was opened.
    pub(super) expected: Option<Fen>,
    /// The closed refund that this one stands in for.
    pub(super) replaces: Option<RefundId>,
}

/// Why a form cannot be taken, by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Amount(&'static str),
    AmountOver,
    Reason(&'static str),
    /// The door refused.
    Refused(&'static str),
}

/// A form that can be taken.
pub(super) struct Good {
    pub(super) amount: Fen,
    pub(super) reason: Option<tuikuan_domain::refund::Reason>,
}

impl Form {
    /// A fresh form for an order.
    pub(super) fn fresh(merchant: &MerchantName, order: &str) -> Result<Self, Fault> {
        Ok(Self {
            merchant: merchant.clone(),
            order: order.to_owned(),
            amount: String::new(),
            reason: String::new(),
            key: secret::token()?,
            expected: None,
            replaces: None,
        })
    }

    /// The form that was sent. What only a tampered page could send is refused.
    pub(super) async fn read(app: &Shared, visit: &Visit, fields: &Fields) -> Result<Self, Fault> {
        let merchant: MerchantName = fields
            .text("merchant")
            .parse()
            .map_err(|_foreign| Fault::Refused)?;
        if !visit.covers(&merchant) || app.engine.merchant(&merchant).is_none() {
            return Err(Fault::NotFound);
        }
        let key = fields.text("key").to_owned();
        if secret::hash_of(&key).is_none() || order_ref(fields.text("order")).is_none() {
            return Err(Fault::Refused);
        }
        let expected = match fields.text("expected") {
            "" => None,
            text => {
                let fen = text.parse::<i64>().map_err(|_foreign| Fault::Refused)?;
                Some(Fen::new(fen).map_err(|_foreign| Fault::Refused)?)
            }
        };
        let replaces = match fields.text("replaces") {
            "" => None,
            id => Some(visible(app, visit, id).await?.id),
        };
        Ok(Self {
            merchant,
            order: fields.text("order").to_owned(),
            amount: fields.trimmed("amount").to_owned(),
            reason: fields.trimmed("reason").to_owned(),
            key,
            expected,
            replaces,
        })
    }

    /// What was left when the form was opened, in fen; empty while it is not known.
    pub(super) fn expected_fen(&self) -> String {
        self.expected
            .map_or_else(String::new, |fen| fen.to_string())
    }

    /// The refund it stands in for; empty for none.
    pub(super) fn replaces_id(&self) -> String {
        self.replaces
            .as_ref()
            .map_or_else(String::new, ToString::to_string)
    }

    /// The payment of the order, once it is known.
    pub(super) async fn payment(&self, app: &Shared) -> Result<Option<Payment>, Fault> {
        let merchant = self.configured(app)?;
        let Some(order) = order_ref(&self.order) else {
            return Ok(None);
        };
        let store = app.engine.store();
        let (mch_id, sub) = (&merchant.mch_id, merchant.sub_mch_id.as_ref());
        Ok(match (&order.out_trade_no, &order.transaction_id) {
            (Some(number), _) => store.payment_by_trade_no(mch_id, sub, number).await?,
            (None, Some(number)) => store.payment_by_transaction(mch_id, number).await?,
            (None, None) => None,
        })
    }

    /// The merchant of the configuration.
    pub(super) fn configured<'a>(&self, app: &'a Shared) -> Result<&'a Merchant, Fault> {
        let merchant = app.engine.merchant(&self.merchant);
        Ok(merchant.ok_or(Fault::NotFound)?)
    }

    /// What it says, held against the payment where that is known.
    pub(super) fn taken(&self, payment: Option<&Payment>, words: &Words) -> Result<Good, Wrong> {
        let amount = Fen::from_yuan(&self.amount);
        let amount = amount.map_err(|_foreign| Wrong::Amount(words.amount_wrong))?;
        if amount.is_zero() {
            return Err(Wrong::Amount(words.amount_zero));
        }
        if payment.is_some_and(|payment| amount > payment.refundable()) {
            return Err(Wrong::AmountOver);
        }
        let reason = match self.reason.as_str() {
            "" => None,
            text => {
                let reason = text.parse();
                Some(reason.map_err(|_foreign| Wrong::Reason(words.reason_wrong))?)
            }
        };
        Ok(Good { amount, reason })
    }

    /// The identity of the form: the same person's same form is the same refund (INV-15).
    pub(super) fn identity(&self, visit: &Visit) -> String {
        identity(visit, &self.key)
    }

    /// What the engine is asked for.
    pub(super) fn request(&self, visit: &Visit, good: Good) -> Result<RefundRequest, Fault> {
        Ok(RefundRequest {
            merchant: self.merchant.clone(),
            order: order_ref(&self.order).ok_or(Fault::Refused)?,
            amount: good.amount,
            out_refund_no: None,
            idempotency_key: Some(self.identity(visit)),
            reason: good.reason,
            funds_account: None,
            goods_detail: None,
            not_before: None,
            expected_refundable: self.expected,
            replaces: self.replaces.clone(),
            metadata: None,
        })
    }
}

/// The identity of a person's form.
pub(super) fn identity(visit: &Visit, key: &str) -> String {
    format!("console:{}:{key}", visit.user.id)
}

/// An order by one number: WeChat's have 28 digits, the merchant's are the others.
pub(super) fn order_ref(text: &str) -> Option<OrderRef> {
    let digits = text.len() == TRANSACTION_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    if digits {
        let id: TransactionId = text.parse().ok()?;
        return Some(OrderRef {
            out_trade_no: None,
            transaction_id: Some(id),
        });
    }
    Some(OrderRef {
        out_trade_no: Some(text.parse().ok()?),
        transaction_id: None,
    })
}
