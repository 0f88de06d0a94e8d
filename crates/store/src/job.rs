//! Jobs: what is to be done for whom and when, claimed by lease. An expired lease is simply due
//! again; the fence tells the old holder from the new one (INV-24).
//!
//! Due times and leases are judged by the time that the caller passes: SQLite lives in our process,
//! so its clock is the engine's (INV-25).

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::{BatchId, DifferenceId, RefundId, Source, Step};
use tuikuan_terms::MchId;

use crate::bill::Bill;
use crate::error::CommitError;
use crate::ids::{DeliveryId, EndpointId};

/// The due time of a job that waits for nothing but a hint: the refund has not ended, but its
/// schedule is used up. It keeps the time of the last claim, which bounds forwarded queries.
pub(crate) const PARKED: i64 = i64::MAX;

/// Which job. There is at most one for each refund, delivery, bill and difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JobKey {
    /// The next step of a refund.
    Refund(RefundId),
    /// The next try of a delivery.
    Delivery(DeliveryId),
    /// The next lines of a batch.
    Batch(BatchId),
    /// A bill to be fetched and processed.
    Bill(Bill),
    /// A difference about which WeChat is asked.
    Difference(DifferenceId),
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refund(id) => write!(f, "refund:{id}"),
            Self::Delivery(id) => write!(f, "delivery:{id}"),
            Self::Batch(id) => write!(f, "batch:{id}"),
            Self::Bill(bill) => write!(f, "bill:{bill}"),
            Self::Difference(id) => write!(f, "difference:{id}"),
        }
    }
}

impl JobKey {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        match kind {
            "refund" => RefundId::from_str(id).ok().map(Self::Refund),
            "delivery" => DeliveryId::from_str(id).ok().map(Self::Delivery),
            "batch" => BatchId::from_str(id).ok().map(Self::Batch),
            "bill" => Bill::parse(id).map(Self::Bill),
            "difference" => DifferenceId::from_str(id).ok().map(Self::Difference),
            _ => None,
        }
    }
}

/// A queue of its own: one slow merchant or receiver does not delay others (INV-26, INV-30).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Refunds of a merchant to be sent.
    Submit(MchId),
    /// Refunds of a merchant that a batch asked for: they wait while others are to be sent.
    Bulk(MchId),
    /// Refunds and orders of a merchant to be asked about.
    Query(MchId),
    /// Refunds of a merchant whose approval runs out: WeChat is not called.
    Expire(MchId),
    /// Messages to an endpoint.
    Webhook(EndpointId),
    /// The lines of a batch.
    Batch(BatchId),
    /// Bills of a merchant to be fetched.
    Bill(MchId),
    /// Differences in a merchant's bills to be asked about, behind all other queries.
    Difference(MchId),
}

impl Lane {
    /// The lane of a refund's step.
    #[must_use]
    pub fn of_step(step: Step, mch_id: &MchId, origin: Source) -> Self {
        match step {
            Step::Submit if origin == Source::Batch => Self::Bulk(mch_id.clone()),
            Step::Submit => Self::Submit(mch_id.clone()),
            Step::Query | Step::LookUpPayment => Self::Query(mch_id.clone()),
            Step::ExpireApproval => Self::Expire(mch_id.clone()),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        match kind {
            "submit" => MchId::from_str(id).ok().map(Self::Submit),
            "bulk" => MchId::from_str(id).ok().map(Self::Bulk),
            "batch" => BatchId::from_str(id).ok().map(Self::Batch),
            "query" => MchId::from_str(id).ok().map(Self::Query),
            "expire" => MchId::from_str(id).ok().map(Self::Expire),
            "webhook" => EndpointId::from_str(id).ok().map(Self::Webhook),
            "bill" => MchId::from_str(id).ok().map(Self::Bill),
            "difference" => MchId::from_str(id).ok().map(Self::Difference),
            _ => None,
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submit(id) => write!(f, "submit:{id}"),
            Self::Bulk(id) => write!(f, "bulk:{id}"),
            Self::Batch(id) => write!(f, "batch:{id}"),
            Self::Query(id) => write!(f, "query:{id}"),
            Self::Expire(id) => write!(f, "expire:{id}"),
            Self::Webhook(id) => write!(f, "webhook:{id}"),
            Self::Bill(id) => write!(f, "bill:{id}"),
            Self::Difference(id) => write!(f, "difference:{id}"),
        }
    }
}

/// The lease under which something is written: the fence drawn by the claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The job.
    pub key: JobKey,
    /// The fence of the claim. Never used twice, even for a job that ended and came again.
    pub fence: i64,
}

impl Guard {
    /// The batch whose job it is.
    pub(crate) const fn batch(&self) -> Result<&BatchId, CommitError> {
        match &self.key {
            JobKey::Batch(id) => Ok(id),
            JobKey::Refund(_) | JobKey::Delivery(_) | JobKey::Bill(_) | JobKey::Difference(_) => {
                Err(CommitError::Conflict)
            }
        }
    }
}

/// What a worker wants to claim.
#[derive(Debug, Clone)]
pub struct Claim {
    /// From which lane.
    pub lane: Lane,
    /// At most so many.
    pub limit: u32,
    /// The time.
    pub now: Timestamp,
    /// How long the lease holds.
    pub lease: SignedDuration,
}

/// A job that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The lease, for every write about the job.
    pub guard: Guard,
    /// What to do, for a refund; `None` for anything else.
    pub step: Option<Step>,
    /// When it was due.
    pub due_at: Timestamp,
    /// A former holder let its lease expire: it may be gone, or only slow.
    pub rescued: bool,
}

/// Hands a job back without a failed attempt.
#[derive(Debug, Clone)]
pub struct Release {
    /// The lease.
    pub guard: Guard,
    /// When it is due again.
    pub due: Timestamp,
    /// The time.
    pub now: Timestamp,
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Which.
    pub key: JobKey,
    /// In which lane.
    pub lane: Lane,
    /// What to do, for a refund; `None` for anything else.
    pub step: Option<Step>,
    /// When it is due; for a leased job, when the lease expires.
    pub due_at: Timestamp,
    /// Since when it is leased, if it is.
    pub leased_since: Option<Timestamp>,
}

/// A lane that has jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneDue {
    /// The lane.
    pub lane: Lane,
    /// The earliest due time in it.
    pub due_at: Timestamp,
}
