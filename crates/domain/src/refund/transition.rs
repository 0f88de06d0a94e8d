//! What a door returns: everything one commit writes about a refund, as data. The sums of the
//! payment follow from the statuses before and after in one place ([`Draft::finish`]), so reserve
//! is taken and released exactly once (INV-6).

use jiff::Timestamp;
use tuikuan_terms::Fen;

use crate::event::{Event, EventKind};
use crate::outcome::ErrorNote;
use crate::payment::{Payment, REFUNDS_PER_PAYMENT_MAX};
use crate::person::Actor;
use crate::planted::{self, Bug};
use crate::refund::{
    Attention, AttentionReason, Context, Money, PendingReason, Refund, Refusal, Status,
};

/// What the engine does next for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Send it to WeChat.
    Submit,
    /// Ask WeChat about it.
    Query,
    /// Ask WeChat about its order.
    LookUpPayment,
    /// Withdraw it if nobody has agreed to it.
    ExpireApproval,
}

impl Step {
    /// All steps.
    pub const ALL: [Self; 4] = [
        Self::Submit,
        Self::Query,
        Self::LookUpPayment,
        Self::ExpireApproval,
    ];

    /// The step as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Query => "query",
            Self::LookUpPayment => "look_up_payment",
            Self::ExpireApproval => "expire_approval",
        }
    }

    /// Reads what [`Step::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }
}

/// What becomes of the refund's job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// It stays as it is (a lease that is held stays held).
    Keep,
    /// The next step and when.
    At(Step, Timestamp),
    /// A query is wanted as soon as the limit for forwarded queries allows.
    Forward,
    /// Nothing more to do.
    Done,
}

/// A record with the version it replaces (`None`: it is new).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<T> {
    /// The record to be written.
    pub record: T,
    /// The version that must still stand in the store.
    pub replaces: Option<i64>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptEnd {
    /// WeChat took the refund.
    Accepted,
    /// WeChat refused it, for good or for now.
    Refused,
    /// No byte left.
    NotSent,
    /// It proves nothing.
    Unknown,
    /// The process that began it is gone.
    Lost,
}

impl AttemptEnd {
    /// The end as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
            Self::Lost => "lost",
        }
    }
}

/// What happens to the row of an attempt (INV-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptMark {
    /// It begins: the row is committed before a byte leaves.
    Begin {
        /// Which, from 1.
        attempt: u32,
    },
    /// It ended.
    End {
        /// Which, from 1.
        attempt: u32,
        /// How.
        end: AttemptEnd,
    },
}

/// Everything one commit writes about a refund. Empty when nothing changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The refund, if it changed.
    pub refund: Option<Changed<Refund>>,
    /// The payment, if it changed.
    pub payment: Option<Changed<Payment>>,
    /// The line of history of the change.
    pub event: Option<Event>,
    /// The job.
    pub plan: Plan,
    /// The attempt.
    pub attempt: Option<AttemptMark>,
}

impl Transition {
    /// Nothing changes.
    #[must_use]
    pub const fn unchanged() -> Self {
        Self {
            refund: None,
            payment: None,
            event: None,
            plan: Plan::Keep,
            attempt: None,
        }
    }

    /// Nothing visible changes, the job does.
    #[must_use]
    pub fn plan(plan: Plan) -> Self {
        Self {
            plan,
            ..Self::unchanged()
        }
    }
}

/// Whether the notes alone are worth a line of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remark {
    None,
    Kept,
}

/// A transition in the making.
pub(super) struct Draft<'a> {
    before: Option<&'a Refund>,
    payment_before: Option<&'a Payment>,
    context: &'a Context<'a>,
    kind: Option<EventKind>,
    notes: Vec<(&'static str, Option<String>)>,
    remark: Remark,
    pub(super) refund: Refund,
    pub(super) payment: Option<Payment>,
    pub(super) plan: Plan,
    pub(super) attempt: Option<AttemptMark>,
}

impl<'a> Draft<'a> {
    pub(super) fn change(
        refund: &'a Refund,
        payment: Option<&'a Payment>,
        context: &'a Context<'a>,
    ) -> Self {
        Self {
            before: Some(refund),
            payment_before: payment,
            context,
            kind: None,
            notes: Vec::new(),
            remark: Remark::None,
            refund: refund.clone(),
            payment: payment.cloned(),
            plan: Plan::Keep,
            attempt: None,
        }
    }

