//! Writes about batches. A line is linked to its refund, and counted, in the transaction of the
//! refund; so the counts are right at every instant and no line is refunded twice.
//!
//! Whoever makes a refund of a line shares the row of its batch until the commit, and whoever pauses
//! or withdraws the batch changes that row: one waits for the other. The row is never locked against
//! the counters, which refer to it.

use jiff::Timestamp;
use tuikuan_domain::BatchId;
use tuikuan_domain::batch::{Batch, BatchState, Mark, Numbering, Outcome, Summary};

use crate::admin::NewAudit;
use crate::batch::{BATCH_LINES_PER_WRITE, BatchWrite, Begun, CheckLease, CheckedLine, NewBatch};
use crate::error::CommitError;
use crate::job::{Guard, JobKey, Lane};
use crate::operation::Answer;
use crate::postgres::batches::BY_CONTENT;
use crate::postgres::work::Work;
use crate::rows::batches as rows;
use crate::trouble::{Trouble, UNREADABLE};

/// All lines of a write at once.
const LINE_UPSERT: &str = "
    INSERT INTO batch_lines (
        batch_id, line, out_trade_no, transaction_id, amount, out_refund_no, number_given, reason,
        fault, warnings, detail, state)
    SELECT $1::TEXT, l.* FROM unnest($2::BIGINT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[],
        $6::TEXT[], $7::BOOLEAN[], $8::TEXT[], $9::TEXT[], $10::TEXT[], $11::TEXT[],
        $12::TEXT[]) AS l
    ON CONFLICT (batch_id, line) DO UPDATE
    SET fault = excluded.fault, warnings = excluded.warnings, detail = excluded.detail,
        state = excluded.state
    WHERE batch_lines.state <> 'requested'";

