//! The work of the engine in single steps: what is due is claimed, and each claimed piece is a
//! future of its own. The workers run them on tasks; a simulation runs them one await point at a
//! time, in an order drawn from a seed, and may drop them to play a crash.

use jiff::Timestamp;
use tuikuan_domain::Step;
use tuikuan_store::{Claim, Claimed, JobKey, Lane};

use crate::engine::{Engine, Held};
use crate::job;
use crate::ledger::LedgerError;

/// A claimed job that waits to be run.
#[derive(Debug, Clone)]
pub struct Work {
    claimed: Claimed,
    lane: Lane,
    held: Held,
}

impl Work {
    /// The lane it came from.
    #[must_use]
    pub const fn lane(&self) -> &Lane {
        &self.lane
    }

    /// The fence of the claim: of two claims of a job the newer has the greater one.
    #[must_use]
    pub const fn fence(&self) -> i64 {
        self.claimed.guard.fence
    }

    /// The job's key as text, for a trace.
    #[must_use]
    pub fn key(&self) -> String {
        self.claimed.guard.key.to_string()
    }
}

impl Engine {
    /// Claims at most `limit` due jobs of a lane.
    ///
    /// # Errors
    /// The store's.
    pub async fn claim(&self, lane: &Lane, limit: u32) -> Result<Vec<Work>, LedgerError> {
        let now = self.now();
        let lease = match lane {
            // A bill may be large and slow to come.
            Lane::Bill(_) => self.settings().lease.max(job::fetch_bill::LEASE),
            _ => self.settings().lease,
        };
        let claim = Claim {
            lane: lane.clone(),
            limit,
            now,
            lease,
        };
        let claimed = self.store().claim(claim).await?;
        let until = tuikuan_domain::after(now, lease);
        Ok(claimed
            .into_iter()
            .map(|claimed| {
                let held = Held {
                    guard: claimed.guard.clone(),
                    until,
                };
                Work {
                    claimed,
                    lane: lane.clone(),
                    held,
                }
            })
            .collect())
    }

    /// The lanes that have due jobs.
    ///
    /// # Errors
    /// The store's.
    pub async fn lanes_due(&self) -> Result<Vec<Lane>, LedgerError> {
        let due = self.store().lanes_due(self.now()).await?;
        Ok(due.into_iter().map(|lane| lane.lane).collect())
    }

    /// When the next job is due.
    ///
    /// # Errors
    /// The store's.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, LedgerError> {
        Ok(self.store().next_due().await?)
    }

    /// Runs one claimed job to its end.
    ///
    /// # Errors
    /// [`LedgerError`]; the lease then brings the job to somebody else.
    pub async fn run(&self, work: Work) -> Result<(), LedgerError> {
        let held = &work.held;
        let id = match &work.claimed.guard.key {
            JobKey::Delivery(id) => return job::deliver::run(self, held, id).await,
            JobKey::Batch(id) => return crate::batch::feed::run(self, held, id).await,
            JobKey::Bill(bill) => {
                return Box::pin(job::fetch_bill::run(self, held, bill)).await;
            }
            JobKey::Difference(id) => return Box::pin(job::heal::run(self, held, id)).await,
            JobKey::Refund(id) => id,
        };
        let refund = self
            .store()
            .refund(id)
            .await?
            .ok_or(LedgerError::NotFound)?;
        match work.claimed.step {
            Some(Step::Submit) => Box::pin(job::submit::run(self, held, refund)).await,
            Some(Step::ExpireApproval) => job::expire::run(self, held, refund).await,
            Some(Step::LookUpPayment) => job::look_up::run(self, held, refund).await,
            Some(Step::Query) | None => job::query::run(self, held, refund).await,
        }
    }
}
