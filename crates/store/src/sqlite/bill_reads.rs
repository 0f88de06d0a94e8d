//! Reading bills and differences.

use jiff::civil::Date;
use rusqlite::{Connection, params};
use tuikuan_domain::reconcile::{
    BillKind, Class, DAY_S, DayState, DifferenceState, Healing, LineState, Repair, starts_at,
};
use tuikuan_domain::{DifferenceId, MerchantName, RefundId, Status};

use crate::bill::{
    Bill, BillDay, Difference, DifferenceCount, DifferenceFilter, DifferencePage, Facts, OpenDay,
    SentCursor, SentRefund, Sums,
};
use crate::error::ReadError;
use crate::job::PARKED;
use crate::rows::{Columns, Row};
use crate::select::{LIST_MAX, Merchants};
use crate::sqlite::Sqlite;
use crate::sqlite::read::{many, one};

type Read<T> = Result<T, ReadError>;

/// Refunds that one step of a walk looks at.
const SENT_STEP: u32 = 10_000;
/// A refund that was sent within this time after it was made is found by when it was made; the
/// condition of the index `refunds_sent_late` says the same.
const PROMPT_US: i64 = 3_600_000_000;

macro_rules! bill_columns {
    () => {
        "b.merchant, b.day, b.kind, b.state, b.tries, b.error, b.wanted_at, b.tried_at, \
         b.fetched_at, b.hash, b.lines, b.matched, b.payments, b.payments_fen, b.refunds, \
         b.refunds_fen, b.fees, b.fees_returned, \
         (SELECT j.due_at FROM jobs j \
          WHERE j.key = 'bill:' || b.kind || ':' || b.day || ':' || b.merchant AND j.due_at < "
    };
}

macro_rules! difference_columns {
    () => {
        "d.id, d.merchant, d.mch_id, d.day, d.out_refund_no, d.repetition, d.class, d.state, \
         d.repair, d.healing, d.note, d.settled_by, d.found_at, d.settled_at, d.refund_id, \
         d.our_amount, d.our_status, d.bill_amount, d.bill_state, d.wechat_refund_id, \
         d.transaction_id, d.out_trade_no, d.accepted_at"
    };
}

impl Sqlite {
    pub(crate) async fn bill_day(&self, bill: Bill) -> Read<Option<BillDay>> {
        const SQL: &str = concat!(
            "SELECT ",
            bill_columns!(),
            "?4) FROM bill_days b WHERE b.merchant = ?1 AND b.day = ?2 AND b.kind = ?3"
        );
        self.read_aside(move |c| {
            let key = params![
                bill.merchant.as_str(),
                bill.day.to_string(),
                bill.kind.as_str(),
                PARKED
            ];
            one(c, SQL, key, bill_row)
        })
        .await
    }

    pub(crate) async fn bill_days(
        &self,
        allowed: Merchants,
        merchant: MerchantName,
        (from, to): (Date, Date),
    ) -> Read<Vec<BillDay>> {
        const SQL: &str = concat!(
            "SELECT ",
            bill_columns!(),
            "?4) FROM bill_days b WHERE b.merchant = ?1 AND b.day BETWEEN ?2 AND ?3 \
             ORDER BY b.day, b.kind LIMIT ?5"
        );
        if !allowed.allows(&merchant) {
            return Ok(Vec::new());
        }
        self.read_aside(move |c| {
            let range = params![
                merchant.as_str(),
                from.to_string(),
                to.to_string(),
                PARKED,
                LIST_MAX
            ];
            many(c, SQL, range, bill_row)
        })
        .await
    }

    pub(crate) async fn first_bill_day(&self, merchant: MerchantName) -> Read<Option<Date>> {
        self.read_aside(move |c| {
            let sql = "SELECT day FROM bill_days WHERE merchant = ?1 AND by_hand = 0
                       ORDER BY day LIMIT 1";
            one(c, sql, [merchant.as_str()], |row| {
                Columns::of(row, "bill").parsed()
            })
        })
        .await
    }

    pub(crate) async fn differences(&self, filter: DifferenceFilter) -> Read<DifferencePage> {
        if !filter.allowed.allows(&filter.merchant) {
            return Ok(DifferencePage {
                items: Vec::new(),
                next: None,
            });
        }
        self.read_aside(move |c| page(c, &filter)).await
    }

    pub(crate) async fn difference(
        &self,
        allowed: Merchants,
        id: DifferenceId,
    ) -> Read<Option<Difference>> {
        const SQL: &str = concat!(
            "SELECT ",
            difference_columns!(),
            " FROM differences d WHERE d.id = ?1"
        );
        let found = self
            .read_aside(move |c| one(c, SQL, [id.as_str()], difference_row))
            .await?;
        Ok(found.filter(|difference| allowed.allows(&difference.merchant)))
    }