/// As for a claim, by the clock that judges leases.
const CHECK_LEASE: &str = "
    INSERT INTO jobs AS j (key, lane, step, due_at, fence, leased, claimed_at, hinted)
    SELECT $1::TEXT, $2::TEXT, '', clock.now + $4::BIGINT, nextval('fences'), TRUE, clock.now, FALSE
    FROM (SELECT coalesce($3::BIGINT, (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT)
              AS now) AS clock
    ON CONFLICT (key) DO UPDATE
    SET due_at = excluded.due_at, fence = excluded.fence, leased = TRUE,
        claimed_at = excluded.claimed_at, hinted = FALSE
    RETURNING j.fence";

const CHECK_GOES_ON: &str = "
    UPDATE jobs SET due_at = $3::BIGINT + coalesce($2::BIGINT,
        (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT)
    WHERE key = $1";

/// The lines of a write, column by column.
#[derive(Default)]
struct LineRows<'l> {
    number: Vec<i64>,
    out_trade_no: Vec<Option<&'l str>>,
    transaction_id: Vec<Option<&'l str>>,
    amount: Vec<i64>,
    out_refund_no: Vec<&'l str>,
    given: Vec<bool>,
    reason: Vec<Option<&'l str>>,
    fault: Vec<Option<&'static str>>,
    warnings: Vec<Option<String>>,
    detail: Vec<Option<&'l str>>,
    state: Vec<&'static str>,
}

impl<'l> LineRows<'l> {
    fn of(lines: &'l [CheckedLine]) -> Self {
        let mut rows = Self::default();
        for checked in lines {
            let (line, verdict) = (&checked.line, &checked.verdict);
            let order = &line.order;
            rows.number.push(i64::from(line.number));
            rows.out_trade_no
                .push(order.out_trade_no.as_ref().map(|no| no.as_str()));
            rows.transaction_id
                .push(order.transaction_id.as_ref().map(|id| id.as_str()));
            rows.amount.push(line.amount.get());
            rows.out_refund_no.push(line.out_refund_no.as_str());
            rows.given.push(line.numbering == Numbering::Given);
            rows.reason
                .push(line.reason.as_ref().map(|reason| reason.as_str()));
            rows.fault.push(verdict.fault.map(|fault| fault.as_str()));
            rows.warnings.push(checked.warnings_text());
            rows.detail.push(verdict.detail.as_deref());
            rows.state.push(checked.state());
        }
        rows
    }
}

impl Work<'_> {
    pub(super) async fn write_batch(&mut self, write: &BatchWrite) -> Result<Answer, Trouble> {
        match write {
            BatchWrite::Begin(new) => {
                let begun = self.begin_batch(new).await?;
                return Ok(Answer::Begun(Box::new(begun)));
            }
            BatchWrite::Lines(lease, lines) => self.take_lines(lease, lines).await?,
            BatchWrite::Checked(guard, summary, at) => self.checked(guard, summary, *at).await?,
            BatchWrite::Steered(batch, audit, seen) => {
                self.check_settings(*seen).await?;
                self.steered(batch, audit).await?;
            }
            BatchWrite::Fed(guard, next) => {
                self.held(guard).await?;
                let sql = "UPDATE batches SET next_line = $2 WHERE id = $1 AND next_line < $2";
                let row = values![guard.batch()?.as_str(), i64::from(*next)];
                self.execute(sql, row).await?;
            }
            BatchWrite::Done(guard) => self.batch_done(guard).await?,
        }
        Ok(Answer::Done)
    }

    async fn begin_batch(&mut self, new: &NewBatch) -> Result<Begun, Trouble> {
        let found = self.batch_of_content(&new.content).await?;
        // The job comes before the batch, as everywhere.
        let leased = match &found {
            Some(batch) if matches!(batch.state, BatchState::Draft | BatchState::Checked) => {
                Some(self.lease_check(&batch.id, new).await?)
            }
            Some(_) | None => None,
        };
        match (found, leased) {
            (Some(batch), check) if batch.state == BatchState::Checked => Ok(Begun {
                batch: self.check_again(batch, new).await?,
                check,
            }),
            (Some(batch), check) => Ok(Begun { batch, check }),
            (None, _) => {
                let batch = self.insert_batch(new).await?;
                let check = Some(self.lease_check(&batch.id, new).await?);
                Ok(Begun { batch, check })
            }
        }
    }

    async fn insert_batch(&mut self, new: &NewBatch) -> Result<Batch, Trouble> {
        let sql = "INSERT INTO batches (
                       id, merchant, mch_id, name, content, state, lines, new_lines, new_amount,
                       existing_lines, faulty_lines, faulty_amount, warned_lines, unknown_payments,
                       of_one_order, created_by, created_at, next_line, version)
                   VALUES ($1, $2, $3, $4, $5, 'draft', 0, 0, 0, 0, 0, 0, 0, 0, 0, $6, $7, 0, 1)";
        let row = values![
            new.id.as_str(),
            new.merchant.as_str(),
            new.mch_id.as_str(),
            new.name,
            &new.content[..],
            new.created.by.as_str(),
            new.created.at.as_microsecond(),
        ];
        self.execute(sql, row).await?;
        let found = self.batch_of_content(&new.content).await?;
        self.append_audit(&new.audit).await?;
        found.ok_or(Trouble::Refused(UNREADABLE))
    }

    /// The job of a draft is its check, and whoever begins one holds it, whoever did before (INV-24). If
    /// they go away, somebody claims it in time.
    async fn lease_check(&mut self, id: &BatchId, new: &NewBatch) -> Result<Guard, Trouble> {
        let key = JobKey::Batch(id.clone());
        let lane = Lane::Batch(id.clone()).to_string();
        let now = self.lease_now(new.created.at);
        let lease = i64::try_from(new.lease.as_micros()).unwrap_or(i64::MAX);
        let row = values![key.to_string(), lane, now, lease];
        let drawn = self.read(CHECK_LEASE, row, |row| row.get(0)).await?;
        let fence = drawn.ok_or(Trouble::Refused(UNREADABLE))?;
        Ok(Guard { key, fence })
    }

    /// A draft that was checked before; its job completes the check if whoever began it goes away.
    async fn check_again(&mut self, batch: Batch, new: &NewBatch) -> Result<Batch, Trouble> {
        let sql = "UPDATE batches SET state = 'draft', version = version + 1
                   WHERE id = $1 AND state = 'checked'";
        self.exactly_one(sql, values![batch.id.as_str()]).await?;
        self.append_audit(&NewAudit {
            subject: batch.id.to_string(),
            ..new.audit.clone()
        })
        .await?;
        Ok(Batch {
            state: BatchState::Draft,
            version: batch.version.saturating_add(1),
            ..batch
        })
    }

    async fn batch_of_content(&self, content: &[u8; 32]) -> Result<Option<Batch>, Trouble> {
        self.read(BY_CONTENT, values![&content[..]], rows::batch)
            .await
    }

    async fn take_lines(
        &mut self,
        held: &CheckLease,
        lines: &[CheckedLine],
    ) -> Result<(), Trouble> {
        if lines.len() > BATCH_LINES_PER_WRITE {
            return Err(Trouble::Refused(CommitError::Unavailable {
                reason: "too many lines of a batch in one write",
            }));
        }
        let id = held.guard.batch()?;
        self.held(&held.guard).await?;
        self.in_state(id, BatchState::Draft).await?;
        let lease = i64::try_from(held.lease.as_micros()).unwrap_or(i64::MAX);
        let row = values![held.guard.key.to_string(), self.lease_now(held.now), lease];
        self.exactly_one(CHECK_GOES_ON, row).await?;
        let rows = LineRows::of(lines);
        let row = values![
            id.as_str(),
            rows.number,
            rows.out_trade_no,
            rows.transaction_id,
            rows.amount,
            rows.out_refund_no,
            rows.given,
            rows.reason,
            rows.fault,
            rows.warnings,
            rows.detail,
            rows.state,
        ];
        self.execute(LINE_UPSERT, row).await.map(|_| ())
    }

    async fn checked(
        &mut self,
        guard: &Guard,
        summary: &Summary,
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let id = guard.batch()?;
        self.batch_done(guard).await?;
        let sql = "UPDATE batches SET
                       state = 'checked', checked_at = $2, lines = $3, new_lines = $4,
                       new_amount = $5, existing_lines = $6, faulty_lines = $7, faulty_amount = $8,
                       warned_lines = $9, unknown_payments = $10, of_one_order = $11,
                       version = version + 1
                   WHERE id = $1 AND state = 'draft'";
        let row = values![
            id.as_str(),
            at.as_microsecond(),
            i64::from(summary.lines),
            i64::from(summary.new_lines),
            summary.new_amount,
            i64::from(summary.existing_lines),
            i64::from(summary.faulty_lines),
            summary.faulty_amount,
            i64::from(summary.warned_lines),
            i64::from(summary.unknown_payments),
            i64::from(summary.of_one_order),
        ];
        self.exactly_one(sql, row).await?;
        let sql = "DELETE FROM batch_counts WHERE batch_id = $1";
        self.execute(sql, values![id.as_str()]).await?;
        let sql = "INSERT INTO batch_counts (batch_id, outcome, lines, amount)
                   SELECT batch_id, state, count(*), sum(amount)::BIGINT FROM batch_lines
                   WHERE batch_id = $1 GROUP BY batch_id, state";
        self.execute(sql, values![id.as_str()]).await.map(|_| ())
    }

    /// Its job comes before the batch: whoever feeds the batch holds its job first too. And the
    /// counters come before the log.
    async fn steered(&mut self, batch: &Batch, audit: &NewAudit) -> Result<(), Trouble> {
        self.at = audit.at;
        match batch.state {
            BatchState::Running | BatchState::Cancelled => {
                self.batch_job(&batch.id, audit.at).await?;
            }
            BatchState::AwaitingApproval => {
                let due = batch.approval_until.unwrap_or(audit.at);
                self.batch_job(&batch.id, due).await?;
            }
            BatchState::Draft
            | BatchState::Checked
            | BatchState::Paused
            | BatchState::Rejected
            | BatchState::Finished => {}
        }
        self.replace_batch(batch).await?;
        if batch.state == BatchState::Cancelled {
            self.withdraw_pending(&batch.id).await?;
        }
        self.write_counts().await?;
        self.append_audit(audit).await
    }

    async fn replace_batch(&mut self, batch: &Batch) -> Result<(), Trouble> {
        let sql = "UPDATE batches SET
                       state = $3, requested_by = $4, requested_at = $5, approved_by = $6,
                       approved_at = $7, ended_at = $8, version = $9, requested_key = $10,
                       approval_until = $11
                   WHERE id = $1 AND version = $2";
        let by = |mark: &Option<Mark>| mark.as_ref().map(|mark| mark.by.to_string());
        let at = |mark: &Option<Mark>| mark.as_ref().map(|mark| mark.at.as_microsecond());
        let row = values![
            batch.id.as_str(),
            batch.version.saturating_sub(1),
            batch.state.as_str(),
            by(&batch.requested),
            at(&batch.requested),
            by(&batch.approved),
            at(&batch.approved),
            batch.ended_at.map(Timestamp::as_microsecond),
            batch.version,
            batch.requested_key.as_deref(),
            batch.approval_until.map(Timestamp::as_microsecond),
        ];
        self.exactly_one(sql, row).await
    }

    async fn batch_job(&mut self, id: &BatchId, due: Timestamp) -> Result<(), Trouble> {
        let key = JobKey::Batch(id.clone()).to_string();
        let lane = Lane::Batch(id.clone()).to_string();
        self.set_job(&key, &lane, "", due.as_microsecond()).await
    }

    async fn batch_done(&mut self, guard: &Guard) -> Result<(), Trouble> {
        self.held(guard).await?;
        let key = guard.key.to_string();
        self.execute("DELETE FROM jobs WHERE key = $1", values![key])
            .await
            .map(|_| ())
    }

    /// The lines themselves are left as they are: whoever reads one sees that its batch is withdrawn.
    /// The batch has just been changed, so nobody takes a pending line from it any more.
    async fn withdraw_pending(&mut self, id: &BatchId) -> Result<(), Trouble> {
        let (from, to) = (Outcome::Pending, Outcome::Withdrawn);
        let sql = "SELECT lines, amount FROM batch_counts WHERE batch_id = $1 AND outcome = $2";
        let key = values![id.as_str(), from.as_str()];
        let stored = self.read(sql, key, |row| Ok((row.get(0)?, row.get(1)?)));
        let (lines, amount): (i64, i64) = stored.await?.unwrap_or_default();
        self.tally.lines(id.as_str(), (from, to), (lines, amount));
        Ok(())
    }

    async fn in_state(&self, id: &BatchId, wanted: BatchState) -> Result<(), Trouble> {
        let sql = "SELECT state FROM batches WHERE id = $1 FOR NO KEY UPDATE";
        let state: Option<String> = self
            .read(sql, values![id.as_str()], |row| row.get(0))
            .await?;
        match state {
            Some(state) if state == wanted.as_str() => Ok(()),
            Some(_) | None => Err(CommitError::Conflict.into()),
        }
    }
}
