//! Writes about batches. A line is linked to its refund, and counted, in the transaction of the
//! refund; so the counts are right at every instant and no line is refunded twice.

use jiff::Timestamp;
use rusqlite::params;
use tuikuan_domain::batch::{Batch, BatchState, Mark, Numbering, Outcome, Summary};
use tuikuan_domain::{BatchId, Refund, Status};

use crate::admin::NewAudit;
use crate::batch::{
    BATCH_LINES_PER_WRITE, BatchWrite, Begun, CheckLease, CheckedLine, LineEnd, LineMark, NewBatch,
};
use crate::error::CommitError;
use crate::job::{Guard, JobKey, Lane};
use crate::operation::Answer;
use crate::sqlite::batches;
use crate::sqlite::work::Work;
use crate::trouble::{Trouble, UNREADABLE};

pub(super) const LINE_UPSERT: &str = "
    INSERT INTO batch_lines (
        batch_id, line, out_trade_no, transaction_id, amount, out_refund_no, number_given, reason,
        fault, warnings, detail, state)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
    ON CONFLICT (batch_id, line) DO UPDATE
    SET fault = ?9, warnings = ?10, detail = ?11, state = ?12
    WHERE state <> 'requested'";

impl Work<'_> {
    pub(super) fn write_batch(&mut self, write: &BatchWrite) -> Result<Answer, Trouble> {
        match write {
            BatchWrite::Begin(new) => {
                let begun = self.begin_batch(new)?;
                return Ok(Answer::Begun(Box::new(begun)));
            }
            BatchWrite::Lines(lease, lines) => self.take_lines(lease, lines)?,
            BatchWrite::Checked(guard, summary, at) => self.checked(guard, summary, *at)?,
            BatchWrite::Steered(batch, audit, seen) => {
                self.check_settings(*seen)?;
                self.steered(batch, audit)?;
            }
            BatchWrite::Fed(guard, next) => {
                self.held(guard)?;
                let sql = "UPDATE batches SET next_line = ?2 WHERE id = ?1 AND next_line < ?2";
                self.execute(sql, params![guard.batch()?.as_str(), next])?;
            }
            BatchWrite::Done(guard) => self.batch_done(guard)?,
        }
        Ok(Answer::Done)
    }

    fn begin_batch(&mut self, new: &NewBatch) -> Result<Begun, Trouble> {
        let batch = match self.batch_of_content(&new.content)? {
            None => self.insert_batch(new)?,
            Some(batch) if batch.state == BatchState::Checked => self.check_again(batch, new)?,
            Some(batch) => batch,
        };
        let check = match batch.state {
            BatchState::Draft => Some(self.lease_check(&batch.id, new)?),
            _ => None,
        };
        Ok(Begun { batch, check })
    }

    fn insert_batch(&mut self, new: &NewBatch) -> Result<Batch, Trouble> {
        let sql = "INSERT INTO batches (
                       id, merchant, mch_id, name, content, state, lines, new_lines, new_amount,
                       existing_lines, faulty_lines, faulty_amount, warned_lines, unknown_payments,
                       of_one_order, created_by, created_at, next_line, version)
                   VALUES (?1, ?2, ?3, ?4, ?5, 'draft', 0, 0, 0, 0, 0, 0, 0, 0, 0, ?6, ?7, 0, 1)";
        self.execute(
            sql,
            params![
                new.id.as_str(),
                new.merchant.as_str(),
                new.mch_id.as_str(),
                new.name,
                new.content,
                new.created.by.as_str(),
                new.created.at.as_microsecond(),
            ],
        )?;
        self.append_audit(&new.audit)?;
        let found = self.batch_of_content(&new.content)?;
        found.ok_or(Trouble::Refused(UNREADABLE))
    }

    /// The job of a draft is its check, and whoever begins one holds it, whoever did before (INV-24). If
    /// they go away, somebody claims it in time.
    fn lease_check(&mut self, id: &BatchId, new: &NewBatch) -> Result<Guard, Trouble> {
        let key = JobKey::Batch(id.clone());
        let fence = self.draw_fences(1)?;
        let sql = "INSERT INTO jobs (key, lane, step, due_at, fence, leased, claimed_at, hinted)
                   VALUES (?1, ?2, '', ?3, ?4, 1, ?5, 0)
                   ON CONFLICT (key) DO UPDATE
                   SET due_at = ?3, fence = ?4, leased = 1, claimed_at = ?5, hinted = 0";
        let now = new.created.at;
        let row = params![
            key.to_string(),
            Lane::Batch(id.clone()).to_string(),
            tuikuan_domain::after(now, new.lease).as_microsecond(),
            fence,
            now.as_microsecond(),
        ];
        self.execute(sql, row)?;
        Ok(Guard { key, fence })
    }

    /// A draft that was checked before; its job completes the check if whoever began it goes away.
    fn check_again(&mut self, batch: Batch, new: &NewBatch) -> Result<Batch, Trouble> {
        let sql = "UPDATE batches SET state = 'draft', version = version + 1
                   WHERE id = ?1 AND state = 'checked'";
        self.exactly_one(sql, [batch.id.as_str()])?;
        self.append_audit(&NewAudit {
            subject: batch.id.to_string(),
            ..new.audit.clone()
        })?;
        Ok(Batch {
            state: BatchState::Draft,
            version: batch.version.saturating_add(1),
            ..batch
        })
    }

    fn batch_of_content(&self, content: &[u8; 32]) -> Result<Option<Batch>, Trouble> {
        batches::by_content(self.connection, content)
            .map_err(|_foreign| Trouble::Refused(UNREADABLE))
    }

    fn take_lines(&mut self, held: &CheckLease, lines: &[CheckedLine]) -> Result<(), Trouble> {
        if lines.len() > BATCH_LINES_PER_WRITE {
            return Err(Trouble::Refused(CommitError::Unavailable {
                reason: "too many lines of a batch in one write",
            }));
        }
        let id = held.guard.batch()?;
        self.held(&held.guard)?;
        self.in_state(id, BatchState::Draft)?;
        let sql = "UPDATE jobs SET due_at = ?2 WHERE key = ?1";
        let until = tuikuan_domain::after(held.now, held.lease).as_microsecond();
        self.execute(sql, params![held.guard.key.to_string(), until])?;
        let mut statement = self.connection.prepare_cached(LINE_UPSERT)?;
        for checked in lines {
            let line = &checked.line;
            let verdict = &checked.verdict;
            statement.execute(params![
                id.as_str(),
                line.number,
                line.order.out_trade_no.as_ref().map(|no| no.as_str()),
                line.order.transaction_id.as_ref().map(|id| id.as_str()),
                line.amount.get(),
                line.out_refund_no.as_str(),
                line.numbering == Numbering::Given,
                line.reason.as_ref().map(|reason| reason.as_str()),
                verdict.fault.map(|fault| fault.as_str()),
                checked.warnings_text(),
                verdict.detail,
                checked.state(),
            ])?;
            self.wrote = true;
        }
        Ok(())
    }

    fn checked(&mut self, guard: &Guard, summary: &Summary, at: Timestamp) -> Result<(), Trouble> {
        let id = guard.batch()?;
        self.batch_done(guard)?;
        let sql = "UPDATE batches SET
                       state = 'checked', checked_at = ?2, lines = ?3, new_lines = ?4,
                       new_amount = ?5, existing_lines = ?6, faulty_lines = ?7, faulty_amount = ?8,
                       warned_lines = ?9, unknown_payments = ?10, of_one_order = ?11,
                       version = version + 1
                   WHERE id = ?1 AND state = 'draft'";
        self.exactly_one(
            sql,
            params![
                id.as_str(),
                at.as_microsecond(),
                summary.lines,
                summary.new_lines,
                summary.new_amount,
                summary.existing_lines,
                summary.faulty_lines,
                summary.faulty_amount,
                summary.warned_lines,
                summary.unknown_payments,
                summary.of_one_order,
            ],
        )?;
        let sql = "DELETE FROM batch_counts WHERE batch_id = ?1";
        self.execute(sql, [id.as_str()])?;
        let sql = "INSERT INTO batch_counts (batch_id, outcome, lines, amount)
                   SELECT batch_id, state, count(*), sum(amount) FROM batch_lines
                   WHERE batch_id = ?1 GROUP BY state";
        self.execute(sql, [id.as_str()]).map(|_| ())
    }

    fn steered(&mut self, batch: &Batch, audit: &NewAudit) -> Result<(), Trouble> {
        let sql = "UPDATE batches SET
                       state = ?3, requested_by = ?4, requested_at = ?5, approved_by = ?6,
                       approved_at = ?7, ended_at = ?8, version = ?9, requested_key = ?10,
                       approval_until = ?11
                   WHERE id = ?1 AND version = ?2";
        let by = |mark: &Option<Mark>| mark.as_ref().map(|mark| mark.by.to_string());
        let at = |mark: &Option<Mark>| mark.as_ref().map(|mark| mark.at.as_microsecond());
        self.exactly_one(
            sql,
            params![
                batch.id.as_str(),
                batch.version.saturating_sub(1),
                batch.state.as_str(),
                by(&batch.requested),
                at(&batch.requested),
                by(&batch.approved),
                at(&batch.approved),
                batch.ended_at.map(Timestamp::as_microsecond),
                batch.version,
                batch.requested_key,
                batch.approval_until.map(Timestamp::as_microsecond),
            ],
        )?;
        match batch.state {
            BatchState::Running => self.batch_job(&batch.id, audit.at)?,
            BatchState::Cancelled => {
                self.withdraw_pending(&batch.id)?;
                self.batch_job(&batch.id, audit.at)?;
            }
            BatchState::AwaitingApproval => {
                self.batch_job(&batch.id, batch.approval_until.unwrap_or(audit.at))?;
            }
            BatchState::Draft
            | BatchState::Checked
            | BatchState::Paused
            | BatchState::Rejected
            | BatchState::Finished => {}
        }
        self.append_audit(audit)
    }

    fn batch_job(&mut self, id: &BatchId, due: Timestamp) -> Result<(), Trouble> {
        let key = JobKey::Batch(id.clone()).to_string();
        let lane = Lane::Batch(id.clone()).to_string();
        self.set_job(&key, &lane, "", due.as_microsecond())
    }

    fn batch_done(&mut self, guard: &Guard) -> Result<(), Trouble> {
        self.held(guard)?;
        let key = guard.key.to_string();
        self.execute("DELETE FROM jobs WHERE key = ?1", [key])
            .map(|_| ())
    }

    /// The lines themselves are left as they are: whoever reads one sees that its batch is withdrawn.
    /// What is pending is what is stored and what has moved in this transaction so far.
    fn withdraw_pending(&mut self, id: &BatchId) -> Result<(), Trouble> {
        let (from, to) = (Outcome::Pending, Outcome::Withdrawn);
        let sql = "SELECT lines, amount FROM batch_counts WHERE batch_id = ?1 AND outcome = ?2";
        let key = [id.as_str(), from.as_str()];
        let stored = self.read(sql, key, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (lines, amount): (i64, i64) = stored.unwrap_or_default();
        let so_far = self.tally.lines_so_far(id.as_str(), from);
        let (lines, amount) = (
            lines.saturating_add(so_far.0),
            amount.saturating_add(so_far.1),
        );
        self.tally.lines(id.as_str(), (from, to), (lines, amount));
        Ok(())
    }

    fn in_state(&self, id: &BatchId, wanted: BatchState) -> Result<(), Trouble> {
        let sql = "SELECT state FROM batches WHERE id = ?1";
        let state: Option<String> = self.read(sql, [id.as_str()], |row| row.get(0))?;
        match state {
            Some(state) if state == wanted.as_str() => Ok(()),
            Some(_) | None => Err(CommitError::Conflict.into()),
        }
    }

    /// The line may still become a refund, looked at before the first write.
    pub(super) fn line_pending(&self, mark: &LineMark) -> Result<(), Trouble> {
        self.in_state(&mark.batch, BatchState::Running)?;
        let sql = "SELECT state = 'pending' FROM batch_lines WHERE batch_id = ?1 AND line = ?2";
        let pending = self.read(sql, params![mark.batch.as_str(), mark.line], |row| {
            row.get(0)
        })?;
        match pending {
            Some(true) => Ok(()),
            Some(false) | None => Err(CommitError::Conflict.into()),
        }
    }

    /// Writes what became of a line.
    pub(super) fn mark_line(&mut self, mark: &LineMark) -> Result<(), Trouble> {
        let (batch, line) = (mark.batch.as_str(), mark.line);
        let sql = "SELECT amount FROM batch_lines WHERE batch_id = ?1 AND line = ?2";
        let amount = self.read(sql, params![batch, line], |row| row.get(0))?;
        let amount = amount.ok_or(CommitError::Conflict)?;
        let outcome = match &mark.end {
            LineEnd::Requested(refund) | LineEnd::Found(refund) => {
                let made = matches!(mark.end, LineEnd::Requested(_));
                let sql = "SELECT status FROM refunds WHERE id = ?1";
                let status: Option<String> = self.read(sql, [refund.as_str()], |row| row.get(0))?;
                let status = status.as_deref().and_then(Status::parse);
                let status = status.ok_or(CommitError::Conflict)?;
                let sql = "UPDATE batch_lines SET state = 'requested', refund_id = ?3, made = ?4
                           WHERE batch_id = ?1 AND line = ?2 AND state = 'pending'";
                self.exactly_one(sql, params![batch, line, refund.as_str(), made])?;
                Outcome::Refund(status)
            }
            LineEnd::Refused { code, message } => {
                let sql = "UPDATE batch_lines
                           SET state = 'refused', error_code = ?3, error_message = ?4
                           WHERE batch_id = ?1 AND line = ?2 AND state = 'pending'";
                self.exactly_one(sql, params![batch, line, code, message])?;
                Outcome::Refused
            }
        };
        self.tally
            .lines(batch, (Outcome::Pending, outcome), (1, amount));
        Ok(())
    }

    /// A refund left a status: the lines that are this refund move with it.
    pub(super) fn count_lines(&mut self, refund: &Refund, from: Status) -> Result<(), Trouble> {
        if from == refund.status {
            return Ok(());
        }
        let sql = "SELECT batch_id, amount FROM batch_lines WHERE refund_id = ?1";
        let lines: Vec<(String, i64)> = {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows =
                statement.query_map([refund.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        for (batch, amount) in lines {
            let turned = (Outcome::Refund(from), Outcome::Refund(refund.status));
            self.tally.lines(&batch, turned, (1, amount));
        }
        Ok(())
    }

    /// Writes the counts of batches, once for the whole transaction, and ends the batches of which no
    /// line is open any more.
    pub(super) fn write_moved(&mut self) -> Result<(), Trouble> {
        for (batch, outcomes) in self.tally.take_lines() {
            for (outcome, (lines, amount)) in outcomes {
                if lines != 0 || amount != 0 {
                    self.add_batch_count(&batch, outcome, (lines, amount))?;
                }
            }
            self.finish_batch(&batch)?;
        }
        Ok(())
    }

    fn add_batch_count(
        &mut self,
        batch: &str,
        outcome: &str,
        (lines, amount): (i64, i64),
    ) -> Result<(), Trouble> {
        let sql = "UPDATE batch_counts SET lines = lines + ?3, amount = amount + ?4
                   WHERE batch_id = ?1 AND outcome = ?2";
        if self.execute(sql, params![batch, outcome, lines, amount])? == 0 {
            let sql = "INSERT INTO batch_counts (batch_id, outcome, lines, amount)
                       VALUES (?1, ?2, ?3, ?4)";
            self.execute(sql, params![batch, outcome, lines, amount])?;
        }
        Ok(())
    }

    fn finish_batch(&mut self, batch: &str) -> Result<(), Trouble> {
        let sql = "UPDATE batches SET state = 'finished', ended_at = ?2, version = version + 1
                   WHERE id = ?1 AND state IN ('running', 'paused') AND NOT EXISTS (
                       SELECT 1 FROM batch_counts
                       WHERE batch_id = ?1 AND lines > 0 AND outcome IN (
                           'pending', 'awaiting_approval', 'queued', 'submitting', 'unknown',
                           'processing', 'abnormal'))";
        let at = self.at.as_microsecond();
        self.execute(sql, params![batch, at]).map(|_| ())
    }
}
