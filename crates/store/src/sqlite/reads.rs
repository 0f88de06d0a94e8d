//! The reads of [`Store`](crate::Store), each on a connection that is free.

use jiff::Timestamp;
use tuikuan_domain::{OrderRef, Payment, PaymentId, Refund, RefundId};
use tuikuan_terms::{MchId, OutRefundNo, OutTradeNo, SubMchId, TransactionId, WechatRefundId};

use super::looks::Look;
use super::{Sqlite, Way, audit, list, read, rules};
use crate::admin::{ApiKey, AuditEntry, Endpoint};
use crate::audit::{AuditFilter, AuditHead, AuditPage};
use crate::chain::{AuditFault, HistoryFault};
use crate::delivery::Delivery;
use crate::error::ReadError;
use crate::ids::{DeliveryId, EndpointId};
use crate::job::{Job, JobKey, LaneDue};
use crate::records::{
    Attempt, InboxRecord, Situation, StatusCount, StoredEvent, StoredExchange, Stuck,
};
use crate::rules::{StoredRules, SubjectUsage};
use crate::select::{Merchants, Page, RefundFilter};
use crate::settings::SettingsVersions;

impl Sqlite {
    pub(crate) async fn refund(&self, id: &RefundId) -> Result<Option<Refund>, ReadError> {
        self.read(|c| read::refund(c, id))
    }

    pub(crate) async fn refund_by_number(
        &self,
        mch_id: &MchId,
        number: &OutRefundNo,
    ) -> Result<Option<Refund>, ReadError> {
        self.read(|c| read::refund_by_number(c, mch_id, number))
    }

    pub(crate) async fn refund_by_wechat_id(
        &self,
        mch_id: &MchId,
        id: &WechatRefundId,
    ) -> Result<Option<Refund>, ReadError> {
        self.read(|c| read::refund_by_wechat_id(c, mch_id, id))
    }

    pub(crate) async fn refund_and_payment(&self, id: &RefundId) -> Result<Situation, ReadError> {
        self.read(|c| read::refund_and_payment(c, id))
    }

    pub(crate) async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, ReadError> {
        self.read(|c| read::payment(c, id))
    }

    pub(crate) async fn payment_by_trade_no(
        &self,
        mch_id: &MchId,
        sub_mch_id: Option<&SubMchId>,
        number: &OutTradeNo,
    ) -> Result<Option<Payment>, ReadError> {
        self.read(|c| read::payment_by_trade_no(c, mch_id, sub_mch_id, number))
    }

    pub(crate) async fn payment_by_transaction(
        &self,
        mch_id: &MchId,
        id: &TransactionId,
    ) -> Result<Option<Payment>, ReadError> {
        self.read(|c| read::payment_by_transaction(c, mch_id, id))
    }

    pub(crate) async fn refunds_of(&self, payment: &PaymentId) -> Result<Vec<Refund>, ReadError> {
        self.read(|c| read::refunds_of(c, payment))
    }

    pub(crate) async fn counts(&self) -> Result<Vec<StatusCount>, ReadError> {
        self.read(read::counts)
    }

