//! One job at a time, within a transaction that does not concern many: its lease, its plan. What many
//! callers do at once is done for all of them together, see [`super::jobs`].

use jiff::Timestamp;
use tuikuan_domain::Step;
use tuikuan_domain::planted::{self, Bug};

use crate::error::CommitError;
use crate::ids::DeliveryId;
use crate::job::{Guard, JobKey, Lane, Release};
use crate::postgres::work::Work;
use crate::rows::lease::JobRow;
use crate::trouble::Trouble;

impl Work<'_> {
    /// A job's row, which nobody else changes until the commit.
    pub(super) async fn job_row(&self, key: &str) -> Result<Option<JobRow>, Trouble> {
        let sql = "SELECT step, due_at, fence, leased, claimed_at, hinted FROM jobs
                   WHERE key = $1 FOR UPDATE";
        self.read(sql, values![key], JobRow::of).await
    }

    /// Whether the lease is still held (INV-24).
    pub(super) async fn held(&self, guard: &Guard) -> Result<(), Trouble> {
        if planted::is(Bug::FenceIgnored) {
            return Ok(());
        }
        self.held_row(guard).await.map(|_| ())
    }

    async fn held_row(&self, guard: &Guard) -> Result<JobRow, Trouble> {
        match self.job_row(&guard.key.to_string()).await? {
            Some(row) if row.leased && row.fence == guard.fence => Ok(row),
            Some(_) | None => Err(CommitError::LeaseLost.into()),
        }
    }

    pub(super) async fn release(&mut self, release: &Release) -> Result<(), Trouble> {
        let row = self.held_row(&release.guard).await?;
        let mut due = release.due.as_microsecond();
        if row.step == Step::Query.as_str() {
            due = row.hinted_due(due, release.now.as_microsecond(), self.forwarded_us);
        }
        let sql = "UPDATE jobs SET leased = FALSE, due_at = $2,
                       hinted = CASE step WHEN 'query' THEN FALSE ELSE hinted END
                   WHERE key = $1";
        self.exactly_one(sql, values![release.guard.key.to_string(), due])
            .await?;
        self.tally.effects.jobs = true;
        Ok(())
    }

    /// Sets a job. A lease that somebody holds ends: the newer plan counts.
    pub(super) async fn set_job(
        &mut self,
        key: &str,
        lane: &str,
        step: &str,
        due: i64,
    ) -> Result<(), Trouble> {
        let sql = "INSERT INTO jobs (key, lane, step, due_at, fence, leased, hinted)
                   VALUES ($1, $2, $3, $4, 0, FALSE, FALSE)
                   ON CONFLICT (key) DO UPDATE
                   SET lane = $2, step = $3, due_at = $4, leased = FALSE, hinted = FALSE";
        self.execute(sql, values![key, lane, step, due]).await?;
        self.tally.effects.jobs = true;
        Ok(())
    }

    pub(super) async fn set_delivery_job(
        &mut self,
        id: &DeliveryId,
        lane: &Lane,
        due: Timestamp,
    ) -> Result<(), Trouble> {
        let key = JobKey::Delivery(id.clone()).to_string();
        self.set_job(&key, &lane.to_string(), "", due.as_microsecond())
            .await
    }
}
