//! Reads about batches.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use tuikuan_domain::batch::{Batch, BatchState, Facts, Line};
use tuikuan_domain::{BatchId, MerchantName, RefundId};

use super::{Sqlite, facts};
use crate::batch::{
    BatchCount, BatchFilter, BatchLine, BatchPage, FactsWanted, LINES_READ_MAX, LinesOf,
};
use crate::error::ReadError;
use crate::job::Lane;
use crate::rows::batches as rows;
use crate::rows::batches::{batch_columns, line_columns, stored_line_columns};
use crate::select::LIST_MAX;
use crate::sqlite::read::{many, one};

type Read<T> = Result<T, ReadError>;

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

fn by_id(c: &Connection, id: &BatchId) -> Read<Option<Batch>> {
    const SQL: &str = concat!("SELECT ", batch_columns!(), " FROM batches WHERE id = ?1");
    one(c, SQL, [id.as_str()], rows::batch)
}

pub(super) fn by_content(c: &Connection, content: &[u8; 32]) -> Read<Option<Batch>> {
    const SQL: &str = concat!(
        "SELECT ",
        batch_columns!(),
        " FROM batches WHERE content = ?1 AND state NOT IN ('cancelled', 'rejected')"
    );
    one(c, SQL, [content], rows::batch)
}

fn counts(c: &Connection, id: &BatchId) -> Read<Vec<BatchCount>> {
    let sql = "SELECT outcome, lines, amount FROM batch_counts
               WHERE batch_id = ?1 AND lines > 0 ORDER BY outcome";
    many(c, sql, [id.as_str()], rows::batch_count)
}

fn list(c: &Connection, filter: &BatchFilter) -> Read<BatchPage> {
    let limit = filter.limit.clamp(1, LIST_MAX);
    let mut found = Vec::new();
    for merchant in merchants(c, filter)? {
        found.extend(of_merchant(c, filter, &merchant, limit.saturating_add(1))?);
    }
    Ok(BatchPage::of(found, limit))
}

fn merchants(c: &Connection, filter: &BatchFilter) -> Read<Vec<MerchantName>> {
    match filter.merchants() {
        Some(names) => Ok(names),
        None => many(c, "SELECT DISTINCT merchant FROM batches", [], rows::only),
    }
}

fn of_merchant(
    c: &Connection,
    filter: &BatchFilter,
    merchant: &MerchantName,
    limit: u32,
) -> Read<Vec<Batch>> {
    const SQL: &str = concat!(
        "SELECT ",
        batch_columns!(),
        " FROM batches WHERE merchant = ?1 AND (created_at, id) < (?2, ?3)
             AND (?4 IS NULL OR state = ?4)
         ORDER BY created_at DESC, id DESC LIMIT ?5"
    );
    let (before, id) = filter.before();
    let state = filter.state.map(BatchState::as_str);
    let values = params![merchant.as_str(), before, id, state, limit];
    many(c, SQL, values, rows::batch)
}

const LINES: &str = concat!(
    "SELECT ",
    stored_line_columns!(),
    " FROM batch_lines l
      JOIN batches b ON b.id = l.batch_id
      LEFT JOIN refunds r ON r.id = l.refund_id
      WHERE l.batch_id = ?1 AND l.line > ?2"
);

fn lines(c: &Connection, wanted: &LinesOf) -> Read<Vec<BatchLine>> {
    let only = wanted.filter.condition();
    let sql = format!("{LINES}{only} ORDER BY l.line LIMIT ?3");
    let limit = wanted.limit.clamp(1, LINES_READ_MAX);
    let values = params![wanted.batch.as_str(), wanted.after, limit];
    many(c, &sql, values, rows::stored_line)
}

fn pending(c: &Connection, id: &BatchId, limit: u32) -> Read<Vec<Line>> {
    const SQL: &str = concat!(
        "SELECT ",
        line_columns!(),
        " FROM batches b JOIN batch_lines l ON l.batch_id = b.id AND l.line >= b.next_line
          WHERE b.id = ?1 AND l.state = 'pending' ORDER BY l.line LIMIT ?2"
    );
    let limit = limit.min(LINES_READ_MAX);
    many(c, SQL, params![id.as_str(), limit], rows::line)
}

fn queued(c: &Connection, id: &BatchId, limit: u32) -> Read<Vec<RefundId>> {
    let sql = "SELECT r.id FROM batch_lines l JOIN refunds r ON r.id = l.refund_id
               WHERE l.batch_id = ?1 AND l.made = 1
                   AND r.status IN ('queued', 'awaiting_approval') AND r.submitted_at IS NULL
               LIMIT ?2";
    let limit = limit.min(LINES_READ_MAX);
    many(c, sql, params![id.as_str(), limit], rows::only)
}

fn of_refund(c: &Connection, refund: &RefundId) -> Read<Vec<BatchId>> {
    let sql = "SELECT DISTINCT batch_id FROM batch_lines WHERE refund_id = ?1 LIMIT ?2";
    many(c, sql, params![refund.as_str(), LIST_MAX], rows::only)
}

fn backlog(c: &Connection, lane: &Lane, due: Timestamp, limit: u32) -> Read<u32> {
    let sql = "SELECT count(*) FROM (
                   SELECT 1 FROM jobs WHERE lane = ?1 AND due_at <= ?2 LIMIT ?3)";
    let values = params![lane.to_string(), due.as_microsecond(), limit];
    let found = one(c, sql, values, |row| row.get(0))?;
    Ok(found.unwrap_or(0))
}
