//! Reads about batches.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use tuikuan_domain::batch::{
    Batch, BatchState, Facts, Fault, Line, Mark, Numbering, Outcome, Summary, Warning,
};
use tuikuan_domain::{BatchId, MerchantName, OrderRef, RefundId, Status};
use tuikuan_terms::Fen;

use super::{Sqlite, facts};
use crate::batch::{
    BatchCount, BatchCursor, BatchFilter, BatchLine, BatchPage, FactsWanted, LineError, LineFilter,
    LinesOf,
};
use crate::error::ReadError;
use crate::ids::KeyId;
use crate::job::Lane;
use crate::rows::Row;
use crate::select::{LIST_MAX, Merchants};
use crate::sqlite::read::{many, one};

type Read<T> = Result<T, ReadError>;

/// Lines that one read of them gives.
const LINES_READ_MAX: u32 = 2000;

impl Sqlite {
    pub(crate) async fn batch(&self, id: &BatchId) -> Read<Option<Batch>> {
        self.read(|c| by_id(c, id))
    }

    pub(crate) async fn batch_counts(&self, id: &BatchId) -> Read<Vec<BatchCount>> {
        self.read(|c| counts(c, id))
    }

    pub(crate) async fn batches(&self, filter: BatchFilter) -> Read<BatchPage> {
        self.read_aside(move |c| list(c, &filter)).await
    }

    pub(crate) async fn batch_lines(&self, wanted: LinesOf) -> Read<Vec<BatchLine>> {
        self.read_aside(move |c| lines(c, &wanted)).await
    }

    pub(crate) async fn batch_pending(&self, id: &BatchId, limit: u32) -> Read<Vec<Line>> {
        self.read(|c| pending(c, id, limit))
    }

    pub(crate) async fn batch_queued(&self, id: &BatchId, limit: u32) -> Read<Vec<RefundId>> {
        self.read(|c| queued(c, id, limit))
    }

    pub(crate) async fn batches_of(&self, refund: &RefundId) -> Read<Vec<BatchId>> {
        self.read(|c| of_refund(c, refund))
    }

    pub(crate) async fn lane_backlog(&self, lane: &Lane, due: Timestamp, limit: u32) -> Read<u32> {
        self.read(|c| backlog(c, lane, due, limit))
    }

    pub(crate) async fn batch_facts(&self, wanted: FactsWanted) -> Read<Vec<(Line, Facts)>> {
        self.read_aside(move |c| facts::facts(c, wanted)).await
    }
}

const COLUMNS: &str = "SELECT id, merchant, mch_id, name, content, state, lines, new_lines,
    new_amount, existing_lines, faulty_lines, faulty_amount, warned_lines, unknown_payments,
    of_one_order, created_by, created_at, checked_at, requested_by, requested_at, approved_by,
    approved_at, ended_at, version, requested_key,
    approval_until FROM batches";

pub(super) fn corrupt() -> ReadError {
    ReadError::Corrupt { what: "batch" }
}

pub(super) fn parsed<T: FromStr>(text: &str) -> Read<T> {
    text.parse().map_err(|_foreign| corrupt())
}

pub(super) fn parsed_maybe<T: FromStr>(row: Row<'_>, column: usize) -> Read<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.as_deref().map(parsed).transpose()
}

pub(super) fn time(at: i64) -> Read<Timestamp> {
    Timestamp::from_microsecond(at).map_err(|_foreign| corrupt())
}

pub(super) fn time_maybe(at: Option<i64>) -> Read<Option<Timestamp>> {
    at.map(time).transpose()
}

