//! The list of notifications: each merchant's newest in an index, merged.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use tuikuan_domain::MerchantName;

use crate::error::ReadError;
use crate::inbox::{InboxFilter, Settled};
use crate::records::InboxRecord;
use crate::rows::{self, inbox_columns};
use crate::select::LIST_MAX;
use crate::sqlite::list::merchants_of;
use crate::sqlite::read::many;

type Read<T> = Result<T, ReadError>;

/// What most notifications come to; the others stand in an index of their own.
const USUAL: [&str; 3] = ["applied", "hint", "payment"];

const HEAD: &str = concat!("SELECT ", inbox_columns!(), " FROM inbox WHERE ");
const RANGE: &str = "merchant = ?1 AND (received_at, number) < (?2, ?3) AND received_at >= ?4
    AND (?5 IS NULL OR outcome IN (SELECT value FROM json_each(?5)))";
/// Repeats the condition of a partial index, so that the index is used.
const ODD: &str = " AND outcome NOT IN ('applied', 'hint', 'payment')";
const UNSETTLED: &str = " AND NOT EXISTS (SELECT 1 FROM care k
    WHERE k.subject = 'notification:' || number AND k.settled_at IS NOT NULL)";
const TAIL: &str = " ORDER BY received_at DESC, number DESC LIMIT ?6";

pub(super) fn notifications(c: &Connection, filter: &InboxFilter) -> Read<Vec<InboxRecord>> {
    let limit = filter.limit.clamp(1, LIST_MAX);
    let mut found = Vec::new();
    for merchant in merchants_of(c, filter.merchant.as_ref(), &filter.allowed)? {
        found.extend(of_merchant(c, filter, &merchant, limit)?);
    }
    let place = |row: &InboxRecord| (row.entry.received_at, row.number);
    found.sort_by_key(|row| std::cmp::Reverse(place(row)));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

fn of_merchant(
    c: &Connection,
    filter: &InboxFilter,
    merchant: &MerchantName,
    limit: u32,
) -> Read<Vec<InboxRecord>> {
    let mut sql = String::from(HEAD);
    sql.push_str(RANGE);
    let odd = |outcome: &&str| !USUAL.contains(outcome);
    if !filter.outcomes.is_empty() && filter.outcomes.iter().all(odd) {
        sql.push_str(ODD);
    }
    if filter.settled == Settled::Hidden {
        sql.push_str(UNSETTLED);
    }
    sql.push_str(TAIL);
    let outcomes = match filter.outcomes.as_slice() {
        [] => None,
        some => Some(serde_json::json!(some).to_string()),
    };
    let end = filter.to.map_or(i64::MAX, Timestamp::as_microsecond);
    let (to, number) = match filter.after {
        Some(cursor) if cursor.received_at.as_microsecond() < end => {
            (cursor.received_at.as_microsecond(), cursor.number)
        }
        Some(_) | None => (end, 0),
    };
    let from = filter.from.map_or(i64::MIN, Timestamp::as_microsecond);
    let values = params![merchant.as_str(), to, number, from, outcomes, limit];
    many(c, &sql, values, rows::inbox)
}
