//! What people do to a batch, made durable: the domain decides, one write carries the new state, the
//! entry of the audit log and the job that follows.

use serde_json::{Value, json};
use tuikuan_domain::BatchId;
use tuikuan_domain::batch::{Batch, Faulty, Mark, Need, Steer, SteerRefusal, steer};
use tuikuan_store::{Action, BatchWrite, CommitError, LineFilter, LinesOf, SettingsSeen};
use tuikuan_terms::Fen;

use super::BatchError;
use super::file::{ContentHash, Whose};
use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ledger::{LedgerError, ROUNDS_MAX};

/// Lines read at a time while the content is proved.
const PROVE_STEP: u32 = 2000;

/// What somebody wants, as far as it is known before the batch was read.
#[derive(Clone, Copy)]
enum Wish<'a> {
    Act(&'a Steer),
    Submit(Faulty),
}

impl Engine {
    /// Does something to a batch.
    ///
    /// # Errors
    /// [`BatchError`].
    pub async fn steer_batch(
        &self,
        id: &BatchId,
        act: &Steer,
        by: &By,
    ) -> Result<Batch, BatchError> {
        self.steer_to(id, Wish::Act(act), by).await
    }

    /// Everything is decided on one reading of the batch and one of the rules, and written only if they
    /// are still those (INV-32).
    async fn steer_to(&self, id: &BatchId, wish: Wish<'_>, by: &By) -> Result<Batch, BatchError> {
        for _ in 0..ROUNDS_MAX {
            let batch = self.store().batch(id).await?.ok_or(BatchError::NotFound)?;
            let (act, seen) = match wish {
                Wish::Act(act) => (act.clone(), SettingsSeen::NONE),
                Wish::Submit(faulty) => {
                    let (need, seen) = self.batch_needs(&batch).await?;
                    let key = by.key.as_ref().map(|key| key.as_str().into());
                    (Steer::Submit { faulty, need, key }, seen)
                }
            };
            self.check_behind(&batch, &act, by).await?;
            let next = steer(&batch, &act, &by.actor, self.now())?;
            if matches!(act, Steer::Submit { .. } | Steer::Approve { .. }) {
                self.prove_content(&batch).await?;
            }
            let audit = by.entry(self.now(), action(&act), (id.as_str(), detail(&next)));
            let write = BatchWrite::Steered(Box::new(next.clone()), audit, seen);
            match self.store().write_batch(write).await {
                Ok(()) => {
                    self.wake();
                    return Ok(next);
                }
                // Whoever decides again reads batch and rules anew.
                Err(CommitError::Conflict | CommitError::Outdated) => {
                    tokio::task::yield_now().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::from(LedgerError::Contended).into())
    }

    /// Refused as well if the person behind the key had asked with their own name (INV-32).
    async fn check_behind(&self, batch: &Batch, act: &Steer, by: &By) -> Result<(), BatchError> {
        let Some(asked) = &batch.requested else {
            return Ok(());
        };
        let Some(person) = self.behind(Some(&asked.by), by).await? else {
            return Ok(());
        };
        let mut own = batch.clone();
        own.requested = Some(Mark {
            by: person,
            ..asked.clone()
        });
        match steer(&own, act, &by.actor, self.now()) {
            Err(refusal @ SteerRefusal::SamePerson) => Err(refusal.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Asks for all refunds of a batch. Where the rules want it, a second person must agree first.
    ///
    /// # Errors
    /// [`BatchError`].
    pub async fn submit_batch(
        &self,
        id: &BatchId,
        faulty: Faulty,
        by: &By,
    ) -> Result<Batch, BatchError> {
        self.steer_to(id, Wish::Submit(faulty), by).await
    }

    /// Whether a batch needs a second person: by the same rules as one refund of its sum. Beyond what
    /// a person is free to ask for, each of its lines would want a second person of its own.
    async fn batch_needs(&self, batch: &Batch) -> Result<(Need, SettingsSeen), BatchError> {
        let (rules, version) = self.rules_now(&batch.merchant).await?;
        let seen = SettingsSeen {
            rules: Some(version),
            ..SettingsSeen::NONE
        };
        let sum = batch.summary.new_amount;
        let above = |max: Option<Fen>| max.is_some_and(|max| sum > max.get());
        if above(rules.approval_above) || above(rules.approval_person_day) {
            let until = tuikuan_domain::after(self.now(), rules.expires);
            Ok((Need::Needed { until }, seen))
        } else {
            Ok((Need::NotNeeded, seen))
        }
    }

    /// The stored lines are those whose hash somebody looks at (INV-32).
    async fn prove_content(&self, batch: &Batch) -> Result<(), BatchError> {
        let merchant = self
            .merchant(&batch.merchant)
            .ok_or(EngineError::UnknownMerchant)?;
        let mut hash = ContentHash::new(Whose {
            merchant: &batch.merchant,
            mch_id: &batch.mch_id,
            sub_mch_id: merchant.sub_mch_id.as_ref(),
        });
        let mut after = 0;
        loop {
            let wanted = LinesOf {
                batch: batch.id.clone(),
                filter: LineFilter::All,
                after,
                limit: PROVE_STEP,
            };
            let lines = self.store().batch_lines(wanted).await?;
            let Some(last) = lines.last() else { break };
            after = last.line.number;
            for line in &lines {
                hash.add(&line.line);
            }
        }
        if hash.finish() == batch.content {
            Ok(())
        } else {
            Err(BatchError::Altered)
        }
    }
}

/// The act as it stands in the audit log.
const fn action(act: &Steer) -> Action {
    match act {
        Steer::Submit { .. } => Action::BATCH_SUBMITTED,
        Steer::Approve { .. } => Action::BATCH_APPROVED,
        Steer::Reject => Action::BATCH_REJECTED,
        Steer::Expire => Action::BATCH_EXPIRED,
        Steer::Pause => Action::BATCH_PAUSED,
        Steer::Resume => Action::BATCH_RESUMED,
        Steer::Cancel => Action::BATCH_CANCELLED,
    }
}

fn detail(batch: &Batch) -> Value {
    json!({
        "merchant": batch.merchant.as_str(),
        "state": batch.state.as_str(),
        "content": batch.content_text(),
        "lines": batch.summary.lines,
        "new_lines": batch.summary.new_lines,
        "new_amount": batch.summary.new_amount,
    })
}
