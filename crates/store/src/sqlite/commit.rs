//! Applying a [`Change`]. What can be lost to somebody else is looked at, or written, first, so that a
//! loser nearly always leaves no trace and the others in its transaction need not be redone.

use jiff::Timestamp;
use rusqlite::params;
use tuikuan_domain::refund::{AttemptMark, Changed};
use tuikuan_domain::{Event, Payment, Plan, Refund, RefundId, Status};

use crate::change::{Change, Committed, Exchange, Inbox, InboxEntry};
use crate::error::CommitError;
use crate::figures::cell::Standing;
use crate::indexed::{Indexed, Transaction};
use crate::line::{Line, check_whole};
use crate::sqlite::sql;
use crate::sqlite::work::Work;
use crate::tally::standing;
use crate::trouble::{Trouble, UNREADABLE, broken};

/// The stored refund, as far as a change of it needs to know.
struct Before {
    head: [u8; 32],
    /// What the figures of the overview hold of it.
    standing: Standing,
    /// Values that stand in an index: rewritten only when one of them changes.
    indexed: Indexed,
}

impl Work<'_> {
    pub(super) fn commit(&mut self, change: &Change) -> Result<Committed, Trouble> {
        check_whole(change)?;
        self.at = change.at;
        if let Some(guard) = &change.guard {
            self.held(guard)?;
        }
        if let Some(mark) = &change.line {
            self.line_pending(mark)?;
        }
        self.check_settings(change.settings)?;
        self.check_usage(&change.usage)?;
        let before = match &change.refund {
            Some(changed) => self.before(changed)?,
            None => None,
        };
        // Before the refund: who lost the payment to somebody else has then written nothing.
        if let Some(changed) = &change.payment {
            self.write_payment(changed)?;
        }
        let line = match &change.event {
            Some(event) => Some(Line::of(event, before.as_ref().map(|before| &before.head))?),
            None => None,
        };
        if let (Some(changed), Some(line)) = (&change.refund, &line) {
            self.write_refund(changed, line, before.as_ref())?;
        }
        let position = match &line {
            Some(line) => Some(self.insert_event(line)?),
            None => None,
        };
        self.add_usage(&change.usage)?;
        self.rest(change)?;
        if let Some(mark) = &change.line {
            self.mark_line(mark)?;
        }
        let inbox = match &change.inbox {
            Some(entry) => self.insert_inbox(entry, change.event.as_ref())?,
            None => Inbox::Absent,
        };
        if let Some(entry) = &change.audit {
            self.append_audit(entry)?;
        }
        Ok(Committed { position, inbox })
    }

    fn rest(&mut self, change: &Change) -> Result<(), Trouble> {
        let Some(subject) = change.subject() else {
            let nothing = change.plan == Plan::Keep
                && change.attempt.is_none()
                && change.deliveries.is_empty()
                && change.exchange.is_none();
            return nothing
                .then_some(())
                .ok_or_else(|| broken("change_without_subject"));
        };
        if let Some(mark) = change.attempt {
            let fence = change.guard.as_ref().map_or(0, |guard| guard.fence);
            self.mark_attempt(subject, mark, fence, change.at)?;
        }
        self.plan(change, subject)?;
        for delivery in &change.deliveries {
            self.insert_delivery(delivery, change.at)?;
        }
        if let Some(exchange) = &change.exchange {
            self.insert_exchange(subject, exchange)?;
        }
        Ok(())
    }

    /// The refund as it stands, if it is still the version that is replaced.
    fn before(&self, changed: &Changed<Refund>) -> Result<Option<Before>, Trouble> {
        let Some(version) = changed.replaces else {
            return Ok(None);
        };
        let found = self.read(sql::REFUND_BEFORE, [changed.record.id.as_str()], |row| {
            let version: i64 = row.get(0)?;
            let head: [u8; 32] = row.get(1)?;
            let status: String = row.get(2)?;
            let indexed = Indexed {
                payment_id: row.get(3)?,
                out_trade_no: row.get(4)?,
                refund_id: row.get(5)?,
                attention: row.get(6)?,
                ended_at: row.get(7)?,
                total: row.get(8)?,
                transaction_id: row.get(9)?,
                attention_since: row.get(10)?,
                approval: row.get(11)?,
                approval_until: row.get(12)?,
            };
            let rest: (Option<String>, Option<i64>) = (row.get(13)?, row.get(14)?);
            Ok((version, head, status, indexed, rest))
        })?;
        match found {
            Some((stored, head, status, indexed, rest)) if stored == version => {
                let status = Status::parse(&status).ok_or(Trouble::Refused(UNREADABLE))?;
                let attention = indexed.attention.as_deref();
                let standing = standing((status, attention), rest)?;
                Ok(Some(Before {
                    head,
                    standing,
                    indexed,
                }))
            }
            Some(_) | None => Err(CommitError::Conflict.into()),
        }
    }

    /// Inserts the payment, or replaces the version that it was made from.
    fn write_payment(&mut self, changed: &Changed<Payment>) -> Result<(), Trouble> {
        let record = &changed.record;
        let Some(version) = changed.replaces else {
            return self.insert_payment(record);
        };
        let transaction = match &record.transaction_id {
            Some(_) => self.transaction(record)?,
            None => Transaction::Stored,
        };
        self.update_payment(record, version, transaction)
    }

    /// Whether WeChat's number of the order is in the row.
    fn transaction(&self, payment: &Payment) -> Result<Transaction, Trouble> {
        let stored = self.read(sql::PAYMENT_TRANSACTION, [payment.id.as_str()], |row| {
            row.get::<_, bool>(0)
        })?;
        match stored {
            Some(true) => Ok(Transaction::Stored),
            Some(false) => Ok(Transaction::Unknown),
            None => Err(CommitError::Conflict.into()),
        }
    }

    fn write_refund(
        &mut self,
        changed: &Changed<Refund>,
        line: &Line<'_>,
        before: Option<&Before>,
    ) -> Result<(), Trouble> {
        let refund = &changed.record;
        match (changed.replaces, before) {
            (Some(version), Some(before)) => {
                self.update_refund(refund, version, &before.indexed, &line.hash)?;
                self.count_lines(refund, before.standing.status)?;
                self.tally.refund(refund, Some(before.standing));
            }
            _ => {
                self.insert_refund(refund, &line.hash)?;
                self.tally.refund(refund, None);
            }
        }
        Ok(())
    }

    fn insert_event(&mut self, line: &Line<'_>) -> Result<i64, Trouble> {
        let event = line.event;
        self.execute(
            sql::EVENT_INSERT,
            params![
                event.refund_id.as_str(),
                event.seq,
                event.kind.type_name(),
                event.status.map(Status::as_str),
                event.at.as_microsecond(),
                event.source.as_str(),
                line.detail,
                line.hash,
            ],
        )?;
        let position = self.connection.last_insert_rowid();
        self.tally.effects.position = Some(position);
        Ok(position)
    }

    fn mark_attempt(
        &mut self,
        refund: &RefundId,
        mark: AttemptMark,
        fence: i64,
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let at = at.as_microsecond();
        match mark {
            AttemptMark::Begin { attempt } => {
                let row = params![refund.as_str(), attempt, fence, at];
                self.execute(sql::ATTEMPT_INSERT, row)?;
            }
            AttemptMark::End { attempt, end } => {
                let row = params![refund.as_str(), attempt, at, end.as_str()];
                if self.execute(sql::ATTEMPT_END, row)? != 1 {
                    return Err(broken("attempt_without_begin"));
                }
            }
        }
        Ok(())
    }

    fn insert_inbox(
        &mut self,
        entry: &InboxEntry,
        caused: Option<&Event>,
    ) -> Result<Inbox, Trouble> {
        let stored = self.execute(
            sql::INBOX_INSERT,
            params![
                entry.dedupe,
                entry.merchant.as_str(),
                entry.generation,
                entry.headers,
                entry.body,
                entry.refund_id.as_ref().map(|id| id.as_str()),
                entry.received_at.as_microsecond(),
                entry.outcome,
                entry.told_at.map(Timestamp::as_microsecond),
                caused.map(|event| event.seq),
            ],
        )?;
        if stored == 1 {
            self.tally.notification(entry);
            return Ok(Inbox::Stored);
        }
        self.execute(sql::INBOX_REPEAT, [entry.dedupe])?;
        Ok(Inbox::Repeat)
    }

    fn insert_exchange(&mut self, refund: &RefundId, exchange: &Exchange) -> Result<(), Trouble> {
        self.execute(
            sql::EXCHANGE_INSERT,
            params![
                refund.as_str(),
                exchange.kind,
                exchange.attempt,
                exchange.at.as_microsecond(),
                exchange.elapsed_ms,
                exchange.request,
                exchange.reply,
                exchange.status,
            ],
        )?;
        Ok(())
    }
}
