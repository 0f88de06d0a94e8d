//! Applying a [`Change`]. What can be lost to somebody else is looked at before the first write, so
//! that a loser nearly always leaves no trace and the others in its transaction need not be redone.

use jiff::Timestamp;
use rusqlite::params;
use tuikuan_domain::refund::{AttemptMark, Changed};
use tuikuan_domain::{Event, Payment, Plan, Refund, RefundId, Status};

use crate::chain::{BEGINNING, Link};
use crate::change::{Change, Committed, Exchange, Inbox, InboxEntry};
use crate::error::CommitError;
use crate::sqlite::sql;
use crate::sqlite::trouble::{Trouble, UNREADABLE};
use crate::sqlite::work::Work;

/// The stored refund, as far as a change of it needs to know.
struct Before {
    head: [u8; 32],
    status: Status,
    /// Values that stand in an index: rewritten only when one of them changes.
    indexed: Indexed,
}

#[derive(PartialEq, Eq)]
struct Indexed {
    payment_id: Option<String>,
    out_trade_no: Option<String>,
    refund_id: Option<String>,
    attention: Option<String>,
    ended_at: Option<i64>,
}

impl Indexed {
    fn of(refund: &Refund) -> Self {
        let order = &refund.content.order;
        Self {
            payment_id: refund.payment_id.as_ref().map(ToString::to_string),
            out_trade_no: order.out_trade_no.as_ref().map(ToString::to_string),
            refund_id: refund.refund_id.as_ref().map(ToString::to_string),
            attention: refund.attention.map(|a| a.reason.as_str().to_owned()),
            ended_at: refund.ended_at.map(Timestamp::as_microsecond),
        }
    }
}

fn broken(constraint: &'static str) -> Trouble {
    Trouble::Refused(CommitError::Overdrawn {
        constraint: constraint.to_owned(),
    })
}

