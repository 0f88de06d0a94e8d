//! The writes, as a store is asked for them. Acts of administration take turns; everything else waits
//! for a writer.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tuikuan_domain::RefundId;

use crate::admin::AdminChange;
use crate::batch::{BatchWrite, Begun, NewBatch};
use crate::bill::BillChange;
use crate::change::{Change, Committed};
use crate::delivery::DeliveryReport;
use crate::error::CommitError;
use crate::ids::{DeliveryId, KeyId};
use crate::job::Release;
use crate::operation::Operation;
use crate::postgres::{Answered, Postgres};

/// What waits for a writer.
impl Postgres {
    pub(crate) async fn commit(&self, change: Arc<Change>) -> Result<Committed, CommitError> {
        self.write(Operation::Commit(change)).await?.committed()
    }

    pub(crate) async fn release(&self, release: Release) -> Result<(), CommitError> {
        let done = self.write(Operation::Release(release)).await;
        done.map(|_| ())
    }

    pub(crate) async fn forward(
        &self,
        refund: RefundId,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let done = self.write(Operation::Forward(refund, now)).await;
        done.map(|_| ())
    }

    pub(crate) async fn finish_delivery(&self, report: DeliveryReport) -> Result<(), CommitError> {
        let shared = &self.0;
        shared.steps.pause().await;
        let finished = {
            let _place = shared.singles.acquire().await;
            let operation = Operation::FinishDelivery(Box::new(report));
            shared.execute(&[operation]).await
        };
        shared.steps.pause().await;
        finished.into_iter().try_for_each(|one| one.map(|_| ()))
    }

    async fn write(&self, operation: Operation) -> Answered {
        let shared = &self.0;
        let Some(queue) = &shared.queue else {
            shared.steps.pause().await;
            let answers = Box::pin(shared.execute(&[operation])).await;
            shared.steps.pause().await;
            let first = answers.into_iter().next();
            return first.unwrap_or_else(|| Err(shared.signals.stopped()));
        };
        let (reply, answer) = oneshot::channel();
        queue.put(operation, reply).await;
        answer
            .await
            .unwrap_or_else(|_| Err(shared.signals.stopped()))
    }
}

/// Acts of administration.
impl Postgres {
    pub(crate) async fn redeliver(
        &self,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        self.act(Operation::Redeliver(id, now)).await
    }

    pub(crate) async fn administer(&self, change: AdminChange) -> Result<(), CommitError> {
        self.act(Operation::Administer(Box::new(change))).await
    }

    pub(crate) async fn change_bills(&self, change: BillChange) -> Result<(), CommitError> {
        self.act(Operation::ChangeBills(Box::new(change))).await
    }

    pub(crate) async fn touch_key(&self, id: KeyId, now: Timestamp) -> Result<(), CommitError> {
        self.act(Operation::TouchKey(id, now)).await
    }

    pub(crate) async fn see_session(
        &self,
        hash: [u8; 32],
        now: Timestamp,
    ) -> Result<(), CommitError> {
        self.act(Operation::SeeSession(hash, now)).await
    }

    pub(crate) async fn settle_inbox(
        &self,
        number: i64,
        outcome: String,
    ) -> Result<(), CommitError> {
        self.act(Operation::SettleInbox(number, outcome)).await
    }

    pub(crate) async fn prune(&self, before: Timestamp) -> Result<u64, CommitError> {
        self.turn(Operation::Prune(before)).await?.pruned()
    }

    pub(crate) async fn limit_pages(&self, pages_max: Option<u32>) -> Result<(), CommitError> {
        self.act(Operation::LimitPages(pages_max)).await
    }

    pub(crate) async fn begin_batch(&self, new: NewBatch) -> Result<Begun, CommitError> {
        let write = BatchWrite::Begin(new);
        self.turn(Operation::Batch(Box::new(write))).await?.begun()
    }

    pub(crate) async fn write_batch(&self, write: BatchWrite) -> Result<(), CommitError> {
        self.act(Operation::Batch(Box::new(write))).await
    }

    async fn act(&self, operation: Operation) -> Result<(), CommitError> {
        self.turn(operation).await.map(|_| ())
    }
}
