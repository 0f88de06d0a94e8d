//! The search over refunds. A page has one way in, an index that stands in the order of time; what
//! the index does not answer is compared row by row, within a bound. Few candidates (by a number, in
//! a narrow range of amounts) are picked one by one instead.

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use tuikuan_domain::{MerchantName, Refund, Source, Status};

use super::list::merchants_of;
use super::read::{many, one};
use crate::error::ReadError;
use crate::rows::{self, refund_columns};
use crate::search::{Found, NumberText, Place, RefundSearch};
use crate::select::{Attention, Cursor, LIST_MAX};
use crate::sqlite::Sqlite;

mod candidates;
#[cfg(test)]
mod plans;
mod way;

use candidates::{Candidates, by_amount, by_number};
use way::Way;

type Read<T> = Result<T, ReadError>;

/// Rows that one page looks at, of all merchants together.
const LOOKED_MAX: u32 = 8_000;

/// Of each merchant at least so many.
const LOOKED_MIN: u32 = 100;

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

/// A moment in the order of refunds.
type Moment = (i64, String);

/// What a page walks: from where to where, in which direction.
#[derive(Debug, Clone)]
struct Stretch {
    high: Moment,
    low: Moment,
    back: bool,
}

impl Stretch {
    fn of(search: &RefundSearch) -> Self {
        let micros = |time: Option<Timestamp>, none| time.map_or(none, Timestamp::as_microsecond);
        let mut high = (micros(search.created_to, i64::MAX), String::new());
        let mut low = (micros(search.created_from, i64::MIN), String::new());
        match &search.place {
            Place::Newest => {}
            Place::Older(cursor) => high = high.min(moment(cursor)),
            Place::Newer(cursor) => low = low.max(moment(cursor)),
        }
        let back = !matches!(search.place, Place::Newer(_));
        Self { high, low, back }
    }

    const fn range(&self) -> &'static str {
        if self.back { OLDER } else { NEWER }
    }

    const fn order(&self) -> &'static str {
        if self.back {
            NEWEST_FIRST
        } else {
            OLDEST_FIRST
        }
    }
}

fn moment(cursor: &Cursor) -> Moment {
    (cursor.created_at.as_microsecond(), cursor.id.to_string())
}