    pub(crate) async fn difference_counts(
        &self,
        allowed: Merchants,
        merchant: MerchantName,
        (from, to): (Date, Date),
    ) -> Read<Vec<DifferenceCount>> {
        if !allowed.allows(&merchant) {
            return Ok(Vec::new());
        }
        self.read_aside(move |c| {
            let sql = "SELECT day, class, state, count(*) FROM differences
                       WHERE merchant = ?1 AND day BETWEEN ?2 AND ?3
                       GROUP BY day, class, state";
            let range = params![merchant.as_str(), from.to_string(), to.to_string()];
            many(c, sql, range, |row| {
                let mut c = Columns::of(row, "difference");
                Ok(DifferenceCount {
                    day: c.parsed()?,
                    class: c.known(Class::parse)?,
                    state: c.known(DifferenceState::parse)?,
                    count: count(c.raw()?),
                })
            })
        })
        .await
    }

    pub(crate) async fn differences_open(&self, allowed: Merchants) -> Read<u64> {
        self.read_aside(move |c| {
            let sql = "SELECT count(*) FROM differences INDEXED BY differences_open
                       WHERE state = 'open'
                         AND (?1 IS NULL OR merchant IN (SELECT value FROM json_each(?1)))";
            let names = match &allowed {
                Merchants::All => None,
                Merchants::Only(names) => {
                    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                    Some(serde_json::json!(names).to_string())
                }
            };
            let found = one(c, sql, params![names], |row| Ok(row.get::<i64>(0)?))?;
            Ok(count(found.unwrap_or(0)))
        })
        .await
    }

    pub(crate) async fn open_days(&self, merchant: MerchantName) -> Read<Vec<OpenDay>> {
        self.read_aside(move |c| {
            let sql = "SELECT day, count(*), min(found_at)
                       FROM differences INDEXED BY differences_open
                       WHERE merchant = ?1 AND state = 'open'
                       GROUP BY day ORDER BY day LIMIT ?2";
            many(c, sql, params![merchant.as_str(), LIST_MAX], |row| {
                let mut c = Columns::of(row, "difference");
                Ok(OpenDay {
                    merchant: merchant.clone(),
                    day: c.parsed()?,
                    count: count(c.raw()?),
                    since: c.time()?,
                })
            })
        })
        .await
    }

    pub(crate) async fn shown_elsewhere(&self, refund: RefundId, day: Date) -> Read<bool> {
        self.read_aside(move |c| {
            let sql = "SELECT 1 FROM differences
                       WHERE refund_id = ?1 AND day <> ?2 AND class = 'late_by_a_day'
                         AND state = 'healed' AND bill_amount IS NOT NULL
                       LIMIT 1";
            let row = params![refund.as_str(), day.to_string()];
            Ok(one(c, sql, row, |_| Ok(()))?.is_some())
        })
        .await
    }

    pub(crate) async fn refunds_sent(
        &self,
        merchant: MerchantName,
        day: Date,
        after: SentCursor,
    ) -> Read<(Vec<SentRefund>, Option<SentCursor>)> {
        self.read_aside(move |c| sent(c, &merchant, day, after))
            .await
    }
}

fn count(found: i64) -> u64 {
    u64::try_from(found).unwrap_or(0)
}

fn page(c: &Connection, filter: &DifferenceFilter) -> Read<DifferencePage> {
    const SQL: &str = concat!(
        "SELECT ",
        difference_columns!(),
        " FROM differences d
          WHERE d.merchant = ?1 AND d.day = ?2 AND d.id > ?3
            AND (?4 IS NULL OR d.class = ?4) AND (?5 IS NULL OR d.state = ?5)
          ORDER BY d.id LIMIT ?6"
    );
    let limit = filter.limit.clamp(1, LIST_MAX);
    let values = params![
        filter.merchant.as_str(),
        filter.day.to_string(),
        filter.after.as_ref().map_or("", DifferenceId::as_str),
        filter.class.map(Class::as_str),
        filter.state.map(DifferenceState::as_str),
        limit.saturating_add(1),
    ];
    let mut items = many(c, SQL, values, difference_row)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.id.clone());
    Ok(DifferencePage { items, next })
}

fn bill_row(row: Row<'_>) -> Read<BillDay> {
    let mut c = Columns::of(row, "bill");
    Ok(BillDay {
        bill: Bill {
            merchant: c.parsed()?,
            day: c.parsed()?,
            kind: c.known(BillKind::parse)?,
        },
        state: c.known(DayState::parse)?,
        tries: c.raw()?,
        error: c.raw()?,
        wanted_at: c.time()?,
        tried_at: c.time_maybe()?,
        fetched_at: c.time_maybe()?,
        hash: c.raw()?,
        sums: Sums {
            lines: count(c.raw()?),
            matched: count(c.raw()?),
            payments: count(c.raw()?),
            payments_fen: c.raw()?,
            refunds: count(c.raw()?),
            refunds_fen: c.raw()?,
            fees: c.raw()?,
            fees_returned: c.raw()?,
        },
        due_at: c.time_maybe()?,
    })
}

