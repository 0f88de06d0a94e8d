//! Refunds and payments into rows. Columns that stand in an index are rewritten only when one of
//! them changes: a status change then touches no index at all.

use jiff::Timestamp;
use rusqlite::params;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::{Payment, Refund};

use crate::error::CommitError;
use crate::indexed::{Indexed, Transaction};
use crate::sqlite::sql;
use crate::sqlite::work::Work;
use crate::trouble::Trouble;

impl Work<'_> {
    pub(super) fn insert_refund(
        &mut self,
        refund: &Refund,
        head: &[u8; 32],
    ) -> Result<(), Trouble> {
        let content = &refund.content;
        let error = refund.error.as_ref();
        let given = refund.approval.given();
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
                refund.requested_by.as_ref().map(|actor| actor.as_str()),
                refund.approval.name(),
                refund.approval.until().map(Timestamp::as_microsecond),
                given.map(|(by, _, _)| by.as_str()),
                given.map(|(_, at, _)| at.as_microsecond()),
                given.map(|(_, _, content)| content),
                refund.elsewhere_at.map(Timestamp::as_microsecond),
                refund.elsewhere_open,
            ],
        )?;
        Ok(())
    }

    pub(super) fn update_refund(
        &mut self,
        refund: &Refund,
        version: i64,
        indexed: &Indexed,
        head: &[u8; 32],
    ) -> Result<(), Trouble> {
        let error = refund.error.as_ref();
        let mut now = Indexed::of(refund);
        let sql = if now.ended_at == indexed.ended_at {
            sql::REFUND_UPDATE
        } else {
            sql::REFUND_UPDATE_END
        };
        // That one is written with the status.
        now.ended_at = indexed.ended_at;
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
                refund.elsewhere_at.map(Timestamp::as_microsecond),
                refund.elsewhere_open,
            ],
        )?;
        if rows != 1 {
            return Err(CommitError::Conflict.into());
        }
        if now != *indexed {
            self.update_indexed(refund)?;
        }
        Ok(())
    }

    fn update_indexed(&mut self, refund: &Refund) -> Result<(), Trouble> {
        let order = &refund.content.order;
        let given = refund.approval.given();
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
                refund.approval.name(),
                refund.approval.until().map(Timestamp::as_microsecond),
                given.map(|(by, _, _)| by.as_str()),
                given.map(|(_, at, _)| at.as_microsecond()),
                given.map(|(_, _, content)| content),
            ],
        )?;
        Ok(())
    }

    pub(super) fn insert_payment(&mut self, payment: &Payment) -> Result<(), Trouble> {
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

    pub(super) fn update_payment(
        &mut self,
        payment: &Payment,
        version: i64,
        transaction: Transaction,
    ) -> Result<(), Trouble> {
        let last = payment.last_submit.as_ref();
        let sql = match planted::is(Bug::CheckBeforeLock) {
            true => sql::PAYMENT_UPDATE_UNCHECKED,
            false => sql::PAYMENT_UPDATE,
        };
        let rows = self.execute(
            sql,
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
        if let (Some(id), Transaction::Unknown) = (&payment.transaction_id, transaction) {
            self.execute(
                sql::PAYMENT_UPDATE_TRANSACTION,
                [payment.id.as_str(), id.as_str()],
            )?;
        }
        Ok(())
    }
}
