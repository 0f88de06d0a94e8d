//! Lists of refunds, the list of what is stuck, and the proof of histories.
//!
//! A list walks the newest refunds of each merchant in an index and merges: no merchant's many
//! refunds stand between another's few.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use tuikuan_domain::refund::replay;
use tuikuan_domain::{MerchantName, Refund, RefundId, Status};

use crate::chain::{BEGINNING, HistoryFault, Link};
use crate::error::ReadError;
use crate::job::PARKED;
use crate::records::{StoredEvent, Stuck};
use crate::rows::{self, refund_columns};
use crate::select::{Attention, Cursor, LIST_MAX, Merchants, Page, RefundFilter};
use crate::sqlite::read::{events_of, many, one, refund};

type Read<T> = Result<T, ReadError>;

/// Ids given at once.
const IDS_MAX: u32 = 1000;

/// Lines read at a time while a chain is verified.
const VERIFY_STEP: u32 = 500;

pub(super) fn refunds(c: &Connection, filter: &RefundFilter) -> Read<Page<Refund>> {
    let limit = filter.limit.clamp(1, LIST_MAX);
    let mut found = Vec::new();
    for merchant in merchants_of(c, filter.merchant.as_ref(), &filter.allowed)? {
        found.extend(of_merchant(c, filter, &merchant, limit.saturating_add(1))?);
    }
    found.sort_by(|a: &Refund, b: &Refund| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| Cursor {
        created_at: last.created_at,
        id: last.id.clone(),
    });
    Ok(Page { items: found, next })
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
            many(c, sql, [], |row| {
                let name: String = row.get(0)?;
                let corrupt = |_| ReadError::Corrupt { what: "counter" };
                name.parse().map_err(corrupt)
            })
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
const FAILED: &str = " AND r.status IN ('settled_offline', 'closed', 'rejected', 'cancelled')";
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
    let (created_to, id_to) = upper_end(filter);
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

/// Where the page begins: the cursor, or the end of the period, whichever is earlier.
fn upper_end(filter: &RefundFilter) -> (i64, &str) {
    let end = filter
        .created_to
        .map_or(i64::MAX, Timestamp::as_microsecond);
    match &filter.after {
        Some(cursor) if cursor.created_at.as_microsecond() < end => {
            (cursor.created_at.as_microsecond(), cursor.id.as_str())
        }
        Some(_) | None => (end, ""),
    }
}

pub(super) fn stuck(c: &Connection, overdue: Timestamp, limit: u32) -> Read<Vec<Stuck>> {
    let sql = "SELECT r.id, r.status, j.due_at
               FROM refunds r INDEXED BY refunds_open
               LEFT JOIN jobs j ON j.key = 'refund:' || r.id AND j.due_at < ?2
               WHERE r.ended_at IS NULL AND r.attention IS NULL
                 AND (j.key IS NULL OR j.due_at < ?1)
               LIMIT ?3";
    let values = params![overdue.as_microsecond(), PARKED, limit.min(LIST_MAX)];
    many(c, sql, values, |row| {
        let (id, status): (String, String) = (row.get(0)?, row.get(1)?);
        let due: Option<i64> = row.get(2)?;
        let corrupt = || ReadError::Corrupt { what: "refund" };
        Ok(Stuck {
            refund_id: id.parse().map_err(|_foreign| corrupt())?,
            status: Status::parse(&status).ok_or_else(corrupt)?,
            due_at: match due {
                Some(due) => Some(Timestamp::from_microsecond(due).map_err(|_foreign| corrupt())?),
                None => None,
            },
        })
    })
}

pub(super) fn refund_ids_after(
    c: &Connection,
    after: Option<&RefundId>,
    limit: u32,
) -> Read<Vec<RefundId>> {
    let sql = "SELECT id FROM refunds WHERE id > ?1 ORDER BY id LIMIT ?2";
    let after = after.map_or("", |id| id.as_str());
    many(c, sql, params![after, limit.min(IDS_MAX)], |row| {
        let corrupt = |_| ReadError::Corrupt { what: "refund" };
        row.get::<String>(0)?.parse().map_err(corrupt)
    })
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
        |row| Ok(row.get::<[u8; 32]>(0)?),
    )?;
    let mut previous = BEGINNING;
    let mut last = 0;
    let mut history = Vec::new();
    loop {
        let events = match events_of(c, id, last, VERIFY_STEP) {
            // The one that cannot be read is found one by one.
            Err(ReadError::Corrupt { .. }) => match events_of(c, id, last, 1) {
                Err(ReadError::Corrupt { .. }) => {
                    let seq = last + 1;
                    return Ok(Err(HistoryFault::Altered { seq }));
                }
                one => one?,
            },
            step => step?,
        };
        if events.is_empty() {
            break;
        }
        for event in events {
            let expected = last + 1;
            if event.seq != expected {
                let found = event.seq;
                return Ok(Err(HistoryFault::Gap { expected, found }));
            }
            previous = event_hash(&previous, &event);
            if previous != event.hash {
                return Ok(Err(HistoryFault::Altered { seq: expected }));
            }
            last = expected;
            history.push(event);
        }
    }
    let version = record.version;
    if last != version || head != Some(previous) {
        return Ok(Err(HistoryFault::Cut { last, version }));
    }
    let events: Option<Vec<_>> = history.iter().map(StoredEvent::to_event).collect();
    let folded = events.and_then(|events| replay(&record, &events).ok());
    if folded.as_ref() != Some(&record) {
        return Ok(Err(HistoryFault::RecordDiffers));
    }
    Ok(Ok(last))
}

fn event_hash(previous: &[u8; 32], event: &StoredEvent) -> [u8; 32] {
    // What was read is written again as it was: the text of details is canonical.
    let detail = serde_json::to_string(&event.detail).unwrap_or_default();
    Link::after(previous)
        .text(event.refund_id.as_str())
        .number(event.seq)
        .text(event.kind.type_name())
        .text(event.status.map_or("", Status::as_str))
        .number(event.at.as_microsecond())
        .text(event.source.as_str())
        .text(&detail)
        .close()
}