    pub(crate) async fn events_of(
        &self,
        refund: &RefundId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, ReadError> {
        self.read(|c| read::events_of(c, refund, after, limit))
    }

    pub(crate) async fn events_after(
        &self,
        position: i64,
        allowed: &Merchants,
        limit: u32,
    ) -> Result<(Vec<StoredEvent>, i64), ReadError> {
        self.read(|c| read::events_after(c, position, allowed, limit))
    }

    pub(crate) async fn attempts_of(&self, refund: &RefundId) -> Result<Vec<Attempt>, ReadError> {
        self.read(|c| read::attempts_of(c, refund))
    }

    pub(crate) async fn exchanges_of(
        &self,
        refund: &RefundId,
    ) -> Result<Vec<StoredExchange>, ReadError> {
        self.read(|c| read::exchanges_of(c, refund))
    }

    pub(crate) async fn audit_after(
        &self,
        number: i64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, ReadError> {
        self.read(|c| read::audit_after(c, number, limit))
    }

    pub(crate) async fn inbox(&self, number: i64) -> Result<Option<InboxRecord>, ReadError> {
        self.read(|c| read::inbox(c, number))
    }

    pub(crate) async fn list_inbox(
        &self,
        allowed: &Merchants,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<InboxRecord>, ReadError> {
        self.read(|c| read::list_inbox(c, allowed, before, limit))
    }

    pub(crate) async fn job(&self, key: &JobKey) -> Result<Option<Job>, ReadError> {
        self.read(|c| read::job(c, key))
    }

    pub(crate) async fn jobs(&self, keys: &[JobKey]) -> Result<Vec<Job>, ReadError> {
        self.read(|c| read::jobs(c, keys))
    }

    pub(crate) async fn lanes(&self) -> Result<Vec<LaneDue>, ReadError> {
        self.read(read::lanes)
    }

    pub(crate) async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, ReadError> {
        self.read(|c| read::delivery(c, id))
    }

    pub(crate) async fn list_deliveries(
        &self,
        endpoint: &EndpointId,
        before: Option<&DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>, ReadError> {
        self.read(|c| read::list_deliveries(c, endpoint, before, limit))
    }

    pub(crate) async fn api_key_by_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<ApiKey>, ReadError> {
        self.read(|c| read::api_key_by_hash(c, hash))
    }

    pub(crate) async fn api_keys(&self) -> Result<Vec<ApiKey>, ReadError> {
        self.read(read::api_keys)
    }

    pub(crate) async fn situation(
        &self,
        mch_id: &MchId,
        sub_mch_id: Option<&SubMchId>,
        number: &OutRefundNo,
        order: &OrderRef,
    ) -> Result<Situation, ReadError> {
        let look = Look {
            mch_id: mch_id.clone(),
            sub_mch_id: sub_mch_id.cloned(),
            number: number.clone(),
            order: order.clone(),
        };
        let Way::Threaded { looks, .. } = &self.0.way else {
            return self.read(|c| look.alone(c));
        };
        let (leader, seen) = looks.join(look.clone());
        if let Some(leader) = leader {
            // Everybody who is about to look does so before this goes on.
            tokio::task::yield_now().await;
            let group = leader.group();
            self.read(|c| group.read(c))?;
        }
        match seen.await {
            Ok(seen) => seen,
            Err(_gone) => self.read(|c| look.alone(c)),
        }
    }

    pub(crate) async fn endpoint(&self, id: &EndpointId) -> Result<Option<Endpoint>, ReadError> {
        self.read(|c| read::endpoint(c, &self.0.key, id))
    }

    pub(crate) async fn endpoints(&self) -> Result<Vec<Endpoint>, ReadError> {
        self.read(|c| read::endpoints(c, &self.0.key))
    }

    pub(crate) async fn list_refunds(
        &self,
        filter: RefundFilter,
    ) -> Result<Page<Refund>, ReadError> {
        self.read_aside(move |c| list::refunds(c, &filter)).await
    }

    pub(crate) async fn stuck(
        &self,
        overdue: Timestamp,
        limit: u32,
    ) -> Result<Vec<Stuck>, ReadError> {
        self.read_aside(move |c| list::stuck(c, overdue, limit))
            .await
    }

    pub(crate) async fn verify_history(
        &self,
        refund: RefundId,
    ) -> Result<Result<i64, HistoryFault>, ReadError> {
        self.read_aside(move |c| list::verify_history(c, &refund))
            .await
    }

    pub(crate) async fn verify_audit(
        &self,
        kept: Option<AuditHead>,
    ) -> Result<Result<AuditHead, AuditFault>, ReadError> {
        self.read_aside(move |c| audit::verify(c, kept.as_ref()))
            .await
    }

    pub(crate) async fn list_audit(&self, filter: AuditFilter) -> Result<AuditPage, ReadError> {
        self.read_aside(move |c| audit::list(c, &filter)).await
    }

    pub(crate) async fn refund_ids_after(
        &self,
        after: Option<RefundId>,
        limit: u32,
    ) -> Result<Vec<RefundId>, ReadError> {
        self.read_aside(move |c| list::refund_ids_after(c, after.as_ref(), limit))
            .await
    }

    #[expect(
        clippy::unused_async,
        reason = "a point read here, a round trip elsewhere"
    )]
    pub(crate) async fn rules(&self) -> Result<Vec<StoredRules>, ReadError> {
        self.read(rules::rules)
    }

    #[expect(
        clippy::unused_async,
        reason = "a point read here, a round trip elsewhere"
    )]
    pub(crate) async fn settings_versions(&self) -> Result<SettingsVersions, ReadError> {
        self.read(rules::settings_versions)
    }

    #[expect(
        clippy::unused_async,
        reason = "a point read here, a round trip elsewhere"
    )]
    pub(crate) async fn usage(
        &self,
        day: &str,
        subjects: &[String],
    ) -> Result<Vec<SubjectUsage>, ReadError> {
        self.read(|c| rules::usage(c, day, subjects))
    }
}
