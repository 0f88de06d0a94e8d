//! The world: WeChat Pay's side of everything, deterministic and without I/O. Bytes and times go
//! in, bytes come out; one seed and one sequence of calls give one trace (INV-44). The wire side
//! keeps it behind a lock, the simulation of the engine owns one outright.

mod account;
mod apply;
mod bills;
mod control;
mod pay;
mod post;
mod settle;

use std::collections::{BTreeMap, HashMap};

pub(crate) use apply::Application;
pub use control::{ControlError, CouponInput, PaidOrder, PortalRefund};
pub(crate) use pay::{NewOrder, PlaceRefused};
pub use post::{Delivery, NotificationRecord, Schedule};
pub use settle::OutcomePolicy;

use crate::agenda::{Agenda, Event};
use crate::answer::Kept;
use crate::bill::BillDesk;
use crate::books::{Books, MerchantKey, Order, Refund};
use crate::fault::{Desk, FaultRule, Interface, RuleState};
use crate::limits::{Exceeded, Limits};
use crate::merchant::{Merchant, MerchantSetup, SetupError};
use crate::message::{Incoming, NotificationAttempt, Outgoing};
use crate::random::Random;

/// WeChat Pay in miniature.
///
/// Time only moves by [`World::advance_to`]; what became due meanwhile happens then, in order.
pub struct World {
    pub(crate) now_ms: i64,
    wall_ms: Option<i64>,
    pub(crate) dice: Random,
    pub(crate) merchants: Vec<Merchant>,
    by_mch_id: HashMap<String, MerchantKey>,
    pub(crate) books: Books,
    pub(crate) desk: Desk,
    pub(crate) limits: Limits,
    outcomes: OutcomePolicy,
    pub(crate) agenda: Agenda,
    post: post::PostOffice,
    requests: u64,
    pub(crate) bills: BillDesk,
    /// The last good answer per merchant and interface, for answers that are swapped (F-10).
    pub(crate) last_answers: HashMap<(MerchantKey, Interface), Kept>,
}

impl World {
    /// An empty world at a time (unix milliseconds).
    #[must_use]
    pub fn new(seed: u64, start_unix_ms: i64) -> Self {
        Self {
            now_ms: start_unix_ms,
            wall_ms: None,
            dice: Random::new(seed),
            merchants: Vec::new(),
            by_mch_id: HashMap::new(),
            books: Books::default(),
            desk: Desk::default(),
            limits: Limits::published(),
            outcomes: OutcomePolicy::prompt(),
            agenda: Agenda::default(),
            post: post::PostOffice::default(),
            requests: 0,
            bills: BillDesk::default(),
            last_answers: HashMap::new(),
        }
    }

    /// Opens a merchant's account.
    ///
    /// # Errors
    /// [`SetupError`] when a key cannot be read or the number is taken.
    pub fn add_merchant(&mut self, setup: MerchantSetup) -> Result<(), SetupError> {
        let mch_id = setup.mch_id.as_str().to_owned();
        if self.by_mch_id.contains_key(&mch_id) {
            return Err(SetupError::Taken { mch_id });
        }
        let key = MerchantKey(self.merchants.len());
        self.merchants.push(Merchant::open(setup)?);
        self.by_mch_id.insert(mch_id, key);
        Ok(())
    }

    /// Answers one request.
    pub fn handle(&mut self, incoming: &Incoming) -> Outgoing {
        self.requests += 1;
        crate::gate::handle(self, incoming)
    }

