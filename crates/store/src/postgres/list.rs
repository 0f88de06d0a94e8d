//! Lists of refunds, the list of what is stuck, and the proof of histories.
//!
//! A list walks the newest refunds of each merchant in an index and merges: no merchant's many
//! refunds stand between another's few. One statement does it for all of them.

use jiff::Timestamp;
use tuikuan_domain::{MerchantName, Refund, RefundId, Status};

use crate::chain::{History, HistoryFault};
use crate::error::ReadError;
use crate::job::PARKED;
use crate::postgres::Postgres;
use crate::postgres::read::{EVENTS_OF, REFUND};
use crate::postgres::reads::{Snapshot, text, texts, whole};
use crate::records::{StoredEvent, Stuck};
use crate::rows::{self, refund_columns};
use crate::select::{Attention, EVENTS_MAX, LIST_MAX, Merchants, Page, RefundFilter};

type Read<T> = Result<T, ReadError>;

/// Lines read at a time while a chain is verified.
const VERIFY_STEP: i64 = 500;

const HEAD: &str = concat!("SELECT ", refund_columns!(), " FROM ");
const WALK: &str = "unnest($1::TEXT[]) AS m (merchant) CROSS JOIN LATERAL (
    SELECT r.* FROM refunds r WHERE r.merchant = m.merchant";
const WALKED: &str = ") r";
/// By a number, the index of the number is the way in, and none answers for the merchant.
const PICK: &str = "refunds r WHERE r.merchant || '' = ANY ($1)";
const RANGE: &str = " AND (r.created_at, r.id) < ($2, $3) AND r.created_at >= $4
    AND ($5 IS NULL OR r.status = $5)";
const NUMBER: &str = " AND r.out_refund_no = $6";
const ORDER_NO: &str = " AND r.id IN (
    SELECT o.id FROM payments p JOIN refunds o ON o.payment_id = p.id WHERE p.out_trade_no = $7
    UNION ALL
    SELECT o.id FROM refunds o WHERE o.payment_id IS NULL AND o.out_trade_no = $7)";
const NEEDED: &str = " AND r.attention IS NOT NULL";
const NOT_NEEDED: &str = " AND r.attention IS NULL";
/// These repeat the conditions of partial indexes, so that the indexes are used.
const OPEN: &str = " AND r.ended_at IS NULL";
const FAILED: &str = " AND r.status IN ('settled_offline', 'closed', 'rejected', 'cancelled')";
const TAIL: &str = " ORDER BY r.created_at DESC, r.id DESC LIMIT $8";

impl Postgres {
    pub(crate) async fn list_refunds(&self, filter: RefundFilter) -> Read<Page<Refund>> {
        let limit = filter.limit.clamp(1, LIST_MAX);
        let merchants = self
            .merchants_of(filter.merchant.as_ref(), &filter.allowed)
            .await?;
        let names: Vec<&str> = merchants.iter().map(|name| name.as_str()).collect();
        let (created_to, id_to) = filter.upper_end();
        let created_from = filter
            .created_from
            .map_or(i64::MIN, Timestamp::as_microsecond);
        let status = filter.status.map(Status::as_str);
        let number = filter.out_refund_no.as_ref().map(|no| no.as_str());
        let order_no = filter.out_trade_no.as_ref().map(|no| no.as_str());
        let rows = i64::from(limit.saturating_add(1));
        let values = [
            texts(&names),
            whole(&created_to),
            text(&id_to),
            whole(&created_from),
            text(&status),
            text(&number),
            text(&order_no),
            whole(&rows),
        ];
        let sql = refunds_sql(&filter);
        let found = self.planned(&sql, &values, rows::refund).await?;
        Ok(Page::newest(found, limit))
    }

    /// The merchants whose rows a list walks.
    pub(super) async fn merchants_of(
        &self,
        merchant: Option<&MerchantName>,
        allowed: &Merchants,
    ) -> Read<Vec<MerchantName>> {
        match (merchant, allowed) {
            (Some(one), allowed) if allowed.allows(one) => Ok(vec![one.clone()]),
            (Some(_), _) => Ok(Vec::new()),
            (None, Merchants::Only(names)) => Ok(names.clone()),
            (None, Merchants::All) => {
                let sql = "SELECT DISTINCT merchant FROM status_counts";
                self.many(sql, &[], rows::merchant_name).await
            }
        }
    }

