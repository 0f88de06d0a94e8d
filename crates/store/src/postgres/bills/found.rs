//! The differences that a run finds, some at a time.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use tuikuan_domain::reconcile::{Class, DifferenceState, Healing, LineState, Repair};
use tuikuan_domain::{RefundId, Status};
use tuikuan_terms::Fen;

use super::Run;
use crate::bill::{DIFFERENCES_MAX, NewDifference};
use crate::error::CommitError;
use crate::postgres::work::Work;
use crate::trouble::Trouble;

/// The difference of a number that is known from an earlier run.
struct Known {
    id: String,
    class: String,
    state: String,
    healing: Option<String>,
}

/// Known differences by number and repetition.
type KnownOnes = HashMap<(String, i64), Known>;

impl Known {
    /// Whether a run finds again what is known, unchanged.
    fn is_same(&self, new: &NewDifference) -> bool {
        // What waited for the next bill in vain is found waiting again by every later run.
        let waited = self.class == Class::OursOnly.as_str() && new.class == Class::LateByADay;
        let gone = self.healing.as_deref() == Some(Healing::Gone.as_str());
        let same = self.class == new.class.as_str() || (waited && new.healing.is_none());
        same && !gone
    }

    /// Whether WeChat is asked about it again: not about what was settled and is the same.
    fn is_asked_about(&self, new: &NewDifference) -> bool {
        !self.is_same(new) || self.state == DifferenceState::Open.as_str()
    }
}

impl Work<'_> {
    /// Writes differences, or finds them again. What is known of them is asked for at once, and their
    /// jobs are set at once.
    pub(super) async fn put_differences(
        &mut self,
        run: &Run<'_>,
        differences: &[NewDifference],
    ) -> Result<(), Trouble> {
        if differences.len() > DIFFERENCES_MAX {
            return Err(CommitError::Conflict.into());
        }
        let known = self.known_differences(run, differences).await?;
        let mut asked = BTreeSet::new();
        for new in differences {
            if !matches!(new.repair, Repair::Query | Repair::Adopt) {
                continue;
            }
            match known.get(&number_of(new)) {
                None => asked.insert(new.id.to_string()),
                Some(known) if known.is_asked_about(new) => asked.insert(known.id.clone()),
                Some(_) => continue,
            };
        }
        self.plan_differences(run, asked).await?;
        for new in differences {
            match known.get(&number_of(new)) {
                None => self.insert_difference(run, new).await?,
                Some(known) => self.find_again(run, known, new).await?,
            }
            if let (Some(refund), Class::LateByADay, Some(_)) =
                (&new.facts.refund_id, new.class, new.healing)
            {
                self.shown_by(run, refund).await?;
            }
        }
        Ok(())
    }

    async fn known_differences(
        &self,
        run: &Run<'_>,
        differences: &[NewDifference],
    ) -> Result<KnownOnes, Trouble> {
        let sql = "SELECT out_refund_no, repetition, id, class, state, healing FROM differences
                   WHERE out_refund_no = ANY ($1) AND merchant = $2 AND day = $3";
        let numbers: Vec<&str> = differences
            .iter()
            .map(|new| new.out_refund_no.as_str())
            .collect();
        let bill = run.bill;
        let row = values![numbers, bill.merchant.as_str(), bill.day.to_string()];
        let found = self.list(sql, row, |row| {
            let known = Known {
                id: row.get(2)?,
                class: row.get(3)?,
                state: row.get(4)?,
                healing: row.get(5)?,
            };
            Ok(((row.get(0)?, row.get(1)?), known))
        });
        Ok(found.await?.into_iter().collect())
    }

    /// A query settles them, where one is proposed.
    async fn plan_differences(
        &mut self,
        run: &Run<'_>,
        ids: BTreeSet<String>,
    ) -> Result<(), Trouble> {
        if ids.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO jobs (key, lane, step, due_at, fence, leased, hinted)
                   SELECT 'difference:' || id, $2::TEXT, '', $3::BIGINT, 0, FALSE, FALSE
                   FROM unnest($1::TEXT[]) AS asked (id)
                   ORDER BY id COLLATE \"C\"
                   ON CONFLICT (key) DO UPDATE
                   SET lane = excluded.lane, step = '', due_at = excluded.due_at, leased = FALSE,
                       hinted = FALSE";
        let ids: Vec<String> = ids.into_iter().collect();
        let row = values![ids, run.lane(), run.at.as_microsecond()];
        self.execute(sql, row).await?;
        self.tally.effects.jobs = true;
        Ok(())
    }

    /// The same again changes nothing, but what is still open is asked about again: its payment or
    /// its refund may have changed. Another class, or coming back after it was gone, opens it again.
    async fn find_again(
        &mut self,
        run: &Run<'_>,
        known: &Known,
        new: &NewDifference,
    ) -> Result<(), Trouble> {
        if known.is_same(new) {
            let sql = "UPDATE differences SET run = $2 WHERE id = $1";
            return self.exactly_one(sql, values![known.id, run.number]).await;
        }
        let settled = new.healing.map(|_| run.at.as_microsecond());
        let facts = &new.facts;
        let sql = "UPDATE differences SET
                       class = $2, state = $3, repair = $4, healing = $5, note = NULL,
                       settled_by = NULL, settled_at = $6, run = $7, refund_id = $8,
                       our_amount = $9, our_status = $10, bill_amount = $11, bill_state = $12,
                       wechat_refund_id = $13, transaction_id = $14, out_trade_no = $15,
                       accepted_at = $16
                   WHERE id = $1";
        let row = values![
            known.id,
            new.class.as_str(),
            state_of(new),
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
        self.exactly_one(sql, row).await?;
        tracing::debug!(id = known.id, was = known.state, "a difference changed");
        Ok(())
    }

    async fn insert_difference(
        &mut self,
        run: &Run<'_>,
        new: &NewDifference,
    ) -> Result<(), Trouble> {
        let facts = &new.facts;
        let at = run.at.as_microsecond();
        let sql = "INSERT INTO differences (
                       id, merchant, mch_id, day, out_refund_no, repetition, class, state, repair,
                       healing, found_at, settled_at, run, refund_id, our_amount, our_status,
                       bill_amount, bill_state, wechat_refund_id, transaction_id, out_trade_no,
                       accepted_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                       $17, $18, $19, $20, $21, $22)";
        let row = values![
            new.id.as_str(),
            run.bill.merchant.as_str(),
            run.mch_id.as_str(),
            run.bill.day.to_string(),
            new.out_refund_no,
            i64::from(new.repetition),
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
        self.execute(sql, row).await.map(|_| ())
    }

    /// This bill shows a refund that the bill of its own day did not.
    async fn shown_by(&mut self, run: &Run<'_>, refund: &RefundId) -> Result<(), Trouble> {
        let sql = "UPDATE differences
                   SET state = 'healed', healing = 'other_bill', repair = 'nothing',
                       settled_at = $3
                   WHERE refund_id = $1 AND day <> $2 AND state = 'open'
                     AND class IN ('ours_only', 'late_by_a_day')";
        let row = values![
            refund.as_str(),
            run.bill.day.to_string(),
            run.at.as_microsecond()
        ];
        self.execute(sql, row).await.map(|_| ())
    }
}

fn number_of(new: &NewDifference) -> (String, i64) {
    (new.out_refund_no.clone(), i64::from(new.repetition))
}

fn state_of(new: &NewDifference) -> &'static str {
    match new.healing {
        Some(_) => "healed",
        None => "open",
    }
}