impl Work<'_> {
    pub(super) fn commit(&mut self, change: &Change) -> Result<Committed, Trouble> {
        check_whole(change)?;
        if let Some(guard) = &change.guard {
            self.held(guard)?;
        }
        let before = match &change.refund {
            Some(changed) => self.before(changed)?,
            None => None,
        };
        if let Some(changed) = &change.payment {
            self.check_payment(changed)?;
        }
        if let Some(Changed {
            record,
            replaces: None,
        }) = &change.payment
        {
            self.insert_payment(record)?;
        }
        if let Some(changed) = &change.refund {
            self.write_refund(changed, change.event.as_ref(), before.as_ref())?;
        }
        if let Some(Changed {
            record,
            replaces: Some(version),
        }) = &change.payment
        {
            self.update_payment(record, *version)?;
        }
        let position = match &change.event {
            Some(event) => Some(self.insert_event(event, before.as_ref())?),
            None => None,
        };
        self.rest(change)?;
        let inbox = match &change.inbox {
            Some(entry) => self.insert_inbox(entry)?,
            None => Inbox::Absent,
        };
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
            };
            Ok((version, head, status, indexed))
        })?;
        match found {
            Some((stored, head, status, indexed)) if stored == version => {
                let status = Status::parse(&status).ok_or(Trouble::Refused(UNREADABLE))?;
                Ok(Some(Before {
                    head,
                    status,
                    indexed,
                }))
            }
            Some(_) | None => Err(CommitError::Conflict.into()),
        }
    }

    fn check_payment(&self, changed: &Changed<Payment>) -> Result<(), Trouble> {
        let id = changed.record.id.as_str();
        let stored: Option<i64> = self.read(sql::PAYMENT_VERSION, [id], |row| row.get(0))?;
        if stored == changed.replaces {
            return Ok(());
        }
        Err(CommitError::Conflict.into())
    }

    fn write_refund(
        &mut self,
        changed: &Changed<Refund>,
        event: Option<&Event>,
        before: Option<&Before>,
    ) -> Result<(), Trouble> {
        let refund = &changed.record;
        let event = event.ok_or_else(|| broken("change_without_event"))?;
        let head = link(event, before, &detail(event)?);
        match (changed.replaces, before) {
            (Some(version), Some(before)) => {
                self.update_refund(refund, version, &before.indexed, &head)?;
                self.count(&refund.merchant, Some(before.status), refund.status);
            }
            _ => {
                self.insert_refund(refund, &head)?;
                self.count(&refund.merchant, None, refund.status);
            }
        }
        Ok(())
    }

    fn insert_event(&mut self, event: &Event, before: Option<&Before>) -> Result<i64, Trouble> {
        let detail = detail(event)?;
        let hash = link(event, before, &detail);
        self.execute(
            sql::EVENT_INSERT,
            params![
                event.refund_id.as_str(),
                event.seq,
                event.kind.type_name(),
                event.status.map(Status::as_str),
                event.at.as_microsecond(),
                event.source.as_str(),
                detail,
                hash,
            ],
        )?;
        let position = self.connection.last_insert_rowid();
        self.effects.position = Some(position);
        Ok(position)
    }

    fn insert_refund(&mut self, refund: &Refund, head: &[u8; 32]) -> Result<(), Trouble> {
        let content = &refund.content;
        let error = refund.error.as_ref();
        self.execute(
            sql::REFUND_INSERT,
            params![
                refund.id.as_str(),
                refund.merchant.as_str(),
                refund.mch_id.as_str(),
                refund.sub_mch_id.as_ref().map_or("", |id| id.as_str()),
                refund.out_refund_no.as_str(),
                content.order.out_trade_no.as_ref().map(|no| no.as_str()),
                content.order.transaction_id.as_ref().map(|id| id.as_str()),
                content.amount.get(),
                content.reason.as_ref().map(|reason| reason.as_str()),
                content.funds_account.map(|account| account.as_str()),
                content.goods_detail,
                content.not_before.map(Timestamp::as_microsecond),
                content.expected_refundable.map(|fen| fen.get()),
                content.replaces.as_ref().map(|id| id.as_str()),
                content.metadata,
                refund.origin.as_str(),
                refund.payment_id.as_ref().map(|id| id.as_str()),
                refund.total.map(|fen| fen.get()),
                refund.status.as_str(),
                refund.pending_reason.map(|reason| reason.as_str()),
                refund.refund_id.as_ref().map(|id| id.as_str()),
                refund.user_received_account,
                refund.attention.map(|a| a.reason.as_str()),
                refund.attention.map(|a| a.since.as_microsecond()),
                error.map(|e| e.code.as_str()),
                error.map(|e| e.message.as_str()),
                error.map(|e| e.source.as_str()),
                error.map(|e| e.advice.as_str()),
                refund.refusal_unconfirmed,
                refund.contradictions,
                refund.attempts,
                refund.waits,
                refund.created_at.as_microsecond(),
                refund.submitted_at.map(Timestamp::as_microsecond),
                refund.last_attempt_at.map(Timestamp::as_microsecond),
                refund.succeeded_at.map(Timestamp::as_microsecond),
                refund.ended_at.map(Timestamp::as_microsecond),
                refund.version,
                head,
            ],
        )?;
        Ok(())
    }

    fn update_refund(
        &mut self,
        refund: &Refund,
        version: i64,
        indexed: &Indexed,
        head: &[u8; 32],
    ) -> Result<(), Trouble> {
        let error = refund.error.as_ref();
        let now = Indexed::of(refund);
        let sql = if now.ended_at == indexed.ended_at {
            sql::REFUND_UPDATE
        } else {
            sql::REFUND_UPDATE_END
        };
        let rows = self.execute(
            sql,
            params![
                refund.id.as_str(),
                version,
                refund.status.as_str(),
                refund.pending_reason.map(|reason| reason.as_str()),
                refund.user_received_account,
                error.map(|e| e.code.as_str()),
                error.map(|e| e.message.as_str()),
                error.map(|e| e.source.as_str()),
                error.map(|e| e.advice.as_str()),
                refund.refusal_unconfirmed,
                refund.contradictions,
                refund.attempts,
                refund.waits,
                refund.submitted_at.map(Timestamp::as_microsecond),
                refund.last_attempt_at.map(Timestamp::as_microsecond),
                refund.succeeded_at.map(Timestamp::as_microsecond),
                refund.ended_at.map(Timestamp::as_microsecond),
                refund.version,
                head,
            ],
        )?;
        if rows != 1 {
            return Err(CommitError::Conflict.into());
        }
        let order = &refund.content.order;
        if now != *indexed {
            self.execute(
                sql::REFUND_UPDATE_INDEXED,
                params![
                    refund.id.as_str(),
                    refund.payment_id.as_ref().map(|id| id.as_str()),
                    refund.total.map(|fen| fen.get()),
                    order.out_trade_no.as_ref().map(|no| no.as_str()),
                    order.transaction_id.as_ref().map(|id| id.as_str()),
                    refund.refund_id.as_ref().map(|id| id.as_str()),
                    refund.attention.map(|a| a.reason.as_str()),
                    refund.attention.map(|a| a.since.as_microsecond()),
                ],
            )?;
        }
        Ok(())
    }

    fn insert_payment(&mut self, payment: &Payment) -> Result<(), Trouble> {
        let last = payment.last_submit.as_ref();
        self.execute(
            sql::PAYMENT_INSERT,
            params![
                payment.id.as_str(),
                payment.merchant.as_str(),
                payment.mch_id.as_str(),
                payment.sub_mch_id.as_ref().map_or("", |id| id.as_str()),
                payment.out_trade_no.as_str(),
                payment.transaction_id.as_ref().map(|id| id.as_str()),
                payment.total.get(),
                payment.paid_at.map(Timestamp::as_microsecond),
                payment.reserved.get(),
                payment.spent.get(),
                payment.external.get(),
                payment.refunds,
                payment.in_flight.as_ref().map(|id| id.as_str()),
                last.map(|(id, _)| id.as_str()),
                last.map(|(_, at)| at.as_microsecond()),
                payment.created_at.as_microsecond(),
                payment.version,
            ],
        )?;
        Ok(())
    }

    fn update_payment(&mut self, payment: &Payment, version: i64) -> Result<(), Trouble> {
        let last = payment.last_submit.as_ref();
        let rows = self.execute(
            sql::PAYMENT_UPDATE,
            params![
                payment.id.as_str(),
                version,
                payment.total.get(),
                payment.paid_at.map(Timestamp::as_microsecond),
                payment.reserved.get(),
                payment.spent.get(),
                payment.external.get(),
                payment.refunds,
                payment.in_flight.as_ref().map(|id| id.as_str()),
                last.map(|(id, _)| id.as_str()),
                last.map(|(_, at)| at.as_microsecond()),
                payment.version,
            ],
        )?;
        if rows != 1 {
            return Err(CommitError::Conflict.into());
        }
        if let Some(id) = &payment.transaction_id {
            // Touches the index only when the number was not known before.
            self.execute(
                sql::PAYMENT_UPDATE_TRANSACTION,
                [payment.id.as_str(), id.as_str()],
            )?;
        }
        Ok(())
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

    fn insert_inbox(&mut self, entry: &InboxEntry) -> Result<Inbox, Trouble> {
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
            ],
        )?;
        if stored == 1 {
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

/// A record of a refund and its line of history come together or not at all (INV-29, INV-11).
fn check_whole(change: &Change) -> Result<(), Trouble> {
    match (&change.refund, &change.event) {
        (None, None) => Ok(()),
        (Some(changed), Some(event)) => {
            let version = changed.replaces.unwrap_or(0).checked_add(1);
            let fits = event.refund_id == changed.record.id
                && event.seq == changed.record.version
                && Some(changed.record.version) == version;
            fits.then_some(()).ok_or_else(|| broken("event_of_change"))
        }
        (Some(_), None) => Err(broken("change_without_event")),
        (None, Some(_)) => Err(broken("event_without_change")),
    }
}

fn detail(event: &Event) -> Result<String, Trouble> {
    serde_json::to_string(&event.detail).map_err(|_| broken("event_detail"))
}

fn link(event: &Event, before: Option<&Before>, detail: &str) -> [u8; 32] {
    Link::after(before.map_or(&BEGINNING, |before| &before.head))
        .text(event.refund_id.as_str())
        .number(event.seq)
        .text(event.kind.type_name())
        .text(event.status.map_or("", Status::as_str))
        .number(event.at.as_microsecond())
        .text(event.source.as_str())
        .text(detail)
        .close()
}
