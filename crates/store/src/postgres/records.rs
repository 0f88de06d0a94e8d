//! Refunds and payments into rows. Columns that stand in an index are rewritten only when one of
//! them changes: a status change then touches no index at all.

use jiff::Timestamp;
use tuikuan_domain::approval::ApprovalState;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::refund::Content;
use tuikuan_domain::{Payment, Refund};

use crate::postgres::burst::{Column, Statement, column, kept};
use crate::postgres::sql;

/// A refund and the hash of its last event.
pub(super) struct Headed<'o> {
    pub(super) refund: &'o Refund,
    pub(super) head: [u8; 32],
    /// The version that it replaces.
    pub(super) replaced: i64,
}

/// A payment, and the version that it replaces.
pub(super) struct Replaced<'o> {
    pub(super) payment: &'o Payment,
    pub(super) version: i64,
}

fn us(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_microsecond)
}

/// Whether everything but what [`insert_plain_refunds`] writes is empty, as it is of most new refunds.
pub(super) fn is_plain(refund: &Refund) -> bool {
    // All fields by name: a new one has to be thought of here.
    let Refund {
        content,
        id: _,
        merchant: _,
        mch_id: _,
        sub_mch_id: _,
        out_refund_no: _,
        origin: _,
        requested_by: _,
        approval,
        payment_id: _,
        total: _,
        status: _,
        pending_reason: _,
        refund_id,
        user_received_account,
        attention,
        error,
        refusal_unconfirmed,
        contradictions,
        attempts,
        waits,
        created_at: _,
        submitted_at,
        last_attempt_at,
        elsewhere_at,
        elsewhere_open,
        succeeded_at,
        ended_at,
        version: _,
    } = refund;
    let times = [
        submitted_at,
        last_attempt_at,
        elsewhere_at,
        succeeded_at,
        ended_at,
    ];
    asks_plainly(content)
        && *approval == ApprovalState::NotRequired
        && refund_id.is_none()
        && user_received_account.is_none()
        && attention.is_none()
        && error.is_none()
        && contradictions.is_none()
        && !refusal_unconfirmed
        && !elsewhere_open
        && (*attempts, *waits) == (0, 0)
        && times.iter().all(|time| time.is_none())
}

fn asks_plainly(content: &Content) -> bool {
    let Content {
        order: _,
        amount: _,
        reason: _,
        funds_account,
        goods_detail,
        not_before,
        expected_refundable,
        replaces,
        metadata: _,
    } = content;
    funds_account.is_none()
        && goods_detail.is_none()
        && not_before.is_none()
        && expected_refundable.is_none()
        && replaces.is_none()
}

