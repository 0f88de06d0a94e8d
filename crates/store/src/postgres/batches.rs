//! Reads about batches.

use jiff::Timestamp;
use tuikuan_domain::batch::{Batch, BatchState, Line};
use tuikuan_domain::{BatchId, MerchantName, RefundId};

use crate::batch::{BatchCount, BatchFilter, BatchLine, BatchPage, LINES_READ_MAX, LinesOf};
use crate::error::ReadError;
use crate::job::Lane;
use crate::postgres::Postgres;
use crate::rows::batches as rows;
use crate::rows::batches::{batch_columns, line_columns, stored_line_columns};
use crate::select::LIST_MAX;

type Read<T> = Result<T, ReadError>;

pub(super) const BY_CONTENT: &str = concat!(
    "SELECT ",
    batch_columns!(),
    " FROM batches WHERE content = $1 AND state NOT IN ('cancelled', 'rejected')"
);

const OF_MERCHANT: &str = concat!(
    "SELECT ",
    batch_columns!(),
    " FROM batches WHERE merchant = $1 AND (created_at, id) < ($2, $3)
         AND ($4::TEXT IS NULL OR state = $4)
     ORDER BY created_at DESC, id DESC LIMIT $5"
);

const LINES: &str = concat!(
    "SELECT ",
    stored_line_columns!(),
    " FROM batch_lines l
      JOIN batches b ON b.id = l.batch_id
      LEFT JOIN refunds r ON r.id = l.refund_id
      WHERE l.batch_id = $1 AND l.line > $2"
);

const PENDING: &str = concat!(
    "SELECT ",
    line_columns!(),
    " FROM batches b JOIN batch_lines l ON l.batch_id = b.id AND l.line >= b.next_line
      WHERE b.id = $1 AND l.state = 'pending' ORDER BY l.line LIMIT $2"
);

impl Postgres {
    pub(crate) async fn batch(&self, id: &BatchId) -> Read<Option<Batch>> {
        const SQL: &str = concat!("SELECT ", batch_columns!(), " FROM batches WHERE id = $1");
        self.one(SQL, values![id.as_str()], rows::batch).await
    }

    pub(crate) async fn batch_counts(&self, id: &BatchId) -> Read<Vec<BatchCount>> {
        let sql = "SELECT outcome, lines, amount FROM batch_counts
                   WHERE batch_id = $1 AND lines > 0 ORDER BY outcome";
        self.many(sql, values![id.as_str()], rows::batch_count)
            .await
    }

    pub(crate) async fn batches(&self, filter: BatchFilter) -> Read<BatchPage> {
        let limit = filter.limit.clamp(1, LIST_MAX);
        let merchants = match filter.merchants() {
            Some(names) => names,
            None => {
                let sql = "SELECT DISTINCT merchant FROM batches";
                self.many(sql, &[], rows::only).await?
            }
        };
        let mut found = Vec::new();
        for merchant in merchants {
            found.extend(self.batches_of_merchant(&filter, &merchant).await?);
        }
        Ok(BatchPage::of(found, limit))
    }

    async fn batches_of_merchant(
        &self,
        filter: &BatchFilter,
        merchant: &MerchantName,
    ) -> Read<Vec<Batch>> {
        let limit = filter.limit.clamp(1, LIST_MAX).saturating_add(1);
        let (before, id) = filter.before();
        let state = filter.state.map(BatchState::as_str);
        let values = values![merchant.as_str(), before, id, state, i64::from(limit)];
        self.many(OF_MERCHANT, values, rows::batch).await
    }

    pub(crate) async fn batch_lines(&self, wanted: LinesOf) -> Read<Vec<BatchLine>> {
        let only = wanted.filter.condition();
        let sql = format!("{LINES}{only} ORDER BY l.line LIMIT $3");
        let limit = i64::from(wanted.limit.clamp(1, LINES_READ_MAX));
        let values = values![wanted.batch.as_str(), i64::from(wanted.after), limit];
        self.many(&sql, values, rows::stored_line).await
    }

    pub(crate) async fn batch_pending(&self, id: &BatchId, limit: u32) -> Read<Vec<Line>> {
        let limit = i64::from(limit.min(LINES_READ_MAX));
        self.many(PENDING, values![id.as_str(), limit], rows::line)
            .await
    }

    pub(crate) async fn batch_queued(&self, id: &BatchId, limit: u32) -> Read<Vec<RefundId>> {
        let sql = "SELECT r.id FROM batch_lines l JOIN refunds r ON r.id = l.refund_id
                   WHERE l.batch_id = $1 AND l.made
                       AND r.status IN ('queued', 'awaiting_approval') AND r.submitted_at IS NULL
                   LIMIT $2";
        let limit = i64::from(limit.min(LINES_READ_MAX));
        self.many(sql, values![id.as_str(), limit], rows::only)
            .await
    }

    pub(crate) async fn batches_of(&self, refund: &RefundId) -> Read<Vec<BatchId>> {
        let sql = "SELECT DISTINCT batch_id FROM batch_lines WHERE refund_id = $1 LIMIT $2";
        let values = values![refund.as_str(), i64::from(LIST_MAX)];
        self.many(sql, values, rows::only).await
    }

    pub(crate) async fn lane_backlog(&self, lane: &Lane, due: Timestamp, limit: u32) -> Read<u32> {
        let sql = "SELECT count(*) FROM (
                       SELECT 1 FROM jobs WHERE lane = $1 AND due_at <= $2 LIMIT $3) AS due";
        let values = values![lane.to_string(), due.as_microsecond(), i64::from(limit)];
        let found = self.one(sql, values, |row| row.get(0)).await?;
        Ok(found.unwrap_or(0))
    }
}
