//! The search over refunds. A page has one way in, an index that stands in the order of time; what
//! the index does not answer is compared row by row, within a bound. All merchants are walked by one
//! statement, each in the index, so a page costs two or three round trips however many they are.

use tuikuan_domain::{MerchantName, Refund, Source, Status};

use crate::error::ReadError;
use crate::postgres::Postgres;
use crate::postgres::reads::{Typed, text, texts, truth, whole};
use crate::rows::{self, refund_columns};
use crate::search::plan::Plan;
use crate::search::stretch::{Moment, Stretch};
use crate::search::way::{Key, Way};
use crate::search::{Found, NumberText, Place, RefundSearch};
use crate::select::Attention;

mod candidates;
#[cfg(test)]
mod plans;
mod way;

use candidates::Candidates;
use way::source;

type Read<T> = Result<T, ReadError>;

const HEAD: &str = concat!("SELECT ", refund_columns!(), " FROM ");
/// Each merchant by itself: only so does the index give the order.
const EACH: &str = "unnest($1::TEXT[]) AS m (merchant) CROSS JOIN LATERAL (";
const OLDER: &str = " AND (r.created_at, r.id) < ($2, $3) AND (r.created_at, r.id) >= ($4, $5)";
const NEWER: &str = " AND (r.created_at, r.id) <= ($2, $3) AND (r.created_at, r.id) > ($4, $5)";
const NEWEST_FIRST: &str = " ORDER BY r.created_at DESC, r.id DESC";
const OLDEST_FIRST: &str = " ORDER BY r.created_at, r.id";
const REST: &str = " AND ($7 IS NULL OR r.status = $7) AND ($8 IS NULL OR r.origin = $8)
    AND ($9 IS NULL OR r.error_code = $9) AND r.amount BETWEEN $10 AND $11
    AND ($12 IS NULL OR (r.out_refund_no >= $12 AND r.out_refund_no < $13)
        OR (r.out_trade_no >= $12 AND r.out_trade_no < $13))
    AND ($14 IS NULL OR (r.attention IS NOT NULL) = $14)";

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

/// The rows of a page.
fn rows_sql(way: Way, stretch: &Stretch) -> String {
    let (rows, range, order) = (source(way), range(stretch), order(stretch));
    match way {
        Way::Picked => [HEAD, rows, range, REST, order, " LIMIT $15"].concat(),
        _ => {
            let tail = " LIMIT $15) r";
            [
                HEAD,
                EACH,
                "SELECT r.* FROM ",
                rows,
                range,
                REST,
                order,
                tail,
            ]
            .concat()
        }
    }
}

/// For each merchant, the last row that a page may look at and the one behind it.
fn end_sql(way: Way, stretch: &Stretch) -> String {
    let head = "SELECT m.merchant, r.created_at, r.id FROM ";
    let key = "SELECT r.created_at, r.id FROM ";
    let (range, order) = (range(stretch), order(stretch));
    let tail = " LIMIT 2 OFFSET $7) r";
    [head, EACH, key, source(way), range, order, tail].concat()
}

impl Postgres {
    pub(crate) async fn search_refunds(&self, search: RefundSearch) -> Read<Found> {
        let merchants = self
            .merchants_of(search.merchant.as_ref(), &search.allowed)
            .await?;
        if merchants.is_empty() || self.nobody_stands_there(&search, &merchants).await? {
            return Ok(Found::default());
        }
        let (way, picked) = match &search.number {
            Some(number) => match self.by_number(number).await? {
                Candidates::Few(ids) => (Way::Picked, Some(ids)),
                Candidates::Many => (Way::of(&search), None),
            },
            None if self.by_amount(&search, &merchants).await? => (Way::Amounts, None),
            None => (Way::of(&search), None),
        };
        let plan = Plan {
            search: &search,
            way,
            merchants,
            picked,
        };
        let found = self.search_page(&plan).await?;
        if plan.ended_at_the_newest(&found) {
            let newest = RefundSearch {
                place: Place::Newest,
                ..search.clone()
            };
            let plan = Plan {
                search: &newest,
                ..plan
            };
            return self.search_page(&plan).await;
        }
        Ok(found)
    }

