//! What can be read. Point reads block for some ten microseconds; lists go to a blocking thread.

use jiff::Timestamp;
use tuikuan_domain::{OrderRef, Payment, PaymentId, Refund, RefundId};
use tuikuan_terms::{MchId, OutRefundNo, OutTradeNo, SubMchId, TransactionId, WechatRefundId};

use super::Store;
use crate::admin::{ApiKey, AuditEntry, Endpoint};
use crate::chain::HistoryFault;
use crate::delivery::Delivery;
use crate::error::ReadError;
use crate::ids::{DeliveryId, EndpointId};
use crate::job::{Job, JobKey, LaneDue};
use crate::records::{
    Attempt, InboxRecord, Situation, StatusCount, StoredEvent, StoredExchange, Stuck,
};
use crate::select::{Merchants, Page, RefundFilter};

/// Reads about refunds and payments.
impl Store {
    /// A refund by our id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn refund(&self, id: &RefundId) -> Result<Option<Refund>, ReadError> {
        on!(self, s => s.refund(id).await)
    }

    /// A refund by its number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn refund_by_number(
        &self,
        mch_id: &MchId,
        number: &OutRefundNo,
    ) -> Result<Option<Refund>, ReadError> {
        on!(self, s => s.refund_by_number(mch_id, number).await)
    }

    /// A refund by WeChat's number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn refund_by_wechat_id(
        &self,
        mch_id: &MchId,
        id: &WechatRefundId,
    ) -> Result<Option<Refund>, ReadError> {
        on!(self, s => s.refund_by_wechat_id(mch_id, id).await)
    }

    /// A refund with its payment.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn refund_and_payment(&self, id: &RefundId) -> Result<Situation, ReadError> {
        on!(self, s => s.refund_and_payment(id).await)
    }

    /// What a request is held against: the refund under its number with its payment, or else the
    /// payment of its order.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn situation(
        &self,
        mch_id: &MchId,
        sub_mch_id: Option<&SubMchId>,
        number: &OutRefundNo,
        order: &OrderRef,
    ) -> Result<Situation, ReadError> {
        on!(self, s => s.situation(mch_id, sub_mch_id, number, order).await)
    }

    /// A payment by our id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, ReadError> {
        on!(self, s => s.payment(id).await)
    }

    /// A payment by the merchant's order number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn payment_by_trade_no(
        &self,
        mch_id: &MchId,
        sub_mch_id: Option<&SubMchId>,
        number: &OutTradeNo,
    ) -> Result<Option<Payment>, ReadError> {
        on!(self, s => s.payment_by_trade_no(mch_id, sub_mch_id, number).await)
    }

    /// A payment by WeChat's order number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn payment_by_transaction(
        &self,
        mch_id: &MchId,
        id: &TransactionId,
    ) -> Result<Option<Payment>, ReadError> {
        on!(self, s => s.payment_by_transaction(mch_id, id).await)
    }

    /// The refunds of a payment, oldest first, at most 200.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn refunds_of(&self, payment: &PaymentId) -> Result<Vec<Refund>, ReadError> {
        on!(self, s => s.refunds_of(payment).await)
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
    pub async fn counts(&self) -> Result<Vec<StatusCount>, ReadError> {
        on!(self, s => s.counts().await)
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
    pub async fn events_of(
        &self,
        refund: &RefundId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, ReadError> {
        on!(self, s => s.events_of(refund, after, limit).await)
    }

    /// All events after a position, oldest first. Looks at no more than `limit` events: with a
    /// filter, an empty answer is not the end, so the position reached is given too.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn events_after(
        &self,
        position: i64,
        allowed: &Merchants,
        limit: u32,
    ) -> Result<(Vec<StoredEvent>, i64), ReadError> {
        on!(self, s => s.events_after(position, allowed, limit).await)
    }

    /// The attempts of a refund, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn attempts_of(&self, refund: &RefundId) -> Result<Vec<Attempt>, ReadError> {
        on!(self, s => s.attempts_of(refund).await)
    }

    /// The latest conversations about a refund, newest first, at most [`crate::LIST_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn exchanges_of(&self, refund: &RefundId) -> Result<Vec<StoredExchange>, ReadError> {
        on!(self, s => s.exchanges_of(refund).await)
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

    /// Entries of the audit log after a number, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn audit_after(&self, number: i64, limit: u32) -> Result<Vec<AuditEntry>, ReadError> {
        on!(self, s => s.audit_after(number, limit).await)
    }

    /// A stored notification.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn inbox(&self, number: i64) -> Result<Option<InboxRecord>, ReadError> {
        on!(self, s => s.inbox(number).await)
    }

    /// Stored notifications before a number (`None`: the newest), newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn list_inbox(
        &self,
        allowed: &Merchants,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<InboxRecord>, ReadError> {
        on!(self, s => s.list_inbox(allowed, before, limit).await)
    }
}

/// Reads about jobs, deliveries, endpoints, keys.
impl Store {
    /// A job as it stands.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn job(&self, key: &JobKey) -> Result<Option<Job>, ReadError> {
        on!(self, s => s.job(key).await)
    }

    /// Jobs as they stand, in no order; who has none is left out.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn jobs(&self, keys: &[JobKey]) -> Result<Vec<Job>, ReadError> {
        on!(self, s => s.jobs(keys).await)
    }

    /// Every lane that has jobs, with its earliest due time.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn lanes(&self) -> Result<Vec<LaneDue>, ReadError> {
        on!(self, s => s.lanes().await)
    }

    /// Every lane that has a job due by `now`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn lanes_due(&self, now: Timestamp) -> Result<Vec<LaneDue>, ReadError> {
        let mut lanes = self.lanes().await?;
        lanes.retain(|lane| lane.due_at <= now);
        Ok(lanes)
    }

    /// The earliest due time of all jobs.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn next_due(&self) -> Result<Option<Timestamp>, ReadError> {
        Ok(self
            .lanes()
            .await?
            .into_iter()
            .map(|lane| lane.due_at)
            .min())
    }

    /// A delivery.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, ReadError> {
        on!(self, s => s.delivery(id).await)
    }

    /// Deliveries to an endpoint before an id (`None`: the newest), newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn list_deliveries(
        &self,
        endpoint: &EndpointId,
        before: Option<&DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>, ReadError> {
        on!(self, s => s.list_deliveries(endpoint, before, limit).await)
    }

    /// An endpoint.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn endpoint(&self, id: &EndpointId) -> Result<Option<Endpoint>, ReadError> {
        on!(self, s => s.endpoint(id).await)
    }

    /// All endpoints.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>, ReadError> {
        on!(self, s => s.endpoints().await)
    }

    /// The key with this SHA-256, revoked or not.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, ReadError> {
        on!(self, s => s.api_key_by_hash(hash).await)
    }

    /// All keys, revoked ones too.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, ReadError> {
        on!(self, s => s.api_keys().await)
    }
}
