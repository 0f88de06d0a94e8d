//! Claiming and planning jobs. Claims do not wait for a writer: with `SKIP LOCKED` nobody is in the way
//! of anybody.

use jiff::Timestamp;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::{Plan, RefundId, Step};

use crate::change::{Change, NewDelivery};
use crate::error::{CommitError, ReadError};
use crate::job::{Claim, Claimed, Guard, JobKey, Lane, PARKED, Release};
use crate::postgres::burst::Statement;
use crate::postgres::commit::Group;
use crate::postgres::settle::Tries;
use crate::postgres::{Postgres, Shared, sql};
use crate::rows::Row;
use crate::rows::lease::{JobRow, claimed_job};
use crate::store::LeaseClock;
use crate::trouble::Trouble;

/// What becomes of a job.
pub(super) enum JobWrite {
    /// It is set: a lease that somebody holds ends.
    Set {
        key: String,
        lane: String,
        step: &'static str,
        due: i64,
    },
    /// It moves, if there is one.
    Move {
        key: String,
        due: Option<i64>,
        /// Whether a lease goes on.
        held: bool,
        hint: Hint,
    },
    /// It ends.
    End { key: String },
}

/// What becomes of a job's hint.
#[derive(Clone, Copy)]
pub(super) enum Hint {
    Set,
    Keep,
    Clear,
    /// A query takes it, other steps keep it.
    Taken,
}

impl Hint {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Keep => "keep",
            Self::Clear => "clear",
            Self::Taken => "taken",
        }
    }
}

impl JobWrite {
    /// The job of a new delivery.
    pub(super) fn delivery(delivery: &NewDelivery, at: Timestamp) -> Self {
        Self::Set {
            key: JobKey::Delivery(delivery.id.clone()).to_string(),
            lane: Lane::Webhook(delivery.endpoint_id.clone()).to_string(),
            step: "",
            due: at.as_microsecond(),
        }
    }
}

/// The statements that write them.
pub(super) fn write_jobs(writes: &[JobWrite]) -> Vec<Statement<'_>> {
    let (mut sets, mut moves, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for write in writes {
        match write {
            JobWrite::Set {
                key,
                lane,
                step,
                due,
            } => sets.push((key.as_str(), lane.as_str(), *step, *due)),
            JobWrite::Move {
                key,
                due,
                held,
                hint,
            } => moves.push((key.as_str(), *due, *held, hint.as_str())),
            JobWrite::End { key } => ends.push(key.as_str()),
        }
    }
    sets.sort_unstable();
    let mut statements = Vec::new();
    if !sets.is_empty() {
        let (mut keys, mut lanes, mut steps, mut dues) = (vec![], vec![], vec![], vec![]);
        for (key, lane, step, due) in sets {
            keys.push(key);
            lanes.push(lane);
            steps.push(step);
            dues.push(due);
        }
        let columns: Vec<crate::postgres::burst::Column<'_>> = vec![
            Box::new(keys),
            Box::new(lanes),
            Box::new(steps),
            Box::new(dues),
        ];
        statements.push(Statement::new(sql::JOB_SET, columns));
    }
    if !moves.is_empty() {
        let (mut keys, mut dues, mut helds, mut hints) = (vec![], vec![], vec![], vec![]);
        for (key, due, held, hint) in moves {
            keys.push(key);
            dues.push(due);
            helds.push(held);
            hints.push(hint);
        }
        let columns: Vec<crate::postgres::burst::Column<'_>> = vec![
            Box::new(keys),
            Box::new(dues),
            Box::new(helds),
            Box::new(hints),
        ];
        statements.push(Statement::new(sql::JOB_MOVE, columns));
    }
    if !ends.is_empty() {
        statements.push(Statement::new(sql::JOB_END, vec![Box::new(ends)]));
    }
    statements
}

