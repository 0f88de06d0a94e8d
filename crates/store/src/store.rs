//! [`Store`]: the operations of the product's database. A closed set of engines with the same
//! operations; the conformance suite runs on each.
//!
//! Writes are asynchronous and answered once they are durable. Point reads are plain calls: they
//! take some ten microseconds and see every write that was answered before. Lists are moved to a
//! thread where blocking is allowed.

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tuikuan_domain::retry::Schedule;
use tuikuan_domain::{OrderRef, Payment, PaymentId, Refund, RefundId};
use tuikuan_terms::{MchId, OutRefundNo, OutTradeNo, SubMchId, TransactionId, WechatRefundId};

use crate::admin::{AdminChange, ApiKey, AuditEntry, Endpoint};
use crate::chain::{AuditFault, HistoryFault};
use crate::change::{Change, Committed};
use crate::delivery::{Delivery, DeliveryReport};
use crate::error::{CommitError, Fatal, OpenError, ReadError};
use crate::ids::{DeliveryId, EndpointId, KeyId};
use crate::job::{Claim, Claimed, Job, JobKey, LaneDue, Release};
use crate::records::{
    Attempt, InboxRecord, Situation, StatusCount, StoredEvent, StoredExchange, Stuck,
};
use crate::select::{Merchants, Page, RefundFilter};
use crate::sqlite::Sqlite;

/// Who executes the writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// A thread of its own, which groups what waits into one durable commit.
    Thread,
    /// The caller, at once: every asynchronous operation completes without waiting. For
    /// deterministic simulations and short-lived commands.
    Inline,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who executes the writes.
    pub writing: Writing,
    /// At least this time lies between two looks at a refund that something brought forward.
    pub forwarded_query: SignedDuration,
    /// Connections that read.
    pub readers: usize,
    /// Writes that may wait; more are refused as [`CommitError::Unavailable`] by `commit_now` and
    /// wait outside the queue otherwise.
    pub queue_max: usize,
    /// Writes in one durable commit.
    pub batch_max: usize,
    /// The greatest number of pages of the database, if it is bounded.
    pub pages_max: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            writing: Writing::Thread,
            forwarded_query: Schedule::default().forwarded_query,
            readers: 4,
            queue_max: 4096,
            batch_max: 512,
            pages_max: None,
        }
    }
}

impl Options {
    /// Writes are executed by the caller, at once.
    #[must_use]
    pub fn inline() -> Self {
        Self {
            writing: Writing::Inline,
            ..Self::default()
        }
    }
}

/// The product's database. Cheap to clone; the last clone closes it.
#[derive(Debug, Clone)]
pub enum Store {
    /// One machine, one file.
    Sqlite(Sqlite),
}

macro_rules! on {
    ($store:expr, $engine:ident => $call:expr) => {
        match $store {
            Self::Sqlite($engine) => $call,
        }
    };
}

/// Opening, closing, signals.
impl Store {
    /// Opens `sqlite:FILE` (or `sqlite::memory:`, inline only), brings the schema up to date and
    /// checks that durability is on (INV-41). Blocks.
    ///
    /// # Errors
    /// [`OpenError`]; the operator acts.
    pub fn open(url: &str, options: &Options) -> Result<Self, OpenError> {
        match url.strip_prefix("sqlite:") {
            Some(file) if !file.is_empty() => Ok(Self::Sqlite(Sqlite::open(file, options)?)),
            Some(_) | None => Err(OpenError::Url {
                url: url.to_owned(),
            }),
        }
    }

    /// Turns to `Some` when writes have ended for good: the process must stop (INV-42).
    #[must_use]
    pub fn fatal(&self) -> watch::Receiver<Option<Fatal>> {
        on!(self, s => s.fatal())
    }

    /// Changes whenever a durable commit has changed jobs: look for due ones again.
    #[must_use]
    pub fn jobs_changed(&self) -> watch::Receiver<u64> {
        on!(self, s => s.jobs_changed())
    }

    /// The position of the last durable event of this process; changes with each.
    #[must_use]
    pub fn events_changed(&self) -> watch::Receiver<i64> {
        on!(self, s => s.events_changed())
    }

    /// Bounds the database to so many pages from now on, or lifts the bound.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn limit_pages(&self, pages_max: Option<u32>) -> Result<(), CommitError> {
        on!(self, s => s.limit_pages(pages_max).await)
    }
}

/// Writes. Each is durable when it is answered.
impl Store {
    /// Applies a change whole.
    ///
    /// # Errors
    /// [`CommitError`]; then nothing of it was written.
    pub async fn commit(&self, change: Change) -> Result<Committed, CommitError> {
        on!(self, s => s.commit(change).await)
    }

