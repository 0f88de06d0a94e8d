//! Deciding about a group of operations on what was found and locked for them, in their order, exactly
//! as SQLite's writer does one by one. Who loses has written nothing: it is left out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tuikuan_domain::batch::Outcome;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::refund::{AttemptMark, Changed};
use tuikuan_domain::{Event, Payment, Plan, Refund, RefundId};

use crate::admin::NewAudit;
use crate::change::{Change, Committed, Exchange, Inbox, InboxEntry, NewDelivery};
use crate::error::CommitError;
use crate::indexed::{Indexed, Transaction};
use crate::line::{Line, check_whole};
use crate::operation::{Answer, Operation};
use crate::postgres::jobs::JobWrite;
use crate::postgres::lines::Marked;
use crate::postgres::look::{Before, Found};
use crate::postgres::records::{Headed, Replaced, is_plain};
use crate::postgres::usage::Used;
use crate::tally::Tally;
use crate::trouble::{Trouble, broken};

/// What an operation comes to if the transaction is committed.
pub(super) type Judged = Result<Answer, CommitError>;

/// Everything that the group writes, kind by kind.
#[derive(Default)]
pub(super) struct Rows<'o> {
    pub(super) payments_new: Vec<&'o Payment>,
    pub(super) payments: Vec<Replaced<'o>>,
    pub(super) transactions: Vec<&'o Payment>,
    pub(super) refunds_new: Vec<Headed<'o>>,
    pub(super) refunds_plain: Vec<Headed<'o>>,
    pub(super) refunds: Vec<Headed<'o>>,
    pub(super) refunds_ending: Vec<Headed<'o>>,
    pub(super) indexed: Vec<&'o Refund>,
    pub(super) begun: Vec<(&'o RefundId, i64, i64, i64)>,
    pub(super) ended: Vec<(&'o RefundId, i64, i64, &'static str)>,
    pub(super) jobs: Vec<JobWrite>,
    pub(super) deliveries: Vec<(&'o NewDelivery, Timestamp)>,
    pub(super) exchanges: Vec<(&'o RefundId, &'o Exchange)>,
    /// With the place of the operation, and the number of the event that it caused.
    pub(super) inbox: Vec<(usize, &'o InboxEntry, Option<i64>)>,
    pub(super) usage: BTreeMap<(String, String), Used>,
    pub(super) requested: Vec<Marked<'o>>,
    pub(super) refused: Vec<Marked<'o>>,
    /// With the place of the operation.
    pub(super) events: Vec<(usize, Line<'o>)>,
    pub(super) audit: Vec<&'o NewAudit>,
}

/// A group of operations under judgment.
pub(super) struct Group<'o> {
    pub(super) found: Found,
    pub(super) tally: Tally,
    pub(super) rows: Rows<'o>,
    /// Notifications that were stored before.
    pub(super) repeats: Vec<Vec<u8>>,
    pub(super) forwarded_us: i64,
    /// The engine's time, as the last change has it.
    pub(super) at: Timestamp,
}

impl<'o> Group<'o> {
    pub(super) fn new(found: Found, forwarded_us: i64) -> Self {
        Self {
            found,
            tally: Tally::default(),
            rows: Rows::default(),
            repeats: Vec::new(),
            forwarded_us,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    /// Judges all. A refusal concerns one; anything else concerns everybody.
    pub(super) fn judge(&mut self, operations: &'o [Operation]) -> Result<Vec<Judged>, Trouble> {
        let judged = operations.iter().enumerate().map(|(place, operation)| {
            match self.one(place, operation) {
                Ok(answer) => Ok(Ok(answer)),
                Err(Trouble::Refused(error)) => Ok(Err(error)),
                Err(trouble) => Err(trouble),
            }
        });
        judged.collect()
    }

    fn one(&mut self, place: usize, operation: &'o Operation) -> Result<Answer, Trouble> {
        match operation {
            Operation::Commit(change) => {
                let committed = self.change(place, change)?;
                return Ok(Answer::Committed(committed));
            }
            Operation::Release(release) => self.release(release)?,
            Operation::Forward(refund, now) => {
                let write = self.forward(refund, *now)?;
                self.job(write);
            }
            Operation::Claim(_)
            | Operation::FinishDelivery(_)
            | Operation::Redeliver(..)
            | Operation::Administer(_)
            | Operation::ChangeBills(_)
            | Operation::TouchKey(..)
            | Operation::SeeSession(..)
            | Operation::SettleInbox(..)
            | Operation::Prune(_)
            | Operation::LimitPages(_)
            | Operation::Batch(_)
            | Operation::Try(_) => {
                return Err(Trouble::Refused(CommitError::Unavailable {
                    reason: "not an operation of a group",
                }));
            }
        }
        Ok(Answer::Done)
    }

    /// First everything that can be lost, then what is written.
    fn change(&mut self, place: usize, change: &'o Change) -> Result<Committed, Trouble> {
        check_whole(change)?;
        has_subject(change)?;
        if let Some(guard) = &change.guard {
            self.held(guard)?;
        }
        let outcome = self.line_outcome(change)?;
        self.found.check_settings(change.settings)?;
        self.check_usage(&change.usage)?;
        self.check_refund(change)?;
        self.check_references(change)?;
        let transaction = self.check_payment(change)?;
        let job = self.plan(change)?;
        let line = match &change.event {
            Some(event) => Some(Line::of(event, self.head(change))?),
            None => None,
        };
        self.at = change.at;
        if let Some(changed) = &change.payment {
            self.write_payment(changed, transaction);
        }
        if let Some(line) = line {
            if let Some(changed) = &change.refund {
                self.write_refund(changed, &line);
            }
            self.rows.events.push((place, line));
        }
        self.add_usage(&change.usage);
        self.rest(change);
        self.job(job);
        if let (Some(mark), Some((outcome, amount))) = (&change.line, outcome) {
            self.write_line(mark, outcome, amount);
        }
        let inbox = self.write_inbox(place, change);
        self.rows.audit.extend(change.audit.as_ref());
        // Their true values are known once they are written.
        Ok(Committed {
            position: None,
            inbox,
        })
    }

    pub(super) fn before(&self, refund: &RefundId) -> Option<&Before> {
        self.found.refunds.get(refund.as_str())
    }

    fn head(&self, change: &Change) -> Option<&[u8; 32]> {
        let changed = change.refund.as_ref()?;
        changed.replaces?;
        self.before(&changed.record.id).map(|before| &before.head)
    }

    /// The refund is still the version that is replaced; the number of a new one is free.
    fn check_refund(&self, change: &Change) -> Result<(), Trouble> {
        let free = match &change.refund {
            None => true,
            Some(Changed {
                record,
                replaces: None,
            }) => {
                let number = (record.out_refund_no.to_string(), record.mch_id.to_string());
                !self.found.numbers.contains(&number)
            }
            Some(Changed {
                record,
                replaces: Some(version),
            }) => self
                .before(&record.id)
                .is_some_and(|before| before.version == *version),
        };
        free.then_some(())
            .ok_or_else(|| CommitError::Conflict.into())
    }

    /// What a row refers to is written by the same change, or was found and is locked, or stands in the
    /// row already, and payments stay: the keys that would look it up once more, row by row, are gone
    /// (V12).
    fn check_references(&self, change: &Change) -> Result<(), Trouble> {
        let own = change.payment.as_ref().map(|changed| &changed.record.id);
        let refund = change.refund.as_ref().map(|changed| &changed.record);
        let payment = refund.and_then(|refund| refund.payment_id.as_ref());
        let stored = refund.and_then(|refund| self.before(&refund.id));
        let stored = stored.and_then(|before| before.indexed.payment_id.as_deref());
        let paid = payment.is_none_or(|id| {
            own == Some(id)
                || stored == Some(id.as_str())
                || self.found.payments.contains_key(id.as_str())
        });
        let known = refund.is_some()
            || (change.attempt.is_none() && change.deliveries.is_empty())
            || change.subject().is_some_and(|id| self.before(id).is_some());
        (paid && known)
            .then_some(())
            .ok_or_else(|| CommitError::Conflict.into())
    }

    /// The payment is still the version that is replaced; a new one is new.
    fn check_payment(&self, change: &Change) -> Result<Transaction, Trouble> {
        let Some(changed) = &change.payment else {
            return Ok(Transaction::Unknown);
        };
        let record = &changed.record;
        let stored = self.found.payments.get(record.id.as_str()).copied();
        match (stored, changed.replaces) {
            (Some((version, transaction)), Some(replaced))
                if version == replaced || planted::is(Bug::CheckBeforeLock) =>
            {
                Ok(transaction)
            }
            (None, None) => {
                let sub = record.sub_mch_id.as_ref().map(ToString::to_string);
                let order = (
                    record.out_trade_no.to_string(),
                    record.mch_id.to_string(),
                    sub.unwrap_or_default(),
                );
                match self.found.orders.contains(&order) {
                    true => Err(CommitError::Conflict.into()),
                    false => Ok(Transaction::Unknown),
                }
            }
            _ => Err(CommitError::Conflict.into()),
        }
    }

    fn write_payment(&mut self, changed: &'o Changed<Payment>, transaction: Transaction) {
        let payment = &changed.record;
        let Some(version) = changed.replaces else {
            self.rows.payments_new.push(payment);
            return;
        };
        self.rows.payments.push(Replaced { payment, version });
        if payment.transaction_id.is_some() && transaction == Transaction::Unknown {
            self.rows.transactions.push(payment);
        }
    }

    fn write_refund(&mut self, changed: &'o Changed<Refund>, line: &Line<'_>) {
        let refund = &changed.record;
        let headed = Headed {
            refund,
            head: line.hash,
            replaced: changed.replaces.unwrap_or(0),
        };
        let before = changed
            .replaces
            .and(self.found.refunds.get(refund.id.as_str()));
        let Some(before) = before else {
            match is_plain(refund) {
                true => self.rows.refunds_plain.push(headed),
                false => self.rows.refunds_new.push(headed),
            }
            self.tally.refund(refund, None);
            return;
        };
        let now = Indexed::of(refund);
        if now != before.indexed {
            self.rows.indexed.push(refund);
        }
        match now.ended_at == before.indexed.ended_at {
            true => self.rows.refunds.push(headed),
            false => self.rows.refunds_ending.push(headed),
        }
        let from = before.standing.status;
        if from != refund.status {
            let turned = (Outcome::Refund(from), Outcome::Refund(refund.status));
            let lines = self.found.turned.get(refund.id.as_str());
            for (batch, amount) in lines.into_iter().flatten() {
                self.tally.lines(batch, turned, (1, *amount));
            }
        }
        self.tally.refund(refund, Some(before.standing));
    }

    fn rest(&mut self, change: &'o Change) {
        let Some(subject) = change.subject() else {
            return;
        };
        let at = change.at.as_microsecond();
        match change.attempt {
            Some(AttemptMark::Begin { attempt }) => {
                let fence = change.guard.as_ref().map_or(0, |guard| guard.fence);
                let row = (subject, i64::from(attempt), fence, at);
                self.rows.begun.push(row);
            }
            Some(AttemptMark::End { attempt, end }) => {
                let row = (subject, i64::from(attempt), at, end.as_str());
                self.rows.ended.push(row);
            }
            None => {}
        }
        for delivery in &change.deliveries {
            self.rows.deliveries.push((delivery, change.at));
            self.job(Some(JobWrite::delivery(delivery, change.at)));
        }
        if let Some(exchange) = &change.exchange {
            self.rows.exchanges.push((subject, exchange));
        }
    }

    fn write_inbox(&mut self, place: usize, change: &'o Change) -> Inbox {
        let Some(entry) = &change.inbox else {
            return Inbox::Absent;
        };
        let caused = change.event.as_ref().map(|event: &Event| event.seq);
        self.rows.inbox.push((place, entry, caused));
        Inbox::Repeat
    }
}

fn has_subject(change: &Change) -> Result<(), Trouble> {
    let nothing = change.plan == Plan::Keep
        && change.attempt.is_none()
        && change.deliveries.is_empty()
        && change.exchange.is_none();
    (nothing || change.subject().is_some())
        .then_some(())
        .ok_or_else(|| broken("change_without_subject"))
}
