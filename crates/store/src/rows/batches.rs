//! Batches and their lines, and what is known about a line before it is asked for.

use std::str::FromStr;

use jiff::Timestamp;
use tuikuan_domain::batch::{
    Batch, BatchState, Fault, KnownPayment, KnownRefund, Line, Mark, Numbering, Outcome, Summary,
    Warning,
};
use tuikuan_domain::{OrderRef, RefundId, Status};
use tuikuan_terms::Fen;

use super::Row;
use crate::batch::{BatchCount, BatchLine, LineError, PastRefund};
use crate::error::ReadError;
use crate::ids::KeyId;

type Read<T> = Result<T, ReadError>;

/// The columns of a batch, in the order of [`batch`].
macro_rules! batch_columns {
    () => {
        "id, merchant, mch_id, name, content, state, lines, new_lines, new_amount, \
         existing_lines, faulty_lines, faulty_amount, warned_lines, unknown_payments, \
         of_one_order, created_by, created_at, checked_at, requested_by, requested_at, \
         approved_by, approved_at, ended_at, version, requested_key, approval_until"
    };
}

/// The columns of what a file says of a line, in the order of [`line`].
macro_rules! line_columns {
    () => {
        "l.line, l.out_trade_no, l.transaction_id, l.amount, l.out_refund_no, l.number_given, \
         l.reason"
    };
}

/// The columns of a line with its refund and its batch, in the order of [`stored_line`].
macro_rules! stored_line_columns {
    () => {
        "l.line, l.out_trade_no, l.transaction_id, l.amount, l.out_refund_no, l.number_given, \
         l.reason, l.fault, l.warnings, l.detail, l.state, l.refund_id, l.error_code, \
         l.error_message, r.status, r.refund_id, r.error_code, r.error_message, r.error_advice, \
         b.state"
    };
}

/// The columns of a refund that a line may repeat, in the order of [`known_refund`].
macro_rules! known_refund_columns {
    () => {
        "id, status, amount, out_trade_no, transaction_id, reason"
    };
}

/// The columns of a line's payment, in the order of [`known_payment`].
macro_rules! known_payment_columns {
    () => {
        "id, out_trade_no, transaction_id, total - reserved - spent - external, refunds, paid_at"
    };
}
pub(crate) use {
    batch_columns, known_payment_columns, known_refund_columns, line_columns, stored_line_columns,
};

fn corrupt() -> ReadError {
    ReadError::Corrupt { what: "batch" }
}

fn parsed<T: FromStr>(text: &str) -> Read<T> {
    text.parse().map_err(|_foreign| corrupt())
}

fn parsed_maybe<T: FromStr>(row: Row<'_>, column: usize) -> Read<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.as_deref().map(parsed).transpose()
}

fn time(at: i64) -> Read<Timestamp> {
    Timestamp::from_microsecond(at).map_err(|_foreign| corrupt())
}

fn time_maybe(at: Option<i64>) -> Read<Option<Timestamp>> {
    at.map(time).transpose()
}

fn fen(amount: i64) -> Read<Fen> {
    Fen::new(amount).map_err(|_foreign| corrupt())
}

fn mark(by: Option<String>, at: Option<i64>) -> Read<Option<Mark>> {
    match (by, at) {
        (Some(by), Some(at)) => Ok(Some(Mark {
            by: parsed(&by)?,
            at: time(at)?,
        })),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(corrupt()),
    }
}

/// A row of [`batch_columns`].
pub(crate) fn batch(row: Row<'_>) -> Read<Batch> {
    let state: String = row.get(5)?;
    let created = mark(Some(row.get(15)?), Some(row.get(16)?))?;
    Ok(Batch {
        id: parsed(&row.get::<String>(0)?)?,
        merchant: parsed(&row.get::<String>(1)?)?,
        mch_id: parsed(&row.get::<String>(2)?)?,
        name: row.get(3)?,
        content: row.get(4)?,
        state: BatchState::parse(&state).ok_or_else(corrupt)?,
        summary: Summary {
            lines: row.get(6)?,
            new_lines: row.get(7)?,
            new_amount: row.get(8)?,
            existing_lines: row.get(9)?,
            faulty_lines: row.get(10)?,
            faulty_amount: row.get(11)?,
            warned_lines: row.get(12)?,
            unknown_payments: row.get(13)?,
            of_one_order: row.get(14)?,
        },
        created: created.ok_or_else(corrupt)?,
        checked_at: time_maybe(row.get(17)?)?,
        requested: mark(row.get(18)?, row.get(19)?)?,
        requested_key: parsed_maybe::<KeyId>(row, 24)?.map(|key| key.as_str().into()),
        approval_until: time_maybe(row.get(25)?)?,
        approved: mark(row.get(20)?, row.get(21)?)?,
        ended_at: time_maybe(row.get(22)?)?,
        version: row.get(23)?,
    })
}

