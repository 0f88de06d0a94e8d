//! temporary
#![allow(unused_variables)]
use jiff::Timestamp;
use tokio::sync::watch;
use tuikuan_domain::{OrderRef, Payment, PaymentId, Refund, RefundId};
use tuikuan_terms::{MchId, OutRefundNo, OutTradeNo, SubMchId, TransactionId, WechatRefundId};
use crate::*;
#[derive(Debug, Clone)]
/// SQLite.
pub struct Sqlite;
impl Sqlite {
    pub(crate) fn open(file: &str, options: &Options) -> Result<Self, OpenError> { todo!() }
    pub(crate) fn fatal(&self, ) -> watch::Receiver<Option<Fatal>> { todo!() }
    pub(crate) fn jobs_changed(&self, ) -> watch::Receiver<u64> { todo!() }
    pub(crate) fn events_changed(&self, ) -> watch::Receiver<i64> { todo!() }
    pub(crate) async fn limit_pages(&self, pages_max: Option<u32>) -> Result<(), CommitError> { todo!() }
    pub(crate) async fn commit(&self, change: Change) -> Result<Committed, CommitError> { todo!() }
    pub(crate) fn commit_now(&self, change: Change) -> Result<Committed, CommitError> { todo!() }
    pub(crate) async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, CommitError> { todo!() }
    pub(crate) async fn release(&self, release: Release) -> Result<(), CommitError> { todo!() }
    pub(crate) async fn forward(&self, refund: RefundId, now: Timestamp) -> Result<(), CommitError> { todo!() }
    pub(crate) async fn finish_delivery(&self, report: DeliveryReport) -> Result<(), CommitError> { todo!() }
    pub(crate) async fn redeliver(&self, id: DeliveryId, now: Timestamp) -> Result<(), CommitError> { todo!() }
    pub(crate) async fn administer(&self, change: AdminChange) -> Result<(), CommitError> { todo!() }
    pub(crate) async fn touch_key(&self, id: KeyId, now: Timestamp) -> Result<(), CommitError> { todo!() }
    pub(crate) async fn settle_inbox(&self, number: i64, outcome: String) -> Result<(), CommitError> { todo!() }
    pub(crate) async fn prune(&self, before: Timestamp) -> Result<u64, CommitError> { todo!() }
    pub(crate) fn refund(&self, id: &RefundId) -> Result<Option<Refund>, ReadError> { todo!() }
    pub(crate) fn refund_by_number(&self, mch_id: &MchId,
        number: &OutRefundNo,) -> Result<Option<Refund>, ReadError> { todo!() }
    pub(crate) fn refund_by_wechat_id(&self, mch_id: &MchId,
        id: &WechatRefundId,) -> Result<Option<Refund>, ReadError> { todo!() }
    pub(crate) fn refund_and_payment(&self, id: &RefundId) -> Result<Situation, ReadError> { todo!() }
    pub(crate) fn situation(&self, mch_id: &MchId,
        sub_mch_id: Option<&SubMchId>,
        number: &OutRefundNo,
        order: &OrderRef,) -> Result<Situation, ReadError> { todo!() }
    pub(crate) fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, ReadError> { todo!() }
    pub(crate) fn payment_by_trade_no(&self, mch_id: &MchId,
        sub_mch_id: Option<&SubMchId>,
        number: &OutTradeNo,) -> Result<Option<Payment>, ReadError> { todo!() }
    pub(crate) fn payment_by_transaction(&self, mch_id: &MchId,
        id: &TransactionId,) -> Result<Option<Payment>, ReadError> { todo!() }
    pub(crate) fn refunds_of(&self, payment: &PaymentId) -> Result<Vec<Refund>, ReadError> { todo!() }
    pub(crate) async fn list_refunds(&self, filter: RefundFilter) -> Result<Page<Refund>, ReadError> { todo!() }
    pub(crate) fn counts(&self, ) -> Result<Vec<StatusCount>, ReadError> { todo!() }
    pub(crate) async fn stuck(&self, overdue: Timestamp, limit: u32) -> Result<Vec<Stuck>, ReadError> { todo!() }
    pub(crate) fn events_of(&self, refund: &RefundId,
        after: i64,
        limit: u32,) -> Result<Vec<StoredEvent>, ReadError> { todo!() }
    pub(crate) fn events_after(&self, position: i64,
        allowed: &Merchants,
        limit: u32,) -> Result<(Vec<StoredEvent>, i64), ReadError> { todo!() }
    pub(crate) fn attempts_of(&self, refund: &RefundId) -> Result<Vec<Attempt>, ReadError> { todo!() }
    pub(crate) fn exchanges_of(&self, refund: &RefundId) -> Result<Vec<StoredExchange>, ReadError> { todo!() }
    pub(crate) async fn verify_history(&self, refund: RefundId,) -> Result<Result<i64, HistoryFault>, ReadError> { todo!() }
    pub(crate) async fn verify_audit(&self, ) -> Result<Result<i64, AuditFault>, ReadError> { todo!() }
    pub(crate) fn audit_after(&self, number: i64, limit: u32) -> Result<Vec<AuditEntry>, ReadError> { todo!() }
    pub(crate) fn inbox(&self, number: i64) -> Result<Option<InboxRecord>, ReadError> { todo!() }
    pub(crate) fn list_inbox(&self, allowed: &Merchants,
        before: Option<i64>,
        limit: u32,) -> Result<Vec<InboxRecord>, ReadError> { todo!() }
    pub(crate) fn job(&self, key: &JobKey) -> Result<Option<Job>, ReadError> { todo!() }
    pub(crate) fn lanes(&self, ) -> Result<Vec<LaneDue>, ReadError> { todo!() }
    pub(crate) fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, ReadError> { todo!() }
    pub(crate) fn list_deliveries(&self, endpoint: &EndpointId,
        before: Option<&DeliveryId>,
        limit: u32,) -> Result<Vec<Delivery>, ReadError> { todo!() }
    pub(crate) fn endpoint(&self, id: &EndpointId) -> Result<Option<Endpoint>, ReadError> { todo!() }
    pub(crate) fn endpoints(&self, ) -> Result<Vec<Endpoint>, ReadError> { todo!() }
    pub(crate) fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, ReadError> { todo!() }
    pub(crate) fn api_keys(&self, ) -> Result<Vec<ApiKey>, ReadError> { todo!() }
}
