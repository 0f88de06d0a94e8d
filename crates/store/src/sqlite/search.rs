//! The search over refunds. A page has one way in, an index that stands in the order of time; what
//! the index does not answer is compared row by row, within a bound. Few candidates (by a number, in
//! a narrow range of amounts) are picked one by one instead.

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use tuikuan_domain::{MerchantName, Refund, Source, Status};

use super::list::merchants_of;
use super::read::{many, one};
use crate::error::ReadError;
use crate::rows::{self, refund_columns};
use crate::search::plan::Plan;
use crate::search::stretch::{Moment, Stretch};
use crate::search::way::Way;
use crate::search::{Found, NumberText, Place, RefundSearch};
use crate::select::Attention;
use crate::sqlite::Sqlite;

mod candidates;
#[cfg(test)]
mod plans;
mod way;

use candidates::{Candidates, by_amount, by_number};
use way::{condition, key};

type Read<T> = Result<T, ReadError>;

const HEAD: &str = concat!("SELECT ", refund_columns!(), " FROM refunds r ");
const OLDER: &str = " AND (r.created_at, r.id) < (?2, ?3) AND (r.created_at, r.id) >= (?4, ?5)";
const NEWER: &str = " AND (r.created_at, r.id) <= (?2, ?3) AND (r.created_at, r.id) > (?4, ?5)";
const NEWEST_FIRST: &str = " ORDER BY r.created_at DESC, r.id DESC";
const OLDEST_FIRST: &str = " ORDER BY r.created_at, r.id";
const REST: &str = " AND (?7 IS NULL OR r.status = ?7) AND (?8 IS NULL OR r.origin = ?8)
    AND (?9 IS NULL OR r.error_code = ?9) AND r.amount BETWEEN ?10 AND ?11
    AND (?12 IS NULL OR (r.out_refund_no >= ?12 AND r.out_refund_no < ?13)
        OR (r.out_trade_no >= ?12 AND r.out_trade_no < ?13))
    AND (?14 IS NULL OR (r.attention IS NOT NULL) = ?14)";

const fn range(stretch: &Stretch) -> &'static str {
    if stretch.back { OLDER } else { NEWER }
}

const fn order(stretch: &Stretch) -> &'static str {
    if stretch.back {
        NEWEST_FIRST
    } else {
        OLDEST_FIRST
    }
}

/// The pages of [`crate::Store::search_refunds`].
fn search(c: &Connection, search: &RefundSearch) -> Read<Found> {
    let merchants = merchants_of(c, search.merchant.as_ref(), &search.allowed)?;
    if merchants.is_empty() || nobody_stands_there(c, search, &merchants)? {
        return Ok(Found::default());
    }
    let (way, picked) = match &search.number {
        Some(number) => match by_number(c, number)? {
            Candidates::Few(ids) => (Way::Picked, Some(ids)),
            Candidates::Many => (Way::of(search), None),
        },
        None if by_amount(c, search, &merchants)? => (Way::Amounts, None),
        None => (Way::of(search), None),
    };
    let plan = Plan {
        search,
        way,
        merchants,
        picked,
    };
    let found = read(c, &plan)?;
    if plan.ended_at_the_newest(&found) {
        let newest = RefundSearch {
            place: Place::Newest,
            ..search.clone()
        };
        let plan = Plan {
            search: &newest,
            ..plan
        };
        return read(c, &plan);
    }
    Ok(found)
}

/// Whether the counters know that no refund stands in the wanted status.
fn nobody_stands_there(
    c: &Connection,
    search: &RefundSearch,
    merchants: &[MerchantName],
) -> Read<bool> {
    let Some(status) = search.status else {
        return Ok(false);
    };
    let sql = "SELECT coalesce(sum(refunds), 0) FROM status_counts
               WHERE status = ?1 AND merchant IN (SELECT value FROM json_each(?2))";
    let values = params![status.as_str(), names_json(merchants)];
    let standing: i64 = one(c, sql, values, |row| row.get(0))?.unwrap_or(0);
    Ok(standing == 0)
}

fn names_json(names: &[MerchantName]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    serde_json::json!(names).to_string()
}

/// The rows of a page.
fn rows_sql(way: Way, stretch: &Stretch) -> String {
    let (range, order) = (range(stretch), order(stretch));
    [HEAD, condition(way), range, REST, order, " LIMIT ?15"].concat()
}

/// The last row that a page may look at, and the one behind it.
fn end_sql(way: Way, stretch: &Stretch) -> String {
    let head = "SELECT r.created_at, r.id FROM refunds r ";
    let (range, order) = (range(stretch), order(stretch));
    [head, condition(way), range, order, " LIMIT 2 OFFSET ?7"].concat()
}

fn read(c: &Connection, plan: &Plan<'_>) -> Read<Found> {
    let mut stretch = Stretch::of(plan.search);
    let bound = bound(c, plan, &stretch)?;
    if let Some(reached) = &bound {
        stretch.end_at(reached);
    }
    let mut items = Vec::new();
    if let Some(ids) = &plan.picked {
        let names = names_json(&plan.merchants);
        let ids = Value::Text(serde_json::json!(ids).to_string());
        items = refunds(c, plan, (&names, &ids), &stretch)?;
    } else {
        for merchant in &plan.merchants {
            let key = key(plan.way, plan.search);
            items.extend(refunds(c, plan, (merchant.as_str(), &key), &stretch)?);
        }
    }
    plan.page(items, bound, &stretch)
}

/// How far the page may look, where its own length does not bound it: the last row that is looked
/// at, the same for all merchants.
fn bound(c: &Connection, plan: &Plan<'_>, stretch: &Stretch) -> Read<Option<Moment>> {
    let Some(share) = plan.share() else {
        return Ok(None);
    };
    let sql = end_sql(plan.way, stretch);
    let mut bound: Option<Moment> = None;
    for merchant in &plan.merchants {
        let values = params![
            merchant.as_str(),
            stretch.high.0,
            stretch.high.1,
            stretch.low.0,
            stretch.low.1,
            key(plan.way, plan.search),
            share.saturating_sub(1),
        ];
        let ends = many(c, &sql, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let [last, _behind] = ends.as_slice() {
            bound = Some(match bound {
                Some(known) => stretch.nearer(known, last.clone()),
                None => last.clone(),
            });
        }
    }
    Ok(bound)
}

fn refunds(
    c: &Connection,
    plan: &Plan<'_>,
    (merchant, key): (&str, &Value),
    stretch: &Stretch,
) -> Read<Vec<Refund>> {
    let sql = rows_sql(plan.way, stretch);
    let search = plan.search;
    let number = plan.number();
    let values = params![
        merchant,
        stretch.high.0,
        stretch.high.1,
        stretch.low.0,
        stretch.low.1,
        key,
        search.status.map(Status::as_str),
        search.origin.map(Source::as_str),
        search.error_code,
        search.amount_from.map_or(0, |fen| fen.get()),
        search.amount_to.map_or(i64::MAX, |fen| fen.get()),
        number.map(NumberText::as_str),
        number.map(NumberText::end),
        match search.attention {
            Attention::Any => None,
            Attention::Needed => Some(1),
            Attention::NotNeeded => Some(0),
        },
        plan.limit().saturating_add(1),
    ];
    many(c, &sql, values, rows::refund)
}

impl Sqlite {
    pub(crate) async fn search_refunds(&self, wanted: RefundSearch) -> Result<Found, ReadError> {
        self.read_aside(move |c| search(c, &wanted)).await
    }
}
