//! How an accepted refund goes on: planned steps, the merchant's balance, decisions from outside,
//! abnormal handling. Every status a refund reaches passes through `reach`.

use serde::{Deserialize, Serialize};

use super::World;
use crate::agenda::Event;
use crate::beijing::DAY_MS;
use crate::books::{Channel, Movement, RefundKey, RefundStatus};
use crate::fault::{FaultAction, Outcome};
use crate::refusal::Refusal;

/// How long WeChat tries while the funding account is too low (P27).
const SHORTAGE_ENDS_MS: i64 = 7 * DAY_MS;
/// Distance of those tries.
const SHORTAGE_RETRY_MS: i64 = 600_000;

/// How refunds end when neither a fault rule nor the control side decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutcomePolicy {
    /// The usual end; `PROCESSING` means that refunds wait for a decision.
    pub default: RefundStatus,
    /// The shortest and longest time until then, in milliseconds of the simulator's clock.
    pub after_ms: (i64, i64),
    /// Share of refunds that become abnormal instead, 0 to 1.
    pub abnormal_rate: f64,
    /// Share of refunds that are closed instead, 0 to 1.
    pub closed_rate: f64,
}

impl OutcomePolicy {
    /// Every refund succeeds, within one to three seconds.
    #[must_use]
    pub fn prompt() -> Self {
        Self {
            default: RefundStatus::Success,
            after_ms: (1_000, 3_000),
            abnormal_rate: 0.0,
            closed_rate: 0.0,
        }
    }
}

impl Default for OutcomePolicy {
    fn default() -> Self {
        Self::prompt()
    }
}

impl World {
    /// Plans how a newly accepted refund goes on.
    pub(super) fn plan_life(&mut self, key: RefundKey, life: Option<&FaultAction>) {
        match life {
            Some(FaultAction::Outcome(outcome)) => self.plan(key, outcome),
            Some(FaultAction::NotificationBeforeReply { .. }) => {
                self.plan(key, &Outcome::ends(RefundStatus::Success, 0));
                self.advance_to(self.now_ms);
            }
            _ => {
                let usual = self.usual_outcome();
                self.plan(key, &usual);
            }
        }
    }

    fn usual_outcome(&mut self) -> Outcome {
        let policy = self.outcomes.clone();
        let (low, high) = policy.after_ms;
        let after_ms = self.dice.between(low.max(0), high.max(0));
        let drawn = self.dice.below(1_000_000);
        let share = |rate: f64| (rate.clamp(0.0, 1.0) * 1e6).round();
        #[expect(clippy::cast_precision_loss, reason = "below one million")]
        let drawn = drawn as f64;
        let status = if drawn < share(policy.abnormal_rate) {
            RefundStatus::Abnormal
        } else if drawn < share(policy.abnormal_rate) + share(policy.closed_rate) {
            RefundStatus::Closed
        } else {
            policy.default
        };
        Outcome::ends(status, after_ms)
    }

    fn plan(&mut self, key: RefundKey, outcome: &Outcome) {
        let refund = &mut self.books[key];
        refund.plan += 1;
        let plan = refund.plan;
        let mut due_ms = self.now_ms;
        for step in &outcome.steps {
            due_ms = due_ms.saturating_add(step.after_ms.max(0));
            if step.status != RefundStatus::Processing {
                let event = Event::RefundStep {
                    refund: key,
                    plan,
                    status: step.status,
                };
                self.agenda.plan(due_ms, event);
            }
        }
    }

    pub(super) fn refund_step(&mut self, key: RefundKey, plan: u32, status: RefundStatus) {
        if self.books[key].plan != plan || !may_become(self.books[key].status, status) {
            return;
        }
        if needs_money(status) && !self.debit(key) {
            self.wait_for_money(key, plan, status);
            return;
        }
        self.reach(key, status);
    }

    /// Too little in the funding account: tried again for seven days, then closed (P27, P36).
    fn wait_for_money(&mut self, key: RefundKey, plan: u32, status: RefundStatus) {
        let waited_ms = self.now_ms - self.books[key].created_at_ms;
        if waited_ms >= SHORTAGE_ENDS_MS {
            self.reach(key, RefundStatus::Closed);
            return;
        }
        let event = Event::RefundStep {
            refund: key,
            plan,
            status,
        };
        self.agenda.plan(self.now_ms + SHORTAGE_RETRY_MS, event);
    }