    /// Applies a change whole and blocks until it is durable.
    ///
    /// # Errors
    /// [`CommitError`]; then nothing of it was written.
    pub fn commit_now(&self, change: Change) -> Result<Committed, CommitError> {
        on!(self, s => s.commit_now(change))
    }

    /// Leases due jobs of a lane, the longest due first.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, CommitError> {
        on!(self, s => s.claim(claim).await)
    }

    /// Hands a job back without a failed attempt.
    ///
    /// # Errors
    /// [`CommitError::LeaseLost`] when it is no longer ours.
    pub async fn release(&self, release: Release) -> Result<(), CommitError> {
        on!(self, s => s.release(release).await)
    }

    /// Brings a refund's query forward as far as the limit for forwarded queries allows. A job that
    /// is at work takes the hint when it plans its next look.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn forward(&self, refund: RefundId, now: Timestamp) -> Result<(), CommitError> {
        on!(self, s => s.forward(refund, now).await)
    }

    /// Writes how a try of a delivery ended.
    ///
    /// # Errors
    /// [`CommitError::LeaseLost`] when its job is no longer ours.
    pub async fn finish_delivery(&self, report: DeliveryReport) -> Result<(), CommitError> {
        on!(self, s => s.finish_delivery(report).await)
    }

    /// Sends a delivery again, from its first try.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when there is no such delivery or no such endpoint any more.
    pub async fn redeliver(&self, id: DeliveryId, now: Timestamp) -> Result<(), CommitError> {
        on!(self, s => s.redeliver(id, now).await)
    }

    /// Does an act of administration and writes its entry in the audit log (INV-35).
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when what it is about does not exist, or exists already.
    pub async fn administer(&self, change: AdminChange) -> Result<(), CommitError> {
        on!(self, s => s.administer(change).await)
    }

    /// Notes that a key was used; at most once a minute is written.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn touch_key(&self, id: KeyId, now: Timestamp) -> Result<(), CommitError> {
        on!(self, s => s.touch_key(id, now).await)
    }

    /// Writes what became of a stored notification.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when there is no such notification.
    pub async fn settle_inbox(&self, number: i64, outcome: String) -> Result<(), CommitError> {
        on!(self, s => s.settle_inbox(number, outcome).await)
    }

    /// Removes a bounded number of old conversations and raw notifications; says how many. Call
    /// again while it is not zero.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn prune(&self, before: Timestamp) -> Result<u64, CommitError> {
        on!(self, s => s.prune(before).await)
    }
}

/// Reads about refunds and payments.
impl Store {
    /// A refund by our id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn refund(&self, id: &RefundId) -> Result<Option<Refund>, ReadError> {
        on!(self, s => s.refund(id))
    }

    /// A refund by its number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn refund_by_number(
        &self,
        mch_id: &MchId,
        number: &OutRefundNo,
    ) -> Result<Option<Refund>, ReadError> {
        on!(self, s => s.refund_by_number(mch_id, number))
    }

    /// A refund by WeChat's number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn refund_by_wechat_id(
        &self,
        mch_id: &MchId,
        id: &WechatRefundId,
    ) -> Result<Option<Refund>, ReadError> {
        on!(self, s => s.refund_by_wechat_id(mch_id, id))
    }

    /// A refund with its payment.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn refund_and_payment(&self, id: &RefundId) -> Result<Situation, ReadError> {
        on!(self, s => s.refund_and_payment(id))
    }

    /// What a request is held against: the refund under its number with its payment, or else the
    /// payment of its order.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn situation(
        &self,
        mch_id: &MchId,
        sub_mch_id: Option<&SubMchId>,
        number: &OutRefundNo,
        order: &OrderRef,
    ) -> Result<Situation, ReadError> {
        on!(self, s => s.situation(mch_id, sub_mch_id, number, order))
    }

    /// A payment by our id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, ReadError> {
        on!(self, s => s.payment(id))
    }

    /// A payment by the merchant's order number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn payment_by_trade_no(
        &self,
        mch_id: &MchId,
        sub_mch_id: Option<&SubMchId>,
        number: &OutTradeNo,
    ) -> Result<Option<Payment>, ReadError> {
        on!(self, s => s.payment_by_trade_no(mch_id, sub_mch_id, number))
    }

    /// A payment by WeChat's order number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn payment_by_transaction(
        &self,
        mch_id: &MchId,
        id: &TransactionId,
    ) -> Result<Option<Payment>, ReadError> {
        on!(self, s => s.payment_by_transaction(mch_id, id))
    }

    /// The refunds of a payment, oldest first, at most 200.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn refunds_of(&self, payment: &PaymentId) -> Result<Vec<Refund>, ReadError> {
        on!(self, s => s.refunds_of(payment))
    }

    /// A page of refunds, newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn list_refunds(&self, filter: RefundFilter) -> Result<Page<Refund>, ReadError> {
        on!(self, s => s.list_refunds(filter).await)
    }

    /// How many refunds stand where, for each merchant that has some.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn counts(&self) -> Result<Vec<StatusCount>, ReadError> {
        on!(self, s => s.counts())
    }

    /// Refunds that nothing will move (INV-13): open, no attention, and no job or one that was due
    /// before `overdue`. At most `limit`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn stuck(&self, overdue: Timestamp, limit: u32) -> Result<Vec<Stuck>, ReadError> {
        on!(self, s => s.stuck(overdue, limit).await)
    }
}

