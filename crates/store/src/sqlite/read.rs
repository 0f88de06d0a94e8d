//! Point reads and short lists, each on the connection it is given.

use rusqlite::{Connection, Params, params};
use tuikuan_domain::{OrderRef, Payment, PaymentId, Refund, RefundId};
use tuikuan_terms::{MchId, OutRefundNo, OutTradeNo, SubMchId, TransactionId, WechatRefundId};

use crate::admin::{ApiKey, AuditEntry, Endpoint};
use crate::delivery::Delivery;
use crate::error::ReadError;
use crate::ids::{DeliveryId, EndpointId};
use crate::job::{Job, JobKey, LaneDue, PARKED};
use crate::records::{Attempt, InboxRecord, Situation, StatusCount, StoredEvent, StoredExchange};
use crate::rows::{self, Row, event_columns, inbox_columns, payment_columns, refund_columns};
use crate::seal::DataKey;
use crate::select::{EVENTS_MAX, LIST_MAX, Merchants};

type Read<T> = Result<T, ReadError>;

pub(super) fn one<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    row: impl FnOnce(Row<'_>) -> Read<T>,
) -> Read<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params)?;
    found
        .next()?
        .map(|found| row(Row::Sqlite(found)))
        .transpose()
}

pub(super) fn many<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut row: impl FnMut(Row<'_>) -> Read<T>,
) -> Read<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params)?;
    let mut list = Vec::new();
    while let Some(next) = found.next()? {
        list.push(row(Row::Sqlite(next))?);
    }
    Ok(list)
}

pub(super) fn refund(c: &Connection, id: &RefundId) -> Read<Option<Refund>> {
    const SQL: &str = concat!(
        "SELECT ",
        refund_columns!(),
        " FROM refunds r WHERE r.id = ?1"
    );
    one(c, SQL, [id.as_str()], rows::refund)
}

pub(super) fn refund_by_number(
    c: &Connection,
    mch_id: &MchId,
    number: &OutRefundNo,
) -> Read<Option<Refund>> {
    const SQL: &str = concat!(
        "SELECT ",
        refund_columns!(),
        " FROM refunds r WHERE r.out_refund_no = ?1 AND r.mch_id = ?2"
    );
    one(c, SQL, [number.as_str(), mch_id.as_str()], rows::refund)
}

pub(super) fn refund_by_wechat_id(
    c: &Connection,
    mch_id: &MchId,
    id: &WechatRefundId,
) -> Read<Option<Refund>> {
    const SQL: &str = concat!(
        "SELECT ",
        refund_columns!(),
        " FROM refunds r WHERE r.refund_id = ?1 AND r.mch_id = ?2"
    );
    one(c, SQL, [id.as_str(), mch_id.as_str()], rows::refund)
}

pub(super) fn refund_and_payment(c: &Connection, id: &RefundId) -> Read<Situation> {
    at_one_instant(c, |c| with_payment(c, refund(c, id)?))
}

/// Several reads of one state: a commit between two of them would show a refund beside sums that do
/// not hold it, or hold it twice.
pub(super) fn at_one_instant<T>(
    c: &Connection,
    read: impl FnOnce(&Connection) -> Read<T>,
) -> Read<T> {
    let snapshot = c.unchecked_transaction()?;
    let seen = read(&snapshot)?;
    snapshot.commit()?;
    Ok(seen)
}

pub(super) fn looked_up(
    c: &Connection,
    (mch_id, sub_mch_id): (&MchId, Option<&SubMchId>),
    number: &OutRefundNo,
    order: &OrderRef,
) -> Read<Situation> {
    if let Some(refund) = refund_by_number(c, mch_id, number)? {
        return with_payment(c, Some(refund));
    }
    let by_trade_no = match &order.out_trade_no {
        Some(trade_no) => payment_by_trade_no(c, mch_id, sub_mch_id, trade_no)?,
        None => None,
    };
    let payment = match (&by_trade_no, &order.transaction_id) {
        (None, Some(id)) => payment_by_transaction(c, mch_id, id)?,
        (Some(_), _) | (None, None) => by_trade_no,
    };
    Ok(Situation {
        refund: None,
        payment,
    })
}

fn with_payment(c: &Connection, refund: Option<Refund>) -> Read<Situation> {
    let payment_id = refund.as_ref().and_then(|r| r.payment_id.as_ref());
    let payment = match payment_id {
        Some(id) => payment(c, id)?,
        None => None,
    };
    Ok(Situation { refund, payment })
}

pub(super) fn payment(c: &Connection, id: &PaymentId) -> Read<Option<Payment>> {
    const SQL: &str = concat!(
        "SELECT ",
        payment_columns!(),
        " FROM payments p WHERE p.id = ?1"
    );
    one(c, SQL, [id.as_str()], rows::payment)
}