/// An outcome, how many lines stand there, and their amount.
pub(crate) fn batch_count(row: Row<'_>) -> Read<BatchCount> {
    let outcome: String = row.get(0)?;
    Ok(BatchCount {
        outcome: Outcome::parse(&outcome).ok_or_else(corrupt)?,
        lines: row.get(1)?,
        amount: row.get(2)?,
    })
}

/// The only column is an id, or a name.
pub(crate) fn only<T: FromStr>(row: Row<'_>) -> Read<T> {
    parsed(&row.get::<String>(0)?)
}

/// A row of [`stored_line_columns`].
pub(crate) fn stored_line(row: Row<'_>) -> Read<BatchLine> {
    let state: String = row.get(10)?;
    let status: Option<String> = row.get(14)?;
    let batch_state: String = row.get(19)?;
    let outcome = match (state.as_str(), status) {
        ("requested", Some(status)) => Status::parse(&status).map(Outcome::Refund),
        ("refused", _) => Some(Outcome::Refused),
        ("pending", _) if batch_state == "cancelled" => Some(Outcome::Withdrawn),
        ("pending", _) => Some(Outcome::Pending),
        _ => None,
    };
    let fault: Option<String> = row.get(7)?;
    let warnings: Option<String> = row.get(8)?;
    let own = error(row.get(12)?, row.get(13)?, None);
    let of_refund = error(row.get(16)?, row.get(17)?, row.get(18)?);
    Ok(BatchLine {
        line: line(row)?,
        fault: fault
            .map(|text| Fault::parse(&text).ok_or_else(corrupt))
            .transpose()?,
        warnings: warnings
            .iter()
            .flat_map(|text| text.split(','))
            .map(|text| Warning::parse(text).ok_or_else(corrupt))
            .collect::<Read<_>>()?,
        detail: row.get(9)?,
        outcome: outcome.ok_or_else(corrupt)?,
        refund: parsed_maybe(row, 11)?,
        wechat_id: row.get(15)?,
        error: own.or(of_refund),
    })
}

fn error(
    code: Option<String>,
    message: Option<String>,
    advice: Option<String>,
) -> Option<LineError> {
    code.map(|code| LineError {
        code,
        message: message.unwrap_or_default(),
        advice: advice.unwrap_or_default(),
    })
}

/// A row of [`line_columns`], or of more that begins with them.
pub(crate) fn line(row: Row<'_>) -> Read<Line> {
    Ok(Line {
        number: row.get(0)?,
        order: OrderRef {
            out_trade_no: parsed_maybe(row, 1)?,
            transaction_id: parsed_maybe(row, 2)?,
        },
        amount: fen(row.get(3)?)?,
        out_refund_no: parsed(&row.get::<String>(4)?)?,
        numbering: match row.get(5)? {
            true => Numbering::Given,
            false => Numbering::Computed,
        },
        reason: parsed_maybe(row, 6)?,
    })
}

/// A row of [`known_refund_columns`].
pub(crate) fn known_refund(row: Row<'_>) -> Read<KnownRefund> {
    let status: String = row.get(1)?;
    Ok(KnownRefund {
        id: parsed(&row.get::<String>(0)?)?,
        status: Status::parse(&status).ok_or_else(corrupt)?,
        amount: fen(row.get(2)?)?,
        order: OrderRef {
            out_trade_no: parsed_maybe(row, 3)?,
            transaction_id: parsed_maybe(row, 4)?,
        },
        reason: row.get(5)?,
    })
}

/// A row of [`known_payment_columns`]: the payment's id beside it.
pub(crate) fn known_payment(row: Row<'_>) -> Read<(String, KnownPayment)> {
    let known = KnownPayment {
        out_trade_no: parsed(&row.get::<String>(1)?)?,
        transaction_id: parsed_maybe(row, 2)?,
        refundable: fen(row.get(3)?)?,
        refunds: row.get(4)?,
        paid_at: time_maybe(row.get(5)?)?,
    };
    Ok((row.get(0)?, known))
}

/// Id, number, amount, and when it was made.
pub(crate) fn past_refund(row: Row<'_>) -> Read<PastRefund> {
    Ok(PastRefund {
        id: parsed::<RefundId>(&row.get::<String>(0)?)?,
        number: row.get(1)?,
        amount: row.get(2)?,
        at: time(row.get(3)?)?,
    })
}
