//! Writing about bills and differences. A run of a bill is the lease under which it was processed:
//! its fence numbers the run, and what a run did not find again is gone.

use jiff::Timestamp;
use rusqlite::params;
use tuikuan_domain::DifferenceId;
use tuikuan_domain::reconcile::{Class, DayState, DifferenceState, Healing, LineState, Repair};
use tuikuan_domain::{RefundId, Status};
use tuikuan_terms::{Fen, MchId};

use crate::bill::{Bill, BillAct, BillChange, DIFFERENCES_MAX, NewDifference, Sums};
use crate::error::CommitError;
use crate::job::{Guard, JobKey, Lane, Release};
use crate::sqlite::work::Work;
use crate::trouble::Trouble;

/// The difference of a number that is known from an earlier run.
struct Known {
    id: String,
    class: String,
    state: String,
    healing: Option<String>,
}

/// What one run of a bill writes under.
struct Run<'a> {
    bill: &'a Bill,
    mch_id: &'a MchId,
    number: i64,
    at: Timestamp,
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Work<'_> {
    pub(super) fn change_bills(&mut self, change: &BillChange) -> Result<(), Trouble> {
        if let Some(guard) = &change.guard {
            self.held(guard)?;
        }
        let at = change.at;
        match &change.act {
            BillAct::Want { bill, mch_id, due } => {
                if self.insert_bill(bill, at)? {
                    self.set_bill_job(bill, mch_id, *due)?;
                }
            }
            BillAct::Again { bill, mch_id } => {
                let sql = if self.insert_bill(bill, at)? {
                    "UPDATE bill_days SET by_hand = 1
                     WHERE merchant = ?1 AND day = ?2 AND kind = ?3"
                } else {
                    "UPDATE bill_days SET tries = 0
                     WHERE merchant = ?1 AND day = ?2 AND kind = ?3"
                };
                self.execute(sql, bill_key(bill))?;
                self.set_bill_job(bill, mch_id, at)?;
            }
            BillAct::Tried {
                bill,
                state,
                error,
                due,
            } => {
                self.bill_tried(bill, *state, error, at)?;
                self.end_job(change.guard.as_ref(), *due, at)?;
            }
            BillAct::Found {
                bill,
                mch_id,
                differences,
            } => {
                let run = self.run(change, bill, mch_id)?;
                if differences.len() > DIFFERENCES_MAX {
                    return Err(CommitError::Conflict.into());
                }
                for difference in differences {
                    self.put_difference(&run, difference)?;
                }
            }
            BillAct::Finish {
                bill,
                mch_id,
                state,
                hash,
                sums,
            } => {
                let run = self.run(change, bill, mch_id)?;
                self.finish_bill(&run, *state, hash.as_deref(), sums)?;
                self.end_job(change.guard.as_ref(), None, at)?;
            }
            BillAct::Settle { .. } => self.settle(change)?,
            BillAct::Resolve { id, note, by } => self.resolve(id, note, by, at)?,
        }
        match &change.audit {
            Some(entry) => self.append_audit(entry),
            None => Ok(()),
        }
    }

    fn run<'a>(
        &self,
        change: &'a BillChange,
        bill: &'a Bill,
        mch_id: &'a MchId,
    ) -> Result<Run<'a>, Trouble> {
        let guard = change.guard.as_ref().ok_or(CommitError::LeaseLost)?;
        Ok(Run {
            bill,
            mch_id,
            number: guard.fence,
            at: change.at,
        })
    }

    /// Notes that a bill is wanted; false when it is known.
    fn insert_bill(&mut self, bill: &Bill, at: Timestamp) -> Result<bool, Trouble> {
        let sql = "INSERT INTO bill_days (
                       merchant, day, kind, state, tries, wanted_at, run, lines, matched, payments,
                       payments_fen, refunds, refunds_fen, fees, fees_returned)
                   VALUES (?1, ?2, ?3, 'wanted', 0, ?4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
                   ON CONFLICT (merchant, day, kind) DO NOTHING";
        let (merchant, day, kind) = bill_key(bill);
        let row = params![merchant, day, kind, at.as_microsecond()];
        Ok(self.execute(sql, row)? == 1)
    }

    fn set_bill_job(&mut self, bill: &Bill, mch_id: &MchId, due: Timestamp) -> Result<(), Trouble> {
        let key = JobKey::Bill(bill.clone()).to_string();
        let lane = Lane::Bill(mch_id.clone()).to_string();
        self.set_job(&key, &lane, "", due.as_microsecond())
    }

    fn bill_tried(
        &mut self,
        bill: &Bill,
        state: DayState,
        error: &str,
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let sql = "UPDATE bill_days
                   SET state = ?4, tries = tries + 1, error = ?5, tried_at = ?6
                   WHERE merchant = ?1 AND day = ?2 AND kind = ?3";
        let (merchant, day, kind) = bill_key(bill);
        let row = params![
            merchant,
            day,
            kind,
            state.as_str(),
            error,
            at.as_microsecond()
        ];
        self.exactly_one(sql, row)
    }

    /// Ends the lease of a job: it is due again, or done.
    fn end_job(
        &mut self,
        guard: Option<&Guard>,
        due: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let guard = guard.ok_or(CommitError::LeaseLost)?;
        match due {
            Some(due) => self.release(&Release {
                guard: guard.clone(),
                due,
                now,
            }),
            None => self.delete_job(&guard.key),
        }
    }

    fn delete_job(&mut self, key: &JobKey) -> Result<(), Trouble> {
        self.execute("DELETE FROM jobs WHERE key = ?1", [key.to_string()])?;
        Ok(())
    }

    /// Writes a difference, or finds it again.
    fn put_difference(&mut self, run: &Run<'_>, new: &NewDifference) -> Result<(), Trouble> {
        let bill = run.bill;
        let sql = "SELECT id, class, state, healing FROM differences
                   WHERE out_refund_no = ?1 AND merchant = ?2 AND day = ?3 AND repetition = ?4";
        let row = params![
            new.out_refund_no,
            bill.merchant.as_str(),
            bill.day.to_string(),
            new.repetition
        ];
        let known = self.read(sql, row, |row| {
            Ok(Known {
                id: row.get(0)?,
                class: row.get(1)?,
                state: row.get(2)?,
                healing: row.get(3)?,
            })
        })?;
        match known {
            None => {
                self.insert_difference(run, new)?;
                self.plan_difference(run, new.id.as_str(), new)?;
            }
            Some(known) => self.find_again(run, &known, new)?,
        }
        match (&new.facts.refund_id, new.class) {
            (Some(refund), Class::LateByADay) if new.healing.is_some() => {
                self.shown_by(run, refund)
            }
            _ => Ok(()),
        }
    }

    /// The same again changes nothing, but what is still open is asked about again: its payment or
    /// its refund may have changed. Another class, or coming back after it was gone, opens it again.
    fn find_again(
        &mut self,
        run: &Run<'_>,
        known: &Known,
        new: &NewDifference,
    ) -> Result<(), Trouble> {
        // What waited for the next bill in vain is found waiting again by every later run.
        let waited = known.class == Class::OursOnly.as_str() && new.class == Class::LateByADay;
        let gone = known.healing.as_deref() == Some(Healing::Gone.as_str());
        let same = known.class == new.class.as_str() || (waited && new.healing.is_none());
        if same && !gone {
            let sql = "UPDATE differences SET run = ?2 WHERE id = ?1";
            self.exactly_one(sql, params![known.id, run.number])?;
            if known.state != DifferenceState::Open.as_str() {
                return Ok(());
            }
            return self.plan_difference(run, &known.id, new);
        }
        let at = run.at.as_microsecond();
        let settled = new.healing.map(|_| at);
        let state = state_of(new);
        let facts = &new.facts;
        let sql = "UPDATE differences SET
                       class = ?2, state = ?3, repair = ?4, healing = ?5, note = NULL,
                       settled_by = NULL, settled_at = ?6, run = ?7, refund_id = ?8,
                       our_amount = ?9, our_status = ?10, bill_amount = ?11, bill_state = ?12,
                       wechat_refund_id = ?13, transaction_id = ?14, out_trade_no = ?15,
                       accepted_at = ?16
                   WHERE id = ?1";
        let row = params![
            known.id,
            new.class.as_str(),
            state,
            new.repair.as_str(),
            new.healing.map(Healing::as_str),
            settled,
            run.number,
            facts.refund_id.as_ref().map(RefundId::as_str),
            facts.our_amount.map(Fen::get),
            facts.our_status.map(Status::as_str),
            facts.bill_amount.map(Fen::get),
            facts.bill_state.map(LineState::as_str),
            facts.wechat_refund_id,
            facts.transaction_id,
            facts.out_trade_no,
            facts.accepted_at.map(Timestamp::as_microsecond),
        ];
        self.exactly_one(sql, row)?;
        tracing::debug!(id = known.id, was = known.state, "a difference changed");
        self.plan_difference(run, &known.id, new)
    }

    fn insert_difference(&mut self, run: &Run<'_>, new: &NewDifference) -> Result<(), Trouble> {
        let facts = &new.facts;
        let at = run.at.as_microsecond();
        let sql = "INSERT INTO differences (
                       id, merchant, mch_id, day, out_refund_no, repetition, class, state, repair,
                       healing, found_at, settled_at, run, refund_id, our_amount, our_status,
                       bill_amount, bill_state, wechat_refund_id, transaction_id, out_trade_no,
                       accepted_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                       ?17, ?18, ?19, ?20, ?21, ?22)";
        let row = params![
            new.id.as_str(),
            run.bill.merchant.as_str(),
            run.mch_id.as_str(),
            run.bill.day.to_string(),
            new.out_refund_no,
            new.repetition,
            new.class.as_str(),
            state_of(new),
            new.repair.as_str(),
            new.healing.map(Healing::as_str),
            at,
            new.healing.map(|_| at),
            run.number,
            facts.refund_id.as_ref().map(RefundId::as_str),
            facts.our_amount.map(Fen::get),
            facts.our_status.map(Status::as_str),
            facts.bill_amount.map(Fen::get),
            facts.bill_state.map(LineState::as_str),
            facts.wechat_refund_id,
            facts.transaction_id,
            facts.out_trade_no,
            facts.accepted_at.map(Timestamp::as_microsecond),
        ];
        self.execute(sql, row).map(|_| ())
    }

    /// A query settles it, where one is proposed.
    fn plan_difference(
        &mut self,
        run: &Run<'_>,
        id: &str,
        new: &NewDifference,
    ) -> Result<(), Trouble> {
        if !matches!(new.repair, Repair::Query | Repair::Adopt) {
            return Ok(());
        }
        let key = format!("difference:{id}");
        let lane = Lane::Difference(run.mch_id.clone()).to_string();
        self.set_job(&key, &lane, "", run.at.as_microsecond())
    }

    /// This bill shows a refund that the bill of its own day did not.
    fn shown_by(&mut self, run: &Run<'_>, refund: &RefundId) -> Result<(), Trouble> {
        let sql = "UPDATE differences
                   SET state = 'healed', healing = 'other_bill', repair = 'nothing',
                       settled_at = ?3
                   WHERE refund_id = ?1 AND day <> ?2 AND state = 'open'
                     AND class IN ('ours_only', 'late_by_a_day')";
        let row = params![
            refund.as_str(),
            run.bill.day.to_string(),
            run.at.as_microsecond()
        ];
        self.execute(sql, row).map(|_| ())
    }

    fn finish_bill(
        &mut self,
        run: &Run<'_>,
        state: DayState,
        hash: Option<&str>,
        sums: &Sums,
    ) -> Result<(), Trouble> {
        let (merchant, day, kind) = bill_key(run.bill);
        let at = run.at.as_microsecond();
        let sql = "UPDATE bill_days SET
                       state = ?4, tries = 0, error = NULL, tried_at = ?5, fetched_at = ?5,
                       run = ?6, hash = ?7, lines = ?8, matched = ?9, payments = ?10,
                       payments_fen = ?11, refunds = ?12, refunds_fen = ?13, fees = ?14,
                       fees_returned = ?15
                   WHERE merchant = ?1 AND day = ?2 AND kind = ?3";
        let row = params![
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
        self.exactly_one(sql, row)?;
        if run.bill.kind != tuikuan_domain::reconcile::BillKind::Refunds {
            return Ok(());
        }
        let sql = "UPDATE differences
                   SET state = 'healed', healing = 'gone', repair = 'nothing', settled_at = ?4
                   WHERE merchant = ?1 AND day = ?2 AND state = 'open' AND run < ?3";
        let row = params![merchant, run.bill.day.to_string(), run.number, at];
        self.execute(sql, row)?;
        self.ask_again(run)?;
        self.end_waiting(run)
    }

    /// What was made elsewhere and did not fit into its payment, on any day: with each bill it is
    /// asked about again, since the payment may have room for it now (INV-39).
    fn ask_again(&mut self, run: &Run<'_>) -> Result<(), Trouble> {
        let sql = "INSERT INTO jobs (key, lane, step, due_at, fence, leased, hinted)
                   SELECT 'difference:' || id, ?2, '', ?3, 0, 0, 0
                   FROM differences INDEXED BY differences_open
                   WHERE merchant = ?1 AND state = 'open' AND class = 'wechat_only'
                     AND repair = 'review_payment'
                   ON CONFLICT (key) DO NOTHING";
        let lane = Lane::Difference(run.mch_id.clone()).to_string();
        let row = params![run.bill.merchant.as_str(), lane, run.at.as_microsecond()];
        if self.execute(sql, row)? > 0 {
            self.tally.effects.jobs = true;
        }
        Ok(())
    }

    /// What waited for this bill and is not in it.
    fn end_waiting(&mut self, run: &Run<'_>) -> Result<(), Trouble> {
        let Ok(before) = run.bill.day.yesterday() else {
            return Ok(());
        };
        let (merchant, before) = (run.bill.merchant.as_str(), before.to_string());
        let sql = "UPDATE differences SET repair = 'ask_wechat'
                   WHERE merchant = ?1 AND day = ?2 AND state = 'open'
                     AND class = 'ours_only' AND repair = 'wait_for_next_bill'";
        self.execute(sql, params![merchant, before])?;
        let sql = "INSERT INTO jobs (key, lane, step, due_at, fence, leased, hinted)
                   SELECT 'difference:' || id, ?3, '', ?4, 0, 0, 0 FROM differences
                   WHERE merchant = ?1 AND day = ?2 AND state = 'open' AND class = 'late_by_a_day'
                   ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, leased = 0";
        let lane = Lane::Difference(run.mch_id.clone()).to_string();
        let row = params![merchant, before, lane, run.at.as_microsecond()];
        if self.execute(sql, row)? > 0 {
            self.tally.effects.jobs = true;
        }
        let sql = "UPDATE differences SET class = 'ours_only', repair = 'query'
                   WHERE merchant = ?1 AND day = ?2 AND state = 'open' AND class = 'late_by_a_day'";
        self.execute(sql, params![merchant, before]).map(|_| ())
    }

    fn settle(&mut self, change: &BillChange) -> Result<(), Trouble> {
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
        let at = change.at.as_microsecond();
        // A person may have settled it in the meantime: that stays.
        let sql = "UPDATE differences
                   SET state = ?2, healing = ?3, repair = ?4, settled_at = ?5,
                       refund_id = coalesce(refund_id, ?6)
                   WHERE id = ?1 AND state = 'open'";
        let row = params![
            id.as_str(),
            state,
            healing.map(Healing::as_str),
            repair.as_str(),
            healing.map(|_| at),
            refund_id.as_ref().map(RefundId::as_str),
        ];
        self.execute(sql, row)?;
        self.end_job(change.guard.as_ref(), None, change.at)
    }

    fn resolve(
        &mut self,
        id: &DifferenceId,
        note: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let sql = "UPDATE differences
                   SET state = 'resolved', repair = 'nothing', note = ?2, settled_by = ?3,
                       settled_at = ?4
                   WHERE id = ?1 AND state = 'open'";
        let row = params![id.as_str(), note, by, at.as_microsecond()];
        self.exactly_one(sql, row)?;
        self.delete_job(&JobKey::Difference(id.clone()))
    }
}

fn bill_key(bill: &Bill) -> (&str, String, &'static str) {
    (
        bill.merchant.as_str(),
        bill.day.to_string(),
        bill.kind.as_str(),
    )
}

fn state_of(new: &NewDifference) -> &'static str {
    match new.healing {
        Some(_) => "healed",
        None => "open",
    }
}