    /// Whether the counters know that no refund stands in the wanted status.
    async fn nobody_stands_there(
        &self,
        search: &RefundSearch,
        merchants: &[MerchantName],
    ) -> Read<bool> {
        let Some(status) = search.status else {
            return Ok(false);
        };
        let sql = "SELECT coalesce(sum(refunds), 0)::BIGINT FROM status_counts
                   WHERE status = $1 AND merchant = ANY ($2)";
        let (status, names) = (status.as_str(), names(merchants));
        let standing = self.one(sql, &[&status, &names], |row| row.get(0)).await?;
        Ok(standing.unwrap_or(0i64) == 0)
    }

    async fn search_page(&self, plan: &Plan<'_>) -> Read<Found> {
        let mut stretch = Stretch::of(plan.search);
        let bound = self.search_bound(plan, &stretch).await?;
        if let Some(reached) = &bound {
            stretch.end_at(reached);
        }
        let items = self.searched(plan, &stretch).await?;
        plan.page(items, bound, &stretch)
    }

    /// How far the page may look, where its own length does not bound it: the last row that is
    /// looked at, the same for all merchants.
    async fn search_bound(&self, plan: &Plan<'_>, stretch: &Stretch) -> Read<Option<Moment>> {
        let Some(share) = plan.share() else {
            return Ok(None);
        };
        let names = names(&plan.merchants);
        let before = i64::from(share.saturating_sub(1));
        let key = plan.way.key(plan.search);
        let values = [
            texts(&names),
            whole(&stretch.high.0),
            text(&stretch.high.1),
            whole(&stretch.low.0),
            text(&stretch.low.1),
            keyed(&key),
            whole(&before),
        ];
        let sql = end_sql(plan.way, stretch);
        let ends = self.planned(&sql, &values, |row| {
            Ok((row.get::<String>(0)?, (row.get(1)?, row.get(2)?)))
        });
        let mut bound: Option<Moment> = None;
        // A merchant has an end only where something is behind it.
        for pair in ends.await?.windows(2) {
            let [(merchant, last), (same, _behind)] = pair else {
                continue;
            };
            if merchant == same {
                bound = Some(match bound {
                    Some(known) => stretch.nearer(known, last.clone()),
                    None => last.clone(),
                });
            }
        }
        Ok(bound)
    }

    async fn searched(&self, plan: &Plan<'_>, stretch: &Stretch) -> Read<Vec<Refund>> {
        let search = plan.search;
        let number = plan.number();
        let names = names(&plan.merchants);
        let key = plan.way.key(search);
        let (status, origin) = (
            search.status.map(Status::as_str),
            search.origin.map(Source::as_str),
        );
        let least = search.amount_from.map_or(0, |fen| fen.get());
        let most = search.amount_to.map_or(i64::MAX, |fen| fen.get());
        let (begins, ends) = (number.map(NumberText::as_str), number.map(NumberText::end));
        let needed = match search.attention {
            Attention::Any => None,
            Attention::Needed => Some(true),
            Attention::NotNeeded => Some(false),
        };
        let limit = i64::from(plan.limit().saturating_add(1));
        let values = [
            texts(&names),
            whole(&stretch.high.0),
            text(&stretch.high.1),
            whole(&stretch.low.0),
            text(&stretch.low.1),
            match &plan.picked {
                Some(ids) => texts(ids),
                None => keyed(&key),
            },
            text(&status),
            text(&origin),
            text(&search.error_code),
            whole(&least),
            whole(&most),
            text(&begins),
            text(&ends),
            truth(&needed),
            whole(&limit),
        ];
        let sql = rows_sql(plan.way, stretch);
        self.planned(&sql, &values, rows::refund).await
    }
}

/// What the index is asked for; a way that asks for nothing leaves the value aside.
fn keyed<'a>(key: &'a Key<'_>) -> Typed<'a> {
    match key {
        Key::None => text(&None::<&str>),
        Key::Whole(amount) => whole(amount),
        Key::Text(value) => text(value),
    }
}

fn names(merchants: &[MerchantName]) -> Vec<&str> {
    merchants.iter().map(|name| name.as_str()).collect()
}