/// A third of the columns: those of new refunds that say nothing unusual.
pub(super) fn insert_plain_refunds<'a>(rows: &'a [Headed<'a>]) -> Statement<'a> {
    let mut columns = identity(rows);
    columns.extend(asked(rows));
    columns.extend(vec![
        column(rows, |r| r.refund.content.metadata.as_deref().map(kept)),
        column(rows, |r| r.refund.origin.as_str()),
        column(rows, |r| r.refund.payment_id.as_ref().map(|id| id.as_str())),
        column(rows, |r| r.refund.total.map(|fen| fen.get())),
        column(rows, |r| r.refund.status.as_str()),
        column(rows, |r| {
            r.refund.pending_reason.map(|reason| reason.as_str())
        }),
        column(rows, |r| r.refund.created_at.as_microsecond()),
        column(rows, |r| r.refund.version),
        column(rows, |r| r.head.as_slice()),
        column(rows, |r| {
            r.refund.requested_by.as_ref().map(|actor| actor.as_str())
        }),
    ]);
    Statement::new(sql::REFUND_INSERT_PLAIN, columns).touching(rows.len())
}

pub(super) fn insert_refunds<'a>(rows: &'a [Headed<'a>]) -> Statement<'a> {
    let mut columns = identity(rows);
    columns.extend(asked(rows));
    columns.extend(wanted(rows));
    columns.extend(standing(rows));
    columns.extend(decided(rows));
    Statement::new(sql::REFUND_INSERT, columns).touching(rows.len())
}

fn identity<'a>(rows: &'a [Headed<'a>]) -> Vec<Column<'a>> {
    vec![
        column(rows, |r| r.refund.id.as_str()),
        column(rows, |r| r.refund.merchant.as_str()),
        column(rows, |r| r.refund.mch_id.as_str()),
        column(rows, |r| {
            r.refund.sub_mch_id.as_ref().map_or("", |id| id.as_str())
        }),
        column(rows, |r| r.refund.out_refund_no.as_str()),
    ]
}

fn asked<'a>(rows: &'a [Headed<'a>]) -> Vec<Column<'a>> {
    vec![
        column(rows, |r| {
            let order = &r.refund.content.order;
            order.out_trade_no.as_ref().map(|no| no.as_str())
        }),
        column(rows, |r| {
            let order = &r.refund.content.order;
            order.transaction_id.as_ref().map(|id| id.as_str())
        }),
        column(rows, |r| r.refund.content.amount.get()),
        column(rows, |r| {
            r.refund.content.reason.as_ref().map(|text| text.as_str())
        }),
    ]
}

fn wanted<'a>(rows: &'a [Headed<'a>]) -> Vec<Column<'a>> {
    vec![
        column(rows, |r| {
            let account = r.refund.content.funds_account;
            account.map(|account| account.as_str())
        }),
        column(rows, |r| r.refund.content.goods_detail.as_deref().map(kept)),
        column(rows, |r| us(r.refund.content.not_before)),
        column(rows, |r| {
            r.refund.content.expected_refundable.map(|fen| fen.get())
        }),
        column(rows, |r| {
            r.refund.content.replaces.as_ref().map(|id| id.as_str())
        }),
        column(rows, |r| r.refund.content.metadata.as_deref().map(kept)),
        column(rows, |r| r.refund.origin.as_str()),
    ]
}

fn standing<'a>(rows: &'a [Headed<'a>]) -> Vec<Column<'a>> {
    vec![
        column(rows, |r| r.refund.payment_id.as_ref().map(|id| id.as_str())),
        column(rows, |r| r.refund.total.map(|fen| fen.get())),
        column(rows, |r| r.refund.status.as_str()),
        column(rows, |r| {
            r.refund.pending_reason.map(|reason| reason.as_str())
        }),
        column(rows, |r| r.refund.refund_id.as_ref().map(|id| id.as_str())),
        column(rows, |r| {
            r.refund.user_received_account.as_deref().map(kept)
        }),
        column(rows, |r| r.refund.attention.map(|a| a.reason.as_str())),
        column(rows, |r| {
            r.refund.attention.map(|a| a.since.as_microsecond())
        }),
        column(rows, |r| r.refund.error.as_ref().map(|e| kept(&e.code))),
        column(rows, |r| r.refund.error.as_ref().map(|e| kept(&e.message))),
        column(rows, |r| r.refund.error.as_ref().map(|e| e.source.as_str())),
        column(rows, |r| r.refund.error.as_ref().map(|e| e.advice.as_str())),
        column(rows, |r| r.refund.refusal_unconfirmed),
        column(rows, |r| r.refund.contradictions.as_deref()),
        column(rows, |r| i64::from(r.refund.attempts)),
        column(rows, |r| i64::from(r.refund.waits)),
        column(rows, |r| r.refund.created_at.as_microsecond()),
        column(rows, |r| us(r.refund.submitted_at)),
        column(rows, |r| us(r.refund.last_attempt_at)),
        column(rows, |r| us(r.refund.succeeded_at)),
        column(rows, |r| us(r.refund.ended_at)),
        column(rows, |r| r.refund.version),
        column(rows, |r| r.head.as_slice()),
    ]
}

fn decided<'a>(rows: &'a [Headed<'a>]) -> Vec<Column<'a>> {
    vec![
        column(rows, |r| {
            r.refund.requested_by.as_ref().map(|actor| actor.as_str())
        }),
        column(rows, |r| r.refund.approval.name()),
        column(rows, |r| us(r.refund.approval.until())),
        column(rows, |r| {
            r.refund.approval.given().map(|(by, _, _)| by.as_str())
        }),
        column(rows, |r| {
            r.refund
                .approval
                .given()
                .map(|(_, at, _)| at.as_microsecond())
        }),
        column(rows, |r| {
            r.refund.approval.given().map(|(_, _, content)| content)
        }),
        column(rows, |r| us(r.refund.elsewhere_at)),
        column(rows, |r| r.refund.elsewhere_open),
    ]
}

/// Refunds that stay open, or stay ended.
pub(super) fn update_refunds<'a>(rows: &'a [Headed<'a>]) -> Statement<'a> {
    Statement::new(sql::REFUND_UPDATE, moved(rows)).touching(rows.len())
}

/// Refunds that end or open again.
pub(super) fn end_refunds<'a>(rows: &'a [Headed<'a>]) -> Statement<'a> {
    Statement::new(sql::REFUND_UPDATE_END, moved(rows)).touching(rows.len())
}

fn moved<'a>(rows: &'a [Headed<'a>]) -> Vec<Column<'a>> {
    vec![
        column(rows, |r| r.refund.id.as_str()),
        column(rows, |r| r.replaced),
        column(rows, |r| r.refund.status.as_str()),
        column(rows, |r| {
            r.refund.pending_reason.map(|reason| reason.as_str())
        }),
        column(rows, |r| {
            r.refund.user_received_account.as_deref().map(kept)
        }),
        column(rows, |r| r.refund.error.as_ref().map(|e| kept(&e.code))),
        column(rows, |r| r.refund.error.as_ref().map(|e| kept(&e.message))),
        column(rows, |r| r.refund.error.as_ref().map(|e| e.source.as_str())),
        column(rows, |r| r.refund.error.as_ref().map(|e| e.advice.as_str())),
        column(rows, |r| r.refund.refusal_unconfirmed),
        column(rows, |r| r.refund.contradictions.as_deref()),
        column(rows, |r| i64::from(r.refund.attempts)),
        column(rows, |r| i64::from(r.refund.waits)),
        column(rows, |r| us(r.refund.submitted_at)),
        column(rows, |r| us(r.refund.last_attempt_at)),
        column(rows, |r| us(r.refund.succeeded_at)),
        column(rows, |r| us(r.refund.ended_at)),
        column(rows, |r| r.refund.version),
        column(rows, |r| r.head.as_slice()),
        column(rows, |r| us(r.refund.elsewhere_at)),
        column(rows, |r| r.refund.elsewhere_open),
    ]
}

pub(super) fn update_indexed<'a>(rows: &'a [&'a Refund]) -> Statement<'a> {
    let columns = vec![
        column(rows, |r| r.id.as_str()),
        column(rows, |r| r.payment_id.as_ref().map(|id| id.as_str())),
        column(rows, |r| r.total.map(|fen| fen.get())),
        column(rows, |r| {
            r.content.order.out_trade_no.as_ref().map(|no| no.as_str())
        }),
        column(rows, |r| {
            let order = &r.content.order;
            order.transaction_id.as_ref().map(|id| id.as_str())
        }),
        column(rows, |r| r.refund_id.as_ref().map(|id| id.as_str())),
        column(rows, |r| r.attention.map(|a| a.reason.as_str())),
        column(rows, |r| r.attention.map(|a| a.since.as_microsecond())),
        column(rows, |r| r.approval.name()),
        column(rows, |r| us(r.approval.until())),
        column(rows, |r| r.approval.given().map(|(by, _, _)| by.as_str())),
        column(rows, |r| {
            r.approval.given().map(|(_, at, _)| at.as_microsecond())
        }),
        column(rows, |r| r.approval.given().map(|(_, _, content)| content)),
    ];
    Statement::new(sql::REFUND_UPDATE_INDEXED, columns).touching(rows.len())
}

pub(super) fn insert_payments<'a>(rows: &'a [&'a Payment]) -> Statement<'a> {
    let columns = vec![
        column(rows, |p| p.id.as_str()),
        column(rows, |p| p.merchant.as_str()),
        column(rows, |p| p.mch_id.as_str()),
        column(rows, |p| p.sub_mch_id.as_ref().map_or("", |id| id.as_str())),
        column(rows, |p| p.out_trade_no.as_str()),
        column(rows, |p| p.transaction_id.as_ref().map(|id| id.as_str())),
        column(rows, |p| p.total.get()),
        column(rows, |p| us(p.paid_at)),
        column(rows, |p| p.reserved.get()),
        column(rows, |p| p.spent.get()),
        column(rows, |p| p.external.get()),
        column(rows, |p| i64::from(p.refunds)),
        column(rows, |p| p.in_flight.as_ref().map(|id| id.as_str())),
        column(rows, |p| p.last_submit.as_ref().map(|(id, _)| id.as_str())),
        column(rows, |p| {
            p.last_submit.as_ref().map(|(_, at)| at.as_microsecond())
        }),
        column(rows, |p| p.created_at.as_microsecond()),
        column(rows, |p| p.version),
    ];
    Statement::new(sql::PAYMENT_INSERT, columns).touching(rows.len())
}

pub(super) fn update_payments<'a>(rows: &'a [Replaced<'a>]) -> Statement<'a> {
    let sql = match planted::is(Bug::CheckBeforeLock) {
        true => sql::PAYMENT_UPDATE_UNCHECKED,
        false => sql::PAYMENT_UPDATE,
    };
    Statement::new(sql, changed(rows)).touching(rows.len())
}

/// Payments that nobody has looked at in this transaction: WeChat's number has to be the stored one, too.
pub(super) fn update_payments_as_read<'a>(rows: &'a [Replaced<'a>]) -> Statement<'a> {
    let mut columns = changed(rows);
    columns.push(column(rows, |r| {
        r.payment.transaction_id.as_ref().map(|id| id.as_str())
    }));
    Statement::new(sql::PAYMENT_UPDATE_AS_READ, columns).touching(rows.len())
}

fn changed<'a>(rows: &'a [Replaced<'a>]) -> Vec<Column<'a>> {
    vec![
        column(rows, |r| r.payment.id.as_str()),
        column(rows, |r| r.version),
        column(rows, |r| r.payment.total.get()),
        column(rows, |r| us(r.payment.paid_at)),
        column(rows, |r| r.payment.reserved.get()),
        column(rows, |r| r.payment.spent.get()),
        column(rows, |r| r.payment.external.get()),
        column(rows, |r| i64::from(r.payment.refunds)),
        column(rows, |r| r.payment.in_flight.as_ref().map(|id| id.as_str())),
        column(rows, |r| {
            r.payment.last_submit.as_ref().map(|(id, _)| id.as_str())
        }),
        column(rows, |r| {
            let last = r.payment.last_submit.as_ref();
            last.map(|(_, at)| at.as_microsecond())
        }),
        column(rows, |r| r.payment.version),
    ]
}

pub(super) fn update_transactions<'a>(rows: &'a [&'a Payment]) -> Statement<'a> {
    let columns = vec![
        column(rows, |p| p.id.as_str()),
        column(rows, |p| p.transaction_id.as_ref().map(|id| id.as_str())),
    ];
    Statement::new(sql::PAYMENT_UPDATE_TRANSACTION, columns)
}