    /// Time on the simulator's clock, unix milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The time that signatures carry and are judged by. It is the simulator's clock, unless
    /// [`World::set_wall_ms`] told another: a caller's clock is real even when ours runs fast.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        self.wall_ms.unwrap_or(self.now_ms)
    }

    /// Tells the real time, apart from the simulator's clock.
    pub fn set_wall_ms(&mut self, unix_ms: i64) {
        self.wall_ms = Some(unix_ms);
    }

    /// Moves the clock forward; what is due by then happens. Backwards it never goes.
    pub fn advance_to(&mut self, unix_ms: i64) {
        while let Some((due_ms, event)) = self.agenda.pop_due(unix_ms) {
            self.now_ms = self.now_ms.max(due_ms);
            match event {
                Event::RefundStep {
                    refund,
                    plan,
                    status,
                } => self.refund_step(refund, plan, status),
                Event::Deliver { notification, nth } => self.deliver(notification, nth),
                Event::DeliverCopy { notification } => self.deliver_copy(notification),
                Event::Replay { notification } => self.replay(notification),
            }
        }
        self.now_ms = self.now_ms.max(unix_ms);
    }

    /// When the next thing happens by itself.
    #[must_use]
    pub fn next_event_at(&self) -> Option<i64> {
        self.agenda.next_at()
    }

    /// Moves the clock and hands out the notifications that are due.
    pub fn due_notifications(&mut self, unix_ms: i64) -> Vec<NotificationAttempt> {
        self.advance_to(unix_ms);
        self.post.take_ready()
    }

    /// Replaces the fault rules; counts of what was applied are kept.
    pub fn set_faults(&mut self, rules: Vec<FaultRule>) {
        self.desk.replace(rules);
    }

    /// Adds a fault rule behind the others.
    pub fn add_fault(&mut self, rule: FaultRule) {
        self.desk.add(rule);
    }

    /// The fault rules with their counts.
    #[must_use]
    pub fn faults(&self) -> &[RuleState] {
        self.desk.rules()
    }

    /// How often each kind of fault acted since the world began.
    #[must_use]
    pub fn fault_counts(&self) -> &BTreeMap<&'static str, u64> {
        self.desk.counts()
    }

    /// The quotas in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many calls came faster than allowed, since the world began. What a fault answers
    /// does not count.
    #[must_use]
    pub fn exceeded(&self) -> Exceeded {
        let mut all = Exceeded::default();
        for merchant in &self.merchants {
            all.add(merchant.usage.exceeded());
        }
        all
    }

    /// Changes the quotas.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// How refunds end when nobody decides.
    #[must_use]
    pub fn outcomes(&self) -> &OutcomePolicy {
        &self.outcomes
    }

    /// Changes how refunds end.
    pub fn set_outcomes(&mut self, outcomes: OutcomePolicy) {
        self.outcomes = outcomes;
    }

    /// Requests answered so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// All refunds in the order of their acceptance: the truth that tests compare with.
    #[must_use]
    pub fn refunds(&self) -> &[Refund] {
        self.books.refunds()
    }

    /// All orders in the order in which they were placed.
    #[must_use]
    pub fn orders(&self) -> &[Order] {
        self.books.orders()
    }

    /// The order a refund belongs to.
    #[must_use]
    pub fn order_of(&self, refund: &Refund) -> &Order {
        &self.books[refund.order]
    }

    /// The merchant number an order belongs to.
    #[must_use]
    pub fn mch_id_of(&self, order: &Order) -> &str {
        &self.merchant(order.merchant).mch_id
    }

    /// Refunds of one merchant in the order of their acceptance; empty for an unknown merchant.
    pub fn refunds_of(&self, mch_id: &str) -> impl Iterator<Item = &Refund> {
        let keys = self
            .merchant_key(mch_id)
            .map_or(&[][..], |key| self.books.refunds_of(key));
        keys.iter().map(|key| &self.books[*key])
    }

    /// One refund by the merchant's number.
    #[must_use]
    pub fn refund(&self, mch_id: &str, sub: Option<&str>, out_refund_no: &str) -> Option<&Refund> {
        let merchant = self.merchant_key(mch_id)?;
        self.books
            .refund_by_number(merchant, sub, out_refund_no)
            .map(|key| &self.books[key])
    }

    /// One order by the merchant's number.
    #[must_use]
    pub fn order(&self, mch_id: &str, sub: Option<&str>, out_trade_no: &str) -> Option<&Order> {
        let merchant = self.merchant_key(mch_id)?;
        self.books
            .order_by_trade_no(merchant, sub, out_trade_no)
            .map(|key| &self.books[key])
    }

    pub(crate) fn merchant_key(&self, mch_id: &str) -> Option<MerchantKey> {
        self.by_mch_id.get(mch_id).copied()
    }

    // Keys are made by `add_merchant` alone and no account is ever closed.
    pub(crate) fn merchant(&self, key: MerchantKey) -> &Merchant {
        &self.merchants[key.0]
    }

    pub(crate) fn merchant_mut(&mut self, key: MerchantKey) -> &mut Merchant {
        &mut self.merchants[key.0]
    }

    /// A number no other answer carries.
    pub(crate) fn request_id(&mut self, number: u32) -> String {
        format!(
            "{:010X}{:06X}-{number}",
            self.requests,
            self.dice.below(1 << 24)
        )
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (orders, refunds) = self.books.counts();
        f.debug_struct("World")
            .field("now_ms", &self.now_ms)
            .field("merchants", &self.merchants.len())
            .field("orders", &orders)
            .field("refunds", &refunds)
            .finish_non_exhaustive()
    }
}
