//! The simulator's own books: orders, refunds and balances. They are the truth that tests compare
//! with, so nothing outside this module changes a sum. Records are only ever added.

mod coupon;
mod movement;
mod order;
mod refund;

use std::collections::HashMap;
use std::ops::{Index, IndexMut};

pub use coupon::{Coupon, CouponKind};
pub(crate) use coupon::{share as coupon_share, spread as coupon_spread};
pub(crate) use movement::{Movement, fee_of};
pub(crate) use order::Terms;
pub use order::{Order, OrderState};
pub use refund::{Api, Channel, FundsAccount, Origin, Refund, RefundStatus};

/// Where an order stands in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderKey(usize);

/// Where a refund stands in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefundKey(usize);

/// Where a merchant stands in the world's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MerchantKey(pub(crate) usize);

/// Orders and refunds with their indexes. The maps are only looked up, never walked, so their
/// order cannot leak into the trace (INV-44).
#[derive(Debug, Default)]
pub(crate) struct Books {
    orders: Vec<Order>,
    refunds: Vec<Refund>,
    by_trade_no: HashMap<(MerchantKey, String, String), OrderKey>,
    by_transaction: HashMap<String, OrderKey>,
    by_refund_no: HashMap<(MerchantKey, String, String), RefundKey>,
    by_refund_id: HashMap<String, RefundKey>,
    of_merchant: HashMap<MerchantKey, Vec<RefundKey>>,
    transactions: u64,
    movements: Vec<Movement>,
}

impl Books {
    pub(crate) fn add_order(&mut self, order: Order) -> OrderKey {
        let key = OrderKey(self.orders.len());
        self.by_trade_no.insert(order.identity(), key);
        if let Some(id) = &order.transaction_id {
            self.by_transaction.insert(id.clone(), key);
        }
        self.orders.push(order);
        key
    }

    /// The serial part of the next WeChat order number.
    pub(crate) fn next_transaction(&mut self) -> u64 {
        self.transactions += 1;
        self.transactions
    }

    /// An order got its WeChat number by being paid.
    pub(crate) fn index_transaction(&mut self, key: OrderKey) {
        if let Some(id) = self[key].transaction_id.clone() {
            self.by_transaction.insert(id, key);
        }
    }

    pub(crate) fn add_refund(&mut self, refund: Refund) -> RefundKey {
        let key = RefundKey(self.refunds.len());
        let order = refund.order;
        let merchant = self[order].merchant;
        let sub = self[order].sub_mch_id.clone().unwrap_or_default();
        self.by_refund_no
            .insert((merchant, sub, refund.out_refund_no.clone()), key);
        self.by_refund_id.insert(refund.refund_id.clone(), key);
        self.of_merchant.entry(merchant).or_default().push(key);
        self.refunds.push(refund);
        self[order].refunds.push(key);
        key
    }

    pub(crate) fn order_by_trade_no(
        &self,
        merchant: MerchantKey,
        sub: Option<&str>,
        out_trade_no: &str,
    ) -> Option<OrderKey> {
        let sub = sub.unwrap_or_default().to_owned();
        let identity = (merchant, sub, out_trade_no.to_owned());
        self.by_trade_no.get(&identity).copied()
    }

    pub(crate) fn order_by_transaction(&self, transaction_id: &str) -> Option<OrderKey> {
        self.by_transaction.get(transaction_id).copied()
    }

    pub(crate) fn refund_by_number(
        &self,
        merchant: MerchantKey,
        sub: Option<&str>,
        out_refund_no: &str,
    ) -> Option<RefundKey> {
        let sub = sub.unwrap_or_default().to_owned();
        let identity = (merchant, sub, out_refund_no.to_owned());
        self.by_refund_no.get(&identity).copied()
    }

    pub(crate) fn refund_by_id(&self, refund_id: &str) -> Option<RefundKey> {
        self.by_refund_id.get(refund_id).copied()
    }

    pub(crate) fn order_of(&self, refund: RefundKey) -> &Order {
        &self[self[refund].order]
    }

    pub(crate) fn merchant_of(&self, refund: RefundKey) -> MerchantKey {
        self.order_of(refund).merchant
    }

    /// Refunds of one merchant in the order of their acceptance.
    pub(crate) fn refunds_of(&self, merchant: MerchantKey) -> &[RefundKey] {
        self.of_merchant.get(&merchant).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn add_movement(&mut self, movement: Movement) {
        self.movements.push(movement);
    }

    /// What moved on the merchants' accounts, in order.
    pub(crate) fn movements(&self) -> &[Movement] {
        &self.movements
    }

    pub(crate) fn orders(&self) -> &[Order] {
        &self.orders
    }

    pub(crate) fn refunds(&self) -> &[Refund] {
        &self.refunds
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.orders.len(), self.refunds.len())
    }
}

// Keys are made by `add_*` alone and nothing is ever removed, so a key always finds its record.
impl Index<OrderKey> for Books {
    type Output = Order;
    fn index(&self, key: OrderKey) -> &Order {
        &self.orders[key.0]
    }
}

impl IndexMut<OrderKey> for Books {
    fn index_mut(&mut self, key: OrderKey) -> &mut Order {
        &mut self.orders[key.0]
    }
}

impl Index<RefundKey> for Books {
    type Output = Refund;
    fn index(&self, key: RefundKey) -> &Refund {
        &self.refunds[key.0]
    }
}

impl IndexMut<RefundKey> for Books {
    fn index_mut(&mut self, key: RefundKey) -> &mut Refund {
        &mut self.refunds[key.0]
    }
}