    /// Takes the amount from the merchant's balance, once per refund.
    fn debit(&mut self, key: RefundKey) -> bool {
        let refund = &self.books[key];
        if refund.debited {
            return true;
        }
        let (funds, amount) = (refund.funds, refund.amount);
        let merchant = self.books.merchant_of(key);
        let paid = self.merchant_mut(merchant).debit(funds, amount);
        self.books[key].debited = paid;
        if paid {
            self.note_movement(key, -self.books[key].cost());
        }
        paid
    }

    /// Notes what an account's bill will show. The balance itself is kept without fees and
    /// coupons; what they make of it is kept apart.
    fn note_movement(&mut self, key: RefundKey, amount: i64) {
        let refund = &self.books[key];
        let (funds, whole) = (refund.funds, refund.amount * amount.signum());
        let merchant = self.books.merchant_of(key);
        let account = self.merchant_mut(merchant);
        account.spared += amount - whole;
        let balance = account.funds(funds) + account.spared;
        self.books.add_movement(Movement {
            merchant,
            refund: key,
            at_ms: self.now_ms,
            amount,
            balance,
        });
    }

    /// Sets a status and tells the merchant.
    fn reach(&mut self, key: RefundKey, status: RefundStatus) {
        let now_ms = self.now_ms;
        let refund = &mut self.books[key];
        refund.status = status;
        refund.reached.push((now_ms, status));
        let (order, amount, cash) = (refund.order, refund.amount, refund.cash);
        let returned = status == RefundStatus::Closed && std::mem::take(&mut refund.debited);
        let funds = refund.funds;
        if returned {
            let merchant = self.books.merchant_of(key);
            self.merchant_mut(merchant).credit(funds, amount);
            self.note_movement(key, self.books[key].cost());
        }
        let refund = &mut self.books[key];
        match status {
            RefundStatus::Success => refund.success_at_ms = Some(now_ms),
            RefundStatus::Closed => {
                let record = &mut self.books[order];
                record.refunded -= amount;
                record.refunded_cash -= cash;
            }
            RefundStatus::Abnormal | RefundStatus::Processing => {}
        }
        self.notify_refund(key);
    }

    /// Decides a refund now, from outside.
    pub(super) fn decide_now(
        &mut self,
        key: RefundKey,
        status: RefundStatus,
    ) -> Result<(), Refusal> {
        if !may_become(self.books[key].status, status) {
            return Err(Refusal::NotAbnormal);
        }
        if needs_money(status) && !self.debit(key) {
            return Err(Refusal::NotEnough);
        }
        self.books[key].plan += 1;
        self.reach(key, status);
        Ok(())
    }

    /// Abnormal handling by the interface: the money goes to another card.
    pub(crate) fn handle_abnormal(
        &mut self,
        key: RefundKey,
        receiver: &str,
    ) -> Result<(), Refusal> {
        if self.books[key].status != RefundStatus::Abnormal {
            return Err(Refusal::NotAbnormal);
        }
        let now_ms = self.now_ms;
        let refund = &mut self.books[key];
        refund.status = RefundStatus::Processing;
        refund.reached.push((now_ms, RefundStatus::Processing));
        refund.channel = Channel::OtherBankcard;
        refund.received_account = receiver.to_owned();
        let (low, high) = self.outcomes.after_ms;
        let after_ms = self.dice.between(low.max(0), high.max(0));
        self.plan(key, &Outcome::ends(RefundStatus::Success, after_ms));
        Ok(())
    }
}

fn needs_money(status: RefundStatus) -> bool {
    matches!(status, RefundStatus::Success | RefundStatus::Abnormal)
}

fn may_become(from: RefundStatus, to: RefundStatus) -> bool {
    match from {
        RefundStatus::Processing => to != RefundStatus::Processing,
        RefundStatus::Abnormal => to == RefundStatus::Success,
        RefundStatus::Success | RefundStatus::Closed => false,
    }
}
