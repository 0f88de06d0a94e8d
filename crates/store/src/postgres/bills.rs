//! Writing about bills and differences. A run of a bill is the lease under which it was processed:
//! its fence numbers the run, and what a run did not find again is gone.
//!
//! Only acts of administration write here, one after the other. Jobs are set before a row that refers
//! to a refund: whoever works on a difference holds its job, and then its refund.

use jiff::Timestamp;
use tuikuan_domain::reconcile::{BillKind, DayState, Healing};
use tuikuan_domain::{DifferenceId, RefundId};
use tuikuan_terms::MchId;

use crate::bill::{Bill, BillAct, BillChange, Sums};
use crate::error::CommitError;
use crate::job::{Guard, JobKey, Lane, Release};
use crate::postgres::work::Work;
use crate::trouble::Trouble;

mod found;

/// What one run of a bill writes under.
struct Run<'a> {
    bill: &'a Bill,
    mch_id: &'a MchId,
    number: i64,
    at: Timestamp,
}

impl<'a> Run<'a> {
    fn of(change: &'a BillChange, bill: &'a Bill, mch_id: &'a MchId) -> Result<Self, Trouble> {
        let guard = change.guard.as_ref().ok_or(CommitError::LeaseLost)?;
        Ok(Self {
            bill,
            mch_id,
            number: guard.fence,
            at: change.at,
        })
    }

    fn lane(&self) -> String {
        Lane::Difference(self.mch_id.clone()).to_string()
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Work<'_> {
    pub(super) async fn change_bills(&mut self, change: &BillChange) -> Result<(), Trouble> {
        if let Some(guard) = &change.guard {
            self.held(guard).await?;
        }
        let at = change.at;
        match &change.act {
            BillAct::Want { bill, mch_id, due } => {
                if self.insert_bill(bill, at).await? {
                    self.set_bill_job(bill, mch_id, *due).await?;
                }
            }
            BillAct::Again { bill, mch_id } => self.bill_again(bill, mch_id, at).await?,
            BillAct::Tried {
                bill,
                state,
                error,
                due,
            } => {
                self.bill_tried(bill, *state, error, at).await?;
                self.end_job(change.guard.as_ref(), *due, at).await?;
            }
            BillAct::Found {
                bill,
                mch_id,
                differences,
            } => {
                let run = Run::of(change, bill, mch_id)?;
                self.put_differences(&run, differences).await?;
            }
            BillAct::Finish {
                bill,
                mch_id,
                state,
                hash,
                sums,
            } => {
                let run = Run::of(change, bill, mch_id)?;
                self.finish_bill(&run, *state, hash.as_deref(), sums)
                    .await?;
                self.end_job(change.guard.as_ref(), None, at).await?;
            }
            BillAct::Settle { .. } => self.settle(change).await?,
            BillAct::Resolve { id, note, by } => self.resolve(id, note, by, at).await?,
        }
        match &change.audit {
            Some(entry) => self.append_audit(entry).await,
            None => Ok(()),
        }
    }

    /// Notes that a bill is wanted; false when it is known.
    async fn insert_bill(&mut self, bill: &Bill, at: Timestamp) -> Result<bool, Trouble> {
        let sql = "INSERT INTO bill_days (
                       merchant, day, kind, state, tries, wanted_at, run, lines, matched, payments,
                       payments_fen, refunds, refunds_fen, fees, fees_returned)
                   VALUES ($1, $2, $3, 'wanted', 0, $4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
                   ON CONFLICT (merchant, day, kind) DO NOTHING";
        let (merchant, day, kind) = bill_key(bill);
        let row = values![merchant, day, kind, at.as_microsecond()];
        Ok(self.execute(sql, row).await? == 1)
    }

    async fn bill_again(
        &mut self,
        bill: &Bill,
        mch_id: &MchId,
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let sql = if self.insert_bill(bill, at).await? {
            "UPDATE bill_days SET by_hand = TRUE
             WHERE merchant = $1 AND day = $2 AND kind = $3"
        } else {
            "UPDATE bill_days SET tries = 0
             WHERE merchant = $1 AND day = $2 AND kind = $3"
        };
        let (merchant, day, kind) = bill_key(bill);
        self.execute(sql, values![merchant, day, kind]).await?;
        self.set_bill_job(bill, mch_id, at).await
    }

    async fn set_bill_job(
        &mut self,
        bill: &Bill,
        mch_id: &MchId,
        due: Timestamp,
    ) -> Result<(), Trouble> {
        let key = JobKey::Bill(bill.clone()).to_string();
        let lane = Lane::Bill(mch_id.clone()).to_string();
        self.set_job(&key, &lane, "", due.as_microsecond()).await
    }

    async fn bill_tried(
        &mut self,
        bill: &Bill,
        state: DayState,
        error: &str,
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let sql = "UPDATE bill_days
                   SET state = $4, tries = tries + 1, error = $5, tried_at = $6
                   WHERE merchant = $1 AND day = $2 AND kind = $3";
        let (merchant, day, kind) = bill_key(bill);
        let row = values![
            merchant,
            day,
            kind,
            state.as_str(),
            error,
            at.as_microsecond()
        ];
        self.exactly_one(sql, row).await
    }

    /// Ends the lease of a job: it is due again, or done.
    async fn end_job(
        &mut self,
        guard: Option<&Guard>,
        due: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let guard = guard.ok_or(CommitError::LeaseLost)?;
        match due {
            Some(due) => {
                self.release(&Release {
                    guard: guard.clone(),
                    due,
                    now,
                })
                .await
            }
            None => self.delete_job(&guard.key).await,
        }
    }

    async fn delete_job(&mut self, key: &JobKey) -> Result<(), Trouble> {
        let sql = "DELETE FROM jobs WHERE key = $1";
        self.execute(sql, values![key.to_string()])
            .await
            .map(|_| ())
    }
}

/// What ends a run, or a difference.
impl Work<'_> {
    async fn finish_bill(
        &mut self,
        run: &Run<'_>,
        state: DayState,
        hash: Option<&str>,
        sums: &Sums,
    ) -> Result<(), Trouble> {
        let (merchant, day, kind) = bill_key(run.bill);
        let at = run.at.as_microsecond();
        let sql = "UPDATE bill_days SET
                       state = $4, tries = 0, error = NULL, tried_at = $5, fetched_at = $5,
                       run = $6, hash = $7, lines = $8, matched = $9, payments = $10,
                       payments_fen = $11, refunds = $12, refunds_fen = $13, fees = $14,
                       fees_returned = $15
                   WHERE merchant = $1 AND day = $2 AND kind = $3";
        let row = values![
            merchant,
            day,
            kind,
            state.as_str(),
            at,
            run.number,
            hash,
            signed(sums.lines),
            signed(sums.matched),
            signed(sums.payments),
            sums.payments_fen,
            signed(sums.refunds),
            sums.refunds_fen,
            sums.fees,
            sums.fees_returned,
        ];
        self.exactly_one(sql, row).await?;
        if run.bill.kind != BillKind::Refunds {
            return Ok(());
        }
        let sql = "UPDATE differences
                   SET state = 'healed', healing = 'gone', repair = 'nothing', settled_at = $4
                   WHERE merchant = $1 AND day = $2 AND state = 'open' AND run < $3";
        self.execute(sql, values![merchant, day, run.number, at])
            .await?;
        self.ask_again(run).await?;
        self.end_waiting(run).await
    }