fn cursor_of(refund: &Refund) -> Cursor {
    Cursor {
        created_at: refund.created_at,
        id: refund.id.clone(),
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
    let page = Page {
        search,
        way,
        merchants,
        picked,
    };
    let found = page.read(c)?;
    // Going forward ended at the newest one: then the page of the newest is what is wanted.
    let short = u32::try_from(found.items.len()).unwrap_or(u32::MAX) < page.limit();
    if matches!(search.place, Place::Newer(_)) && short && found.newer.is_none() {
        let newest = RefundSearch {
            place: Place::Newest,
            ..search.clone()
        };
        return Page {
            search: &newest,
            ..page
        }
        .read(c);
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
    let standing: i64 = one(c, sql, values, |row| Ok(row.get(0)?))?.unwrap_or(0);
    Ok(standing == 0)
}

fn names_json(names: &[MerchantName]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    serde_json::json!(names).to_string()
}

/// The rows of a page.
fn rows_sql(way: Way, stretch: &Stretch) -> String {
    let (range, order) = (stretch.range(), stretch.order());
    [HEAD, way.condition(), range, REST, order, " LIMIT ?15"].concat()
}

/// The last row that a page may look at, and the one behind it.
fn end_sql(way: Way, stretch: &Stretch) -> String {
    let head = "SELECT r.created_at, r.id FROM refunds r ";
    let (range, order) = (stretch.range(), stretch.order());
    [head, way.condition(), range, order, " LIMIT 2 OFFSET ?7"].concat()
}

/// One page in the making.
struct Page<'a> {
    search: &'a RefundSearch,
    way: Way,
    merchants: Vec<MerchantName>,
    picked: Option<Vec<String>>,
}

impl Page<'_> {
    fn limit(&self) -> u32 {
        self.search.limit.clamp(1, LIST_MAX)
    }

    fn read(&self, c: &Connection) -> Read<Found> {
        let mut stretch = Stretch::of(self.search);
        let bound = self.bound(c, &stretch)?;
        if let Some(reached) = &bound {
            if stretch.back {
                stretch.low = reached.clone();
            } else {
                stretch.high = reached.clone();
            }
        }
        let mut items = Vec::new();
        if let Some(ids) = &self.picked {
            let names = names_json(&self.merchants);
            let ids = Value::Text(serde_json::json!(ids).to_string());
            items = self.rows(c, &names, &ids, &stretch)?;
        } else {
            for merchant in &self.merchants {
                let key = self.way.key(self.search);
                items.extend(self.rows(c, merchant.as_str(), &key, &stretch)?);
            }
        }
        self.page(items, bound, &stretch)
    }

    /// How far the page may look, where its own length does not bound it: the last row that is
    /// looked at, the same for all merchants.
    fn bound(&self, c: &Connection, stretch: &Stretch) -> Read<Option<Moment>> {
        let few = matches!(self.way, Way::Picked | Way::Amounts);
        if few || self.way.answers(self.search) {
            return Ok(None);
        }
        let merchants = u32::try_from(self.merchants.len())
            .unwrap_or(u32::MAX)
            .max(1);
        let share = (LOOKED_MAX / merchants).max(LOOKED_MIN);
        let sql = end_sql(self.way, stretch);
        let mut bound: Option<Moment> = None;
        for merchant in &self.merchants {
            let values = params![
                merchant.as_str(),
                stretch.high.0,
                stretch.high.1,
                stretch.low.0,
                stretch.low.1,
                self.way.key(self.search),
                share.saturating_sub(1),
            ];
            let ends = many(c, &sql, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
            if let [last, _behind] = ends.as_slice() {
                let nearer = |known: Moment| {
                    if stretch.back {
                        known.max(last.clone())
                    } else {
                        known.min(last.clone())
                    }
                };
                bound = Some(bound.map_or_else(|| last.clone(), nearer));
            }
        }
        Ok(bound)
    }

    fn rows(
        &self,
        c: &Connection,
        merchant: &str,
        key: &Value,
        stretch: &Stretch,
    ) -> Read<Vec<Refund>> {
        let sql = rows_sql(self.way, stretch);
        let search = self.search;
        // By a number that few have, the candidates have it in another place than these two.
        let number = search.number.as_ref().filter(|_| self.picked.is_none());
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
            self.limit().saturating_add(1),
        ];
        many(c, &sql, values, rows::refund)
    }

    fn page(
        &self,
        mut items: Vec<Refund>,
        bound: Option<Moment>,
        stretch: &Stretch,
    ) -> Read<Found> {
        items.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        if !stretch.back {
            items.reverse();
        }
        let limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().map(cursor_of);
        let reached = match bound.filter(|_| !more) {
            Some(moment) => Some(cursor_at(moment)?),
            None => None,
        };
        let on = if more { last } else { reached.clone() };
        if !stretch.back {
            items.reverse();
        }
        let turned = matches!(self.search.place, Place::Older(_));
        let first = items.first().map(cursor_of).filter(|_| turned);
        let last = items.last().map(cursor_of);
        let (newer, older) = if stretch.back {
            (first, on)
        } else {
            (on, last)
        };
        Ok(Found {
            items,
            newer,
            older,
            reached: reached.map(|cursor| cursor.created_at),
        })
    }
}

fn cursor_at((at, id): Moment) -> Read<Cursor> {
    let corrupt = || ReadError::Corrupt { what: "refund" };
    Ok(Cursor {
        created_at: Timestamp::from_microsecond(at).map_err(|_foreign| corrupt())?,
        id: id.parse().map_err(|_foreign| corrupt())?,
    })
}

impl Sqlite {
    pub(crate) async fn search_refunds(&self, wanted: RefundSearch) -> Result<Found, ReadError> {
        self.read_aside(move |c| search(c, &wanted)).await
    }
}
