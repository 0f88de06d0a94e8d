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

const HEAD: &str = concat!("SELECT ", inbox_columns!(), " FROM inbox WHERE ");
const RANGE: &str = "merchant = ?1 AND (received_at, number) < (?2, ?3) AND received_at >= ?4
    AND (?5 IS NULL OR outcome IN (SELECT value FROM json_each(?5)))";
/// Repeats the condition of a partial index, so that the index is used.
const ODD: &str = " AND outcome <> 'applied' AND outcome <> 'hint' AND outcome <> 'payment'";
const UNSETTLED: &str = " AND NOT EXISTS (SELECT 1 FROM care k
    WHERE k.subject = 'notification:' || number AND k.settled_at IS NOT NULL)";
const TAIL: &str = " ORDER BY received_at DESC, number DESC LIMIT ?6";

pub(super) fn notifications(c: &Connection, filter: &InboxFilter) -> Read<Vec<InboxRecord>> {
    let limit = filter.limit.clamp(1, LIST_MAX);
    let mut found = Vec::new();
    for merchant in merchants_of(c, filter.merchant.as_ref(), &filter.allowed)? {
        found.extend(of_merchant(c, filter, &merchant, limit)?);
    }
    Ok(filter.newest(found))
}

fn of_merchant(
    c: &Connection,
    filter: &InboxFilter,
    merchant: &MerchantName,
    limit: u32,
) -> Read<Vec<InboxRecord>> {
    let mut sql = String::from(HEAD);
    sql.push_str(RANGE);
    if filter.all_odd() {
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
    let (to, number) = filter.upper_end();
    let from = filter.from.map_or(i64::MIN, Timestamp::as_microsecond);
    let values = params![merchant.as_str(), to, number, from, outcomes, limit];
    many(c, &sql, values, rows::inbox)
}