    pub(super) fn create(
        refund: Refund,
        payment: Option<&'a Payment>,
        context: &'a Context<'a>,
    ) -> Self {
        Self {
            before: None,
            payment_before: payment,
            context,
            kind: None,
            notes: Vec::new(),
            remark: Remark::None,
            refund,
            payment: payment.cloned(),
            plan: Plan::Keep,
            attempt: None,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.context.now
    }

    /// Enters a status. Ends clear the job; what a status needs beside it is set by the caller.
    pub(super) fn enter(&mut self, status: Status) {
        self.refund.status = status;
        self.refund.pending_reason = None;
        self.kind = Some(EventKind::Status(status));
        if status.is_end() {
            self.refund.ended_at = Some(self.context.now);
            self.plan = Plan::Done;
        } else {
            self.refund.ended_at = None;
        }
    }

    /// Waits in the queue, optionally for something.
    pub(super) fn queue(&mut self, reason: Option<PendingReason>, step: Step, due: Timestamp) {
        self.enter(Status::Queued);
        self.refund.pending_reason = reason;
        self.plan = Plan::At(step, due);
    }

    /// Ends it without money, for a reason of ours or WeChat's.
    pub(super) fn reject(&mut self, note: ErrorNote) {
        self.refund.error = Some(note);
        self.refund.refusal_unconfirmed = false;
        self.enter(Status::Rejected);
    }

    pub(super) fn need(&mut self, reason: AttentionReason) {
        let held = self.refund.attention.map(|a| a.reason);
        // A conflict is the gravest: it is not hidden by a later, lesser reason.
        if held != Some(reason) && held != Some(AttentionReason::Conflict) {
            self.refund.attention = Some(Attention {
                reason,
                since: self.context.now,
            });
            self.kind.get_or_insert(EventKind::Attention);
        }
    }

    /// The cause of an attention has passed. Conflicts stay until a person has dealt with them.
    pub(super) fn relieve(&mut self) {
        if self
            .refund
            .attention
            .is_some_and(|a| a.reason != AttentionReason::Conflict)
        {
            self.refund.attention = None;
        }
    }

    pub(super) fn note(&mut self, name: &'static str, value: impl Into<String>) {
        self.notes.push((name, Some(value.into())));
    }

    /// A note that is kept even when nothing else changes.
    pub(super) fn remark(&mut self, name: &'static str, value: impl Into<String>) {
        self.note(name, value);
        self.remark = Remark::Kept;
    }

    /// Records a contradiction, once for each `kind`, and says whether it was new.
    pub(super) fn contradict(&mut self, kind: &str) -> bool {
        let known = self.refund.contradictions.clone().unwrap_or_default();
        let mut list: Vec<&str> = known.split(',').filter(|k| !k.is_empty()).collect();
        if list.contains(&kind) {
            return false;
        }
        list.push(kind);
        list.sort_unstable();
        self.refund.contradictions = Some(list.join(","));
        self.need(AttentionReason::Conflict);
        self.kind = Some(EventKind::Conflict);
        true
    }

    /// The finished transition.
    ///
    /// # Errors
    /// [`Refusal::AmountExceedsRefundable`] or [`Refusal::TooManyRefunds`] when the payment cannot
    /// hold the refund.
    pub(super) fn finish(mut self) -> Result<Transition, Refusal> {
        let detail = match self.before {
            None => self.refund.first_fields(),
            Some(before) => self.refund.changes_since(before),
        };
        self.settle_payment()?;
        let payment = self.changed_payment();
        if detail.is_empty() && self.remark == Remark::None {
            return Ok(Transition {
                refund: None,
                payment,
                event: None,
                plan: self.plan,
                attempt: self.attempt,
            });
        }
        self.end_attempt();
        self.note_actor();
        let replaces = self.before.map(|before| before.version);
        self.refund.version = replaces.unwrap_or(0).saturating_add(1);
        let (kind, status) = self.headline();
        let event = Event {
            refund_id: self.refund.id.clone(),
            seq: self.refund.version,
            kind,
            status,
            at: self.context.now,
            source: self.context.source,
            detail: detail.into_iter().chain(self.notes).collect(),
        };
        Ok(Transition {
            refund: Some(Changed {
                record: self.refund,
                replaces,
            }),
            payment,
            event: Some(event),
            plan: self.plan,
            attempt: self.attempt,
        })
    }

    /// Who did it, where the record itself does not say so.
    fn note_actor(&mut self) {
        if self.before.is_some() && *self.context.actor != Actor::Engine {
            self.note("note.actor", self.context.actor.as_str());
        }
    }

    /// Moves the amount between the payment's sums by what the statuses before and after hold.
    fn settle_payment(&mut self) -> Result<(), Refusal> {
        let drawn = self.before.filter(|before| before.payment_id.is_some());
        let (old, old_counts) = drawn.map_or((Money::Released, false), |b| {
            (b.status.money(), b.status.counts())
        });
        let Some(payment) = self
            .payment
            .as_mut()
            .filter(|_| self.refund.payment_id.is_some())
        else {
            return Ok(());
        };
        let amount = self.refund.content.amount;
        let refundable = payment.refundable();
        let exceeded = Refusal::AmountExceedsRefundable {
            requested: amount,
            refundable,
        };
        if old != self.refund.status.money() {
            move_amount(payment, amount, old, self.refund.status.money())
                .ok_or(exceeded.clone())?;
            if planted::is(Bug::ReserveReleasedTwice) && old == Money::Reserved {
                payment.reserved = payment.reserved.checked_sub(amount).unwrap_or(Fen::ZERO);
            }
            if !payment.balanced() {
                return Err(exceeded);
            }
        }
        match (old_counts, self.refund.status.counts()) {
            (false, true) if payment.refunds >= REFUNDS_PER_PAYMENT_MAX => {
                return Err(Refusal::TooManyRefunds);
            }
            (false, true) => payment.refunds = payment.refunds.saturating_add(1),
            (true, false) => payment.refunds = payment.refunds.saturating_sub(1),
            (true, true) | (false, false) => {}
        }
        if self.refund.status != Status::Submitting
            && payment.in_flight.as_ref() == Some(&self.refund.id)
        {
            payment.in_flight = None;
        }
        Ok(())
    }

    /// What the event says of the change: a status only when it is another one than before.
    fn headline(&self) -> (EventKind, Option<Status>) {
        let entered = self
            .before
            .is_none_or(|before| before.status != self.refund.status);
        let status = entered.then_some(self.refund.status);
        let kind = match self.kind {
            Some(EventKind::Status(_)) if !entered => EventKind::Updated,
            Some(kind) => kind,
            None => EventKind::Updated,
        };
        (kind, status)
    }

    /// An attempt that another source ended, before its own answer was in.
    fn end_attempt(&mut self) {
        let attempting = self
            .before
            .is_some_and(|before| before.status == Status::Submitting);
        if attempting && self.refund.status != Status::Submitting && self.attempt.is_none() {
            let attempt = self.refund.attempts;
            self.attempt = Some(AttemptMark::End {
                attempt,
                end: AttemptEnd::Accepted,
            });
        }
    }

    fn changed_payment(&mut self) -> Option<Changed<Payment>> {
        let mut record = self.payment.take()?;
        let stored = self.payment_before.filter(|before| before.version > 0);
        if stored == Some(&record) {
            return None;
        }
        let replaces = stored.map(|before| before.version);
        record.version = replaces.unwrap_or(0).saturating_add(1);
        Some(Changed { record, replaces })
    }
}

fn move_amount(payment: &mut Payment, amount: Fen, from: Money, to: Money) -> Option<()> {
    match from {
        Money::Reserved => payment.reserved = payment.reserved.checked_sub(amount)?,
        Money::Spent => payment.spent = payment.spent.checked_sub(amount)?,
        Money::Released => {}
    }
    match to {
        Money::Reserved => payment.reserved = payment.reserved.checked_add(amount)?,
        Money::Spent => payment.spent = payment.spent.checked_add(amount)?,
        Money::Released => {}
    }
    Some(())
}