pub(super) fn payment_by_trade_no(
    c: &Connection,
    mch_id: &MchId,
    sub_mch_id: Option<&SubMchId>,
    number: &OutTradeNo,
) -> Read<Option<Payment>> {
    const SQL: &str = concat!(
        "SELECT ",
        payment_columns!(),
        " FROM payments p WHERE p.out_trade_no = ?1 AND p.mch_id = ?2 AND p.sub_mch_id = ?3"
    );
    let sub_mch_id = sub_mch_id.map_or("", |id| id.as_str());
    let key = [number.as_str(), mch_id.as_str(), sub_mch_id];
    one(c, SQL, key, rows::payment)
}

pub(super) fn payment_by_transaction(
    c: &Connection,
    mch_id: &MchId,
    id: &TransactionId,
) -> Read<Option<Payment>> {
    const SQL: &str = concat!(
        "SELECT ",
        payment_columns!(),
        " FROM payments p WHERE p.transaction_id = ?1 AND p.mch_id = ?2"
    );
    one(c, SQL, [id.as_str(), mch_id.as_str()], rows::payment)
}

pub(super) fn refunds_of(c: &Connection, payment: &PaymentId) -> Read<Vec<Refund>> {
    const SQL: &str = concat!(
        "SELECT ",
        refund_columns!(),
        " FROM refunds r WHERE r.payment_id = ?1 ORDER BY r.created_at, r.id LIMIT ?2"
    );
    many(c, SQL, params![payment.as_str(), LIST_MAX], rows::refund)
}

pub(super) fn counts(c: &Connection) -> Read<Vec<StatusCount>> {
    let sql = "SELECT merchant, status, refunds FROM status_counts WHERE refunds > 0
               ORDER BY merchant, status";
    many(c, sql, [], rows::status_count)
}

pub(super) fn events_of(
    c: &Connection,
    refund: &RefundId,
    after: i64,
    limit: u32,
) -> Read<Vec<StoredEvent>> {
    const SQL: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events e JOIN refunds r ON r.id = e.refund_id
          WHERE e.refund_id = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3"
    );
    let limit = limit.min(EVENTS_MAX);
    many(c, SQL, params![refund.as_str(), after, limit], rows::event)
}

pub(super) fn events_after(
    c: &Connection,
    position: i64,
    allowed: &Merchants,
    limit: u32,
) -> Read<(Vec<StoredEvent>, i64)> {
    const SQL: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events e JOIN refunds r ON r.id = e.refund_id
          WHERE e.position > ?1 ORDER BY e.position LIMIT ?2"
    );
    let mut events = many(
        c,
        SQL,
        params![position, limit.min(EVENTS_MAX)],
        rows::event,
    )?;
    let reached = events.last().map_or(position, |event| event.position);
    events.retain(|event| allowed.allows(&event.merchant));
    Ok((events, reached))
}

pub(super) fn attempts_of(c: &Connection, refund: &RefundId) -> Read<Vec<Attempt>> {
    let sql = "SELECT attempt, fence, begun_at, ended_at, outcome FROM attempts
               WHERE refund_id = ?1 ORDER BY attempt LIMIT ?2";
    many(c, sql, params![refund.as_str(), EVENTS_MAX], rows::attempt)
}

pub(super) fn exchanges_of(c: &Connection, refund: &RefundId) -> Read<Vec<StoredExchange>> {
    let sql = "SELECT number, refund_id, kind, attempt, at, elapsed_ms, request, reply, status
               FROM exchanges WHERE refund_id = ?1 ORDER BY number DESC LIMIT ?2";
    many(c, sql, params![refund.as_str(), LIST_MAX], rows::exchange)
}

pub(super) fn audit_after(c: &Connection, number: i64, limit: u32) -> Read<Vec<AuditEntry>> {
    let sql = "SELECT number, at, actor, action, subject, detail, hash FROM audit
               WHERE number > ?1 ORDER BY number LIMIT ?2";
    many(c, sql, params![number, limit.min(EVENTS_MAX)], rows::audit)
}

pub(super) fn inbox(c: &Connection, number: i64) -> Read<Option<InboxRecord>> {
    const SQL: &str = concat!("SELECT ", inbox_columns!(), " FROM inbox WHERE number = ?1");
    one(c, SQL, [number], rows::inbox)
}