fn difference_row(row: Row<'_>) -> Read<Difference> {
    let mut c = Columns::of(row, "difference");
    Ok(Difference {
        id: c.parsed()?,
        merchant: c.parsed()?,
        mch_id: c.parsed()?,
        day: c.parsed()?,
        out_refund_no: c.raw()?,
        repetition: c.raw()?,
        class: c.known(Class::parse)?,
        state: c.known(DifferenceState::parse)?,
        repair: c.known(Repair::parse)?,
        healing: c.known_maybe(Healing::parse)?,
        note: c.raw()?,
        settled_by: c.raw()?,
        found_at: c.time()?,
        settled_at: c.time_maybe()?,
        facts: Facts {
            refund_id: c.parsed_maybe()?,
            our_amount: c.fen_maybe()?,
            our_status: c.known_maybe(Status::parse)?,
            bill_amount: c.fen_maybe()?,
            bill_state: c.known_maybe(LineState::parse)?,
            wechat_refund_id: c.raw()?,
            transaction_id: c.raw()?,
            out_trade_no: c.raw()?,
            accepted_at: c.time_maybe()?,
        },
    })
}

/// What a walk gives of a refund, with its place.
const SENT_PROMPT: &str = "
    SELECT r.created_at, r.id, r.out_refund_no, r.amount, r.status, r.last_attempt_at
    FROM refunds r INDEXED BY refunds_created
    WHERE r.merchant = ?1 AND (r.created_at, r.id) > (?2, ?3) AND r.created_at < ?5
      AND r.last_attempt_at >= ?4 AND r.last_attempt_at < ?5
      AND r.last_attempt_at <= r.created_at + 3600000000
      AND r.refund_id IS NOT NULL AND r.origin NOT IN ('notification', 'bill')
    ORDER BY r.created_at, r.id LIMIT ?6";
const SENT_LATE: &str = "
    SELECT r.last_attempt_at, r.id, r.out_refund_no, r.amount, r.status, r.last_attempt_at
    FROM refunds r INDEXED BY refunds_sent_late
    WHERE r.merchant = ?1 AND r.last_attempt_at >= ?2 AND r.last_attempt_at < ?5
      AND (r.last_attempt_at > ?2 OR r.id > ?3)
      AND r.last_attempt_at >= ?4
      AND r.last_attempt_at > r.created_at + 3600000000
      AND r.refund_id IS NOT NULL AND r.origin NOT IN ('notification', 'bill')
    ORDER BY r.last_attempt_at, r.id LIMIT ?6";

fn sent(
    c: &Connection,
    merchant: &MerchantName,
    day: Date,
    after: SentCursor,
) -> Read<(Vec<SentRefund>, Option<SentCursor>)> {
    let begin = starts_at(day).saturating_mul(1_000_000);
    let end = starts_at(day)
        .saturating_add(DAY_S)
        .saturating_mul(1_000_000);
    let earliest = begin.saturating_sub(PROMPT_US);
    let (sql, (at, id), prompt) = match after {
        SentCursor::Prompt(at, id) if at < earliest => {
            drop(id);
            (SENT_PROMPT, (earliest, String::new()), true)
        }
        SentCursor::Prompt(at, id) => (SENT_PROMPT, (at, id), true),
        SentCursor::Late(at, id) => (SENT_LATE, (at, id), false),
    };
    let values = params![merchant.as_str(), at, id, begin, end, SENT_STEP];
    let mut last = None;
    let found = many(c, sql, values, |row| {
        let mut c = Columns::of(row, "refund");
        last = Some((c.raw::<i64>()?, c.raw::<String>()?));
        Ok(SentRefund {
            out_refund_no: c.raw()?,
            amount: c.fen()?,
            status: c.known(Status::parse)?,
            last_attempt_at: c.time()?,
        })
    })?;
    let full = found.len() >= usize::try_from(SENT_STEP).unwrap_or(usize::MAX);
    let next = match (last.filter(|_| full), prompt) {
        (Some((at, id)), true) => Some(SentCursor::Prompt(at, id)),
        (Some((at, id)), false) => Some(SentCursor::Late(at, id)),
        (None, true) => Some(SentCursor::Late(begin, String::new())),
        (None, false) => None,
    };
    Ok((found, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_and_the_walk_agree_on_what_is_prompt() {
        let migration = include_str!("migrations/V6__reconciliation.sql");
        for sql in [migration, SENT_PROMPT, SENT_LATE] {
            assert!(sql.contains(&format!("created_at + {PROMPT_US}")));
        }
    }
}