impl Group<'_> {
    pub(super) fn job(&mut self, write: Option<JobWrite>) {
        let Some(write) = write else {
            return;
        };
        let due = matches!(
            write,
            JobWrite::Set { .. }
                | JobWrite::Move {
                    hint: Hint::Keep | Hint::Taken,
                    ..
                }
        );
        if due {
            self.tally.effects.jobs = true;
        }
        self.rows.jobs.push(write);
    }

    /// Whether the lease is still held (INV-24).
    pub(super) fn held(&self, guard: &Guard) -> Result<(), Trouble> {
        if planted::is(Bug::FenceIgnored) {
            return Ok(());
        }
        self.held_row(guard).map(|_| ())
    }

    fn held_row(&self, guard: &Guard) -> Result<&JobRow, Trouble> {
        match self.found.jobs.get(&guard.key.to_string()) {
            Some(row) if row.leased && row.fence == guard.fence => Ok(row),
            Some(_) | None => Err(CommitError::LeaseLost.into()),
        }
    }

    pub(super) fn release(&mut self, release: &Release) -> Result<(), Trouble> {
        let row = self.held_row(&release.guard)?;
        let mut due = release.due.as_microsecond();
        if row.step == Step::Query.as_str() {
            due = row.hinted_due(due, release.now.as_microsecond(), self.forwarded_us);
        }
        self.job(Some(JobWrite::Move {
            key: release.guard.key.to_string(),
            due: Some(due),
            held: false,
            hint: Hint::Taken,
        }));
        Ok(())
    }

    /// What becomes of the refund's job.
    pub(super) fn plan(&self, change: &Change) -> Result<Option<JobWrite>, Trouble> {
        let Some(subject) = change.subject() else {
            return Ok(None);
        };
        match change.plan {
            Plan::Keep => Ok(None),
            Plan::Forward => self.forward(subject, change.at),
            Plan::Done => Ok(Some(self.done(change, subject))),
            Plan::At(step, due) => {
                let lane = match &change.refund {
                    Some(changed) => {
                        Lane::of_step(step, &changed.record.mch_id, changed.record.origin)
                    }
                    None => self.lane_of(step, subject)?,
                };
                let key = JobKey::Refund(subject.clone()).to_string();
                let mut due = due.as_microsecond();
                // A new refund has none yet.
                if let (Some(row), Step::Query) = (self.found.jobs.get(&key), step) {
                    due = row.hinted_due(due, change.at.as_microsecond(), self.forwarded_us);
                }
                Ok(Some(JobWrite::Set {
                    key,
                    lane: lane.to_string(),
                    step: step.as_str(),
                    due,
                }))
            }
        }
    }

    fn done(&self, change: &Change, subject: &RefundId) -> JobWrite {
        let key = JobKey::Refund(subject.clone()).to_string();
        let ended = match &change.refund {
            Some(changed) => changed.record.status.is_end(),
            None => {
                let before = self.found.refunds.get(subject.as_str());
                before.is_none_or(|before| before.indexed.ended_at.is_some())
            }
        };
        match ended {
            true => JobWrite::End { key },
            false => JobWrite::Move {
                key,
                due: Some(PARKED),
                held: false,
                hint: Hint::Clear,
            },
        }
    }

    /// A query is wanted now. A job with another step than a query is left alone: the refund has
    /// moved on since the hint.
    pub(super) fn forward(
        &self,
        refund: &RefundId,
        now: Timestamp,
    ) -> Result<Option<JobWrite>, Trouble> {
        let key = JobKey::Refund(refund.clone()).to_string();
        let now = now.as_microsecond();
        match self.found.jobs.get(&key) {
            Some(row) if row.leased => Ok(Some(JobWrite::Move {
                key,
                due: None,
                held: true,
                hint: Hint::Set,
            })),
            Some(row) if row.step == Step::Query.as_str() => {
                let due = row.due_at.min(row.forwarded(now, self.forwarded_us));
                let sooner = due < row.due_at;
                Ok(sooner.then_some(JobWrite::Move {
                    key,
                    due: Some(due),
                    held: true,
                    hint: Hint::Keep,
                }))
            }
            Some(_) => Ok(None),
            None => Ok(Some(JobWrite::Set {
                key,
                lane: self.lane_of(Step::Query, refund)?.to_string(),
                step: Step::Query.as_str(),
                due: now,
            })),
        }
    }

    fn lane_of(&self, step: Step, refund: &RefundId) -> Result<Lane, Trouble> {
        let before = self.found.refunds.get(refund.as_str());
        let (mch_id, origin) = &before.ok_or(CommitError::Conflict)?.lane;
        Ok(Lane::of_step(step, mch_id, *origin))
    }
}

impl Postgres {
    /// The time by which leases are judged, unless it is the caller's.
    pub(crate) async fn clock(&self) -> Result<Option<Timestamp>, ReadError> {
        if self.0.lease_clock == LeaseClock::Caller {
            return Ok(None);
        }
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT";
        let found = self.one(sql, &[], |row| row.get::<i64>(0)).await?;
        let read = found.map(Timestamp::from_microsecond).transpose();
        read.map_err(|_foreign| ReadError::Corrupt { what: "clock" })
    }

    /// Leases due jobs. When the answer to it is lost, the leases expire and somebody rescues the jobs:
    /// nothing is assumed about it.
    pub(crate) async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, CommitError> {
        let shared = &self.0;
        shared.steps.pause().await;
        let claimed = shared.claim(&claim).await;
        shared.steps.pause().await;
        claimed
    }
}

impl Shared {
    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, CommitError> {
        let mut tries = Tries::new();
        loop {
            if self.signals.fatal.borrow().is_some() {
                return Err(self.signals.stopped());
            }
            match self.claim_once(claim).await {
                Ok(claimed) => return Ok(claimed),
                Err(trouble) => tries.again(trouble, self).await?,
            }
        }
    }

    async fn claim_once(&self, claim: &Claim) -> Result<Vec<Claimed>, Trouble> {
        let now = match self.lease_clock {
            LeaseClock::Database => None,
            LeaseClock::Caller => Some(claim.now.as_microsecond()),
        };
        let lane = claim.lane.to_string();
        let lease = i64::try_from(claim.lease.as_micros()).unwrap_or(i64::MAX);
        let client = self.writers.get().await?;
        let statement = client.prepare_cached(sql::CLAIM).await?;
        let values = values![lane, now, i64::from(claim.limit), lease];
        let rows = client.query(&statement, values).await?;
        let read = |stored| -> Result<Claimed, Trouble> {
            let row = Row::Postgres(stored);
            let (key, step): (String, String) = (row.get(0)?, row.get(1)?);
            claimed_job(&key, &step, row.get(2)?, (row.get(3)?, row.get(4)?))
        };
        let mut claimed: Vec<Claimed> = rows.iter().map(read).collect::<Result<_, _>>()?;
        claimed.sort_by_key(|job| job.due_at);
        Ok(claimed)
    }
}