pub(super) fn list_inbox(
    c: &Connection,
    allowed: &Merchants,
    before: Option<i64>,
    limit: u32,
) -> Read<Vec<InboxRecord>> {
    const SQL: &str = concat!(
        "SELECT ",
        inbox_columns!(),
        " FROM inbox
          WHERE number < ?1 AND (?2 IS NULL OR merchant IN (SELECT value FROM json_each(?2)))
          ORDER BY number DESC LIMIT ?3"
    );
    let names = allowed.names();
    let names = names.map(|names| serde_json::json!(names).to_string());
    let before = before.unwrap_or(i64::MAX);
    many(
        c,
        SQL,
        params![before, names, limit.min(LIST_MAX)],
        rows::inbox,
    )
}

pub(super) fn job(c: &Connection, key: &JobKey) -> Read<Option<Job>> {
    let sql =
        "SELECT lane, step, due_at, leased, claimed_at FROM jobs WHERE key = ?1 AND due_at < ?2";
    let values = params![key.to_string(), PARKED];
    one(c, sql, values, |row| rows::job(row, key))
}

pub(super) fn jobs(c: &Connection, keys: &[JobKey]) -> Read<Vec<Job>> {
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        found.extend(job(c, key)?);
    }
    Ok(found)
}

pub(super) fn lanes(c: &Connection) -> Read<Vec<LaneDue>> {
    // Jumps from lane to lane in the index, however many jobs stand in each.
    let sql = "WITH RECURSIVE l(lane) AS (
                   SELECT min(lane) FROM jobs
                   UNION ALL
                   SELECT (SELECT min(lane) FROM jobs WHERE lane > l.lane) FROM l
                   WHERE l.lane IS NOT NULL)
               SELECT lane, (SELECT min(due_at) FROM jobs j WHERE j.lane = l.lane) AS due
               FROM l WHERE lane IS NOT NULL";
    let lanes = many(c, sql, [], rows::lane)?;
    Ok(lanes.into_iter().flatten().collect())
}

pub(super) fn delivery(c: &Connection, id: &DeliveryId) -> Read<Option<Delivery>> {
    let sql = "SELECT d.id, d.endpoint_id, d.refund_id, d.seq, d.event_type, d.body, d.status,
                      d.attempts, d.last_status, d.last_error, d.created_at, d.delivered_at,
                      j.due_at
               FROM deliveries d LEFT JOIN jobs j ON j.key = 'delivery:' || d.id
               WHERE d.id = ?1";
    one(c, sql, [id.as_str()], rows::delivery)
}

pub(super) fn list_deliveries(
    c: &Connection,
    endpoint: &EndpointId,
    before: Option<&DeliveryId>,
    limit: u32,
) -> Read<Vec<Delivery>> {
    let sql = "SELECT d.id, d.endpoint_id, d.refund_id, d.seq, d.event_type, d.body, d.status,
                      d.attempts, d.last_status, d.last_error, d.created_at, d.delivered_at,
                      j.due_at
               FROM deliveries d LEFT JOIN jobs j ON j.key = 'delivery:' || d.id
               WHERE d.endpoint_id = ?1 AND d.id < ?2 ORDER BY d.id DESC LIMIT ?3";
    // Greater than every id.
    let before = before.map_or("~", |id| id.as_str());
    let limit = limit.min(LIST_MAX);
    many(
        c,
        sql,
        params![endpoint.as_str(), before, limit],
        rows::delivery,
    )
}

pub(super) fn endpoint(c: &Connection, key: &DataKey, id: &EndpointId) -> Read<Option<Endpoint>> {
    let sql =
        "SELECT id, merchant, url, secret, enabled, disabled_reason, failing_since, created_at
               FROM endpoints WHERE id = ?1 AND deleted_at IS NULL";
    one(c, sql, [id.as_str()], |row| rows::endpoint(row, key))
}

pub(super) fn endpoints(c: &Connection, key: &DataKey) -> Read<Vec<Endpoint>> {
    let sql =
        "SELECT id, merchant, url, secret, enabled, disabled_reason, failing_since, created_at
               FROM endpoints WHERE deleted_at IS NULL ORDER BY id";
    many(c, sql, [], |row| rows::endpoint(row, key))
}

pub(super) fn api_key_by_hash(c: &Connection, hash: &[u8; 32]) -> Read<Option<ApiKey>> {
    let sql = "SELECT id, name, hash, owner, role, scope, created_at, created_by,
                      last_used_at, expires_at, revoked_at FROM api_keys WHERE hash = ?1";
    one(c, sql, [hash], rows::api_key)
}

pub(super) fn api_keys(c: &Connection) -> Read<Vec<ApiKey>> {
    let sql = "SELECT id, name, hash, owner, role, scope, created_at, created_by,
                      last_used_at, expires_at, revoked_at FROM api_keys ORDER BY created_at, id";
    many(c, sql, [], rows::api_key)
}