    /// What was made elsewhere and did not fit into its payment, on any day: with each bill it is
    /// asked about again, since the payment may have room for it now (INV-39).
    async fn ask_again(&mut self, run: &Run<'_>) -> Result<(), Trouble> {
        let sql = "INSERT INTO jobs (key, lane, step, due_at, fence, leased, hinted)
                   SELECT 'difference:' || id, $2::TEXT, '', $3::BIGINT, 0, FALSE, FALSE
                   FROM differences
                   WHERE merchant = $1 AND state = 'open' AND class = 'wechat_only'
                     AND repair = 'review_payment'
                   ORDER BY id
                   ON CONFLICT (key) DO NOTHING";
        let merchant = run.bill.merchant.as_str();
        let row = values![merchant, run.lane(), run.at.as_microsecond()];
        if self.execute(sql, row).await? > 0 {
            self.tally.effects.jobs = true;
        }
        Ok(())
    }

    /// What waited for this bill and is not in it.
    async fn end_waiting(&mut self, run: &Run<'_>) -> Result<(), Trouble> {
        let Ok(before) = run.bill.day.yesterday() else {
            return Ok(());
        };
        let (merchant, before) = (run.bill.merchant.as_str(), before.to_string());
        let sql = "INSERT INTO jobs (key, lane, step, due_at, fence, leased, hinted)
                   SELECT 'difference:' || id, $3::TEXT, '', $4::BIGINT, 0, FALSE, FALSE FROM differences
                   WHERE merchant = $1 AND day = $2 AND state = 'open' AND class = 'late_by_a_day'
                   ORDER BY id
                   ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, leased = FALSE";
        let row = values![merchant, before, run.lane(), run.at.as_microsecond()];
        if self.execute(sql, row).await? > 0 {
            self.tally.effects.jobs = true;
        }
        let sql = "UPDATE differences SET repair = 'ask_wechat'
                   WHERE merchant = $1 AND day = $2 AND state = 'open'
                     AND class = 'ours_only' AND repair = 'wait_for_next_bill'";
        self.execute(sql, values![merchant, before]).await?;
        let sql = "UPDATE differences SET class = 'ours_only', repair = 'query'
                   WHERE merchant = $1 AND day = $2 AND state = 'open' AND class = 'late_by_a_day'";
        self.execute(sql, values![merchant, before])
            .await
            .map(|_| ())
    }

    async fn settle(&mut self, change: &BillChange) -> Result<(), Trouble> {
        let BillAct::Settle {
            id,
            healing,
            repair,
            refund_id,
        } = &change.act
        else {
            return Err(CommitError::Conflict.into());
        };
        let state = if healing.is_some() { "healed" } else { "open" };
        // A person may have settled it in the meantime: that stays.
        let sql = "UPDATE differences
                   SET state = $2, healing = $3, repair = $4, settled_at = $5,
                       refund_id = coalesce(refund_id, $6)
                   WHERE id = $1 AND state = 'open'";
        let row = values![
            id.as_str(),
            state,
            healing.map(Healing::as_str),
            repair.as_str(),
            healing.map(|_| change.at.as_microsecond()),
            refund_id.as_ref().map(RefundId::as_str),
        ];
        self.execute(sql, row).await?;
        self.end_job(change.guard.as_ref(), None, change.at).await
    }

    async fn resolve(
        &mut self,
        id: &DifferenceId,
        note: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let sql = "UPDATE differences
                   SET state = 'resolved', repair = 'nothing', note = $2, settled_by = $3,
                       settled_at = $4
                   WHERE id = $1 AND state = 'open'";
        let row = values![id.as_str(), note, by, at.as_microsecond()];
        self.exactly_one(sql, row).await?;
        self.delete_job(&JobKey::Difference(id.clone())).await
    }
}

fn bill_key(bill: &Bill) -> (&str, String, &'static str) {
    (
        bill.merchant.as_str(),
        bill.day.to_string(),
        bill.kind.as_str(),
    )
}