/// Reads about history.
impl Store {
    /// The events of a refund after number `after`, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn events_of(
        &self,
        refund: &RefundId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, ReadError> {
        on!(self, s => s.events_of(refund, after, limit))
    }

    /// All events after a position, oldest first. Looks at no more than `limit` events: with a
    /// filter, an empty answer is not the end, so the position reached is given too.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn events_after(
        &self,
        position: i64,
        allowed: &Merchants,
        limit: u32,
    ) -> Result<(Vec<StoredEvent>, i64), ReadError> {
        on!(self, s => s.events_after(position, allowed, limit))
    }

    /// The attempts of a refund, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn attempts_of(&self, refund: &RefundId) -> Result<Vec<Attempt>, ReadError> {
        on!(self, s => s.attempts_of(refund))
    }

    /// The latest conversations about a refund, newest first, at most [`crate::LIST_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn exchanges_of(&self, refund: &RefundId) -> Result<Vec<StoredExchange>, ReadError> {
        on!(self, s => s.exchanges_of(refund))
    }

    /// Recomputes the hash chain of a refund's history and folds its events: `Ok(Ok(n))` for `n`
    /// events that give the record.
    ///
    /// # Errors
    /// [`ReadError`]; what is wrong with the history is the inner error.
    pub async fn verify_history(
        &self,
        refund: RefundId,
    ) -> Result<Result<i64, HistoryFault>, ReadError> {
        on!(self, s => s.verify_history(refund).await)
    }

    /// Recomputes the hash chain of the audit log: `Ok(Ok(n))` for `n` sound entries.
    ///
    /// # Errors
    /// [`ReadError`]; what is wrong with the log is the inner error.
    pub async fn verify_audit(&self) -> Result<Result<i64, AuditFault>, ReadError> {
        on!(self, s => s.verify_audit().await)
    }

    /// Entries of the audit log after a number, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn audit_after(&self, number: i64, limit: u32) -> Result<Vec<AuditEntry>, ReadError> {
        on!(self, s => s.audit_after(number, limit))
    }

    /// A stored notification.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn inbox(&self, number: i64) -> Result<Option<InboxRecord>, ReadError> {
        on!(self, s => s.inbox(number))
    }

    /// Stored notifications before a number (`None`: the newest), newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn list_inbox(
        &self,
        allowed: &Merchants,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<InboxRecord>, ReadError> {
        on!(self, s => s.list_inbox(allowed, before, limit))
    }
}

/// Reads about jobs, deliveries, endpoints, keys.
impl Store {
    /// A job as it stands.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn job(&self, key: &JobKey) -> Result<Option<Job>, ReadError> {
        on!(self, s => s.job(key))
    }

    /// Every lane that has jobs, with its earliest due time.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn lanes(&self) -> Result<Vec<LaneDue>, ReadError> {
        on!(self, s => s.lanes())
    }

    /// Every lane that has a job due by `now`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn lanes_due(&self, now: Timestamp) -> Result<Vec<LaneDue>, ReadError> {
        let mut lanes = self.lanes()?;
        lanes.retain(|lane| lane.due_at <= now);
        Ok(lanes)
    }

    /// The earliest due time of all jobs.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn next_due(&self) -> Result<Option<Timestamp>, ReadError> {
        Ok(self.lanes()?.into_iter().map(|lane| lane.due_at).min())
    }

    /// A delivery.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, ReadError> {
        on!(self, s => s.delivery(id))
    }

    /// Deliveries to an endpoint before an id (`None`: the newest), newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn list_deliveries(
        &self,
        endpoint: &EndpointId,
        before: Option<&DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>, ReadError> {
        on!(self, s => s.list_deliveries(endpoint, before, limit))
    }

    /// An endpoint.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn endpoint(&self, id: &EndpointId) -> Result<Option<Endpoint>, ReadError> {
        on!(self, s => s.endpoint(id))
    }

    /// All endpoints.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn endpoints(&self) -> Result<Vec<Endpoint>, ReadError> {
        on!(self, s => s.endpoints())
    }

    /// The key with this SHA-256, revoked or not.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, ReadError> {
        on!(self, s => s.api_key_by_hash(hash))
    }

    /// All keys, revoked ones too.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn api_keys(&self) -> Result<Vec<ApiKey>, ReadError> {
        on!(self, s => s.api_keys())
    }
}
