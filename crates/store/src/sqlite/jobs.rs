//! Claiming and planning jobs. PostgreSQL claims with `FOR UPDATE SKIP LOCKED`; here the single
//! writer makes a plain read and write safe.

use jiff::Timestamp;
use rusqlite::params;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::{Plan, RefundId, Source, Step};
use tuikuan_terms::MchId;

use crate::change::{Change, NewDelivery};
use crate::error::{CommitError, DatabaseError, ReadError};
use crate::ids::DeliveryId;
use crate::job::{Claim, Claimed, Guard, JobKey, Lane, PARKED, Release};
use crate::rows::lease::{JobRow, claimed_job};
use crate::sqlite::read::one;
use crate::sqlite::work::Work;
use crate::trouble::{Trouble, UNREADABLE};

impl Work<'_> {
    fn job_row(&self, key: &str) -> Result<Option<JobRow>, Trouble> {
        let sql = "SELECT step, due_at, fence, leased, claimed_at, hinted FROM jobs WHERE key = ?1";
        let row = one(self.connection, sql, [key], JobRow::of);
        row.map_err(|error| match error {
            ReadError::Database {
                source: DatabaseError::Sqlite(source),
            } => source.as_ref().into(),
            _ => Trouble::Refused(UNREADABLE),
        })
    }

    /// Whether the lease is still held (INV-24).
    pub(super) fn held(&self, guard: &Guard) -> Result<(), Trouble> {
        if planted::is(Bug::FenceIgnored) {
            return Ok(());
        }
        self.held_row(guard).map(|_| ())
    }

    fn held_row(&self, guard: &Guard) -> Result<JobRow, Trouble> {
        match self.job_row(&guard.key.to_string())? {
            Some(row) if row.leased && row.fence == guard.fence => Ok(row),
            Some(_) | None => Err(CommitError::LeaseLost.into()),
        }
    }

    pub(super) fn claim(&mut self, claim: &Claim) -> Result<Vec<Claimed>, Trouble> {
        let now = claim.now.as_microsecond();
        let lane = claim.lane.to_string();
        let due = self.due(&lane, now, claim.limit)?;
        let count = i64::try_from(due.len()).unwrap_or(i64::MAX);
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut fence = self
            .draw_fences(count)?
            .checked_sub(count)
            .ok_or(Trouble::Refused(UNREADABLE))?;
        let until = tuikuan_domain::after(claim.now, claim.lease).as_microsecond();
        let mut claimed = Vec::with_capacity(due.len());
        for (key, step, due_at, rescued) in due {
            fence = fence.saturating_add(1);
            let sql = "UPDATE jobs SET fence = ?2, leased = 1, claimed_at = ?3, due_at = ?4,
                           hinted = CASE step WHEN 'query' THEN 0 ELSE hinted END
                       WHERE key = ?1";
            if self.execute(sql, params![key, fence, now, until])? != 1 {
                return Err(CommitError::Conflict.into());
            }
            claimed.push(claimed_job(&key, &step, due_at, (fence, rescued))?);
        }
        Ok(claimed)
    }

    /// The last of so many new fences. One sequence for all jobs: a fence never comes again, even for a
    /// job that came again.
    pub(super) fn draw_fences(&mut self, count: i64) -> Result<i64, Trouble> {
        let sql = "UPDATE meta SET number = number + ?1 WHERE name = 'fence'";
        self.execute(sql, [count])?;
        let sql = "SELECT number FROM meta WHERE name = 'fence'";
        let last = self.read(sql, [], |row| row.get(0))?;
        last.ok_or(Trouble::Refused(UNREADABLE))
    }

    /// Due jobs of a lane: key, step, due time, and whether a lease expired.
    fn due(&self, lane: &str, now: i64, limit: u32) -> Result<Vec<DueRow>, Trouble> {
        let sql = "SELECT key, step, due_at, leased FROM jobs
                   WHERE lane = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![lane, now, limit], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn release(&mut self, release: &Release) -> Result<(), Trouble> {
        let row = self.held_row(&release.guard)?;
        let mut due = release.due.as_microsecond();
        if row.step == Step::Query.as_str() {
            due = row.hinted_due(due, release.now.as_microsecond(), self.forwarded_us);
        }
        let sql = "UPDATE jobs SET leased = 0, due_at = ?2,
                       hinted = CASE step WHEN 'query' THEN 0 ELSE hinted END
                   WHERE key = ?1";
        self.execute(sql, params![release.guard.key.to_string(), due])?;
        self.tally.effects.jobs = true;
        Ok(())
    }

    /// What becomes of the refund's job.
    pub(super) fn plan(&mut self, change: &Change, subject: &RefundId) -> Result<(), Trouble> {
        match change.plan {
            Plan::Keep => Ok(()),
            Plan::Forward => self.forward(subject, change.at),
            Plan::Done => self.done(change, subject),
            Plan::At(step, due) => {
                let (mch_id, origin) = match &change.refund {
                    Some(changed) => (changed.record.mch_id.clone(), changed.record.origin),
                    None => self.lane_of(subject)?,
                };
                let lane = Lane::of_step(step, &mch_id, origin).to_string();
                let key = JobKey::Refund(subject.clone()).to_string();
                let new = matches!(&change.refund, Some(changed) if changed.replaces.is_none());
                let row = if new { None } else { self.job_row(&key)? };
                let mut due = due.as_microsecond();
                if let (Some(row), Step::Query) = (&row, step) {
                    due = row.hinted_due(due, change.at.as_microsecond(), self.forwarded_us);
                }
                self.set_job(&key, &lane, step.as_str(), due)
            }
        }
    }

    /// Sets a job. A lease that somebody holds ends: the newer plan counts.
    pub(super) fn set_job(
        &mut self,
        key: &str,
        lane: &str,
        step: &str,
        due: i64,
    ) -> Result<(), Trouble> {
        let sql = "INSERT INTO jobs (key, lane, step, due_at, fence, leased, hinted)
                   VALUES (?1, ?2, ?3, ?4, 0, 0, 0)
                   ON CONFLICT (key) DO UPDATE
                   SET lane = ?2, step = ?3, due_at = ?4, leased = 0, hinted = 0";
        self.execute(sql, params![key, lane, step, due])?;
        self.tally.effects.jobs = true;
        Ok(())
    }

    fn done(&mut self, change: &Change, subject: &RefundId) -> Result<(), Trouble> {
        let ended = match &change.refund {
            Some(changed) => changed.record.status.is_end(),
            None => {
                let sql = "SELECT ended_at IS NOT NULL FROM refunds WHERE id = ?1";
                let ended = self.read(sql, [subject.as_str()], |row| row.get(0))?;
                ended.unwrap_or(true)
            }
        };
        let key = JobKey::Refund(subject.clone()).to_string();
        let sql = if ended {
            "DELETE FROM jobs WHERE key = ?1 AND ?2 IS NOT NULL"
        } else {
            "UPDATE jobs SET due_at = ?2, leased = 0, hinted = 0 WHERE key = ?1"
        };
        self.execute(sql, params![key, PARKED])?;
        Ok(())
    }

    /// A query is wanted now. A job with another step than a query is left alone: the refund has
    /// moved on since the hint.
    pub(super) fn forward(&mut self, refund: &RefundId, now: Timestamp) -> Result<(), Trouble> {
        let key = JobKey::Refund(refund.clone()).to_string();
        let now = now.as_microsecond();
        match self.job_row(&key)? {
            Some(row) if row.leased => {
                self.execute(
                    "UPDATE jobs SET hinted = 1 WHERE key = ?1 AND hinted = 0",
                    [key],
                )?;
            }
            Some(row) if row.step == Step::Query.as_str() => {
                let due = row.due_at.min(row.forwarded(now, self.forwarded_us));
                if due < row.due_at {
                    let sql = "UPDATE jobs SET due_at = ?2 WHERE key = ?1";
                    self.execute(sql, params![key, due])?;
                    self.tally.effects.jobs = true;
                }
            }
            Some(_) => {}
            None => {
                let (mch_id, origin) = self.lane_of(refund)?;
                let lane = Lane::of_step(Step::Query, &mch_id, origin).to_string();
                self.set_job(&key, &lane, Step::Query.as_str(), now)?;
            }
        }
        Ok(())
    }

    /// What the lane of a refund depends on.
    fn lane_of(&self, refund: &RefundId) -> Result<(MchId, Source), Trouble> {
        let sql = "SELECT mch_id, origin FROM refunds WHERE id = ?1";
        let found: Option<(String, String)> =
            self.read(sql, [refund.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (mch_id, origin) = found.ok_or(CommitError::Conflict)?;
        match (mch_id.parse(), Source::parse(&origin)) {
            (Ok(mch_id), Some(origin)) => Ok((mch_id, origin)),
            _ => Err(Trouble::Refused(UNREADABLE)),
        }
    }

    pub(super) fn insert_delivery(
        &mut self,
        delivery: &NewDelivery,
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let sql = "INSERT INTO deliveries (
                       id, endpoint_id, refund_id, seq, event_type, body, status, attempts,
                       created_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', 0, ?7)";
        self.execute(
            sql,
            params![
                delivery.id.as_str(),
                delivery.endpoint_id.as_str(),
                delivery.refund_id.as_str(),
                delivery.seq,
                delivery.event_type,
                delivery.body,
                at.as_microsecond(),
            ],
        )?;
        let lane = Lane::Webhook(delivery.endpoint_id.clone());
        self.set_delivery_job(&delivery.id, &lane, at)
    }

    pub(super) fn set_delivery_job(
        &mut self,
        id: &DeliveryId,
        lane: &Lane,
        due: Timestamp,
    ) -> Result<(), Trouble> {
        let key = JobKey::Delivery(id.clone()).to_string();
        self.set_job(&key, &lane.to_string(), "", due.as_microsecond())
    }
}

type DueRow = (String, String, i64, bool);
