//! The counters, once for a whole transaction. Whoever moves one holds the row `position` of `meta`
//! until the commit: they are written one after the other over all nodes, so that nobody waits for
//! another in a ring, and what a statement sees is what is true.

use crate::postgres::work::Work;
use crate::trouble::Trouble;

/// The lock, where no event is written.
const HOLD: &str = "SELECT number FROM meta WHERE name = 'position' FOR UPDATE";

/// An upsert would check the move itself against the constraint, not what comes of it.
const COUNTS: &str = "
    WITH moved AS (
        SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::BIGINT[]) AS m (merchant, status, by)),
    updated AS (
        UPDATE status_counts c SET refunds = c.refunds + m.by FROM moved m
        WHERE c.merchant = m.merchant AND c.status = m.status
        RETURNING c.merchant, c.status)
    INSERT INTO status_counts (merchant, status, refunds)
    SELECT m.merchant, m.status, m.by FROM moved m
    WHERE NOT EXISTS (
        SELECT 1 FROM updated u WHERE u.merchant = m.merchant AND u.status = m.status)";

const FIGURES: &str = "
    WITH moved AS (
        SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::BIGINT[], $4::TEXT[], $5::BIGINT[],
            $6::BIGINT[]) AS m (kind, merchant, period, part, refunds, amount)),
    updated AS (
        UPDATE figures f SET refunds = f.refunds + m.refunds, amount = f.amount + m.amount
        FROM moved m
        WHERE f.kind = m.kind AND f.merchant = m.merchant AND f.period = m.period
            AND f.part = m.part
        RETURNING f.kind, f.merchant, f.period, f.part)
    INSERT INTO figures (kind, merchant, period, part, refunds, amount)
    SELECT m.kind, m.merchant, m.period, m.part, m.refunds, m.amount FROM moved m
    WHERE NOT EXISTS (
        SELECT 1 FROM updated u
        WHERE u.kind = m.kind AND u.merchant = m.merchant AND u.period = m.period
            AND u.part = m.part)";

const BATCH_COUNTS: &str = "
    WITH moved AS (
        SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::BIGINT[], $4::BIGINT[])
            AS m (batch_id, outcome, lines, amount)),
    updated AS (
        UPDATE batch_counts c SET lines = c.lines + m.lines, amount = c.amount + m.amount
        FROM moved m WHERE c.batch_id = m.batch_id AND c.outcome = m.outcome
        RETURNING c.batch_id, c.outcome)
    INSERT INTO batch_counts (batch_id, outcome, lines, amount)
    SELECT m.batch_id, m.outcome, m.lines, m.amount FROM moved m
    WHERE NOT EXISTS (
        SELECT 1 FROM updated u WHERE u.batch_id = m.batch_id AND u.outcome = m.outcome)";

/// Ends the batches of which no line is open any more.
const FINISH: &str = "
    UPDATE batches SET state = 'finished', ended_at = $2, version = version + 1
    WHERE id = ANY($1) AND state IN ('running', 'paused') AND NOT EXISTS (
        SELECT 1 FROM batch_counts c
        WHERE c.batch_id = batches.id AND c.lines > 0 AND c.outcome IN (
            'pending', 'awaiting_approval', 'queued', 'submitting', 'unknown', 'processing',
            'abnormal'))";

/// The moves of status counts, column by column.
#[derive(Default)]
pub(super) struct CountRows {
    merchant: Vec<String>,
    status: Vec<&'static str>,
    by: Vec<i64>,
}

/// The moves of figures.
#[derive(Default)]
pub(super) struct FigureRows {
    kind: Vec<&'static str>,
    merchant: Vec<String>,
    period: Vec<i64>,
    part: Vec<String>,
    refunds: Vec<i64>,
    amount: Vec<i64>,
}

/// The moves of the counts of batches, and the batches that have moved.
#[derive(Default)]
pub(super) struct BatchRows {
    batch: Vec<String>,
    outcome: Vec<&'static str>,
    lines: Vec<i64>,
    amount: Vec<i64>,
    moved: Vec<String>,
}

impl Work<'_> {
    /// Writes all counters.
    pub(super) async fn write_counts(&mut self) -> Result<(), Trouble> {
        let counts = self.count_rows();
        let figures = self.figure_rows();
        let batches = self.batch_rows();
        if counts.by.is_empty() && figures.kind.is_empty() && batches.moved.is_empty() {
            return Ok(());
        }
        self.execute(HOLD, &[]).await?;
        self.add_counts(&counts).await?;
        self.add_figures(&figures).await?;
        self.add_batch_counts(&batches).await
    }

    pub(super) fn count_rows(&mut self) -> CountRows {
        let mut rows = CountRows::default();
        for ((merchant, status), by) in self.tally.take_counts() {
            rows.merchant.push(merchant.to_string());
            rows.status.push(status);
            rows.by.push(by);
        }
        rows
    }

    pub(super) fn figure_rows(&mut self) -> FigureRows {
        let mut rows = FigureRows::default();
        for ((merchant, cell), by) in self.tally.take_figures() {
            rows.kind.push(cell.kind.as_str());
            rows.merchant.push(merchant.to_string());
            rows.period.push(cell.period);
            rows.part.push(cell.part.to_string());
            rows.refunds.push(by.refunds);
            rows.amount.push(by.amount);
        }
        rows
    }

    pub(super) fn batch_rows(&mut self) -> BatchRows {
        let mut rows = BatchRows::default();
        for (batch, outcomes) in self.tally.take_lines() {
            for (outcome, (lines, amount)) in outcomes {
                if lines != 0 || amount != 0 {
                    rows.batch.push(batch.clone());
                    rows.outcome.push(outcome);
                    rows.lines.push(lines);
                    rows.amount.push(amount);
                }
            }
            rows.moved.push(batch);
        }
        rows
    }

    pub(super) async fn add_counts(&self, rows: &CountRows) -> Result<(), Trouble> {
        if rows.by.is_empty() {
            return Ok(());
        }
        let row = &[&rows.merchant as _, &rows.status as _, &rows.by as _];
        self.execute(COUNTS, row).await.map(|_| ())
    }

    pub(super) async fn add_figures(&self, rows: &FigureRows) -> Result<(), Trouble> {
        if rows.kind.is_empty() {
            return Ok(());
        }
        let row: crate::postgres::Params<'_> = &[
            &rows.kind,
            &rows.merchant,
            &rows.period,
            &rows.part,
            &rows.refunds,
            &rows.amount,
        ];
        self.execute(FIGURES, row).await.map(|_| ())
    }

    pub(super) async fn add_batch_counts(&self, rows: &BatchRows) -> Result<(), Trouble> {
        if rows.moved.is_empty() {
            return Ok(());
        }
        let row: crate::postgres::Params<'_> =
            &[&rows.batch, &rows.outcome, &rows.lines, &rows.amount];
        self.execute(BATCH_COUNTS, row).await?;
        let at = self.at.as_microsecond();
        self.execute(FINISH, &[&rows.moved, &at]).await.map(|_| ())
    }
}
