//! The rules of a refund application, the same for both generations. The order of the checks is
//! WeChat's: rights, resources, rates, then business.

use super::World;
use crate::beijing::{self, DAY_MS};
use crate::books::{
    Api, Channel, FundsAccount, MerchantKey, OrderKey, OrderState, Origin, Refund, RefundKey,
    RefundStatus,
};
use crate::books::{coupon_share, coupon_spread};
use crate::fault::FaultAction;
use crate::refusal::Refusal;

/// A refund application whose fields are in order.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(crate) merchant: MerchantKey,
    pub(crate) sub_mch_id: Option<String>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) out_trade_no: Option<String>,
    pub(crate) out_refund_no: String,
    pub(crate) amount: i64,
    pub(crate) total: i64,
    pub(crate) reason: Option<String>,
    pub(crate) notify_url: Option<String>,
    pub(crate) funds: FundsAccount,
    pub(crate) api: Api,
    pub(crate) origin: Origin,
}

impl World {
    /// Accepts or refuses an application and keeps the merchant's quotas.
    pub(crate) fn apply(
        &mut self,
        application: &Application,
        life: Option<&FaultAction>,
    ) -> Result<RefundKey, Refusal> {
        let merchant = application.merchant;
        let result = self.judge(application, life);
        let now_ms = self.now_ms;
        let limits = self.limits.clone();
        let usage = &mut self.merchant_mut(merchant).usage;
        match &result {
            Ok(_) => usage.accepted(now_ms),
            Err(refusal) if refusal.is_erroneous() => usage.refused(&limits, now_ms),
            Err(Refusal::TooSoon) => usage.too_soon(),
            Err(_) => usage.too_many(),
        }
        result
    }

    fn judge(
        &mut self,
        application: &Application,
        life: Option<&FaultAction>,
    ) -> Result<RefundKey, Refusal> {
        let merchant = application.merchant;
        self.check_sub(merchant, application.sub_mch_id.as_deref())?;
        let order = self.find_order(
            merchant,
            application.sub_mch_id.as_deref(),
            (
                application.transaction_id.as_deref(),
                application.out_trade_no.as_deref(),
            ),
        )?;
        let (now_ms, limits) = (self.now_ms, self.limits.clone());
        self.merchant_mut(merchant)
            .usage
            .admit_application(&limits, now_ms)
            .map_err(Refusal::Exhausted)?;
        if let Some(existing) = self.books.refund_by_number(
            merchant,
            application.sub_mch_id.as_deref(),
            &application.out_refund_no,
        ) {
            return self.repeat(existing, order, application);
        }
        if self.books[order].state != OrderState::Paid {
            return Err(Refusal::OrderUnpaid);
        }
        self.check_age(merchant, order)?;
        self.check_sums(order, application)?;
        let cash = self.cash_part(order, application.amount)?;
        if self.merchant(merchant).funds(application.funds) < application.amount {
            return Err(Refusal::NotEnough);
        }
        Ok(self.accept(order, application, cash, life))
    }

    /// Whether the provider may act for that sub-merchant.
    pub(crate) fn check_sub(
        &self,
        merchant: MerchantKey,
        sub: Option<&str>,
    ) -> Result<(), Refusal> {
        match sub {
            Some(sub) if !self.merchant(merchant).serves(sub) => Err(Refusal::SubMerchantUnknown),
            _ => Ok(()),
        }
    }

    /// The order named by WeChat's number, else by the merchant's; WeChat's wins.
    pub(crate) fn find_order(
        &self,
        merchant: MerchantKey,
        sub: Option<&str>,
        (transaction_id, out_trade_no): (Option<&str>, Option<&str>),
    ) -> Result<OrderKey, Refusal> {
        if let Some(id) = transaction_id {
            let key = self
                .books
                .order_by_transaction(id)
                .ok_or(Refusal::OrderNotFound)?;
            let order = &self.books[key];
            if order.merchant != merchant || order.sub_mch_id.as_deref() != sub {
                return Err(Refusal::NotYourOrder);
            }
            return Ok(key);
        }
        out_trade_no
            .and_then(|number| self.books.order_by_trade_no(merchant, sub, number))
            .ok_or(Refusal::OrderNotFound)
    }