pub(super) fn fen(amount: i64) -> Read<Fen> {
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

fn batch(row: Row<'_>) -> Read<Batch> {
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

fn by_id(c: &Connection, id: &BatchId) -> Read<Option<Batch>> {
    let sql = format!("{COLUMNS} WHERE id = ?1");
    one(c, &sql, [id.as_str()], batch)
}

pub(super) fn by_content(c: &Connection, content: &[u8; 32]) -> Read<Option<Batch>> {
    let sql = format!("{COLUMNS} WHERE content = ?1 AND state NOT IN ('cancelled', 'rejected')");
    one(c, &sql, [content], batch)
}

fn counts(c: &Connection, id: &BatchId) -> Read<Vec<BatchCount>> {
    let sql = "SELECT outcome, lines, amount FROM batch_counts
               WHERE batch_id = ?1 AND lines > 0 ORDER BY outcome";
    many(c, sql, [id.as_str()], |row| {
        let outcome: String = row.get(0)?;
        Ok(BatchCount {
            outcome: Outcome::parse(&outcome).ok_or_else(corrupt)?,
            lines: row.get(1)?,
            amount: row.get(2)?,
        })
    })
}

fn list(c: &Connection, filter: &BatchFilter) -> Read<BatchPage> {
    let limit = filter.limit.clamp(1, LIST_MAX);
    let mut found = Vec::new();
    for merchant in merchants(c, filter)? {
        found.extend(of_merchant(c, filter, &merchant, limit.saturating_add(1))?);
    }
    found.sort_by(|a: &Batch, b: &Batch| (b.created.at, &b.id).cmp(&(a.created.at, &a.id)));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| BatchCursor {
        created_at: last.created.at,
        id: last.id.clone(),
    });
    Ok(BatchPage { items: found, next })
}

fn merchants(c: &Connection, filter: &BatchFilter) -> Read<Vec<MerchantName>> {
    match (&filter.merchant, &filter.allowed) {
        (Some(one), allowed) if allowed.allows(one) => Ok(vec![one.clone()]),
        (Some(_), _) => Ok(Vec::new()),
        (None, Merchants::Only(names)) => Ok(names.clone()),
        (None, Merchants::All) => {
            let sql = "SELECT DISTINCT merchant FROM batches";
            many(c, sql, [], |row| parsed(&row.get::<String>(0)?))
        }
    }
}

fn of_merchant(
    c: &Connection,
    filter: &BatchFilter,
    merchant: &MerchantName,
    limit: u32,
) -> Read<Vec<Batch>> {
    let sql = format!(
        "{COLUMNS} WHERE merchant = ?1 AND (created_at, id) < (?2, ?3)
             AND (?4 IS NULL OR state = ?4)
         ORDER BY created_at DESC, id DESC LIMIT ?5"
    );
    let (before, id) = match &filter.after {
        Some(cursor) => (cursor.created_at.as_microsecond(), cursor.id.as_str()),
        None => (i64::MAX, ""),
    };
    let state = filter.state.map(BatchState::as_str);
    let values = params![merchant.as_str(), before, id, state, limit];
    many(c, &sql, values, batch)
}

const LINES: &str = "
    SELECT l.line, l.out_trade_no, l.transaction_id, l.amount, l.out_refund_no, l.number_given,
        l.reason, l.fault, l.warnings, l.detail, l.state, l.refund_id, l.error_code,
        l.error_message, r.status, r.refund_id, r.error_code, r.error_message, r.error_advice,
        b.state
    FROM batch_lines l
    JOIN batches b ON b.id = l.batch_id
    LEFT JOIN refunds r ON r.id = l.refund_id
    WHERE l.batch_id = ?1 AND l.line > ?2";

fn lines(c: &Connection, wanted: &LinesOf) -> Read<Vec<BatchLine>> {
    let only = match wanted.filter {
        LineFilter::All => "",
        LineFilter::Faults => " AND (l.fault IS NOT NULL OR l.error_code IS NOT NULL)",
        LineFilter::Warnings => " AND l.warnings IS NOT NULL",
    };
    let sql = format!("{LINES}{only} ORDER BY l.line LIMIT ?3");
    let limit = wanted.limit.clamp(1, LINES_READ_MAX);
    let values = params![wanted.batch.as_str(), wanted.after, limit];
    many(c, &sql, values, stored_line)
}

fn stored_line(row: Row<'_>) -> Read<BatchLine> {
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

/// The first seven columns of [`LINES`].
fn line(row: Row<'_>) -> Read<Line> {
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

fn pending(c: &Connection, id: &BatchId, limit: u32) -> Read<Vec<Line>> {
    let sql = "SELECT l.line, l.out_trade_no, l.transaction_id, l.amount, l.out_refund_no,
                   l.number_given, l.reason
               FROM batches b JOIN batch_lines l ON l.batch_id = b.id AND l.line >= b.next_line
               WHERE b.id = ?1 AND l.state = 'pending' ORDER BY l.line LIMIT ?2";
    let limit = limit.min(LINES_READ_MAX);
    many(c, sql, params![id.as_str(), limit], line)
}

fn queued(c: &Connection, id: &BatchId, limit: u32) -> Read<Vec<RefundId>> {
    let sql = "SELECT r.id FROM batch_lines l JOIN refunds r ON r.id = l.refund_id
               WHERE l.batch_id = ?1 AND l.made = 1
                   AND r.status IN ('queued', 'awaiting_approval') AND r.submitted_at IS NULL
               LIMIT ?2";
    let limit = limit.min(LINES_READ_MAX);
    many(c, sql, params![id.as_str(), limit], |row| {
        parsed(&row.get::<String>(0)?)
    })
}

fn of_refund(c: &Connection, refund: &RefundId) -> Read<Vec<BatchId>> {
    let sql = "SELECT DISTINCT batch_id FROM batch_lines WHERE refund_id = ?1 LIMIT ?2";
    many(c, sql, params![refund.as_str(), LIST_MAX], |row| {
        parsed(&row.get::<String>(0)?)
    })
}

fn backlog(c: &Connection, lane: &Lane, due: Timestamp, limit: u32) -> Read<u32> {
    let sql = "SELECT count(*) FROM (
                   SELECT 1 FROM jobs WHERE lane = ?1 AND due_at <= ?2 LIMIT ?3)";
    let values = params![lane.to_string(), due.as_microsecond(), limit];
    let found = one(c, sql, values, |row| Ok(row.get(0)?))?;
    Ok(found.unwrap_or(0))
}
