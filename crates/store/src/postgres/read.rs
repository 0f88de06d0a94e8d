//! Point reads and short lists, each one statement and one round trip.

use tuikuan_domain::{Payment, PaymentId, Refund, RefundId};
use tuikuan_terms::{MchId, OutRefundNo, OutTradeNo, SubMchId, TransactionId, WechatRefundId};

use crate::admin::{ApiKey, Endpoint};
use crate::delivery::Delivery;
use crate::error::ReadError;
use crate::ids::{DeliveryId, EndpointId};
use crate::job::{Job, JobKey, LaneDue, PARKED};
use crate::postgres::Postgres;
use crate::records::{Attempt, InboxRecord, Situation, StatusCount, StoredEvent, StoredExchange};
use crate::rows::{self, event_columns, inbox_columns, payment_columns, refund_columns};
use crate::select::{EVENTS_MAX, LIST_MAX, Merchants};

type Read<T> = Result<T, ReadError>;

pub(super) const REFUND: &str = concat!(
    "SELECT ",
    refund_columns!(),
    " FROM refunds r WHERE r.id = $1"
);

pub(super) const EVENTS_OF: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM events e JOIN refunds r ON r.id = e.refund_id
      WHERE e.refund_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3"
);

/// Refunds and payments.
impl Postgres {
    pub(crate) async fn refund(&self, id: &RefundId) -> Read<Option<Refund>> {
        self.one(REFUND, &[&id.as_str()], rows::refund).await
    }

    pub(crate) async fn refund_by_number(
        &self,
        mch_id: &MchId,
        number: &OutRefundNo,
    ) -> Read<Option<Refund>> {
        const SQL: &str = concat!(
            "SELECT ",
            refund_columns!(),
            " FROM refunds r WHERE r.out_refund_no = $1 AND r.mch_id = $2"
        );
        let key = (number.as_str(), mch_id.as_str());
        self.one(SQL, &[&key.0, &key.1], rows::refund).await
    }

    pub(crate) async fn refund_by_wechat_id(
        &self,
        mch_id: &MchId,
        id: &WechatRefundId,
    ) -> Read<Option<Refund>> {
        const SQL: &str = concat!(
            "SELECT ",
            refund_columns!(),
            " FROM refunds r WHERE r.refund_id = $1 AND r.mch_id = $2"
        );
        let key = (id.as_str(), mch_id.as_str());
        self.one(SQL, &[&key.0, &key.1], rows::refund).await
    }

    /// One statement, so one instant: a commit between two would show a refund beside sums that do
    /// not hold it, or hold it twice.
    pub(crate) async fn refund_and_payment(&self, id: &RefundId) -> Read<Situation> {
        const SQL: &str = concat!(
            "SELECT ",
            payment_columns!(),
            ", ",
            refund_columns!(),
            " FROM refunds r LEFT JOIN payments p ON p.id = r.payment_id WHERE r.id = $1"
        );
        let seen = self.one(SQL, &[&id.as_str()], rows::situation).await?;
        Ok(seen.unwrap_or_default())
    }

    pub(crate) async fn payment(&self, id: &PaymentId) -> Read<Option<Payment>> {
        const SQL: &str = concat!(
            "SELECT ",
            payment_columns!(),
            " FROM payments p WHERE p.id = $1"
        );
        self.one(SQL, &[&id.as_str()], rows::payment).await
    }

    pub(crate) async fn payment_by_trade_no(
        &self,
        mch_id: &MchId,
        sub_mch_id: Option<&SubMchId>,
        number: &OutTradeNo,
    ) -> Read<Option<Payment>> {
        const SQL: &str = concat!(
            "SELECT ",
            payment_columns!(),
            " FROM payments p WHERE p.out_trade_no = $1 AND p.mch_id = $2 AND p.sub_mch_id = $3"
        );
        let sub_mch_id = sub_mch_id.map_or("", |id| id.as_str());
        let (number, mch_id) = (number.as_str(), mch_id.as_str());
        self.one(SQL, &[&number, &mch_id, &sub_mch_id], rows::payment)
            .await
    }