    /// The same number again: the same refund, or a contradiction. Nothing moves a second time.
    fn repeat(
        &mut self,
        key: RefundKey,
        order: OrderKey,
        application: &Application,
    ) -> Result<RefundKey, Refusal> {
        let total = self.books[order].total;
        let refund = &mut self.books[key];
        if refund.order != order
            || refund.amount != application.amount
            || total != application.total
        {
            return Err(Refusal::NumberUsedOtherwise);
        }
        refund.applications += 1;
        if refund.reason != application.reason
            || refund.notify_url != application.notify_url
            || refund.funds != application.funds
        {
            refund.differing_repeats += 1;
        }
        Ok(key)
    }

    fn check_age(&mut self, merchant: MerchantKey, order: OrderKey) -> Result<(), Refusal> {
        let paid_at_ms = self.books[order].paid_at_ms.unwrap_or(self.now_ms);
        let age_ms = self.now_ms.saturating_sub(paid_at_ms);
        if age_ms > self.limits.window_days.saturating_mul(DAY_MS) {
            return Err(Refusal::Overdue);
        }
        if age_ms > 30 * DAY_MS {
            let (now_ms, limits) = (self.now_ms, self.limits.clone());
            self.merchant_mut(merchant)
                .usage
                .admit_old_order(&limits, now_ms)
                .map_err(Refusal::Exhausted)?;
        }
        Ok(())
    }

    fn check_sums(&self, order: OrderKey, application: &Application) -> Result<(), Refusal> {
        let order = &self.books[order];
        if order.total != application.total {
            return Err(Refusal::TotalDiffers);
        }
        if order.refundable() == 0 {
            return Err(Refusal::FullyRefunded);
        }
        if application.amount > order.refundable() {
            return Err(Refusal::AboveRest);
        }
        let count = u32::try_from(order.refunds.len()).unwrap_or(u32::MAX);
        if count >= self.limits.refunds_per_order {
            return Err(Refusal::TooManyRefunds);
        }
        let by_hand = application.origin == Origin::VendorPlatform;
        match order.last_application_ms {
            Some(last) if !by_hand && self.now_ms - last < self.limits.order_gap_ms => {
                Err(Refusal::TooSoon)
            }
            _ => Ok(()),
        }
    }

    /// Cash part of the next refund of an order (P43, P45); a refund that completes the order
    /// returns exactly the cash that is left.
    fn cash_part(&self, order: OrderKey, amount: i64) -> Result<i64, Refusal> {
        let order = &self.books[order];
        if order.coupons.is_empty() {
            return Ok(amount);
        }
        let refunded = order.refunded + amount;
        if refunded == order.total {
            return Ok(order.cash() - order.refunded_cash);
        }
        let cash = coupon_share(order.cash(), refunded, order.total)
            - coupon_share(order.cash(), order.refunded, order.total);
        if cash == 0 {
            return Err(Refusal::CashPartTooSmall);
        }
        Ok(cash.min(amount).min(order.cash() - order.refunded_cash))
    }

    fn accept(
        &mut self,
        order: OrderKey,
        application: &Application,
        cash: i64,
        life: Option<&FaultAction>,
    ) -> RefundKey {
        let now_ms = self.now_ms;
        let (_, count) = self.books.counts();
        let record = &mut self.books[order];
        record.refunded += application.amount;
        record.refunded_cash += cash;
        record.last_application_ms = Some(now_ms);
        let coupons = coupon_spread(&record.coupons, application.amount - cash);
        let hidden_until_ms = match life {
            Some(FaultAction::NotFoundFor { s }) => now_ms.saturating_add(s.saturating_mul(1_000)),
            _ => now_ms,
        };
        let key = self.books.add_refund(Refund {
            order,
            refund_id: format!("503000{}{:015}", beijing::day(now_ms), count + 1),
            out_refund_no: application.out_refund_no.clone(),
            amount: application.amount,
            cash,
            coupons,
            status: RefundStatus::Processing,
            channel: Channel::Original,
            received_account: "支付用户零钱".to_owned(),
            funds: application.funds,
            created_at_ms: now_ms,
            success_at_ms: None,
            reached: Vec::new(),
            origin: application.origin,
            api: application.api,
            applications: 1,
            differing_repeats: 0,
            reason: application.reason.clone(),
            notify_url: application.notify_url.clone(),
            hidden_until_ms,
            debited: false,
            plan: 0,
        });
        self.plan_life(key, life);
        key
    }

    /// The refund a query may see: it exists, is the caller's, and is no longer hidden (F-9).
    pub(crate) fn visible(&self, key: RefundKey) -> Result<RefundKey, Refusal> {
        if self.books[key].hidden_until_ms > self.now_ms {
            return Err(Refusal::RefundNotFound);
        }
        Ok(key)
    }
}
