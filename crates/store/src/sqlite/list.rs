//! Lists of refunds, the list of what is stuck, and the proof of histories.
//!
//! A list walks the newest refunds of each merchant in an index and merges: no merchant's many
//! refunds stand between another's few.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use tuikuan_domain::{MerchantName, Refund, RefundId, Status};

use crate::chain::{History, HistoryFault};
use crate::error::ReadError;
use crate::job::PARKED;
use crate::records::Stuck;
use crate::rows::{self, refund_columns};
use crate::select::{Attention, EVENTS_MAX, LIST_MAX, Merchants, Page, RefundFilter};
use crate::sqlite::read::{events_of, many, one, refund};

type Read<T> = Result<T, ReadError>;

/// Lines read at a time while a chain is verified.
const VERIFY_STEP: u32 = 500;

pub(super) fn refunds(c: &Connection, filter: &RefundFilter) -> Read<Page<Refund>> {
    let limit = filter.limit.clamp(1, LIST_MAX);
    let mut found = Vec::new();
    for merchant in merchants_of(c, filter.merchant.as_ref(), &filter.allowed)? {
        found.extend(of_merchant(c, filter, &merchant, limit.saturating_add(1))?);
    }
    Ok(Page::newest(found, limit))
}

/// The merchants whose rows a list walks.
pub(super) fn merchants_of(
    c: &Connection,
    merchant: Option<&MerchantName>,
    allowed: &Merchants,
) -> Read<Vec<MerchantName>> {
    match (merchant, allowed) {
        (Some(one), allowed) if allowed.allows(one) => Ok(vec![one.clone()]),
        (Some(_), _) => Ok(Vec::new()),
        (None, Merchants::Only(names)) => Ok(names.clone()),
        (None, Merchants::All) => {
            let sql = "SELECT DISTINCT merchant FROM status_counts";
            many(c, sql, [], rows::merchant_name)
        }
    }
}

const HEAD: &str = concat!("SELECT ", refund_columns!(), " FROM refunds r WHERE ");
const WALK: &str = "r.merchant = ?1";
/// By a number, the index of the number is the way in.
const PICK: &str = "+r.merchant = ?1";
const RANGE: &str = " AND (r.created_at, r.id) < (?2, ?3) AND r.created_at >= ?4
    AND (?5 IS NULL OR r.status = ?5)";
const NUMBER: &str = " AND r.out_refund_no = ?6";
const NO_NUMBER: &str = " AND ?6 IS NULL";
const ORDER_NO: &str = " AND r.id IN (
    SELECT o.id FROM payments p JOIN refunds o ON o.payment_id = p.id WHERE p.out_trade_no = ?7
    UNION ALL
    SELECT o.id FROM refunds o WHERE o.payment_id IS NULL AND o.out_trade_no = ?7)";
const NO_ORDER_NO: &str = " AND ?7 IS NULL";
const NEEDED: &str = " AND r.attention IS NOT NULL";
const NOT_NEEDED: &str = " AND r.attention IS NULL";
/// These repeat the conditions of partial indexes, so that the indexes are used.
const OPEN: &str = " AND r.ended_at IS NULL";
const FAILED: &str = " AND r.ended_at IS NOT NULL AND r.status <> 'succeeded'";
const TAIL: &str = " ORDER BY r.created_at DESC, r.id DESC LIMIT ?8";

fn of_merchant(
    c: &Connection,
    filter: &RefundFilter,
    merchant: &MerchantName,
    limit: u32,
) -> Read<Vec<Refund>> {
    let numbered = filter.out_refund_no.is_some() || filter.out_trade_no.is_some();
    let mut sql = String::from(HEAD);
    sql.push_str(if numbered { PICK } else { WALK });
    sql.push_str(RANGE);
    sql.push_str(match &filter.out_refund_no {
        Some(_) => NUMBER,
        None => NO_NUMBER,
    });
    sql.push_str(match &filter.out_trade_no {
        Some(_) => ORDER_NO,
        None => NO_ORDER_NO,
    });
    sql.push_str(match filter.attention {
        Attention::Any => "",
        Attention::Needed => NEEDED,
        Attention::NotNeeded => NOT_NEEDED,
    });
    sql.push_str(match filter.status {
        Some(status) if !status.is_end() => OPEN,
        Some(Status::Succeeded) | None => "",
        Some(_) => FAILED,
    });
    sql.push_str(TAIL);
    let (created_to, id_to) = filter.upper_end();
    let created_from = filter
        .created_from
        .map_or(i64::MIN, Timestamp::as_microsecond);
    let values = params![
        merchant.as_str(),
        created_to,
        id_to,
        created_from,
        filter.status.map(Status::as_str),
        filter.out_refund_no.as_ref().map(|no| no.as_str()),
        filter.out_trade_no.as_ref().map(|no| no.as_str()),
        limit,
    ];
    many(c, &sql, values, rows::refund)
}

pub(super) fn stuck(c: &Connection, overdue: Timestamp, limit: u32) -> Read<Vec<Stuck>> {
    let sql = "SELECT r.id, r.status, j.due_at
               FROM refunds r INDEXED BY refunds_open
               LEFT JOIN jobs j ON j.key = 'refund:' || r.id AND j.due_at < ?2
               WHERE r.ended_at IS NULL AND r.attention IS NULL
                 AND (j.key IS NULL OR j.due_at < ?1)
               LIMIT ?3";
    let values = params![overdue.as_microsecond(), PARKED, limit.min(LIST_MAX)];
    many(c, sql, values, rows::stuck)
}

pub(super) fn refund_ids_after(
    c: &Connection,
    after: Option<&RefundId>,
    limit: u32,
) -> Read<Vec<RefundId>> {
    let sql = "SELECT id FROM refunds WHERE id > ?1 ORDER BY id LIMIT ?2";
    let after = after.map_or("", |id| id.as_str());
    let values = params![after, limit.min(EVENTS_MAX)];
    many(c, sql, values, rows::refund_id)
}

/// Recomputes a refund's chain and folds its events.
pub(super) fn verify_history(c: &Connection, id: &RefundId) -> Read<Result<i64, HistoryFault>> {
    let Some(record) = refund(c, id)? else {
        let refund_id = id.clone();
        return Ok(Err(HistoryFault::NoRefund { refund_id }));
    };
    let head = one(
        c,
        "SELECT history_head FROM refunds WHERE id = ?1",
        [id.as_str()],
        |row| row.get::<[u8; 32]>(0),
    )?;
    let mut history = History::new();
    loop {
        let events = match events_of(c, id, history.last(), VERIFY_STEP) {
            // The one that cannot be read is found one by one.
            Err(ReadError::Corrupt { .. }) => match events_of(c, id, history.last(), 1) {
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
