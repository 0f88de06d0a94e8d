//! The counters, once for a whole transaction. Whoever moves one holds the row `position` of `meta`
//! until the commit: they are written one after the other over all nodes, so that nobody waits for
//! another in a ring, and what a statement sees is what is true.

use jiff::Timestamp;

use crate::postgres::burst::{Column, Statement};
use crate::postgres::work::Work;
use crate::tally::Tally;
use crate::trouble::Trouble;

/// The lock. Whoever has taken positions holds it already.
pub(super) const HOLD: &str = "SELECT number FROM meta WHERE name = 'position' FOR UPDATE";

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

/// The statements that write what has moved, in their order: under [`HOLD`].
pub(super) fn write(tally: &mut Tally, at: Timestamp) -> Vec<Statement<'static>> {
    let mut all = Vec::new();
    all.extend(counts(tally));
    all.extend(figures(tally));
    all.extend(batches(tally, at));
    all
}

fn counts(tally: &mut Tally) -> Option<Statement<'static>> {
    let (mut merchants, mut statuses, mut moves) = (vec![], vec![], vec![]);
    for ((merchant, status), by) in tally.take_counts() {
        merchants.push(merchant.to_string());
        statuses.push(status);
        moves.push(by);
    }
    let any = !moves.is_empty();
    let columns: Vec<Column<'static>> =
        vec![Box::new(merchants), Box::new(statuses), Box::new(moves)];
    any.then(|| Statement::new(COUNTS, columns))
}

fn figures(tally: &mut Tally) -> Option<Statement<'static>> {
    let (mut kinds, mut merchants, mut periods) = (vec![], vec![], vec![]);
    let (mut parts, mut refunds, mut amounts) = (vec![], vec![], vec![]);
    for ((merchant, cell), by) in tally.take_figures() {
        kinds.push(cell.kind.as_str());
        merchants.push(merchant.to_string());
        periods.push(cell.period);
        parts.push(cell.part.to_string());
        refunds.push(by.refunds);
        amounts.push(by.amount);
    }
    let any = !kinds.is_empty();
    let columns: Vec<Column<'static>> = vec![
        Box::new(kinds),
        Box::new(merchants),
        Box::new(periods),
        Box::new(parts),
        Box::new(refunds),
        Box::new(amounts),
    ];
    any.then(|| Statement::new(FIGURES, columns))
}

fn batches(tally: &mut Tally, at: Timestamp) -> Vec<Statement<'static>> {
    let (mut ids, mut names, mut lines, mut amounts) = (vec![], vec![], vec![], vec![]);
    let mut moved = Vec::new();
    for (batch, outcomes) in tally.take_lines() {
        for (outcome, (by_lines, by_amount)) in outcomes {
            if by_lines != 0 || by_amount != 0 {
                ids.push(batch.clone());
                names.push(outcome);
                lines.push(by_lines);
                amounts.push(by_amount);
            }
        }
        moved.push(batch);
    }
    if moved.is_empty() {
        return Vec::new();
    }
    let columns: Vec<Column<'static>> = vec![
        Box::new(ids),
        Box::new(names),
        Box::new(lines),
        Box::new(amounts),
    ];
    let ended: Vec<Column<'static>> = vec![Box::new(moved), Box::new(at.as_microsecond())];
    vec![
        Statement::new(BATCH_COUNTS, columns),
        Statement::new(FINISH, ended),
    ]
}

impl Work<'_> {
    /// Writes all counters.
    pub(super) async fn write_counts(&mut self) -> Result<(), Trouble> {
        let moved = write(&mut self.tally, self.at);
        if !moved.is_empty() {
            Statement::new(HOLD, Vec::new())
                .run(self.transaction)
                .await?;
        }
        for statement in moved {
            statement.run(self.transaction).await?;
        }
        Ok(())
    }
}