    pub(crate) async fn payment_by_transaction(
        &self,
        mch_id: &MchId,
        id: &TransactionId,
    ) -> Read<Option<Payment>> {
        const SQL: &str = concat!(
            "SELECT ",
            payment_columns!(),
            " FROM payments p WHERE p.transaction_id = $1 AND p.mch_id = $2"
        );
        let key = (id.as_str(), mch_id.as_str());
        self.one(SQL, &[&key.0, &key.1], rows::payment).await
    }

    pub(crate) async fn refunds_of(&self, payment: &PaymentId) -> Read<Vec<Refund>> {
        const SQL: &str = concat!(
            "SELECT ",
            refund_columns!(),
            " FROM refunds r WHERE r.payment_id = $1 ORDER BY r.created_at, r.id LIMIT $2"
        );
        let limit = i64::from(LIST_MAX);
        self.many(SQL, &[&payment.as_str(), &limit], rows::refund)
            .await
    }

    pub(crate) async fn counts(&self) -> Read<Vec<StatusCount>> {
        let sql = "SELECT merchant, status, refunds FROM status_counts WHERE refunds > 0
                   ORDER BY merchant, status";
        self.many(sql, &[], rows::status_count).await
    }
}

/// History.
impl Postgres {
    pub(crate) async fn events_of(
        &self,
        refund: &RefundId,
        after: i64,
        limit: u32,
    ) -> Read<Vec<StoredEvent>> {
        let limit = i64::from(limit.min(EVENTS_MAX));
        self.many(EVENTS_OF, &[&refund.as_str(), &after, &limit], rows::event)
            .await
    }

    pub(crate) async fn events_after(
        &self,
        position: i64,
        allowed: &Merchants,
        limit: u32,
    ) -> Read<(Vec<StoredEvent>, i64)> {
        const SQL: &str = concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e JOIN refunds r ON r.id = e.refund_id
              WHERE e.position > $1 ORDER BY e.position LIMIT $2"
        );
        let limit = i64::from(limit.min(EVENTS_MAX));
        let mut events = self.many(SQL, &[&position, &limit], rows::event).await?;
        let reached = events.last().map_or(position, |event| event.position);
        events.retain(|event| allowed.allows(&event.merchant));
        Ok((events, reached))
    }

    pub(crate) async fn attempts_of(&self, refund: &RefundId) -> Read<Vec<Attempt>> {
        let sql = "SELECT attempt, fence, begun_at, ended_at, outcome FROM attempts
                   WHERE refund_id = $1 ORDER BY attempt LIMIT $2";
        let limit = i64::from(EVENTS_MAX);
        self.many(sql, &[&refund.as_str(), &limit], rows::attempt)
            .await
    }

    pub(crate) async fn exchanges_of(&self, refund: &RefundId) -> Read<Vec<StoredExchange>> {
        let sql = "SELECT number, refund_id, kind, attempt, at, elapsed_ms, request, reply, status
                   FROM exchanges WHERE refund_id = $1 ORDER BY number DESC LIMIT $2";
        let limit = i64::from(LIST_MAX);
        self.many(sql, &[&refund.as_str(), &limit], rows::exchange)
            .await
    }

    pub(crate) async fn inbox(&self, number: i64) -> Read<Option<InboxRecord>> {
        const SQL: &str = concat!("SELECT ", inbox_columns!(), " FROM inbox WHERE number = $1");
        self.one(SQL, &[&number], rows::inbox).await
    }

    pub(crate) async fn list_inbox(
        &self,
        allowed: &Merchants,
        before: Option<i64>,
        limit: u32,
    ) -> Read<Vec<InboxRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            inbox_columns!(),
            " FROM inbox
              WHERE number < $1 AND ($2::TEXT[] IS NULL OR merchant = ANY ($2))
              ORDER BY number DESC LIMIT $3"
        );
        let names = allowed.names();
        let before = before.unwrap_or(i64::MAX);
        let limit = i64::from(limit.min(LIST_MAX));
        self.many(SQL, &[&before, &names, &limit], rows::inbox)
            .await
    }
}

/// Jobs, deliveries, endpoints, keys.
impl Postgres {
    pub(crate) async fn job(&self, key: &JobKey) -> Read<Option<Job>> {
        let sql = "SELECT lane, step, due_at, leased, claimed_at FROM jobs
                   WHERE key = $1 AND due_at < $2";
        let values = (key.to_string(), PARKED);
        self.one(sql, &[&values.0, &values.1], |row| rows::job(row, key))
            .await
    }