    /// Goes through the open refunds, which are few beside all of them, and ends at the limit.
    pub(crate) async fn stuck(&self, overdue: Timestamp, limit: u32) -> Read<Vec<Stuck>> {
        let sql = "SELECT r.id, r.status, j.due_at
                   FROM refunds r
                   LEFT JOIN jobs j ON j.key = 'refund:' || r.id AND j.due_at < $2
                   WHERE r.ended_at IS NULL AND r.attention IS NULL
                     AND (j.key IS NULL OR j.due_at < $1)
                   LIMIT $3";
        let overdue = overdue.as_microsecond();
        let limit = i64::from(limit.min(LIST_MAX));
        let values = [whole(&overdue), whole(&PARKED), whole(&limit)];
        self.planned(sql, &values, rows::stuck).await
    }

    pub(crate) async fn refund_ids_after(
        &self,
        after: Option<RefundId>,
        limit: u32,
    ) -> Read<Vec<RefundId>> {
        let sql = "SELECT id FROM refunds WHERE id > $1 ORDER BY id LIMIT $2";
        let after = after.as_ref().map_or("", |id| id.as_str());
        let limit = i64::from(limit.min(EVENTS_MAX));
        self.many(sql, &[&after, &limit], rows::refund_id).await
    }

    /// Recomputes a refund's chain and folds its events, all as they stand at one instant.
    pub(crate) async fn verify_history(&self, refund: RefundId) -> Read<Result<i64, HistoryFault>> {
        self.at_one_instant(|seen| {
            let refund = refund.clone();
            Box::pin(async move { verified(seen, refund).await })
        })
        .await
    }
}

fn refunds_sql(filter: &RefundFilter) -> String {
    let numbered = filter.out_refund_no.is_some() || filter.out_trade_no.is_some();
    [
        HEAD,
        if numbered { PICK } else { WALK },
        RANGE,
        filter.out_refund_no.as_ref().map_or("", |_| NUMBER),
        filter.out_trade_no.as_ref().map_or("", |_| ORDER_NO),
        match filter.attention {
            Attention::Any => "",
            Attention::Needed => NEEDED,
            Attention::NotNeeded => NOT_NEEDED,
        },
        match filter.status {
            Some(status) if !status.is_end() => OPEN,
            Some(Status::Succeeded) | None => "",
            Some(_) => FAILED,
        },
        TAIL,
        if numbered { "" } else { WALKED },
    ]
    .concat()
}

async fn verified(seen: &Snapshot<'_>, id: RefundId) -> Read<Result<i64, HistoryFault>> {
    let found = seen.one(REFUND, &[&id.as_str()], rows::refund).await?;
    let Some(record) = found else {
        return Ok(Err(HistoryFault::NoRefund { refund_id: id }));
    };
    let sql = "SELECT history_head FROM refunds WHERE id = $1";
    let head = seen.one(sql, &[&id.as_str()], |row| row.get(0)).await?;
    let mut history = History::new();
    loop {
        let events = match events(seen, &id, (history.last(), VERIFY_STEP)).await {
            // The one that cannot be read is found one by one.
            Err(ReadError::Corrupt { .. }) => match events(seen, &id, (history.last(), 1)).await {
                Err(ReadError::Corrupt { .. }) => return Ok(Err(history.altered())),
                one => one?,
            },
            step => step?,
        };
        if events.is_empty() {
            return Ok(history.close(&record, head));
        }
        for event in events {
            if let Err(fault) = history.take(event) {
                return Ok(Err(fault));
            }
        }
    }
}

async fn events(
    seen: &Snapshot<'_>,
    id: &RefundId,
    (after, limit): (i64, i64),
) -> Read<Vec<StoredEvent>> {
    seen.many(EVENTS_OF, &[&id.as_str(), &after, &limit], rows::event)
        .await
}