    /// SQLite asks one by one: it has no way to go there and back.
    pub(crate) async fn jobs(&self, keys: &[JobKey]) -> Read<Vec<Job>> {
        let sql = "SELECT lane, step, due_at, leased, claimed_at, key FROM jobs
                   WHERE key = ANY($1) AND due_at < $2";
        let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        self.many(sql, &[&names, &PARKED], |row| {
            let key = JobKey::parse(&row.get::<String>(5)?);
            rows::job(row, &key.ok_or(ReadError::Corrupt { what: "job" })?)
        })
        .await
    }

    pub(crate) async fn lanes(&self) -> Read<Vec<LaneDue>> {
        // Jumps from lane to lane in the index, however many jobs stand in each.
        let sql = "WITH RECURSIVE l(lane) AS (
                       SELECT min(lane) FROM jobs
                       UNION ALL
                       SELECT (SELECT min(lane) FROM jobs WHERE lane > l.lane) FROM l
                       WHERE l.lane IS NOT NULL)
                   SELECT lane, (SELECT min(due_at) FROM jobs j WHERE j.lane = l.lane) AS due
                   FROM l WHERE lane IS NOT NULL";
        let lanes = self.many(sql, &[], rows::lane).await?;
        Ok(lanes.into_iter().flatten().collect())
    }

    pub(crate) async fn delivery(&self, id: &DeliveryId) -> Read<Option<Delivery>> {
        let sql = "SELECT d.id, d.endpoint_id, d.refund_id, d.seq, d.event_type, d.body, d.status,
                          d.attempts, d.last_status, d.last_error, d.created_at, d.delivered_at,
                          j.due_at
                   FROM deliveries d LEFT JOIN jobs j ON j.key = 'delivery:' || d.id
                   WHERE d.id = $1";
        self.one(sql, &[&id.as_str()], rows::delivery).await
    }

    pub(crate) async fn list_deliveries(
        &self,
        endpoint: &EndpointId,
        before: Option<&DeliveryId>,
        limit: u32,
    ) -> Read<Vec<Delivery>> {
        let sql = "SELECT d.id, d.endpoint_id, d.refund_id, d.seq, d.event_type, d.body, d.status,
                          d.attempts, d.last_status, d.last_error, d.created_at, d.delivered_at,
                          j.due_at
                   FROM deliveries d LEFT JOIN jobs j ON j.key = 'delivery:' || d.id
                   WHERE d.endpoint_id = $1 AND d.id < $2 ORDER BY d.id DESC LIMIT $3";
        // Greater than every id.
        let before = before.map_or("~", |id| id.as_str());
        let limit = i64::from(limit.min(LIST_MAX));
        self.many(sql, &[&endpoint.as_str(), &before, &limit], rows::delivery)
            .await
    }

    pub(crate) async fn endpoint(&self, id: &EndpointId) -> Read<Option<Endpoint>> {
        let sql = "SELECT id, merchant, url, secret, enabled, disabled_reason, failing_since,
                          created_at
                   FROM endpoints WHERE id = $1 AND deleted_at IS NULL";
        let key = &self.0.key;
        self.one(sql, &[&id.as_str()], |row| rows::endpoint(row, key))
            .await
    }

    pub(crate) async fn endpoints(&self) -> Read<Vec<Endpoint>> {
        let sql = "SELECT id, merchant, url, secret, enabled, disabled_reason, failing_since,
                          created_at
                   FROM endpoints WHERE deleted_at IS NULL ORDER BY id";
        let key = &self.0.key;
        self.many(sql, &[], |row| rows::endpoint(row, key)).await
    }

    pub(crate) async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Read<Option<ApiKey>> {
        let sql = "SELECT id, name, hash, owner, role, scope, created_at, created_by,
                          last_used_at, expires_at, revoked_at FROM api_keys WHERE hash = $1";
        self.one(sql, &[&&hash[..]], rows::api_key).await
    }

    pub(crate) async fn api_keys(&self) -> Read<Vec<ApiKey>> {
        let sql = "SELECT id, name, hash, owner, role, scope, created_at, created_by,
                          last_used_at, expires_at, revoked_at FROM api_keys
                   ORDER BY created_at, id";
        self.many(sql, &[], rows::api_key).await
    }
}
